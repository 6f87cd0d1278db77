//! The rules on files, file by file.

use super::clause::{Clause, clauses};
use super::{Finding, Severity, finding, statement_rules};
use crate::runbook::Layout;
use crate::runbook::source::{Migration, Role, Script, Source};

/// Judges every file of `source`; waivers are settled by [`crate::runbook::waiver::settle`].
pub fn files(source: &Source, layout: &Layout) -> Vec<Finding> {
    let mut found = Vec::new();
    for migration in &source.migrations {
        for script in migration.scripts() {
            let mut of_file = judge(script, migration, layout);
            of_file.sort_by(|a, b| (a.line, a.rule).cmp(&(b.line, b.rule)));
            of_file.dedup();
            found.extend(of_file);
        }
    }
    found
}

fn judge(script: &Script, migration: &Migration, layout: &Layout) -> Vec<Finding> {
    let clauses = clauses(script);
    let created = created(&clauses);
    let mut found = Vec::new();
    let mut add = |rule, line, message: String| {
        let file = Some(script.path.clone());
        found.push(Finding { file, line: Some(line), ..finding(rule, message) });
    };
    for clause in &clauses {
        statement_rules::everywhere(clause, layout, &mut add);
        if script.role == Role::Up && !clause.deferred {
            statement_rules::forward(clause, &created, &mut add);
        }
        if script.role == Role::Down && !clause.deferred {
            statement_rules::backward(clause, &clauses, &mut add);
        }
        if script.role == Role::Verify && clause.word(0) == "truncate" {
            add("truncate", clause.line(), "a verify file empties a table".to_owned());
        }
    }
    let sets_timeout = clauses.iter().any(|c| {
        c.word(0) == "set" && matches!("lock_timeout", name if (1..3).any(|at| c.word(at) == name))
    });
    if script.outside_transaction && !sets_timeout {
        let message = "runs outside a transaction and sets no lock_timeout of its own";
        add("lock-timeout", 1, message.to_owned());
    }
    // Reverting in one transaction is all or nothing; outside one, the down file must clear up
    // after an up file that stopped anywhere.
    if migration.up.outside_transaction || migration.down.outside_transaction {
        for finding in found.iter_mut().filter(|f| f.rule == "down-not-idempotent") {
            finding.severity = Severity::Warning;
        }
    }
    found
}

/// The tables that a file creates: nobody uses them yet.
fn created(clauses: &[Clause]) -> Vec<String> {
    let mut names = Vec::new();
    for clause in clauses.iter().filter(|c| c.word(0) == "create" && !c.deferred) {
        if let Some(at) = (1..4).find(|at| clause.word(*at) == "table") {
            names.push(clause.name(clause.skip_options(at + 1)).0);
        }
    }
    names
}
