//! Scripted faults: what goes wrong, at which call of which operation.
//!
//! As text: `OPERATION:FAULT[=VALUE][@FIRST][*TIMES]`, for example `send:lost`, `close:status=504`,
//! `open:refuse=21470`, `send:429=30@2`, `send:pending`, `session:add=later*forever`.

use super::operation::Operation;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Everything happens, and the connection ends without an answer.
    Lost,
    /// Nothing happens, and the connection ends without an answer.
    Dropped,
    /// Nothing happens; the answer is this HTTP status without a body.
    Status(u16),
    /// Everything happens; the answer is this HTTP status without a body.
    StatusAfter(u16),
    /// Nothing happens; 429 with this `Retry-After`, whatever it is.
    TooMany(String),
    /// Nothing happens; 400 with this code of KSeF.
    Refuse(i32),
    /// `send` and `close-batch`: invoices are taken and never decided (150 forever).
    Pending,
    /// `send` and `close-batch`: invoices are decided with this status, with a detail that says so.
    /// `ksef-token` and `xades`: the login is.
    Decision(i32),
    /// A field of the answer is left out.
    Omit(String),
    /// The answer has a field that no document knows.
    Add(String),
    /// The answer is not what it says: a body that is not JSON.
    Garbage,
    /// The answer redirects to this address.
    Redirect(String),
}

/// A fault and when it strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Where.
    pub operation: Operation,
    /// What.
    pub fault: Fault,
    /// Calls of the operation that pass before.
    pub after: u32,
    /// How often it strikes; `None` is forever.
    pub times: Option<u32>,
}

impl Planned {
    /// A fault that strikes at the next call, once.
    pub fn next(operation: Operation, fault: Fault) -> Self {
        Self { operation, fault, after: 0, times: Some(1) }
    }
}

/// The script in force. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<Planned>>>);

impl Faults {
    /// Adds a fault; those planned earlier strike first.
    pub fn plan(&self, planned: Planned) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(planned);
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What is still to come.
    pub fn planned(&self) -> Vec<Planned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a call and says what strikes it.
    pub(super) fn strike(&self, operation: Operation) -> Option<Fault> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = all.iter().position(|planned| planned.operation == operation)?;
        let first = &mut all[place];
        if first.after > 0 {
            first.after -= 1;
            return None;
        }
        let fault = first.fault.clone();
        match &mut first.times {
            Some(1) => drop(all.remove(place)),
            Some(times) => *times -= 1,
            None => {}
        }
        Some(fault)
    }
}

impl FromStr for Planned {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write OPERATION:FAULT[=VALUE][@FIRST][*TIMES], for example send:429=30@2";
        let (operation, rest) =
            text.split_once(':').ok_or_else(|| format!("{text:?} has no operation; {example}"))?;
        let operation = operation.parse()?;
        let number = |what: &str, text: &str| -> Result<u32, String> {
            let read = text.parse().ok().filter(|n| *n > 0);
            read.ok_or_else(|| format!("{what} {text:?} is not a number from 1 on; {example}"))
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
        Ok(Self { operation, fault: rest.parse()?, after, times })
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
        let needed =
            || value.ok_or_else(|| format!("the fault {name} needs a value: {name}=VALUE"));
        let code = || -> Result<i32, String> {
            let value = needed()?;
            value.parse().map_err(|_| format!("{name}={value}: not a code"))
        };
        let status = || -> Result<u16, String> {
            let value = needed()?;
            let read = value.parse().ok().filter(|s| (200..=599).contains(s));
            read.ok_or_else(|| format!("{name}={value}: not an HTTP status from 200 to 599"))
        };
        let fault = match name {
            "status" => Self::Status(status()?),
            "status-after" => Self::StatusAfter(status()?),
            "429" => Self::TooMany(needed()?.to_owned()),
            "refuse" => Self::Refuse(code()?),
            "verdict" => Self::Decision(code()?),
            "omit" => Self::Omit(needed()?.to_owned()),
            "add" => Self::Add(needed()?.to_owned()),
            "redirect" => Self::Redirect(needed()?.to_owned()),
            _ if value.is_some() => {
                return Err(format!("the fault {name:?} is unknown or takes no value"));
            }
            "lost" => Self::Lost,
            "dropped" => Self::Dropped,
            "pending" => Self::Pending,
            "garbage" => Self::Garbage,
            _ => {
                return Err(format!(
                    "unknown fault {name:?}; known are lost, dropped, status=HTTP, \
                     status-after=HTTP, 429=RETRY-AFTER, refuse=CODE, pending, verdict=CODE, \
                     omit=FIELD, add=FIELD, garbage, redirect=URL"
                ));
            }
        };
        Ok(fault)
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.operation)?;
        match &self.fault {
            Fault::Lost => write!(f, "lost"),
            Fault::Dropped => write!(f, "dropped"),
            Fault::Status(status) => write!(f, "status={status}"),
            Fault::StatusAfter(status) => write!(f, "status-after={status}"),
            Fault::TooMany(after) => write!(f, "429={after}"),
            Fault::Refuse(code) => write!(f, "refuse={code}"),
            Fault::Pending => write!(f, "pending"),
            Fault::Decision(code) => write!(f, "verdict={code}"),
            Fault::Omit(field) => write!(f, "omit={field}"),
            Fault::Add(field) => write!(f, "add={field}"),
            Fault::Garbage => write!(f, "garbage"),
            Fault::Redirect(to) => write!(f, "redirect={to}"),
        }?;
        if self.after > 0 {
            write!(f, "@{}", self.after + 1)?;
        }
        match self.times {
            Some(1) => Ok(()),
            Some(times) => write!(f, "*{times}"),
            None => write!(f, "*forever"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_back_as_it_was_written() {
        for text in [
            "send:lost",
            "send:429=30@2",
            "close:status=504*3",
            "open:refuse=21470@3*forever",
            "session:add=later*forever",
            "stored-upo:redirect=http://127.0.0.1:1/x",
        ] {
            assert_eq!(text.parse::<Planned>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_with_a_script_is_named() {
        for (text, why) in [
            ("lost", "has no operation"),
            ("sned:lost", "unknown operation \"sned\""),
            ("send:losst", "unknown fault \"losst\""),
            ("send:lost=1", "takes no value"),
            ("send:429", "needs a value"),
            ("send:status=99", "not an HTTP status"),
            ("send:refuse=x", "not a code"),
            ("send:lost@0", "the first call \"0\""),
            ("send:lost*-1", "the count \"-1\""),
        ] {
            let error = text.parse::<Planned>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn faults_strike_where_and_as_often_as_planned() {
        let faults = Faults::default();
        faults.plan("send:lost@2*2".parse().unwrap());
        faults.plan("send:pending".parse().unwrap());
        let strikes: Vec<_> = (0..5).map(|_| faults.strike(Operation::Send)).collect();
        let (lost, pending) = (Some(Fault::Lost), Some(Fault::Pending));
        assert_eq!(strikes, [None, lost.clone(), lost, pending, None]);
        assert_eq!(faults.strike(Operation::CloseOnline), None);
    }
}
