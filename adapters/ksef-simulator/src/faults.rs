//! Scripted faults: what goes wrong, at which call of which operation.
//!
//! As text: `OPERATION:FAULT[=VALUE][@FIRST][*TIMES]`, for example `send:lost`, `close:status=504`,
//! `open:refuse=21470`, `send:429=30@2`, `send:pending`, `session:add=later*forever`.

use super::operation::Operation;
use flowcontrol_standin::Fault as Http;
use std::fmt;
use std::str::FromStr;

/// A fault and when it strikes.
pub type Planned = flowcontrol_standin::Planned<Operation, Fault>;
/// The script in force. Clones share it.
pub type Faults = flowcontrol_standin::Script<Operation, Fault>;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A fault of HTTP. Of these, 429 is answered as KSeF does, with a body.
    Http(Http),
    /// `refuse=CODE`: no effect; 400 with this code of KSeF.
    Refuse(i32),
    /// `pending`, of `send` and `close-batch`: invoices are accepted for processing and never decided
    /// (150 forever).
    Pending,
    /// `verdict=CODE`, of `send` and `close-batch`: invoices are decided with this status, with a detail
    /// that says so. Of `ksef-token` and `xades`: the login is.
    Decision(i32),
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
        let code = || -> Result<i32, String> {
            let needed = || format!("the fault {name} needs a value: {name}=VALUE");
            let value = value.ok_or_else(needed)?;
            value.parse().map_err(|_| format!("{name}={value}: not a code"))
        };
        match (name, value) {
            ("refuse", _) => code().map(Self::Refuse),
            ("verdict", _) => code().map(Self::Decision),
            ("pending", None) => Ok(Self::Pending),
            _ => match text.parse() {
                Ok(fault) => Ok(Self::Http(fault)),
                Err(why) if why.contains(Http::KNOWN) => {
                    Err(format!("{why}, refuse=CODE, pending, verdict=CODE"))
                }
                Err(why) => Err(why),
            },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(fault) => fault.fmt(f),
            Self::Refuse(code) => write!(f, "refuse={code}"),
            Self::Pending => f.write_str("pending"),
            Self::Decision(code) => write!(f, "verdict={code}"),
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
            ("lost", "names no operation"),
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
        let strikes: Vec<_> = (0..5).map(|_| faults.strike(&Operation::Send)).collect();
        let (lost, pending) = (Some(Fault::Http(Http::Lost)), Some(Fault::Pending));
        assert_eq!(strikes, [None, lost.clone(), lost, pending, None]);
        assert_eq!(faults.strike(&Operation::CloseOnline), None);
    }
}
