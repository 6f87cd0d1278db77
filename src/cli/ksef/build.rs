//! `ksef build`.

use super::args::Build;
use super::file;
use crate::cli::args::Format;
use crate::cli::{Cx, out};
use flowcontrol_base::{Exit, Failure, Result, user_file};
use flowcontrol_contract::{CallCx, Kind, Record, RecordId, ScenarioStore, TenantId};
use flowcontrol_files::Access;
use flowcontrol_ksef_invoice::{
    BuildError, Context, Finding, Parties, Severity, Source, accepted, check, draft, read_parties,
    write,
};
use serde_json::json;
use std::path::Path;
use time::OffsetDateTime;

/// Builds an invoice from a file with a payload.
pub fn from_file(args: &Build, format: Format) -> Result<Exit> {
    let Some(path) = &args.file else { return Err(Failure::usage("no payload file is given")) };
    let payload = text(path)?;
    make(args, format, &payload, file::now(), &path.display().to_string())
}

/// Builds an invoice from a record of the configured store.
pub async fn from_record(cx: &Cx, args: &Build) -> Result<Exit> {
    let id = RecordId::new(args.record.clone().unwrap_or_default())?;
    let store = cx.store().await?;
    let record = find(&*store, args.tenant.as_deref(), &id).await?;
    if record.kind != Kind::Invoice {
        return Err(Failure::usage(format!("record {id} is of kind {}", record.kind))
            .hint("an invoice is built from a record of kind invoice"));
    }
    let nanos = i128::from(record.occurred_at.micros()) * 1_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .map_err(|e| Failure::check(format!("record {id} has no time: {e}")))?;
    make(args, cx.format, record.payload.as_str(), at, &format!("record {id}"))
}

async fn find(store: &dyn ScenarioStore, tenant: Option<&str>, id: &RecordId) -> Result<Record> {
    let tenants = match tenant {
        Some(tenant) => vec![TenantId::new(tenant)?],
        None => store.tenants().await?,
    };
    let mut found = Vec::new();
    for tenant in tenants {
        found.extend(store.get(&CallCx::tenant(tenant), id).await?);
    }
    if found.len() > 1 {
        let tenants: Vec<_> = found.iter().map(|r| r.tenant.as_str()).collect();
        return Err(Failure::usage(format!("{} tenants have a record {id}", found.len()))
            .hint(format!("name one with --tenant: {}", tenants.join(", "))));
    }
    found.pop().ok_or_else(|| {
        Failure::usage(format!("there is no record {id}"))
            .hint("`flowcontrol scenario tail --tenant NAME` shows the last ones")
    })
}

fn text(path: &Path) -> Result<String> {
    String::from_utf8(file::read(path)?)
        .map_err(|_| Failure::usage(format!("{} is not UTF-8 text", path.display())))
}

fn unfit(what: &str, error: &BuildError) -> Failure {
    Failure::usage(format!("{what} cannot become an invoice: {error}"))
        .hint("`flowcontrol ksef build --help` shows a payload")
}

fn make(
    args: &Build,
    format: Format,
    payload: &str,
    occurred_at: OffsetDateTime,
    what: &str,
) -> Result<Exit> {
    let parties = match &args.parties {
        None => Parties::default(),
        Some(path) => {
            let unread = |e: BuildError| unfit(&path.display().to_string(), &e);
            read_parties(&text(path)?).map_err(unread)?
        }
    };
    let source = Source { occurred_at, parties: &parties };
    let invoice = draft(payload, &source).map_err(|error| unfit(what, &error))?;
    let xml = write(&invoice);
    let findings = check(&xml, &Context::at(file::now()));
    let sound = accepted(&findings);
    if sound && let Some(path) = &args.out {
        save(path, &xml)?;
    }
    match format {
        Format::Json => {
            let mut value = json!({"accepted": sound, "bytes": xml.len(), "findings": findings,
                "gross": invoice.gross().to_string(), "issued": invoice.issued().to_string(),
                "sha256": hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&xml)),
                "file": args.out});
            if args.out.is_none() {
                value["xml"] = json!(String::from_utf8_lossy(&xml));
            }
            out::json(&value)?;
        }
        Format::Text => {
            for finding in findings.iter().filter(|f| f.severity > Severity::Note) {
                out::note(&finding.to_string());
            }
            match &args.out {
                _ if !sound => {}
                Some(path) => out::text(&describe(path, &xml, &findings))?,
                None => out::text(&String::from_utf8_lossy(&xml))?,
            }
        }
    }
    Ok(if sound { Exit::Done } else { Exit::Check })
}

fn describe(path: &Path, xml: &[u8], findings: &[Finding]) -> String {
    let offline = findings.iter().filter(|f| f.severity == Severity::Note);
    let notes: String = offline.map(|finding| format!("\n  {finding}")).collect();
    format!("{}: {} bytes{notes}", path.display(), xml.len())
}

/// Writes a new file and never overwrites one: an invoice that was sent must not change under its
/// number.
fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    let taken = "name another file, or move this one away: an invoice is never overwritten";
    user_file::create(path, bytes, Access::Shared, taken)
}
