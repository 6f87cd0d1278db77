//! Arguments of `ksef`.

use crate::registry::KsefFault;
use clap::{Args, Subcommand, ValueEnum};
use flowcontrol_ksef_invoice::nip::Nip;
use flowcontrol_ksef_invoice::qr::Place;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `ksef`.
#[derive(Debug, Subcommand)]
pub enum Ksef {
    /// Builds the XML of an invoice from an invoice record.
    ///
    /// The record's payload holds what the scenario knows; its member `ksef` and the file of known
    /// parties add what KSeF asks for. The result is validated as by `ksef validate`, and not
    /// written when it has an error.
    #[command(after_help = PAYLOAD)]
    Build(Build),
    /// Validates invoices before they are sent; exit code 1 when one has an error.
    ///
    /// Reports everything that KSeF refuses, and errors that it does not check: encoding, the
    /// structure of FA(3), checksums, sums, lines, corrections, currency, dates, size. Nothing is
    /// sent, and no network is used.
    #[command(after_help = "Examples:\n  \
        flowcontrol ksef validate invoice.xml\n  \
        flowcontrol ksef validate out/*.xml --format json\n  \
        flowcontrol ksef validate old.xml --as-of 2026-02-15   # as if it were sent that day")]
    Validate(Validate),
    /// Sends invoices, waits for KSeF's decision, and keeps the receipts.
    ///
    /// Every invoice is recorded before it is sent: repeating the command after a crash resumes it,
    /// and no invoice is sent twice. Exit code 0 when all are accepted; 1 when one is refused, its
    /// number is taken, or KSeF has not decided in time.
    #[command(after_help = "Examples:\n  \
        flowcontrol ksef submit invoice.xml\n  \
        flowcontrol ksef submit invoice.xml --record inv-0001   # its number goes into the scenario\n  \
        flowcontrol ksef submit --batch out/*.xml --wait 600\n  \
        flowcontrol ksef submit late.xml --offline")]
    Submit(Submit),
    /// Asks KSeF for the status of invoices; exit code 1 when one is not accepted.
    #[command(after_help = "Examples:\n  \
        flowcontrol ksef status invoice.xml\n  \
        flowcontrol ksef status invoice.xml --find   # in every session of the context, whoever sent it")]
    Status(Status),
    /// Writes an accepted invoice's official receipt (UPO), byte for byte.
    #[command(after_help = "Example:\n  flowcontrol ksef upo invoice.xml --out upo.xml")]
    Upo(Upo),
    /// Shows the size and number of invoices and the request rates that KSeF allows.
    #[command(after_help = "Example:\n  flowcontrol ksef limits --format json")]
    Limits(Limits),
    /// Runs a KSeF simulator on loopback, for tests: with its own keys, logins, validation, numbers
    /// and receipts.
    ///
    /// It behaves as KSeF API 2.9 does, with strict requests, both error formats, sliding limits
    /// and batches, and keeps its state over restarts. Controls that KSeF does not have are under
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
    /// Creates the QR codes of an invoice: KOD I, and KOD II with an Offline certificate.
    ///
    /// Prints the links; with --out also writes each code as SVG and PNG, and the invoice as a
    /// printable page.
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
    /// Tenant of the record; needed when several tenants have a record with this id.
    #[arg(long)]
    pub tenant: Option<String>,
    /// The file of known parties.
    #[arg(long, value_name = "FILE")]
    pub parties: Option<PathBuf>,
    /// File for the XML [default: standard output]; never overwritten.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `ksef validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// The files; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The day in Warsaw by which dates of issue are judged [default: today].
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<String>,
    /// Leaves out notes, which are not errors.
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
    /// The refused offline invoice that this one corrects (technical correction): its file or
    /// SHA-256.
    #[arg(long, value_name = "FILE|SHA256", conflicts_with = "batch", requires = "offline")]
    pub corrects: Option<String>,
    /// The invoice's record: once accepted, its number and receipt are recorded in the scenario.
    #[arg(long, value_name = "ID", conflicts_with = "batch")]
    pub record: Option<String>,
    /// Tenant of the invoices [default: the tenant of the adapter's context].
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
    /// Searches every session of this context at KSeF, not only what was submitted here.
    #[arg(long)]
    pub find: bool,
    /// Tenant of the invoices [default: the tenant of the adapter's context].
    #[arg(long)]
    pub tenant: Option<String>,
}

/// `ksef upo`.
#[derive(Debug, Args)]
pub struct Upo {
    /// The invoice: its file, or the SHA-256 of its bytes.
    #[arg(value_name = "FILE|SHA256")]
    pub invoice: String,
    /// File for the receipt; never overwritten [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Tenant of the invoice [default: the tenant of the adapter's context].
    #[arg(long)]
    pub tenant: Option<String>,
}

/// `ksef limits`.
#[derive(Debug, Args)]
pub struct Limits {
    /// Tenant of the context [default: the tenant of the adapter's context].
    #[arg(long)]
    pub tenant: Option<String>,
}

/// `ksef serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Address to listen on: loopback only; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8085")]
    pub listen: SocketAddr,
    /// Folder of the simulator's state.
    #[arg(long, value_name = "DIR", default_value = ".flowcontrol/ksef-simulator")]
    pub state: PathBuf,
    /// The taxpayer (NIP) that gets a token.
    #[arg(long, value_name = "NIP", default_value = "5265877635", value_parser = Nip::parse)]
    pub context: Nip,
    /// A fault to play; may be repeated.
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<KsefFault>,
    /// Decides every invoice at once.
    #[arg(long)]
    pub instant: bool,
    /// Turns the request limits off, for measurements.
    #[arg(long)]
    pub no_limits: bool,
}

/// `ksef qr`.
#[derive(Debug, Args)]
pub struct Qr {
    /// The invoice's XML file, exactly as it is sent.
    pub file: PathBuf,
    /// The KSeF environment.
    #[arg(long, value_enum, value_name = "NAME")]
    pub environment: Environment,
    /// The number that KSeF assigned; without it the invoice is marked OFFLINE.
    #[arg(long, value_name = "NUMBER")]
    pub ksef_no: Option<String>,
    /// PEM file of an Offline certificate, for KOD II.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// PEM file of its private key (PKCS#8).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// The context in which it is issued [default: the seller's NIP]: Nip:.., InternalId:..,
    /// NipVatUe:.. or PeppolId:..
    #[arg(long, value_name = "KIND:VALUE", requires = "certificate")]
    pub context: Option<String>,
    /// Folder for the pictures and the page; created if it does not exist.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// The environments of KSeF.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Environment {
    /// For test data.
    Test,
    /// For test data.
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
