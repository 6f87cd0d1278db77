//! Case 7: every SQL command on every table, as one tenant against the other's rows.

use super::catalog::{Column, Relation, SqlCommand};
use super::context::{Attacker, OTHER, OWN, ProbeContext, path};
use super::fresh::insert_sql;
use super::judge::{self, Standing};
use super::report::ProbeVerdict;
use super::sample::value;
use super::session::{AttemptOutcome, SendMode};
use super::virtual_row::{ReadSource, can_plant, source};
use flowcontrol_base::Result;
use flowcontrol_contract::sql::identifier;

/// A statement that filters rows, executed as both tenants.
struct Reach {
    what: &'static str,
    verb: &'static str,
    standing: Standing,
    sql: String,
    send: SendMode,
    /// Reads a virtual row, so nothing is inserted.
    is_virtual: bool,
}

/// Probes one table as one login.
pub async fn probe(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    table: &Relation,
) -> Result<()> {
    for reach in reaches(context, attacker, table) {
        let judged = compare(context, attacker, table, &reach).await?;
        context.push(7, id(table, reach.what), attacker.key, &table.name, reach.verb, judged);
    }
    moves(context, attacker, table).await?;
    inserts(context, attacker, table).await?;
    blind(context, attacker, table).await?;
    leaky(context, attacker, table).await
}

fn id(table: &Relation, what: &str) -> String {
    format!("{}.{what}", table.name)
}

/// A column that the login may update, preferably not part of a key.
fn changeable<'t>(
    context: &ProbeContext<'_>,
    attacker: &Attacker,
    table: &'t Relation,
) -> Option<&'t Column> {
    let in_key = |c: &Column| {
        context.catalog.keys(&table.name).any(|k| k.columns.iter().flatten().any(|n| *n == c.name))
            || context.catalog.foreign_keys(&table.name).any(|k| k.columns.contains(&c.name))
    };
    let mut columns: Vec<&Column> =
        table.columns.iter().filter(|c| !c.generated && !c.identity).collect();
    columns.sort_by_key(|c| (!c.grants(attacker.name(), "UPDATE"), in_key(c)));
    columns.into_iter().next()
}

fn reaches(context: &ProbeContext<'_>, attacker: &Attacker, table: &Relation) -> Vec<Reach> {
    use SqlCommand::{Delete, Select, Update};
    let standing = |p: &[&str], c: &[SqlCommand]| context.standing(attacker, table, p, c);
    let t = path(table);
    let filter = victim(context, table);
    let column =
        changeable(context, attacker, table).map_or_else(String::new, |c| identifier(&c.name));
    let tenant = identifier(&context.settings().tenant_column);
    let read = source(context, attacker.name(), table, false);
    let (from, is_virtual) = (read.sql, read.is_virtual);
    let reach = |what, verb, standing, sql| {
        let is_virtual = is_virtual && verb == "SELECT";
        Reach { what, verb, standing, sql, send: SendMode::Plain, is_virtual }
    };
    vec![
        reach(
            "select.other-tenant",
            "SELECT",
            standing(&["SELECT"], &[Select]),
            format!("select 1 from {from} where {filter}"),
        ),
        reach(
            "select-for-update.other-tenant",
            "SELECT FOR UPDATE",
            standing(&["SELECT", "UPDATE"], &[Select, Update]),
            format!("select 1 from {t} where {filter} for update"),
        ),
        reach(
            "update.other-tenant",
            "UPDATE",
            standing(&["SELECT", "UPDATE"], &[Select, Update]),
            format!("update {t} set {column} = {column} where {filter}"),
        ),
        reach(
            "delete.other-tenant",
            "DELETE",
            standing(&["SELECT", "DELETE"], &[Select, Delete]),
            format!("delete from {t} where {filter}"),
        ),
        reach(
            "merge.update-other-tenant",
            "MERGE",
            standing(&["SELECT", "UPDATE"], &[Select, Update]),
            format!(
                "merge into {t} as t using (select 1) as s on {filter} \
                     when matched then update set {column} = t.{column}"
            ),
        ),
        Reach {
            what: "copy-to.other-tenant",
            verb: "COPY TO",
            standing: standing(&["SELECT"], &[Select]),
            sql: format!("copy (select {tenant} from {from} where {filter}) to stdout"),
            send: copy_out(standing(&["SELECT"], &[Select])),
            is_virtual,
        },
    ]
}

fn copy_out(standing: Standing) -> SendMode {
    if standing.granted { SendMode::CopyOut } else { SendMode::CopyOutDenied }
}

/// The condition that finds the other tenant's sample row.
fn victim(context: &ProbeContext<'_>, table: &Relation) -> String {
    let sample = context.samples.rows.get(&(table.name.clone(), OTHER));
    let none = super::sample::Row::new();
    context.finds(table, sample.map_or(&none, |s| &s.row), &context.tenants[OTHER])
}

async fn compare(
    context: &ProbeContext<'_>,
    attacker: &mut Attacker,
    table: &Relation,
    reach: &Reach,
) -> Result<judge::ProbeJudgement> {
    let usable = reach.standing.granted && reach.standing.admitted;
    let planted = match usable && !reach.is_virtual {
        true => context.plant(attacker.name(), table, OTHER, true),
        false => Vec::new(),
    };
    let mut setup = planted.clone();
    setup.push(context.as_tenant(&context.tenants[OWN]));
    let attack = attacker.session.attempt(&setup, &reach.sql, reach.send).await?;
    let control = if usable {
        let mut setup = planted;
        setup.push(context.as_tenant(&context.tenants[OTHER]));
        Some(attacker.session.attempt(&setup, &reach.sql, reach.send).await?)
    } else {
        None
    };
    let judged = judge::reach(reach.standing, &attack, control.as_ref());
    Ok(ReadSource { sql: String::new(), is_virtual: reach.is_virtual }.note(judged))
}

/// Moves a row of the attacker's own to the other tenant.
async fn moves(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    table: &Relation,
) -> Result<()> {
    let Some(column) = table.column(&context.settings().tenant_column) else { return Ok(()) };
    let commands = [SqlCommand::Select, SqlCommand::Update];
    let mut standing = context.standing(attacker, table, &["SELECT", "UPDATE"], &commands);
    standing.granted &= column.grants(attacker.name(), "UPDATE");
    let sample = context.samples.rows.get(&(table.name.clone(), OWN)).map(|s| s.row.clone());
    standing.exists = sample.is_some();
    let filter = context.finds(table, &sample.unwrap_or_default(), &context.tenants[OWN]);
    let to = |side: usize| {
        let (t, name) = (path(table), identifier(&column.name));
        format!(
            "update {t} set {name} = {} where {filter}",
            value(column, Some(&context.tenants[side]))
        )
    };
    let usable = standing.granted && standing.admitted;
    let mut setup =
        if usable { context.plant(attacker.name(), table, OWN, true) } else { Vec::new() };
    setup.push(context.as_tenant(&context.tenants[OWN]));
    let attack = attacker.session.attempt(&setup, &to(OTHER), SendMode::Plain).await?;
    let control = match usable {
        true => Some(attacker.session.attempt(&setup, &to(OWN), SendMode::Plain).await?),
        false => None,
    };
    let judged = match &attack {
        // No row was found to move: the policy filtered, so it is judged as a filter.
        AttemptOutcome::Rows(0) => match control {
            Some(AttemptOutcome::Rows(1..)) => {
                let why = "the row did not move, but nothing refused it".to_owned();
                (ProbeVerdict::Unproved(why.clone()), why)
            }
            _ => judge::reach(standing, &attack, control.as_ref()),
        },
        _ => judge::write(standing, &attack, control.as_ref()),
    };
    context.push(7, id(table, "update.move"), attacker.key, &table.name, "UPDATE", judged);
    Ok(())
}

/// Inserts a row of the other tenant with every kind of statement.
async fn inserts(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    table: &Relation,
) -> Result<()> {
    let name = attacker.name().to_owned();
    let mut standing = context.standing(attacker, table, &["INSERT"], &[SqlCommand::Insert]);
    standing.granted &=
        table.column(&context.settings().tenant_column).is_some_and(|c| c.grants(&name, "INSERT"));
    let usable = standing.granted && standing.admitted;
    let found = if usable {
        context.find_insertable(attacker, table).await?
    } else {
        Err("there was no control".to_owned())
    };
    if let Ok(found) = &found {
        attacker.insertable.insert(table.name.clone(), found.clone());
    }
    let sample = context.samples.rows.get(&(table.name.clone(), OTHER)).map(|s| s.row.clone());
    // Without a row the server still shows whether the privilege is granted.
    let plain = match (&found, &sample) {
        (Ok(found), _) => found.fresh.row().map(|i| insert_sql(table, &i.row, &name)),
        (Err(_), Some(row)) => Some(insert_sql(table, row, &name)),
        (Err(_), None) => None,
    };
    let plain = plain.unwrap_or_else(|| format!("insert into {} default values", path(table)));
    let existing = sample.map_or_else(|| plain.clone(), |row| insert_sql(table, &row, &name));
    let t = path(table);
    let merge = match plain.strip_prefix(&format!("insert into {t} (")) {
        Some(tail) => format!(
            "merge into {t} using (select 1) as s on false when not matched then insert ({tail}"
        ),
        None => format!(
            "merge into {t} using (select 1) as s on false when not matched then insert default values"
        ),
    };
    let returning = format!("{plain} returning 1");
    let conflict = format!("{existing} on conflict do nothing");
    let select = context.standing(attacker, table, &["SELECT"], &[SqlCommand::Select]);
    let reading = Standing {
        granted: standing.granted && select.granted,
        admitted: standing.admitted && select.admitted,
        exists: standing.exists,
    };
    let ways = [
        ("insert.other-tenant", "INSERT", standing, &plain, false),
        ("insert-returning.other-tenant", "INSERT RETURNING", reading, &returning, false),
        ("insert-on-conflict.other-tenant", "INSERT ON CONFLICT", standing, &conflict, true),
        ("merge.insert-other-tenant", "MERGE", standing, &merge, false),
    ];
    for (what, verb, standing, sql, planted) in ways {
        let (prepare, tenant) = match &found {
            Ok(found) if !planted => {
                let mut steps = context.plant(&name, table, OTHER, false);
                steps.push(context.as_tenant(&found.tenant));
                steps.extend(context.parents(&name, &found.fresh));
                (steps, found.tenant.clone())
            }
            Ok(_) => (context.plant(&name, table, OTHER, true), context.tenants[OTHER].clone()),
            Err(_) => (Vec::new(), context.tenants[OTHER].clone()),
        };
        let attempt = |tenant: &str| {
            let mut setup = prepare.clone();
            setup.push(context.as_tenant(tenant));
            setup
        };
        let attack =
            attacker.session.attempt(&attempt(&context.tenants[OWN]), sql, SendMode::Plain).await?;
        let judged = match &found {
            Ok(_) => {
                let control =
                    attacker.session.attempt(&attempt(&tenant), sql, SendMode::Plain).await?;
                judge::write(standing, &attack, Some(&control))
            }
            Err(why) => match judge::write(standing, &attack, None) {
                (ProbeVerdict::Unproved(_), _) => {
                    (ProbeVerdict::Unproved(why.clone()), why.clone())
                }
                judged => judged,
            },
        };
        context.push(7, id(table, what), attacker.key, &table.name, verb, judged);
    }
    standing.granted &= table.grants_whole(&name, "INSERT");
    let sql = format!("copy {} from stdin", path(table));
    let setup = [context.as_tenant(&context.tenants[OWN])];
    let attack = attacker.session.attempt(&setup, &sql, SendMode::CopyIn).await?;
    let judged = judge::copy_from(standing, &attack);
    context.push(
        7,
        id(table, "copy-from.other-tenant"),
        attacker.key,
        &table.name,
        "COPY FROM",
        judged,
    );
    Ok(())
}

/// Statements without a condition, as a tenant without rows: a policy for one command that
/// admits more rows than the one for SELECT is found here, and so is a third tenant's row.
async fn blind(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    table: &Relation,
) -> Result<()> {
    use SqlCommand::{Delete, Select, Update};
    let t = path(table);
    let name = attacker.name().to_owned();
    let row = context.samples.rows.get(&(table.name.clone(), OTHER)).map(|s| s.row.clone());
    let column = changeable(context, attacker, table);
    let assignment = column.map_or_else(String::new, |c| {
        let text = row.as_ref().and_then(|r| r.get(&c.name)).and_then(Option::as_ref);
        format!("{} = {}", identifier(&c.name), value(c, text))
    });
    let mut whole = context.standing(attacker, table, &["SELECT"], &[Select]);
    whole.granted &= table.columns.iter().all(|c| c.grants(&name, "SELECT"));
    let read = source(context, &name, table, false);
    let copy = match read.is_virtual {
        true => format!("copy (select * from {}) to stdout", read.sql),
        false => format!("copy {t} to stdout"),
    };
    let ways = [
        (
            "select.whole",
            "SELECT",
            context.standing(attacker, table, &["SELECT"], &[Select]),
            format!("select 1 from {} limit 1", read.sql),
            SendMode::Plain,
        ),
        ("copy-to.whole", "COPY TO", whole, copy, copy_out(whole)),
        (
            "update.blind",
            "UPDATE",
            context.standing(attacker, table, &["UPDATE"], &[Update]),
            format!("update {t} set {assignment}"),
            SendMode::Plain,
        ),
        (
            "delete.blind",
            "DELETE",
            context.standing(attacker, table, &["DELETE"], &[Delete]),
            format!("delete from {t}"),
            SendMode::Plain,
        ),
    ];
    for (what, verb, standing, sql, send) in ways {
        let is_virtual = read.is_virtual && matches!(verb, "SELECT" | "COPY TO");
        let plants = standing.granted && !is_virtual && can_plant(context, &name, table);
        let mut setup = match plants {
            true => context.plant(&name, table, OTHER, true),
            false => Vec::new(),
        };
        setup.push(context.as_tenant(&context.unused_tenant));
        let attack = attacker.session.attempt(&setup, &sql, send).await?;
        // A fixture row that was not inserted for this attempt does not count.
        let stored = context
            .samples
            .rows
            .get(&(table.name.clone(), OTHER))
            .is_some_and(|s| !s.planted || plants || is_virtual);
        let judged = match judge::reaches_no_row(Standing { exists: stored, ..standing }, &attack) {
            (ProbeVerdict::Unproved(_), _)
                if !standing.admitted && attack == AttemptOutcome::Rows(0) =>
            {
                match standing.exists {
                    true => (ProbeVerdict::Held, judge::NO_POLICY.to_owned()),
                    false => judge::reaches_no_row(standing, &attack),
                }
            }
            judged => judged,
        };
        let judged = ReadSource { sql: String::new(), is_virtual }.note(judged);
        context.push(7, id(table, what), attacker.key, &table.name, verb, judged);
    }
    Ok(())
}

/// A caller's own function with a very low cost must still run after the policy.
async fn leaky(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    table: &Relation,
) -> Result<()> {
    let standing = context.standing(attacker, table, &["SELECT"], &[SqlCommand::Select]);
    // If the login reads nothing at all, `select.other-tenant` has reported it.
    let usable = standing.granted && standing.admitted;
    // A virtual row has no order of evaluation; logins that can insert the row prove it.
    if !usable || source(context, attacker.name(), table, false).is_virtual {
        return Ok(());
    }
    let create =
        "create function pg_temp.peek(text) returns boolean language plpgsql cost 0.000001 \
        as $peek$ begin raise exception using errcode = 'LEAKY', message = 'seen'; end $peek$"
            .to_owned();
    let column = identifier(&context.settings().tenant_column);
    let sql = format!("select 1 from {} where pg_temp.peek({column}::text)", path(table));
    let planted = context.plant(attacker.name(), table, OTHER, true);
    let attempt = |tenant: &str| {
        let mut setup = planted.clone();
        setup.extend([create.clone(), context.as_tenant(tenant)]);
        setup
    };
    let seen = |o: &AttemptOutcome| matches!(o, AttemptOutcome::Refused(r) if r.code == "LEAKY");
    let attack =
        attacker.session.attempt(&attempt(&context.unused_tenant), &sql, SendMode::Plain).await?;
    let control =
        attacker.session.attempt(&attempt(&context.tenants[OTHER]), &sql, SendMode::Plain).await?;
    let judged = match &attack {
        o if seen(o) => {
            let why = "a caller's function saw a row before the policy did".to_owned();
            (ProbeVerdict::Leak(why.clone()), why)
        }
        AttemptOutcome::Rows(0) if seen(&control) => (
            ProbeVerdict::Held,
            "a caller's function sees its own tenant's rows and no other's".to_owned(),
        ),
        AttemptOutcome::Unprepared(r) if r.by_privilege() && planted.is_empty() => (
            ProbeVerdict::Held,
            "the login may not create functions, not even temporary ones".to_owned(),
        ),
        other => {
            let why = format!(
                "the attack gave {}, the control {}",
                judge::describe(other),
                judge::describe(&control)
            );
            (ProbeVerdict::Unproved(why.clone()), why)
        }
    };
    context.push(
        10,
        id(table, "select.leaky-function"),
        attacker.key,
        &table.name,
        "SELECT",
        judged,
    );
    Ok(())
}
