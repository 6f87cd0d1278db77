//! The arguments of the command line.

mod database;
mod proof;
mod scenario;

pub use super::ksef::Ksef;
use crate::report::style::ColorChoice;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
pub use database::{Connect, Cutover, LintReport, Migrate, Rehearse, Release, Rollback};
pub use proof::{Accept, Dossier, Evidence, Gates, GatesReport, Keys};
pub use scenario::{Demo, Scenario, Snapshot};
use std::net::SocketAddr;
use std::path::PathBuf;

const FOOT: &str = "Examples:\n  \
    flowcontrol rehearse                         # in an empty folder: the demo, end to end\n  \
    flowcontrol init && flowcontrol demo seed    # then edit flowcontrol.toml\n  \
    flowcontrol evidence list\n\n\
    Exit codes: 0 done and all checks passed; 1 a check failed; 2 wrong usage or \
configuration; 3 the environment failed; 130 interrupted, cleaned up.";

/// Rehearses a move from a file-local scenario store to Postgres with row-level security, and
/// proves it: freeze, migrate, replay, verify, attack, roll back.
#[derive(Debug, Parser)]
#[command(name = "flowcontrol", version, long_about = None, after_help = FOOT,
    propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Configuration file [default: flowcontrol.toml if it is there, else the built-in demo].
    #[arg(
        long,
        global = true,
        env = "FLOWCONTROL_CONFIG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub config: Option<PathBuf>,
    /// Profile to use instead of the file's.
    #[arg(
        long,
        global = true,
        env = "FLOWCONTROL_PROFILE",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub profile: Option<String>,
    /// Output for people or for programs.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub format: Format,
    /// When to colour [auto: on a terminal, unless NO_COLOR is set].
    #[arg(long, global = true, default_value = "auto", value_name = "auto|always|never")]
    pub color: ColorChoice,
    /// More detail on standard error (-vv for all).
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// No progress bars.
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Image of the container target, instead of the configuration's.
    #[arg(
        long,
        global = true,
        env = "FLOWCONTROL_POSTGRES_IMAGE",
        hide = true,
        value_name = "IMAGE"
    )]
    pub postgres_image: Option<String>,
    /// Folder with PostgreSQL binaries for the local target.
    #[arg(long, global = true, env = "FLOWCONTROL_PG_BIN", hide = true, value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,
}

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document on standard output.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Writes a commented flowcontrol.toml and the state folder; never overwrites.
    #[command(after_help = "Example:\n  flowcontrol init ops && cd ops && flowcontrol rehearse")]
    Init {
        /// Folder, made if it is not there.
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Fills the configured store with a deterministic, realistic scenario.
    #[command(subcommand)]
    Demo(Demo),
    /// Reads and extends the scenario.
    #[command(subcommand)]
    Scenario(Scenario),
    /// Freezes, verifies, compares and imports snapshots.
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Shows, probes and compares what is configured.
    #[command(subcommand)]
    Adapters(Adapters),
    /// Plans, applies and checks migrations.
    #[command(subcommand)]
    Migrate(Migrate),
    /// The main job: replays a frozen snapshot into a real Postgres, verifies it, attacks its
    /// tenant isolation, rolls back, and leaves evidence.
    #[command(after_help = "Examples:\n  \
        flowcontrol rehearse                                      # no configuration needed\n  \
        flowcontrol rehearse --target container --report junit,markdown --out report\n  \
        flowcontrol rehearse --snapshot frozen.jsonl.zst --format json")]
    Rehearse(Rehearse),
    /// Probes a target's reachability, certificate, login and writability; records the packet.
    #[command(after_help = "Example:\n  flowcontrol connect --target external")]
    Connect(Connect),
    /// Lists, shows, verifies, exports and imports evidence packets.
    #[command(subcommand)]
    Evidence(Evidence),
    /// Judges every gate from the evidence: what is ready, what is missing, what to do next.
    #[command(after_help = "Examples:\n  \
        flowcontrol gates\n  \
        flowcontrol gates dry-run                # its checks, with reasons and commands\n  \
        flowcontrol gates --require connection   # exit code 1 while it is not ready\n  \
        flowcontrol gates preflight --record     # seals its packet\n  \
        flowcontrol gates --for production --format json\n  \
        flowcontrol gates --report markdown >> \"$GITHUB_STEP_SUMMARY\"")]
    Gates(Gates),
    /// Prints the values that a release hands to its environment.
    #[command(subcommand)]
    Release(Release),
    /// Rehearses a rollback, or prints its environment values.
    #[command(subcommand)]
    Rollback(Rollback),
    /// Plans, runs or undoes the data cutover.
    #[command(subcommand)]
    Cutover(Cutover),
    /// Accepts a check as its owner, or revokes the acceptance.
    #[command(
        after_help = "The acceptance is sealed into the evidence chain, bound to the configuration, the \
snapshot and the\nevidence in force: when one of them changes, it lapses. Signed with --key, it is \
proved to be the\nactor's; without a key, it is recorded as a mock login, which production never \
admits.\n\nExamples:\n  \
        flowcontrol accept checklist/role-headers --as user_dispatcher_marek\n  \
        flowcontrol accept hosting --as user_md_anna --value provider=Hetzner --value account=bfg\n  \
        flowcontrol accept checklist/contracts-frozen --as user_md_anna --key anna.pem\n  \
        flowcontrol accept checklist/role-headers --as user_dispatcher_marek --revoke"
    )]
    Accept(Accept),
    /// Serves the Scenario API over HTTP until it is stopped.
    ///
    /// Callers are authenticated by the profile's auth adapter; one that does not verify them
    /// listens on loopback only. /openapi.json describes every request; [serve] of the
    /// configuration has the limits.
    #[command(after_help = "Examples:\n  \
        flowcontrol serve\n  \
        flowcontrol serve --listen 127.0.0.1:0 --format json   # a free port, named on standard output\n  \
        flowcontrol serve --log-format json 2>requests.jsonl   # one JSON object for each request")]
    Serve(Serve),
    /// Writes the review dossier (dossier.html, dossier.json).
    ///
    /// One self-contained HTML page that opens without a server, loads nothing and prints: the
    /// production decision with what blocks it, every gate, the evidence chain and its packets,
    /// owners and their acceptances, and the runbook's SQL. An earlier dossier in the folder is
    /// replaced, nothing else is.
    #[command(after_help = "Examples:\n  \
        flowcontrol dossier --out review\n  \
        flowcontrol dossier --out review --for production")]
    Dossier(Dossier),
    /// Signs in at the profile's OpenID Provider, and shows who is signed in.
    #[command(subcommand)]
    Auth(Auth),
    /// Builds, validates and submits invoices for KSeF, Poland's national e-invoice system.
    #[command(subcommand)]
    Ksef(Ksef),
    /// Creates signing keys, and prints public keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Lists what this machine has and lacks for each target, with the fix.
    Doctor,
    /// Prints a completion script for a shell.
    #[command(
        after_help = "Example:\n  flowcontrol completions bash > ~/.local/share/bash-completion/completions/flowcontrol"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `auth`.
#[derive(Debug, Subcommand)]
pub enum Auth {
    /// Signs in: shows an address and a code to enter there, and waits.
    ///
    /// The tokens are kept in the state folder, in a file that only its owner may read; they are
    /// never printed. [adapters.oidc-rbac.client] of the configuration names the client.
    #[command(after_help = "Example:\n  flowcontrol --profile staging auth login")]
    Login,
    /// Shows tenant, actor, roles and permissions of whoever is signed in; exit code 1 if nobody
    /// is.
    #[command(after_help = "Example:\n  flowcontrol --profile staging auth whoami --format json")]
    Whoami,
    /// Revokes the tokens at the provider and deletes them here.
    Logout,
}

/// `adapters`.
#[derive(Debug, Subcommand)]
pub enum Adapters {
    /// Lists each port's kind in the active profile.
    List,
    /// Probes the configured adapters, read-only, and records the packet.
    #[command(after_help = "Examples:\n  flowcontrol adapters check store secrets\n  \
        flowcontrol --profile staging adapters check")]
    Check {
        /// Only these: store, auth, ocr, ksef, eta, sync, or secrets for the references to secrets.
        #[arg(value_name = "PORT")]
        ports: Vec<String>,
    },
    /// Shows what a swap to another profile changes, port by port, and which gates lose their
    /// evidence.
    #[command(after_help = "Example:\n  flowcontrol adapters plan --to staging")]
    Plan {
        /// The profile to swap to.
        #[arg(long, value_name = "PROFILE")]
        to: String,
    },
}

/// `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Address to listen on, instead of [serve] listen; port 0 picks a free one.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Format of the log on standard error, instead of [serve] log: text for people, or one JSON
    /// object a line.
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<Format>,
}
