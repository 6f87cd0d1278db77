//! An external target for the program to rehearse on: roles on the shared server.

use crate::support;
use flowcontrol_base::clock;
use flowcontrol_contract::Secret;
use flowcontrol_database::{Endpoint, Login, Logins, RoleNames, TlsTrust};
use flowcontrol_servers::roles;
use flowcontrol_testkit::place::Place;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::fmt::Write as _;

/// Roles on a server, and a folder whose `flowcontrol.toml` names it as external target.
pub struct External {
    pub place: Place,
    pub endpoint: Endpoint,
    pub admin: Login,
    pub names: RoleNames,
    pub logins: Logins,
    pub session: String,
    root: Login,
}

impl External {
    /// One on the shared server.
    pub async fn new(word: &str) -> Self {
        Self::on(support::server(), word).await
    }

    /// One on a server, with roles from the SQL that `migrate roles` prints, each with a password of
    /// its own that starts with `word`.
    pub async fn on((endpoint, superuser): (Endpoint, Login), word: &str) -> Self {
        let tag = format!("ext_{}", clock::random_hex(5));
        let name = |role: &str| format!("{tag}_{role}");
        let names = RoleNames {
            owner: name("owner"),
            application: name("application"),
            replayer: name("replayer"),
            auditor: name("auditor"),
            verifier: name("verifier"),
        };
        let login = |user: &str| Login {
            user: user.to_owned(),
            password: Some(Secret::new(format!("{word}-{}", clock::random_hex(12)))),
        };
        let logins = Logins {
            owner: login(&names.owner),
            application: login(&names.application),
            replayer: login(&names.replayer),
            auditor: login(&names.auditor),
            verifier: Some(login(&names.verifier)),
        };
        // An administrator as a managed server gives one, and no superuser.
        let admin = login(&name("admin"));
        let place = Place::new();
        let external =
            Self { place, endpoint, admin, names, logins, session: tag, root: superuser };
        external.provision(&external.endpoint, &external.root).await;
        external.configure("");
        external
    }

    /// Makes the roles and the administrator on a server.
    pub async fn provision(&self, endpoint: &Endpoint, superuser: &Login) {
        let mut conn = endpoint.connect(superuser).await.unwrap();
        // Grants on one database change one row of the catalog, and the server refuses two who do so
        // at once; tests share the server. The lock ends with the statements' one transaction.
        let mut sql = "select pg_advisory_xact_lock(20260301);\n".to_owned();
        sql.push_str(&roles::provision_sql(&self.names, "postgres"));
        let logins = &self.logins;
        let all = [&logins.owner, &logins.application, &logins.replayer, &logins.auditor];
        for login in all.into_iter().chain(&logins.verifier) {
            let password = login.password.as_ref().unwrap().expose();
            writeln!(sql, "alter role {} password '{password}';", login.user).unwrap();
        }
        writeln!(
            sql,
            "create role {} login createdb password '{}'; grant {} to {};",
            self.admin.user,
            self.admin.password.as_ref().unwrap().expose(),
            self.names.owner,
            self.admin.user
        )
        .unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }

    /// Writes `flowcontrol.toml`; `tls` is added to the server's TLS section.
    pub fn configure(&self, tls: &str) {
        self.configure_at(&self.endpoint.host, self.endpoint.port, "postgres", tls);
    }

    /// The same for another host, port or database.
    pub fn configure_at(&self, host: &str, port: u16, database: &str, tls: &str) {
        let template = flowcontrol::config::TEMPLATE;
        let (before, _) = template.split_once("[roles]").unwrap();
        let mut text = before.replace("grant-demo-local", &self.session);
        let TlsTrust::VerifyFull { ca: Some(ca) } = &self.endpoint.tls else {
            panic!("a scratch server has a certificate of its own")
        };
        writeln!(text, "[roles]").unwrap();
        for (role, name) in [
            ("owner", &self.names.owner),
            ("application", &self.names.application),
            ("replayer", &self.names.replayer),
            ("auditor", &self.names.auditor),
            ("verifier", &self.names.verifier),
        ] {
            writeln!(text, "{role} = \"{name}\"").unwrap();
        }
        writeln!(
            text,
            "[target.external]\nhost = \"{host}\"\nport = {port}\ndatabase = \"{database}\"\n\
             tls = {{ ca = \"{}\"{tls} }}",
            ca.display()
        )
        .unwrap();
        for (role, login) in self.every() {
            let file = self.place.secrets().join(role);
            std::fs::write(&file, login.password.as_ref().unwrap().expose()).unwrap();
            writeln!(
                text,
                "{role} = {{ user = \"{}\", password = {{ file = \"{}\" }} }}",
                login.user,
                file.display()
            )
            .unwrap();
        }
        std::fs::write(self.place.work().join("flowcontrol.toml"), text).unwrap();
    }

    /// Every login by its name in the configuration.
    pub fn every(&self) -> Vec<(&'static str, &Login)> {
        let mut all = vec![
            ("admin", &self.admin),
            ("owner", &self.logins.owner),
            ("application", &self.logins.application),
            ("replayer", &self.logins.replayer),
            ("auditor", &self.logins.auditor),
        ];
        all.extend(self.logins.verifier.as_ref().map(|login| ("verifier", login)));
        all
    }

    /// A superuser's connection to a database of the server.
    pub async fn superuser(&self, database: &str) -> PgConnection {
        self.endpoint.database(database).connect(&self.root).await.unwrap()
    }

    /// This test's rehearsal databases.
    pub async fn databases(&self) -> Vec<String> {
        let mut conn = self.superuser("postgres").await;
        let found = sqlx::query_scalar(
            "select datname::text from pg_database
             where pg_get_userbyid(datdba) = any($1) order by 1",
        )
        .bind(vec![self.names.owner.clone(), self.admin.user.clone()])
        .fetch_all(&mut conn)
        .await
        .unwrap();
        conn.close().await.unwrap();
        found
    }
}
