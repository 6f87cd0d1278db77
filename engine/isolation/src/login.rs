//! Case 1: a login's attributes and the roles it can become. Each way around row-level security is a probe.

use super::catalog::LoginPowers;
use super::context::{Attacker, ProbeContext};
use super::judge::{self, ProbeJudgement};
use super::report::ProbeVerdict;
use super::session::{AttemptOutcome, SendMode};
use flowcontrol_base::Result;
use flowcontrol_contract::sql::identifier;
use std::collections::BTreeSet;

/// Checks the powers of one login by the catalog, then tries each SET ROLE.
pub async fn probe(context: &mut ProbeContext<'_>, attacker: &mut Attacker) -> Result<()> {
    let name = attacker.name().to_owned();
    let Some(power) = context.catalog.powers.iter().find(|p| p.login == name).cloned() else {
        let why = "the catalog does not know this login".to_owned();
        context.push(
            1,
            "login.superuser".into(),
            attacker.key,
            &name,
            "LOGIN",
            (ProbeVerdict::Unproved(why.clone()), why),
        );
        return Ok(());
    };
    for (id, judged) in judged(&power, attacker.is_owner(), context.catalog.version) {
        context.push(1, id.to_owned(), attacker.key, &name, "LOGIN", judged);
    }
    let roles = context.attack.roles;
    let named = [&roles.owner, &roles.verifier].into_iter().filter(|role| **role != name);
    let targets: BTreeSet<&String> = power.targets.iter().chain(named).collect();
    for target in targets {
        for (what, verb, sql) in [
            ("set-role", "SET ROLE", format!("set local role {}", identifier(target))),
            (
                "set-session-authorization",
                "SET SESSION AUTHORIZATION",
                format!("set local session authorization {}", identifier(target)),
            ),
        ] {
            let outcome: AttemptOutcome =
                attacker.session.attempt(&[], &sql, SendMode::Plain).await?;
            // A configured role may be missing on this server.
            if matches!(&outcome, AttemptOutcome::Refused(r) if r.code == "22023") {
                continue;
            }
            let judged = judge::denied(&outcome);
            context.push(9, format!("{target}.{what}"), attacker.key, target, verb, judged);
        }
    }
    Ok(())
}

fn judged(power: &LoginPowers, owner: bool, version: i32) -> Vec<(&'static str, ProbeJudgement)> {
    let verdict = |bad: bool, why: String| match bad {
        true => (ProbeVerdict::Leak(why.clone()), why),
        false => (ProbeVerdict::Held, "read from the catalog".to_owned()),
    };
    let list = |what: &str, names: &[String]| {
        (!names.is_empty(), format!("the login {what} {}", names.join(", ")))
    };
    let (owns, owns_why) = list("owns", &power.owns);
    let (member, member_why) = list("is a member of the owner", &power.owner_memberships);
    let (becomes, becomes_why) = list("can become", &power.bypassers);
    let (server, server_why) =
        list("reaches the server's files or programs as", &power.server_roles);
    let mut found = vec![
        ("login.superuser", verdict(power.superuser, "the login is a superuser".into())),
        ("login.bypassrls", verdict(power.bypass, "the login has BYPASSRLS".into())),
        ("login.set-role", verdict(becomes, becomes_why)),
        (
            "login.replication",
            verdict(power.replication, "the login has REPLICATION, which reads every row".into()),
        ),
        ("login.server-roles", verdict(server, server_why)),
        (
            "login.createrole",
            verdict(
                power.create_role && version < 160_000,
                "the login has CREATEROLE: before Postgres 16 it can join any role but a superuser"
                    .into(),
            ),
        ),
    ];
    // The owner may own the tables, but must not be able to bypass FORCE.
    if !owner {
        found.push(("login.owner", verdict(owns, owns_why)));
        found.push(("login.member-of-owner", verdict(member, member_why)));
        found.push((
            "login.create",
            verdict(power.creates, "the login may create objects in the schema".into()),
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn power() -> LoginPowers {
        LoginPowers {
            login: "app".into(),
            superuser: false,
            bypass: false,
            create_role: false,
            replication: false,
            owns: vec![],
            owner_memberships: vec![],
            bypassers: vec![],
            server_roles: vec![],
            targets: vec![],
            creates: false,
        }
    }

    fn leaks(power: &LoginPowers, owner: bool, version: i32) -> Vec<&'static str> {
        judged(power, owner, version)
            .into_iter()
            .filter(|(_, (v, _))| matches!(v, ProbeVerdict::Leak(_)))
            .map(|(id, _)| id)
            .collect()
    }

    #[test]
    fn each_power_is_its_own_probe() {
        assert!(leaks(&power(), false, 150_000).is_empty());
        assert_eq!(
            leaks(&LoginPowers { superuser: true, ..power() }, false, 150_000),
            ["login.superuser"]
        );
        assert_eq!(
            leaks(&LoginPowers { bypass: true, ..power() }, false, 150_000),
            ["login.bypassrls"]
        );
        assert_eq!(
            leaks(&LoginPowers { owns: vec!["s.t".into()], ..power() }, false, 150_000),
            ["login.owner"]
        );
        let member = LoginPowers { owner_memberships: vec!["o".into()], ..power() };
        assert_eq!(leaks(&member, false, 150_000), ["login.member-of-owner"]);
        let becomes = LoginPowers { bypassers: vec!["v".into()], ..power() };
        assert_eq!(leaks(&becomes, false, 150_000), ["login.set-role"]);
    }

    #[test]
    fn the_owner_may_own_and_createrole_depends_on_the_version() {
        assert!(
            leaks(
                &LoginPowers { owns: vec!["s.t".into()], creates: true, ..power() },
                true,
                150_000
            )
            .is_empty()
        );
        let creator = LoginPowers { create_role: true, ..power() };
        assert_eq!(leaks(&creator, false, 150_000), ["login.createrole"]);
        assert!(leaks(&creator, false, 160_000).is_empty());
    }
}
