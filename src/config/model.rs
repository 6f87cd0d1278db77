//! The configuration's types, as in the file.

use super::explain;
use super::serve::ServeSection;
use crate::scenario::access::Access;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::registry::Registry;
use flowcontrol_contract::{ActorId, Digest, Mode, Port, SecretRef, SessionId, TenantId};
use flowcontrol_database::RoleNames;
use flowcontrol_evidence::keys::PublicKey;
use flowcontrol_gates::inputs::{OwnerRoles, Residency};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The whole file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The active profile.
    pub profile: String,
    /// The scenario's session.
    pub session: SessionId,
    /// The state folder, relative to the file.
    #[serde(default = "default_state")]
    pub state: PathBuf,
    /// The profiles by name.
    pub profiles: BTreeMap<String, Profile>,
    /// Each adapter's own configuration, by kind.
    #[serde(default)]
    pub adapters: BTreeMap<String, serde_json::Value>,
    /// The migrations, and how the schema separates tenants.
    #[serde(default)]
    pub migrations: MigrationSettings,
    /// The database roles that migrations grant rights to.
    #[serde(default)]
    pub roles: RoleNames,
    /// How to rehearse.
    #[serde(default)]
    pub rehearsal: RehearsalSettings,
    /// Servers that a rehearsal may use.
    #[serde(default)]
    pub target: TargetSection,
    /// Public keys of actors, which prove that an acceptance is theirs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<ActorId, PublicKey>,
    /// Services that vouch for who was signed in when an acceptance was given.
    #[serde(default, skip_serializing_if = "VouchingSection::is_empty")]
    pub vouching: VouchingSection,
    /// The key with which this machine signs evidence, and the keys whose signatures it trusts.
    #[serde(default, skip_serializing_if = "EvidenceSection::is_empty")]
    pub evidence: EvidenceSection,
    /// The tenant that the deployment belongs to.
    #[serde(default, skip_serializing_if = "DeploymentSection::is_empty")]
    pub deployment: DeploymentSection,
    /// The role keys of the owners of checks, as a roster has them.
    #[serde(default, skip_serializing_if = "OwnerRoles::is_default")]
    pub owners: OwnerRoles,
    /// Which permissions allow what.
    #[serde(default, skip_serializing_if = "Access::is_default")]
    pub access: Access,
    /// How this machine serves the Scenario API.
    #[serde(default, skip_serializing_if = "ServeSection::is_default")]
    pub serve: ServeSection,
}

/// `[deployment]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeploymentSection {
    /// The tenant whose actors own gates, evidence, acceptances and rehearsals. It may be left out
    /// while the store holds one tenant only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
}

impl DeploymentSection {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The deployment's tenant among the store's `tenants`; `None` when the store has none. With
    /// several tenants the configuration must name one: authority never follows from an order.
    ///
    /// # Errors
    /// A usage failure when there are several tenants and none is configured, or the configured one
    /// is not among them.
    pub fn among(&self, tenants: &[TenantId]) -> Result<Option<TenantId>> {
        let held = || tenants.iter().take(5).map(TenantId::as_str).collect::<Vec<_>>().join(", ");
        match (&self.tenant, tenants) {
            (Some(named), []) => Ok(Some(named.clone())),
            (Some(named), some) if some.contains(named) => Ok(Some(named.clone())),
            (Some(named), _) => Err(Failure::usage(format!(
                "[deployment] tenant is {named}, but the store has no such tenant"
            ))
            .hint(format!("correct it in the configuration; the store holds {}", held()))),
            (None, []) => Ok(None),
            (None, [only]) => Ok(Some(only.clone())),
            (None, several) => Err(Failure::usage(format!(
                "the store holds {} tenants, and the configuration does not say which one the \
                                 deployment belongs to",
                several.len()
            ))
            .hint(format!(
                "add [deployment] tenant = \"...\" to the configuration: its actors own gates, \
                 evidence, acceptances and rehearsals; the store holds {}",
                held()
            ))),
        }
    }
}

/// `[evidence]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceSection {
    /// The private key that signs every packet sealed on this machine.
    pub signing_key: Option<SecretRef>,
    /// Public keys whose signatures on the chain count.
    pub trusted: Vec<PublicKey>,
}

impl EvidenceSection {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `[vouching]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VouchingSection {
    /// The private key with which this service vouches for acceptances of callers who are signed
    /// in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<SecretRef>,
    /// Public keys of the services whose vouching counts.
    pub trusted: Vec<PublicKey>,
}

impl VouchingSection {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An environment: the kind of every port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Store adapter.
    pub store: String,
    /// Auth adapter.
    pub auth: String,
    /// Document adapter.
    pub ocr: String,
    /// E-invoice adapter.
    pub ksef: String,
    /// Route adapter.
    pub eta: String,
    /// Offline adapter.
    pub sync: String,
    /// Region in which its data must stay; absent means anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<Residency>,
    /// Days for which an acceptance counts; absent means for as long as nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance_days: Option<u32>,
}

/// Allowed values of `acceptance_days`.
pub const ACCEPTANCE_DAYS: std::ops::RangeInclusive<u32> = 1..=3650;

impl Profile {
    /// The kind of a port.
    pub fn kind(&self, port: Port) -> &str {
        match port {
            Port::Store => &self.store,
            Port::Auth => &self.auth,
            Port::Ocr => &self.ocr,
            Port::Ksef => &self.ksef,
            Port::Eta => &self.eta,
            Port::Sync => &self.sync,
        }
    }
}

/// `[migrations]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MigrationSettings {
    /// A folder of migrations; absent means the built-in ones.
    pub dir: Option<PathBuf>,
    /// Whether they create the scenario's tables. If not, a rehearsal proves the migrations and
    /// their tenant isolation, and replays nothing.
    pub scenario: bool,
    /// The schema that they fill.
    pub schema: String,
    /// The setting that holds the tenant.
    pub tenant_setting: String,
    /// The column that holds the tenant.
    pub tenant_column: String,
    /// Longest wait of a migration for a lock, in milliseconds.
    pub lock_timeout_ms: u64,
    /// Longest time of one statement, in milliseconds.
    pub statement_timeout_ms: u64,
    /// Tables that hold no tenant's data and may lack the tenant column.
    pub shared_tables: Vec<String>,
    /// Tables whose rows are never changed or deleted; see [`MigrationSettings::insert_only`].
    pub insert_only: Option<Vec<String>>,
    /// Rows for isolation probes of tables that the scenario does not fill.
    pub fixtures: Vec<FixtureSection>,
}

/// `[[migrations.fixtures]]`: rows of two tenants for one table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixtureSection {
    /// The table.
    pub table: String,
    /// Rows as objects; each names its tenant.
    pub rows: Vec<serde_json::Value>,
}

/// The built-in tables whose rows are never changed or deleted.
const INSERT_ONLY: [&str; 9] = [
    "records",
    "orders",
    "documents",
    "invoices",
    "payments",
    "scenario_snapshots",
    "audit_events",
    "replay_chunks",
    "cutover_parts",
];

impl Default for MigrationSettings {
    fn default() -> Self {
        Self {
            dir: None,
            scenario: true,
            schema: "bfg_flowcontrol".into(),
            tenant_setting: "bfg.tenant_id".into(),
            tenant_column: "tenant_id".into(),
            lock_timeout_ms: 2_000,
            statement_timeout_ms: 60_000,
            shared_tables: Vec::new(),
            insert_only: None,
            fixtures: Vec::new(),
        }
    }
}

impl MigrationSettings {
    /// Tables whose rows are never changed or deleted: the configured ones, else those of the
    /// scenario if the migrations create them. A table `orders` of another schema may well be
    /// changed.
    pub fn insert_only(&self) -> Vec<String> {
        match &self.insert_only {
            Some(named) => named.clone(),
            None if self.scenario => INSERT_ONLY.map(str::to_owned).into(),
            None => Vec::new(),
        }
    }
}

/// `[rehearsal]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RehearsalSettings {
    /// The image of the `container` target.
    pub image: String,
    /// A folder with PostgreSQL binaries for the `local` target.
    pub pg_bin: Option<PathBuf>,
}

impl Default for RehearsalSettings {
    fn default() -> Self {
        Self { image: "postgres:17".into(), pg_bin: None }
    }
}

/// `[target]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetSection {
    /// `[target.external]`.
    pub external: Option<External>,
}

/// An existing server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct External {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    #[serde(default = "default_port")]
    pub port: u16,
    /// The database that a cutover writes to; a rehearsal never does.
    pub database: String,
    /// How its certificate is verified.
    #[serde(default)]
    pub tls: TlsSection,
    /// Login that may create databases; used for nothing else.
    pub admin: ExternalLogin,
    /// Login that runs migrations.
    pub owner: ExternalLogin,
    /// The service's login.
    pub application: ExternalLogin,
    /// Login that replays.
    pub replayer: ExternalLogin,
    /// Login that reads one tenant at a time.
    pub auditor: ExternalLogin,
    /// Login that reads every tenant's rows; absent on managed servers without BYPASSRLS logins.
    pub verifier: Option<ExternalLogin>,
}

/// A login of an external server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalLogin {
    /// Name of the database role.
    pub user: String,
    /// Reference to its password.
    pub password: Option<SecretRef>,
}

/// `tls = { .. }`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSection {
    /// Turns TLS off; refused off loopback.
    pub off: bool,
    /// A PEM file with a root certificate to accept besides Mozilla's public ones. Give the
    /// server's own CA here; `fingerprint` narrows it to one certificate.
    pub ca: Option<PathBuf>,
    /// The certificate's expected SHA-256.
    pub fingerprint: Option<Digest>,
}

fn default_state() -> PathBuf {
    PathBuf::from(".flowcontrol")
}

fn default_port() -> u16 {
    5432
}

impl Config {
    /// The built-in demo configuration, used when there is no file.
    ///
    /// # Errors
    /// None in practice: the template is built in, and a test parses it.
    pub fn built_in() -> Result<Self> {
        Self::parse(super::TEMPLATE)
    }

    /// Parses the file's text.
    ///
    /// # Errors
    /// A usage failure with the line, the column and the known names.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|e| explain::mistake(text, e.span(), e.message()))
    }

    /// A profile by name.
    ///
    /// # Errors
    /// A usage failure that lists the known profiles.
    pub fn profile(&self, name: &str) -> Result<&Profile> {
        self.profiles.get(name).ok_or_else(|| {
            let known: Vec<_> = self.profiles.keys().map(String::as_str).collect();
            let meant = explain::nearest(name, known.iter().copied())
                .map_or_else(String::new, |near| format!("did you mean {near}? "));
            Failure::usage(format!("unknown profile {name:?}"))
                .hint(format!("{meant}known profiles: {}", known.join(", ")))
        })
    }

    /// Checks the rules that the types cannot express.
    ///
    /// # Errors
    /// A usage failure with the profile, the port and the known kinds.
    pub fn check(&self, adapters: &Registry) -> Result<()> {
        self.profile(&self.profile)?;
        self.serve.check()?;
        let mut owners = BTreeMap::new();
        for (actor, key) in &self.keys {
            if let Some(other) = owners.insert(key, actor) {
                return Err(Failure::usage(format!(
                    "[keys] names the same key for {other} and {actor}"
                ))
                .hint("each actor signs with a key of their own"));
            }
        }
        for (name, profile) in &self.profiles {
            if let Some(days) = profile.acceptance_days.filter(|d| !ACCEPTANCE_DAYS.contains(d)) {
                return Err(Failure::usage(format!(
                    "profile {name}: acceptance_days is {days}, but it must be \
                     {} to {}",
                    ACCEPTANCE_DAYS.start(),
                    ACCEPTANCE_DAYS.end()
                ))
                .hint("leave it out, and an acceptance counts until something that it is bound to changes"));
            }
            for port in Port::ALL {
                let kind = profile.kind(port);
                let kinds = adapters.kinds(port);
                let named = |mode: Option<Mode>| {
                    let fits = kinds.iter().filter(|k| mode.is_none_or(|mode| k.mode == mode));
                    fits.map(|k| k.kind).collect::<Vec<_>>().join(", ")
                };
                let Some(known) = kinds.iter().find(|known| known.kind == kind) else {
                    return Err(Failure::usage(format!(
                        "profile {name}: {port} names the unknown kind {kind:?}"
                    ))
                    .hint(format!("known kinds: {}", named(None))));
                };
                if name == "production" && known.mode == Mode::Local {
                    return Err(Failure::usage(format!(
                        "profile production: {port} names the local kind {kind:?}"
                    ))
                    .hint(format!("production takes a live kind: {}", named(Some(Mode::Live)))));
                }
            }
        }
        Ok(())
    }
}
