//! The main job against real servers: what is damaged, cut off, refused or watched must end as
//! the specification says. See `rehearsal/` beside this file for the cases.

mod breaking;
mod cutover;
mod drill;
mod evidence;
mod gates;
mod interrupts;
mod kills;
mod next_actions;
mod own_migrations;
mod pairs;
mod production;
mod refusals;
mod resumes;
mod scene;
mod secrets;
pub mod site;
mod snapshots;
mod staging;
mod standby;
mod tampering;
mod ways_back;
