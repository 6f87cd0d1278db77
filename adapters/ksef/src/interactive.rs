//! One invoice at a time: written down, sent, and looked up where the answer was lost.

use super::api::{Api, reference};
use super::decide::{NextStep, next_step};
use super::look_up;
use super::state::{Entry, Folder, KeptKey, OnlineSession};
use flowcontrol_contract::error::{Error, ErrorKind, Result, Retry};
use flowcontrol_contract::ksef::InvoiceState;
use flowcontrol_contract::{Reference, Timestamp};
use flowcontrol_ksef_wire::crypto::{self, SymmetricKey};
use flowcontrol_ksef_wire::messages::{Sealed, SendInvoice};
use std::time::Duration;

/// Most invoices of a session, unless KSeF says less.
const MOST: u64 = 10_000;
/// A session that ends within this time is not used any more, in microseconds.
const MARGIN: i64 = 5 * 60 * 1_000_000;
/// How often, and at which distance, a session is asked for an invoice before it counts as not there.
const LOOKS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];
/// In how many sessions one call tries to send.
const SESSIONS: usize = 3;

/// Brings an invoice to KSeF, however far an earlier call got.
///
/// # Errors
/// As [`flowcontrol_contract::KsefProvider::submit`].
pub async fn submit(api: &Api, folder: &Folder, entry: &mut Entry, xml: &[u8]) -> Result<()> {
    for _ in 0..SESSIONS {
        match (&entry.state, entry.session.clone()) {
            (InvoiceState::Kept, _) => send(api, folder, entry, xml).await?,
            (InvoiceState::Unknown, Some(session)) => confirm(api, folder, entry, &session).await?,
            // No session was recorded for it, so it was never sent.
            (InvoiceState::Unknown, None) => mark_unsent(folder, entry)?,
            _ => return Ok(()),
        }
    }
    if entry.state != InvoiceState::Kept && entry.state != InvoiceState::Unknown {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unavailable,
        "KSeF accepted no session for the invoice; nothing was sent",
    )
    .hint("try again later"))
}

fn mark_unsent(folder: &Folder, entry: &mut Entry) -> Result<()> {
    entry.state = InvoiceState::Kept;
    entry.session = None;
    entry.reference = None;
    folder.keep(entry)
}

/// Sends it in the session that is open; what comes of it is written down.
async fn send(api: &Api, folder: &Folder, entry: &mut Entry, xml: &[u8]) -> Result<()> {
    let (mut session, key) = open(api, folder).await?;
    let encrypted = key.encrypt(xml);
    let message = SendInvoice {
        invoice_hash: crypto::sha256_base64(xml),
        invoice_size: xml.len() as u64,
        encrypted_invoice_hash: crypto::sha256_base64(&encrypted),
        encrypted_invoice_size: encrypted.len() as u64,
        encrypted_invoice_content: Sealed::new(crypto::encode(&encrypted)),
        offline_mode: entry.offline,
        hash_of_corrected_invoice: entry.corrects.map(|d| crypto::encode(d.0)),
    };
    session.sent += 1;
    folder.keep_session(Some(&session))?;
    entry.state = InvoiceState::Unknown;
    entry.session = Some(session.reference.clone());
    entry.reference = None;
    // After a crash from here on, the state says that it may have been sent, and where.
    folder.keep(entry)?;
    let failure = match api.send(&session.reference, &message).await {
        Ok(sent) => {
            entry.reference = Some(reference(&sent.reference_number)?);
            entry.state = InvoiceState::Pending { code: 100 };
            return folder.keep(entry);
        }
        Err(failure) => failure,
    };
    match next_step(&failure) {
        NextStep::LookUp => {
            tracing::warn!(
                reason = failure.message(),
                "the answer to a send was lost; looking it up"
            );
            confirm(api, folder, entry, &session.reference).await
        }
        NextStep::NewSession => {
            folder.keep_session(None)?;
            mark_unsent(folder, entry)
        }
        NextStep::GiveUp => {
            mark_unsent(folder, entry)?;
            Err(failure)
        }
    }
}

/// Finds out whether KSeF accepted it. One that the session does not list was not accepted.
async fn confirm(api: &Api, folder: &Folder, entry: &mut Entry, session: &Reference) -> Result<()> {
    for (look, pause) in (1..).zip(LOOKS) {
        match look_up::in_session(api, session, &entry.invoice).await {
            Ok(Some(status)) => {
                let key_failed = look_up::apply(api, entry, &status).await;
                folder.keep(entry)?;
                if key_failed? {
                    folder.keep_session(None)?;
                }
                return Ok(());
            }
            // A session that KSeF does not know accepted nothing.
            Err(e) if e.kind() == ErrorKind::NotFound => {
                folder.keep_session(None)?;
                return mark_unsent(folder, entry);
            }
            Ok(None) if look == LOOKS.len() => return mark_unsent(folder, entry),
            Ok(None) => {}
            Err(e) => {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    "KSeF may have the invoice: the answer was lost, and looking it up failed",
                )
                .retry(Retry::Ambiguous)
                .source(e)
                .hint("submit the same file again: it is looked up before anything is sent"));
            }
        }
        api.http.clock().sleep(pause).await;
    }
    Ok(())
}

/// The session to send in; opens one where none is usable.
async fn open(api: &Api, folder: &Folder) -> Result<(OnlineSession, SymmetricKey)> {
    let now = api.http.clock().now().micros();
    if let Some(session) = folder.session()?
        && session.sent < MOST
        && session.until.micros() > now + MARGIN
        && let Some(key) = session.key.key()
    {
        return Ok((session, key));
    }
    let key = SymmetricKey::generate();
    let opened = api.open_online(&key).await?;
    let until = opened.valid_until.unix_timestamp().saturating_mul(1_000_000);
    let session = OnlineSession {
        reference: reference(&opened.reference_number)?,
        key: KeptKey::of(&key),
        until: Timestamp::from_micros(until)?,
        sent: 0,
    };
    folder.keep_session(Some(&session))?;
    Ok((session, key))
}

/// Closes the session that is kept, if one is. A close whose answer was lost may have happened: then
/// KSeF refuses the second by the session's status, which is asked for.
///
/// # Errors
/// When KSeF cannot be asked, or the session is not closed.
pub async fn close(api: &Api, folder: &Folder) -> Result<()> {
    let Some(session) = folder.session()? else { return Ok(()) };
    match api.close_online(&session.reference).await {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) if e.reported().is_some_and(|r| r.code == 21180) => {
            let status = api.session(&session.reference).await?.status;
            if status.code < 170 {
                return Err(e);
            }
        }
        Err(e) => return Err(e),
    }
    folder.keep_session(None)
}
