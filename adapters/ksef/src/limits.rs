//! What KSeF allows in a context.

use super::api::Api;
use super::route::Group;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::ksef::{KsefLimits, Rate};
use flowcontrol_ksef_wire::messages::RateLimit;

/// Asks for the limits of the context, and goes by the rates from then on.
pub async fn ask(api: &Api) -> Result<KsefLimits> {
    const MB: u64 = 1_000_000;
    let context = api.context_limits().await?;
    let rates = api.rate_limits().await?;
    let groups = [
        ("onlineSession", Some(Group::OnlineSession), rates.online_session),
        ("onlineSessionClose", Some(Group::OnlineSessionClose), rates.online_session_close),
        ("invoiceSend", Some(Group::InvoiceSend), rates.invoice_send),
        ("batchSession", Some(Group::BatchSession), rates.batch_session),
        ("batchSessionClose", Some(Group::BatchSessionClose), rates.batch_session_close),
        ("invoiceStatus", Some(Group::InvoiceStatus), rates.invoice_status),
        ("sessionInvoiceList", Some(Group::SessionInvoiceList), rates.session_invoice_list),
        ("sessionList", Some(Group::SessionList), rates.session_list),
        ("sessionMisc", Some(Group::SessionMisc), rates.session_misc),
        ("invoiceMetadata", None, rates.invoice_metadata),
        ("invoiceExport", None, rates.invoice_export),
        ("invoiceExportStatus", None, rates.invoice_export_status),
        ("invoiceDownload", None, rates.invoice_download),
        ("other", Some(Group::Other), rates.other),
        ("anonymous", Some(Group::Anonymous), rates.anonymous),
        ("global", None, rates.global),
    ];
    let mut listed = Vec::new();
    for (name, group, limit) in groups {
        let Some(limit) = limit else { continue };
        let figures = figures(limit);
        if let Some(group) = group {
            api.http.allow(group, figures);
        }
        let [second, minute, hour] = figures.map(u64::from);
        listed.push(Rate {
            of: name.to_owned(),
            per_second: second,
            per_minute: minute,
            per_hour: hour,
        });
    }
    let online = context.online_session;
    Ok(KsefLimits {
        invoice_bytes: u64::from(online.max_invoice_size_in_mb) * MB,
        invoice_with_attachment_bytes: u64::from(online.max_invoice_with_attachment_size_in_mb)
            * MB,
        invoices_in_session: online.max_invoices.into(),
        invoices_in_batch: context.batch_session.max_invoices.into(),
        rates: listed,
    })
}

/// Unlimited is -1 there, 0 here.
fn figures(limit: RateLimit) -> [u32; 3] {
    [limit.per_second, limit.per_minute, limit.per_hour].map(|n| u32::try_from(n).unwrap_or(0))
}
