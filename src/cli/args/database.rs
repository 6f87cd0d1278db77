//! Arguments of the commands that change a database.

use crate::cli::usage::whole;
use crate::report::ReportFormat;
use clap::{Args, Subcommand, ValueEnum};
use flowcontrol_servers::TargetChoice;
use std::path::PathBuf;

/// `migrate`.
#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Shows what would be applied to the configured database, or to an empty one.
    Plan,
    /// Applies the missing migrations to the configured external database.
    Up {
        /// Stop after this version.
        #[arg(long, value_name = "VERSION", value_parser = whole::<u32>, allow_negative_numbers = true)]
        to: Option<u32>,
    },
    /// Reverts migrations of the configured external database.
    #[command(
        after_help = "Examples:\n  flowcontrol migrate down --to 4    # keeps 0001 to 0004\n  flowcontrol migrate down --to 0    # reverts everything"
    )]
    Down {
        /// The version to go back to; 0 reverts everything.
        #[arg(long, value_name = "VERSION", value_parser = whole::<u32>, allow_negative_numbers = true)]
        to: u32,
    },
    /// Lists the migrations applied to the configured external database.
    Status,
    /// Runs the verification of every applied migration on the configured external database.
    Verify,
    /// Checks the migration files, and the catalog they create on a throw-away target.
    #[command(after_help = "Example:\n  flowcontrol migrate lint --files-only --report github")]
    Lint {
        /// Checks only the files, without a server.
        #[arg(long)]
        files_only: bool,
        /// Throw-away target for the catalog rules.
        #[arg(long, default_value = "auto", value_name = "auto|local|container")]
        target: TargetChoice,
        /// Also print findings as SARIF or GitHub annotations.
        #[arg(long, value_enum)]
        report: Option<LintReport>,
    },
    /// Prints the runbook for reviewers: the SQL files with their checksums.
    #[command(after_help = "Example:\n  flowcontrol migrate runbook > runbook.sql")]
    Runbook,
    /// Prints the SQL that creates the database roles.
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
    /// Resumes the rehearsal that was killed on the external target.
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
    /// Shows what would be written, where, and how long it takes at the measured rate; records the
    /// packet.
    #[command(after_help = "Example:\n  flowcontrol cutover plan --for staging")]
    Plan {
        /// Target profile; the scenario stays the active profile's.
        #[arg(long = "for", value_name = "PROFILE")]
        judged: Option<String>,
    },
    /// Copies the scenario into the configured database, batch by batch, behind a freeze window;
    /// resumes a cutover that was interrupted.
    #[command(after_help = "Starts only while the cutover gate is READY. From then on the source \
refuses writes.\n\nExamples:\n  flowcontrol cutover run --for staging\n  \
        flowcontrol cutover run --for staging --until operations")]
    Run {
        /// Target profile; the scenario stays the active profile's.
        #[arg(long = "for", value_name = "PROFILE")]
        judged: Option<String>,
        /// Stops after this batch: tenant-and-rbac, operations, finance or audit.
        #[arg(long, value_name = "BATCH")]
        until: Option<String>,
        /// Freeze timeout in minutes, in case the run dies.
        #[arg(long, default_value_t = 240, value_name = "MINUTES",
            value_parser = clap::value_parser!(u32).range(1..=10_080))]
        minutes: u32,
    },
    /// Undoes a cutover that is not sealed: empties its tables, reverts its migrations, unfreezes
    /// the source.
    #[command(
        after_help = "Possible until the last batch is sealed. It refuses to delete rows that others \
wrote there, unless --discard is given.\n\nExample:\n  flowcontrol cutover abort"
    )]
    Abort {
        /// Also deletes rows that the cutover did not write.
        #[arg(long)]
        discard: bool,
    },
}

/// `release`.
#[derive(Debug, Subcommand)]
pub enum Release {
    /// Prints the nine values of a release for its environment, as lines that a shell can source.
    #[command(after_help = "Examples:\n  flowcontrol release env > release.env\n  \
        flowcontrol release env --for staging --format json")]
    Env {
        /// Target profile; the scenario stays the active profile's.
        #[arg(long = "for", value_name = "PROFILE")]
        judged: Option<String>,
    },
}

/// `rollback`.
#[derive(Debug, Subcommand)]
pub enum Rollback {
    /// Rehearses a rollback: refuses writes for a while, restores the fallback store from Postgres,
    /// compares it, watches for a second writer, and records the packet.
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
        /// Target profile; the scenario stays the active profile's.
        #[arg(long = "for", value_name = "PROFILE")]
        judged: Option<String>,
        /// Shortest time to watch for a second writer, in seconds.
        #[arg(long, default_value_t = 3, value_name = "SECONDS",
            value_parser = clap::value_parser!(u64).range(1..=3600))]
        watch: u64,
        /// Freeze timeout in minutes, in case the drill dies.
        #[arg(long, default_value_t = 30, value_name = "MINUTES",
            value_parser = clap::value_parser!(u32).range(1..=1440))]
        minutes: u32,
    },
    /// Prints the six values of a rollback, as lines that a shell can source.
    #[command(after_help = "Example:\n  flowcontrol rollback env")]
    Env {
        /// Target profile; the scenario stays the active profile's.
        #[arg(long = "for", value_name = "PROFILE")]
        judged: Option<String>,
    },
}
