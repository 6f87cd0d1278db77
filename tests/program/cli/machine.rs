//! What the machine does to a user: permissions, full disks, signals.

use super::place::{Place, Said};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A process that runs the program as nobody, who owns nothing here.
fn as_nobody(place: &Place, line: &str) -> Said {
    let program = env!("CARGO_BIN_EXE_flowcontrol");
    let copy = place.file("program");
    if !copy.exists() {
        // The build folder may be closed to others.
        std::fs::copy(program, &copy).unwrap();
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(copy);
    command.args(line.split_whitespace()).current_dir(place.path()).env_clear();
    command.env("PATH", "/usr/bin:/bin").output().unwrap().into()
}

#[test]
fn a_folder_that_may_not_be_written_is_the_environments_fault() {
    if !Uid::effective().is_root() || Command::new("setpriv").arg("--version").output().is_err() {
        eprintln!("skipped: it takes root and setpriv to become another user");
        return;
    }
    let place = Place::seeded(60);
    place.digest();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    for line in [
        "demo seed",
        "init",
        "init x",
        "snapshot freeze --out f",
        "scenario show",
        "snapshot import digest.jsonl",
    ] {
        let said = as_nobody(&place, line).refused(3);
        assert!(said.contains("ermission denied"), "{line}: {said}");
        assert!(said.contains("hint: "), "{line}: {said}");
    }
    assert_eq!(place.names(), [".flowcontrol", "digest.jsonl", "program"]);
}

#[test]
fn a_full_disk_leaves_a_store_that_reads() {
    let place = Place::new();
    std::fs::create_dir(place.file("small")).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
        .arg(place.file("small"))
        .output();
    if !mounted.is_ok_and(|m| m.status.success()) {
        eprintln!("skipped: this user may not mount a small file system");
        return;
    }
    place.run("init small").fine();
    let at = "--config small/flowcontrol.toml";
    let seed = place.run(&format!("{at} demo seed --records 100000"));
    let show = place.run(&format!("{at} scenario show --format json"));
    let freeze = place.run(&format!("{at} snapshot freeze --out small/f"));
    let names: Vec<_> =
        std::fs::read_dir(place.file("small")).unwrap().map(|e| e.unwrap().file_name()).collect();
    let unmounted = Command::new("umount").arg(place.file("small")).status().unwrap();
    assert!(unmounted.success());
    assert!(seed.refused(3).contains("full"));
    let records = show.json()["tenants"][0]["head"].as_u64().unwrap();
    assert!(records > 0);
    assert!(freeze.refused(3).contains("the disk is full"));
    assert_eq!(names.len(), 2, "no part of a snapshot stays: {names:?}");
}

/// Waits until the store has a log, so that the signal comes in the middle of the work.
fn until_it_writes(place: &Place) {
    let tenants = place.file(".flowcontrol/store/tenants");
    let begun = || {
        let mut folders = std::fs::read_dir(&tenants).ok()?;
        folders.find_map(|f| f.ok()?.path().join("log").metadata().ok().filter(|m| m.len() > 0))
    };
    while begun().is_none() {
        std::thread::yield_now();
    }
}

#[test]
fn an_interrupted_seed_ends_with_130_and_a_store_that_reads() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let place = Place::new();
        let child = place.start("demo seed --records 2000000");
        until_it_writes(&place);
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        let said = Said::from(child.wait_with_output().unwrap()).refused(130);
        assert!(said.contains("interrupted"), "{said}");
        let shown = place.run("scenario show --format json").json();
        assert!(shown["tenants"][0]["head"].as_u64().unwrap() > 0);
        place.digest();
    }
}

#[test]
fn a_silent_pipe_does_not_keep_the_program_from_stopping() {
    let place = Place::seeded(60);
    let mut child = place.start("scenario append - --tenant bfg-control");
    let pipe = child.stdin.take();
    // The handlers stand once the kernel shows SIGINT as caught.
    let status = format!("/proc/{}/status", child.id());
    let caught = || {
        let text = std::fs::read_to_string(&status).unwrap();
        let mask = text.lines().find_map(|l| l.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap() & 0b10 != 0
    };
    while !caught() {
        std::thread::yield_now();
    }
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    Said::from(child.wait_with_output().unwrap()).refused(130);
    drop(pipe);
}
