//! The main job: freeze, migrate, replay, verify, attack, roll back, and say so in evidence.

pub mod connect;
pub mod isolation;
pub mod journal;
mod packets;
mod run;
pub mod steps;
pub mod verify;

pub use run::{Done, Rehearsed, Run, rehearse};

use crate::gates::connection::Facts;
use crate::snapshot::Summary;
use crate::target::{Target, TargetChoice, Workspace};
use flowcontrol_contract::{Secret, TenantId};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a rehearsal is asked to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// The Postgres to use.
    pub target: TargetChoice,
    /// A frozen snapshot, instead of freezing the configured store.
    pub snapshot: Option<PathBuf>,
    /// Go on in this database, which a killed rehearsal left on the external target.
    pub resume: Option<String>,
    /// The command as it was given, for the evidence.
    pub ran: String,
}

/// What a rehearsal has made so far.
#[derive(Debug, Default)]
pub struct Made {
    /// The snapshot's file and content.
    pub snapshot: Option<(PathBuf, Summary)>,
    /// The server.
    pub target: Option<Target>,
    /// The database on it.
    pub workspace: Option<Workspace>,
    /// What the connection probes found.
    pub facts: Option<Facts>,
    /// Passwords of the workspace's logins, by role.
    pub passwords: BTreeMap<String, Secret>,
}

impl Made {
    /// The tenants of the snapshot.
    pub fn tenants(&self) -> Vec<TenantId> {
        self.snapshot.as_ref().map(|(_, summary)| summary.header.tenant_ids()).unwrap_or_default()
    }
}
