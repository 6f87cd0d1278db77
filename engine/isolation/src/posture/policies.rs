//! Whether a policy checks the tenant, as far as its text shows. Pure.

use crate::catalog::{Called, Policy};
use crate::report::{ProbeResult, ProbeVerdict};
use crate::settings::ProbeSettings;

/// A permissive policy that does not check the tenant opens the table, whatever the other policies check.
pub fn open(found: &mut Vec<ProbeResult>, settings: &ProbeSettings, policy: &Policy) {
    // A shared table is open by intent; that it is read-only is checked in `posture`.
    if !policy.permissive || settings.shared_tables.contains(&policy.table) {
        return;
    }
    let (table, name) = (&policy.table, &policy.name);
    // Without WITH CHECK, USING applies to new rows too.
    for (part, clause, expression) in
        [("using", "USING", &policy.using), ("check", "WITH CHECK", &policy.check)]
    {
        let Some(expression) = expression else { continue };
        let (verdict, detail) = match asks(settings, policy, expression) {
            Asks::Tenant => (ProbeVerdict::Held, "read from the catalog".to_owned()),
            Asks::Functions(called) => {
                let why = format!(
                    "{clause} of {name} on {table} leaves the tenant to {}, whose source does not \
                     show current_setting('{}') beside a comparison of {}; compare the column in \
                     the policy and read the setting in the function",
                    called.join(", "),
                    settings.tenant_setting,
                    settings.tenant_column
                );
                (ProbeVerdict::Unproved(why.clone()), why)
            }
            Asks::Nothing => {
                let why = format!(
                    "{clause} of {name} does not compare {} with {}; it is open to {}",
                    settings.tenant_column,
                    settings.tenant_setting,
                    policy.roles.join(", ")
                );
                (ProbeVerdict::Leak(why.clone()), why)
            }
        };
        found.push(ProbeResult {
            case: 10,
            id: format!("{table}.policy.{name}.{part}"),
            login: "catalog",
            object: table.clone(),
            verb: "POLICY",
            verdict,
            detail,
        });
    }
}

/// What a policy's expression checks.
#[derive(Debug, PartialEq, Eq)]
enum Asks {
    /// It names the tenant column, and it or a function that it calls reads the tenant setting.
    Tenant,
    /// These functions decide, and the catalog does not show that they read the tenant; only the
    /// attacks can show it.
    Functions(Vec<String>),
    /// Nothing about the tenant.
    Nothing,
}

fn asks(settings: &ProbeSettings, policy: &Policy, expression: &str) -> Asks {
    let column = expression.contains(&settings.tenant_column);
    // Setting names are case-insensitive.
    let quoted = format!("'{}'", settings.tenant_setting.to_lowercase());
    let reads = |text: &str| {
        let text = text.to_lowercase();
        text.contains("current_setting") && text.contains(&quoted)
    };
    if column && reads(expression) {
        return Asks::Tenant;
    }
    // The catalog lists a policy's functions for both its expressions together.
    let called: Vec<&Called> = policy.calls.iter().filter(|f| calls(expression, &f.name)).collect();
    if called.is_empty() {
        Asks::Nothing
    } else if column && called.iter().any(|f| reads(&f.source)) {
        Asks::Tenant
    } else {
        Asks::Functions(called.iter().map(|f| f.signature.clone()).collect())
    }
}

/// Whether `expression` calls a function of this name, and not one whose name ends with it.
fn calls(expression: &str, name: &str) -> bool {
    expression.match_indices(&format!("{name}(")).any(|(at, _)| {
        !expression[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A policy that may call `current_org()`, with each of these as its source.
    fn policy(using: Option<&str>, check: Option<&str>, sources: &[&str]) -> Policy {
        let called = |source: &&str| Called {
            signature: "app.current_org()".into(),
            name: "current_org".into(),
            source: (*source).to_owned(),
        };
        Policy {
            table: "t".into(),
            name: "p".into(),
            permissive: true,
            command: "ALL".into(),
            roles: vec!["public".into()],
            logins: Default::default(),
            using: using.map(Into::into),
            check: check.map(Into::into),
            calls: sources.iter().map(called).collect(),
        }
    }

    fn judged(policy: &Policy) -> Vec<(String, ProbeVerdict)> {
        let settings = ProbeSettings {
            tenant_setting: "app.org".into(),
            tenant_column: "org_id".into(),
            ..ProbeSettings::default()
        };
        let mut found = Vec::new();
        open(&mut found, &settings, policy);
        found.into_iter().map(|p| (p.id, p.verdict)).collect()
    }

    fn leaks(policy: &Policy) -> Vec<String> {
        let leak = |(id, verdict)| matches!(verdict, ProbeVerdict::Leak(_)).then_some(id);
        judged(policy).into_iter().filter_map(leak).collect()
    }

    const DIRECT: &str = "(org_id = (current_setting('app.org'::text, true))::uuid)";
    const THROUGH: &str = "(org_id = ( SELECT app.current_org() AS current_org))";

    #[test]
    fn a_permissive_policy_asks_for_the_tenant_directly_or_through_a_function() {
        let held = |p: &Policy| judged(p).iter().all(|(_, v)| *v == ProbeVerdict::Held);
        assert!(held(&policy(Some(DIRECT), Some(DIRECT), &[])));
        for source in [
            "select current_setting('app.org')::uuid",
            "SELECT NULLIF(CURRENT_SETTING('App.Org'::text, true), ''::text)",
        ] {
            assert!(held(&policy(Some(THROUGH), None, &[source])), "{source}");
        }
        assert_eq!(leaks(&policy(Some("true"), None, &[])), ["t.policy.p.using"]);
        assert_eq!(leaks(&policy(Some(DIRECT), Some("true"), &[])), ["t.policy.p.check"]);
        assert_eq!(leaks(&policy(Some("(org_id IS NOT NULL)"), None, &[])), ["t.policy.p.using"]);
        let restrictive = Policy { permissive: false, ..policy(Some("true"), None, &[]) };
        assert!(leaks(&restrictive).is_empty());
    }

    #[test]
    fn a_function_that_does_not_show_the_tenant_is_unproved_and_named() {
        let asked = "(app.current_org() IS NOT NULL)";
        let reads = "select current_setting('app.org')";
        for (using, source) in [
            (THROUGH, "select org_id from app.sessions"),
            (THROUGH, "select current_setting('app.other')"),
            (THROUGH, "select 'app.org'"),
            (THROUGH, "current_org_in_c"),
            // It reads the tenant and compares no column with it.
            (asked, reads),
        ] {
            let [(id, verdict)] = <[_; 1]>::try_from(judged(&policy(Some(using), None, &[source])))
                .expect("one probe");
            let ProbeVerdict::Unproved(why) = verdict else { panic!("{source}: {verdict:?}") };
            assert_eq!(id, "t.policy.p.using");
            assert!(why.contains("USING of p on t") && why.contains("app.current_org()"), "{why}");
        }
    }

    #[test]
    fn one_expressions_function_does_not_speak_for_the_other() {
        let reads = ["select current_setting('app.org')"];
        assert_eq!(leaks(&policy(Some(THROUGH), Some("true"), &reads)), ["t.policy.p.check"]);
        let alike = "(org_id = not_current_org())";
        assert_eq!(leaks(&policy(Some(alike), Some(THROUGH), &reads)), ["t.policy.p.using"]);
    }
}
