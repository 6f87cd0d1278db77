//! The real program in a folder of its own.

use crate::program;
use crate::running::Running;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Where one test runs the program: its working folder and a temporary folder of its own.
pub struct Place {
    whole: tempfile::TempDir,
    program: PathBuf,
}

/// How a run of the program ended.
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub err: String,
}

impl Ended {
    /// Its exit code; `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Standard output as one JSON document.
    ///
    /// # Panics
    /// When it is none.
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

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// A new, empty one.
    pub fn new() -> Self {
        Self::of(program())
    }

    /// The same for another program than the built `flowcontrol`.
    pub fn of(program: PathBuf) -> Self {
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
        Self { whole, program }
    }

    /// The working folder.
    pub fn work(&self) -> PathBuf {
        self.whole.path().join("work")
    }

    /// The temporary folder.
    pub fn temp(&self) -> PathBuf {
        self.whole.path().join("tmp")
    }

    /// A folder for secrets in files.
    pub fn secrets(&self) -> PathBuf {
        self.whole.path().join("secrets")
    }

    /// The folder where the program keeps its state.
    pub fn state(&self) -> PathBuf {
        self.work().join(".flowcontrol")
    }

    /// The program with arguments, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
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
