//! The rules on row-level policies.

use super::catalog::Add;
use crate::Layout;
use crate::catalog::{Catalog, Policy, Table};

/// Checks the policies of one table.
pub fn policies(table: &Table, catalog: &Catalog, layout: &Layout, add: &mut Add<'_>) {
    // A partition without its own policy denies direct access, which is intended.
    if table.rls && table.partition_of.is_none() && !table.policies.iter().any(|p| p.permissive) {
        let message = "row-level security is enabled, but no permissive policy admits any row";
        add("no-policy", table.full_name(), message.to_owned());
    }
    for policy in &table.policies {
        judge(table, policy, catalog, layout, add);
    }
}

fn judge(table: &Table, policy: &Policy, catalog: &Catalog, layout: &Layout, add: &mut Add<'_>) {
    let object = format!("{} {}", table.full_name(), policy.name);
    let mut add = |rule, message: String| add(rule, object.clone(), message);
    if policy.roles.iter().any(|role| role == "public") {
        add("policy-public", "the policy applies to PUBLIC".to_owned());
    }
    if matches!(policy.command.as_str(), "all" | "insert" | "update") && policy.check.is_none() {
        add("policy-check", "the policy has no WITH CHECK expression".to_owned());
    }
    // A restrictive policy only removes rows.
    if !policy.permissive {
        return;
    }
    let (setting, column) = (&layout.tenant_setting, &layout.tenant_column);
    for (part, expression) in [("using", &policy.using), ("with check", &policy.check)] {
        let Some(expression) = expression else { continue };
        let read = reading(expression, catalog, setting);
        if read == Reading::None || !mentions_column(expression, column) {
            add(
                "policy-tenant",
                format!("its {part} does not compare {column} with {setting}: {expression}"),
            );
        } else if read == Reading::Bare {
            add("policy-nullif", format!("its {part} treats an empty {setting} as a tenant"));
        }
        if outside_strings(expression).contains(" OR ") {
            add(
                "policy-or",
                format!("its {part} has an OR that may open other tenants' rows: {expression}"),
            );
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    None,
    Bare,
    ThroughNullif,
}

/// How an expression reads the setting: directly, or through a function of the schema.
fn reading(expression: &str, catalog: &Catalog, setting: &str) -> Reading {
    let own = reading_of_text(expression, setting);
    if own != Reading::None {
        return own;
    }
    let called = catalog
        .functions
        .iter()
        .filter(|f| expression.contains(&format!("{}.{}(", f.schema, f.name)))
        .map(|f| reading_of_text(&f.definition, setting));
    called.into_iter().find(|reading| *reading != Reading::None).unwrap_or(Reading::None)
}

fn reading_of_text(text: &str, setting: &str) -> Reading {
    let flat: String = text.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let call = format!("current_setting('{}'", setting.to_lowercase());
    if !flat.contains(&call) {
        return Reading::None;
    }
    let guarded = flat.matches(&format!("nullif({call}")).count()
        + flat.matches(&format!("nullif(pg_catalog.{call}")).count();
    if guarded == flat.matches(&call).count() { Reading::ThroughNullif } else { Reading::Bare }
}

fn mentions_column(expression: &str, column: &str) -> bool {
    let text = outside_strings(expression);
    text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).any(|word| word == column)
}

/// The expression without its string literals.
fn outside_strings(expression: &str) -> String {
    expression.split('\'').step_by(2).collect::<Vec<_>>().join(" ")
}
