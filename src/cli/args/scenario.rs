//! Arguments of the commands about the demo, scenarios and snapshots.

use crate::cli::usage::whole;
use clap::Subcommand;
use std::path::PathBuf;

/// `demo`.
#[derive(Debug, Subcommand)]
pub enum Demo {
    /// Fills the configured store with made-up demo data.
    #[command(
        after_help = "Example:\n  flowcontrol demo seed --records 100000 --tenants 5 --seed 7"
    )]
    Seed {
        /// Total number of records, over all tenants.
        #[arg(long, default_value_t = 2_000, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
        records: u64,
        /// Number of tenants; the first has the demo's five actors.
        #[arg(long, default_value_t = 3, value_name = "N", value_parser = whole::<u32>, allow_negative_numbers = true)]
        tenants: u32,
        /// The same seed gives the same scenario.
        #[arg(long, default_value_t = 1, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
        seed: u64,
    },
}

/// `scenario`.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Shows tenants, actors and the number of records of each kind.
    #[command(after_help = "Example:\n  flowcontrol scenario show --format json")]
    Show,
    /// Appends records from JSON Lines, all or nothing.
    #[command(after_help = "A line of the file:\n  \
        {\"id\":\"risk-1\",\"kind\":\"risk\",\"actor\":\"user_md_anna\",\n   \
        \"occurred_at\":\"2026-03-01T06:30:00Z\",\"payload\":{\"level\":\"low\"}}\n\n\
        Examples:\n  flowcontrol scenario append today.jsonl --tenant bfg-control\n  \
        flowcontrol scenario append - --tenant bfg-control --expect 120 < today.jsonl")]
    Append {
        /// File of records; `-` reads standard input.
        file: PathBuf,
        /// Tenant of the records.
        #[arg(long)]
        tenant: String,
        /// Append only if the tenant's last sequence number is this one.
        #[arg(long, value_name = "SEQ", value_parser = whole::<u64>, allow_negative_numbers = true)]
        expect: Option<u64>,
    },
    /// Prints the last records of a tenant, as JSON Lines; one JSON document with --format json.
    #[command(after_help = "Example:\n  flowcontrol scenario tail --tenant bfg-control -n 3")]
    Tail {
        /// Tenant of the records.
        #[arg(long)]
        tenant: String,
        /// Number of records.
        #[arg(short = 'n', long, default_value_t = 10, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
        lines: u64,
    },
    /// Prints the audit trail: who appended what to a tenant, and in which request, as JSON Lines;
    /// one JSON document with --format json.
    #[command(
        after_help = "Example:\n  flowcontrol scenario trail --tenant bfg-control --after 120"
    )]
    Trail {
        /// Tenant of the trail.
        #[arg(long)]
        tenant: String,
        /// Only appends whose first record is above this sequence number.
        #[arg(long, default_value_t = 0, value_name = "SEQ", value_parser = whole::<u64>, allow_negative_numbers = true)]
        after: u64,
    },
    /// Freezes the store: refuses every write for a limited time; reading continues.
    #[command(after_help = "Example:\n  \
        flowcontrol scenario freeze --minutes 30 --reason \"rollback drill\"")]
    Freeze {
        /// Duration in minutes; the freeze ends by itself after it.
        #[arg(long, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
        minutes: u64,
        /// Reason, shown to whoever is refused: one line.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Id of the window [default: generated]; the id of the window in force moves its end.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
    /// Lifts the freeze that is in force.
    #[command(after_help = "Example:\n  flowcontrol scenario thaw")]
    Thaw {
        /// Lift only the window with this id.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
}

/// `snapshot`.
#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Writes a snapshot of the configured store; a file name that ends in .zst is compressed.
    #[command(after_help = "Example:\n  flowcontrol snapshot freeze --out frozen.jsonl.zst")]
    Freeze {
        /// File to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Checks every line of a snapshot and its digest.
    Verify {
        /// Snapshot file.
        file: PathBuf,
    },
    /// Compares two snapshots record by record; exit code 1 when they differ.
    #[command(
        after_help = "Example:\n  flowcontrol snapshot diff monday.jsonl tuesday.jsonl.zst --limit 5"
    )]
    Diff {
        /// First snapshot.
        a: PathBuf,
        /// Second snapshot.
        b: PathBuf,
        /// Number of differences to list.
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
    },
    /// Imports a snapshot into the configured store; existing records are kept.
    #[command(
        after_help = "Example:\n  flowcontrol --config copy/flowcontrol.toml snapshot import frozen.jsonl.zst"
    )]
    Import {
        /// Snapshot file.
        file: PathBuf,
    },
}
