//! The roles that migrations grant to. Roles are cluster-wide, so they are provisioned before
//! migrations run: by an administrator on an external server, by the run on a temporary one.

use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Secret;
use flowcontrol_contract::sql::{identifier, literal};
use flowcontrol_database::{Login, Logins, RoleNames};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::fmt::Write;

/// Refuses names that Postgres would truncate or that it reserves, and duplicates.
///
/// # Errors
/// A usage failure that names the role.
pub fn check_names(names: &RoleNames) -> Result<()> {
    let all = [&names.owner, &names.application, &names.replayer, &names.auditor, &names.verifier];
    for (index, name) in all.iter().enumerate() {
        let wrong = if name.is_empty() {
            "is empty"
        } else if name.len() > 63 {
            "is longer than the 63 bytes that Postgres allows"
        } else if name.contains('\0') {
            "contains a NUL"
        } else if name.starts_with("pg_") || name.as_str() == "public" || name.as_str() == "none" {
            "is reserved by Postgres"
        } else if all[..index].contains(name) {
            "is used for two roles; each role needs its own login"
        } else {
            continue;
        };
        return Err(Failure::usage(format!("the role name `{name}` {wrong}"))
            .hint("change it under [roles] in the configuration"));
    }
    Ok(())
}

/// The SQL that `migrate roles` prints: creates missing roles, revokes attributes they must not
/// have, and grants them the database. Running it again changes nothing. It contains no password.
pub fn provision_sql(names: &RoleNames, database: &str) -> String {
    let mut sql = String::from(
        "-- Roles of FlowControl. Run as a superuser, or as a role that may create roles.\n\
         -- Running it again changes nothing. Passwords are not in here: set them in psql with\n",
    );
    for name in [&names.owner, &names.application, &names.replayer, &names.auditor, &names.verifier]
    {
        // In a comment, a line break would end the comment.
        let shown = identifier(name).replace(['\n', '\r'], " ");
        let _ = writeln!(sql, "--   \\password {shown}");
    }
    sql.push_str(
        "-- The verifier reads everything and writes nothing. A managed server may refuse BYPASSRLS:\n\
         -- leave its statements out there; verification then runs tenant by tenant, and its\n\
         -- completeness is reported as unproved.\n",
    );
    sql.push_str(&role_sql(names));
    sql.push_str(&grant_sql(names, database, true));
    sql
}

/// SQL that creates the roles and revokes attributes they must not have.
pub(super) fn role_sql(names: &RoleNames) -> String {
    let mut sql = String::new();
    for name in [&names.owner, &names.application, &names.replayer, &names.auditor] {
        sql.push_str(&one_role(name, false));
    }
    sql.push_str(&one_role(&names.verifier, true));
    let _ = writeln!(
        sql,
        "ALTER ROLE {} SET default_transaction_read_only = on;",
        identifier(&names.verifier)
    );
    sql
}

fn one_role(name: &str, bypass: bool) -> String {
    let (role, text) = (identifier(name), literal(name));
    let (word, condition) =
        if bypass { ("BYPASSRLS", "NOT rolbypassrls") } else { ("NOBYPASSRLS", "rolbypassrls") };
    let attributes =
        format!("LOGIN NOINHERIT NOSUPERUSER {word} NOCREATEDB NOCREATEROLE NOREPLICATION");
    // Naming an attribute can need privileges that a managed server's administrator lacks, so a new
    // role names the fewest, and an existing one is altered only if an attribute is wrong.
    let created = if bypass { "LOGIN NOINHERIT BYPASSRLS" } else { "LOGIN NOINHERIT" };
    let tag = dollar_tag(name);
    format!(
        "DO {tag}\n\
         BEGIN\n\
         \x20   IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {text}) THEN\n\
         \x20       CREATE ROLE {role} {created};\n\
         \x20   ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = {text} AND (NOT rolcanlogin\n\
         \x20           OR rolinherit OR rolsuper OR {condition} OR rolcreatedb OR rolcreaterole\n\
         \x20           OR rolreplication)) THEN\n\
         \x20       ALTER ROLE {role} {attributes};\n\
         \x20   END IF;\n\
         END\n\
         {tag};\n"
    )
}

/// A dollar quote that does not occur in `text`.
fn dollar_tag(text: &str) -> String {
    let mut tag = "$role$".to_owned();
    while text.contains(&tag) {
        tag.insert(1, 'x');
    }
    tag
}

/// SQL that grants the database to the roles and revokes it from PUBLIC; only the loaders get temporary tables.
pub(super) fn grant_sql(names: &RoleNames, database: &str, verifier: bool) -> String {
    let database = identifier(database);
    let mut connecting = vec![&names.owner, &names.application, &names.replayer, &names.auditor];
    if verifier {
        connecting.push(&names.verifier);
    }
    let connecting: Vec<String> = connecting.into_iter().map(|name| identifier(name)).collect();
    format!(
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC;\n\
         GRANT CONNECT ON DATABASE {database} TO {};\n\
         GRANT CREATE ON DATABASE {database} TO {};\n\
         GRANT TEMPORARY ON DATABASE {database} TO {}, {};\n",
        connecting.join(", "),
        identifier(&names.owner),
        identifier(&names.application),
        identifier(&names.replayer),
    )
}

/// Logins for `names` with random passwords of 192 bits, for a temporary server.
pub(super) fn random_logins(names: &RoleNames) -> Logins {
    let login = |name: &String| Login {
        user: name.clone(),
        password: Some(Secret::new(clock::random_hex(24))),
    };
    Logins {
        owner: login(&names.owner),
        application: login(&names.application),
        replayer: login(&names.replayer),
        auditor: login(&names.auditor),
        verifier: Some(login(&names.verifier)),
    }
}

/// Creates the roles over `connection`, whose login must have the privilege, and sets the passwords that
/// `logins` hold. Grants on databases are not part of this: roles are cluster-wide.
///
/// # Errors
/// A usage failure when `logins` are not those of the roles; otherwise an environment failure.
pub async fn provision(
    connection: &mut PgConnection,
    names: &RoleNames,
    logins: &Logins,
) -> Result<()> {
    check_names(names)?;
    check_logins(names, logins)?;
    let mut sql = role_sql(names);
    let all = [&logins.owner, &logins.application, &logins.replayer, &logins.auditor];
    for login in all.into_iter().chain(&logins.verifier) {
        if let Some(password) = &login.password {
            let _ = writeln!(
                sql,
                "ALTER ROLE {} PASSWORD {};",
                identifier(&login.user),
                literal(password.expose())
            );
        }
    }
    sqlx::raw_sql(AssertSqlSafe(format!(
        "SET password_encryption = 'scram-sha-256';\n{sql}RESET password_encryption;\n"
    )))
    .execute(connection)
    .await
    .map(drop)
    .map_err(|e| {
        Failure::environment(format!("cannot provision the roles: {}", without_statement(&e)))
            .hint("a superuser can run the output of `flowcontrol migrate roles` instead")
    })
}

/// Checks that the logins are those of the roles, because migrations grant by role name.
pub(super) fn check_logins(names: &RoleNames, logins: &Logins) -> Result<()> {
    let pairs = [
        ("owner", &names.owner, Some(&logins.owner)),
        ("application", &names.application, Some(&logins.application)),
        ("replayer", &names.replayer, Some(&logins.replayer)),
        ("auditor", &names.auditor, Some(&logins.auditor)),
        ("verifier", &names.verifier, logins.verifier.as_ref()),
    ];
    for (role, name, login) in pairs {
        if let Some(login) = login
            && &login.user != name
        {
            return Err(Failure::usage(format!(
                "the {role} role is `{name}`, but its login is `{}`",
                login.user
            ))
            .hint("give the role's own name and the login's user the same value"));
        }
    }
    Ok(())
}

/// Only the server's message and code: other fields may quote the statement, and with it a
/// password.
fn without_statement(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(e) => format!("{} ({})", e.message(), e.code().unwrap_or_default()),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {}

    #[test]
    fn the_printed_sql_contains_no_password() {
        let sql = provision_sql(&RoleNames::default(), "bfg").to_lowercase();
        assert!(sql.contains("\\password \"bfg_owner\""));
        assert!(!sql.lines().any(|line| !line.starts_with("--") && line.contains("password")));
    }

    #[test]
    fn wrong_names_are_refused_by_name() {
        for (name, part) in [
            ("", "is empty"),
            ("pg_reader", "reserved"),
            ("bfg_application", "two roles"),
            ("x\0", "NUL"),
        ] {
            let names = RoleNames { verifier: name.into(), ..RoleNames::default() };
            let failure = check_names(&names).unwrap_err();
            assert!(failure.message.contains(part), "{name:?}: {failure}");
        }
        assert!(check_names(&RoleNames::default()).is_ok());
    }

    #[test]
    fn a_login_of_another_role_is_refused() {
        let names = RoleNames::default();
        let mut logins = random_logins(&names);
        logins.auditor.user = "somebody".into();
        let failure = check_logins(&names, &logins).unwrap_err();
        assert!(failure.message.contains("auditor"), "{failure}");
    }
}
