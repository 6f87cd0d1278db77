//! Cases 2 and 10: weaknesses that the catalog alone shows. Pure.

mod policies;

use super::catalog::{Catalog, Function, Relation, SqlCommand};
use super::report::{ProbeResult, ProbeVerdict};
use super::settings::ProbeSettings;

/// The logins that must be restricted, by key and login name.
pub type Logins<'a> = &'a [(&'static str, String)];

/// Checks every object of the catalog.
pub fn probes(catalog: &Catalog, settings: &ProbeSettings, logins: Logins<'_>) -> Vec<ProbeResult> {
    let mut found = Vec::new();
    for relation in &catalog.relations {
        match relation.kind {
            'r' | 'p' | 'f' if relation.schema == settings.schema => {
                table(&mut found, catalog, settings, logins, relation);
            }
            'r' | 'p' | 'f' => elsewhere(&mut found, settings, logins, relation),
            'v' | 'm' => view(&mut found, catalog, settings, relation),
            _ => {}
        }
    }
    for policy in &catalog.policies {
        policies::open(&mut found, settings, policy);
    }
    for f in &catalog.functions {
        function(&mut found, catalog, settings, logins, f);
    }
    found
}

fn push(
    found: &mut Vec<ProbeResult>,
    case: u8,
    id: String,
    object: &str,
    verb: &'static str,
    bad: Option<String>,
) {
    let (verdict, detail) = match bad {
        Some(why) => (ProbeVerdict::Leak(why.clone()), why),
        None => (ProbeVerdict::Held, "read from the catalog".to_owned()),
    };
    found.push(ProbeResult {
        case,
        id,
        login: "catalog",
        object: object.to_owned(),
        verb,
        verdict,
        detail,
    });
}

fn table(
    found: &mut Vec<ProbeResult>,
    catalog: &Catalog,
    settings: &ProbeSettings,
    logins: Logins<'_>,
    t: &Relation,
) {
    let name = &t.name;
    if settings.shared_tables.contains(name) {
        let writers: Vec<&str> = logins
            .iter()
            .filter(|(key, _)| *key != "owner")
            .filter(|(_, login)| {
                ["INSERT", "UPDATE", "DELETE", "TRUNCATE"].iter().any(|p| t.grants(login, p))
            })
            .map(|(key, _)| *key)
            .collect();
        let bad = (!writers.is_empty()).then(|| {
            format!(
                "{} may write to a shared table, through which data passes between tenants",
                writers.join(", ")
            )
        });
        push(found, 10, format!("{name}.shared.write"), name, "WRITE", bad);
        return;
    }
    let kind = if t.parent.is_some() { "the partition" } else { "the table" };
    let off = (!t.enabled).then(|| {
        let also = if t.forced { ", and FORCE without ENABLE does nothing" } else { "" };
        format!("{kind} {name} has no row-level security{also}")
    });
    push(found, 2, format!("{name}.rls.enabled"), name, "ALTER TABLE", off);
    let unforced =
        (!t.forced).then(|| format!("{kind} {name} lacks FORCE: its owner bypasses every policy"));
    push(found, 2, format!("{name}.rls.forced"), name, "ALTER TABLE", unforced);
    match t.column(&settings.tenant_column) {
        None => {
            let why = format!(
                "{name} has no column {}: add it, or name the table among the shared tables",
                settings.tenant_column
            );
            found.push(ProbeResult {
                case: 10,
                id: format!("{name}.tenant-column.present"),
                login: "catalog",
                object: name.clone(),
                verb: "COLUMN",
                verdict: ProbeVerdict::Unproved(why.clone()),
                detail: why,
            });
            return;
        }
        Some(column) => {
            let null = (!column.required)
                .then(|| format!("{} may be NULL: such a row belongs to no tenant", column.name));
            push(found, 10, format!("{name}.tenant-column.required"), name, "COLUMN", null);
            let vague = (!column.deterministic).then(|| {
                format!("the collation of {} may treat two tenants as equal", column.name)
            });
            push(found, 11, format!("{name}.tenant-column.collation"), name, "COLUMN", vague);
        }
    }
    let public = t
        .public
        .then(|| "PUBLIC holds a privilege: every login of the cluster has access".to_owned());
    push(found, 9, format!("{name}.grants.public"), name, "GRANT", public);
    for rule in &t.rules {
        let why = format!("the rule {rule} runs with the rights of the table's owner");
        push(found, 10, format!("{name}.rule.{rule}"), name, "RULE", Some(why));
    }
    for (key, login) in logins.iter().filter(|(key, _)| *key != "owner") {
        for command in SqlCommand::ALL {
            let kept = settings.insert_only.contains(name)
                && matches!(command, SqlCommand::Update | SqlCommand::Delete);
            if kept || !t.grants(login, command.sql()) {
                continue;
            }
            let missing = (!catalog.admits(t, login, &[command])).then(|| {
                format!(
                    "{key} holds {} but no policy admits it: a policy was dropped or never created",
                    command.sql()
                )
            });
            push(
                found,
                10,
                format!("{name}.policy.{}-for-{key}", command.name()),
                name,
                command.sql(),
                missing,
            );
        }
    }
}

/// A table of tenants' data outside the probed schema.
fn elsewhere(
    found: &mut Vec<ProbeResult>,
    settings: &ProbeSettings,
    logins: Logins<'_>,
    t: &Relation,
) {
    let reachable = logins.iter().filter(|(key, _)| *key != "owner").any(|(_, login)| {
        ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|p| t.grants(login, p))
    });
    if t.column(&settings.tenant_column).is_none() || !reachable {
        return;
    }
    let why = format!(
        "{} has the column {} and a probed login can access it, but it is outside {} and was not probed",
        t.path(),
        settings.tenant_column,
        settings.schema
    );
    found.push(ProbeResult {
        case: 10,
        id: format!("{}.outside", t.path()),
        login: "catalog",
        object: t.path(),
        verb: "TABLE",
        verdict: ProbeVerdict::Unproved(why.clone()),
        detail: why,
    });
}

fn view(found: &mut Vec<ProbeResult>, catalog: &Catalog, settings: &ProbeSettings, v: &Relation) {
    let reads = catalog.reaches(v, &settings.schema);
    let inside = v.schema == settings.schema;
    if !reads && !inside {
        return;
    }
    let name = if inside { v.name.clone() } else { v.path() };
    if v.kind == 'm' {
        let holds = reads || v.column(&settings.tenant_column).is_some();
        let why = holds.then(|| {
            format!("the matview {name} stores tenants' rows, and policies do not apply to it")
        });
        push(found, 10, format!("{name}.matview"), &name, "MATERIALIZED VIEW", why);
    } else {
        let why = (reads && !v.invoker).then(|| {
            format!(
                "the view {name} lacks security_invoker: it reads with the rights of {}",
                v.owner
            )
        });
        push(found, 10, format!("{name}.view.security-invoker"), &name, "VIEW", why);
    }
}

fn function(
    found: &mut Vec<ProbeResult>,
    catalog: &Catalog,
    settings: &ProbeSettings,
    logins: Logins<'_>,
    f: &Function,
) {
    let held_back = logins.iter().filter(|(key, _)| *key != "owner");
    let reachable = f.trigger || held_back.clone().any(|(_, login)| f.executable.contains(login));
    let inside = f.schema == settings.schema;
    let object = &f.signature;
    if inside || f.leakproof {
        let why = f.leakproof.then(|| {
            "LEAKPROOF: it may run before the policies and see every tenant's rows".to_owned()
        });
        push(found, 10, format!("{object}.function.leakproof"), object, "FUNCTION", why);
    }
    if !f.definer || !reachable {
        return;
    }
    let creatable = |schema: &str| {
        schema == settings.schema
            && catalog
                .powers
                .iter()
                .any(|p| p.creates && held_back.clone().any(|(_, l)| *l == p.login))
    };
    push(
        found,
        10,
        format!("{object}.function.search-path"),
        object,
        "FUNCTION",
        unpinned(&f.settings, creatable),
    );
    let bypass = f
        .owner_bypasses
        .then(|| format!("SECURITY DEFINER of {}, which bypasses every policy", f.owner));
    push(found, 10, format!("{object}.function.definer"), object, "FUNCTION", bypass);
}

/// Why a SECURITY DEFINER function's search_path is not pinned.
fn unpinned(settings: &[String], creatable: impl Fn(&str) -> bool) -> Option<String> {
    let Some(path) = settings.iter().find_map(|s| s.strip_prefix("search_path=")) else {
        return Some("SECURITY DEFINER without a pinned search_path: a caller's temporary table can shadow the real one".into());
    };
    let schemas: Vec<&str> =
        path.split(',').map(|s| s.trim().trim_matches('"')).filter(|s| !s.is_empty()).collect();
    if schemas.contains(&"$user") {
        return Some("its search_path contains \"$user\", which depends on the caller".into());
    }
    if let Some(schema) = schemas.iter().find(|s| creatable(s)) {
        return Some(format!(
            "its search_path contains {schema}, where a probed login may create objects"
        ));
    }
    // Unless it is listed last, pg_temp is searched first for tables.
    let named = schemas.iter().any(|s| !matches!(*s, "pg_catalog" | "pg_temp"));
    let last =
        schemas.last() == Some(&"pg_temp") && !schemas[..schemas.len() - 1].contains(&"pg_temp");
    (named && !last).then(|| "its search_path does not end with pg_temp: a caller's temporary table can shadow the real one".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Option<String> {
        unpinned(&[format!("search_path={text}")], |_| false)
    }

    #[test]
    fn a_pinned_search_path_ends_with_pg_temp_or_names_only_the_catalog() {
        assert!(unpinned(&[], |_| false).is_some());
        assert!(path("app").is_some());
        assert!(path("pg_temp, app").is_some());
        assert!(path("\"$user\", app, pg_temp").is_some());
        assert!(path("app, pg_temp").is_none());
        assert!(path("pg_catalog").is_none());
        assert!(path("\"\"").is_none());
        assert!(unpinned(&["search_path=app, pg_temp".into()], |s| s == "app").is_some());
    }
}
