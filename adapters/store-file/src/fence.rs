//! Freeze windows: one small file in the store's folder, replaced as a whole.
//!
//! A writer reads it while it holds the write lock, and raising a window takes the same lock, so
//! every later writer of every process sees the window. The wall clock decides when a window ends.

use crate::KIND;
use crate::disk;
use crate::failure::corrupt;
use crate::store::{FileStore, blocking};
use async_trait::async_trait;
use flowcontrol_contract::fence::{Fence, Raised, Window, Windows};
use flowcontrol_contract::{CallCx, Digest, Error, Result, TenantId, Timestamp};
use std::path::Path;
use std::sync::Arc;

/// The file's name in the store's folder. It does not exist before the first window.
pub(crate) const NAME: &str = "fence";

/// The start of the file, with the version.
const MARK: &str = "bfgfence1";

fn encode(windows: &Windows) -> Result<String> {
    let json = serde_json::to_string(windows)
        .map_err(|e| Error::invalid("the freeze windows cannot be serialized").source(e))?;
    let body = format!("{json}\n");
    Ok(format!("{MARK} {} {body}", Digest::of(&body)))
}

fn parse(text: &str) -> Option<Windows> {
    let (digest, body) = text.strip_prefix(MARK)?.strip_prefix(' ')?.split_once(' ')?;
    if Digest::parse(digest).ok()? != Digest::of(body) {
        return None;
    }
    serde_json::from_str(body).ok()
}

/// The windows of the store in `dir`. A damaged file is an error; it must not count as unfrozen.
fn read(dir: &Path) -> Result<Windows> {
    let path = dir.join(NAME);
    let Some(bytes) = disk::read(&path)? else { return Ok(Windows::default()) };
    std::str::from_utf8(&bytes).ok().and_then(parse).ok_or_else(|| {
        corrupt(&path, "the freeze windows do not match their checksum").hint(
            "writes are refused until it is repaired: restore the file from a backup, or delete it if no \
                         freeze window should be in force",
        )
    })
}

/// Writes the windows; durable on return.
fn write(dir: &Path, windows: &Windows) -> Result<()> {
    disk::replace(&dir.join(NAME), encode(windows)?.as_bytes())
}

/// Permits a write, or refuses and counts it. The caller holds the write lock.
pub(crate) fn admit(dir: &Path, cx: &CallCx) -> Result<()> {
    let mut windows = read(dir)?;
    let outcome = windows.admit(cx, Timestamp::now());
    if outcome.is_err()
        && let Err(error) = write(dir, &windows)
    {
        // The write is refused even if it cannot be counted.
        tracing::warn!(error = %error.chain(), "a refused write was not counted");
    }
    outcome
}

#[async_trait]
impl Fence for FileStore {
    async fn raise(&self, tenants: &[TenantId], window: &Window) -> Result<()> {
        let (tenants, window) = (tenants.to_vec(), window.clone());
        self.with_lock("raise", move |dir| {
            let mut windows = read(dir)?;
            windows.raise(&tenants, &window, Timestamp::now())?;
            write(dir, &windows)
        })
        .await
    }

    async fn window(&self, tenants: &[TenantId]) -> Result<Option<Raised>> {
        let (files, tenants) = (Arc::clone(&self.files), tenants.to_vec());
        blocking("window", move || Ok(read(&files.dir)?.in_force(&tenants, Timestamp::now()))).await
    }

    async fn lift(&self, tenants: &[TenantId], id: &str) -> Result<()> {
        // Lifting must not create the folder of a store that does not exist.
        if self.window(tenants).await?.is_none() {
            return Err(Window::not_in_force(id).in_operation(KIND, "lift"));
        }
        let (tenants, id) = (tenants.to_vec(), id.to_owned());
        self.with_lock("lift", move |dir| {
            let mut windows = read(dir)?;
            windows.lift(&tenants, &id, Timestamp::now())?;
            write(dir, &windows)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::{NAME, admit, read, write};
    use flowcontrol_contract::fence::{Window, Windows};
    use flowcontrol_contract::{CallCx, ErrorKind, TenantId, Timestamp};

    fn frozen() -> (Windows, CallCx) {
        let cx = CallCx::tenant(TenantId::new("..").unwrap());
        let at = |text| Timestamp::parse(text).unwrap();
        let (from, to) = (at("2026-01-01T00:00:00Z"), at("9999-01-01T00:00:00Z"));
        let window = Window::new("drill-1", "Próba", from, to).unwrap();
        let mut windows = Windows::default();
        windows.raise(std::slice::from_ref(&cx.tenant), &window, from).unwrap();
        (windows, cx)
    }

    #[test]
    fn the_file_reads_back_and_any_flip_refuses_writes() {
        let dir = tempfile::tempdir().unwrap();
        let (windows, cx) = frozen();
        admit(dir.path(), &cx).unwrap();
        write(dir.path(), &windows).unwrap();
        assert_eq!(read(dir.path()).unwrap(), windows);
        assert_eq!(admit(dir.path(), &cx).unwrap_err().kind(), ErrorKind::Frozen);
        let path = dir.path().join(NAME);
        let good = std::fs::read(&path).unwrap();
        for at in 0..=good.len() {
            let mut bad = good.clone();
            match bad.get_mut(at) {
                Some(byte) => *byte ^= 2,
                // Cut off at the end.
                None => bad.truncate(at - 2),
            }
            std::fs::write(&path, bad).unwrap();
            let error = admit(dir.path(), &cx).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}");
            assert!(error.message().contains(path.to_str().unwrap()), "{error}");
        }
    }

    #[test]
    fn an_empty_file_is_damage_and_no_thawed_store() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(NAME), "").unwrap();
        let (_, cx) = frozen();
        assert_eq!(admit(dir.path(), &cx).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn what_a_crash_left_beside_the_file_is_no_window() {
        let dir = tempfile::tempdir().unwrap();
        let (windows, cx) = frozen();
        // Killed before the file was put in place: raised or lifted as a whole, or not at all.
        std::fs::write(dir.path().join("fence.new"), "bfgfence1 half").unwrap();
        admit(dir.path(), &cx).unwrap();
        write(dir.path(), &windows).unwrap();
        std::fs::write(dir.path().join("fence.new"), "").unwrap();
        assert_eq!(admit(dir.path(), &cx).unwrap_err().kind(), ErrorKind::Frozen);
    }
}
