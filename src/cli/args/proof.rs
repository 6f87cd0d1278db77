//! Arguments of the commands about gates, acceptances and evidence.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `gates`.
#[derive(Debug, Args)]
pub struct Gates {
    /// Show only this gate, with all its checks.
    pub gate: Option<String>,
    /// Target profile; the scenario stays the active profile's.
    #[arg(long = "for", value_name = "PROFILE")]
    pub judged: Option<String>,
    /// Exit 1 unless this gate is ready.
    #[arg(long, value_name = "GATE")]
    pub require: Option<String>,
    /// Seals the named gate's result as its packet.
    #[arg(long, requires = "gate")]
    pub record: bool,
    /// Prints a table for a CI step summary instead.
    #[arg(long, value_enum)]
    pub report: Option<GatesReport>,
}

/// Formats of the gates besides text and JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GatesReport {
    /// GitHub Markdown.
    Markdown,
}

/// `accept`.
#[derive(Debug, Args)]
pub struct Accept {
    /// The check as `gates` prints it; the gate may be left out where the name is unique.
    #[arg(value_name = "GATE/CHECK")]
    pub check: String,
    /// Who accepts: the actor of the deployment's tenant who owns the check.
    #[arg(long = "as", value_name = "ACTOR")]
    pub actor: String,
    /// A value that is decided; infrastructure decisions ask for it. Must hold no secret.
    #[arg(long, value_name = "NAME=VALUE")]
    pub value: Vec<String>,
    /// Signs the acceptance with this private key; its public key is the actor's under [keys] of
    /// the configuration.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Revokes the acceptance.
    #[arg(long, conflicts_with = "value")]
    pub revoke: bool,
    /// Target profile; the scenario stays the active profile's.
    #[arg(long = "for", value_name = "PROFILE")]
    pub judged: Option<String>,
}

/// `dossier`.
#[derive(Debug, Args)]
pub struct Dossier {
    /// Folder for dossier.html and dossier.json, created if it does not exist.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Target profile; the scenario stays the active profile's.
    #[arg(long = "for", value_name = "PROFILE")]
    pub judged: Option<String>,
}

/// `keys`.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Creates a private key that only its owner may read, and prints its public key.
    #[command(
        after_help = "The public key belongs into the configuration: under [keys] as an actor's key, or under\n\
[evidence] trusted as the key of a machine that seals evidence.\n\n\
Example:\n  flowcontrol keys new --out anna.pem"
    )]
    New {
        /// File of the key (PKCS#8 PEM); never overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Prints the public key of a private key.
    #[command(after_help = "Example:\n  flowcontrol keys show anna.pem")]
    Show {
        /// File of the private key, also one written by `openssl genpkey -algorithm ed25519`.
        file: PathBuf,
    },
}

/// `evidence`.
#[derive(Debug, Subcommand)]
pub enum Evidence {
    /// Lists the packets.
    List,
    /// Shows one packet.
    #[command(after_help = "Example:\n  flowcontrol evidence show 3")]
    Show {
        /// Its sequence number or the first digits of its SHA-256.
        packet: String,
    },
    /// Verifies the digests, links and signatures of the whole chain.
    #[command(after_help = "Examples:\n  \
        flowcontrol evidence verify --head \"$(cat head.sha256)\"\n  \
        flowcontrol evidence verify --archive evidence.tar.zst --signed-by \"$(cat ci.pub)\"")]
    Verify {
        /// A head digest that was kept elsewhere: also detects a truncated or rebuilt chain.
        #[arg(long, value_name = "SHA256")]
        head: Option<String>,
        /// A public key that must have signed the chain, besides [evidence] trusted of the
        /// configuration; may be repeated.
        #[arg(long, value_name = "ed25519:HEX")]
        signed_by: Vec<String>,
        /// Verifies an exported archive instead of the chain in the state folder.
        #[arg(long, value_name = "FILE")]
        archive: Option<PathBuf>,
    },
    /// Exports the whole chain into one file.
    #[command(after_help = "Example:\n  flowcontrol evidence export --out evidence.tar.zst")]
    Export {
        /// The archive (tar in zstd); never overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Verifies an archive and adds its chain to the local one.
    ///
    /// An empty state folder takes the chain over; a chain that the archive continues is extended;
    /// a chain that already contains it stays unchanged. A chain that has diverged is left alone,
    /// unless --link keeps the other one beside it.
    #[command(after_help = "Example:\n  flowcontrol evidence import evidence.tar.zst")]
    Import {
        /// The archive.
        file: PathBuf,
        /// A head digest of the archive's chain that was kept elsewhere.
        #[arg(long, value_name = "SHA256")]
        head: Option<String>,
        /// Keeps a chain that has diverged beside the local one, and seals a packet that names it.
        #[arg(long)]
        link: bool,
    },
}
