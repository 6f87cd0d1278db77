//! Looks invoices up in KSeF and applies what it says to the local state.

use super::api::{Api, SessionType, reference};
use super::decide::{self, StatusMeaning};
use super::state::Entry;
use flowcontrol_contract::error::{Error, ErrorKind, Reported, Result};
use flowcontrol_contract::ksef::{InvoiceState, Submitted};
use flowcontrol_contract::{Digest, KsefNumber, Reference};
use flowcontrol_ksef_wire::crypto;
use flowcontrol_ksef_wire::messages::InvoiceStatus;

/// How often KSeF may fail to decrypt one invoice before a person is asked.
const UNDECRYPTED: u32 = 2;

/// The invoice of these bytes in a session; `None` when the session lists none.
///
/// # Errors
/// When KSeF cannot be asked.
pub async fn in_session(
    api: &Api,
    session: &Reference,
    invoice: &Digest,
) -> Result<Option<InvoiceStatus>> {
    let hash = crypto::encode(invoice.0);
    let mut page: Option<String> = None;
    loop {
        let (invoices, next) = api.invoices(session, page.as_deref()).await?;
        if let Some(found) = invoices.into_iter().find(|i| i.invoice_hash == hash) {
            return Ok(Some(found));
        }
        match next {
            Some(mark) if Some(&mark) != page.as_ref() => page = Some(mark),
            _ => return Ok(None),
        }
    }
}

/// The invoice of these bytes in any session of the context, the latest first.
///
/// # Errors
/// When KSeF cannot be asked.
async fn anywhere(api: &Api, invoice: &Digest) -> Result<Option<(Reference, InvoiceStatus)>> {
    for of in SessionType::ALL {
        let mut page: Option<String> = None;
        loop {
            let (sessions, next) = api.sessions(of, page.as_deref()).await?;
            for session in sessions {
                let session = reference(&session.reference_number)?;
                if let Some(found) = in_session(api, &session, invoice).await? {
                    return Ok(Some((session, found)));
                }
            }
            match next {
                Some(mark) if Some(&mark) != page.as_ref() => page = Some(mark),
                _ => break,
            }
        }
    }
    Ok(None)
}

/// KSeF's state of the invoice with these bytes, whoever sent it.
///
/// # Errors
/// When KSeF cannot be asked, or its answer contradicts the API.
pub async fn find(api: &Api, invoice: &Digest) -> Result<Option<Submitted>> {
    let Some((session, status)) = anywhere(api, invoice).await? else {
        return Ok(None);
    };
    let state = match decide::meaning(&status)? {
        StatusMeaning::InvoiceState(state) => state,
        StatusMeaning::Resend(because) => InvoiceState::Refused { because },
        StatusMeaning::Duplicate { number, session } => {
            InvoiceState::NumberTaken { by: number, session }
        }
    };
    let reference = Some(reference(&status.reference_number)?);
    Ok(Some(Submitted { invoice: *invoice, session: Some(session), reference, state }))
}

/// Applies a status to an entry. `true` when KSeF could not use the session's key, so that nothing
/// more is sent under it.
///
/// # Errors
/// When a duplicate cannot be looked up, its answer contradicts the API, or it failed to decrypt the
/// same invoice again and again.
pub async fn apply(api: &Api, entry: &mut Entry, status: &InvoiceStatus) -> Result<bool> {
    entry.reference = Some(reference(&status.reference_number)?);
    match decide::meaning(status)? {
        StatusMeaning::InvoiceState(state) => entry.state = state,
        StatusMeaning::Duplicate { number, session } => {
            entry.state = duplicate(api, &entry.invoice, number, session).await?;
        }
        StatusMeaning::Resend(because) => return mark_for_resend(entry, because),
    }
    Ok(false)
}

/// The invoice is not to blame: it is kept, to be sent in another session.
pub fn mark_for_resend(entry: &mut Entry, because: Reported) -> Result<bool> {
    entry.state = InvoiceState::Kept;
    entry.reference = None;
    entry.session = None;
    entry.undecrypted += u32::from(because.code == 435);
    if because.code == 435 && entry.undecrypted >= UNDECRYPTED {
        return Err(Error::new(
            ErrorKind::Unexpected,
            format!("KSeF could not decrypt the invoice, also under a second key: {because}"),
        )
        .because(because)
        .hint(
            "nothing is wrong with the invoice; try again later, or ask the ministry's support",
        ));
    }
    Ok(true)
}

/// Whether the invoice that has the number is this one.
async fn duplicate(
    api: &Api,
    invoice: &Digest,
    number: KsefNumber,
    session: Option<Reference>,
) -> Result<InvoiceState> {
    let conflict = |session| InvoiceState::NumberTaken { by: number.clone(), session };
    let Some(original) = session else { return Ok(conflict(None)) };
    let same = match in_session(api, &original, invoice).await {
        Ok(Some(found)) if found.ksef_number.as_deref() == Some(number.as_str()) => found,
        Ok(_) => return Ok(conflict(Some(original))),
        // Another context's session is not visible, so whether the invoice is ours stays unknown.
        Err(e) if matches!(e.kind(), ErrorKind::Denied | ErrorKind::NotFound) => {
            return Ok(conflict(Some(original)));
        }
        Err(e) => return Err(e),
    };
    match decide::meaning(&same)? {
        StatusMeaning::InvoiceState(InvoiceState::Accepted { number, at, offline, .. }) => {
            Ok(InvoiceState::Accepted { number, at, offline, earlier: Some(original) })
        }
        _ => Ok(conflict(Some(original))),
    }
}
