//! Records an owner's acceptance of a check, or its revocation, for the command line and the HTTP
//! service. Whose acceptance counts is decided by the gates.

use crate::config::{FILE, Settings, nearest};
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::{Actor, Timestamp};
use flowcontrol_evidence::keys::{PrivateKey, PublicKey};
use flowcontrol_evidence::{
    AcceptanceSubject, Authentication, CheckResult, Draft, EvidenceStore, KnownSecrets, Outcome,
    ProfileRef, RecordedAcceptance, Verdict, VouchedSignIn, schema,
};
use flowcontrol_gates::decision::{self, OwnerDecision};
use flowcontrol_gates::inputs::{Acceptance, Evidence};
use flowcontrol_gates::{Inputs, Judgement, judge, values};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A request to accept a check.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The check, as `gate/check` or by its id alone if that is unambiguous.
    pub check: &'a str,
    /// The accepting actor, of the deployment's tenant.
    pub actor: &'a str,
    /// The proof of the actor's identity.
    pub proof: Proof<'a>,
    /// The decided values, each as `NAME=VALUE`.
    pub values: &'a [String],
    /// Whether to revoke the acceptance.
    pub revoke: bool,
    /// How it was requested, for the packet: a request's id.
    pub via: Option<&'a str>,
}

/// The proof of an actor's identity.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// None: the name is not authenticated.
    Nothing,
    /// A signature by the actor's key.
    Key(&'a PrivateKey),
    /// The vouching of the service in which the actor is signed in.
    SignIn(VouchedSignIn<'a>),
}

impl Proof<'_> {
    /// The key that signs.
    fn key(&self) -> Option<&PrivateKey> {
        match self {
            Self::Nothing => None,
            Self::Key(key) => Some(key),
            Self::SignIn(signed_in) => Some(signed_in.key),
        }
    }
}

/// A recorded acceptance.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The packet.
    pub recorded: Evidence,
    /// The acceptance in it.
    pub word: RecordedAcceptance,
    /// The actor.
    pub actor: Actor,
    /// The gate's id, with its ready checks and all its checks afterwards.
    pub gate: (String, usize, usize),
}

impl Accepted {
    /// The acceptance as JSON.
    pub fn value(&self) -> Value {
        let Self { recorded, word, gate: (gate, passed, total), .. } = self;
        json!({"check": word.check, "actor": word.actor,
            "authentication": word.authentication,
            "key": word.signature.as_ref().map(|s| s.key),
            "vouched_by": word.sign_in.as_ref().map(|s| s.signature.key),
            "values": word.values, "revoked": word.revoked,
            "profile": recorded.packet.profile, "bound": word.bound,
            "sequence": recorded.packet.sequence, "sha256": recorded.sha256,
            "gate": {"id": gate, "passed": passed, "total": total}})
    }
}

/// Records the acceptance in the chain of `store`, judged over `inputs`.
///
/// # Errors
/// A usage failure for an unknown check, actor or value; a check failure when the actor may not
/// decide it, or there is nothing to accept; an environment failure when the chain cannot be
/// written.
pub fn accept(
    settings: &Settings,
    store: &EvidenceStore,
    mut inputs: Inputs,
    ask: &Ask<'_>,
) -> Result<Accepted> {
    let decision = decided(&judge(&inputs), ask.check)?;
    let actor = actor(&inputs, ask.actor)?.clone();
    decision.permits(&inputs, &actor).map_err(|why| {
        Failure::check(why).hint(format!(
            "`flowcontrol gates {}` shows who owns its checks",
            gate_of(decision.path)
        ))
    })?;
    match ask.proof {
        Proof::Key(key) => owned(settings, &inputs, &actor, key.public())?,
        Proof::SignIn(by) if !inputs.profile.vouchers.contains(&by.key.public()) => {
            return Err(Failure::usage(format!(
                "[vouching] trusted does not name this service's key {}, so an acceptance that it vouches \
                 for would not count",
                by.key.public().short()
            )));
        }
        // A revocation needs no proof: it can only make a ready check open again.
        Proof::Nothing | Proof::SignIn(_)
            if inputs.profile.keys.contains_key(&actor.id) && !ask.revoke =>
        {
            return Err(Failure::usage(format!(
                "[keys] names a key for {}, so an acceptance without their signature would not count",
                actor.id
            ))
            .hint("sign it: --key FILE with the private key"));
        }
        Proof::Nothing | Proof::SignIn(_) => {}
    }
    let values = given(ask.values, decision)?;
    if ask.revoke {
        takeable(&inputs, decision, &actor)?;
    } else {
        acceptable(&inputs, decision, &values)?;
    }
    let word = RecordedAcceptance {
        check: decision.path.to_owned(),
        actor: actor.id.clone(),
        authentication: Authentication::Mock,
        values,
        revoked: ask.revoke,
        bound: AcceptanceSubject {
            profile: inputs.profile.sha256,
            snapshot: inputs.scenario.snapshot,
            evidence: decision.evidence(&inputs),
        },
        signature: None,
        sign_in: None,
    };
    let mut secrets = KnownSecrets::new();
    secrets.extend(ask.proof.key().iter().flat_map(|key| key.forms()));
    let sealed = store.append_after(
        |previous| {
            let (time, profile) = (clock::now(), profile(&inputs));
            let word = match &ask.proof {
                Proof::Key(key) => word.signed(key, &profile, time, previous)?,
                Proof::SignIn(by) => word.vouched(by, &profile, time, previous)?,
                Proof::Nothing => word,
            };
            let mut draft = draft(&inputs, decision, &actor, &word, time)?;
            if let Some(via) = ask.via {
                draft.ran = format!("{}, by {via}", draft.ran);
            }
            Ok(draft)
        },
        &secrets,
    );
    let stored = sealed?.sealed;
    let word = RecordedAcceptance::read(stored.packet())
        .ok()
        .flatten()
        .ok_or_else(|| Failure::check("the sealed packet contains no acceptance"))?;
    let recorded = Evidence { sha256: stored.sha256(), packet: stored.packet().clone() };
    inputs.as_of = inputs.as_of.max(recorded.packet.created_at);
    inputs.acceptances.extend(Acceptance::read(&recorded).map_err(Failure::check)?);
    let judgement = judge(&inputs);
    let id = gate_of(decision.path);
    let (passed, total) = judgement.gate(id).map_or((0, 0), |g| (g.passed(), g.total()));
    Ok(Accepted { recorded, word, actor, gate: (id.to_owned(), passed, total) })
}

/// Refuses a key that the gates would not accept as the actor's.
fn owned(settings: &Settings, inputs: &Inputs, actor: &Actor, key: PublicKey) -> Result<()> {
    let id = &actor.id;
    let known = inputs.profile.keys.get(id);
    if known == Some(&key) {
        return Ok(());
    }
    let file = settings.file.as_deref().unwrap_or(Path::new(FILE)).display();
    let line = format!("{id:?} = \"{key}\"");
    let (message, hint) = match known {
        None => (
            format!(
                "[keys] in {file} names no key for {id}, so an acceptance signed with this one would not count"
            ),
            format!(
                "if the key is theirs, add `{line}` under [keys]; this changes the configuration digest, so existing evidence becomes stale and must be recorded again"
            ),
        ),
        Some(known) => (
            format!(
                "the key is {}, but [keys] in {file} names {} for {id}",
                key.short(),
                known.short()
            ),
            format!("sign with the configured key, or configure the other one: `{line}`"),
        ),
    };
    Err(Failure::usage(message).hint(hint))
}

fn profile(inputs: &Inputs) -> ProfileRef {
    ProfileRef { name: inputs.profile.name.clone(), sha256: inputs.profile.sha256 }
}

fn gate_of(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// The decision named by `wanted`: `gate/check`, or the check's id alone if it is unambiguous.
fn decided(judgement: &Judgement, wanted: &str) -> Result<&'static OwnerDecision> {
    let all: Vec<_> = judgement
        .gates
        .iter()
        .flat_map(|g| g.checks.iter().map(move |c| (format!("{}/{}", g.id, c.id), c)))
        .collect();
    // Only a decision can be accepted, even if another gate has a check of the same name.
    let mut decisions = decision::all().filter(|d| d.path == wanted || d.id() == wanted);
    if let (Some(one), None) = (decisions.next(), decisions.next()) {
        return Ok(one);
    }
    let found: Vec<_> = all.iter().filter(|(path, c)| path == wanted || c.id == wanted).collect();
    match found.as_slice() {
        [] => {
            let bare = all.iter().map(|(path, c)| if wanted.contains('/') { path } else { c.id });
            let near = nearest(wanted, bare);
            let meant = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
            let known: Vec<_> = decision::all().map(|d| d.path).collect();
            Err(Failure::usage(format!("unknown check {wanted:?}"))
                .hint(format!("{meant}checks that an owner accepts: {}", known.join(", "))))
        }
        [(path, check)] => {
            let hint = match &check.command {
                Some(command) => format!("`{command}` supplies it"),
                None => format!("`flowcontrol gates {}` shows what it rests on", gate_of(path)),
            };
            Err(Failure::usage(format!(
                "{path} rests on evidence, which an owner's acceptance cannot replace"
            ))
            .hint(hint))
        }
        several => {
            let paths: Vec<_> = several.iter().map(|(path, _)| path.as_str()).collect();
            Err(Failure::usage(format!("more than one gate has a check {wanted}"))
                .hint(format!("name one of {}", paths.join(", "))))
        }
    }
}

fn actor<'a>(inputs: &'a Inputs, wanted: &str) -> Result<&'a Actor> {
    let actors = &inputs.scenario.actors;
    actors.iter().find(|a| a.id.as_str() == wanted).ok_or_else(|| {
        let known: Vec<_> = actors.iter().map(|a| a.id.as_str()).collect();
        let meant = nearest(wanted, known.iter().copied())
            .map_or_else(String::new, |near| format!("did you mean {near}? "));
        let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failure::usage(format!("the deployment's tenant has no actor {wanted:?}"))
            .hint(format!("{meant}its actors: {list}"))
    })
}

/// The values of the command line. Messages never repeat one, because it may be a secret.
fn given(line: &[String], decision: &OwnerDecision) -> Result<BTreeMap<String, String>> {
    let names: Vec<_> = decision.values.iter().map(|v| v.name()).collect();
    let hint = || match names.as_slice() {
        [] => format!("{} takes no value", decision.path),
        names => format!("{} takes --value for {}", decision.path, names.join(" and ")),
    };
    let mut values = BTreeMap::new();
    for pair in line {
        let Some((name, text)) = pair.split_once('=') else {
            return Err(Failure::usage("--value takes NAME=VALUE").hint(hint()));
        };
        if !names.contains(&name) {
            return Err(
                Failure::usage("--value names a value that the check does not take").hint(hint())
            );
        }
        if values.insert(name.to_owned(), text.trim().to_owned()).is_some() {
            return Err(Failure::usage(format!("--value gives {name} twice")).hint(hint()));
        }
    }
    Ok(values)
}

fn acceptable(
    inputs: &Inputs,
    decision: &OwnerDecision,
    values: &BTreeMap<String, String>,
) -> Result<()> {
    values::judge(decision.values, values, inputs.profile.residency).map_err(|why| {
        let command = inputs
            .owner(decision.role)
            .map(|owner| inputs.accept_command(decision.path, &owner, decision.values))
            .unwrap_or_default();
        Failure::usage(format!("{} cannot be accepted {why}", decision.path)).hint(format!(
            "`{command}`; a secret belongs in the place that the configuration refers to"
        ))
    })?;
    if inputs.scenario.snapshot.is_some() {
        return Ok(());
    }
    let hint = inputs.fill_command().map_or_else(
        || "its records come from its own service".to_owned(),
        |command| format!("`{command}` fills it"),
    );
    Err(Failure::check("the scenario is empty, so there is nothing to accept").hint(hint))
}

fn takeable(inputs: &Inputs, decision: &OwnerDecision, actor: &Actor) -> Result<()> {
    if decision.last(inputs).is_some_and(|last| !last.revoked) {
        return Ok(());
    }
    Err(Failure::check(format!(
        "{} has no acceptance of {} for profile {} that could be revoked",
        actor.display_name, decision.path, inputs.profile.name
    ))
    .hint("`flowcontrol evidence list` shows what was recorded"))
}

fn draft(
    inputs: &Inputs,
    decision: &OwnerDecision,
    actor: &Actor,
    word: &RecordedAcceptance,
    created_at: Timestamp,
) -> Result<Draft> {
    let (verdict, outcome, did) = if word.revoked {
        (Verdict::Next, Outcome::Failed, "revoked the acceptance")
    } else {
        (Verdict::Ready, Outcome::Passed, "accepted it")
    };
    let revoke = if word.revoked { " --revoke" } else { "" };
    let body = serde_json::to_value(word)
        .map_err(|e| Failure::environment(format!("the acceptance cannot be serialized: {e}")))?;
    Ok(Draft {
        schema: schema::ACCEPTANCE.to_owned(),
        created_at,
        tool_version: flowcontrol_base::VERSION.to_owned(),
        ran: format!("accept {} --as {}{revoke}", decision.path, actor.id),
        profile: profile(inputs),
        snapshot_sha256: inputs.scenario.snapshot,
        target: None,
        checks: vec![CheckResult {
            id: decision.path.to_owned(),
            title: decision.title.to_owned(),
            verdict,
            reason: format!("{} {did}", actor.display_name),
            figures: Default::default(),
        }],
        outcome,
        body,
    })
}
