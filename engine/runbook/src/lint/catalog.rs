//! The rules on a migrated database's catalog.

use super::{Finding, finding, policy};
use crate::Layout;
use crate::catalog::{Catalog, ForeignKey, Grant, Table, TableKind};

/// Checks the catalog that the migrations lead to; waivers are applied by [`crate::waiver::settle`].
pub fn catalog(catalog: &Catalog, layout: &Layout) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |rule, object: String, message: String| {
        found.push(Finding { object: Some(object), ..finding(rule, message) });
    };
    for table in &catalog.tables {
        privileges(table, layout, &mut add);
        match table.kind {
            TableKind::View => view(table, &mut add),
            TableKind::Matview => {
                add(
                    "matview",
                    table.full_name(),
                    "a materialised view holds every tenant's rows, unfiltered".to_owned(),
                );
            }
            TableKind::Foreign => {
                add(
                    "foreign-table",
                    table.full_name(),
                    "a foreign table cannot have row-level security".to_owned(),
                );
            }
            TableKind::Table | TableKind::Partitioned => {
                security(table, &mut add);
                policy::policies(table, catalog, layout, &mut add);
                tenant_column(table, catalog, layout, &mut add);
                keys(table, catalog, layout, &mut add);
            }
        }
    }
    functions(catalog, &mut add);
    for sequence in &catalog.sequences {
        let object = format!("{}.{}", sequence.schema, sequence.name);
        for grant in others(&sequence.grants, &sequence.owner) {
            if grant.grantee == "public" {
                add(
                    "privilege-public",
                    object.clone(),
                    format!("PUBLIC has {} on the sequence", grant.privilege),
                );
            } else if grant.privilege == "SELECT" {
                add(
                    "sequence-select",
                    object.clone(),
                    format!("{} can read how far the sequence is for all tenants", grant.grantee),
                );
            }
        }
    }
    found
}

/// Takes a rule, an object and what is wrong with it.
pub(super) type Add<'a> = dyn FnMut(&'static str, String, String) + 'a;

fn others<'a>(grants: &'a [Grant], owner: &'a str) -> impl Iterator<Item = &'a Grant> {
    grants.iter().filter(move |grant| grant.grantee != owner)
}

fn security(table: &Table, add: &mut Add<'_>) {
    let object = table.full_name();
    match (table.rls, table.force, &table.partition_of) {
        (true, true, _) => {}
        (_, _, Some(parent)) => {
            add(
                "partition-rls",
                object,
                format!(
                    "a query that names it directly is not bound by the row-level security of {parent}"
                ),
            );
        }
        (false, true, None) => {
            add(
                "force-without-enable",
                object,
                "row-level security is forced but not enabled, so it is off".to_owned(),
            );
        }
        (false, false, None) => {
            add("table-rls", object, "row-level security is not enabled".to_owned())
        }
        (true, false, None) => {
            add(
                "table-force",
                object,
                "row-level security is not forced, so it does not apply to the owner".to_owned(),
            );
        }
    }
}

fn privileges(table: &Table, layout: &Layout, add: &mut Add<'_>) {
    let object = table.full_name();
    let columns = table.columns.iter().flat_map(|c| &c.grants);
    for grant in others(&table.grants, &table.owner).chain(columns) {
        let (who, what) = (&grant.grantee, &grant.privilege);
        if who == "public" {
            add("privilege-public", object.clone(), format!("PUBLIC has {what}"));
        } else if matches!(what.as_str(), "TRUNCATE" | "REFERENCES" | "TRIGGER")
            && *who != table.owner
        {
            add("privilege-excess", object.clone(), format!("{who} has {what}"));
        }
    }
    let roles = &layout.roles;
    let bound = [&roles.application, &roles.replayer, &roles.auditor, &roles.verifier];
    if bound.contains(&&table.owner) && table.owner != roles.owner {
        add(
            "role-owns",
            object,
            format!("{} owns it and can disable its row-level security", table.owner),
        );
    }
}

fn view(table: &Table, add: &mut Add<'_>) {
    let invoker = table.options.iter().any(|option| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        name == "security_invoker"
            && matches!(value.to_lowercase().as_str(), "true" | "on" | "1" | "yes")
    });
    if !invoker {
        add(
            "view-invoker",
            table.full_name(),
            "the view reads with its owner's privileges and bypasses its reader's policies"
                .to_owned(),
        );
    }
}

fn tenant_column(table: &Table, catalog: &Catalog, layout: &Layout, add: &mut Add<'_>) {
    let name = &layout.tenant_column;
    let Some(column) = table.column(name) else {
        add("tenant-column", table.full_name(), format!("the table has no column {name}"));
        return;
    };
    let object = format!("{}.{name}", table.full_name());
    if !column.not_null {
        add("tenant-nullable", object.clone(), "a row with null belongs to no tenant".to_owned());
    }
    if column.category == "S" && !refuses_empty(table, catalog, layout, 0) {
        add(
            "tenant-empty",
            object,
            "a row of the tenant '' is seen by sessions without a tenant".to_owned(),
        );
    }
}

/// Its own check, or a foreign key to a table that has one: key checks see every row.
fn refuses_empty(table: &Table, catalog: &Catalog, layout: &Layout, depth: usize) -> bool {
    let column = &layout.tenant_column;
    let quoted = format!("\"{column}\"");
    let own = table.checks.iter().filter(|check| check.validated).any(|check| {
        let definition = check.definition.replace(&quoted, column);
        // An OR could let the empty text through again.
        !definition.contains(" OR ")
            && (definition.contains(&format!("({column} <> ''"))
                || definition.contains(&format!("length({column}) > 0")))
    });
    let carried = || {
        table.foreign_keys.iter().filter(|key| key.validated).any(|key| {
            let carries = pairs(key).any(|(a, b)| a == column && b == column);
            let target = catalog.table(&key.target_schema, &key.target);
            // Null in another column of a composite key disables the check.
            let strict = key
                .columns
                .iter()
                .all(|name| table.column(name).is_some_and(|column| column.not_null));
            carries
                && strict
                && target
                    .is_some_and(|t| t != table && refuses_empty(t, catalog, layout, depth + 1))
        })
    };
    own || (depth < 8 && carried())
}

fn pairs(key: &ForeignKey) -> impl Iterator<Item = (&String, &String)> {
    key.columns.iter().zip(&key.target_columns)
}

fn keys(table: &Table, catalog: &Catalog, layout: &Layout, add: &mut Add<'_>) {
    let tenant = &layout.tenant_column;
    if table.column(tenant).is_none() {
        return;
    }
    let leads = |columns: &[String]| {
        columns.first().is_some_and(|c| c == tenant || c.trim_matches('"') == tenant)
    };
    let full = table.full_name();
    for key in table.primary_key.iter().chain(&table.uniques).filter(|key| !leads(&key.columns)) {
        add(
            "key-tenant-first",
            format!("{full} {}", key.name),
            format!("the key is ({}) and does not lead with {tenant}", key.columns.join(", ")),
        );
    }
    for index in &table.indexes {
        let object = format!("{full} {}", index.name);
        if !index.valid {
            add("index-invalid", object, "the index is not valid".to_owned());
        } else if !index.unique && !leads(&index.columns) {
            add(
                "index-tenant-first",
                object,
                format!(
                    "the index is ({}) and does not lead with {tenant}",
                    index.columns.join(", ")
                ),
            );
        }
    }
    for key in &table.foreign_keys {
        let target = catalog.table(&key.target_schema, &key.target);
        // A table outside the schemas that were read is assumed to hold tenants' data as well.
        let shared = target.is_some_and(|t| t.column(tenant).is_none());
        if !shared && !pairs(key).any(|(a, b)| a == tenant && b == tenant) {
            add(
                "foreign-key-tenant",
                format!("{full} {}", key.name),
                format!(
                    "a row can refer to another tenant's row in {}.{}",
                    key.target_schema, key.target
                ),
            );
        }
    }
}

fn functions(catalog: &Catalog, add: &mut Add<'_>) {
    for function in catalog.functions.iter().filter(|f| f.security_definer) {
        let object = format!("{}.{}({})", function.schema, function.name, function.arguments);
        if !function.settings.iter().any(|setting| setting.starts_with("search_path=")) {
            add(
                "definer-path",
                object.clone(),
                "it runs with its owner's privileges on the search_path that its caller sets"
                    .to_owned(),
            );
        }
        if function.grants.iter().any(|grant| grant.grantee == "public") {
            add(
                "definer-public",
                object,
                "every role can call it with its owner's privileges".to_owned(),
            );
        }
    }
}
