//! Failures as the command line reports them: one sentence, a hint, an exit code.

use flowcontrol_contract as contract;
use std::fmt;

/// Shorthand for a result with [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// The process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, and all checks passed.
    Done = 0,
    /// A check failed, or the decision is NO-GO where one was asked for.
    Check = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// The environment failed: target unreachable, no engine, disk full.
    Environment = 3,
    /// Interrupted, and cleaned up.
    Interrupted = 130,
}

impl Exit {
    /// The number given to the operating system.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command stopped. Holds no secret: it is printed and may stand in evidence.
#[derive(Debug)]
pub struct Failure {
    /// The exit code it leads to.
    pub exit: Exit,
    /// One sentence that names the thing.
    pub message: String,
    /// What the user can do next.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// Wrong usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The environment failed.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Exit::Environment, message)
    }

    /// A check failed.
    pub fn check(message: impl Into<String>) -> Self {
        Self::new(Exit::Check, message)
    }

    /// Interrupted by the user.
    pub fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted; everything this run started was cleaned up")
    }

    /// Adds a hint: what the user can do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts `context` before the message: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// An environment failure with the sentence and the hint.
impl From<flowcontrol_files::FileError> for Failure {
    fn from(error: flowcontrol_files::FileError) -> Self {
        Self::environment(error.to_string()).hint(error.hint())
    }
}

impl From<contract::Error> for Failure {
    fn from(error: contract::Error) -> Self {
        use contract::ErrorKind as Kind;
        let exit = match error.kind() {
            Kind::InvalidInput | Kind::Configuration => Exit::Usage,
            Kind::Unavailable | Kind::Timeout | Kind::Exhausted | Kind::Unexpected => {
                Exit::Environment
            }
            Kind::Conflict | Kind::Frozen | Kind::NotFound | Kind::Denied | Kind::Corrupt => {
                Exit::Check
            }
            _ => Exit::Environment,
        };
        Self { exit, message: error.chain(), hint: error.hint_text().map(str::to_owned) }
    }
}
