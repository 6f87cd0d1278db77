//! Which packets count for the judged profile, and why others do not.

use super::inputs::{Evidence, Inputs, Stage};
use super::spec::Check;
use flowcontrol_contract::Digest;
use flowcontrol_evidence::{Outcome, Verdict, schema};
use serde_json::Value;

/// What a packet must be bound to besides its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Nothing else: the packet is about a server, not about records.
    Profile,
    /// The current snapshot and migrations: a new record or an edited file makes it stale.
    Snapshot,
}

/// The kind of target a packet was made on.
pub fn target_kind(evidence: &Evidence) -> Option<&str> {
    evidence.packet.target.as_ref()?.get("kind").and_then(Value::as_str)
}

fn admits(stage: Stage, kind: Option<&str>) -> bool {
    match stage {
        Stage::Demo => true,
        Stage::Staging => matches!(kind, Some("container" | "external")),
        Stage::Production => kind == Some("external"),
    }
}

/// The newest packet of `schema` that counts for the judged profile.
///
/// # Errors
/// One sentence: why none counts. A packet from a target that is too weak is skipped, since a
/// stronger one may precede it. A newer packet without a target ended before a target was started;
/// it makes earlier ones stale.
pub fn newest<'a>(
    inputs: &'a Inputs,
    schema: &str,
    binding: Binding,
) -> Result<&'a Evidence, String> {
    let (profile, stage) = (&inputs.profile, inputs.profile.stage());
    let mine: Vec<&Evidence> = inputs
        .packets
        .iter()
        .filter(|e| e.packet.schema == schema && e.packet.profile.name == profile.name)
        .collect();
    let known: Vec<&Evidence> =
        mine.iter().copied().filter(|e| e.packet.created_at <= inputs.as_of).collect();
    let Some(last) = known.last() else {
        return Err(match mine.last() {
            Some(later) => format!(
                "{schema} {} is dated {}, after {}",
                later.sha256.short(),
                later.packet.created_at,
                inputs.as_of
            ),
            None => format!("no {schema} is recorded for profile {}", profile.name),
        });
    };
    let strong = |e: &&&Evidence| target_kind(e).is_none_or(|kind| admits(stage, Some(kind)));
    let found = match known.iter().rev().find(strong) {
        Some(found) if admits(stage, target_kind(found)) => *found,
        Some(found) => {
            return Err(format!(
                "{schema} {} ended before a target was started",
                found.sha256.short()
            ));
        }
        None => {
            let (kind, wanted) = (target_kind(last).unwrap_or("no"), wanted(stage));
            return Err(format!(
                "{schema} {} comes from a {kind} target; profile {} needs {wanted}",
                last.sha256.short(),
                profile.name
            ));
        }
    };
    let made_for = found.packet.profile.sha256;
    if made_for != profile.sha256 {
        return Err(format!(
            "{schema} {} was made for configuration {}, but the current one is {}",
            found.sha256.short(),
            made_for.short(),
            profile.sha256.short()
        ));
    }
    if binding == Binding::Snapshot && found.packet.snapshot_sha256 != inputs.scenario.snapshot {
        return Err(format!(
            "{schema} {} was made for snapshot {}, but the current one is {}",
            found.sha256.short(),
            digest_text(found.packet.snapshot_sha256),
            digest_text(inputs.scenario.snapshot)
        ));
    }
    let migrations = migrated(found);
    if binding == Binding::Snapshot && migrations != Some(inputs.migrations) {
        return Err(format!(
            "{schema} {} was made for migrations {}, but the current ones are {}",
            found.sha256.short(),
            digest_text(migrations),
            inputs.migrations.short()
        ));
    }
    Ok(found)
}

/// The digest of the migrations that a packet was made with.
fn migrated(evidence: &Evidence) -> Option<Digest> {
    Digest::parse(evidence.packet.body.get("migrations_sha256")?.as_str()?).ok()
}

/// The external server that a packet is about, see
/// [`Facts::server`](super::connection::Facts::server).
fn server(evidence: &Evidence) -> Option<Digest> {
    Digest::parse(evidence.packet.target.as_ref()?.get("server")?.as_str()?).ok()
}

/// Checks that `found` was made on the server of the newest connection packet.
///
/// # Errors
/// One sentence with both digests when it is a different server.
pub fn same_server<'a>(inputs: &Inputs, found: &'a Evidence) -> Result<&'a Evidence, String> {
    let connection = newest(inputs, schema::CONNECTION, Binding::Profile).ok();
    match (server(found), connection.and_then(server)) {
        (Some(then), Some(now)) if then != now => Err(format!(
            "{} {} was made on server {}, but the current connection is to {}",
            found.packet.schema,
            found.sha256.short(),
            then.short(),
            now.short()
        )),
        _ => Ok(found),
    }
}

/// A digest in a sentence.
pub fn digest_text(digest: Option<Digest>) -> String {
    digest.map_or_else(|| "none".to_owned(), |d| d.short())
}

fn wanted(stage: Stage) -> &'static str {
    match stage {
        Stage::Demo => "any target",
        Stage::Staging => "a container or an external server",
        Stage::Production => "an external server",
    }
}

/// A gate's check from the packet's check of the same id. A run that did not pass although
/// all of its checks did failed for a reason outside them, so it proves none of them.
pub fn from_packet(
    id: &'static str,
    title: &'static str,
    found: &Result<&Evidence, String>,
) -> Check {
    let evidence = match found {
        Err(why) => return Check::next(id, title, why.clone()),
        Ok(evidence) => *evidence,
    };
    let (digest, outcome) = (evidence.sha256, evidence.packet.outcome);
    if outcome != Outcome::Passed
        && evidence.packet.checks.iter().all(|c| c.verdict == Verdict::Ready)
    {
        let reason = format!(
            "{} {}, but every check in it passed; rerun with -v",
            digest.short(),
            ended(outcome)
        );
        return Check::next(id, title, reason).resting_on(vec![digest]);
    }
    match evidence.packet.checks.iter().find(|c| c.id == id) {
        Some(c) if c.verdict == Verdict::Ready => {
            Check::ready(id, title, c.reason.clone(), vec![digest])
        }
        Some(c) => Check::next(id, title, c.reason.clone()).resting_on(vec![digest]),
        None => Check::next(id, title, format!("{} does not contain this check", digest.short())),
    }
}

fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Interrupted => "was interrupted",
    }
}
