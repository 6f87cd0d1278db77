//! Case 4, by the constraints: no table accepts a row of the empty tenant from any role. Policies
//! do not bind superusers and BYPASSRLS, and such a row would be visible to a session whose tenant was
//! not set, wherever a policy lacks its nullif.

use super::catalog::{Catalog, ForeignKey, Relation};
use super::context::{Attacker, ProbeContext};
use super::report::ProbeVerdict;
use super::session::{AttemptOutcome, SendMode};
use super::settings::ProbeSettings;
use super::virtual_row::as_row;
use flowcontrol_base::Result;
use flowcontrol_contract::sql::literal;
use std::collections::BTreeSet;

/// Checks every table's constraints on a row of the empty tenant, over the connection of any login.
pub async fn probe(
    context: &mut ProbeContext<'_>,
    asker: &mut Attacker,
    tables: &[Relation],
) -> Result<()> {
    let mut refusing = BTreeSet::new();
    for table in tables {
        if refuses(context, asker, table).await? {
            refusing.insert(table.name.clone());
        }
    }
    inherit(&context.catalog, context.settings(), &mut refusing);
    for table in tables {
        let (verdict, detail) = if refusing.contains(&table.name) {
            (
                ProbeVerdict::Held,
                "the tenant's type, a check, or a foreign key refuses it".to_owned(),
            )
        } else {
            let why = format!(
                "only policies refuse a row of the empty tenant: add check ({} <> '')",
                context.settings().tenant_column
            );
            (ProbeVerdict::Leak(why.clone()), why)
        };
        let id = format!("{}.tenant-column.empty", table.name);
        context.push(4, id, "catalog", &table.name, "CHECK", (verdict, detail));
    }
    Ok(())
}

async fn refuses(
    context: &ProbeContext<'_>,
    asker: &mut Attacker,
    table: &Relation,
) -> Result<bool> {
    let Some(column) = table.column(&context.settings().tenant_column) else { return Ok(true) };
    let cast = format!("select {}::{}", literal(""), column.kind);
    match asker.session.attempt(&[], &cast, SendMode::Plain).await? {
        // Not a value of the type, or refused by a domain's own check.
        AttemptOutcome::Refused(r) if r.code == "22P02" || r.code == "23514" => return Ok(true),
        _ => {}
    }
    let sample =
        [0, 1].iter().find_map(|side| context.samples.rows.get(&(table.name.clone(), *side)));
    let mut row = sample.map(|s| s.row.clone()).unwrap_or_default();
    row.insert(column.name.clone(), Some(String::new()));
    for check in context.catalog.checks.iter().filter(|c| c.table == table.name) {
        let sql =
            format!("select 1 from {} where ({}) is false", as_row(table, &row), check.expression);
        if asker.session.attempt(&[], &sql, SendMode::Plain).await? == AttemptOutcome::Rows(1) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A table whose foreign key includes the tenant and refers to a refusing table refuses it too, and so does a
/// partition of a refusing table, which has its parent's constraints.
fn inherit(catalog: &Catalog, settings: &ProbeSettings, refusing: &mut BTreeSet<String>) {
    let tenant = &settings.tenant_column;
    let hands_on = |key: &ForeignKey| {
        key.validated
            && key.columns.iter().zip(&key.parent_columns).any(|(a, b)| a == tenant && b == tenant)
    };
    let keys = catalog.foreign_keys.iter().filter(|key| hands_on(key));
    let keys = keys.map(|key| (&key.table, &key.parent));
    // An inheritance child inherits the checks of its parent, but not its foreign keys.
    let partitions = catalog.relations.iter().filter(|r| r.schema == settings.schema);
    let partitions = partitions.filter_map(|r| {
        let whole = catalog.parent(r).filter(|whole| whole.kind == 'p')?;
        Some((&r.name, &whole.name))
    });
    let from: Vec<(&String, &String)> = keys.chain(partitions).collect();
    while let Some((table, _)) =
        from.iter().find(|(table, of)| !refusing.contains(*table) && refusing.contains(*of))
    {
        refusing.insert((*table).clone());
    }
}
