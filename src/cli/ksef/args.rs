//! The grammar of `ksef`.

use crate::registry::KsefFault;
use clap::{Args, Subcommand, ValueEnum};
use flowcontrol_ksef_invoice::nip::Nip;
use flowcontrol_ksef_invoice::qr::Place;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `ksef`.
#[derive(Debug, Subcommand)]
pub enum Ksef {
    /// Makes the XML of an invoice from an invoice record.
    ///
    /// The record's payload says what the scenario knows; `ksef` in it, and the file of known
    /// parties, what KSeF asks for. What is made is judged like `ksef validate` does, and not
    /// written when it has an error.
    #[command(after_help = PAYLOAD)]
    Build(Build),
    /// Judges invoices as they would be sent; exit code 1 when one has an error.
    ///
    /// Everything that KSeF refuses, and what it lets through though it is wrong: encoding, the
    /// structure of FA(3), checksums, sums, lines, corrections, currency, dates, size. Nothing is
    /// sent, and no network is used.
    #[command(after_help = "Examples:\n  \
        flowcontrol ksef validate invoice.xml\n  \
        flowcontrol ksef validate out/*.xml --format json\n  \
        flowcontrol ksef validate old.xml --as-of 2026-02-15   # as if it were sent that day")]
    Validate(Validate),
    /// Sends invoices, waits for what becomes of them, and keeps their receipts.
    ///
    /// What is about to be sent is written down first: the same command after a kill goes on, and no
    /// invoice is sent twice. Exit code 0 when all are accepted; 1 when one is refused, its number is
    /// taken, or KSeF has not decided in time.
    #[command(after_help = "Examples:\n  \
        flowcontrol ksef submit invoice.xml\n  \
        flowcontrol ksef submit invoice.xml --record inv-0001   # its number goes into the scenario\n  \
        flowcontrol ksef submit --batch out/*.xml --wait 600\n  \
        flowcontrol ksef submit late.xml --offline")]
    Submit(Submit),
    /// Asks KSeF what became of invoices; exit code 1 when one is not accepted.
    #[command(after_help = "Examples:\n  \
        flowcontrol ksef status invoice.xml\n  \
        flowcontrol ksef status invoice.xml --find   # in every session of the context, whoever sent it")]
    Status(Status),
    /// Writes an accepted invoice's official receipt (UPO), byte for byte.
    #[command(after_help = "Example:\n  flowcontrol ksef upo invoice.xml --out upo.xml")]
    Upo(Upo),
    /// Shows how large and how many invoices may be, and how often KSeF may be asked.
    #[command(after_help = "Example:\n  flowcontrol ksef limits --format json")]
    Limits(Limits),
    /// Runs a KSeF for tests on loopback: its own keys, logins, judgements, numbers and receipts.
    ///
    /// It answers as KSeF API 2.9 does, with strict requests, both shapes of errors, sliding limits
    /// and batches, and keeps its state over restarts. Controls that KSeF has not stand under
    /// /simulator: tokens, clock, keys, faults. It ends with SIGINT or SIGTERM.
    #[command(after_help = "Examples:\n  \
        flowcontrol ksef serve\n  \
        flowcontrol ksef serve --listen 127.0.0.1:8085 --context 5265877635\n  \
        flowcontrol ksef serve --fault send:lost --fault close:status=504*2\n\n\
        A fault is OPERATION:FAULT[=VALUE][@FIRST][*TIMES]; TIMES is a number or forever.\n  \
        faults: lost, dropped, status=HTTP, status-after=HTTP, 429=RETRY-AFTER, refuse=CODE,\n          \
        pending, verdict=CODE, omit=FIELD, add=FIELD, garbage, redirect=URL, hang, hang-after,\n          \
        delay=MILLISECONDS, slow=MILLISECONDS, truncated, oversized=BYTES, 503=RETRY-AFTER,\n          \
        content-type=TYPE")]
    Serve(Serve),
    /// Makes the QR codes of an invoice: KOD I, and KOD II with an Offline certificate.
    ///
    /// Prints the links; with --out also writes each code as SVG and PNG, and the invoice as a page
    /// that prints.
    #[command(after_help = "Examples:\n  \
        flowcontrol ksef qr invoice.xml --environment test\n  \
        flowcontrol ksef qr invoice.xml --environment test --ksef-no 5265877635-20260201-.. --out page\n  \
        flowcontrol ksef qr invoice.xml --environment prd --certificate offline.pem --key offline.key --out page")]
    Qr(Qr),
}

const PAYLOAD: &str = "A payload; everything in `ksef` but seller and buyer may be left out, and those\n\
    may stand in the file of known parties:\n  \
    {\"invoice_no\": \"FV/2026/000012\", \"order_no\": \"BFG/000012\", \"buyer\": \"Karpaty Trans\",\n   \
    \"gross\": {\"amount\": \"1230.00\", \"currency\": \"PLN\"}, \"vat_rate\": \"23\",\n   \
    \"lines\": [{\"name\": \"Transport\", \"quantity\": 1, \"net_price\": \"1000.00\"}],\n   \
    \"ksef\": {\"seller\": {\"nip\": \"5265877635\", \"name\": \"BFG Control\",\n                       \
    \"address\": {\"country\": \"PL\", \"line1\": \"ul. Prosta 1, 00-001 Warszawa\"}},\n            \
    \"buyer\": {\"nip\": \"1111111111\"}}}\n\n\
    Known parties: {\"seller\": {..}, \"buyers\": {\"Karpaty Trans\": {\"nip\": ..}}}\n\n\
    Examples:\n  \
    flowcontrol ksef build invoice-00000009 --tenant bfg-control --parties parties.json --out fv.xml\n  \
    flowcontrol ksef build --file payload.json | flowcontrol ksef validate -";

/// `ksef build`.
#[derive(Debug, Args)]
pub struct Build {
    /// The record's id.
    #[arg(value_name = "RECORD", required_unless_present = "file")]
    pub record: Option<String>,
    /// A file with a payload instead of a record; `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "tenant"])]
    pub file: Option<PathBuf>,
    /// Whose record it is; needed where several tenants have one of this id.
    #[arg(long)]
    pub tenant: Option<String>,
    /// The file of known parties.
    #[arg(long, value_name = "FILE")]
    pub parties: Option<PathBuf>,
    /// Where the XML goes [default: standard output]; a file that is there is not overwritten.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `ksef validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// The files; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The day in Warsaw against which dates of issue are judged [default: today].
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<String>,
    /// Leaves notes out of the text: what is not wrong.
    #[arg(short, long)]
    pub quiet: bool,
}

/// `ksef submit`.
#[derive(Debug, Args)]
pub struct Submit {
    /// The invoices, FA(3) XML.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Sends all of them as one package.
    #[arg(long)]
    pub batch: bool,
    /// Declares that they were issued offline.
    #[arg(long)]
    pub offline: bool,
    /// The refused offline invoice that this is the technical correction of: its file or SHA-256.
    #[arg(long, value_name = "FILE|SHA256", conflicts_with = "batch", requires = "offline")]
    pub corrects: Option<String>,
    /// The invoice's record: once accepted, number and receipt are noted in the scenario.
    #[arg(long, value_name = "ID", conflicts_with = "batch")]
    pub record: Option<String>,
    /// Whose invoices they are [default: the tenant of the adapter's context].
    #[arg(long)]
    pub tenant: Option<String>,
    /// Seconds to wait for KSeF's decisions; 0 does not wait.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub wait: u64,
}

/// `ksef status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The invoices: files, or SHA-256 of their bytes.
    #[arg(required = true, value_name = "FILE|SHA256")]
    pub invoices: Vec<String>,
    /// Looks in every session that KSeF knows of this context, not in what was submitted here.
    #[arg(long)]
    pub find: bool,
    /// Whose invoices they are [default: the tenant of the adapter's context].
    #[arg(long)]
    pub tenant: Option<String>,
}

/// `ksef upo`.
#[derive(Debug, Args)]
pub struct Upo {
    /// The invoice: its file, or the SHA-256 of its bytes.
    #[arg(value_name = "FILE|SHA256")]
    pub invoice: String,
    /// Where the receipt goes; a file that is there is not overwritten [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Whose invoice it is [default: the tenant of the adapter's context].
    #[arg(long)]
    pub tenant: Option<String>,
}

/// `ksef limits`.
#[derive(Debug, Args)]
pub struct Limits {
    /// Whose context [default: the tenant of the adapter's context].
    #[arg(long)]
    pub tenant: Option<String>,
}

/// `ksef serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen: loopback only; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8085")]
    pub listen: SocketAddr,
    /// The folder of its state.
    #[arg(long, value_name = "DIR", default_value = ".flowcontrol/ksef-simulator")]
    pub state: PathBuf,
    /// The taxpayer that a token is made for.
    #[arg(long, value_name = "NIP", default_value = "5265877635", value_parser = Nip::parse)]
    pub context: Nip,
    /// Something that goes wrong; may be given several times.
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<KsefFault>,
    /// Decides everything at once.
    #[arg(long)]
    pub instant: bool,
    /// Leaves the limits of requests out, for measurements.
    #[arg(long)]
    pub no_limits: bool,
}

/// `ksef qr`.
#[derive(Debug, Args)]
pub struct Qr {
    /// The invoice's XML, byte for byte as it is sent.
    pub file: PathBuf,
    /// The KSeF that it belongs to.
    #[arg(long, value_enum, value_name = "NAME")]
    pub environment: Environment,
    /// The number that KSeF gave it; without one it is marked OFFLINE.
    #[arg(long, value_name = "NUMBER")]
    pub ksef_no: Option<String>,
    /// PEM file of an Offline certificate, for KOD II.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// PEM file of its private key (PKCS#8).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// In whose name it is issued [default: the seller's NIP]: Nip:.., InternalId:.., NipVatUe:..
    /// or PeppolId:..
    #[arg(long, value_name = "KIND:VALUE", requires = "certificate")]
    pub context: Option<String>,
    /// Folder for the pictures and the page; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Which KSeF.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Environment {
    /// For made-up data.
    Test,
    /// For made-up data.
    Demo,
    /// Production.
    Prd,
}

impl From<Environment> for Place {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Test => Self::Test,
            Environment::Demo => Self::Demo,
            Environment::Prd => Self::Prd,
        }
    }
}
