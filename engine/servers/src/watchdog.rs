//! Stops a cluster's server and removes its folder when this process ends, for any reason.
//!
//! A small shell process reads a pipe whose write end only this process holds. When this process
//! ends, the kernel closes the pipe; the shell then stops the last registered process group and
//! removes the folder. A process to be watched waits until it is registered, so there is no
//! moment at which a kill could leave it behind.

use flowcontrol_base::{Failure, Result};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// The prefix of folders that the watchdog removes.
pub(super) const FOLDER_PREFIX: &str = "flowcontrol-pg-";

/// Signals sent to the group: the postmaster understands QUIT as "stop at once". The form
/// `kill -s NAME -- -GROUP` is supported by every shell: dash refuses `kill -NAME -- -GROUP`.
const SCRIPT: &str = r#"
trap '' INT HUP TERM
folder=$1
group=
while read -r word value; do
    case $word in
        group) group=$value ;;
        done) exit 0 ;;
    esac
done
if [ -n "$group" ]; then
    kill -s QUIT -- "-$group" 2>/dev/null
    left=100
    while kill -s 0 -- "-$group" 2>/dev/null && [ "$left" -gt 0 ]; do
        sleep 0.1 2>/dev/null || sleep 1
        left=$((left - 1))
    done
    kill -s KILL -- "-$group" 2>/dev/null
fi
case ${folder##*/} in
    flowcontrol-pg-*) rm -rf -- "$folder" ;;
esac
"#;

/// Waits on its standard input for a line, then becomes the command; ends when there is none.
const GATE: &str = r#"read -r _ || exit 125; exec "$@" </dev/null"#;

/// The shell process, which ends shortly after this one.
#[derive(Debug)]
pub(super) struct Watchdog {
    child: Child,
    pipe: Option<ChildStdin>,
    folder: PathBuf,
}

impl Watchdog {
    /// Starts watching over `folder`.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "flowcontrol-watchdog"])
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal signals the foreground process group, which the watchdog is not in.
            .process_group(0)
            .spawn()
            .map_err(|e| Failure::environment(format!("cannot start /bin/sh: {e}")))?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe, folder: folder.to_owned() })
    }

    /// The watchdog's process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Starts `program` in a new process group, registered with the watchdog before it runs.
    /// `prepare` sets the output, the user and the environment.
    pub(super) fn launch(
        &mut self,
        program: &Path,
        arguments: &[String],
        prepare: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Result<Child> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GATE, "flowcontrol-gate"]).arg(program).args(arguments);
        prepare(&mut command).stdin(Stdio::piped()).process_group(0);
        let failed = |e: std::io::Error| {
            Failure::environment(format!("cannot start {}: {e}", program.display()))
        };
        let mut child = command.spawn().map_err(failed)?;
        let told = self.tell(&format!("group {}", child.id()));
        let opened = match (told, child.stdin.take()) {
            (Ok(()), Some(mut gate)) => gate.write_all(b"go\n").map_err(failed),
            (Err(failure), _) => Err(failure),
            (Ok(()), None) => {
                Err(Failure::environment("the launched process has no standard input"))
            }
        };
        if let Err(failure) = opened {
            // Its input is closed, so it has ended or is about to.
            child.wait().map_err(failed)?;
            return Err(failure);
        }
        Ok(child)
    }

    /// Ends the watchdog, after the folder was removed and the processes have ended.
    pub(super) fn finish(mut self) -> Result<()> {
        self.tell("done")?;
        self.pipe = None;
        self.child
            .wait()
            .map(drop)
            .map_err(|e| Failure::environment(format!("cannot wait for the watchdog: {e}")))
    }

    fn tell(&mut self, line: &str) -> Result<()> {
        let lost = || {
            Failure::environment(format!(
                "the watchdog of {} has ended; another process stopped it",
                self.folder.display()
            ))
        };
        let pipe = self.pipe.as_mut().ok_or_else(lost)?;
        writeln!(pipe, "{line}").and_then(|()| pipe.flush()).map_err(|_| lost())
    }
}

impl Drop for Watchdog {
    /// Closes the pipe, which makes the watchdog clean up, and waits for it.
    fn drop(&mut self) {
        self.pipe = None;
        if let Err(e) = self.child.wait() {
            tracing::warn!(error = %e, "cannot wait for the watchdog");
        }
    }
}
