//! A folder with the program in it, and what the program said.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A scratch folder.
pub struct Place(TempDir);

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(o: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self { code: o.status.code(), out: text(o.stdout), err: text(o.stderr) }
    }
}

impl Said {
    /// It ended well and said nothing on standard error.
    #[track_caller]
    pub fn fine(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// It ended with `code`, printed no result and no panic, and gives its message.
    #[track_caller]
    pub fn refused(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.out, "", "a failure prints no result");
        assert!(self.err.starts_with("error: ") && !self.err.contains("panicked"), "{}", self.err);
        self.err
    }

    /// Its result as JSON.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.fine()).expect("one JSON document")
    }
}

impl Place {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// With a demo scenario of three tenants.
    pub fn seeded(records: u64) -> Self {
        let place = Self::new();
        place.run(&format!("demo seed --records {records}")).fine();
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).unwrap()
    }

    /// The names in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program, without the variables of whoever runs the tests.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowcontrol"));
        command.args(line.split_whitespace()).current_dir(self.path()).env_clear();
        command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    }

    pub fn run(&self, line: &str) -> Said {
        self.command(line).output().unwrap().into()
    }

    pub fn with(&self, variable: &str, value: &str, line: &str) -> Said {
        self.command(line).env(variable, value).output().unwrap().into()
    }

    pub fn start(&self, line: &str) -> Child {
        let mut command = self.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    pub fn fed(&self, line: &str, input: &[u8]) -> Said {
        let mut child = self.start(line);
        // The program may refuse before it has read everything.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap().into()
    }

    /// The digest of the scenario, frozen.
    #[track_caller]
    pub fn digest(&self) -> String {
        let said = self.run("snapshot freeze --out digest.jsonl --format json").json();
        said["sha256"].as_str().unwrap().to_owned()
    }
}

/// The console's page, which stands beside the repository on some machines only; says so where it
/// does not.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
pub fn page(test: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = "shared/seed/integrations-console.txt";
    let found = ["..", "../.."]
        .iter()
        .find_map(|up| std::fs::read_to_string(root.join(up).join(name)).ok());
    if found.is_none() {
        println!("skipped: {test}: ../{name} is not on this machine");
    }
    found
}

/// A record of the demo tenant as a line of `scenario append`.
pub fn line(id: &str, payload: &serde_json::Value) -> String {
    let record = serde_json::json!({"id": id, "kind": "risk", "actor": "user_md_anna",
        "occurred_at": "2026-03-01T06:30:00Z", "payload": payload});
    format!("{record}\n")
}
