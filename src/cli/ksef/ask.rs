//! `ksef status`, `ksef upo` and `ksef limits`: queries to KSeF.

use super::args::{Limits, Status, Upo};
use super::view;
use crate::cli::args::Format;
use crate::cli::{Cx, out};
use crate::registry::open_ksef;
use flowcontrol_base::{Exit, Result, user_file};
use flowcontrol_contract::ksef::InvoiceState;
use flowcontrol_files::Access;
use serde_json::json;

/// The hint where a receipt's file is there already.
const TAKEN: &str = "name another file; a receipt is never written over";

/// The status of invoices.
pub async fn status(cx: &Cx, args: &Status) -> Result<Exit> {
    let call = view::call(cx, args.tenant.as_deref())?;
    let ksef = open_ksef(&cx.settings).await?;
    let mut all = Vec::new();
    for name in &args.invoices {
        let invoice = view::digest(name)?;
        let submitted = if args.find {
            ksef.find(&call, &invoice).await?
        } else {
            Some(ksef.status(&call, &invoice).await?)
        };
        all.push((name, submitted));
    }
    let accepted = |t: &Option<flowcontrol_contract::ksef::Submitted>| {
        t.as_ref().is_some_and(|t| matches!(t.state, InvoiceState::Accepted { .. }))
    };
    let value = json!({"invoices": all.iter().map(|(name, submitted)| {
        json!({"name": name, "found": submitted.as_ref().map(view::value)})
    }).collect::<Vec<_>>()});
    out::either(cx.format, &value, || {
        let line = |(name, submitted): &(&String, _)| match submitted {
            Some(submitted) => format!("{name}: {}\n", view::text(submitted)),
            None => format!("{name}: KSeF has no invoice of these bytes in this context\n"),
        };
        all.iter().map(line).collect()
    })?;
    Ok(if all.iter().all(|(_, submitted)| accepted(submitted)) { Exit::Done } else { Exit::Check })
}

/// An invoice's receipt (UPO), byte for byte.
pub async fn upo(cx: &Cx, args: &Upo) -> Result<Exit> {
    let call = view::call(cx, args.tenant.as_deref())?;
    let invoice = view::digest(&args.invoice)?;
    if let Some(path) = &args.out {
        user_file::check_free(path, TAKEN)?;
    }
    let upo = open_ksef(&cx.settings).await?.upo(&call, &invoice).await?;
    if let Some(path) = &args.out {
        user_file::create(path, &upo.xml, Access::Shared, TAKEN)?;
    }
    let value = json!({"number": upo.number, "invoice_sha256": upo.invoice,
        "upo_sha256": upo.digest, "bytes": upo.xml.len(),
        "out": args.out.as_ref().map(|p| p.display().to_string())});
    match (&args.out, cx.format) {
        // Printed without a change: the bytes are the proof.
        (None, Format::Text) => out::part(&String::from_utf8_lossy(&upo.xml)).map(drop)?,
        _ => out::either(cx.format, &value, || {
            let place = args.out.as_ref().map(|p| p.display().to_string()).unwrap_or_default();
            format!("{}: receipt {} in {place}", upo.number, upo.digest)
        })?,
    }
    Ok(Exit::Done)
}

/// The limits of the context.
pub async fn limits(cx: &Cx, args: &Limits) -> Result<Exit> {
    let call = view::call(cx, args.tenant.as_deref())?;
    let limits = open_ksef(&cx.settings).await?.limits(&call).await?;
    out::either(cx.format, &limits, || {
        let mut text = format!(
            "invoice             {} bytes, {} with an attachment\n\
             invoices            {} in a session, {} in a batch\n\n\
             requests            a second  a minute  an hour\n",
            limits.invoice_bytes,
            limits.invoice_with_attachment_bytes,
            limits.invoices_in_session,
            limits.invoices_in_batch
        );
        let shown = |n: u64| if n == 0 { "-".to_owned() } else { n.to_string() };
        for rate in &limits.rates {
            text.push_str(&format!(
                "{:<20}{:>8}{:>10}{:>9}\n",
                rate.of,
                shown(rate.per_second),
                shown(rate.per_minute),
                shown(rate.per_hour)
            ));
        }
        text
    })?;
    Ok(Exit::Done)
}
