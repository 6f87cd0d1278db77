//! Which process a container belongs to, so that a later run can tell whether it still lives.

use flowcontrol_base::clock;
use rustix::process::Pid;
use std::fs;

/// A container whose owner lives elsewhere is abandoned after this.
const STRANGER_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// A process, told from later ones with the same id and from those of other machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The machine's boot and process-id space; empty where the system does not tell.
    place: String,
    process: i32,
    /// When the process started, in the kernel's ticks since boot.
    started: u64,
    /// When the container was made, in microseconds since 1970.
    made: i64,
}

impl Owner {
    /// This process, now.
    pub(super) fn this_process() -> Self {
        let process = rustix::process::getpid().as_raw_nonzero().get();
        Self {
            place: place(),
            process,
            started: started(process).unwrap_or(0),
            made: clock::now().micros(),
        }
    }

    /// As a label's value.
    pub(super) fn to_label(&self) -> String {
        format!("{} {} {} {}", self.made, self.process, self.started, self.place)
    }

    /// Reads [`Self::to_label`] back.
    pub(super) fn from_label(label: &str) -> Option<Self> {
        let mut parts = label.splitn(4, ' ');
        Some(Self {
            made: parts.next()?.parse().ok()?,
            process: parts.next()?.parse().ok()?,
            started: parts.next()?.parse().ok()?,
            place: parts.next()?.to_owned(),
        })
    }

    /// Whether the owner is known to be dead. One that cannot be looked at, because it lives on
    /// another machine or in another container, counts as dead after a day.
    pub(super) fn is_gone(&self) -> bool {
        if self.place.is_empty() || self.place != place() {
            return clock::now().micros().saturating_sub(self.made) > STRANGER_MICROS;
        }
        let lives = Pid::from_raw(self.process).is_some_and(|pid| {
            rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
        });
        !lives || started(self.process) != Some(self.started)
    }
}

fn place() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let space = fs::read_link("/proc/self/ns/pid");
    match (boot, space) {
        (Ok(boot), Ok(space)) => format!("{} {}", boot.trim(), space.display()),
        _ => String::new(),
    }
}

fn started(process: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_whitespace();
    // A zombie has ended; its entry only waits for its parent.
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_reads_back() {
        let owner = Owner::this_process();
        assert_eq!(Owner::from_label(&owner.to_label()), Some(owner.clone()));
        assert_eq!(Owner::from_label("hand-made"), None);
        assert!(!owner.is_gone());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_dead_and_those_that_took_their_id_are_told_from_the_living() {
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let process = i32::try_from(child.id()).unwrap();
        child.wait().unwrap();
        let living = Owner::this_process();
        assert!(Owner { process, ..living.clone() }.is_gone());
        assert!(Owner { started: living.started + 1, ..living }.is_gone());
    }

    #[test]
    fn an_owner_elsewhere_has_a_day() {
        let stranger = Owner { place: "another machine".into(), ..Owner::this_process() };
        assert!(!stranger.is_gone());
        assert!(Owner { made: stranger.made - STRANGER_MICROS - 1_000_000, ..stranger }.is_gone());
    }
}
