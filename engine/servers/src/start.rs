//! Starts, uses and removes a target.

use super::container::Container;
use super::engine::Refusal;
use super::identity::ServerFacts;
use super::local::{self, Local};
use super::{
    Progress, TargetChoice, TargetIdentity, TargetKind, TargetSettings, external, roles, workspace,
};
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_database::{Endpoint, Login, Logins, RoleNames, TlsTrust, Workspace};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;

const NO_FSYNC: &str = "the temporary server runs without fsync: its speed does not predict that of a production server";

/// A running Postgres. Dropping a temporary target removes it; [`Target::dispose`] also
/// reports whether anything is left.
#[derive(Debug)]
pub struct Target {
    /// Its kind.
    pub kind: TargetKind,
    /// The server's maintenance database; for an external target, the configured one.
    pub endpoint: Endpoint,
    /// The administrator's login, which may create databases, and on a temporary target also roles.
    pub admin: Login,
    /// Its identity in evidence.
    pub identity: TargetIdentity,
    /// Why it was chosen, in one sentence.
    pub chosen_because: String,
    /// Remarks for the report: what was cleaned up, what the server lacks.
    pub notes: Vec<String>,
    running: Running,
    /// The roles created on a temporary server. A second workspace on it uses the same logins.
    provisioned: Mutex<Vec<(RoleNames, Logins)>>,
    /// The administrator's connection, from the start to the first workspace.
    session: Mutex<Option<PgConnection>>,
}

#[derive(Debug)]
enum Running {
    Local(Box<Local>),
    Container(Box<Container>),
    External(Box<Logins>),
}

/// The result of [`Target::dispose`].
#[derive(Clone, Debug, PartialEq)]
pub struct Disposed {
    /// One sentence for the report.
    pub what: String,
    /// Its duration.
    pub seconds: f64,
}

impl Target {
    /// Starts the chosen target, or reaches the external one.
    ///
    /// # Errors
    /// Usage failures for wrong settings, otherwise environment failures with a hint;
    /// nothing is left behind. The future may be dropped at any point; what it started is removed.
    pub async fn start(
        choice: TargetChoice,
        settings: &TargetSettings,
        progress: Progress<'_>,
    ) -> Result<Self> {
        match choice {
            TargetChoice::Local => Self::local(settings, progress, asked_for(choice)).await,
            TargetChoice::External => Self::external(settings, progress, asked_for(choice)).await,
            TargetChoice::Container => {
                let container = Box::pin(Container::start(settings, progress)).await;
                let container = container.map_err(Refusal::into_failure)?;
                Self::container(settings, container, asked_for(choice)).await
            }
            TargetChoice::Auto => Self::auto(settings, progress).await,
        }
    }

    async fn auto(settings: &TargetSettings, progress: Progress<'_>) -> Result<Self> {
        match Box::pin(Container::start(settings, progress)).await {
            Ok(container) => {
                let why = format!(
                    "auto chose `container`: a Docker engine answers and has {}",
                    settings.image
                );
                Self::container(settings, container, why).await
            }
            Err(Refusal::Engine(failure) | Refusal::Image(failure)) => {
                let why = format!("auto chose `local`: {failure}");
                Self::local(settings, progress, why).await.map_err(|local| {
                    // Both reasons are reported, since either may be the one to fix.
                    local.context(format!(
                        "neither a container ({failure}) nor a local cluster could be started"
                    ))
                })
            }
            // An engine and an image that exist but do not work are a failure to report.
            Err(Refusal::Start(failure)) => Err(failure),
        }
    }

    async fn container(
        settings: &TargetSettings,
        container: Container,
        chosen_because: String,
    ) -> Result<Self> {
        let (endpoint, admin) = (container.endpoint.clone(), container.admin.clone());
        let mut session = endpoint.connect(&admin).await?;
        let facts = ServerFacts::ask(&endpoint, &mut session).await?;
        let mut notes = container.swept.clone();
        notes.push(NO_FSYNC.into());
        Ok(Self {
            kind: TargetKind::Container,
            identity: TargetIdentity {
                kind: TargetKind::Container,
                server_version: facts.version,
                server_version_num: facts.version_num,
                binaries: None,
                image: Some(settings.image.clone()),
                image_digest: container.image_digest.clone(),
                system_identifier: None,
                database: None,
                certificate_sha256: Some(container.certificate_sha256.clone()),
            },
            endpoint,
            admin,
            chosen_because,
            notes,
            running: Running::Container(Box::new(container)),
            provisioned: Mutex::default(),
            session: Mutex::new(Some(session)),
        })
    }

    async fn local(
        settings: &TargetSettings,
        progress: Progress<'_>,
        chosen_because: String,
    ) -> Result<Self> {
        let local = local::start(settings, progress).await?;
        let cluster = &local.cluster;
        let endpoint = Endpoint {
            host: "127.0.0.1".into(),
            port: cluster.port,
            database: "postgres".into(),
            tls: TlsTrust::VerifyFull { ca: Some(cluster.authority.clone()) },
        };
        let admin = cluster.superuser.clone();
        let mut session = endpoint.connect(&admin).await?;
        let facts = ServerFacts::ask(&endpoint, &mut session).await?;
        let mut notes = local.swept.clone();
        notes.push(NO_FSYNC.into());
        Ok(Self {
            kind: TargetKind::Local,
            identity: TargetIdentity {
                kind: TargetKind::Local,
                server_version: facts.version,
                server_version_num: facts.version_num,
                binaries: Some(local.binaries.folder.display().to_string()),
                image: None,
                image_digest: None,
                system_identifier: None,
                database: None,
                certificate_sha256: Some(cluster.certificate_sha256.clone()),
            },
            endpoint,
            admin,
            chosen_because,
            notes,
            running: Running::Local(Box::new(local)),
            provisioned: Mutex::default(),
            session: Mutex::new(Some(session)),
        })
    }

    async fn external(
        settings: &TargetSettings,
        progress: Progress<'_>,
        chosen_because: String,
    ) -> Result<Self> {
        progress("connecting to the external server");
        let external::Reached { settings: external, facts, admin: mut session } =
            external::reach(settings).await?;
        let notes = workspace::sweep(&mut session).await?;
        Ok(Self {
            kind: TargetKind::External,
            identity: TargetIdentity {
                kind: TargetKind::External,
                server_version: facts.version,
                server_version_num: facts.version_num,
                binaries: None,
                image: None,
                image_digest: None,
                system_identifier: facts.system_identifier,
                database: Some(external.endpoint.redacted()),
                // The connection probe supplies it, since sqlx does not expose the peer certificate.
                certificate_sha256: None,
            },
            endpoint: external.endpoint,
            admin: external.admin,
            chosen_because,
            notes,
            running: Running::External(Box::new(external.logins)),
            provisioned: Mutex::default(),
            session: Mutex::new(Some(session)),
        })
    }

    /// Creates a database for one rehearsal, with the roles. On a temporary target the
    /// roles are created with random passwords; on an external one they must exist.
    ///
    /// # Errors
    /// Usage failures for invalid role names, otherwise environment failures.
    pub async fn workspace(&self, names: &RoleNames, session: &str) -> Result<Workspace> {
        roles::check_names(names)?;
        let kept = self.session.lock().await.take();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.endpoint.connect(&self.admin).await?,
        };
        let logins = match &self.running {
            Running::External(logins) => {
                roles::check_logins(names, logins)?;
                (**logins).clone()
            }
            Running::Local(_) | Running::Container(_) => {
                self.provisioned(&mut connection, names).await?
            }
        };
        let made = workspace::create(
            &mut connection,
            &self.endpoint,
            &self.admin,
            names,
            &logins,
            session,
        );
        // The future is large: it holds a statement's state at each step.
        let workspace = Box::pin(made).await?;
        // The database exists; an error when closing changes nothing.
        drop(connection.close().await);
        Ok(workspace)
    }

    async fn provisioned(
        &self,
        connection: &mut PgConnection,
        names: &RoleNames,
    ) -> Result<Logins> {
        let mut provisioned = self.provisioned.lock().await;
        if let Some((_, logins)) = provisioned.iter().find(|(made, _)| made == names) {
            return Ok(logins.clone());
        }
        let logins = roles::random_logins(names);
        roles::provision(connection, names, &logins).await?;
        provisioned.push((names.clone(), logins.clone()));
        Ok(logins)
    }

    /// Drops a workspace's database and checks that it does not exist any more.
    ///
    /// # Errors
    /// An environment failure that names the database that is left.
    pub async fn drop_workspace(&self, workspace: &Workspace) -> Result<()> {
        workspace::remove(&self.endpoint, &self.admin, &workspace.endpoint.database).await
    }

    /// Stops a temporary target and removes it, and checks that no process, folder or container
    /// is left. An external server is not changed.
    ///
    /// # Errors
    /// An environment failure that names what is left.
    pub async fn dispose(self) -> Result<Disposed> {
        let began = clock::instant();
        if let Some(session) = self.session.into_inner() {
            // No transaction is open; an error when closing changes nothing.
            drop(session.close().await);
        }
        let what = match self.running {
            Running::Local(local) => {
                local::dispose(*local).await?;
                "stopped the local cluster; no process and no folder is left".to_owned()
            }
            Running::Container(container) => {
                container.dispose().await?;
                "removed the container; none is left".to_owned()
            }
            Running::External(_) => {
                format!("did not change the external server {}", self.endpoint.redacted())
            }
        };
        Ok(Disposed { what, seconds: began.elapsed().as_secs_f64() })
    }

    /// The process id of the server and the folder of a local target, for tests and diagnosis.
    pub fn local_traces(&self) -> Option<(u32, &std::path::Path)> {
        match &self.running {
            Running::Local(local) => Some((local.cluster.process()?, local.cluster.folder())),
            Running::Container(_) | Running::External(_) => None,
        }
    }
}

fn asked_for(choice: TargetChoice) -> String {
    format!("--target {choice} was requested")
}

impl Target {
    /// Opens the database that a killed rehearsal left on an external server.
    ///
    /// # Errors
    /// A usage failure when it is not a rehearsal's database or this is not an external target.
    pub async fn reopen(&self, database: &str) -> Result<Workspace> {
        let Running::External(logins) = &self.running else {
            return Err(Failure::usage("only an external target keeps a database to resume"));
        };
        if !database.starts_with(super::DATABASE_PREFIX) {
            return Err(Failure::usage(format!("{database} is not a rehearsal's database")));
        }
        let workspace =
            Workspace { endpoint: self.endpoint.database(database), logins: (**logins).clone() };
        drop(workspace.endpoint.connect(&self.admin).await?.close().await);
        Ok(workspace)
    }
}
