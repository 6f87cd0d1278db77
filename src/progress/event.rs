//! Progress events for a listener: which step changed, and how.

use std::sync::Arc;

/// Called for every change, on the thread that does the work, so it must return quickly.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// One change of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The step's name.
    pub step: String,
    /// The change.
    pub change: Change,
}

/// The change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The step began, with the number of units of work if known.
    Begun(Option<u64>),
    /// The number of units of work became known.
    Total(u64),
    /// This many more units are done.
    More(u64),
    /// This many units were done by an earlier run.
    Already(u64),
    /// A message about what the step is doing.
    At(String),
    /// The step ended.
    Ended {
        /// Whether it succeeded.
        well: bool,
        /// Its duration, in seconds.
        seconds: f64,
    },
}

#[cfg(test)]
mod tests {
    use super::{Change, Event};
    use crate::progress::Progress;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_listener_hears_every_change_in_order() {
        let heard = Arc::new(Mutex::new(Vec::<Event>::new()));
        let into = Arc::clone(&heard);
        let progress = Progress::events(move |event| into.lock().unwrap().push(event));
        let step = progress.step("replay", None);
        step.total(10);
        step.already(4);
        step.inc(6);
        step.message("orders");
        step.done("10 records");
        drop(progress.step("verify", Some(1)));
        let heard = heard.lock().unwrap();
        let changes: Vec<_> = heard.iter().map(|event| (&*event.step, &event.change)).collect();
        assert_eq!(
            changes[..5],
            [
                ("replay", &Change::Begun(None)),
                ("replay", &Change::Total(10)),
                ("replay", &Change::Already(4)),
                ("replay", &Change::More(6)),
                ("replay", &Change::At("orders".into())),
            ]
        );
        assert!(matches!(changes[5], ("replay", Change::Ended { well: true, .. })));
        assert_eq!(changes[6], ("verify", &Change::Begun(Some(1))));
        assert!(matches!(changes[7], ("verify", Change::Ended { well: false, .. })));
        assert_eq!(changes.len(), 8);
    }
}
