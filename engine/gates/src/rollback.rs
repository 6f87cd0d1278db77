//! Rollback drill: a freeze window, the owner's confirmation, the fallback store and the packet.

use super::admit::{Binding, from_packet, newest};
use super::check;
use super::decision::OwnerDecision;
use super::inputs::{Inputs, Role};
use super::release;
use super::spec::{Check, Gate};
use flowcontrol_contract::Digest;
use flowcontrol_evidence::{CheckResult, schema};
use serde_json::json;

/// The name on the command line.
pub const ID: &str = "rollback-drill";
/// The packet of a drill.
pub const PACKET: &str = schema::DRILL;

/// The owner's confirmation. It precedes the drill, so it refers to the dry run that the release
/// handoff rests on, not to the drill's own packet.
pub static CONFIRMATION: OwnerDecision = OwnerDecision {
    path: "rollback-drill/owner-confirmation",
    title: "Owner confirmation",
    role: Role::Director,
    values: &[],
    rests_on: &[(schema::DRY_RUN, Binding::Snapshot)],
};

/// The gate. A drill counts once the release handoff that it drills is ready.
pub fn gate(inputs: &Inputs, release: &Gate) -> Gate {
    let drill = newest(inputs, PACKET, Binding::Snapshot);
    // Before the handoff is ready a drill would not count.
    let run = release.is_complete().then(|| inputs.drill_command());
    let step = |id, title| {
        Check::given(id, title, &[release.condition(), from_packet(id, title, &drill).condition()])
            .supplied_by(run.clone())
    };
    let word = CONFIRMATION.condition(inputs);
    let command = word.outcome.is_err().then(|| CONFIRMATION.command(inputs)).flatten();
    let checks = [
        step("freeze-window", "Freeze window"),
        Check::given(CONFIRMATION.id(), CONFIRMATION.title, &[release.condition(), word])
            .supplied_by(command),
        step("storage-fallback", "Storage fallback"),
        step("audit-packet", "Audit packet"),
    ];
    let owner = inputs.owner(Role::Director);
    let checks = checks.map(|c| c.owned_by(owner.clone()));
    Gate::new(ID, "Rollback drill", checks.into()).with_packet(PACKET).deciding(release::PENDING)
}

/// What a drill found. An `Err` holds one sentence: what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillFacts {
    /// The freeze window.
    pub window: Result<FreezeWatch, String>,
    /// The restored fallback store.
    pub fallback: Result<RestoredStore, String>,
    /// The current dry run, which the release handoff rests on.
    pub dry_run: Result<Digest, String>,
    /// The newest release handoff that was recorded, if any.
    pub release: Option<Digest>,
}

/// What was observed while the store was frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreezeWatch {
    /// The window's id.
    pub id: String,
    /// How long it was watched, in milliseconds.
    pub millis: u64,
    /// Whether the drill's own write was refused.
    pub holds: bool,
    /// Whether the window was still open at the end.
    pub kept: bool,
    /// Writes of other clients that were refused meanwhile: a second writer is live.
    pub refused: u64,
    /// The snapshot when the window was raised, and right before it was lifted.
    pub snapshots: (Digest, Digest),
    /// Whether writes are accepted again after the window was lifted.
    pub lifted: bool,
}

/// The restored fallback store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoredStore {
    /// The Postgres that it was restored from.
    pub from: String,
    /// The number of its records.
    pub records: u64,
    /// The digest of its snapshot.
    pub sha256: Digest,
}

/// The gate's checks that a drill supplies, in order.
pub fn checks(facts: &DrillFacts) -> Vec<CheckResult> {
    vec![window(facts), fallback(facts), audit(facts)]
}

fn window(facts: &DrillFacts) -> CheckResult {
    let outcome = facts.window.clone().and_then(|w| match w {
        FreezeWatch { holds: false, .. } => {
            Err("a write went through while the store was frozen".into())
        }
        FreezeWatch { kept: false, .. } => Err(format!(
            "freeze window {} ended before the drill did: it was lifted, or --minutes is too \
             short",
            w.id
        )),
        FreezeWatch { refused: 1.., .. } => Err(format!(
            "a second writer is live: {} of its writes were refused within {} ms; stop it and \
             drill again",
            w.refused, w.millis
        )),
        FreezeWatch { snapshots: (before, after), .. } if before != after => Err(format!(
            "a second writer is live and ignores the freeze window: the scenario changed from {} to {}",
            before.short(),
            after.short()
        )),
        FreezeWatch { lifted: false, .. } => Err("writes are still refused after it was lifted".into()),
        _ => Ok(format!(
            "writes were refused for {} ms, no other client tried to write, and nothing changed",
            w.millis
        )),
    });
    let figures = facts.window.as_ref().map_or(json!({}), |w| {
        json!({"window": w.id, "milliseconds": w.millis, "refused": w.refused,
            "before": w.snapshots.0, "after": w.snapshots.1})
    });
    check("freeze-window", "Freeze window", outcome, figures)
}

fn fallback(facts: &DrillFacts) -> CheckResult {
    let outcome = match (&facts.fallback, &facts.window) {
        (Err(why), _) => Err(why.clone()),
        (_, Err(_)) => Err("there is no frozen snapshot to compare with".to_owned()),
        (Ok(r), Ok(w)) if r.sha256 != w.snapshots.0 => Err(format!(
            "the fallback store restored from {} freezes to {}, not {}",
            r.from,
            r.sha256.short(),
            w.snapshots.0.short()
        )),
        (Ok(r), Ok(_)) => Ok(format!(
            "a fallback store restored from {} holds the same {} records, {}",
            r.from,
            r.records,
            r.sha256.short()
        )),
    };
    let figures = facts.fallback.as_ref().map_or(
        json!({}),
        |r| json!({"records": r.records, "sha256": r.sha256, "restored_from": r.from}),
    );
    check("storage-fallback", "Storage fallback", outcome, figures)
}

fn audit(facts: &DrillFacts) -> CheckResult {
    let outcome = match &facts.dry_run {
        Err(why) => Err(format!("there is no release to roll back: {why}")),
        Ok(digest) => {
            Ok(format!("the drill and dry run {} are recorded in one packet", digest.short()))
        }
    };
    let figures = json!({"dry_run": facts.dry_run.as_ref().ok(), "release": facts.release});
    check("audit-packet", "Audit packet", outcome, figures)
}

#[cfg(test)]
mod tests {
    use super::{DrillFacts, FreezeWatch, RestoredStore, checks};
    use flowcontrol_contract::Digest;
    use flowcontrol_evidence::Verdict;

    fn good() -> DrillFacts {
        let frozen = Digest::of("frozen");
        DrillFacts {
            window: Ok(FreezeWatch {
                id: "drill-1".into(),
                millis: 2_000,
                holds: true,
                kept: true,
                refused: 0,
                snapshots: (frozen, frozen),
                lifted: true,
            }),
            fallback: Ok(RestoredStore { from: "bfg".into(), records: 60, sha256: frozen }),
            dry_run: Ok(Digest::of("dry run")),
            release: None,
        }
    }

    fn watched(change: impl Fn(&mut FreezeWatch)) -> DrillFacts {
        let mut facts = good();
        change(facts.window.as_mut().unwrap());
        facts
    }

    fn verdicts(facts: &DrillFacts) -> [bool; 3] {
        let all = checks(facts);
        [0, 1, 2].map(|at| all[at].verdict == Verdict::Ready)
    }

    #[test]
    fn a_drill_that_held_and_came_back_the_same_is_ready() {
        assert_eq!(verdicts(&good()), [true; 3]);
    }

    #[test]
    fn whatever_went_wrong_is_named_and_no_success() {
        let other = Digest::of("other");
        let one = |facts: DrillFacts, at: usize, why: &str| {
            let ready = verdicts(&facts);
            assert!(!ready[at], "{why}");
            assert!(checks(&facts)[at].reason.contains(why), "{}", checks(&facts)[at].reason);
        };
        one(watched(|w| w.holds = false), 0, "a write went through");
        one(watched(|w| w.kept = false), 0, "ended before the drill did");
        one(watched(|w| w.refused = 3), 0, "a second writer is live: 3 of its writes");
        one(watched(|w| w.snapshots.1 = other), 0, "ignores the freeze window");
        one(watched(|w| w.lifted = false), 0, "still refused");
        one(DrillFacts { window: Err("no window".into()), ..good() }, 0, "no window");
        one(DrillFacts { window: Err("no window".into()), ..good() }, 1, "no frozen snapshot");
        let lost = RestoredStore { from: "bfg".into(), records: 59, sha256: other };
        one(DrillFacts { fallback: Ok(lost), ..good() }, 1, "freezes to");
        one(DrillFacts { fallback: Err("no way back".into()), ..good() }, 1, "no way back");
        one(
            DrillFacts { dry_run: Err("none is recorded".into()), ..good() },
            2,
            "none is recorded",
        );
    }
}
