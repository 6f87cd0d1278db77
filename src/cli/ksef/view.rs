//! How what became of an invoice is shown, and how invoices and tenants are named.

use super::file;
use crate::cli::Cx;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::ksef::{State, Submitted};
use flowcontrol_contract::{CallCx, Digest, Port, TenantId};
use serde_json::{Value, json};
use std::path::Path;

/// A call for the tenant that was named, else for the one whose context the adapter has.
///
/// # Errors
/// When none is known.
pub fn call(cx: &Cx, named: Option<&str>) -> Result<CallCx> {
    let kind = cx.settings.profile()?.kind(Port::Ksef);
    let configured = cx.settings.config.adapters.get(kind).and_then(|c| c["tenant"].as_str());
    let tenant = named.or(configured).ok_or_else(|| {
        Failure::usage("whose invoices these are is not said")
            .hint(format!("name --tenant, or tenant in [adapters.{kind}]"))
    })?;
    Ok(CallCx::tenant(TenantId::new(tenant)?))
}

/// An invoice by its SHA-256, or by its file.
///
/// # Errors
/// When there is no such file.
pub fn digest(name: &str) -> Result<Digest> {
    match Digest::parse(name) {
        Ok(digest) => Ok(digest),
        Err(_) => Ok(Digest::of(file::read(Path::new(name))?)),
    }
}

/// For programs.
pub fn value(told: &Submitted) -> Value {
    json!({"invoice": told.invoice, "session": told.session, "reference": told.reference,
        "state": told.state})
}

/// For people, in one line.
pub fn text(told: &Submitted) -> String {
    match &told.state {
        State::Kept => "not sent".to_owned(),
        State::Unknown => "it may have been sent; KSeF has not been asked yet".to_owned(),
        State::Pending { code } => format!("KSeF has it and has not decided ({code})"),
        State::Accepted { number, offline, earlier, .. } => {
            let offline = if *offline { ", offline" } else { "" };
            let earlier = if earlier.is_some() { ", sent before" } else { "" };
            format!("accepted as {number}{offline}{earlier}")
        }
        State::Refused { because } => format!("REFUSED: {because}"),
        State::NumberTaken { by, .. } => {
            format!("NUMBER TAKEN by another invoice, {by}: a person decides which is right")
        }
    }
}
