//! The real program in a folder of its own, and an external target for it to rehearse on.

use crate::support;
use flowcontrol::clock;
use flowcontrol::target::{Endpoint, Login, Logins, RoleNames, TlsTrust, roles};
use flowcontrol_contract::Secret;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Asks until the answer is there.
///
/// # Panics
/// When it is not within [`DEADLINE`].
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Where one test runs the program: its working folder and a temporary folder of its own.
pub struct Place {
    whole: tempfile::TempDir,
}

/// How a run of the program ended.
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}\n{self}"))
    }

    /// # Panics
    /// When the exit code is another one.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.out, self.err)
    }
}

impl Place {
    pub fn new() -> Self {
        let whole = tempfile::tempdir().unwrap();
        let open = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        // The local server of a root run is another user and must get in.
        open(whole.path(), 0o755);
        for folder in ["work", "tmp", "secrets"] {
            std::fs::create_dir(whole.path().join(folder)).unwrap();
        }
        open(&whole.path().join("tmp"), 0o1777);
        Self { whole }
    }

    pub fn work(&self) -> PathBuf {
        self.whole.path().join("work")
    }

    pub fn temp(&self) -> PathBuf {
        self.whole.path().join("tmp")
    }

    pub fn secrets(&self) -> PathBuf {
        self.whole.path().join("secrets")
    }

    pub fn state(&self) -> PathBuf {
        self.work().join(".flowcontrol")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowcontrol"));
        command.args(arguments).current_dir(self.work()).env("TMPDIR", self.temp());
        command.env("NO_COLOR", "1").env_remove("FLOWCONTROL_TARGET").stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().unwrap();
        Ended {
            status: output.status,
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts the program and reads its output beside it.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::new(self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Fills the configured store.
    pub fn seed(&self, records: u64, tenants: u32) {
        let (records, tenants) = (records.to_string(), tenants.to_string());
        self.run(&["demo", "seed", "--records", &records, "--tenants", &tenants]).expect(0);
    }

    /// # Panics
    /// When the evidence does not verify.
    pub fn evidence_verifies(&self) {
        self.run(&["evidence", "verify"]).expect(0);
    }

    /// Every packet in order.
    pub fn packets(&self) -> Vec<Value> {
        let mut files: Vec<_> = std::fs::read_dir(self.state().join("evidence"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .collect();
        files.sort();
        files
            .iter()
            .map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
            .collect()
    }

    /// What throw-away servers left: entries of the temporary folder and processes that name it.
    pub fn left_over(&self) -> Vec<String> {
        let temp = self.temp();
        let mut left: Vec<String> = std::fs::read_dir(&temp)
            .unwrap()
            .map(|entry| entry.unwrap().path().display().to_string())
            .collect();
        let name = temp.display().to_string();
        for process in std::fs::read_dir("/proc").unwrap() {
            // Processes end while they are listed.
            let Ok(command) = std::fs::read(process.unwrap().path().join("cmdline")) else {
                continue;
            };
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            if command.contains(&name) {
                left.push(command);
            }
        }
        left
    }
}

/// The program while it runs.
pub struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: String,
    out: Option<JoinHandle<String>>,
}

impl Running {
    fn new(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        let out = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, seen: String::new(), out: Some(out) }
    }

    /// Waits for a line of the progress; false when the program ended without it.
    pub fn says(&mut self, text: &str) -> bool {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(line) => {
                    let found = line.contains(text);
                    self.seen.push_str(&line);
                    self.seen.push('\n');
                    if found {
                        return true;
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return false,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("no {text:?} within {DEADLINE:?}:\n{}", self.seen)
                }
            }
        }
    }

    /// What it said on standard error until now.
    #[allow(dead_code, reason = "not every test program asks for it")]
    pub fn seen(&self) -> &str {
        &self.seen
    }

    /// Whether it has ended.
    pub fn over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Keeps it where it is, alive.
    pub fn halt(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a halted one go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// SIGKILL, and nobody is left to clean up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let child = &mut self.child;
        let status = eventually("the program's end", || child.try_wait().unwrap());
        self.seen.extend(self.lines.iter().map(|line| line + "\n"));
        let out = self.out.take().unwrap().join().unwrap();
        Ended { status, out, err: std::mem::take(&mut self.seen) }
    }
}

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
