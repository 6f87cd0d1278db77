//! Case 10, attempted: views and matviews with the tenant column, read as another tenant.

use super::catalog::{Command, Relation};
use super::judge::{self, Standing};
use super::run::{Attacker, OTHER, OWN, Run, equals, path};
use super::session::Send;
use flowcontrol_base::Result;

/// Views and matviews of any schema that show tenants' rows and have the tenant column.
pub fn readable(run: &Run<'_>) -> Vec<Relation> {
    let settings = run.settings();
    run.catalog
        .relations
        .iter()
        .filter(|r| matches!(r.kind, 'v' | 'm') && r.column(&settings.tenant_column).is_some())
        .filter(|r| r.schema == settings.schema || run.catalog.reaches(r, &settings.schema))
        .cloned()
        .collect()
}

/// Reads another tenant's rows through a view.
pub async fn probe(run: &mut Run<'_>, attacker: &mut Attacker, view: &Relation) -> Result<()> {
    let Some(column) = view.column(&run.settings().tenant_column) else { return Ok(()) };
    let granted = view.grants(attacker.name(), "SELECT");
    let sql = format!(
        "select 1 from {} where {} limit 1",
        path(view),
        equals(column, Some(&run.tenants[OTHER]))
    );
    let own = [run.as_tenant(&run.tenants[OWN])];
    let other = [run.as_tenant(&run.tenants[OTHER])];
    let attack = attacker.session.attempt(&own, &sql, Send::Plain).await?;
    let control = attacker.session.attempt(&other, &sql, Send::Plain).await?;
    // The owner reads no table under FORCE, so through a view it reads none either.
    let closed = |r: &Relation| run.catalog.admits(r, attacker.name(), &[Command::Select]);
    let tables: Vec<&Relation> = run
        .catalog
        .relations
        .iter()
        .filter(|r| r.is_table() && view.reads.contains(&r.path()))
        .collect();
    let admitted = tables.is_empty() || tables.iter().all(|t| closed(t));
    let judged =
        judge::reach(Standing { granted, admitted, exists: true }, &attack, Some(&control));
    let name = if view.schema == run.settings().schema { view.name.clone() } else { view.path() };
    run.push(10, format!("{name}.select.other-tenant"), attacker.key, &name, "SELECT", judged);
    Ok(())
}
