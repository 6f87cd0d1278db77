//! Runs a cutover's steps in order, and resumes one that was interrupted.

use super::audit;
use super::endpoints::Endpoints;
use super::foreign_objects;
use super::journal::{CutoverFolder, Journal, Stage};
use super::seal;
use super::slice::SnapshotSlice;
use crate::config::Settings;
use crate::progress::Progress;
use crate::registry::Purpose;
use flowcontrol_base::clock;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_contract::fence::Window;
use flowcontrol_contract::{Digest, ScenarioStore, Timestamp};
use flowcontrol_evidence::{EvidenceStore, Outcome, ProfileRef};
use flowcontrol_gates::Inputs;
use flowcontrol_gates::cutover::GROUPS;
use flowcontrol_runbook as runbook;
use flowcontrol_runbook::{Goal, MigrationState};
use flowcontrol_snapshot as snapshot;
use flowcontrol_snapshot::Summary;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::watch;

/// The request for a cutover.
#[derive(Debug)]
pub struct CutoverOrder<'a> {
    /// The active configuration, whose store is moved.
    pub active: &'a Settings,
    /// The configuration of the target profile.
    pub judged: &'a Settings,
    /// Minutes after which the freeze windows expire, in case this process is killed.
    pub minutes: u32,
    /// The last batch to write; `None` for all.
    pub until: Option<&'a str>,
    /// The command as it was given, for the evidence.
    pub ran: String,
}

impl CutoverOrder<'_> {
    /// The command that resumes the cutover.
    pub fn again(&self) -> String {
        let (active, judged) = (&self.active.config.profile, &self.judged.config.profile);
        match active == judged {
            true => "flowcontrol cutover run".to_owned(),
            false => format!("flowcontrol cutover run --for {judged}"),
        }
    }
}

/// The result of a run.
#[derive(Debug, Serialize)]
pub struct Ran {
    /// The freeze window's id, which names the cutover.
    pub id: String,
    /// The database, without credentials.
    pub database: String,
    /// The snapshot.
    pub snapshot: Digest,
    /// The steps of this run.
    pub steps: Vec<StepTaken>,
    /// Whether the cutover is complete and sealed.
    pub complete: bool,
    /// The packet of the whole cutover, if it is sealed.
    pub packet: Option<Digest>,
    /// The command that resumes it, if it is not complete.
    pub goes_on: Option<String>,
}

/// One completed step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepTaken {
    /// The step.
    pub step: String,
    /// What it did, in one sentence.
    pub detail: String,
    /// Its duration, in seconds.
    pub seconds: f64,
}

/// A running cutover.
pub(super) struct Cutover<'a> {
    pub(super) order: &'a CutoverOrder<'a>,
    pub(super) inputs: &'a Inputs,
    pub(super) endpoints: Endpoints,
    pub(super) folder: CutoverFolder,
    pub(super) evidence: EvidenceStore,
    pub(super) journal: Journal,
    pub(super) steps: Vec<StepTaken>,
    /// Why extra rows may be unnoticed, if no login sees every row.
    pub(super) unproved: Option<String>,
    pub(super) progress: &'a Progress,
}

/// Runs a cutover, or resumes an interrupted one. The caller has checked that the gate is ready.
///
/// # Errors
/// The failed step's. What was written stays, the source stays frozen, and the failure's hint says how
/// to resume or abort.
pub async fn run(
    order: &CutoverOrder<'_>,
    inputs: &Inputs,
    progress: &Progress,
    mut stop: watch::Receiver<bool>,
) -> Result<Ran> {
    let evidence = order.active.evidence()?;
    let endpoints = Endpoints::open(order.active, order.judged).await?;
    let folder = CutoverFolder::open(&order.active.state())?;
    let journal = match folder.read()? {
        Some(journal) if journal.stage == Stage::Sealed => return over(&journal, &endpoints).await,
        Some(journal) => going_on(journal, order, inputs, &endpoints)?,
        None => Cutover::begin(order, inputs, &endpoints, &folder).await?,
    };
    let mut cutover = Cutover {
        order,
        inputs,
        endpoints,
        folder,
        evidence,
        journal,
        steps: Vec::new(),
        unproved: None,
        progress,
    };
    let done = tokio::select! {
        biased;
        () = async { drop(stop.wait_for(|stop| *stop).await) } => Err(Failure::new(
            Exit::Interrupted,
            "interrupted; acknowledged writes are in the database, and the source is frozen",
        )),
        done = Box::pin(cutover.walk()) => done,
    };
    match done {
        Ok(packet) => Ok(Ran {
            id: cutover.journal.window.id.clone(),
            database: cutover.journal.database.clone(),
            snapshot: cutover.journal.sha256,
            complete: cutover.journal.stage == Stage::Sealed,
            goes_on: packet.is_none().then(|| order.again()),
            steps: cutover.steps,
            packet,
        }),
        Err(failure) => {
            let outcome = match failure.exit {
                Exit::Interrupted => Outcome::Interrupted,
                _ => Outcome::Failed,
            };
            cutover.seal_step("broken off", &failure.message, 0.0, outcome)?;
            let own = failure.hint.as_ref().map_or_else(String::new, |hint| format!("{hint}; "));
            Err(failure.hint(format!(
                "{own}`{}` resumes, `flowcontrol cutover abort` undoes",
                cutover.order.again()
            )))
        }
    }
}

/// Finishes a complete cutover: does only what a kill right after the seal may have prevented.
async fn over(journal: &Journal, endpoints: &Endpoints) -> Result<Ran> {
    if journal.database == endpoints.server.endpoint.redacted() {
        let store = endpoints.store(&endpoints.server.logins.replayer, Purpose::Replayer).await?;
        seal::lift(&*store, endpoints, journal).await?;
    }
    Err(Failure::check(format!("the scenario was already cut over to {}", journal.database))
        .hint("switch to that profile; the scenario is there now"))
}

/// Checks that an interrupted cutover is resumed with the same inputs.
fn going_on(
    journal: Journal,
    order: &CutoverOrder<'_>,
    inputs: &Inputs,
    endpoints: &Endpoints,
) -> Result<Journal> {
    let back = "`flowcontrol cutover abort` undoes what was written";
    let other = |what: &str, then: String, now: String| {
        Err(Failure::check(format!("the cutover was begun {what} {then}, but now it is {now}"))
            .hint(back))
    };
    let database = endpoints.server.endpoint.redacted();
    if journal.database != database {
        return other("to", journal.database, database);
    }
    if journal.profile.name != inputs.profile.name {
        return other("for profile", journal.profile.name, inputs.profile.name.clone());
    }
    if journal.profile.sha256 != inputs.profile.sha256 {
        let (then, now) = (journal.profile.sha256, inputs.profile.sha256);
        return other("with configuration", then.short(), now.short());
    }
    let migrations = order.judged.migrations()?.digest();
    if journal.migrations != migrations {
        return other("with migrations", journal.migrations.short(), migrations.short());
    }
    Ok(journal)
}

impl Cutover<'_> {
    /// Records the database's state in the journal before anything is changed.
    async fn begin(
        order: &CutoverOrder<'_>,
        inputs: &Inputs,
        endpoints: &Endpoints,
        folder: &CutoverFolder,
    ) -> Result<Journal> {
        let source = order.judged.migrations()?;
        let (rows, plan) = runbook::status(endpoints.site(), &source, Goal::Latest).await?;
        if let Some(problem) = plan.problems.first() {
            return Err(Failure::check(problem.message.clone()).hint(problem.hint.clone()));
        }
        let found =
            rows.iter().filter(|r| r.state == MigrationState::Applied).map(|r| r.version.0).max();
        match found {
            Some(_) => endpoints.is_empty().await?,
            None => foreign_objects::refuse_tables(endpoints).await?,
        }
        let Some(sha256) = inputs.scenario.snapshot else {
            return Err(Failure::check("the scenario is empty, so there is nothing to cut over"));
        };
        let now = clock::now();
        let journal = Journal {
            window: Window::new(
                format!("cutover-{}", clock::random_hex(4)),
                format!("data cutover of session {}", inputs.scenario.session),
                now,
                after(now, i64::from(order.minutes) * 60_000_000)?,
            )?,
            profile: ProfileRef {
                name: inputs.profile.name.clone(),
                sha256: inputs.profile.sha256,
            },
            sha256,
            database: endpoints.server.endpoint.redacted(),
            found: found.unwrap_or(0),
            migrations: source.digest(),
            stage: Stage::Begun,
        };
        folder.write(&journal)?;
        Ok(journal)
    }

    /// Runs the remaining steps; returns the digest of the cutover's packet if it was sealed.
    async fn walk(&mut self) -> Result<Option<Digest>> {
        let summary = self.freeze().await?;
        self.migrate().await?;
        let login = self.endpoints.server.logins.replayer.clone();
        let store = self.endpoints.store(&login, Purpose::Replayer).await?;
        store.fence().raise(&self.endpoints.tenants, &self.journal.window).await?;
        let path = self.folder.snapshot();
        let window = self.journal.window.id.clone();
        let slice = SnapshotSlice { path: &path, summary: &summary, window: &window };
        let already = match self.journal.stage {
            Stage::Batches(n) => usize::from(n),
            Stage::Begun | Stage::Sealed => 0,
        };
        for (at, group) in GROUPS.iter().enumerate() {
            if at >= already {
                self.batch(&slice, &store, at).await?;
            }
            if self.order.until == Some(group.id) {
                return Ok(None);
            }
        }
        self.seal(&slice, &store, already < GROUPS.len()).await.map(Some)
    }

    /// Freezes the source, then takes a snapshot.
    async fn freeze(&mut self) -> Result<Summary> {
        let since = clock::instant();
        let step = self.progress.step("freeze", None);
        let now = clock::now();
        let ends_at = after(now, i64::from(self.order.minutes) * 60_000_000)?;
        // When resuming: the earlier window with a later expiry.
        self.journal.window.expires_at = self.journal.window.expires_at.max(ends_at);
        let source = Arc::clone(&self.endpoints.source);
        source.fence().raise(&self.endpoints.tenants, &self.journal.window).await?;
        self.folder.write(&self.journal)?;
        let session = self.inputs.scenario.session.clone();
        let path = self.folder.snapshot();
        let summary =
            snapshot::freeze(&*source, session, &self.endpoints.tenants, &path, |n| step.inc(n))
                .await?;
        step.done("");
        self.as_judged(&summary)?;
        let detail = format!(
            "the source is frozen at {}, {} records",
            summary.sha256.short(),
            summary.records
        );
        self.done("freeze", detail, since.elapsed().as_secs_f64())?;
        Ok(summary)
    }

    async fn migrate(&mut self) -> Result<()> {
        let since = clock::instant();
        let source = self.order.judged.migrations()?;
        let step = self.progress.step("migrate", None);
        let site = self.endpoints.site();
        let applied = Box::pin(runbook::up(site, &source, None)).await?;
        let verified = Box::pin(runbook::verify(site, &source)).await?;
        step.done("");
        let detail = format!(
            "{} migrations applied now, {} applied in total and verified",
            applied.len(),
            verified.len()
        );
        self.done("migrate", detail, since.elapsed().as_secs_f64())
    }

    /// Writes one batch, compares all rows written so far, and records it in the journal.
    async fn batch(
        &mut self,
        slice: &SnapshotSlice<'_>,
        store: &Arc<dyn ScenarioStore>,
        at: usize,
    ) -> Result<()> {
        let since = clock::instant();
        let group = &GROUPS[at];
        let step = self.progress.step(group.id, Some(self.rows(at, slice.summary)));
        let written = if group.kinds.is_empty() {
            slice.enroll(&**store).await?
        } else {
            let import = batches(&**store)?;
            slice.write(import, group, |n| step.inc(n)).await?
        };
        step.done("");
        let mut detail = format!("{written} rows written");
        if at + 1 == GROUPS.len() {
            let carried = audit::carry(
                &self.endpoints.settings.config,
                slice,
                batches(&**store)?,
                &self.evidence,
            )
            .await?;
            detail.push_str(&format!(", {carried} evidence packets copied"));
        }
        let step = self.progress.step("compare", None);
        let found = slice.compare(&self.endpoints, at + 1, |n| step.inc(n)).await?;
        step.done("");
        let rows: u64 = found.tables.iter().map(|t| t.rows).sum();
        detail.push_str(&match &found.unproved {
            None => format!(", all {rows} rows in the database equal the snapshot"),
            Some(why) => format!(", all {rows} visible rows equal the snapshot; {why}"),
        });
        self.unproved = found.unproved;
        self.journal.stage = Stage::Batches(u8::try_from(at + 1).unwrap_or(u8::MAX));
        self.folder.write(&self.journal)?;
        self.done(group.id, detail, since.elapsed().as_secs_f64())
    }

    fn rows(&self, at: usize, summary: &Summary) -> u64 {
        let kinds = GROUPS[at].kinds;
        let all = summary.counts.values().flatten();
        all.filter(|(kind, _)| kinds.contains(kind)).map(|(_, n)| n).sum()
    }

    /// Checks that the snapshot is the one that the gates were judged on.
    pub(super) fn as_judged(&self, now: &Summary) -> Result<()> {
        if now.sha256 == self.journal.sha256 {
            return Ok(());
        }
        Err(Failure::check(format!(
            "the scenario is now {}, but the gates were judged on {}",
            now.sha256.short(),
            self.journal.sha256.short()
        ))
        .hint("run `flowcontrol cutover abort`, rehearse again, and have it accepted again"))
    }

    pub(super) fn done(&mut self, step: &str, detail: String, seconds: f64) -> Result<()> {
        self.seal_step(step, &detail, seconds, Outcome::Passed)?;
        self.steps.push(StepTaken { step: step.to_owned(), detail, seconds });
        Ok(())
    }

    fn seal_step(&self, step: &str, detail: &str, seconds: f64, outcome: Outcome) -> Result<()> {
        let draft = seal::step(self, step, detail, seconds, outcome);
        self.evidence.append(draft, &self.endpoints.secrets).map(drop)
    }

    /// The target member of packets.
    pub(super) fn target(&self) -> Value {
        json!({"kind": flowcontrol_servers::TargetKind::External, "database": self.journal.database})
    }
}

/// The store's batch import capability.
fn batches(store: &dyn ScenarioStore) -> Result<&dyn flowcontrol_contract::BatchImport> {
    store.batches().ok_or_else(|| {
        Failure::usage(format!("{} does not support import by batch", store.info().kind))
    })
}

pub(super) fn after(now: Timestamp, micros: i64) -> Result<Timestamp> {
    Ok(Timestamp::from_micros(now.micros().saturating_add(micros))?)
}
