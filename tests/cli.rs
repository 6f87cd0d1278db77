//! The command line as a user meets it: the real program, in a folder of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what the tests share may panic like the tests themselves"
)]

#[path = "cli/accept.rs"]
mod accept;
#[path = "cli/adapters.rs"]
mod adapters;
#[path = "cli/configuration.rs"]
mod configuration;
#[path = "cli/console.rs"]
mod console;
#[path = "cli/damage.rs"]
mod damage;
#[path = "cli/dossier.rs"]
mod dossier;
#[path = "cli/evidence.rs"]
mod evidence;
#[path = "cli/gates.rs"]
mod gates;
#[path = "cli/handoff.rs"]
mod handoff;
#[path = "cli/keys.rs"]
mod keys;
#[path = "cli/ksef.rs"]
mod ksef;
#[path = "cli/ksef_serve.rs"]
mod ksef_serve;
#[path = "cli/ksef_submit.rs"]
mod ksef_submit;
#[path = "cli/machine.rs"]
mod machine;
#[path = "cli/migrate.rs"]
mod migrate;
#[path = "cli/place.rs"]
mod place;
#[path = "cli/programs.rs"]
mod programs;
#[path = "cli/rights.rs"]
mod rights;
#[path = "cli/scenario.rs"]
mod scenario;
#[path = "cli/snapshot.rs"]
mod snapshot;
#[path = "cli/usage.rs"]
mod usage;
