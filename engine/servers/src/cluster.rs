//! A temporary cluster: `initdb`, a server on a free port of the loopback address, TLS with a
//! generated certificate, and its removal.
//!
//! Everything here blocks; callers in async code move it to a thread.

use super::Progress;
use super::binaries::Binaries;
use super::certificate::Certificate;
use super::launch_log;
use super::run_as::RunAs;
use super::watchdog::{FOLDER_PREFIX, Watchdog};
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Secret;
use flowcontrol_database::Login;
use rustix::process::{Pid, Signal};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

/// Attempts to find a port, since another process can take a free port before the server does; more
/// failures in a row have another cause.
const PORT_TRIES: usize = 5;
/// The limit for `initdb`, which takes about a second.
const INIT_BUDGET: Duration = Duration::from_secs(180);
const START_BUDGET: Duration = Duration::from_secs(60);
const STOP_BUDGET: Duration = Duration::from_secs(15);
/// The polling interval for states that PostgreSQL does not announce.
const LOOK: Duration = Duration::from_millis(5);

/// Settings that make the cluster fast but not crash-safe.
const SETTINGS: [&str; 15] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=2GB",
    "max_connections=200",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "ssl=on",
    "logging_collector=off",
    "log_destination=stderr",
    // A statement may contain a password or a payload.
    "log_statement=none",
    "log_min_error_statement=panic",
    "log_parameter_max_length_on_error=0",
];

/// A running cluster. Dropping it stops the server and removes the folder; [`Cluster::dispose`]
/// does the same and reports what went wrong.
#[derive(Debug)]
pub struct Cluster {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The superuser.
    pub superuser: Login,
    /// The generated authority's certificate, a PEM file.
    pub authority: PathBuf,
    /// SHA-256 of the server's certificate, in hex.
    pub certificate_sha256: String,
    folder: PathBuf,
    server: Option<Child>,
    watchdog: Option<Watchdog>,
}

impl Cluster {
    /// Creates a cluster in a new folder under `temp` and starts its server.
    ///
    /// # Errors
    /// An environment failure with the end of the server's log; nothing is left behind.
    pub fn start(binaries: &Binaries, temp: &Path, progress: Progress<'_>) -> Result<Self> {
        let user = RunAs::choose()?;
        let folder = tempfile::Builder::new()
            .prefix(FOLDER_PREFIX)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(temp)
            .map_err(|e| {
                launch_log::io_failure(&format!("cannot create a folder in {}", temp.display()), &e)
            })?;
        let watchdog = Watchdog::start(folder.path())?;
        let certificate = Certificate::generate(&[])?;
        let mut cluster = Self {
            port: 0,
            superuser: Login {
                user: "postgres".into(),
                password: Some(Secret::new(clock::random_hex(24))),
            },
            authority: folder.path().join("authority.crt"),
            certificate_sha256: certificate.sha256.clone(),
            folder: folder.keep(),
            server: None,
            watchdog: Some(watchdog),
        };
        cluster.fill(&certificate, user.as_ref())?;
        progress("creating a PostgreSQL cluster");
        cluster.init(binaries, user.as_ref())?;
        progress("starting PostgreSQL");
        cluster.serve(binaries, user.as_ref())?;
        Ok(cluster)
    }

    /// The server's process id.
    pub fn process(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// The folder that holds everything of this cluster.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stops the server, removes the folder, and checks that neither is left.
    ///
    /// # Errors
    /// An environment failure that names what is left.
    pub fn dispose(mut self) -> Result<()> {
        self.stop()
    }

    fn fill(&self, certificate: &Certificate, user: Option<&RunAs>) -> Result<()> {
        RunAs::give(user, &self.folder)?;
        let watchdog = self.watchdog.as_ref().map_or(0, Watchdog::id);
        let password = self.superuser.password.as_ref().map_or("", Secret::expose);
        for (name, content) in [
            ("authority.crt", certificate.authority_pem.as_str()),
            ("server.crt", &certificate.server_pem),
            ("server.key", &certificate.key_pem),
            ("password", password),
            // TLS only, and from this machine only.
            ("hba.conf", "hostssl all all 127.0.0.1/32 scram-sha-256\n"),
            ("watchdog.pid", &format!("{watchdog}\n")),
        ] {
            let path = self.folder.join(name);
            fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .and_then(|mut file| std::io::Write::write_all(&mut file, content.as_bytes()))
                .map_err(|e| {
                    launch_log::io_failure(&format!("cannot write {}", path.display()), &e)
                })?;
            RunAs::give(user, &path)?;
        }
        Ok(())
    }

    fn init(&mut self, binaries: &Binaries, user: Option<&RunAs>) -> Result<()> {
        let log = self.folder.join("initdb.log");
        for locale in ["C.UTF-8", "C"] {
            let arguments = [
                format!("--pgdata={}", self.folder.join("data").display()),
                "--username=postgres".to_owned(),
                format!("--pwfile={}", self.folder.join("password").display()),
                "--auth=scram-sha-256".to_owned(),
                "--encoding=UTF8".to_owned(),
                format!("--locale={locale}"),
                "--no-sync".to_owned(),
                "--no-instructions".to_owned(),
            ];
            let mut child = self.launch(&binaries.folder.join("initdb"), &arguments, &log, user)?;
            let status = wait(&mut child, INIT_BUDGET)?;
            if status.is_some_and(|status| status.success()) {
                let password = self.folder.join("password");
                return fs::remove_file(&password).map_err(|e| {
                    Failure::environment(format!("cannot remove {}: {e}", password.display()))
                });
            }
            if status.is_none() {
                signal(&child, Signal::KILL, "initdb")?;
                wait(&mut child, STOP_BUDGET)?;
            }
            let text = launch_log::read(&log);
            if locale == "C.UTF-8" && text.contains("invalid locale name") {
                continue;
            }
            return Err(launch_log::failure("initdb", status, &text, &self.folder));
        }
        Err(Failure::environment("initdb accepts neither the locale C.UTF-8 nor C"))
    }

    fn serve(&mut self, binaries: &Binaries, user: Option<&RunAs>) -> Result<()> {
        let log = self.folder.join("server.log");
        let file = |name: &str| self.folder.join(name).display().to_string();
        let mut arguments = vec!["-D".to_owned(), file("data")];
        for setting in SETTINGS.map(str::to_owned).into_iter().chain([
            format!("ssl_cert_file={}", file("server.crt")),
            format!("ssl_key_file={}", file("server.key")),
            format!("hba_file={}", file("hba.conf")),
        ]) {
            arguments.extend(["-c".to_owned(), setting]);
        }
        let program = binaries.folder.join("postgres");
        let mut last = String::new();
        for _ in 0..PORT_TRIES {
            let port = free_port()?;
            let mut with_port = arguments.clone();
            with_port.extend(["-p".to_owned(), port.to_string()]);
            let mut child = self.launch(&program, &with_port, &log, user)?;
            let outcome = self.wait_ready(&mut child);
            self.server = Some(child);
            match outcome? {
                Start::Ready => {
                    self.port = port;
                    return Ok(());
                }
                Start::Ended(status) => {
                    self.server = None;
                    last = launch_log::read(&log);
                    if !launch_log::port_taken(&last) {
                        return Err(launch_log::failure(
                            "the PostgreSQL server",
                            Some(status),
                            &last,
                            &self.folder,
                        ));
                    }
                }
                Start::TimedOut => {
                    last = launch_log::read(&log);
                    return Err(launch_log::failure(
                        "the PostgreSQL server",
                        None,
                        &last,
                        &self.folder,
                    ));
                }
            }
        }
        Err(Failure::environment(format!(
            "found no free port for a PostgreSQL server in {PORT_TRIES} attempts; its log ends: {last}"
        )))
    }

    fn launch(
        &mut self,
        program: &Path,
        arguments: &[String],
        log: &Path,
        user: Option<&RunAs>,
    ) -> Result<Child> {
        let failed = |e: std::io::Error| {
            launch_log::io_failure(&format!("cannot write {}", log.display()), &e)
        };
        let output = fs::File::create(log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        let folder = self.folder.clone();
        let watchdog = self
            .watchdog
            .as_mut()
            .ok_or_else(|| Failure::environment("the cluster is being disposed of"))?;
        watchdog.launch(program, arguments, |command| {
            for name in ["PGDATA", "PGPORT", "PGOPTIONS", "PGHOST", "PGUSER", "PGSERVICE"] {
                command.env_remove(name);
            }
            RunAs::apply(user, command)
                .current_dir(folder)
                // English messages, which this program parses, and no search through the zone files.
                .env("LC_ALL", "C")
                .env("TZ", "UTC")
                .stdout(Stdio::from(output))
                .stderr(Stdio::from(errors))
        })
    }

    fn wait_ready(&self, child: &mut Child) -> Result<Start> {
        let state = self.folder.join("data/postmaster.pid");
        let began = clock::instant();
        while began.elapsed() < START_BUDGET {
            // The last line of this file is the server's status.
            if fs::read_to_string(&state)
                .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
            {
                return Ok(Start::Ready);
            }
            if let Some(status) = child.try_wait().map_err(lost)? {
                return Ok(Start::Ended(status));
            }
            std::thread::sleep(LOOK);
        }
        Ok(Start::TimedOut)
    }

    fn stop(&mut self) -> Result<()> {
        let Some(watchdog) = self.watchdog.take() else { return Ok(()) };
        let mut left = Vec::new();
        if let Some(mut server) = self.server.take() {
            let id = server.id();
            if let Err(failure) = end(&mut server) {
                left.push(format!("process {id} ({failure})"));
            }
        }
        if let Err(e) = fs::remove_dir_all(&self.folder)
            && self.folder.exists()
        {
            left.push(format!("folder {} ({e})", self.folder.display()));
        }
        if !left.is_empty() {
            // Dropping the watchdog makes it try again.
            drop(watchdog);
            return Err(Failure::environment(format!(
                "the temporary cluster was not removed completely: {}",
                left.join(", ")
            ))
            .hint("stop the process and remove the folder by hand"));
        }
        watchdog.finish()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(failure) = self.stop() {
            tracing::warn!(%failure, "cannot remove a temporary cluster");
        }
    }
}

enum Start {
    Ready,
    Ended(ExitStatus),
    TimedOut,
}

/// Stops the server immediately; its data is not needed.
fn end(server: &mut Child) -> Result<()> {
    signal(server, Signal::QUIT, "PostgreSQL")?;
    if wait(server, STOP_BUDGET)?.is_some() {
        return Ok(());
    }
    signal(server, Signal::KILL, "PostgreSQL")?;
    match wait(server, STOP_BUDGET)? {
        Some(_) => Ok(()),
        None => Err(Failure::environment("it does not end even after SIGKILL")),
    }
}

fn signal(child: &Child, signal: Signal, what: &str) -> Result<()> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let Some(group) = group else { return Ok(()) };
    match rustix::process::kill_process_group(group, signal) {
        // Already gone.
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(e) => Err(Failure::environment(format!("cannot signal {what}: {e}"))),
    }
}

fn wait(child: &mut Child, budget: Duration) -> Result<Option<ExitStatus>> {
    let began = clock::instant();
    loop {
        if let Some(status) = child.try_wait().map_err(lost)? {
            return Ok(Some(status));
        }
        if began.elapsed() >= budget {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn lost(e: std::io::Error) -> Failure {
    Failure::environment(format!("cannot wait for a process of the target: {e}"))
}

fn free_port() -> Result<u16> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| Failure::environment(format!("cannot get a port on 127.0.0.1: {e}")))
}
