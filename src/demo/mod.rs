//! A realistic scenario of any size, the same for the same seed on every machine.

mod rosters;
mod story;
mod words;

pub use rosters::rosters;
pub use story::Story;

use crate::error::{Failure, Result};
use flowcontrol_contract::store::{Expected, ScenarioStore};
use flowcontrol_contract::{CallCx, NewRecord};

/// The session of the demo.
pub const SESSION: &str = "grant-demo-local";

/// How large a demo scenario is and which one.
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
    /// Refuses sizes that make no scenario.
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

/// Writes the demo scenario into an empty store. `on_records` hears how many were added.
///
/// # Errors
/// When the store holds records already, or cannot be written.
pub async fn seed(
    store: &dyn ScenarioStore,
    size: Size,
    mut on_records: impl FnMut(u64),
) -> Result<u64> {
    let size = size.check()?;
    let rosters = rosters(size)?;
    for roster in &rosters {
        if store.head(&CallCx::tenant(roster.tenant.clone())).await? > 0 {
            return Err(Failure::usage(format!(
                "the store {} already holds records of tenant {}",
                store.info().endpoint,
                roster.tenant
            ))
            .hint("seed an empty store: name another folder, or move this one away"));
        }
    }
    let mut written = 0;
    for (index, roster) in (0u32..).zip(&rosters) {
        let cx = CallCx::tenant(roster.tenant.clone());
        store.enroll(&cx, roster).await?;
        let mut story = Story::new(roster, size.seed, index);
        let share = size.share(index);
        let mut head = 0;
        while head < share {
            let count = usize::try_from(share - head).unwrap_or(usize::MAX).min(BATCH);
            let batch: Vec<NewRecord> = story.by_ref().take(count).collect::<Result<_, _>>()?;
            head = store.append(&cx, Expected::Head(head), &batch).await?.last;
            written += batch.len() as u64;
            on_records(batch.len() as u64);
        }
    }
    Ok(written)
}
