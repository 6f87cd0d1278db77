//! A tenant's roster on disk: one small file, replaced as a whole.

use crate::disk;
use crate::failure::corrupt;
use flowcontrol_contract::{Digest, Result, Roster, TenantId};
use std::path::Path;

/// The file's name in the tenant's folder. It also identifies the folder's tenant.
pub(crate) const NAME: &str = "roster";

/// A roster with its commit number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Enrolled {
    /// Its position in the order of all writes of the store.
    pub(crate) commit: u64,
    /// The roster.
    pub(crate) roster: Roster,
}

impl Enrolled {
    fn encode(&self) -> Result<String> {
        let json = serde_json::to_string(&self.roster).map_err(|e| {
            flowcontrol_contract::Error::invalid("the roster cannot be serialized").source(e)
        })?;
        let body = format!("{:020} {json}\n", self.commit);
        Ok(format!("bfgroster1 {} {body}", Digest::of(&body)))
    }

    fn parse(text: &str) -> Option<Self> {
        let (digest, body) = text.strip_prefix("bfgroster1 ")?.split_once(' ')?;
        if Digest::parse(digest).ok()? != Digest::of(body) {
            return None;
        }
        let (commit, json) = body.split_once(' ')?;
        let roster = serde_json::from_str(json).ok()?;
        Some(Self { commit: commit.parse().ok()?, roster })
    }

    /// Writes the roster; durable on return.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        disk::replace(&dir.join(NAME), self.encode()?.as_bytes())
    }

    /// The roster in a tenant's folder; `None` when it does not exist.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(NAME);
        let Some(bytes) = disk::read(&path)? else { return Ok(None) };
        let enrolled = std::str::from_utf8(&bytes)
            .ok()
            .and_then(Self::parse)
            .ok_or_else(|| corrupt(&path, "the roster does not match its checksum"))?;
        if dir.file_name().is_none_or(|n| n != folder(&enrolled.roster.tenant).as_str()) {
            return Err(corrupt(
                &path,
                format!(
                    "it belongs to tenant {}, which has another folder",
                    enrolled.roster.tenant
                ),
            ));
        }
        Ok(Some(enrolled))
    }
}

/// The name of a tenant's folder: the digest of its id, because an id may be `..`, differ from
/// another by case only, or be longer than a file name.
pub(crate) fn folder(tenant: &TenantId) -> String {
    Digest::of(tenant.as_str()).to_string()
}

/// The roster after `given` was enrolled over `known`: actors are added and changed, never removed.
///
/// # Errors
/// `InvalidInput` when `given` breaks a rule of rosters.
pub(crate) fn merge(known: Option<&Roster>, given: &Roster) -> Result<Roster> {
    let mut actors = given.actors.clone();
    if let Some(known) = known {
        actors.extend(known.actors.iter().filter(|a| !given.has(&a.id)).cloned());
    }
    Roster::new(given.tenant.clone(), given.name.clone(), actors)
}

#[cfg(test)]
mod tests {
    use super::{Enrolled, folder, merge};
    use flowcontrol_contract::{Actor, ActorId, ErrorKind, Roster, TenantId};

    fn roster(tenant: &str, actors: &[(&str, &str)]) -> Roster {
        let actor = |(id, role): &(&str, &str)| Actor {
            id: ActorId::new(id).unwrap(),
            display_name: "Олена".into(),
            organisation: "Finance".into(),
            role: (*role).into(),
            permissions: vec!["read".into()],
        };
        let actors = actors.iter().map(actor).collect();
        Roster::new(TenantId::new(tenant).unwrap(), "Name", actors).unwrap()
    }

    #[test]
    fn a_roster_reads_back_and_any_flip_is_found() {
        let root = tempfile::tempdir().unwrap();
        let enrolled = Enrolled { commit: 7, roster: roster("..", &[("a", "driver")]) };
        let dir = root.path().join(folder(&enrolled.roster.tenant));
        std::fs::create_dir(&dir).unwrap();
        assert_eq!(Enrolled::read(&dir).unwrap(), None);
        enrolled.write(&dir).unwrap();
        assert_eq!(Enrolled::read(&dir).unwrap(), Some(enrolled.clone()));
        let good = std::fs::read(dir.join("roster")).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 2;
            std::fs::write(dir.join("roster"), bad).unwrap();
            assert_eq!(Enrolled::read(&dir).unwrap_err().kind(), ErrorKind::Corrupt, "byte {at}");
        }
    }

    #[test]
    fn a_roster_in_another_folder_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join(folder(&TenantId::new("A").unwrap()));
        std::fs::create_dir(&dir).unwrap();
        Enrolled { commit: 1, roster: roster("a", &[]) }.write(&dir).unwrap();
        assert_eq!(Enrolled::read(&dir).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn actors_are_added_and_changed_and_never_removed() {
        let known = roster("t", &[("a", "driver"), ("b", "client")]);
        let given = roster("t", &[("b", "dispatcher"), ("c", "client")]);
        let want = roster("t", &[("a", "driver"), ("b", "dispatcher"), ("c", "client")]);
        assert_eq!(merge(Some(&known), &given).unwrap(), want);
        assert_eq!(merge(Some(&want), &given).unwrap(), want);
    }
}
