//! The program while it runs, and waiting for what it does.

use crate::place::Ended;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
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

/// The program while it runs.
pub struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: String,
    out: Option<JoinHandle<String>>,
}

impl Running {
    pub(crate) fn new(command: &mut Command) -> Self {
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
