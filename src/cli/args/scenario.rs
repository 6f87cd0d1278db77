//! What is kept: the demo, scenarios and snapshots.

use crate::cli::usage::whole;
use clap::Subcommand;
use std::path::PathBuf;

/// `demo`.
#[derive(Debug, Subcommand)]
pub enum Demo {
    /// Writes the scenario.
    #[command(
        after_help = "Example:\n  flowcontrol demo seed --records 100000 --tenants 5 --seed 7"
    )]
    Seed {
        /// Records of all tenants together.
        #[arg(long, default_value_t = 2_000, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
        records: u64,
        /// Tenants; the first has the five actors of the demo.
        #[arg(long, default_value_t = 3, value_name = "N", value_parser = whole::<u32>, allow_negative_numbers = true)]
        tenants: u32,
        /// Equal seeds give equal scenarios.
        #[arg(long, default_value_t = 1, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
        seed: u64,
    },
}

/// `scenario`.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Tenants, actors and records by kind.
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
        /// Whose records they are.
        #[arg(long)]
        tenant: String,
        /// Append only if the tenant's last sequence number is this one.
        #[arg(long, value_name = "SEQ", value_parser = whole::<u64>, allow_negative_numbers = true)]
        expect: Option<u64>,
    },
    /// The last records of a tenant, as JSON Lines; one JSON document with --format json.
    #[command(after_help = "Example:\n  flowcontrol scenario tail --tenant bfg-control -n 3")]
    Tail {
        /// Whose records.
        #[arg(long)]
        tenant: String,
        /// How many.
        #[arg(short = 'n', long, default_value_t = 10, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
        lines: u64,
    },
    /// Who appended what to a tenant, and in which request: the audit trail of its appends, as JSON
    /// Lines; one JSON document with --format json.
    #[command(
        after_help = "Example:\n  flowcontrol scenario trail --tenant bfg-control --after 120"
    )]
    Trail {
        /// Whose trail.
        #[arg(long)]
        tenant: String,
        /// Only appends whose first record lies above this sequence number.
        #[arg(long, default_value_t = 0, value_name = "SEQ", value_parser = whole::<u64>, allow_negative_numbers = true)]
        after: u64,
    },
    /// Refuses every write to the store's tenants for a while; reading goes on.
    #[command(after_help = "Example:\n  \
        flowcontrol scenario freeze --minutes 30 --reason \"rollback drill\"")]
    Freeze {
        /// When the freeze ends by itself.
        #[arg(long, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
        minutes: u64,
        /// Why, for whoever is refused: one line.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Name of the window [default: one of its own]; naming the one in force moves its end.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
    /// Lifts the freeze in force.
    #[command(after_help = "Example:\n  flowcontrol scenario thaw")]
    Thaw {
        /// Lift only the window of this name.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
}

/// `snapshot`.
#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Freezes the configured store into a file; a name that ends in .zst is compressed.
    #[command(after_help = "Example:\n  flowcontrol snapshot freeze --out frozen.jsonl.zst")]
    Freeze {
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Checks every line of a snapshot and its digest.
    Verify {
        /// The snapshot.
        file: PathBuf,
    },
    /// Compares two snapshots record by record; exit code 1 when they differ.
    #[command(
        after_help = "Example:\n  flowcontrol snapshot diff monday.jsonl tuesday.jsonl.zst --limit 5"
    )]
    Diff {
        /// The first.
        a: PathBuf,
        /// The second.
        b: PathBuf,
        /// How many differences to name.
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
    },
    /// Imports a snapshot into the configured store; what is there already is kept.
    #[command(
        after_help = "Example:\n  flowcontrol --config copy/flowcontrol.toml snapshot import frozen.jsonl.zst"
    )]
    Import {
        /// The snapshot.
        file: PathBuf,
    },
}
