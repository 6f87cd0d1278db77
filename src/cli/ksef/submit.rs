//! `ksef submit`: sends files, waits for KSeF's decision, keeps the receipts and records them in
//! the scenario.

use super::args::Submit;
use super::{file, ledger, view};
use crate::cli::{Cx, out};
use crate::registry::open_ksef;
use flowcontrol_base::text::counted;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_contract::ksef::{InvoiceState, Submission, Submitted};
use flowcontrol_contract::{self as contract, CallCx, Digest, KsefProvider, RecordId};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// Pause between two status queries of a pending invoice.
const POLL: Duration = Duration::from_millis(1500);
/// How often a file is sent again after KSeF could not decrypt it or gave up on it.
const AGAIN: u32 = 2;

/// A file that was submitted.
struct Sent {
    path: PathBuf,
    submitted: Submitted,
    upo: Option<Digest>,
}

/// Sends the files, waits for the decisions, closes the session.
pub async fn run(cx: &Cx, args: &Submit) -> Result<Exit> {
    if args.record.is_some() && args.files.len() != 1 {
        return Err(Failure::usage("--record takes one invoice, but several files are given")
            .hint("submit them one by one"));
    }
    let call = view::call(cx, args.tenant.as_deref())?;
    let record = match &args.record {
        Some(id) => {
            let id = RecordId::new(id)?;
            Some(ledger::invoice(&*cx.store().await?, &call, &id).await?)
        }
        None => None,
    };
    // A batch may be larger than memory, so its files are read when they are packed.
    let mut contents = Vec::new();
    for path in args.files.iter().filter(|_| !args.batch) {
        let bytes = file::read(path)?;
        if let Some(record) = &record {
            ledger::same_number(record, &bytes)?;
        }
        contents.push(bytes);
    }
    let provider = open_ksef(&cx.settings).await?;
    let ksef = &*provider;
    let many = Some(args.files.len() as u64);
    let mut submitted = Vec::new();
    if args.batch {
        let step = cx.progress.step("package and send", many);
        let mut invoices = args.files.iter().map(|path| {
            step.inc(1);
            file::read(path).map_err(|failure| contract::Error::invalid(failure.message))
        });
        submitted = ksef.submit_batch(&call, &mut invoices, args.offline).await?;
        step.done("KSeF has received the package");
    } else {
        let corrects = args.corrects.as_deref().map(view::digest).transpose()?;
        let step = cx.progress.step("send", many);
        for bytes in &contents {
            let submission = Submission { invoice: bytes, offline: args.offline, corrects };
            submitted.push(ksef.submit(&call, &submission).await?);
            step.inc(1);
        }
        step.done("KSeF has received them");
    }
    let named = args.files.iter().cloned().zip(submitted);
    let mut sent: Vec<Sent> =
        named.map(|(path, submitted)| Sent { path, submitted, upo: None }).collect();
    let step = cx.progress.step("wait for KSeF", Some(sent.len() as u64));
    let mut waited = Duration::ZERO;
    for (place, one) in sent.iter_mut().enumerate() {
        let bytes = contents.get(place).map_or(&[][..], Vec::as_slice);
        follow(ksef, &call, args, bytes, one, &mut waited).await?;
        step.inc(1);
    }
    step.done("waited");
    if !args.batch {
        ksef.close(&call).await?;
    }
    for one in &mut sent {
        if matches!(one.submitted.state, InvoiceState::Accepted { .. }) {
            one.upo = Some(ksef.upo(&call, &one.submitted.invoice).await?.digest);
        }
    }
    let mut noted = Vec::new();
    if let (Some(record), [one]) = (&record, &sent[..]) {
        noted = ledger::note(&*cx.store().await?, &call, record, &one.submitted, one.upo).await?;
    }
    report(cx, &sent, &noted)
}

/// Waits for one invoice, within the remaining time; one that KSeF gave up on is sent again.
async fn follow(
    ksef: &dyn KsefProvider,
    call: &CallCx,
    args: &Submit,
    bytes: &[u8],
    one: &mut Sent,
    waited: &mut Duration,
) -> Result<()> {
    let mut again = 0;
    let limit = Duration::from_secs(args.wait);
    loop {
        if one.submitted.state.is_final() || (*waited >= limit && args.wait > 0) || args.wait == 0 {
            return Ok(());
        }
        if one.submitted.state == InvoiceState::Kept {
            if args.batch || again == AGAIN {
                return Ok(());
            }
            again += 1;
            let corrects = args.corrects.as_deref().map(view::digest).transpose()?;
            let submission = Submission { invoice: bytes, offline: args.offline, corrects };
            one.submitted = ksef.submit(call, &submission).await?;
        }
        one.submitted = ksef.status(call, &one.submitted.invoice).await?;
        if !one.submitted.state.is_final() {
            tokio::time::sleep(POLL).await;
            *waited += POLL;
        }
    }
}

fn report(cx: &Cx, sent: &[Sent], noted: &[RecordId]) -> Result<Exit> {
    let accepted = sent.iter().filter(|s| s.upo.is_some()).count();
    let value = json!({
        "invoices": sent.iter().map(|s| {
            let mut value = view::value(&s.submitted);
            value["file"] = json!(s.path.display().to_string());
            value["upo_sha256"] = json!(s.upo);
            value
        }).collect::<Vec<_>>(),
        "accepted": accepted,
        "records": noted,
    });
    out::either(cx.format, &value, || {
        let mut text = String::new();
        for one in sent {
            text.push_str(&format!("{}: {}\n", one.path.display(), view::text(&one.submitted)));
        }
        if sent.len() > 1 {
            let all = counted(sent.len() as u64, "invoice", "invoices");
            text.push_str(&format!("\n{all}: {accepted} accepted\n"));
        }
        for id in noted {
            text.push_str(&format!("recorded in the scenario: {id}\n"));
        }
        if sent.iter().any(|s| !s.submitted.state.is_final()) {
            text.push_str(
                "`flowcontrol ksef status FILE` asks KSeF again; nothing is sent twice\n",
            );
        }
        text
    })?;
    Ok(if accepted == sent.len() { Exit::Done } else { Exit::Check })
}
