//! The process that owns a container, so that a later run can determine whether it is alive.

use flowcontrol_base::clock;
use rustix::process::Pid;
use std::fs;

/// A container whose owner runs on another machine counts as abandoned after this many microseconds.
const FOREIGN_OWNER_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// A process, distinguishable from later ones with the same id and from those of other machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The machine's boot id and process-id namespace; empty if the system does not provide them.
    place: String,
    process: i32,
    /// When the process started, in the kernel's ticks since boot.
    started: u64,
    /// When the container was created, in microseconds since 1970.
    made: i64,
}

impl Owner {
    /// The current process, at the current time.
    pub(super) fn this_process() -> Self {
        let process = rustix::process::getpid().as_raw_nonzero().get();
        Self {
            place: place(),
            process,
            started: started(process).unwrap_or(0),
            made: clock::now().micros(),
        }
    }

    /// As a label's value.
    pub(super) fn to_label(&self) -> String {
        format!("{} {} {} {}", self.made, self.process, self.started, self.place)
    }

    /// Reads [`Self::to_label`] back.
    pub(super) fn from_label(label: &str) -> Option<Self> {
        let mut parts = label.splitn(4, ' ');
        Some(Self {
            made: parts.next()?.parse().ok()?,
            process: parts.next()?.parse().ok()?,
            started: parts.next()?.parse().ok()?,
            place: parts.next()?.to_owned(),
        })
    }

    /// Whether the owner is known to have ended. One that cannot be inspected, because it runs on
    /// another machine or in another container, counts as ended after a day.
    pub(super) fn is_gone(&self) -> bool {
        if self.place.is_empty() || self.place != place() {
            return clock::now().micros().saturating_sub(self.made) > FOREIGN_OWNER_MICROS;
        }
        let lives = Pid::from_raw(self.process).is_some_and(|pid| {
            rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
        });
        !lives || started(self.process) != Some(self.started)
    }
}

fn place() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let space = fs::read_link("/proc/self/ns/pid");
    match (boot, space) {
        (Ok(boot), Ok(space)) => format!("{} {}", boot.trim(), space.display()),
        _ => String::new(),
    }
}

fn started(process: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may contain any character.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_whitespace();
    // A zombie has ended; its entry only waits for its parent.
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_reads_back() {
        let owner = Owner::this_process();
        assert_eq!(Owner::from_label(&owner.to_label()), Some(owner.clone()));
        assert_eq!(Owner::from_label("hand-made"), None);
        assert!(!owner.is_gone());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn ended_processes_and_reused_ids_are_distinguished_from_living_ones() {
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let process = i32::try_from(child.id()).unwrap();
        child.wait().unwrap();
        let living = Owner::this_process();
        assert!(Owner { process, ..living.clone() }.is_gone());
        assert!(Owner { started: living.started + 1, ..living }.is_gone());
    }

    #[test]
    fn an_owner_on_another_machine_counts_for_a_day() {
        let stranger = Owner { place: "another machine".into(), ..Owner::this_process() };
        assert!(!stranger.is_gone());
        assert!(
            Owner { made: stranger.made - FOREIGN_OWNER_MICROS - 1_000_000, ..stranger }.is_gone()
        );
    }
}
