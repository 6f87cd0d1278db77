//! The result of running a suite.

use futures::FutureExt;
use std::fmt;
use std::panic::AssertUnwindSafe;

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The names of the cases that passed.
    pub passed: Vec<&'static str>,
    /// The names of the cases that failed, each with the expected and the actual result.
    pub failed: Vec<(&'static str, String)>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.passed.push(name),
            Err(why) => self.failed.push((name, why)),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.passed.len() + self.failed.len();
        write!(f, "{} of {total} cases passed", self.passed.len())?;
        for (name, why) in &self.failed {
            write!(f, "\n  {name}: {why}")?;
        }
        Ok(())
    }
}

/// The outcome of a check; a panic counts as a failure.
pub(crate) async fn caught(check: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let outcome = AssertUnwindSafe(check).catch_unwind().await;
    outcome.unwrap_or_else(|panic| Err(format!("it panicked: {}", panic_text(&*panic))))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
