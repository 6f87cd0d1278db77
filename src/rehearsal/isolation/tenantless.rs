//! Cases 3, 4 and 5: sessions without a tenant, with an empty one, and with a stale one.

use super::catalog::{Command, Relation};
use super::fresh::insert_sql;
use super::judge::{self, Judged, Standing};
use super::quote::{ident, literal};
use super::report::Verdict;
use super::run::{Attacker, OTHER, OWN, Run, path};
use super::sample::{Row, value};
use super::session::{Outcome, Send, Session};
use crate::error::Result;

/// Probes every table over connections of their own.
pub async fn probe(run: &mut Run<'_>, attacker: &mut Attacker, tables: &[Relation]) -> Result<()> {
    let settings = run.settings();
    let endpoint = &run.attack.workspace.endpoint;
    let setting = &settings.tenant_setting;
    let reset: Vec<String> = setting.split('.').map(ident).collect();
    let reset = format!("reset {}", reset.join("."));
    let set = |tenant: &str, local: bool| {
        format!("select set_config({}, {}, {local})", literal(setting), literal(tenant))
    };
    let other = run.tenants[OTHER].clone();
    let commit = format!("begin; {}; commit", set(&other, true));
    let rollback = format!("begin; {}; rollback", set(&other, true));
    let discard = "discard all".to_owned();
    let quoting = "set standard_conforming_strings = on".to_owned();

    let mut session = Session::open(endpoint, &attacker.login, setting).await?;
    for (case, what, steps) in [
        (3, "select.no-tenant", vec![]),
        (3, "select.after-commit", vec![commit]),
        (3, "select.after-rollback", vec![rollback]),
        (3, "select.after-reset", vec![set(&other, false), reset]),
        // DISCARD ALL cannot share a message with another statement, and forgets the quoting.
        (3, "select.after-discard", vec![set(&other, false), discard, quoting]),
        // A transaction-local setting outside a transaction must not linger.
        (5, "select.autocommit-local", vec![set(&other, true)]),
    ] {
        for step in &steps {
            session.autocommit(step).await?;
        }
        for table in tables {
            let judged = whole(run, attacker, &mut session, table, steps.is_empty()).await?;
            run.push(
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
                insert_as(run, attacker, &mut session, table, 3, "insert.no-tenant", None).await?;
            }
        }
    }
    for table in tables {
        insert_as(run, attacker, &mut session, table, 4, "insert.empty-tenant", Some("")).await?;
        let judged = empty_row(run, attacker, &mut session, table).await?;
        run.push(
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
        let judged = stale(run, attacker, &mut session, table).await?;
        run.push(
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

fn reading(run: &Run<'_>, attacker: &Attacker, table: &Relation) -> Standing {
    run.standing(attacker, table, &["SELECT"], &[Command::Select])
}

/// True when the table's row stands in no table yet.
fn is_planted(run: &Run<'_>, table: &Relation) -> bool {
    run.samples.rows.get(&(table.name.clone(), OTHER)).is_some_and(|s| s.planted)
}

/// Reads a table without a tenant: no row at all.
async fn whole(
    run: &Run<'_>,
    attacker: &Attacker,
    session: &mut Session,
    table: &Relation,
    never_set: bool,
) -> Result<Judged> {
    let standing = reading(run, attacker, table);
    let usable = standing.granted && standing.admitted;
    if usable && is_planted(run, table) {
        // A row can be planted only by setting a tenant, after which the setting is '' and no
        // longer NULL; so a session that never had one is asked for the policies' own answer.
        if never_set {
            return by_policy(run, attacker, session, table, None).await;
        }
        let mut setup = run.plant(attacker.name(), table, OTHER, true);
        setup.push(session.tenant(""));
        let sql = format!("select 1 from {} limit 1", path(table));
        let outcome = session.attempt(&setup, &sql, Send::Plain).await?;
        return Ok(judge::nothing(standing, &outcome));
    }
    let sql = format!("select 1 from {} limit 1", path(table));
    Ok(judge::nothing(standing, &session.attempt(&[], &sql, Send::Plain).await?))
}

/// Inserts a row without a tenant in force (`tenant` none), or a row of the empty tenant under the
/// empty tenant.
async fn insert_as(
    run: &mut Run<'_>,
    attacker: &Attacker,
    session: &mut Session,
    table: &Relation,
    case: u8,
    what: &str,
    tenant: Option<&str>,
) -> Result<()> {
    let standing = run.standing(attacker, table, &["INSERT"], &[Command::Insert]);
    let found = attacker.insertable.get(&table.name);
    let sample = run.samples.rows.get(&(table.name.clone(), OTHER)).map(|s| &s.row);
    let row = found.and_then(|f| f.fresh.row()).map(|i| &i.row).or(sample);
    let mut row: Row = row.cloned().unwrap_or_default();
    let mut setup = Vec::new();
    if let Some(tenant) = tenant {
        row.insert(run.settings().tenant_column.clone(), Some(tenant.to_owned()));
        setup.push(session.tenant(tenant));
    }
    let sql = insert_sql(table, &row, attacker.name());
    let outcome = session.attempt(&setup, &sql, Send::Plain).await?;
    let judged = match &outcome {
        Outcome::Refused(r) if r.code == "22P02" => {
            (Verdict::Held, "an empty text is no value of the tenant's type".to_owned())
        }
        Outcome::Refused(r) if r.code == "42704" => {
            (Verdict::Held, "without a tenant the policy fails with 42704".to_owned())
        }
        Outcome::Refused(r) if r.code == "23514" && tenant.is_some() => {
            (Verdict::Held, format!("a check refuses the empty tenant: {}", r.describe()))
        }
        other => {
            // The same row went in as its own tenant, or nobody may insert.
            let control = found.map(|_| Outcome::Rows(1));
            judge::write(standing, other, control.as_ref())
        }
    };
    run.push(case, format!("{}.{what}", table.name), attacker.key, &table.name, "INSERT", judged);
    Ok(())
}

/// A row of the empty tenant, if there were one: FORCE leaves nobody who could plant it.
async fn empty_row(
    run: &Run<'_>,
    attacker: &Attacker,
    session: &mut Session,
    table: &Relation,
) -> Result<Judged> {
    by_policy(run, attacker, session, table, Some("")).await
}

/// Evaluates the SELECT policies on a row that stands in no table. With `tenant`, the row belongs
/// to it and it is in force; without, the row is the sample and nothing is in force.
async fn by_policy(
    run: &Run<'_>,
    attacker: &Attacker,
    session: &mut Session,
    table: &Relation,
    tenant: Option<&str>,
) -> Result<Judged> {
    let standing = reading(run, attacker, table);
    if !standing.granted {
        let sql = format!("select 1 from {} limit 1", path(table));
        return Ok(judge::nothing(standing, &session.attempt(&[], &sql, Send::Plain).await?));
    }
    if !table.enabled {
        let why = "row-level security is off: every row is visible".to_owned();
        return Ok((Verdict::Leak(why.clone()), why));
    }
    let Some(condition) = condition(run, attacker.name(), table) else {
        return Ok((Verdict::Held, "no policy lets this login read any row".to_owned()));
    };
    let Some(sample) = run.samples.rows.get(&(table.name.clone(), OTHER)) else {
        let why = "the table has no row: give a fixture for this table".to_owned();
        return Ok((Verdict::Unproved(why.clone()), why));
    };
    let mut row = sample.row.clone();
    let mut setup = Vec::new();
    if let Some(tenant) = tenant {
        row.insert(run.settings().tenant_column.clone(), Some(tenant.to_owned()));
        setup.push(session.tenant(tenant));
    }
    let sql = format!("select 1 from {} where {condition}", as_row(table, &row));
    let outcome = session.attempt(&setup, &sql, Send::Plain).await?;
    Ok(match judge::nothing(Standing { exists: true, ..standing }, &outcome) {
        (Verdict::Held, detail) => {
            (Verdict::Held, format!("{detail} (the policies judged a row that stands in no table)"))
        }
        judged => judged,
    })
}

/// `(select ... ) as "table"` with one row.
pub fn as_row(table: &Relation, row: &Row) -> String {
    let values: Vec<String> = table
        .columns
        .iter()
        .map(|c| {
            format!("{} as {}", value(c, row.get(&c.name).and_then(Option::as_ref)), ident(&c.name))
        })
        .collect();
    format!("(select {}) as {}", values.join(", "), ident(&table.name))
}

/// What the policies ask of a row that `login` reads; `None` when no permissive policy applies.
fn condition(run: &Run<'_>, login: &str, table: &Relation) -> Option<String> {
    let applies = |permissive: bool| {
        run.catalog
            .policies
            .iter()
            .filter(|p| p.table == table.name && p.permissive == permissive)
            .filter(|p| p.covers(Command::Select) && p.logins.contains(login))
            .map(|p| format!("({})", p.using.as_deref().unwrap_or("true")))
            .collect::<Vec<_>>()
    };
    let permissive = applies(true);
    if permissive.is_empty() {
        return None;
    }
    let mut all = vec![format!("({})", permissive.join(" or "))];
    all.extend(applies(false));
    Some(all.join(" and "))
}

/// A session whose tenant lingers, and a transaction that names its own.
async fn stale(
    run: &Run<'_>,
    attacker: &Attacker,
    session: &mut Session,
    table: &Relation,
) -> Result<Judged> {
    let standing = reading(run, attacker, table);
    let usable = standing.granted && standing.admitted;
    let Some(column) = table.column(&run.settings().tenant_column) else {
        return Ok((Verdict::Held, "the table has no tenant".to_owned()));
    };
    let filter = super::run::equals(column, Some(&run.tenants[OTHER]));
    let sql = format!("select 1 from {} where {filter} limit 1", path(table));
    let planted = if usable { run.plant(attacker.name(), table, OTHER, true) } else { Vec::new() };
    let mut setup = planted.clone();
    setup.push(session.tenant(&run.tenants[OWN]));
    let attack = session.attempt(&setup, &sql, Send::Plain).await?;
    // The control leaves the stale tenant in force: it is really there, and the rows with it.
    let control = session.attempt(&planted, &sql, Send::Plain).await?;
    Ok(judge::reach(standing, &attack, Some(&control)))
}
