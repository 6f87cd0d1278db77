//! The settings of targets, passed in by the configuration; the environment is not read here.

use flowcontrol_database::{Endpoint, Login, Logins};
use std::path::PathBuf;

/// The image of the `container` target when none is configured.
pub const DEFAULT_IMAGE: &str = "postgres:17";

/// An existing server. A rehearsal creates its own database on it.
#[derive(Clone, Debug)]
pub struct ExternalSettings {
    /// The configured database. Rehearsals only connect to it to create and drop their own.
    pub endpoint: Endpoint,
    /// The administrator's login, which may create databases.
    pub admin: Login,
    /// The logins of the roles, which are provisioned beforehand (`flowcontrol migrate roles`).
    pub logins: Logins,
}

/// Settings of all targets.
#[derive(Clone, Debug)]
pub struct TargetSettings {
    /// The only folder to take PostgreSQL binaries from (`FLOWCONTROL_PG_BIN`).
    pub pg_bin: Option<PathBuf>,
    /// Folders of the search path, searched before the places where packages install.
    pub search: Vec<PathBuf>,
    /// Whether `local` may download binaries when the machine has none.
    pub download: bool,
    /// The folder for downloaded binaries.
    pub cache: PathBuf,
    /// The folder for temporary clusters.
    pub temp: PathBuf,
    /// The image of the `container` target (`FLOWCONTROL_POSTGRES_IMAGE`).
    pub image: String,
    /// The address of the Docker engine (`DOCKER_HOST`), which determines how its ports are reached.
    pub docker_host: Option<String>,
    /// The `external` target, when one is configured.
    pub external: Option<ExternalSettings>,
}

impl TargetSettings {
    /// Settings from a look-up of environment variables, which the configuration supplies:
    /// `FLOWCONTROL_PG_BIN`, `FLOWCONTROL_POSTGRES_IMAGE`, `DOCKER_HOST`, `PATH`, `TMPDIR`, `XDG_CACHE_HOME`,
    /// `HOME`. An empty variable counts as absent.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let root = rustix::process::geteuid().is_root();
        let home = get("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| get("HOME").map(|home| PathBuf::from(home).join(".cache")));
        let cache = match home {
            // For root, the server runs as another user, who cannot read root's home.
            Some(_) | None if root => PathBuf::from("/var/cache"),
            Some(folder) => folder,
            None => PathBuf::from("/tmp"),
        };
        Self {
            pg_bin: get("FLOWCONTROL_PG_BIN").map(PathBuf::from),
            search: get("PATH")
                .map(|path| path.split(':').filter(|p| !p.is_empty()).map(PathBuf::from).collect())
                .unwrap_or_default(),
            download: true,
            cache: cache.join("flowcontrol/postgresql"),
            temp: get("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from),
            image: get("FLOWCONTROL_POSTGRES_IMAGE").unwrap_or_else(|| DEFAULT_IMAGE.to_owned()),
            docker_host: get("DOCKER_HOST"),
            external: None,
        }
    }
}

impl Default for TargetSettings {
    /// The settings when no variable is set.
    fn default() -> Self {
        Self::from_variables(|_| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_absent() {
        let settings = TargetSettings::from_variables(|_| Some(String::new()));
        assert_eq!(settings.pg_bin, None);
        assert_eq!(settings.image, DEFAULT_IMAGE);
        assert_eq!(settings.temp, PathBuf::from("/tmp"));
    }

    #[test]
    fn variables_are_taken() {
        let settings = TargetSettings::from_variables(|name| {
            Some(
                match name {
                    "PATH" => "/a::/b",
                    "FLOWCONTROL_PG_BIN" => "/pg/bin",
                    "FLOWCONTROL_POSTGRES_IMAGE" => "mirror/postgres:16",
                    "TMPDIR" => "/scratch",
                    _ => "/home/x",
                }
                .to_owned(),
            )
        });
        assert_eq!(settings.search, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(settings.pg_bin, Some(PathBuf::from("/pg/bin")));
        assert_eq!(settings.image, "mirror/postgres:16");
        assert_eq!(settings.temp, PathBuf::from("/scratch"));
    }
}
