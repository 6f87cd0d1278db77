//! Scripts of faults: what goes wrong, at which call of which operation.
//!
//! As text: `OPERATION:FAULT[=VALUE][@FIRST][*TIMES]`, for example `send:lost`, `close:status=504`,
//! `send:429=30@2`, `session:add=later*forever`.

use crate::fault::Fault;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A fault and when it strikes. `O` names operations; `F` is [`Fault`], or a simulator's own type that
/// holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned<O, F = Fault> {
    /// Where.
    pub operation: O,
    /// What.
    pub fault: F,
    /// Calls of the operation that pass before.
    pub after: u32,
    /// How often it strikes; `None` is for ever.
    pub times: Option<u32>,
}

impl<O, F> Planned<O, F> {
    /// A fault that strikes at the next call, once.
    pub fn next(operation: O, fault: F) -> Self {
        Self { operation, fault, after: 0, times: Some(1) }
    }
}

/// The script in force. Clones share it.
#[derive(Debug)]
pub struct Script<O, F = Fault>(Arc<Mutex<Vec<Planned<O, F>>>>);

impl<O, F> Clone for Script<O, F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<O, F> Default for Script<O, F> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<O: PartialEq + Clone, F: Clone> Script<O, F> {
    /// Adds a fault; of one operation, those planned earlier strike first.
    pub fn plan(&self, planned: Planned<O, F>) {
        self.all().push(planned);
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.all().clear();
    }

    /// What is still to come.
    pub fn planned(&self) -> Vec<Planned<O, F>> {
        self.all().clone()
    }

    /// Counts a call and says what strikes it.
    pub fn strike(&self, operation: &O) -> Option<F> {
        let mut all = self.all();
        let place = all.iter().position(|planned| planned.operation == *operation)?;
        let first = &mut all[place];
        if first.after > 0 {
            first.after -= 1;
            return None;
        }
        let fault = first.fault.clone();
        match &mut first.times {
            Some(0 | 1) => drop(all.remove(place)),
            Some(times) => *times -= 1,
            None => {}
        }
        Some(fault)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Planned<O, F>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O, F> FromStr for Planned<O, F>
where
    O: FromStr<Err: fmt::Display>,
    F: FromStr<Err: fmt::Display>,
{
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write OPERATION:FAULT[=VALUE][@FIRST][*TIMES], for example send:429=30@2";
        let (operation, rest) = text
            .split_once(':')
            .ok_or_else(|| format!("{text:?} names no operation; {example}"))?;
        let operation = operation.parse().map_err(|e: O::Err| e.to_string())?;
        let number = |what: &str, text: &str| -> Result<u32, String> {
            let read = text.parse().ok().filter(|n| *n > 0);
            read.ok_or_else(|| format!("{what} {text:?} is not a number from 1; {example}"))
        };
        let (rest, times) = match rest.rsplit_once('*') {
            None => (rest, Some(1)),
            Some((rest, "forever")) => (rest, None),
            Some((rest, times)) => (rest, Some(number("the count", times)?)),
        };
        let (rest, after) = match rest.rsplit_once('@') {
            None => (rest, 0),
            Some((rest, first)) => (rest, number("the first call", first)? - 1),
        };
        let fault = rest.parse().map_err(|e: F::Err| e.to_string())?;
        Ok(Self { operation, fault, after, times })
    }
}

impl<O: fmt::Display, F: fmt::Display> fmt::Display for Planned<O, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.operation, self.fault)?;
        if self.after > 0 {
            write!(f, "@{}", self.after + 1)?;
        }
        match self.times {
            Some(1) => Ok(()),
            Some(times) => write!(f, "*{times}"),
            None => f.write_str("*forever"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Planned, Script};
    use crate::fault::Fault;

    fn planned(text: &str) -> Result<Planned<String>, String> {
        text.parse()
    }

    #[test]
    fn a_script_reads_back_as_it_was_written() {
        for text in [
            "send:lost",
            "send:dropped*2",
            "send:hang",
            "send:hang-after",
            "send:delay=1500",
            "send:429=30@2",
            "send:503=Wed, 21 Oct 2015 07:28:00 GMT",
            "close:status=504*3",
            "close:status-after=504",
            "open:truncated@3*forever",
            "open:slow=20",
            "open:oversized=70000000",
            "open:content-type=text/html",
            "open:garbage",
            "session:add=later*forever",
            "session:omit=status",
            "stored:redirect=http://127.0.0.1:1/x",
        ] {
            assert_eq!(planned(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_with_a_script_is_named() {
        for (text, why) in [
            ("lost", "names no operation"),
            ("send:losst", "unknown fault \"losst\""),
            ("send:lost=1", "takes no value"),
            ("send:429", "needs a value"),
            ("send:delay=", "needs a value"),
            ("send:delay=x", "not a number of milliseconds"),
            ("send:status=99", "not an HTTP status"),
            ("send:lost@0", "the first call \"0\""),
            ("send:lost*-1", "the count \"-1\""),
        ] {
            let error = planned(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn faults_strike_where_and_as_often_as_planned() {
        let script = Script::default();
        let shared = script.clone();
        shared.plan(planned("send:lost@2*2").unwrap());
        shared.plan(planned("send:hang").unwrap());
        let send = "send".to_owned();
        let strikes: Vec<_> = (0..5).map(|_| script.strike(&send)).collect();
        assert_eq!(strikes, [None, Some(Fault::Lost), Some(Fault::Lost), Some(Fault::Hang), None]);
        assert_eq!(script.strike(&"close".to_owned()), None);
        script.plan(Planned::next(send, Fault::Garbage));
        assert_eq!(shared.planned().len(), 1);
        shared.clear();
        assert!(script.planned().is_empty());
    }
}
