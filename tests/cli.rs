//! The command line as a user meets it: the real program, in a folder of its own.

#[path = "cli/configuration.rs"]
mod configuration;
#[path = "cli/machine.rs"]
mod machine;
#[path = "cli/migrate.rs"]
mod migrate;
#[path = "cli/programs.rs"]
mod programs;
#[path = "cli/place.rs"]
mod place;
#[path = "cli/scenario.rs"]
mod scenario;
#[path = "cli/snapshot.rs"]
mod snapshot;
#[path = "cli/usage.rs"]
mod usage;
