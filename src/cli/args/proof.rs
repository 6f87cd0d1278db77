//! What decides, and what proves it.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

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

/// `accept`.
#[derive(Debug, Args)]
pub struct Accept {
    /// The check as `gates` prints it, or without its gate where it is clear.
    #[arg(value_name = "GATE/CHECK")]
    pub check: String,
    /// Who accepts: an actor of the deployment's tenant, the owner of the check.
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
