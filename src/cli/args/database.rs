//! What is done to a database, and the way there and back.

use crate::cli::usage::whole;
use crate::report::ReportFormat;
use clap::{Args, Subcommand, ValueEnum};
use flowcontrol_target::TargetChoice;
use std::path::PathBuf;

/// `migrate`.
#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// What would be applied to the configured database, or to an empty one.
    Plan,
    /// Applies what is missing to the configured external database.
    Up {
        /// Stop after this version.
        #[arg(long, value_name = "VERSION", value_parser = whole::<u32>, allow_negative_numbers = true)]
        to: Option<u32>,
    },
    /// Reverts the configured external database.
    #[command(
        after_help = "Examples:\n  flowcontrol migrate down --to 4    # keeps 0001 to 0004\n  flowcontrol migrate down --to 0    # reverts everything"
    )]
    Down {
        /// The version to go back to; 0 reverts everything.
        #[arg(long, value_name = "VERSION", value_parser = whole::<u32>, allow_negative_numbers = true)]
        to: u32,
    },
    /// What is applied to the configured external database.
    Status,
    /// Runs every applied migration's verification on the configured external database.
    Verify,
    /// Checks the files, and the catalog they make on a throw-away target.
    #[command(after_help = "Example:\n  flowcontrol migrate lint --files-only --report github")]
    Lint {
        /// Only the files: needs no server.
        #[arg(long)]
        files_only: bool,
        /// Throw-away target for the catalog rules.
        #[arg(long, default_value = "auto", value_name = "auto|local|container")]
        target: TargetChoice,
        /// Also print findings as SARIF or GitHub annotations.
        #[arg(long, value_enum)]
        report: Option<LintReport>,
    },
    /// Prints the SQL that reviewers read: the files with their checksums.
    #[command(after_help = "Example:\n  flowcontrol migrate runbook > runbook.sql")]
    Runbook,
    /// Prints the SQL that provisions the roles.
    #[command(
        after_help = "Example:\n  flowcontrol migrate roles | psql -h db.example.org -U postgres bfg"
    )]
    Roles,
}

/// Formats for findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LintReport {
    /// SARIF 2.1.0.
    Sarif,
    /// GitHub workflow commands.
    Github,
}

/// `rehearse`.
#[derive(Debug, Args)]
pub struct Rehearse {
    /// The Postgres to rehearse on.
    #[arg(
        long,
        default_value = "auto",
        env = "FLOWCONTROL_TARGET",
        hide_env_values = true,
        value_name = "auto|local|container|external"
    )]
    pub target: TargetChoice,
    /// A frozen snapshot, instead of freezing the configured store.
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Folder for report files.
    #[arg(long, default_value = "flowcontrol-report", value_name = "DIR")]
    pub out: PathBuf,
    /// Report files to write, separated by commas: json, junit, markdown, sarif, github.
    #[arg(long, value_delimiter = ',', value_name = "FORMATS")]
    pub report: Vec<ReportFormat>,
    /// Goes on with the rehearsal that was killed on the external target.
    #[arg(long)]
    pub resume: bool,
}

/// `connect`.
#[derive(Debug, Args)]
pub struct Connect {
    /// The server to probe.
    #[arg(long, default_value = "external", value_name = "local|container|external")]
    pub target: TargetChoice,
}

/// `cutover`.
#[derive(Debug, Subcommand)]
pub enum Cutover {
    /// What would be written, where and how long that takes by the measured rate; records the
    /// packet.
    #[command(after_help = "Example:\n  flowcontrol cutover plan --for staging")]
    Plan {
        /// Plans for this profile, with the active profile's scenario.
        #[arg(long = "for", value_name = "PROFILE")]
        judged: Option<String>,
    },
    /// Writes the scenario into the configured database, batch by batch, behind a freeze window;
    /// goes on with one that was cut off.
    #[command(after_help = "It begins only while the cutover gate is READY. The source refuses \
writes from then on.\n\nExamples:\n  flowcontrol cutover run --for staging\n  \
        flowcontrol cutover run --for staging --until operations")]
    Run {
        /// Cuts over for this profile, with the active profile's scenario.
        #[arg(long = "for", value_name = "PROFILE")]
        judged: Option<String>,
        /// Stops after this batch: tenant-and-rbac, operations, finance or audit.
        #[arg(long, value_name = "BATCH")]
        until: Option<String>,
        /// Minutes after which the freeze ends by itself, should this be killed and left.
        #[arg(long, default_value_t = 240, value_name = "MINUTES",
            value_parser = clap::value_parser!(u32).range(1..=10_080))]
        minutes: u32,
    },
    /// Goes back: empties and reverts what a cutover wrote, and lets the source write again.
    #[command(
        after_help = "Possible until the last batch is sealed. Rows that somebody else wrote \
there are never emptied unasked.\n\nExample:\n  flowcontrol cutover abort"
    )]
    Abort {
        /// Empties also what the cutover did not write.
        #[arg(long)]
        discard: bool,
    },
}

/// `release`.
#[derive(Debug, Subcommand)]
pub enum Release {
    /// The nine values that a release hands to its environment, as lines that a shell can source.
    #[command(after_help = "Examples:\n  flowcontrol release env > release.env\n  \
        flowcontrol release env --for staging --format json")]
    Env {
        /// Judges this profile over the active profile's scenario.
        #[arg(long = "for", value_name = "PROFILE")]
        judged: Option<String>,
    },
}

/// `rollback`.
#[derive(Debug, Subcommand)]
pub enum Rollback {
    /// Refuses writes for a while, restores the fallback store from Postgres, compares it, watches
    /// for a second writer, and records the packet.
    #[command(after_help = "Examples:\n  flowcontrol rollback drill\n  \
        flowcontrol rollback drill --target external --for staging --watch 60")]
    Drill {
        /// The Postgres to restore from, while the scenario is still file-local.
        #[arg(
            long,
            default_value = "auto",
            env = "FLOWCONTROL_TARGET",
            hide_env_values = true,
            value_name = "auto|local|container|external"
        )]
        target: TargetChoice,
        /// Drills for this profile, with the active profile's scenario.
        #[arg(long = "for", value_name = "PROFILE")]
        judged: Option<String>,
        /// Seconds that a second writer is watched for, at least.
        #[arg(long, default_value_t = 3, value_name = "SECONDS",
            value_parser = clap::value_parser!(u64).range(1..=3600))]
        watch: u64,
        /// Minutes after which writes go on by themselves, should the drill be killed.
        #[arg(long, default_value_t = 30, value_name = "MINUTES",
            value_parser = clap::value_parser!(u32).range(1..=1440))]
        minutes: u32,
    },
    /// The six values of a rollback, as lines that a shell can source.
    #[command(after_help = "Example:\n  flowcontrol rollback env")]
    Env {
        /// Judges this profile over the active profile's scenario.
        #[arg(long = "for", value_name = "PROFILE")]
        judged: Option<String>,
    },
}
