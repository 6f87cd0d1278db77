//! Case 10, attempted: views and matviews with the tenant column, read as another tenant.

use super::catalog::{Relation, SqlCommand};
use super::context::{Attacker, OTHER, OWN, ProbeContext, equals, path};
use super::judge::{self, Standing};
use super::session::SendMode;
use flowcontrol_base::Result;

/// Views and matviews of any schema that show tenants' rows and have the tenant column.
pub fn readable(context: &ProbeContext<'_>) -> Vec<Relation> {
    let settings = context.settings();
    context
        .catalog
        .relations
        .iter()
        .filter(|r| matches!(r.kind, 'v' | 'm') && r.column(&settings.tenant_column).is_some())
        .filter(|r| r.schema == settings.schema || context.catalog.reaches(r, &settings.schema))
        .cloned()
        .collect()
}

/// Reads another tenant's rows through a view.
pub async fn probe(
    context: &mut ProbeContext<'_>,
    attacker: &mut Attacker,
    view: &Relation,
) -> Result<()> {
    let Some(column) = view.column(&context.settings().tenant_column) else { return Ok(()) };
    let granted = view.grants(attacker.name(), "SELECT");
    let sql = format!(
        "select 1 from {} where {} limit 1",
        path(view),
        equals(column, Some(&context.tenants[OTHER]))
    );
    let own = [context.as_tenant(&context.tenants[OWN])];
    let other = [context.as_tenant(&context.tenants[OTHER])];
    let attack = attacker.session.attempt(&own, &sql, SendMode::Plain).await?;
    let control = attacker.session.attempt(&other, &sql, SendMode::Plain).await?;
    // The owner reads no table under FORCE, so through a view it reads none either.
    let closed = |r: &Relation| context.catalog.admits(r, attacker.name(), &[SqlCommand::Select]);
    let tables: Vec<&Relation> = context
        .catalog
        .relations
        .iter()
        .filter(|r| r.is_table() && view.reads.contains(&r.path()))
        .collect();
    let admitted = tables.is_empty() || tables.iter().all(|t| closed(t));
    let judged =
        judge::reach(Standing { granted, admitted, exists: true }, &attack, Some(&control));
    let name =
        if view.schema == context.settings().schema { view.name.clone() } else { view.path() };
    context.push(10, format!("{name}.select.other-tenant"), attacker.key, &name, "SELECT", judged);
    Ok(())
}
