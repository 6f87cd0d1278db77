//! The reasons for refusing a login, a server or a schema: a pure function of the facts in
//! [`crate::powers`].

use crate::KIND;
use crate::powers::{Powers, RoleReach, TableGuard};
use flowcontrol_contract::{Error, ErrorKind, Retry};
use std::fmt;

/// Oldest supported server, as `server_version_num`.
pub const OLDEST_SERVER: i32 = 150_000;

/// A reason to refuse a login. Each has its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The login is a superuser.
    Superuser,
    /// The login has BYPASSRLS.
    BypassRls,
    /// The login owns the schema or something in it.
    Owner(Vec<String>),
    /// The login has an owner's rights by membership.
    OwnersMember(String),
    /// The login can SET ROLE to a role that bypasses row-level security.
    CanSetRole {
        /// That role.
        role: String,
        /// What the role is: a superuser, a role with BYPASSRLS, an owner.
        what: &'static str,
    },
    /// The login can grant itself other roles.
    CreateRole,
    /// The login can stream everything that the server writes.
    Replication,
    /// The login has access to the server's files or programs.
    ServerAccess(Vec<String>),
    /// A table without ENABLE or without FORCE ROW LEVEL SECURITY.
    Unprotected(TableGuard),
    /// The schema does not exist.
    NoSchema(String),
    /// A table the store needs does not exist.
    NoTable(String),
    /// The server is read-only.
    Standby,
    /// The database is not UTF8.
    Encoding(String),
    /// The server is too old.
    OldServer(String),
    /// The verifier's login has no BYPASSRLS.
    VerifierFiltered,
    /// The verifier's login may write.
    VerifierWrites(Vec<String>),
}

impl Refusal {
    /// The reason's stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Superuser => "superuser",
            Self::BypassRls => "bypassrls",
            Self::Owner(_) => "owner",
            Self::OwnersMember(_) => "member-of-owner",
            Self::CanSetRole { .. } => "can-set-role",
            Self::CreateRole => "createrole",
            Self::Replication => "replication",
            Self::ServerAccess(_) => "server-access",
            Self::Unprotected(_) => "unprotected-table",
            Self::NoSchema(_) => "no-schema",
            Self::NoTable(_) => "no-table",
            Self::Standby => "standby",
            Self::Encoding(_) => "encoding",
            Self::OldServer(_) => "old-server",
            Self::VerifierFiltered => "verifier-filtered",
            Self::VerifierWrites(_) => "verifier-writes",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Superuser | Self::BypassRls => {
                "log in as a role made with NOSUPERUSER NOBYPASSRLS (see: flowcontrol migrate roles)"
            }
            Self::Owner(_) => {
                "log in as another role than the one that runs migrations (see: flowcontrol migrate roles)"
            }
            Self::OwnersMember(_) | Self::CanSetRole { .. } => "revoke that membership",
            Self::CreateRole => "alter the role with NOCREATEROLE",
            Self::Replication => "alter the role with NOREPLICATION",
            Self::ServerAccess(_) => "revoke those predefined roles",
            Self::Unprotected(_) => {
                "alter the table with ENABLE ROW LEVEL SECURITY and FORCE ROW LEVEL SECURITY"
            }
            Self::NoSchema(_) | Self::NoTable(_) => "apply the migrations: flowcontrol migrate up",
            Self::Standby => "connect to the primary, or set read_only for a login that only reads",
            Self::Encoding(_) => {
                "create the database again: CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8'"
            }
            Self::OldServer(_) => "use PostgreSQL 15 or newer",
            Self::VerifierFiltered => {
                "have a superuser give it BYPASSRLS, or verify as a login without verifier = true"
            }
            Self::VerifierWrites(_) => "revoke INSERT, UPDATE, DELETE and TRUNCATE from it",
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::VerifierFiltered => ErrorKind::Denied,
            Self::Standby => ErrorKind::Unavailable,
            _ => ErrorKind::Configuration,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superuser => f.write_str("it is a superuser, to which no policy applies"),
            Self::BypassRls => f.write_str("it has BYPASSRLS, so no policy applies to it"),
            Self::Owner(what) => write!(f, "it owns {}", what.join(", ")),
            Self::OwnersMember(role) => {
                write!(f, "it has the rights of {role}, the owner, by membership")
            }
            Self::CanSetRole { role, what } => write!(f, "it can SET ROLE to {role}, {what}"),
            Self::CreateRole => {
                f.write_str("it has CREATEROLE and could grant itself a role with BYPASSRLS")
            }
            Self::Replication => {
                f.write_str("it has REPLICATION and could stream every tenant's rows")
            }
            Self::ServerAccess(roles) => {
                write!(
                    f,
                    "it has access to the server's files or programs through {}",
                    roles.join(", ")
                )
            }
            Self::Unprotected(t) => match (t.enabled, t.forced) {
                (true, false) => {
                    write!(f, "table {} has row-level security without FORCE", t.table)
                }
                (false, true) => write!(f, "table {} has FORCE without ENABLE", t.table),
                _ => write!(f, "table {} has no row-level security", t.table),
            },
            Self::NoSchema(schema) => write!(f, "schema {schema} does not exist"),
            Self::NoTable(table) => write!(f, "table {table} does not exist"),
            Self::Standby => f.write_str("the server is a read-only standby"),
            Self::Encoding(encoding) => {
                write!(f, "the database is encoded in {encoding}, not UTF8")
            }
            Self::OldServer(version) => write!(f, "the server is PostgreSQL {version}"),
            Self::VerifierFiltered => f.write_str(
                "it is configured as the verifier but has no BYPASSRLS, so a read-back could miss \
                 rows without noticing (SQLSTATE 42501)",
            ),
            Self::VerifierWrites(tables) => {
                write!(f, "it is configured as the verifier but may write {}", tables.join(", "))
            }
        }
    }
}

/// The reasons why a login must not be used as one under row-level security; empty when it may be.
/// A standby is one of them: leave it out for a login that only reads.
pub fn refusals(powers: &Powers) -> Vec<Refusal> {
    let mut found = place(powers);
    if powers.standby {
        found.push(Refusal::Standby);
    }
    if powers.superuser {
        // A superuser is a member of every role, so the other reasons would only repeat it.
        found.push(Refusal::Superuser);
        return found;
    }
    if powers.bypass_rls {
        found.push(Refusal::BypassRls);
    }
    found.extend(ways_around(powers));
    let unprotected = powers.tables.iter().filter(|t| !(t.enabled && t.forced));
    found.extend(unprotected.cloned().map(Refusal::Unprotected));
    found
}

/// The reasons why a login must not be used as the verifier, which must see every row and change
/// none.
pub fn verifier_refusals(powers: &Powers) -> Vec<Refusal> {
    let mut found = place(powers);
    if powers.superuser {
        found.push(Refusal::Superuser);
        return found;
    }
    if !powers.bypass_rls {
        found.push(Refusal::VerifierFiltered);
    }
    found.extend(ways_around(powers).into_iter().filter(|refusal| {
        // Membership in another role with BYPASSRLS adds nothing to the verifier.
        !matches!(refusal, Refusal::CanSetRole { what, .. } if *what == BYPASSER)
    }));
    let writable: Vec<_> =
        powers.tables.iter().filter(|t| t.writable).map(|t| t.table.clone()).collect();
    if !writable.is_empty() {
        found.push(Refusal::VerifierWrites(writable));
    }
    found
}

const BYPASSER: &str = "a role with BYPASSRLS";

fn place(powers: &Powers) -> Vec<Refusal> {
    let mut found = Vec::new();
    if powers.server_version < OLDEST_SERVER {
        found.push(Refusal::OldServer(powers.server_version_text.clone()));
    }
    if powers.encoding != "UTF8" {
        found.push(Refusal::Encoding(powers.encoding.clone()));
    }
    if !powers.schema_exists {
        found.push(Refusal::NoSchema(powers.schema.clone()));
    }
    found
}

fn ways_around(powers: &Powers) -> Vec<Refusal> {
    let mut found = Vec::new();
    if !powers.owns.is_empty() {
        found.push(Refusal::Owner(powers.owns.clone()));
    }
    for reach in &powers.reaches {
        let role = reach.role.clone();
        if reach.owner && reach.inherits {
            found.push(Refusal::OwnersMember(role));
        } else if reach.can_set {
            let what = match reach {
                RoleReach { superuser: true, .. } => "a superuser",
                RoleReach { bypass_rls: true, .. } => BYPASSER,
                _ => "the owner",
            };
            found.push(Refusal::CanSetRole { role, what });
        }
    }
    if powers.create_role {
        found.push(Refusal::CreateRole);
    }
    if powers.replication {
        found.push(Refusal::Replication);
    }
    if !powers.server_access.is_empty() {
        found.push(Refusal::ServerAccess(powers.server_access.clone()));
    }
    found
}

/// One error for all reasons; `None` when there is none.
pub(crate) fn refuse(user: &str, found: &[Refusal]) -> Option<Error> {
    let first = found.first()?;
    let named: Vec<_> = found.iter().map(|r| format!("{}: {r}", r.name())).collect();
    Some(
        Error::new(first.kind(), format!("login {user} is refused: {}", named.join("; ")))
            .hint(first.hint())
            .retry(Retry::Permanent)
            .in_operation(KIND, "connect"),
    )
}

#[cfg(test)]
mod tests {
    use super::{Refusal, refusals, verifier_refusals};
    use crate::powers::{Powers, RoleReach, TableGuard};

    fn bound() -> Powers {
        Powers {
            role: "app".into(),
            schema: "s".into(),
            schema_exists: true,
            encoding: "UTF8".into(),
            server_version: 150_018,
            tables: vec![TableGuard {
                table: "records".into(),
                enabled: true,
                forced: true,
                writable: true,
            }],
            ..Powers::default()
        }
    }

    fn names(found: &[Refusal]) -> Vec<&'static str> {
        found.iter().map(Refusal::name).collect()
    }

    #[test]
    fn each_way_around_has_its_own_name() {
        assert_eq!(refusals(&bound()), []);
        let reach = |f: fn(&mut RoleReach)| {
            let mut reach = RoleReach { role: "r".into(), can_set: true, ..RoleReach::default() };
            f(&mut reach);
            Powers { reaches: vec![reach], ..bound() }
        };
        for (powers, name) in [
            (Powers { superuser: true, bypass_rls: true, ..bound() }, "superuser"),
            (Powers { bypass_rls: true, ..bound() }, "bypassrls"),
            (Powers { owns: vec!["records".into()], ..bound() }, "owner"),
            (
                reach(|r| {
                    r.owner = true;
                    r.inherits = true;
                }),
                "member-of-owner",
            ),
            (reach(|r| r.owner = true), "can-set-role"),
            (reach(|r| r.bypass_rls = true), "can-set-role"),
            (reach(|r| r.superuser = true), "can-set-role"),
            (Powers { create_role: true, ..bound() }, "createrole"),
            (Powers { replication: true, ..bound() }, "replication"),
            (
                Powers { server_access: vec!["pg_read_server_files".into()], ..bound() },
                "server-access",
            ),
            (Powers { standby: true, ..bound() }, "standby"),
            (Powers { encoding: "SQL_ASCII".into(), ..bound() }, "encoding"),
            (Powers { server_version: 140_012, ..bound() }, "old-server"),
            (Powers { schema_exists: false, tables: vec![], ..bound() }, "no-schema"),
        ] {
            assert_eq!(names(&refusals(&powers)), [name], "{powers:?}");
        }
    }

    #[test]
    fn a_membership_that_withholds_set_and_inherit_is_no_way_around() {
        let reach = RoleReach { role: "r".into(), bypass_rls: true, ..RoleReach::default() };
        assert_eq!(refusals(&Powers { reaches: vec![reach], ..bound() }), []);
    }

    #[test]
    fn half_protected_tables_are_told_apart() {
        for (enabled, forced, why) in [
            (true, false, "without FORCE"),
            (false, true, "FORCE without ENABLE"),
            (false, false, "no row-level"),
        ] {
            let mut powers = bound();
            powers.tables[0].enabled = enabled;
            powers.tables[0].forced = forced;
            let found = refusals(&powers);
            assert_eq!(names(&found), ["unprotected-table"]);
            assert!(found[0].to_string().contains(why), "{}", found[0]);
        }
    }

    #[test]
    fn the_verifier_sees_all_and_changes_nothing() {
        let mut verifier = bound();
        verifier.bypass_rls = true;
        assert_eq!(names(&verifier_refusals(&verifier)), ["verifier-writes"]);
        verifier.tables[0].writable = false;
        assert_eq!(verifier_refusals(&verifier), []);
        verifier.standby = true;
        assert_eq!(verifier_refusals(&verifier), [], "a standby can be read back");
        verifier.bypass_rls = false;
        assert_eq!(names(&verifier_refusals(&verifier)), ["verifier-filtered"]);
        verifier.superuser = true;
        assert_eq!(names(&verifier_refusals(&verifier)), ["superuser"]);
    }
}
