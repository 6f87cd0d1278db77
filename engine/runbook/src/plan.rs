//! Plans which files to run: a pure function of the folder and the ledger.

use super::ledger::{LedgerRow, MigrationState};
use super::source::{Source, Version};
use std::fmt;

/// The goal of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Apply everything.
    Latest,
    /// Apply up to and including this version.
    UpTo(Version),
    /// Revert everything above this version; `Version(0)` reverts all.
    DownTo(Version),
}

/// The direction of a step.
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
pub struct PlanStep {
    /// The direction.
    pub direction: Direction,
    /// The migration's number.
    pub version: Version,
    /// The migration's name.
    pub name: String,
}

/// Why a plan may not run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PlanProblem {
    /// The migration it concerns, if any.
    pub version: Option<Version>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// A hint: what to do about it.
    pub hint: String,
}

impl fmt::Display for PlanProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The steps in order, and the problems. Any problem makes the plan a NO-GO.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// In the order they run.
    pub steps: Vec<PlanStep>,
    /// Why they may not run.
    pub problems: Vec<PlanProblem>,
}

impl Plan {
    /// Whether it may run.
    pub fn is_go(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Plans the steps from the state in `ledger` to `goal`.
pub fn plan(source: &Source, ledger: &[LedgerRow], goal: Goal) -> Plan {
    let mut problems = history(source, ledger, goal);
    let in_force = |version: Version| {
        ledger.iter().any(|row| row.version == version && row.state.is_in_force())
    };
    if let Goal::UpTo(version) | Goal::DownTo(version) = goal
        && version.0 > 0
        && source.get(version).is_none()
    {
        problems.push(PlanProblem {
            version: Some(version),
            message: format!("there is no migration {version} in {}", source.origin),
            hint: "`flowcontrol migrate status` lists the versions".to_owned(),
        });
    }
    let step =
        |direction, version, name: &str| PlanStep { direction, version, name: name.to_owned() };
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

/// Contradictions between the ledger and the folder.
fn history(source: &Source, ledger: &[LedgerRow], goal: Goal) -> Vec<PlanProblem> {
    let mut problems = Vec::new();
    let mut add = |version, message: String, hint: &str| {
        problems.push(PlanProblem { version: Some(version), message, hint: hint.to_owned() });
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
            add(version, message, "restore the files' old name; a new step needs a new version");
        }
        let scripts = [&migration.up, &migration.down, &migration.verify];
        for (script, recorded) in scripts.into_iter().zip(&row.sha256) {
            if script.sha256 != *recorded {
                let message = format!(
                    "{} was changed after it was applied: its SHA-256 was {recorded} and is now {}",
                    script.path, script.sha256
                );
                add(version, message, "restore the file; put the change into a new migration");
            }
        }
        let reverts = matches!(goal, Goal::DownTo(floor) if version > floor);
        if matches!(row.state, MigrationState::Applying | MigrationState::Reverting) && !reverts {
            let note = row.note.as_deref().map(|n| format!(" ({n})")).unwrap_or_default();
            let message = format!(
                "migration {version}_{} runs outside a transaction and was left partly applied{note}",
                row.name
            );
            let hint = format!(
                "run `flowcontrol migrate down --to {}`, which cleans up what it left, then `flowcontrol migrate up` again",
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

#[cfg(test)]
mod tests {
    use super::super::source::{FolderEntry, read};
    use super::*;
    use std::collections::BTreeMap;

    fn source(count: u32) -> Source {
        let mut entries = BTreeMap::new();
        for version in 1..=count {
            for path in [
                format!("{version:04}_step.up.sql"),
                format!("{version:04}_step.down.sql"),
                format!("verify/{version:04}_step.sql"),
            ] {
                let text = format!("select '{path}';");
                entries.insert(path, FolderEntry::File(text.into_bytes()));
            }
        }
        read("here", entries).unwrap()
    }

    fn row(source: &Source, version: u32, state: MigrationState) -> LedgerRow {
        let migration = source.get(Version(version)).unwrap();
        LedgerRow {
            version: migration.version,
            name: migration.name.clone(),
            sha256: migration.scripts().map(|script| script.sha256),
            state,
            changed_at: String::new(),
            seconds: 0.0,
            tool: String::new(),
            note: None,
        }
    }

    fn steps(plan: &Plan) -> Vec<(Direction, u32)> {
        plan.steps.iter().map(|step| (step.direction, step.version.0)).collect()
    }

    use Direction::{Down, Up};

    #[test]
    fn goals_lead_up_in_order_and_down_in_reverse() {
        let source = source(4);
        let ledger = [1, 2].map(|v| row(&source, v, MigrationState::Applied));
        let to = |goal| plan(&source, &ledger, goal);
        assert_eq!(steps(&to(Goal::Latest)), [(Up, 3), (Up, 4)]);
        assert_eq!(steps(&to(Goal::UpTo(Version(3)))), [(Up, 3)]);
        assert_eq!(steps(&to(Goal::UpTo(Version(1)))), []);
        assert_eq!(steps(&to(Goal::DownTo(Version(0)))), [(Down, 2), (Down, 1)]);
        assert_eq!(steps(&to(Goal::DownTo(Version(1)))), [(Down, 2)]);
        assert_eq!(steps(&to(Goal::DownTo(Version(4)))), []);
        assert!(to(Goal::DownTo(Version(0))).is_go());
        assert!(!to(Goal::UpTo(Version(5))).is_go());
    }

    #[test]
    fn failed_and_reverted_ones_run_again() {
        let source = source(3);
        let ledger = [
            row(&source, 1, MigrationState::Applied),
            row(&source, 2, MigrationState::Reverted),
            row(&source, 3, MigrationState::Failed),
        ];
        let again = plan(&source, &ledger, Goal::Latest);
        assert!(again.is_go());
        assert_eq!(steps(&again), [(Up, 2), (Up, 3)]);
    }

    #[test]
    fn a_failed_file_may_be_corrected_but_an_applied_one_not() {
        let source = source(2);
        for (state, go) in [
            (MigrationState::Failed, true),
            (MigrationState::Reverted, true),
            (MigrationState::Applied, false),
            (MigrationState::Applying, false),
        ] {
            for changed in 0..3 {
                let mut rows = [row(&source, 1, MigrationState::Applied), row(&source, 2, state)];
                rows[1].sha256[changed] = flowcontrol_contract::Digest::of("other");
                let plan = plan(&source, &rows, Goal::DownTo(Version(1)));
                assert_eq!(plan.is_go(), go, "{state:?} {changed}: {:?}", plan.problems);
            }
        }
    }

    #[test]
    fn a_half_way_one_only_goes_down() {
        let source = source(2);
        for state in [MigrationState::Applying, MigrationState::Reverting] {
            let ledger = [row(&source, 1, MigrationState::Applied), row(&source, 2, state)];
            assert!(!plan(&source, &ledger, Goal::Latest).is_go());
            let down = plan(&source, &ledger, Goal::DownTo(Version(1)));
            assert!(down.is_go());
            assert_eq!(steps(&down), [(Down, 2)]);
        }
    }

    #[test]
    fn holes_renames_and_strangers_are_named() {
        let source = source(3);
        let mut renamed = row(&source, 3, MigrationState::Applied);
        renamed.name = "other".to_owned();
        let mut stranger = row(&source, 1, MigrationState::Applied);
        stranger.version = Version(9);
        let plan = plan(&source, &[renamed, stranger], Goal::Latest);
        let about: Vec<u32> = plan.problems.iter().filter_map(|p| p.version).map(|v| v.0).collect();
        assert_eq!(about, [1, 2, 3, 9]);
    }
}
