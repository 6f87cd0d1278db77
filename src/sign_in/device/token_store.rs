//! The token file: readable by its owner only, replaced as a whole, one writer at a time.

use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Secret;
use flowcontrol_contract::sign_in::Tokens;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "login.json";
const LOCK: &str = "login.lock";
const SCHEMA: &str = "FlowControlLogin.v1";
/// How often the lock is tried, and the pause between two tries.
const LOCK_TRIES: (u32, Duration) = (600, Duration::from_millis(50));

/// The file's JSON form of the tokens. It has no `Debug`, which would show them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    schema: String,
    issuer: String,
    client: String,
    access_token: String,
    refresh_token: Option<String>,
    id_token: Option<String>,
    subject: String,
    session: Option<String>,
}

/// The lock, held by whoever reads in order to write.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

/// The file in which tokens are kept.
#[derive(Debug)]
pub struct TokenStore {
    folder: PathBuf,
}

impl TokenStore {
    /// The file in the state folder.
    pub fn in_folder(state: &Path) -> Self {
        Self { folder: state.to_owned() }
    }

    fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> Failure {
        Failure::environment(format!("cannot {what} {}: {error}", self.file().display()))
            .hint("check the permissions of the state folder")
    }

    /// Waits for the lock: no other command reads or writes tokens while it is held.
    ///
    /// # Errors
    /// An environment failure when it is not free in time.
    pub async fn lock(&self) -> Result<Lock> {
        fs::create_dir_all(&self.folder).map_err(|e| self.failed("create the folder of", &e))?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(self.folder.join(LOCK))
            .map_err(|e| self.failed("lock", &e))?;
        for _ in 0..LOCK_TRIES.0 {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(file)),
                Err(fs::TryLockError::WouldBlock) => tokio::time::sleep(LOCK_TRIES.1).await,
                Err(fs::TryLockError::Error(e)) => return Err(self.failed("lock", &e)),
            }
        }
        Err(Failure::environment("another command holds the lock on the tokens")
            .hint("wait for the other `flowcontrol auth` to end, or stop it"))
    }

    /// The tokens; `None` when nobody is signed in.
    ///
    /// # Errors
    /// A failed check when others may read the file, or it has another content.
    pub fn read(&self) -> Result<Option<Tokens>> {
        let mut file = match File::open(self.file()) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(self.failed("read", &e)),
        };
        let mode = file.metadata().map_err(|e| self.failed("read", &e))?.permissions().mode();
        let shown = self.file().display().to_string();
        if mode & 0o077 != 0 {
            return Err(Failure::check(format!("others may read the tokens in {shown}")).hint(
                "delete the file, sign in again, and have the provider revoke the old tokens",
            ));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|e| self.failed("read", &e))?;
        // A parser's message would repeat what it read.
        let file: Option<TokenFile> =
            serde_json::from_str(&text).ok().filter(|file: &TokenFile| file.schema == SCHEMA);
        let file = file.ok_or_else(|| {
            Failure::check(format!("{shown} is not a valid token file of this version"))
                .hint("delete the file and sign in again")
        })?;
        Ok(Some(Tokens {
            issuer: file.issuer,
            client: file.client,
            access: Secret::new(file.access_token),
            refresh: file.refresh_token.map(Secret::new),
            id: file.id_token.map(Secret::new),
            subject: file.subject,
            session: file.session,
        }))
    }

    /// Replaces the stored tokens.
    ///
    /// # Errors
    /// An environment failure when they cannot be written.
    pub fn write(&self, tokens: &Tokens, _: &Lock) -> Result<()> {
        let text = |secret: &Secret| secret.expose().to_owned();
        let content = TokenFile {
            schema: SCHEMA.to_owned(),
            issuer: tokens.issuer.clone(),
            client: tokens.client.clone(),
            access_token: text(&tokens.access),
            refresh_token: tokens.refresh.as_ref().map(text),
            id_token: tokens.id.as_ref().map(text),
            subject: tokens.subject.clone(),
            session: tokens.session.clone(),
        };
        let write = || -> std::io::Result<()> {
            // The file is created with its owner's permissions, so that others can never read it.
            let mut file = tempfile::Builder::new()
                .prefix(".login-")
                .permissions(Permissions::from_mode(0o600))
                .tempfile_in(&self.folder)?;
            file.write_all(serde_json::to_string_pretty(&content)?.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(self.file()).map(drop).map_err(|e| e.error)
        };
        write().map_err(|e| self.failed("write", &e))
    }

    /// Deletes them.
    ///
    /// # Errors
    /// An environment failure when they cannot be deleted.
    pub fn remove(&self, _: &Lock) -> Result<()> {
        match fs::remove_file(self.file()) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(self.failed("delete", &e)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE, TokenStore};
    use flowcontrol_contract::Secret;
    use flowcontrol_contract::sign_in::Tokens;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn tokens_are_their_owners_alone_and_never_in_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let store = TokenStore::in_folder(&folder.path().join("state"));
        assert!(store.read().unwrap().is_none());
        let secret = |text: &str| Some(Secret::new(text));
        let tokens = Tokens {
            issuer: "https://idp.example.org".into(),
            client: "cli".into(),
            access: Secret::new("hunter2-access"),
            refresh: secret("hunter2-refresh"),
            id: None,
            subject: "5f0c".into(),
            session: None,
        };
        let lock = store.lock().await.unwrap();
        store.write(&tokens, &lock).unwrap();
        let file = folder.path().join("state").join(FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let read = store.read().unwrap().unwrap();
        assert_eq!((read.access, read.refresh), (tokens.access, tokens.refresh));
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert!(store.read().unwrap_err().message.contains("others may read"));
        }
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        for text in ["", "{}", "{\"schema\": \"hunter2\", \"access_token\": \"hunter2\"}"] {
            fs::write(&file, text).unwrap();
            let refused = store.read().unwrap_err();
            assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
        }
        store.remove(&lock).unwrap();
        store.remove(&lock).unwrap();
        assert!(store.read().unwrap().is_none());
    }
}
