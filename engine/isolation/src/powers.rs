//! Case 9: what only the owner may do to a table, to the schema or to the session.

use super::catalog::{Relation, SqlCommand};
use super::context::{Attacker, ProbeContext, path};
use super::judge::{self, ProbeJudgement, Standing};
use super::report::ProbeVerdict;
use super::session::{AttemptOutcome, SendMode};
use flowcontrol_base::Result;
use flowcontrol_contract::sql::{identifier, literal};

/// Attacks one table as a login that does not own it.
pub async fn table(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    table: &Relation,
) -> Result<()> {
    let t = path(table);
    for (what, verb, sql) in [
        ("truncate", "TRUNCATE", format!("truncate {t}")),
        ("disable-rls", "ALTER TABLE", format!("alter table {t} disable row level security")),
        ("no-force-rls", "ALTER TABLE", format!("alter table {t} no force row level security")),
        ("drop", "DROP TABLE", format!("drop table {t}")),
        (
            "create-policy",
            "CREATE POLICY",
            format!("create policy flowcontrol_probe on {t} using (true)"),
        ),
        (
            "create-rule",
            "CREATE RULE",
            format!("create rule flowcontrol_probe as on delete to {t} do also select 1"),
        ),
        (
            "create-trigger",
            "CREATE TRIGGER",
            format!(
                "create trigger flowcontrol_probe before update on {t} \
                 for each row execute function pg_catalog.suppress_redundant_updates_trigger()"
            ),
        ),
    ] {
        // A foreign table has no policies, and only existing policies can be attacked.
        let outcome = attacker.session.attempt(&[], &sql, SendMode::Plain).await?;
        let judged = judge::denied(&outcome);
        context.push(9, format!("{}.{what}", table.name), attacker.key, &table.name, verb, judged);
    }
    for policy in context.catalog.policies.clone().iter().filter(|p| p.table == table.name) {
        let sql = format!("drop policy {} on {t}", identifier(&policy.name));
        let judged = judge::denied(&attacker.session.attempt(&[], &sql, SendMode::Plain).await?);
        let id = format!("{}.policy.{}.drop", table.name, policy.name);
        context.push(9, id, attacker.key, &table.name, "DROP POLICY", judged);
    }
    let references = table.grants(attacker.name(), "REFERENCES");
    let judged =
        withheld(references, "REFERENCES is granted: foreign key checks ignore row-level security");
    context.push(
        9,
        format!("{}.references", table.name),
        attacker.key,
        &table.name,
        "REFERENCES",
        judged,
    );
    lock(context, attacker, table).await?;
    insert_only(context, attacker, table);
    Ok(())
}

fn withheld(granted: bool, why: &str) -> ProbeJudgement {
    match granted {
        true => (ProbeVerdict::Leak(why.to_owned()), why.to_owned()),
        false => (ProbeVerdict::Held, "not granted".to_owned()),
    }
}

/// In Postgres every login that may UPDATE or DELETE may lock the whole table; no privilege
/// separates the two. Such a login can block others but learns nothing by it.
async fn lock(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    table: &Relation,
) -> Result<()> {
    let may = ["UPDATE", "DELETE"].iter().find(|p| table.grants_whole(attacker.name(), p));
    if let Some(privilege) = may {
        context.report.notes.push(format!(
            "{} may LOCK {} in ACCESS EXCLUSIVE mode, because it holds {privilege} on it: it can \
             stall other tenants, though it sees none of their rows; give every session a lock_timeout",
            attacker.key, table.name
        ));
        return Ok(());
    }
    let sql = format!("lock table {} in access exclusive mode", path(table));
    let judged = judge::denied(&attacker.session.attempt(&[], &sql, SendMode::Plain).await?);
    context.push(9, format!("{}.lock", table.name), attacker.key, &table.name, "LOCK", judged);
    Ok(())
}

/// In a table that is declared insert-only no login may change a row, not even as its own tenant.
fn insert_only(context: &mut ProbeContext<'_>, attacker: &Attacker, table: &Relation) {
    if !context.settings().insert_only.contains(&table.name) {
        return;
    }
    for command in [SqlCommand::Update, SqlCommand::Delete] {
        let may = table.grants(attacker.name(), command.sql())
            && context.catalog.admits(table, attacker.name(), &[command]);
        let judged = withheld(may, "an insert-only table lets this login change rows");
        let id = format!("{}.insert-only.{}", table.name, command.name());
        context.push(9, id, attacker.key, &table.name, command.sql(), judged);
    }
}

/// With `row_security = off` a statement must fail, neither filter nor show all rows.
pub async fn row_security_off(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    table: &Relation,
) -> Result<()> {
    let standing = context.standing(attacker, table, &["SELECT"], &[SqlCommand::Select]);
    let setup = ["set local row_security = off".to_owned()];
    let sql = format!("select 1 from {} limit 1", path(table));
    let outcome = attacker.session.attempt(&setup, &sql, SendMode::Plain).await?;
    let judged = off(standing, &outcome);
    let id = format!("{}.select.row-security-off", table.name);
    context.push(9, id, attacker.key, &table.name, "SELECT", judged);
    Ok(())
}

fn off(standing: Standing, outcome: &AttemptOutcome) -> ProbeJudgement {
    match outcome {
        AttemptOutcome::Rows(_) => {
            let why =
                "the read was allowed with row_security = off: no policy applies to this login";
            (ProbeVerdict::Leak(why.to_owned()), why.to_owned())
        }
        AttemptOutcome::Refused(r) if r.by_policy() => {
            (ProbeVerdict::Held, "refused with 42501, because policies apply".to_owned())
        }
        other => judge::reaches_no_row(standing, other),
    }
}

/// Attacks on the schema, the database and the session.
pub async fn session(context: &mut ProbeContext<'_>, attacker: &mut Attacker) -> Result<()> {
    let schema = context.settings().schema.clone();
    let s = identifier(&schema);
    for (what, verb, sql) in [
        ("create-table", "CREATE TABLE", format!("create table {s}.flowcontrol_probe ()")),
        (
            "create-view",
            "CREATE VIEW",
            format!("create view {s}.flowcontrol_probe as select 1 as one"),
        ),
        (
            "create-function",
            "CREATE FUNCTION",
            format!(
                "create function {s}.flowcontrol_probe() returns int language sql as 'select 1'"
            ),
        ),
        ("drop", "DROP SCHEMA", format!("drop schema {s} cascade")),
        ("replication-role", "SET", "set local session_replication_role = replica".to_owned()),
    ] {
        let judged = judge::denied(&attacker.session.attempt(&[], &sql, SendMode::Plain).await?);
        context.push(9, format!("schema.{what}"), attacker.key, &schema, verb, judged);
    }
    let sequences: Vec<_> = context.catalog.sequences.clone();
    for sequence in sequences {
        let readable = sequence.readable.contains(attacker.name());
        let judged = withheld(readable, "SELECT is granted: last_value counts all tenants' rows");
        context.push(
            10,
            format!("{}.sequence.select", sequence.name),
            attacker.key,
            &sequence.name,
            "SELECT",
            judged,
        );
    }
    let path_setting =
        format!("select set_config({}, {}, true)", literal("search_path"), literal(&schema));
    let outcome = attacker.session.attempt(&[], &path_setting, SendMode::Plain).await?;
    // Not an attack but the control of the others: a session that answers was
    // really refused above, not disconnected.
    let judged = match outcome {
        AttemptOutcome::Rows(1) => (ProbeVerdict::Held, "the session answers".to_owned()),
        other => {
            let why = format!("the session does not answer: {}", judge::describe(&other));
            (ProbeVerdict::Unproved(why.clone()), why)
        }
    };
    context.push(0, "session.control".into(), attacker.key, &schema, "SELECT", judged);
    Ok(())
}
