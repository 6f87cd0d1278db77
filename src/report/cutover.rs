//! `cutover` as text.

use super::terminal::View;
use crate::cutover::{Aborted, Plan, Ran};
use flowcontrol_base::text::counted;
use flowcontrol_base::text::layout::{count, hang, pad, pad_left, seconds};
use flowcontrol_base::text::one_line;
use flowcontrol_evidence::StoredPacket;

/// A plan: the database, the batches, the expected time.
pub fn plan(plan: &Plan, stored: &StoredPacket, view: View) -> String {
    let snapshot = plan.snapshot.map_or_else(|| "no snapshot".to_owned(), |d| d.short());
    let mut text = format!(
        "data cutover for profile {} ({})\n  snapshot  {snapshot}, {}\n  database  {}\n",
        plan.profile,
        plan.target.unwrap_or("no known bundle"),
        counted(plan.records, "record", "records"),
        plan.database.as_deref().unwrap_or("none is configured: fill in [target.external]"),
    );
    let name = plan.batches.iter().map(|b| b.title.len()).max().unwrap_or(0);
    for batch in &plan.batches {
        let time = batch.seconds.map_or_else(String::new, |s| format!(", about {}", seconds(s)));
        let head = format!(
            "  {}  {} rows{time}: ",
            pad(batch.title, name),
            pad_left(&count(batch.rows), 9)
        );
        let tables = hang(&batch.tables.join(", "), head.chars().count(), view.columns);
        text.push_str(&format!("{head}{tables}\n"));
    }
    text.push_str(&format!(
        "  the audit batch copies {} of the evidence chain too\n",
        counted(plan.packets as u64, "packet", "packets")
    ));
    text.push_str(&match (plan.records_per_second, plan.measured_by) {
        (Some(rate), Some(packet)) => format!(
            "  rate      {rate:.0} records a second, measured by dry run {}; it differs on another \
             server\n",
            packet.short()
        ),
        _ => "  rate      not measured: no dry run of this snapshot is in force\n".to_owned(),
    });
    text.push_str(&format!("  decision  {}\n", plan.decision));
    text.push_str(&format!("packet   {}\n", stored.path.display()));
    text
}

/// A run of a cutover, step by step.
pub fn ran(ran: &Ran, view: View) -> String {
    let mut text = format!("{} of {} to {}\n", ran.id, ran.snapshot.short(), ran.database);
    for step in &ran.steps {
        let said = format!("{}: {}", step.step, one_line(&step.detail));
        text.push_str(&format!(
            "  {} {}\n",
            pad_left(&seconds(step.seconds), 9),
            hang(&said, 12, view.columns)
        ));
    }
    text.push_str(&match &ran.goes_on {
        None => {
            "complete: the database holds the scenario, the source stays frozen; switch to the \
                 target profile now\n"
                .to_owned()
        }
        Some(again) => format!(
            "stopped as requested: `{again}` resumes it, `flowcontrol cutover abort` undoes it\n"
        ),
    });
    text
}

/// What an abort reverted.
pub fn aborted(done: &Aborted) -> String {
    format!(
        "{} is undone: {} in {} emptied, {} reverted; the source accepts writes again\n",
        done.id,
        counted(done.emptied as u64, "table", "tables"),
        done.database,
        counted(done.reverted as u64, "migration", "migrations"),
    )
}
