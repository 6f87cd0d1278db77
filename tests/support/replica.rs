//! A primary with a hot standby that streams from it, both with the shared server's certificate.

use crate::support;
use flowcontrol_base::clock;
use flowcontrol_contract::Secret;
use flowcontrol_database::{Endpoint, Login, TlsTrust};
use flowcontrol_testkit::require;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The two servers; dropping this stops them.
pub struct Replica {
    pub primary: (Endpoint, Login),
    pub standby: Endpoint,
    folder: tempfile::TempDir,
    user: (u32, u32),
}

impl Replica {
    /// Two servers with the roles and databases that `fill` made on the first one before it was
    /// copied. `None`, said aloud, without the programs for it.
    pub async fn of<T>(
        test: &str,
        fill: impl AsyncFnOnce((Endpoint, Login)) -> T,
    ) -> Option<(Self, T)> {
        let (shared, _) = support::server_or_skip(test)?;
        for program in ["pg_basebackup", "pg_ctl"] {
            if !support::binaries().join(program).exists() {
                require::skip(test, "postgres", &format!("there is no {program}"));
                return None;
            }
        }
        let replica = Self::empty(&shared);
        replica.start_primary();
        let content = fill(replica.primary.clone()).await;
        replica.start_standby();
        Some((replica, content))
    }

    fn empty(shared: &Endpoint) -> Self {
        let TlsTrust::VerifyFull { ca: Some(ca) } = &shared.tls else { panic!("it has TLS") };
        let certificates = ca.parent().unwrap();
        let folder = tempfile::tempdir().unwrap();
        // Servers refuse to run as root, so they run as whoever the shared one runs as.
        let owner = std::fs::metadata(certificates).unwrap();
        let user = (owner.uid(), owner.gid());
        chown(folder.path(), Some(user.0), Some(user.1)).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let endpoint = |port| Endpoint { port, ..shared.clone() };
        let [first, second] = free_ports();
        let password = Some(Secret::new(clock::random_hex(16)));
        let primary = (endpoint(first), Login { user: "postgres".into(), password });
        Self { primary, standby: endpoint(second), folder, user }
    }

    fn start_primary(&self) {
        let data = self.folder.path().join("primary");
        let password = self.folder.path().join("password");
        std::fs::write(&password, self.primary.1.password.as_ref().unwrap().expose()).unwrap();
        chown(&password, Some(self.user.0), Some(self.user.1)).unwrap();
        let (data_option, password) = (option("--pgdata=", &data), option("--pwfile=", &password));
        let init = ["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"];
        let fast = ["--locale=C", "--no-sync", "--no-instructions"];
        self.run("initdb", &[&[&*data_option, &*password], &init[..], &fast].concat());
        // The socket's folder is open to the servers' user alone, so it may do without a password.
        let hba = "local all postgres trust\nlocal replication postgres trust\n\
                   hostssl all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(data.join("pg_hba.conf"), hba).unwrap();
        let TlsTrust::VerifyFull { ca: Some(ca) } = &self.primary.0.tls else { unreachable!() };
        let certificates = ca.parent().unwrap();
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nssl = on\n\
             ssl_cert_file = '{}'\nssl_key_file = '{}'\nfsync = off\nwal_level = replica\n\
             log_statement = none\nlog_min_error_statement = panic\n",
            self.folder.path().display(),
            certificates.join("server.crt").display(),
            certificates.join("server.key").display(),
        );
        std::fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
        self.start(&data, self.primary.0.port);
    }

    fn start_standby(&self) {
        let data = self.folder.path().join("standby");
        let host = option("--host=", self.folder.path());
        let port = format!("--port={}", self.primary.0.port);
        let to = option("--pgdata=", &data);
        let source = [&*host, &*port, "--username=postgres", "--no-password"];
        let copy = [&*to, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"];
        self.run("pg_basebackup", &[&source[..], &copy].concat());
        self.start(&data, self.standby.port);
    }

    /// Waits until the server takes connections, which a standby does when it is consistent.
    fn start(&self, data: &Path, port: u16) {
        let (data, log) = (option("--pgdata=", data), option("--log=", &self.log(data)));
        let port = format!("--options=-p {port}");
        self.run("pg_ctl", &[&*data, &*log, &*port, "--wait", "--silent", "start"]);
    }

    fn log(&self, data: &Path) -> PathBuf {
        data.with_extension("log")
    }

    /// What the standby has said.
    pub fn standby_log(&self) -> String {
        let log = self.log(&self.folder.path().join("standby"));
        std::fs::read_to_string(log).unwrap()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(support::binaries().join(program));
        command.current_dir(self.folder.path()).env("LC_ALL", "C").stdin(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(self.user.0).gid(self.user.1);
        }
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        // To a file: a server that inherits a pipe would keep its reader waiting.
        let path = self.folder.path().join("said");
        let said = std::fs::File::create(&path).unwrap();
        let mut command = self.command(program);
        command.args(arguments).stdout(said.try_clone().unwrap()).stderr(said);
        let status = command.status().unwrap();
        let text = || std::fs::read_to_string(&path).unwrap();
        assert!(status.success(), "{program}: {status}: {}", text());
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        for name in ["standby", "primary"] {
            let data = option("--pgdata=", &self.folder.path().join(name));
            let mut stop = self.command("pg_ctl");
            stop.args([&*data, "--mode=immediate", "--wait", "--silent", "stop"]);
            // One that was never started need not be stopped.
            drop(stop.stdout(Stdio::null()).stderr(Stdio::null()).status());
        }
    }
}

fn option(name: &str, path: &Path) -> String {
    format!("{name}{}", path.display())
}

/// Held both at once, so that they differ.
fn free_ports() -> [u16; 2] {
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.each_ref().map(|listener| listener.local_addr().unwrap().port())
}
