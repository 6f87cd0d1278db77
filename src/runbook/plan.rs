//! What to run next: a pure function of the folder and the ledger.

use super::ledger::{LedgerRow, State};
use super::source::{Source, Version};
use std::fmt;

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Apply everything.
    Latest,
    /// Apply up to and including this version.
    UpTo(Version),
    /// Revert everything above this version; `Version(0)` reverts all.
    DownTo(Version),
}

/// Which way a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Runs the up file.
    Up,
    /// Runs the down file.
    Down,
}

/// One file to run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// Which way.
    pub direction: Direction,
    /// The migration's number.
    pub version: Version,
    /// The migration's name.
    pub name: String,
}

/// Why a plan may not run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The migration it is about, if one.
    pub version: Option<Version>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The way out.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The steps in order, and what forbids them. Any problem makes the plan a NO-GO.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// In the order they run.
    pub steps: Vec<Step>,
    /// Why they may not.
    pub problems: Vec<Problem>,
}

impl Plan {
    /// Whether it may run.
    pub fn is_go(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Plans the way from what `ledger` says was applied to `goal`.
pub fn plan(source: &Source, ledger: &[LedgerRow], goal: Goal) -> Plan {
    let mut problems = history(source, ledger, goal);
    let in_force = |version: Version| {
        ledger.iter().any(|row| row.version == version && row.state.is_in_force())
    };
    if let Goal::UpTo(version) | Goal::DownTo(version) = goal
        && version.0 > 0
        && source.get(version).is_none()
    {
        problems.push(Problem {
            version: Some(version),
            message: format!("there is no migration {version} in {}", source.origin),
            hint: "`flowcontrol migrate status` lists the versions".to_owned(),
        });
    }
    let step = |direction, version, name: &str| Step { direction, version, name: name.to_owned() };
    let steps = match goal {
        Goal::Latest | Goal::UpTo(_) => {
            let wanted = |version| !matches!(goal, Goal::UpTo(last) if version > last);
            source
                .migrations
                .iter()
                .filter(|m| wanted(m.version) && !in_force(m.version))
                .map(|m| step(Direction::Up, m.version, &m.name))
                .collect()
        }
        Goal::DownTo(floor) => source
            .migrations
            .iter()
            .rev()
            .filter(|m| m.version > floor && in_force(m.version))
            .map(|m| step(Direction::Down, m.version, &m.name))
            .collect(),
    };
    Plan { steps, problems }
}

/// What the ledger remembers that the folder contradicts.
fn history(source: &Source, ledger: &[LedgerRow], goal: Goal) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |version, message: String, hint: &str| {
        problems.push(Problem { version: Some(version), message, hint: hint.to_owned() });
    };
    for row in ledger.iter().filter(|row| row.state.is_in_force()) {
        let version = row.version;
        let Some(migration) = source.get(version) else {
            let message = format!(
                "migration {version}_{} was applied but is not in {}",
                row.name, source.origin
            );
            add(version, message, "use the folder that was applied, or a newer one");
            continue;
        };
        if migration.name != row.name {
            let message = format!(
                "migration {version} was applied as {}, but is now named {}",
                row.name, migration.name
            );
            add(
                version,
                message,
                "give the files their old name back; a new step takes a new version",
            );
        }
        let scripts = [&migration.up, &migration.down, &migration.verify];
        for (script, recorded) in scripts.into_iter().zip(&row.sha256) {
            if script.sha256 != *recorded {
                let message = format!(
                    "{} was changed after it was applied: it was {recorded}, it is {}",
                    script.path, script.sha256
                );
                add(version, message, "restore the file; put the change into a new migration");
            }
        }
        let reverts = matches!(goal, Goal::DownTo(floor) if version > floor);
        if matches!(row.state, State::Applying | State::Reverting) && !reverts {
            let note = row.note.as_deref().map(|n| format!(" ({n})")).unwrap_or_default();
            let message = format!(
                "migration {version}_{} runs outside a transaction and was left half-way{note}",
                row.name
            );
            let hint = format!(
                "run `flowcontrol migrate down --to {}`, which clears what it left, then go up again",
                Version(version.0.saturating_sub(1))
            );
            add(version, message, &hint);
        }
    }
    let highest = ledger.iter().filter(|r| r.state.is_in_force()).map(|r| r.version).max();
    for migration in &source.migrations {
        let version = migration.version;
        let absent = !ledger.iter().any(|r| r.version == version && r.state.is_in_force());
        if absent && highest.is_some_and(|highest| highest > version) {
            let message = format!(
                "migration {version}_{} was not applied, but later ones were",
                migration.name
            );
            add(version, message, "give it a version after the last one that was applied");
        }
    }
    problems.sort_by_key(|problem| problem.version);
    problems
}
