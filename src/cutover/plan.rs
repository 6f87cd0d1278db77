//! Plans a cutover: what it would write, where, and how long it takes at the measured rate. Pure.

use flowcontrol_contract::projection;
use flowcontrol_contract::{Digest, Kind};
use flowcontrol_gates::admit::{Binding, newest};
use flowcontrol_gates::cutover::{self, Group};
use flowcontrol_gates::{Inputs, Judgement};
use serde::Serialize;
use serde_json::Value;

/// A planned cutover.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The target profile.
    pub profile: String,
    /// The adapter bundle.
    pub target: Option<&'static str>,
    /// The database, `host:port/name`; `None` while none is configured.
    pub database: Option<String>,
    /// The current snapshot.
    pub snapshot: Option<Digest>,
    /// Records in it.
    pub records: u64,
    /// The four batches in order.
    pub batches: Vec<PlannedBatch>,
    /// Packets of the evidence chain that the last batch copies.
    pub packets: usize,
    /// Records that the current dry run replayed per second; `None` without one.
    pub records_per_second: Option<f64>,
    /// The packet of that dry run.
    pub measured_by: Option<Digest>,
    /// The estimated seconds at that rate; not valid for a server that is slower than the
    /// one that was rehearsed on.
    pub seconds: Option<f64>,
    /// The gate's decision.
    pub decision: &'static str,
}

/// One batch of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedBatch {
    /// Stable name.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    /// The number of actors, or of records.
    pub rows: u64,
    /// The tables that it fills.
    pub tables: Vec<&'static str>,
    /// The estimated seconds at the measured rate.
    pub seconds: Option<f64>,
}

/// The plan for `inputs`; `database` is where it would write.
pub fn plan(inputs: &Inputs, judgement: &Judgement, database: Option<String>) -> Plan {
    let dry_run = newest(inputs, flowcontrol_evidence::schema::DRY_RUN, Binding::Snapshot).ok();
    let rate = dry_run.and_then(|found| rate(&found.packet.body));
    let seconds = |rows: u64| rate.map(|rate| rounded(rows as f64 / rate));
    let batches = cutover::batches(inputs).map(|batch| PlannedBatch {
        id: batch.group.id,
        title: batch.group.title,
        rows: batch.rows,
        tables: tables(&batch.group),
        seconds: seconds(batch.rows),
    });
    let gate = judgement.gate(cutover::ID);
    Plan {
        profile: inputs.profile.name.clone(),
        target: inputs.profile.target(),
        database,
        snapshot: inputs.scenario.snapshot,
        records: inputs.scenario.total(),
        batches: batches.into(),
        packets: inputs.packets.len(),
        records_per_second: rate.map(rounded),
        measured_by: dry_run.filter(|_| rate.is_some()).map(|found| found.sha256),
        seconds: seconds(inputs.scenario.total()),
        decision: gate.and_then(|g| g.decision).unwrap_or(cutover::PENDING),
    }
}

/// Records per second, as measured in a dry run's packet.
fn rate(body: &Value) -> Option<f64> {
    let replay = body.get("replay")?;
    let (records, seconds) = (replay.get("records")?.as_f64()?, replay.get("seconds")?.as_f64()?);
    (records > 0.0 && seconds > 0.0).then(|| records / seconds)
}

/// Rounds to milliseconds.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

fn tables(group: &Group) -> Vec<&'static str> {
    if group.kinds.is_empty() {
        return vec!["tenants", "organisations", "users", "permissions"];
    }
    let projected =
        group.kinds.iter().filter_map(|kind| projection::for_kind(*kind)).map(|p| p.table);
    let chain = group.kinds.contains(&Kind::Evidence).then_some("audit_events");
    std::iter::once("records").chain(projected).chain(chain).collect()
}

#[cfg(test)]
mod tests {
    use super::{rate, tables};
    use flowcontrol_contract::Kind;
    use flowcontrol_gates::cutover::GROUPS;
    use serde_json::json;

    #[test]
    fn every_kind_of_record_is_in_one_batch_and_every_batch_names_its_tables() {
        let mut kinds: Vec<Kind> = GROUPS.iter().flat_map(|g| g.kinds).copied().collect();
        kinds.sort();
        let mut all = Kind::ALL.to_vec();
        all.sort();
        assert_eq!(kinds, all);
        assert_eq!(GROUPS.map(|g| tables(&g).len()), [4, 3, 3, 2]);
    }

    #[test]
    fn a_rate_is_one_that_was_measured() {
        assert_eq!(rate(&json!({"replay": {"records": 500, "seconds": 0.25}})), Some(2_000.0));
        for none in [
            json!({}),
            json!({"replay": null}),
            json!({"replay": {"records": 0, "seconds": 1}}),
            json!({"replay": {"records": 9, "seconds": 0}}),
        ] {
            assert_eq!(rate(&none), None, "{none}");
        }
    }
}
