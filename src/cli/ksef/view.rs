//! How the status of an invoice is printed, and how the invoices and tenants of a command are
//! named.

use super::file;
use crate::cli::Cx;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::ksef::{InvoiceState, Submitted};
use flowcontrol_contract::{CallCx, Digest, Port, TenantId};
use serde_json::{Value, json};
use std::path::Path;

/// The call context of the given tenant, else of the tenant of the adapter's context.
///
/// # Errors
/// When no tenant is given or configured.
pub fn call(cx: &Cx, named: Option<&str>) -> Result<CallCx> {
    let kind = cx.settings.profile()?.kind(Port::Ksef);
    let configured = cx.settings.config.adapters.get(kind).and_then(|c| c["tenant"].as_str());
    let tenant = named.or(configured).ok_or_else(|| {
        Failure::usage("the tenant of the invoices is not known")
            .hint(format!("give --tenant, or set tenant in [adapters.{kind}]"))
    })?;
    Ok(CallCx::tenant(TenantId::new(tenant)?))
}

/// The digest of an invoice, given as SHA-256 or as its file.
///
/// # Errors
/// When the file does not exist.
pub fn digest(name: &str) -> Result<Digest> {
    match Digest::parse(name) {
        Ok(digest) => Ok(digest),
        Err(_) => Ok(Digest::of(file::read(Path::new(name))?)),
    }
}

/// The status as JSON.
pub fn value(submitted: &Submitted) -> Value {
    json!({"invoice": submitted.invoice, "session": submitted.session, "reference": submitted.reference,
        "state": submitted.state})
}

/// The status as one line of text.
pub fn text(submitted: &Submitted) -> String {
    match &submitted.state {
        InvoiceState::Kept => "not sent".to_owned(),
        InvoiceState::Unknown => "it may have been sent; KSeF has not been asked yet".to_owned(),
        InvoiceState::Pending { code } => format!("KSeF has it and has not decided ({code})"),
        InvoiceState::Accepted { number, offline, earlier, .. } => {
            let offline = if *offline { ", offline" } else { "" };
            let earlier = if earlier.is_some() { ", sent before" } else { "" };
            format!("accepted as {number}{offline}{earlier}")
        }
        InvoiceState::Refused { because } => format!("REFUSED: {because}"),
        InvoiceState::NumberTaken { by, .. } => {
            format!("NUMBER TAKEN by another invoice, {by}: a person must decide which is right")
        }
    }
}
