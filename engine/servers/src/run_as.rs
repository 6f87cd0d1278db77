//! The user that a temporary server runs as: `initdb` and `postgres` refuse to run as root.

use flowcontrol_base::{Failure, Result};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// An unprivileged user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunAs {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

impl RunAs {
    /// `None` if this process is not root; else `postgres`, or `nobody` if there is no
    /// such user.
    pub(super) fn choose() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let path = "/etc/passwd";
        let passwd = std::fs::read_to_string(path)
            .map_err(|e| Failure::environment(format!("cannot read {path}: {e}")))?;
        Ok(Some(pick(&passwd)))
    }

    /// Makes `command` run as this user, with no groups but its own.
    pub(super) fn apply<'c>(user: Option<&Self>, command: &'c mut Command) -> &'c mut Command {
        match user {
            // The standard library drops supplementary groups when root names a uid.
            Some(user) => command.uid(user.uid).gid(user.gid),
            None => command,
        }
    }

    /// Changes the owner of a file or folder to this user.
    pub(super) fn give(user: Option<&Self>, path: &Path) -> Result<()> {
        let Some(user) = user else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid)).map_err(|e| {
            Failure::environment(format!(
                "cannot change the owner of {} to {}: {e}",
                path.display(),
                user.name
            ))
        })
    }
}

fn pick(passwd: &str) -> RunAs {
    let find = |wanted: &str| {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|name| *name == wanted)?;
            let uid = fields.nth(1)?.parse().ok().filter(|uid| *uid != 0)?;
            let gid = fields.next()?.parse().ok()?;
            Some(RunAs { name: name.to_owned(), uid, gid })
        })
    };
    find("postgres")
        .or_else(|| find("nobody"))
        // Neither user exists: an id that is not assigned to a person on any system.
        .unwrap_or_else(|| RunAs { name: "uid 65534".into(), uid: 65534, gid: 65534 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_comes_before_nobody() {
        let passwd = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n\
                      postgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(pick(passwd), RunAs { name: "postgres".into(), uid: 101, gid: 104 });
    }

    #[test]
    fn a_postgres_user_with_uid_0_is_not_used() {
        let passwd = "postgres:x:0:0::/:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n";
        assert_eq!(pick(passwd), RunAs { name: "nobody".into(), uid: 65534, gid: 65533 });
        assert_eq!(pick("").uid, 65534);
    }
}
