//! The token file: readable by its owner only, replaced as a whole, one writer at a time.

use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Secret;
use flowcontrol_contract::sign_in::Tokens;
use flowcontrol_files::{self as files, Access, AtPath as _, FileError, Lock};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
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

/// Where tokens are store.
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

    /// Waits until no other command reads or writes tokens.
    ///
    /// # Errors
    /// An environment failure when it is not free in time.
    pub async fn lock(&self) -> Result<Lock> {
        files::create_folder(&self.folder, Access::Shared)?;
        let path = self.folder.join(LOCK);
        for _ in 0..LOCK_TRIES.0 {
            if let Ok(lock) = Lock::try_take(&path)? {
                return Ok(lock);
            }
            tokio::time::sleep(LOCK_TRIES.1).await;
        }
        Err(Failure::environment("another command holds the lock on the tokens")
            .hint("wait for the other `flowcontrol auth` to end, or stop it"))
    }

    /// The tokens; `None` when nobody is signed in.
    ///
    /// # Errors
    /// A failed check when others may read the file, or it has another content.
    pub fn read(&self) -> Result<Option<Tokens>> {
        let path = self.file();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(FileError::new("read", &path, e).into()),
        };
        let mode = file.metadata().at_path("read", &path)?.permissions().mode();
        let shown = path.display().to_string();
        if mode & 0o077 != 0 {
            return Err(Failure::check(format!("others may read the tokens in {shown}")).hint(
                "delete the file, sign in again, and have the provider revoke the old tokens",
            ));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).at_path("read", &path)?;
        // serde's message would repeat what it read.
        let content: Option<TokenFile> =
            serde_json::from_str(&text).ok().filter(|content: &TokenFile| content.schema == SCHEMA);
        let content = content.ok_or_else(|| {
            Failure::check(format!("{shown} holds no tokens of this version"))
                .hint("delete the file and sign in again")
        })?;
        Ok(Some(Tokens {
            issuer: content.issuer,
            client: content.client,
            access: Secret::new(content.access_token),
            refresh: content.refresh_token.map(Secret::new),
            id: content.id_token.map(Secret::new),
            subject: content.subject,
            session: content.session,
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
        let text = serde_json::to_string_pretty(&content)
            .map_err(|_| Failure::environment("the tokens cannot be serialized"))?;
        // Created readable by its owner only: nobody else can read it at any moment.
        Ok(files::replace(&self.file(), text.as_bytes(), Access::Owner)?)
    }

    /// Deletes them.
    ///
    /// # Errors
    /// An environment failure when they cannot be deleted.
    pub fn remove(&self, _: &Lock) -> Result<()> {
        files::remove(&self.file())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE, TokenStore};
    use flowcontrol_contract::Secret;
    use flowcontrol_contract::sign_in::Tokens;
    use flowcontrol_testkit::folder_watch::FolderWatch;
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
        let watch = FolderWatch::new(&folder.path().join("state"));
        store.write(&tokens, &lock).unwrap();
        assert!(watch.synced_after(FILE), "a provider may take an old refresh token for a theft");
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
