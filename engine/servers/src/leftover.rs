//! Removes what killed runs left in the temporary folder: clusters without a watchdog, because
//! their process and its watchdog were both killed, and certificates of containers.

use super::owner::Owner;
use super::run_as::RunAs;
use super::watchdog::FOLDER_PREFIX;
use rustix::process::{Pid, Signal, geteuid};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// A folder without a watchdog's id is being created, unless it is older than this.
const CREATION_TIME: Duration = Duration::from_secs(600);

/// Stops the servers and removes the folders of clusters under `temp` whose watchdog is gone; says
/// what it removed. Folders of other users are not touched.
pub(super) fn sweep(temp: &Path) -> Vec<String> {
    // A folder that cannot be listed fails with a better message when a cluster is created in it.
    let Ok(entries) = fs::read_dir(temp) else { return Vec::new() };
    let ours = [Some(geteuid().as_raw()), RunAs::choose().ok().flatten().map(|user| user.uid)];
    let mut swept = Vec::new();
    for entry in entries.flatten() {
        let folder = entry.path();
        let is_cluster = entry.file_name().to_string_lossy().starts_with(FOLDER_PREFIX)
            && entry
                .path()
                .symlink_metadata()
                .is_ok_and(|found| found.is_dir() && ours.contains(&Some(found.uid())));
        if !is_cluster || !abandoned(&folder) {
            continue;
        }
        if let Some(server) = first_number(&folder.join("data/postmaster.pid"))
            && runs_for(server, &folder)
            && let Some(process) = Pid::from_raw(server)
            && let Err(e) = rustix::process::kill_process(process, Signal::QUIT)
        {
            tracing::warn!(folder = %folder.display(), error = %e, "cannot stop an abandoned cluster");
            continue;
        }
        match fs::remove_dir_all(&folder) {
            Ok(()) => swept.push(format!("removed {}, left by a killed run", folder.display())),
            Err(e) => {
                tracing::warn!(folder = %folder.display(), error = %e, "cannot remove an abandoned cluster");
            }
        }
    }
    swept
}

/// Folders with the certificate of a container start with this.
pub(super) const AUTHORITY_PREFIX: &str = "flowcontrol-ca-";

/// The file in such a folder that names its process.
pub(super) const OWNER_FILE: &str = "owner";

/// Removes certificates of containers whose process was killed.
pub(super) fn sweep_authorities(temp: &Path) {
    let Ok(entries) = fs::read_dir(temp) else { return };
    for entry in entries.flatten() {
        let folder = entry.path();
        let gone = entry.file_name().to_string_lossy().starts_with(AUTHORITY_PREFIX)
            && folder
                .symlink_metadata()
                .is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw())
            && fs::read_to_string(folder.join(OWNER_FILE))
                .is_ok_and(|label| Owner::from_label(&label).is_some_and(|owner| owner.is_gone()));
        if gone && let Err(e) = fs::remove_dir_all(&folder) {
            tracing::warn!(folder = %folder.display(), error = %e, "cannot remove an old certificate");
        }
    }
}

fn abandoned(folder: &Path) -> bool {
    match first_number(&folder.join("watchdog.pid")) {
        Some(watchdog) => !runs_for(watchdog, folder),
        None => folder
            .metadata()
            .and_then(|found| found.modified())
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > CREATION_TIME)),
    }
}

/// Whether the process is alive and its command line names the folder, since process ids are reused.
fn runs_for(process: i32, folder: &Path) -> bool {
    let Some(pid) = Pid::from_raw(process) else { return false };
    if rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        return false;
    }
    // Without /proc a living process is assumed to be the right one: better to keep a folder
    // than to stop an unrelated process.
    fs::read(format!("/proc/{process}/cmdline")).map_or(true, |command| {
        let name = folder.as_os_str().as_encoded_bytes();
        command.windows(name.len()).any(|part| part == name)
    })
}

fn first_number(path: &Path) -> Option<i32> {
    fs::read_to_string(path).ok()?.lines().next()?.trim().parse().ok().filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abandoned_folder_is_removed_and_a_watched_one_is_kept() {
        let temp = tempfile::tempdir().unwrap();
        let make = |name: &str, watchdog: &str| {
            let folder = temp.path().join(format!("{FOLDER_PREFIX}{name}"));
            fs::create_dir_all(folder.join("data")).unwrap();
            fs::write(folder.join("watchdog.pid"), watchdog).unwrap();
            folder
        };
        // The largest id that Linux gives; no test machine runs that many processes.
        let dead = make("dead", "4194304\n");
        let young = make("young", "");
        let stranger = temp.path().join("somebody-else");
        fs::create_dir(&stranger).unwrap();
        let mut child = std::process::Command::new("/bin/sh")
            .args(["-c", "read -r _", "watchdog"])
            .arg(temp.path().join(format!("{FOLDER_PREFIX}live")))
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let live = make("live", &format!("{}\n", child.id()));

        let swept = sweep(temp.path());

        assert_eq!(swept.len(), 1, "{swept:?}");
        assert!(!dead.exists());
        assert!(young.exists() && live.exists() && stranger.exists());
        drop(child.stdin.take());
        child.wait().unwrap();
        sweep(temp.path());
        assert!(!live.exists());
    }
}
