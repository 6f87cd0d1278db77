//! Cases 3, 4 and 5: sessions without a tenant, with an empty one, and with a stale one.

use super::catalog::{Relation, SqlCommand};
use super::context::{Attacker, OTHER, OWN, ProbeContext, path};
use super::fresh::insert_sql;
use super::judge::{self, ProbeJudgement, Standing};
use super::report::ProbeVerdict;
use super::sample::Row;
use super::session::{AttemptOutcome, SendMode, Session};
use super::virtual_row::{ReadSource, source, virtual_row};
use flowcontrol_base::Result;
use flowcontrol_contract::sql::{identifier, literal};

/// Probes every table over separate connections.
pub async fn probe(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    tables: &[Relation],
) -> Result<()> {
    let settings = context.settings();
    let endpoint = &context.attack.workspace.endpoint;
    let setting = &settings.tenant_setting;
    let reset: Vec<String> = setting.split('.').map(identifier).collect();
    let reset = format!("reset {}", reset.join("."));
    let set = |tenant: &str, local: bool| {
        format!("select set_config({}, {}, {local})", literal(setting), literal(tenant))
    };
    let other = context.tenants[OTHER].clone();
    let commit = format!("begin; {}; commit", set(&other, true));
    let rollback = format!("begin; {}; rollback", set(&other, true));
    let discard = "discard all".to_owned();
    let quoting = "set standard_conforming_strings = on".to_owned();

    let mut session = match attacker.untouched.take() {
        Some(session) => session,
        None => Session::open(endpoint, &attacker.login, setting).await?,
    };
    for (case, what, steps) in [
        (3, "select.no-tenant", vec![]),
        (3, "select.after-commit", vec![commit]),
        (3, "select.after-rollback", vec![rollback]),
        (3, "select.after-reset", vec![set(&other, false), reset]),
        // DISCARD ALL cannot share a message with another statement, and resets the quoting.
        (3, "select.after-discard", vec![set(&other, false), discard, quoting]),
        // A transaction-local setting outside a transaction must not persist.
        (5, "select.autocommit-local", vec![set(&other, true)]),
    ] {
        for step in &steps {
            session.autocommit(step).await?;
        }
        for table in tables {
            let judged = whole(context, attacker, &mut session, table).await?;
            context.push(
                case,
                format!("{}.{what}", table.name),
                attacker.key,
                &table.name,
                "SELECT",
                judged,
            );
        }
        if steps.is_empty() {
            for table in tables {
                insert_as(context, attacker, &mut session, table, 3, "insert.no-tenant", None)
                    .await?;
            }
        }
    }
    for table in tables {
        insert_as(context, attacker, &mut session, table, 4, "insert.empty-tenant", Some(""))
            .await?;
        let judged = empty_row(context, attacker, &mut session, table).await?;
        context.push(
            4,
            format!("{}.select.empty-tenant", table.name),
            attacker.key,
            &table.name,
            "SELECT",
            judged,
        );
    }
    session.autocommit(&set(&other, false)).await?;
    for table in tables {
        let judged = stale(context, attacker, &mut session, table).await?;
        context.push(
            5,
            format!("{}.select.stale-session", table.name),
            attacker.key,
            &table.name,
            "SELECT",
            judged,
        );
    }
    session.close().await
}

fn reading(context: &ProbeContext<'_>, attacker: &Attacker, table: &Relation) -> Standing {
    context.standing(attacker, table, &["SELECT"], &[SqlCommand::Select])
}

/// Reads a table without a tenant: no row at all. A row that could be planted only by setting a
/// tenant is replaced by a virtual row, so that the session keeps its state.
async fn whole(
    context: &ProbeContext<'_>,
    attacker: &Attacker,
    session: &mut Session,
    table: &Relation,
) -> Result<ProbeJudgement> {
    let standing = reading(context, attacker, table);
    let source = source(context, attacker.name(), table, true);
    let sql = format!("select 1 from {} limit 1", source.sql);
    Ok(source
        .note(judge::reaches_no_row(standing, &session.attempt(&[], &sql, SendMode::Plain).await?)))
}

/// Inserts a row without a current tenant (`tenant` is `None`), or a row of the empty tenant as the
/// empty tenant.
async fn insert_as(
    context: &mut ProbeContext<'_>,
    attacker: &Attacker,
    session: &mut Session,
    table: &Relation,
    case: u8,
    what: &str,
    tenant: Option<&str>,
) -> Result<()> {
    let standing = context.standing(attacker, table, &["INSERT"], &[SqlCommand::Insert]);
    let found = attacker.insertable.get(&table.name);
    let sample = context.samples.rows.get(&(table.name.clone(), OTHER)).map(|s| &s.row);
    let row = found.and_then(|f| f.fresh.row()).map(|i| &i.row).or(sample);
    let mut row: Row = row.cloned().unwrap_or_default();
    let mut setup = Vec::new();
    if let Some(tenant) = tenant {
        row.insert(context.settings().tenant_column.clone(), Some(tenant.to_owned()));
        setup.push(session.tenant(tenant));
    }
    let sql = insert_sql(table, &row, attacker.name());
    let outcome = session.attempt(&setup, &sql, SendMode::Plain).await?;
    let judged = match &outcome {
        AttemptOutcome::Refused(r) if r.code == "22P02" => {
            (ProbeVerdict::Held, "an empty text is not a value of the tenant's type".to_owned())
        }
        AttemptOutcome::Refused(r) if r.code == "42704" => {
            (ProbeVerdict::Held, "without a tenant the policy fails with 42704".to_owned())
        }
        AttemptOutcome::Refused(r) if r.code == "23514" && tenant.is_some() => {
            (ProbeVerdict::Held, format!("a check refuses the empty tenant: {}", r.describe()))
        }
        other => {
            // The same row was inserted as its own tenant, or no login may insert.
            let control = found.map(|_| AttemptOutcome::Rows(1));
            judge::write(standing, other, control.as_ref())
        }
    };
    context.push(
        case,
        format!("{}.{what}", table.name),
        attacker.key,
        &table.name,
        "INSERT",
        judged,
    );
    Ok(())
}

/// A row of the empty tenant read as the empty tenant: with FORCE no login
/// can insert it, so a virtual row is used.
async fn empty_row(
    context: &ProbeContext<'_>,
    attacker: &Attacker,
    session: &mut Session,
    table: &Relation,
) -> Result<ProbeJudgement> {
    let standing = reading(context, attacker, table);
    let sample = context.samples.rows.get(&(table.name.clone(), OTHER)).map(|s| s.row.clone());
    let mut row = sample.unwrap_or_default();
    row.insert(context.settings().tenant_column.clone(), Some(String::new()));
    let source = match standing.granted {
        true => virtual_row(context, attacker.name(), table, &row),
        false => ReadSource { sql: path(table), is_virtual: false },
    };
    let sql = format!("select 1 from {} limit 1", source.sql);
    let setup = [session.tenant("")];
    let outcome = session.attempt(&setup, &sql, SendMode::Plain).await?;
    Ok(source.note(judge::reaches_no_row(standing, &outcome)))
}

/// A session whose earlier tenant is still set, and a transaction that sets its own.
async fn stale(
    context: &ProbeContext<'_>,
    attacker: &Attacker,
    session: &mut Session,
    table: &Relation,
) -> Result<ProbeJudgement> {
    let standing = reading(context, attacker, table);
    let Some(column) = table.column(&context.settings().tenant_column) else {
        return Ok((ProbeVerdict::Held, "the table has no tenant".to_owned()));
    };
    let filter = super::context::equals(column, Some(&context.tenants[OTHER]));
    let source = source(context, attacker.name(), table, true);
    let sql = format!("select 1 from {} where {filter} limit 1", source.sql);
    let attack =
        session.attempt(&[session.tenant(&context.tenants[OWN])], &sql, SendMode::Plain).await?;
    // The control keeps the stale tenant: it is really set, and its rows are visible.
    let control = session.attempt(&[], &sql, SendMode::Plain).await?;
    Ok(source.note(judge::reach(standing, &attack, Some(&control))))
}
