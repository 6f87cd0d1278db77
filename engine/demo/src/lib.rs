//! A realistic scenario of any size, the same for the same seed on every machine.

mod rosters;
mod story;
mod words;

pub use rosters::rosters;
pub use story::Story;

use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::store::{Expected, ScenarioStore};
use flowcontrol_contract::{CallCx, NewRecord, Roster};
use futures::StreamExt;

/// The session of the demo.
pub const SESSION: &str = "grant-demo-local";

/// The size and the seed of a demo scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Records of all tenants together.
    pub records: u64,
    /// Tenants; the first has the five actors of the demo.
    pub tenants: u32,
    /// Equal seeds give equal scenarios.
    pub seed: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self { records: 2_000, tenants: 3, seed: 1 }
    }
}

/// Records of one append.
const BATCH: usize = 1_000;

impl Size {
    /// Checks that a scenario of this size can be generated.
    ///
    /// # Errors
    /// A usage failure that names the limit.
    pub fn check(self) -> Result<Self> {
        if self.tenants == 0 || self.tenants > 10_000 {
            return Err(Failure::usage(format!("--tenants is {}", self.tenants))
                .hint("it takes a number from 1 to 10000"));
        }
        if self.records < u64::from(self.tenants) {
            return Err(Failure::usage(format!(
                "--records is {}, which is too few for {} tenants",
                self.records, self.tenants
            ))
            .hint("every tenant has one record at least: raise --records or lower --tenants"));
        }
        Ok(self)
    }

    /// How many records the tenant at `index` gets: the first has the most, as the main customer
    /// of a freight desk does.
    fn share(self, index: u32) -> u64 {
        if self.tenants == 1 {
            return self.records;
        }
        let others = u64::from(self.tenants - 1);
        let each = (self.records / 2 / others).max(1);
        if index == 0 { self.records - each * others } else { each }
    }
}

/// The result of seeding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Records that were written.
    pub written: u64,
    /// Records of the same scenario that an earlier, interrupted seeding had written.
    pub kept: u64,
}

/// Writes the demo scenario, or the rest of it if a seeding of the same size was interrupted.
/// `on_records` is called with the number of records present, those of the earlier seeding included.
///
/// # Errors
/// A usage failure that names the tenant and the record when the store holds other data of these
/// tenants (nothing is written then); otherwise the store's error.
pub async fn seed(
    store: &dyn ScenarioStore,
    size: Size,
    mut on_records: impl FnMut(u64),
) -> Result<Seeded> {
    let size = size.check()?;
    let rosters = rosters(size)?;
    let mut heads = Vec::new();
    // Everything is checked before anything is written.
    for (index, roster) in (0u32..).zip(&rosters) {
        let head = begun(store, size, roster, index).await?;
        on_records(head);
        heads.push(head);
    }
    let mut done = Seeded { kept: heads.iter().sum(), written: 0 };
    for ((index, roster), mut head) in (0u32..).zip(&rosters).zip(heads) {
        let cx = CallCx::tenant(roster.tenant.clone());
        store.enroll(&cx, roster).await?;
        let mut story = Story::new(roster, size.seed, index);
        let share = size.share(index);
        for record in story.by_ref().take(usize::try_from(head).unwrap_or(usize::MAX)) {
            record?;
        }
        while head < share {
            let count = usize::try_from(share - head).unwrap_or(usize::MAX).min(BATCH);
            let batch: Vec<NewRecord> = story.by_ref().take(count).collect::<Result<_, _>>()?;
            head = store.append(&cx, Expected::Head(head), &batch).await?.last;
            done.written += batch.len() as u64;
            on_records(batch.len() as u64);
        }
    }
    Ok(done)
}

/// How many of the tenant's generated records the store already holds: always the first ones, each
/// equal to the generated record.
async fn begun(store: &dyn ScenarioStore, size: Size, roster: &Roster, index: u32) -> Result<u64> {
    let tenant = &roster.tenant;
    let refused = |what: String| {
        Failure::usage(format!("the store {} {what}", store.info().endpoint)).hint(
            "seed an empty store: name another folder, or move this one away; a seeding that was \
             cut off goes on with the arguments that it was begun with",
        )
    };
    let cx = CallCx::tenant(tenant.clone());
    if store.roster(&cx).await?.is_some_and(|known| known != *roster) {
        return Err(refused(format!("holds tenant {tenant} with another name or other actors")));
    }
    let (head, share) = (store.head(&cx).await?, size.share(index));
    if head == 0 {
        return Ok(0);
    }
    if head > share {
        return Err(refused(format!(
            "already holds {head} records of tenant {tenant}, and this scenario has only {share}"
        )));
    }
    let mut story = Story::new(roster, size.seed, index);
    let mut batches = store.read(&cx, 0).await?;
    let mut seen = 0;
    while let Some(batch) = batches.next().await {
        for found in batch? {
            let expected = story.next().transpose()?;
            let expected = expected.map(|r| r.placed(tenant.clone(), found.seq));
            if expected.as_ref() != Some(&found) {
                return Err(refused(format!(
                    "already holds records of tenant {tenant} that are not of this scenario: \
                     record {} ({})",
                    found.seq, found.id
                )));
            }
            seen = found.seq;
        }
    }
    Ok(seen)
}
