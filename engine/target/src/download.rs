//! Downloads PostgreSQL's binaries for a machine that has none.

use super::TargetSettings;
use super::binaries::Binaries;

/// Downloads the newest supported version into the cache folder, where later runs find it.
#[cfg(feature = "download")]
pub(super) fn download(settings: &TargetSettings) -> Result<Binaries, String> {
    use postgresql_embedded::{PostgreSQL, Settings, VersionReq};
    let work = tempfile::Builder::new()
        .prefix("flowcontrol-download-")
        .tempdir_in(&settings.temp)
        .map_err(|e| e.to_string())?;
    // `setup` also initialises a cluster unless there seems to be one; ours is created elsewhere,
    // as an unprivileged user.
    let data_dir = work.path().join("data");
    std::fs::create_dir(&data_dir)
        .and_then(|()| std::fs::write(data_dir.join("postgresql.conf"), ""))
        .map_err(|e| e.to_string())?;
    std::fs::create_dir_all(&settings.cache)
        .map_err(|e| format!("cannot create {}: {e}", settings.cache.display()))?;
    let download = Settings {
        version: VersionReq::parse("=17").map_err(|e| e.to_string())?,
        installation_dir: settings.cache.clone(),
        password_file: work.path().join("password"),
        data_dir,
        temporary: false,
        ..Settings::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let mut server = PostgreSQL::new(download);
    runtime.block_on(Box::pin(server.setup())).map_err(|e| chain(&e))?;
    let found = super::binaries::find(&TargetSettings {
        pg_bin: Some(server.settings().binary_dir()),
        ..settings.clone()
    })
    .map_err(|e| e.message)?;
    found.usable.into_iter().next().ok_or_else(|| "the download contains no `initdb`".to_owned())
}

/// The message with its causes, since the outermost error often says only that a request failed.
#[cfg(feature = "download")]
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// Fails, because this build has no downloader.
#[cfg(not(feature = "download"))]
pub(super) fn download(_settings: &TargetSettings) -> Result<Binaries, String> {
    Err("this build of flowcontrol has no `download` feature".to_owned())
}
