//! The inputs of the gates, collected before they are judged.

use super::spec::Owner;
use super::values::Value;
use flowcontrol_contract::{Actor, ActorId, Digest, Kind, Mode, Port, SessionId, Timestamp};
pub use flowcontrol_evidence::Authentication;
use flowcontrol_evidence::keys::PublicKey;
use flowcontrol_evidence::{Packet, ProfileRef, RecordedAcceptance};
use std::collections::BTreeMap;

/// The adapter bundle of staging, which the demo rehearses too.
pub const SESSION_BUNDLE: &str = "db-auth-session-adapter";
/// The adapter bundle of production: many tenants, live providers.
pub const TENANT_BUNDLE: &str = "tenant-rbac-adapter";

/// How strong evidence must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Local kinds: evidence from any target counts.
    Demo,
    /// A live store: evidence from a container or an external server.
    Staging,
    /// All kinds live: evidence from an external server that shows its own certificate.
    Production,
}

/// Where data must stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Residency {
    /// In a member state of the European Union.
    Eu,
}

/// One adapter kind of a port, from the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortKind {
    /// Its name.
    pub name: String,
    /// Local or live.
    pub mode: Mode,
    /// Whether this program was built with its adapter.
    pub built: bool,
}

/// One port of the judged profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortState {
    /// The port.
    pub port: Port,
    /// The kind that the profile names.
    pub kind: String,
    /// The kinds in the registry for the port, local ones first.
    pub kinds: Vec<PortKind>,
    /// Whether the configuration has a section for `kind`.
    pub configured: bool,
}

impl PortState {
    /// Whether this program was built with `kind`.
    pub fn has(&self, kind: &str) -> bool {
        self.kinds.iter().any(|known| known.built && known.name == kind)
    }

    /// Whether the profile's kind is live; false for an unknown kind.
    pub fn is_live(&self) -> bool {
        self.kinds.iter().any(|known| known.name == self.kind && known.mode == Mode::Live)
    }

    /// The names of the port's kinds of one mode.
    pub fn of_mode(&self, mode: Mode) -> impl Iterator<Item = &PortKind> {
        self.kinds.iter().filter(move |known| known.mode == mode)
    }

    /// The port's local kind, the fallback of a live one.
    pub fn local(&self) -> Option<&str> {
        self.of_mode(Mode::Local).map(|known| known.name.as_str()).next()
    }
}

/// The profile that is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// The digest of its canonical configuration; packets bind to it.
    pub sha256: Digest,
    /// Its six ports.
    pub ports: Vec<PortState>,
    /// Where its data must stay.
    pub residency: Option<Residency>,
    /// Days after which an acceptance expires; `None` for never.
    pub acceptance_days: Option<u32>,
    /// The public keys that actors sign acceptances with.
    pub keys: BTreeMap<ActorId, PublicKey>,
    /// The role keys of a roster that own checks.
    pub owners: OwnerRoles,
    /// The public keys of services that may vouch for a sign-in.
    pub vouchers: Vec<PublicKey>,
    /// Whether `[target.external]` is configured.
    pub external: bool,
    /// The program with the option that selects the configuration file, for commands in checks.
    pub program: String,
    /// The option that selects the active profile, if it was given on the command line; empty or
    /// `--profile NAME`.
    pub active: String,
    /// The option that selects this profile, if it is not the active one, whose scenario is used;
    /// empty or `--profile NAME`.
    pub switch: String,
}

impl Judged {
    /// The state of one port.
    pub fn port(&self, port: Port) -> Option<&PortState> {
        self.ports.iter().find(|p| p.port == port)
    }

    /// How strong its evidence must be. A profile named `production` is production, whatever its
    /// kinds.
    pub fn stage(&self) -> Stage {
        let local = |p: &PortState| !p.is_live();
        if self.name == "production" || !self.ports.iter().any(local) {
            Stage::Production
        } else if self.port(Port::Store).is_none_or(local) {
            Stage::Demo
        } else {
            Stage::Staging
        }
    }

    /// The adapter bundle that the profile leads to; `None` when its kinds do not form
    /// a known bundle.
    pub fn target(&self) -> Option<&'static str> {
        match self.stage() {
            Stage::Demo => self.ports.iter().all(|p| !p.is_live()).then_some(SESSION_BUNDLE),
            Stage::Staging => {
                let live = |port| self.port(port).is_some_and(PortState::is_live);
                (live(Port::Store) && live(Port::Auth)).then_some(SESSION_BUNDLE)
            }
            Stage::Production => self.ports.iter().all(PortState::is_live).then_some(TENANT_BUNDLE),
        }
    }

    /// A command over the active profile's scenario.
    pub fn command(&self, rest: &str) -> String {
        self.line(&self.active, rest)
    }

    /// A command of the judged profile itself.
    fn own_command(&self, rest: &str) -> String {
        self.line(if self.switch.is_empty() { &self.active } else { &self.switch }, rest)
    }

    fn line(&self, option: &str, rest: &str) -> String {
        let parts = [self.program.as_str(), option, rest];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// What the scenario holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The session.
    pub session: SessionId,
    /// The digest of its snapshot; `None` when it holds no tenant.
    pub snapshot: Option<Digest>,
    /// Records by kind, of all tenants together.
    pub records: BTreeMap<Kind, u64>,
    /// Actors of the deployment's own tenant.
    pub actors: Vec<Actor>,
    /// Actors of all tenants together.
    pub enrolled: u64,
    /// Whether a rehearsal fills the empty store itself, as for the built-in demo.
    pub filled_on_demand: bool,
    /// Whether it is in an empty local store, which `demo seed` fills.
    pub seedable: bool,
}

impl Scenario {
    /// The number of all records.
    pub fn total(&self) -> u64 {
        self.records.values().sum()
    }

    /// The number of records of these kinds.
    pub fn count(&self, kinds: &[Kind]) -> u64 {
        kinds.iter().filter_map(|k| self.records.get(k)).sum()
    }
}

/// A packet of a chain that was verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Its digest.
    pub sha256: Digest,
    /// Its content.
    pub packet: Packet,
}

/// An owner's acceptance of a check, with the packet that records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// `gate/check`.
    pub check: String,
    /// The actor's id.
    pub actor: String,
    /// How the actor was authenticated.
    pub authentication: Authentication,
    /// The key of its verified signature: the actor's own, or that of the
    /// service in which they were signed in.
    pub key: Option<PublicKey>,
    /// The profile that was accepted.
    pub profile: ProfileRef,
    /// The snapshot that was accepted.
    pub snapshot: Option<Digest>,
    /// The packets that the check rested on.
    pub evidence: Vec<Digest>,
    /// The decided values, by name.
    pub values: BTreeMap<String, String>,
    /// When it was recorded.
    pub as_of: Timestamp,
    /// Whether it revokes an earlier acceptance.
    pub revoked: bool,
    /// The packet that records it.
    pub sha256: Digest,
}

impl Acceptance {
    /// The acceptance in a packet; `None` for a packet of another schema.
    ///
    /// # Errors
    /// As [`RecordedAcceptance::read`].
    pub fn read(evidence: &Evidence) -> Result<Option<Self>, String> {
        let packet = &evidence.packet;
        Ok(RecordedAcceptance::read(packet)?.map(|word| Self {
            check: word.check,
            actor: word.actor.as_str().to_owned(),
            authentication: word.authentication,
            key: word.signature.or(word.sign_in.map(|s| s.signature)).map(|s| s.key),
            profile: packet.profile.clone(),
            snapshot: word.bound.snapshot,
            evidence: word.bound.evidence,
            values: word.values,
            as_of: packet.created_at,
            revoked: word.revoked,
            sha256: evidence.sha256,
        }))
    }
}

/// Everything that the gates are judged on.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// The profile that is judged.
    pub profile: Judged,
    /// What the scenario holds.
    pub scenario: Scenario,
    /// The digest of the current migrations.
    pub migrations: Digest,
    /// The chain's packets, newest last.
    pub packets: Vec<Evidence>,
    /// Acceptances, newest last.
    pub acceptances: Vec<Acceptance>,
    /// The moment for which the gates are judged.
    pub as_of: Timestamp,
}

/// The roles that own checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Anna in the demo.
    Director,
    /// Marek in the demo.
    Dispatcher,
    /// Olena in the demo.
    Accountant,
}

/// `[owners]`: the role keys, as rosters have them, of the roles that own checks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnerRoles {
    /// Decides infrastructure, provider and releases.
    pub director: String,
    /// The permission that a director needs to accept, in rosters that use it; empty requires
    /// none.
    pub director_permission: String,
    /// Accepts how callers are mapped and how the store was rehearsed.
    pub dispatcher: String,
    /// Accepts the schema, the secrets and sign-in.
    pub accountant: String,
}

impl Default for OwnerRoles {
    fn default() -> Self {
        Self {
            director: "managing_director".into(),
            director_permission: "approve_release".into(),
            dispatcher: "dispatcher".into(),
            accountant: "accountant".into(),
        }
    }
}

impl OwnerRoles {
    /// Whether it equals the default.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The role's key in a roster.
    pub fn key(&self, role: Role) -> &str {
        match role {
            Role::Director => &self.director,
            Role::Dispatcher => &self.dispatcher,
            Role::Accountant => &self.accountant,
        }
    }

    /// The permission that the role needs to accept, in rosters that use it. The role of a
    /// dispatcher or an accountant needs none.
    fn permission(&self, role: Role) -> Option<&str> {
        match role {
            Role::Director => Some(self.director_permission.as_str()).filter(|p| !p.is_empty()),
            Role::Dispatcher | Role::Accountant => None,
        }
    }
}

impl Inputs {
    /// The key of a role in rosters.
    pub fn role_key(&self, role: Role) -> &str {
        self.profile.owners.key(role)
    }

    /// The actor who has a role in the deployment's tenant.
    pub fn owner(&self, role: Role) -> Option<Owner> {
        let actor = self.scenario.actors.iter().find(|a| a.role == self.role_key(role))?;
        Some(Owner { id: actor.id.clone(), name: actor.display_name.clone() })
    }

    /// The permission that the role's owner needs to accept and does not hold; `None`
    /// also when no actor of that tenant holds it, since its roster does not use it then.
    pub fn lacks_permission(&self, role: Role) -> Option<&str> {
        let permission = self.profile.owners.permission(role)?;
        let owner = self.owner(role)?;
        let holds = |a: &&Actor| a.permissions.iter().any(|p| p == permission);
        let mut holders = self.scenario.actors.iter().filter(holds).peekable();
        holders.peek()?;
        (!holders.any(|a| a.id == owner.id)).then_some(permission)
    }

    /// The `--target` option with which a command's evidence counts.
    fn target_option(&self) -> &'static str {
        match self.profile.stage() {
            Stage::Production => "external",
            _ if self.profile.external => "external",
            Stage::Staging => "container",
            Stage::Demo => "local",
        }
    }

    /// The command that records a connection. The probe takes the actors from the profile's own store;
    /// if the scenario is another profile's, a rehearsal of its snapshot probes as well. `None` without
    /// an actor, since there is nothing to map to a role.
    pub fn connect_command(&self) -> Option<String> {
        if !self.profile.switch.is_empty() {
            return self.rehearse_command();
        }
        if self.scenario.actors.is_empty() {
            return self.fill_command();
        }
        Some(self.profile.command(&format!("connect --target {}", self.target_option())))
    }

    /// The command that records a dry run, or the command that must precede it.
    pub fn rehearse_command(&self) -> Option<String> {
        let (profile, target) = (&self.profile, self.target_option());
        let fills_itself = self.scenario.filled_on_demand && profile.switch.is_empty();
        if self.scenario.total() == 0 && !fills_itself {
            return self.fill_command();
        }
        if profile.switch.is_empty() {
            let rest = match profile.stage() {
                Stage::Demo if !profile.external => "rehearse".to_owned(),
                _ => format!("rehearse --target {target}"),
            };
            return Some(profile.command(&rest));
        }
        let file = "frozen.jsonl.zst";
        let first = profile.command(&format!("snapshot freeze --out {file}"));
        let then = profile.own_command(&format!("rehearse --target {target} --snapshot {file}"));
        Some(format!("{first} && {then}"))
    }

    /// The command that drills the rollback.
    pub fn drill_command(&self) -> String {
        let target = match self.profile.stage() {
            Stage::Demo if !self.profile.external => String::new(),
            _ => format!(" --target {}", self.target_option()),
        };
        self.profile.command(&format!("rollback drill{target}{}", self.for_option()))
    }

    /// ` --for PROFILE` if the judged profile is not the active one.
    fn for_option(&self) -> String {
        let other = self.profile.switch.strip_prefix("--profile ");
        other.map_or_else(String::new, |other| format!(" --for {other}"))
    }

    /// The command that probes some of the profile's adapters, or its references to secrets: only those
    /// that a check needs, since an adapter that is not built would fail the command.
    pub fn adapters_command(&self, names: &[&str]) -> String {
        self.profile.own_command(&format!("adapters check {}", names.join(" ")))
    }

    /// The command with which `owner` accepts a check; `values` are to be filled in.
    pub fn accept_command(&self, check: &str, owner: &Owner, values: &[Value]) -> String {
        let mut rest = format!("accept {check} --as {}", owner.id);
        for value in values {
            rest.push_str(&format!(" --value {}={}", value.name(), value.placeholder()));
        }
        // If an unsigned acceptance would not count, or the owner has a key.
        let signs = self.profile.keys.contains_key(&owner.id);
        if signs || self.profile.stage() == Stage::Production {
            rest.push_str(" --key FILE");
        }
        rest.push_str(&self.for_option());
        self.profile.command(&rest)
    }

    /// The command that fills an empty demo scenario; the records of a real one come from its own service.
    pub fn fill_command(&self) -> Option<String> {
        self.scenario.seedable.then(|| self.profile.command("demo seed"))
    }

    /// The owner's name, or a description of the role, for a sentence.
    pub fn named(&self, role: Role) -> String {
        self.owner(role).map_or_else(|| format!("the {}", self.role_key(role)), |o| o.name)
    }
}
