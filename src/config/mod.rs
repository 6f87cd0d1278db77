//! Configuration: built-in demo profile, file, environment, command line; later layers win. It is
//! parsed once into types; nothing is guessed and it holds no secret.

mod explain;
mod model;
mod secrets;
mod serve;
mod template;

pub use explain::{nearest, plain_message};
pub use model::{
    Config, EvidenceSection, External, ExternalLogin, MigrationSettings, Profile,
    RehearsalSettings, TargetSection, TlsSection, VouchingSection,
};
pub use secrets::{HeldSecrets, ProcessSecrets};
pub use serve::{LogFormat, ServeSection};
pub use template::TEMPLATE;

use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::registry::Registry;
use flowcontrol_contract::secret::Secrets;
use flowcontrol_contract::{Digest, Port, Secret, SecretRef, json};
use flowcontrol_database::{Endpoint, Login, Logins, TlsTrust};
use flowcontrol_evidence::EvidenceStore;
use flowcontrol_evidence::keys::PrivateKey;
use flowcontrol_runbook::{Layout, MigrationLimits, Source};
use flowcontrol_servers::{ExternalSettings, TargetSettings};
use serde::Deserialize as _;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The configuration file's usual name.
pub const FILE: &str = "flowcontrol.toml";

/// Environment variables of libpq that the database driver obeys whatever the configuration says;
/// the others are overridden by it.
const LIBPQ_VARIABLES: [&str; 4] = ["PGOPTIONS", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"];

/// Values from the command line and the environment that override the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config`; absent means [`FILE`] if there is one, else the built-in demo.
    pub file: Option<PathBuf>,
    /// `--profile`.
    pub profile: Option<String>,
    /// The container image, from `FLOWCONTROL_POSTGRES_IMAGE`.
    pub image: Option<String>,
    /// A folder with PostgreSQL binaries, from `FLOWCONTROL_PG_BIN`.
    pub pg_bin: Option<PathBuf>,
}

/// A loaded configuration and where it came from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The values.
    pub config: Config,
    /// The folder that relative paths start from.
    pub base: PathBuf,
    /// The file, or `None` for the built-in demo profile.
    pub file: Option<PathBuf>,
    /// The adapters that a profile may name.
    pub adapters: Arc<Registry>,
}

impl Settings {
    /// Loads the layers in order.
    ///
    /// # Errors
    /// A usage failure with the file, the line and the known names.
    pub fn load(overrides: &Overrides, adapters: Arc<Registry>) -> Result<Self> {
        let default = Path::new(FILE);
        let (file, text) = match &overrides.file {
            Some(path) => (Some(path.clone()), read(path)?),
            None if default.exists() => (Some(default.to_owned()), read(default)?),
            None => (None, String::new()),
        };
        let mut config = match &file {
            None => Config::built_in()?,
            Some(path) => Config::parse(&text).map_err(|f| name_file(f, path))?,
        };
        if let Some(profile) = &overrides.profile {
            config.profile.clone_from(profile);
        }
        if let Some(image) = &overrides.image {
            config.rehearsal.image.clone_from(image);
        }
        if let Some(folder) = &overrides.pg_bin {
            config.rehearsal.pg_bin = Some(folder.clone());
        }
        config.check(&adapters).map_err(|f| match &file {
            Some(path) => name_file(f, path),
            None => f,
        })?;
        let base = match file.as_deref().and_then(Path::parent) {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self { config, base, file, adapters })
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.base.join(&self.config.state)
    }

    /// The active profile.
    ///
    /// # Errors
    /// A usage failure that lists the known profiles.
    pub fn profile(&self) -> Result<&Profile> {
        self.config.profile(&self.config.profile)
    }

    /// The same configuration with the active profile `name`; unchanged without a name.
    ///
    /// # Errors
    /// As [`Settings::profile`].
    pub fn with_profile(&self, name: Option<&str>) -> Result<Self> {
        let mut other = self.clone();
        if let Some(name) = name {
            name.clone_into(&mut other.config.profile);
        }
        other.profile()?;
        Ok(other)
    }

    /// SHA-256 of the active profile with everything it refers to, in canonical JSON. It covers
    /// references to secrets, never secrets. `[rehearsal]` is excluded: each packet's target says
    /// what was rehearsed on, and evidence must not become stale when a variable that finds it is
    /// set or not. `[evidence]` is excluded too: the key that a machine signs with says
    /// nothing of what was proved; so is `[serve]`. `[keys]`, `[vouching] trusted` and
    /// `acceptance_days` are included: they decide which acceptances count.
    ///
    /// # Errors
    /// When the configuration holds a number that JSON cannot.
    pub fn digest(&self) -> Result<Digest> {
        let mut config = self.config.clone();
        config.rehearsal = Default::default();
        config.evidence = Default::default();
        config.serve = Default::default();
        config.vouching.signing_key = None;
        let text = serde_json::to_string(&config)
            .map_err(|e| Failure::usage(format!("the configuration cannot be serialized: {e}")))?;
        let canonical = json::canonicalize(&text)
            .map_err(|e| Failure::usage(format!("the configuration cannot be serialized: {e}")))?;
        Ok(Digest::of(canonical))
    }

    /// The secrets that the configuration refers to and this process can read, for the search that
    /// keeps them out of evidence.
    pub fn secrets(&self) -> Vec<Secret> {
        let mut found = Vec::new();
        let source = ProcessSecrets { base: &self.base };
        if let Ok(config) = serde_json::to_value(&self.config) {
            references(&config, &mut |reference| found.extend(source.resolve(reference).ok()));
        }
        found
    }
}

/// Collects every `{ env = ".." }` and `{ file = ".." }` of a configuration, including those of
/// adapters.
fn references(value: &Value, found: &mut impl FnMut(&SecretRef)) {
    match value {
        Value::Object(members) => {
            if let Ok(reference) = SecretRef::deserialize(value) {
                return found(&reference);
            }
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn name_file(mut failure: Failure, path: &Path) -> Failure {
    // "file, line 3, column 1: what" and "file: what".
    let gap = if failure.message.starts_with("line ") { "," } else { ":" };
    failure.message = format!("{}{gap} {}", path.display(), failure.message);
    failure
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| {
        let name = path.display();
        match e.kind() {
            ErrorKind::NotFound => Failure::usage(format!("there is no configuration file {name}"))
                .hint(
                    "check --config or FLOWCONTROL_CONFIG; `flowcontrol init` writes a commented \
                     file, and without any file the built-in demo is used",
                ),
            ErrorKind::IsADirectory => {
                Failure::usage(format!("the configuration {name} is a folder, not a file"))
                    .hint(format!("name the file in it: --config {}", path.join(FILE).display()))
            }
            ErrorKind::InvalidData => {
                Failure::usage(format!("the configuration {name} is not UTF-8 text"))
                    .hint("save it as UTF-8; `flowcontrol init` writes a commented example")
            }
            ErrorKind::PermissionDenied => {
                Failure::usage(format!("the configuration {name} may not be read by this user"))
                    .hint("check the permissions of the file and its folders")
            }
            _ => Failure::environment(format!("cannot read the configuration {name}: {e}")),
        }
    })
}

impl Settings {
    /// The migrations: the configured folder's, else the built-in ones.
    ///
    /// # Errors
    /// A usage failure with every file of the folder that does not belong there.
    pub fn migrations(&self) -> Result<Source> {
        match &self.config.migrations.dir {
            Some(dir) => {
                let dir = self.base.join(dir);
                if !dir.is_dir() {
                    return Err(Failure::usage(format!(
                        "[migrations] dir: there is no folder {}",
                        dir.display()
                    ))
                    .hint("correct it, or leave it out to use the built-in migrations"));
                }
                flowcontrol_runbook::scan(&dir)
            }
            None => flowcontrol_runbook::embedded(),
        }
    }

    /// Every reference to a secret that the active profile uses: of its adapters, and of the
    /// external server.
    ///
    /// # Errors
    /// As [`Settings::profile`].
    pub fn secret_references(&self) -> Result<Vec<SecretRef>> {
        let profile = self.profile()?;
        let mut found = Vec::new();
        let mut add = |reference: &SecretRef| {
            if !found.contains(reference) {
                found.push(reference.clone());
            }
        };
        for port in Port::ALL {
            if let Some(adapter) = self.config.adapters.get(profile.kind(port)) {
                references(adapter, &mut add);
            }
        }
        // A configuration that was parsed can be serialized again.
        if let Ok(external) = serde_json::to_value(&self.config.target.external) {
            references(&external, &mut add);
        }
        Ok(found)
    }

    /// The folder of the migrations as reports show it: relative to the working directory, with
    /// `/`; `migrations` for the built-in ones.
    pub fn migrations_folder(&self) -> String {
        let Some(dir) = &self.config.migrations.dir else { return "migrations".to_owned() };
        let dir: PathBuf = self.base.join(dir).components().collect();
        let dir = dir.strip_prefix(".").unwrap_or(&dir);
        dir.display().to_string().replace('\\', "/")
    }

    /// The evidence chain of the state folder; packets sealed in it are signed if a key is
    /// configured.
    ///
    /// # Errors
    /// A usage failure when the key cannot be read; the message does not repeat it.
    pub fn evidence(&self) -> Result<EvidenceStore> {
        let store = EvidenceStore::at(&self.state());
        let reference = self.config.evidence.signing_key.as_ref();
        let without = "to seal without a signature";
        Ok(match self.private_key("[evidence] signing_key", reference, without)? {
            Some(key) => store.signed_by(key),
            None => store,
        })
    }

    /// The key with which this service vouches for acceptances of callers who are signed in.
    ///
    /// # Errors
    /// A usage failure when it cannot be read, or `[vouching] trusted` does not list it.
    pub fn vouching_key(&self) -> Result<Option<PrivateKey>> {
        let section = &self.config.vouching;
        let without = "to accept nothing from callers who are signed in";
        let name = "[vouching] signing_key";
        let key = self.private_key(name, section.signing_key.as_ref(), without)?;
        match key {
            Some(key) if !section.trusted.contains(&key.public()) => Err(Failure::usage(format!(
                "{name} is the key {}, which [vouching] trusted does not list, so no acceptance that it \
                                     vouches for would count",
                key.public().short()
            ))
            .hint(format!("if it is this service's key, add \"{}\" to trusted", key.public()))),
            key => Ok(key),
        }
    }

    /// The private key behind `reference`.
    fn private_key(
        &self,
        name: &str,
        reference: Option<&SecretRef>,
        without: &str,
    ) -> Result<Option<PrivateKey>> {
        let Some(reference) = reference else { return Ok(None) };
        let pem = ProcessSecrets { base: &self.base }
            .resolve(reference)
            .map_err(|e| Failure::from(e).context(name))?;
        PrivateKey::from_pem(pem.expose()).map(Some).map_err(|why| {
            Failure::usage(format!("{name}, {reference}: {why}")).hint(format!(
                "`flowcontrol keys new --out FILE` creates one; or leave signing_key out {without}"
            ))
        })
    }

    /// The schema that the migrations are written for.
    pub fn layout(&self) -> Layout {
        let m = &self.config.migrations;
        Layout::new(&m.schema, &m.tenant_column, &m.tenant_setting, self.config.roles.clone())
    }

    /// The time limits of migrations.
    pub fn limits(&self) -> MigrationLimits {
        MigrationLimits {
            lock_timeout: Duration::from_millis(self.config.migrations.lock_timeout_ms),
            statement_timeout: Duration::from_millis(self.config.migrations.statement_timeout_ms),
            ..MigrationLimits::default()
        }
    }

    /// The settings of the targets, with the secrets of the external one resolved.
    ///
    /// # Errors
    /// When a secret is absent, or an environment variable would override the configuration's
    /// connection.
    pub fn target_settings(&self) -> Result<TargetSettings> {
        if let Some(name) =
            LIBPQ_VARIABLES.into_iter().find(|name| std::env::var_os(name).is_some())
        {
            return Err(Failure::usage(format!(
                "the environment variable {name} would change connections, and the database \
                 driver cannot be told to ignore it"
            ))
            .hint(format!("unset {name}; connections follow the configuration alone")));
        }
        let mut settings = TargetSettings::from_variables(|name| std::env::var(name).ok());
        settings.image.clone_from(&self.config.rehearsal.image);
        settings.pg_bin.clone_from(&self.config.rehearsal.pg_bin);
        settings.external =
            self.config.target.external.as_ref().map(|e| self.external(e)).transpose()?;
        Ok(settings)
    }

    fn external(&self, external: &External) -> Result<ExternalSettings> {
        let secrets = ProcessSecrets { base: &self.base };
        let login = |login: &ExternalLogin| -> Result<Login> {
            let password = login.password.as_ref().map(|p| secrets.resolve(p)).transpose()?;
            Ok(Login { user: login.user.clone(), password })
        };
        let loopback = external.host == "localhost"
            || external.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if external.tls.off && !loopback {
            return Err(Failure::usage(format!(
                "target.external turns TLS off for {}, which is not on loopback",
                external.host
            ))
            .hint("remove tls.off; tls.ca names the server's root certificate"));
        }
        let tls = match external.tls.off {
            true => TlsTrust::Off,
            false => {
                TlsTrust::VerifyFull { ca: external.tls.ca.as_ref().map(|p| self.base.join(p)) }
            }
        };
        Ok(ExternalSettings {
            endpoint: Endpoint {
                host: external.host.clone(),
                port: external.port,
                database: external.database.clone(),
                tls,
            },
            admin: login(&external.admin)?,
            logins: Logins {
                owner: login(&external.owner)?,
                application: login(&external.application)?,
                replayer: login(&external.replayer)?,
                auditor: login(&external.auditor)?,
                verifier: external.verifier.as_ref().map(login).transpose()?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Settings};
    use std::path::PathBuf;
    use std::sync::Arc;

    fn settings(config: Config) -> Settings {
        Settings { config, base: PathBuf::from("."), file: None, adapters: Arc::default() }
    }

    #[test]
    fn the_digest_covers_the_profile_and_not_what_this_machine_rehearses_with() {
        let config = Config::built_in().unwrap();
        let plain = settings(config);
        let mut other = plain.clone();
        other.config.rehearsal.pg_bin = Some("/opt/postgresql/bin".into());
        other.config.rehearsal.image = "postgres:18".into();
        assert_eq!(other.digest().unwrap(), plain.digest().unwrap());
        other.config.profile = "staging".into();
        assert_ne!(other.digest().unwrap(), plain.digest().unwrap());
    }

    #[test]
    fn the_digest_covers_whose_words_count_and_for_how_long_and_not_who_signs_here() {
        let text = |more: &str| format!("{}{more}", super::TEMPLATE);
        let of = |text: String| {
            let config = Config::parse(&text).unwrap();
            settings(config).digest().unwrap()
        };
        let plain = of(text(""));
        let key =
            |seed| flowcontrol_evidence::keys::PrivateKey::from_seed(&[seed; 32]).unwrap().public();
        let (one, two) = (key(1), key(2));
        let evidence =
            format!("[evidence]\nsigning_key = {{ env = \"A\" }}\ntrusted = [\"{one}\"]\n");
        assert_eq!(of(text(&evidence)), plain);
        let keyed = of(text(&format!("[keys]\nuser_md_anna = \"{one}\"\n")));
        assert_ne!(keyed, plain);
        assert_ne!(of(text(&format!("[keys]\nuser_md_anna = \"{two}\"\n"))), keyed);
        assert_ne!(of(text(&format!("[keys]\ndriver_tarasenko = \"{one}\"\n"))), keyed);
        let service =
            |signs: &str| of(text(&format!("[vouching]\n{signs}trusted = [\"{one}\"]\n")));
        assert_ne!(service(""), plain);
        assert_eq!(service("signing_key = { env = \"A\" }\n"), service(""));
        let days = |n: u32| {
            let line = format!("acceptance_days = {n}");
            of(text("").replace("# acceptance_days = 90", &line))
        };
        assert_ne!(days(90), plain);
        assert_ne!(days(91), days(90));
        // A configuration without these is serialized as it was before they existed.
        let json = serde_json::to_string(&Config::parse(super::TEMPLATE).unwrap()).unwrap();
        for word in ["keys", "evidence", "vouching", "acceptance_days", "owners", "access"] {
            assert!(!json.contains(word), "{word}");
        }
    }
}
