//! The main job against real servers: what is damaged, cut off, refused or watched must end as
//! the specification says. See `rehearsal/` beside this file for the cases.

#![expect(clippy::unwrap_used, reason = "what the tests share may panic like the tests themselves")]

mod support;

#[allow(dead_code, reason = "each test program uses a part of this")]
#[path = "support/database.rs"]
mod database;
#[path = "support/program.rs"]
mod program;
#[path = "support/replica.rs"]
mod replica;

#[path = "rehearsal/breaking.rs"]
mod breaking;
#[path = "rehearsal/cutover.rs"]
mod cutover;
#[path = "rehearsal/drill.rs"]
mod drill;
#[path = "rehearsal/evidence.rs"]
mod evidence;
#[path = "rehearsal/gates.rs"]
mod gates;
#[path = "rehearsal/interrupts.rs"]
mod interrupts;
#[path = "rehearsal/kills.rs"]
mod kills;
#[path = "rehearsal/next_actions.rs"]
mod next_actions;
#[path = "rehearsal/own_migrations.rs"]
mod own_migrations;
#[path = "rehearsal/pairs.rs"]
mod pairs;
#[path = "rehearsal/production.rs"]
mod production;
#[path = "rehearsal/refusals.rs"]
mod refusals;
#[path = "rehearsal/resumes.rs"]
mod resumes;
#[path = "rehearsal/scene.rs"]
mod scene;
#[path = "rehearsal/secrets.rs"]
mod secrets;
#[path = "rehearsal/site.rs"]
mod site;
#[path = "rehearsal/snapshots.rs"]
mod snapshots;
#[path = "rehearsal/staging.rs"]
mod staging;
#[path = "rehearsal/standby.rs"]
mod standby;
#[path = "rehearsal/tampering.rs"]
mod tampering;
#[path = "rehearsal/ways_back.rs"]
mod ways_back;
