//! The `container` target: a temporary Postgres that testcontainers starts.

use super::certificate::Certificate;
use super::engine::{self, Refusal};
use super::owner::Owner;
use super::{Progress, TargetSettings, leftover};
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::{Secret, chain};
use flowcontrol_database::{Endpoint, Login, TlsTrust};
use sqlx::Connection;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::PortBinding;
use testcontainers::core::IntoContainerPort;
use testcontainers::core::error::ClientError;
use testcontainers::runners::AsyncRunner;
use testcontainers::{
    ContainerAsync, CopyTargetOptions, GenericImage, ImageExt, TestcontainersError,
};

const START_BUDGET: Duration = Duration::from_secs(120);
/// The limit for pulling the image over a slow network.
const PULL_BUDGET: Duration = Duration::from_secs(900);
/// The interval between attempts to connect to a starting server.
const LOOK: Duration = Duration::from_millis(100);

/// Containers start one after the other: [`negotiate`] blocks its thread until it has the client that
/// testcontainers shares, and another start on that thread may hold it.
static STARTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What runs in place of the image's entry point, as root: PostgreSQL refuses a key that others
/// could read, and the server's user id is known only inside the container.
const ENTRY: &str = "chown postgres /flowcontrol/server.crt /flowcontrol/server.key \
                     && exec docker-entrypoint.sh postgres \"$@\"";

/// The image's entry point uses the socket for setup; from outside only TLS is allowed.
const HBA: &str = "local all all trust\nhostssl all all all scram-sha-256\n";

/// Settings that make the server fast but not crash-safe.
const SETTINGS: [&str; 11] = [
    "ssl=on",
    "ssl_cert_file=/flowcontrol/server.crt",
    "ssl_key_file=/flowcontrol/server.key",
    "hba_file=/flowcontrol/hba.conf",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_wal_size=2GB",
    "max_connections=200",
    "log_statement=none",
    "log_min_error_statement=panic",
];

/// A running container. Dropping it removes the container; [`Container::dispose`] also reports
/// whether one is left.
pub(super) struct Container {
    /// The server's maintenance database.
    pub endpoint: Endpoint,
    /// The superuser.
    pub admin: Login,
    /// The image's digest, or its id.
    pub image_digest: Option<String>,
    /// SHA-256 of the server's certificate, in hex.
    pub certificate_sha256: String,
    /// Messages about containers of killed runs that were removed.
    pub swept: Vec<String>,
    handle: Option<ContainerAsync<GenericImage>>,
    guard: RemovalGuard,
    /// Holds the authority's certificate, which clients read at every connection.
    _folder: tempfile::TempDir,
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Container").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Container {
    /// Starts a container; pulls its image if necessary.
    pub(super) async fn start(
        settings: &TargetSettings,
        progress: Progress<'_>,
    ) -> Result<Self, Refusal> {
        let _one = STARTING.lock().await;
        let docker = engine::connect().await?;
        let swept = engine::sweep(&docker).await;
        leftover::sweep_authorities(&settings.temp);
        let image = settings.image.as_str();
        let there = engine::image_digest(&docker, image).await?.is_some();
        progress(&if there {
            format!("starting a container of {image}")
        } else {
            format!("pulling {image}")
        });

        let reach = Reach::find(settings, &docker).await;
        let certificate = Certificate::generate(&reach.names).map_err(Refusal::Start)?;
        let folder = authority_folder(settings, &certificate).map_err(Refusal::Start)?;
        let password = Secret::new(clock::random_hex(24));
        let guard = RemovalGuard { id: clock::random_hex(8), armed: true };
        let negotiated = Arc::new(Mutex::new(None));
        let request = request(image, &guard.id, &certificate, &password)
            .with_startup_timeout(START_BUDGET)
            .with_host_config_modifier({
                let negotiated = Arc::clone(&negotiated);
                move |host| {
                    if let Err(refusal) = negotiate()
                        && let Ok(mut slot) = negotiated.lock()
                    {
                        *slot = Some(refusal);
                    }
                    host.publish_all_ports = Some(false);
                    host.port_bindings = Some(HashMap::from([(
                        "5432/tcp".to_owned(),
                        Some(vec![PortBinding {
                            host_ip: reach.bind.clone(),
                            host_port: Some(String::new()),
                        }]),
                    )]));
                }
            });
        let budget = if there { START_BUDGET } else { PULL_BUDGET };
        let started = tokio::time::timeout(budget, Box::pin(request.start())).await;
        if let Some(refusal) = negotiated.lock().ok().and_then(|mut slot| slot.take()) {
            return Err(refusal);
        }
        let handle = match started {
            Ok(Ok(handle)) => handle,
            Ok(Err(error)) => {
                let log = engine::log_tail(&docker, &guard.id).await;
                return Err(refused(image, &error, &log));
            }
            Err(_) => {
                return Err(Refusal::Image(
                    Failure::environment(format!(
                        "{image} was not available after {} s",
                        budget.as_secs()
                    ))
                    .hint(format!("run `docker pull {image}` and try again")),
                ));
            }
        };
        let image_digest = engine::image_digest(&docker, image).await?;

        progress("waiting for PostgreSQL in the container");
        let mut container = Self {
            endpoint: Endpoint {
                host: "127.0.0.1".into(),
                port: 0,
                database: "postgres".into(),
                tls: TlsTrust::VerifyFull { ca: Some(folder.path().join("authority.crt")) },
            },
            admin: Login { user: "postgres".into(), password: Some(password) },
            image_digest,
            certificate_sha256: certificate.sha256,
            swept,
            handle: Some(handle),
            guard,
            _folder: folder,
        };
        let ready = match container.find_endpoint().await {
            Ok(()) => container.wait_ready().await,
            Err(failure) => Err(failure),
        };
        match ready {
            Ok(()) => Ok(container),
            Err(failure) => Err(Refusal::Start(container.explain(&docker, image, &failure).await)),
        }
    }

    fn handle(&self) -> Result<&ContainerAsync<GenericImage>> {
        self.handle.as_ref().ok_or_else(|| Failure::environment("the container was removed"))
    }

    async fn find_endpoint(&mut self) -> Result<()> {
        let failed = |e: TestcontainersError| {
            Failure::environment(format!("the container's address is not known: {}", chain(&e)))
        };
        let handle = self.handle()?;
        let host = handle.get_host().await.map_err(failed)?.to_string();
        let port = handle.get_host_port_ipv4(5432.tcp()).await.map_err(failed)?;
        self.endpoint.port = port;
        // The port is published on IPv4; `localhost` may mean the other one.
        self.endpoint.host = if host == "localhost" { "127.0.0.1".into() } else { host };
        Ok(())
    }

    /// The entry point listens on TCP only after setup, so the first login
    /// over TCP reaches the final server.
    async fn wait_ready(&self) -> Result<()> {
        let began = clock::instant();
        loop {
            let last = match self.endpoint.connect(&self.admin).await {
                Ok(connection) => {
                    drop(connection.close().await);
                    return Ok(());
                }
                Err(failure) => failure,
            };
            if !self.is_running().await? || began.elapsed() > START_BUDGET {
                return Err(last);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn is_running(&self) -> Result<bool> {
        self.handle()?.is_running().await.map_err(|e| {
            Failure::environment(format!("the container cannot be looked at: {}", chain(&e)))
        })
    }

    /// Why the server did not become ready, with the end of the container's log.
    async fn explain(&self, docker: &Docker, image: &str, failure: &Failure) -> Failure {
        let state = match self.is_running().await {
            Ok(false) => "has ended".to_owned(),
            Ok(true) | Err(_) => format!("does not answer ({failure})"),
        };
        Failure::environment(format!(
            "PostgreSQL in the container of {image} {state}; its log ends:\n{}",
            engine::log_tail(docker, &self.guard.id).await
        ))
        .hint(
            "the image must have the official one's layout (docker-entrypoint.sh, a user \
             `postgres`); set FLOWCONTROL_POSTGRES_IMAGE, or use --target local",
        )
    }

    /// Removes the container and its volume, and checks that neither is left.
    pub(super) async fn dispose(mut self) -> Result<()> {
        if let Some(handle) = self.handle.take() {
            handle.rm().await.map_err(|e| {
                Failure::environment(format!("cannot remove the container: {}", chain(&e)))
            })?;
        }
        let docker = engine::connect().await.map_err(Refusal::into_failure)?;
        engine::remove(&docker, &self.guard.id).await?;
        self.guard.armed = false;
        Ok(())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // The guard removes the container. The library's handle does so too, but only inside a
        // runtime, and without reporting failures.
        if let Some(handle) = self.handle.take() {
            std::mem::forget(handle);
        }
    }
}

/// Removes the containers of one target when it is dropped, also those that a failed or
/// cancelled start had created already.
struct RemovalGuard {
    id: String,
    armed: bool,
}

impl Drop for RemovalGuard {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let removed = on_own_runtime(async {
            let docker = engine::connect().await.map_err(Refusal::into_failure)?;
            engine::remove(&docker, &self.id).await
        });
        if let Err(failure) = removed {
            tracing::warn!(%failure, "cannot remove a container; the next run will try again");
        }
    }
}

/// Runs `work` to completion on a separate thread and runtime, for callers that cannot await.
fn on_own_runtime<T: Send>(work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let cut_off = || Failure::environment("the work on the Docker engine was interrupted");
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|e| Failure::environment(format!("cannot start a runtime: {e}")))?
                    .block_on(work)
            })
            .join()
            .map_err(|_| cut_off())?
    })
}

/// testcontainers shares one client and never negotiates the API version with the engine. It calls
/// this hook before it uses the client: here the version is negotiated.
fn negotiate() -> Result<(), Refusal> {
    on_own_runtime(async { Ok(engine::connect().await.map(drop)) })
        .unwrap_or_else(|failure| Err(Refusal::Start(failure)))
}

fn request(
    image: &str,
    id: &str,
    certificate: &Certificate,
    password: &Secret,
) -> testcontainers::ContainerRequest<GenericImage> {
    let (name, tag) = split_reference(image);
    let mut command = vec!["-c".to_owned(), ENTRY.to_owned(), "flowcontrol".to_owned()];
    for setting in SETTINGS {
        command.extend(["-c".to_owned(), setting.to_owned()]);
    }
    let file = |name: &str, mode: u32| {
        CopyTargetOptions::new(format!("/flowcontrol/{name}")).with_mode(mode)
    };
    GenericImage::new(name, tag)
        .with_entrypoint("sh")
        .with_exposed_port(5432.tcp())
        .with_cmd(command)
        .with_user("root")
        .with_env_var("POSTGRES_PASSWORD", password.expose())
        .with_env_var("POSTGRES_INITDB_ARGS", "--no-sync --encoding=UTF8 --locale=C.UTF-8")
        .with_copy_to(file("server.crt", 0o644), certificate.server_pem.clone().into_bytes())
        .with_copy_to(file("server.key", 0o600), certificate.key_pem.clone().into_bytes())
        .with_copy_to(file("hba.conf", 0o644), HBA.as_bytes().to_vec())
        .with_shm_size(256 * 1024 * 1024)
        .with_container_name(format!("flowcontrol-rehearsal-{id}"))
        .with_label(engine::ID_LABEL, id)
        .with_label(engine::OWNER_LABEL, Owner::this_process().to_label())
}

/// `registry:5000/postgres:17` is a name and a tag; without a tag it is the latest. A digest is
/// split the same way and joined again.
fn split_reference(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

fn refused(image: &str, error: &TestcontainersError, log: &str) -> Refusal {
    let text = chain(error);
    let said = if log.is_empty() { String::new() } else { format!("; its log ends:\n{log}") };
    match error {
        TestcontainersError::Client(ClientError::PullImage { .. }) => Refusal::Image(
            Failure::environment(format!(
                "the image {image} is not on this machine and cannot be pulled: {text}"
            ))
            .hint(format!(
                "run `docker pull {image}`, or build one with `ci/postgres-image`, or name another \
                 with FLOWCONTROL_POSTGRES_IMAGE, or use --target local"
            )),
        ),
        _ => Refusal::Start(
            Failure::environment(format!("the container of {image} did not start: {text}{said}"))
                .hint("see `docker info`, or use --target local"),
        ),
    }
}

fn authority_folder(
    settings: &TargetSettings,
    certificate: &Certificate,
) -> Result<tempfile::TempDir> {
    let failed = |e: std::io::Error| {
        super::launch_log::io_failure(
            &format!("cannot store a certificate in {}", settings.temp.display()),
            &e,
        )
    };
    let folder = tempfile::Builder::new()
        .prefix(leftover::AUTHORITY_PREFIX)
        .tempdir_in(&settings.temp)
        .map_err(failed)?;
    std::fs::write(folder.path().join("authority.crt"), &certificate.authority_pem)
        .map_err(failed)?;
    std::fs::write(folder.path().join(leftover::OWNER_FILE), Owner::this_process().to_label())
        .map_err(failed)?;
    Ok(folder)
}

/// How the published port is reached. It is published on all addresses only if the engine
/// is on another machine: the password protects it, but it should not be reachable without need.
#[derive(Debug, PartialEq, Eq)]
struct Reach {
    /// The address to publish on; all addresses when the engine is on another machine.
    bind: Option<String>,
    /// Additional names for the certificate.
    names: Vec<String>,
}

impl Reach {
    async fn find(settings: &TargetSettings, docker: &Docker) -> Self {
        // From inside a container, other containers are reached over the bridge's gateway.
        let gateway = if std::path::Path::new("/.dockerenv").exists() {
            engine::bridge_gateway(docker).await
        } else {
            None
        };
        Self::of(settings.docker_host.as_deref(), gateway)
    }

    fn of(docker_host: Option<&str>, gateway: Option<String>) -> Self {
        let remote = docker_host
            .and_then(|host| url::Url::parse(host).ok())
            .filter(|url| ["tcp", "http", "https"].contains(&url.scheme()))
            .and_then(|url| url.host_str().map(str::to_owned));
        match (remote, gateway) {
            (Some(host), _) => Self { bind: None, names: vec![host] },
            (None, Some(gateway)) => Self { bind: Some(gateway.clone()), names: vec![gateway] },
            (None, None) => Self { bind: Some("127.0.0.1".into()), names: Vec::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_split_at_the_tag() {
        assert_eq!(split_reference("postgres:17"), ("postgres", "17"));
        assert_eq!(split_reference("postgres"), ("postgres", "latest"));
        assert_eq!(split_reference("mirror:5000/pg"), ("mirror:5000/pg", "latest"));
        assert_eq!(split_reference("mirror:5000/pg:16"), ("mirror:5000/pg", "16"));
        assert_eq!(split_reference("pg@sha256:ab"), ("pg@sha256", "ab"));
    }

    #[test]
    fn a_port_is_published_no_wider_than_needed() {
        let gateway = || Some("172.17.0.1".to_owned());
        assert_eq!(Reach::of(None, None).bind.as_deref(), Some("127.0.0.1"));
        let socket = Some("unix:///run/docker.sock");
        assert_eq!(Reach::of(socket, None).bind.as_deref(), Some("127.0.0.1"));
        assert_eq!(Reach::of(socket, gateway()).bind.as_deref(), Some("172.17.0.1"));
        assert_eq!(Reach::of(socket, gateway()).names, ["172.17.0.1"]);
        let remote = Reach::of(Some("tcp://build.example.com:2376"), gateway());
        assert_eq!(remote, Reach { bind: None, names: vec!["build.example.com".into()] });
    }
}
