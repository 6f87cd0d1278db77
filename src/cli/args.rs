//! The command line's grammar.

pub use super::ksef::Ksef;
use super::usage::whole;
use crate::report::ReportFormat;
use crate::report::style::ColorChoice;
use crate::target::TargetChoice;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
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
    /// Says more on standard error; twice for everything.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Draws no progress bars.
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

/// How results are printed.
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
    /// Hands a release to its environment.
    #[command(subcommand)]
    Release(Release),
    /// Drills a rollback, and hands its values to an environment.
    #[command(subcommand)]
    Rollback(Rollback),
    /// Plans and runs the data cutover, and goes back from it.
    #[command(subcommand)]
    Cutover(Cutover),
    /// Records an owner's word on a check that nothing else supplies, or takes it back.
    #[command(
        after_help = "The word is sealed into the evidence chain, for the configuration, the \
snapshot and the\nevidence in force: when one of them changes, it counts no longer. Signed with \
--key, it is\nproved to be the actor's; without, it is recorded as a mock login, which production never \
admits.\n\nExamples:\n  \
        flowcontrol accept checklist/role-headers --as user_dispatcher_marek\n  \
        flowcontrol accept hosting --as user_md_anna --value provider=Hetzner --value account=bfg\n  \
        flowcontrol accept checklist/contracts-frozen --as user_md_anna --key anna.pem\n  \
        flowcontrol accept checklist/role-headers --as user_dispatcher_marek --revoke"
    )]
    Accept(Accept),
    /// Serves the Scenario API over HTTP until it is asked to stop.
    ///
    /// Callers are known by the auth adapter of the profile. One that believes whoever calls
    /// listens on loopback alone. /openapi.json describes every request; [serve] of the
    /// configuration has the limits.
    #[command(after_help = "Examples:\n  \
        flowcontrol serve\n  \
        flowcontrol serve --listen 127.0.0.1:0 --format json   # a free port, named on standard output\n  \
        flowcontrol serve --log-format json 2>requests.jsonl   # one JSON object for each request")]
    Serve(Serve),
    /// Writes what a reviewer looks at, as one self-contained HTML page and its JSON.
    ///
    /// The page opens without a server, loads nothing and prints: the production decision with
    /// what holds it back, every gate, the evidence chain and its packets, owners and their words,
    /// and the runbook's SQL. An earlier dossier in the folder is replaced, nothing else is.
    #[command(after_help = "Examples:\n  \
        flowcontrol dossier --out review\n  \
        flowcontrol dossier --out review --for production")]
    Dossier(Dossier),
    /// Signs in at the profile's OpenID Provider, and says who is signed in.
    #[command(subcommand)]
    Auth(Auth),
    /// Makes and judges invoices for KSeF, Poland's national system of e-invoices.
    #[command(subcommand)]
    Ksef(Ksef),
    /// Makes keys to sign with, and shows public ones.
    #[command(subcommand)]
    Keys(Keys),
    /// Says what this machine has and lacks for each target, with the fix.
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

/// `auth`.
#[derive(Debug, Subcommand)]
pub enum Auth {
    /// Signs in: shows an address and a code to type in there, and waits.
    ///
    /// The tokens are kept in the state folder, in a file that its owner alone may read; they are
    /// never printed. [adapters.oidc-rbac.client] of the configuration names the client.
    #[command(after_help = "Example:\n  flowcontrol --profile staging auth login")]
    Login,
    /// Tenant, actor, roles and permissions of whoever is signed in; exit code 1 when nobody is.
    #[command(after_help = "Example:\n  flowcontrol --profile staging auth whoami --format json")]
    Whoami,
    /// Gives the tokens up at the provider and deletes them here.
    Logout,
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

/// `adapters`.
#[derive(Debug, Subcommand)]
pub enum Adapters {
    /// Each port's kind in the active profile.
    List,
    /// Probes the configured adapters and records the packet; they are read, never changed.
    #[command(after_help = "Examples:\n  flowcontrol adapters check store secrets\n  \
        flowcontrol --profile staging adapters check")]
    Check {
        /// These alone: store, auth, ocr, ksef, eta, sync, or secrets for the references to them.
        #[arg(value_name = "PORT")]
        ports: Vec<String>,
    },
    /// What a swap to another profile changes, port by port, and the gates that it puts back.
    #[command(after_help = "Example:\n  flowcontrol adapters plan --to staging")]
    Plan {
        /// The profile to swap to.
        #[arg(long, value_name = "PROFILE")]
        to: String,
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

/// `gates`.
#[derive(Debug, Args)]
pub struct Gates {
    /// One gate, with all its checks.
    pub gate: Option<String>,
    /// Judges this profile over the active profile's scenario.
    #[arg(long = "for", value_name = "PROFILE")]
    pub judged: Option<String>,
    /// Ends with exit code 1 while this gate is not ready.
    #[arg(long, value_name = "GATE")]
    pub require: Option<String>,
    /// Seals the named gate's answer as its packet, for a reviewer.
    #[arg(long, requires = "gate")]
    pub record: bool,
    /// Prints a table for a CI step summary instead.
    #[arg(long, value_enum)]
    pub report: Option<GatesReport>,
}

/// Forms of the gates besides text and JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GatesReport {
    /// GitHub Markdown.
    Markdown,
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

/// `accept`.
#[derive(Debug, Args)]
pub struct Accept {
    /// The check as `gates` prints it, or without its gate where it is clear.
    #[arg(value_name = "GATE/CHECK")]
    pub check: String,
    /// Who accepts: an actor of the first tenant, the owner of the check.
    #[arg(long = "as", value_name = "ACTOR")]
    pub actor: String,
    /// What is decided; infrastructure decisions ask for it. No secret.
    #[arg(long, value_name = "NAME=VALUE")]
    pub value: Vec<String>,
    /// Signs the word with this private key, the actor's under [keys] of the configuration.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Takes the acceptance back.
    #[arg(long, conflicts_with = "value")]
    pub revoke: bool,
    /// Accepts it for this profile over the active profile's scenario.
    #[arg(long = "for", value_name = "PROFILE")]
    pub judged: Option<String>,
}

/// `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen, instead of [serve] listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// How the log on standard error is written, instead of [serve] log: for people, or one JSON
    /// object a line.
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<Format>,
}

/// `dossier`.
#[derive(Debug, Args)]
pub struct Dossier {
    /// Folder for dossier.html and dossier.json, made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Judges this profile over the active profile's scenario.
    #[arg(long = "for", value_name = "PROFILE")]
    pub judged: Option<String>,
}

/// `keys`.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Writes a new private key for its owner alone to read, and prints its public key.
    #[command(
        after_help = "The public key goes into the configuration: under [keys] as the one of an actor, or into\n\
[evidence] trusted as the one of a machine that seals evidence.\n\n\
Example:\n  flowcontrol keys new --out anna.pem"
    )]
    New {
        /// The key (PKCS#8 PEM); never overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Prints the public key of a private one.
    #[command(after_help = "Example:\n  flowcontrol keys show anna.pem")]
    Show {
        /// The key, also one that `openssl genpkey -algorithm ed25519` wrote.
        file: PathBuf,
    },
}

/// `evidence`.
#[derive(Debug, Subcommand)]
pub enum Evidence {
    /// One line a packet.
    List,
    /// One packet.
    #[command(after_help = "Example:\n  flowcontrol evidence show 3")]
    Show {
        /// Its sequence number or the first digits of its SHA-256.
        packet: String,
    },
    /// Hashes and judges the whole chain again.
    #[command(after_help = "Examples:\n  \
        flowcontrol evidence verify --head \"$(cat head.sha256)\"\n  \
        flowcontrol evidence verify --archive evidence.tar.zst --signed-by \"$(cat ci.pub)\"")]
    Verify {
        /// A head digest that was kept elsewhere: also finds a cut or rebuilt chain.
        #[arg(long, value_name = "SHA256")]
        head: Option<String>,
        /// A public key that must have signed the chain, besides [evidence] trusted of the
        /// configuration; may be given again.
        #[arg(long, value_name = "ed25519:HEX")]
        signed_by: Vec<String>,
        /// Verifies an exported archive instead of the chain in the state folder.
        #[arg(long, value_name = "FILE")]
        archive: Option<PathBuf>,
    },
    /// Writes the whole chain into one file for a reviewer.
    #[command(after_help = "Example:\n  flowcontrol evidence export --out evidence.tar.zst")]
    Export {
        /// The archive (tar in zstd); never overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Verifies an archive and joins its chain to the one here.
    ///
    /// An empty state folder takes it over, a chain that is its beginning is extended, and one
    /// that holds it already stays as it is. A chain with a history of its own is left alone,
    /// unless --link keeps the other one beside it.
    #[command(after_help = "Example:\n  flowcontrol evidence import evidence.tar.zst")]
    Import {
        /// The archive.
        file: PathBuf,
        /// A head digest of the archive's chain that was kept elsewhere.
        #[arg(long, value_name = "SHA256")]
        head: Option<String>,
        /// Keeps a chain that diverges beside the one here, in a packet that names it.
        #[arg(long)]
        link: bool,
    },
}
