//! Many invoices at once: packed, written down, opened, uploaded, closed; after a crash each step
//! resumes where it was.

use super::api::{Api, reference};
use super::package::{Package, part_path};
use super::preflight;
use super::state::{Entry, Folder, KeptKey};
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::ksef::{InvoiceState, Invoices, Submitted};
use flowcontrol_contract::{Digest, Reference};
use flowcontrol_files::{AtPath as _, FileError, rename, sync_folder};
use flowcontrol_ksef_wire::crypto::SymmetricKey;
use flowcontrol_ksef_wire::messages::{BatchFile, PartUploadRequest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// Most invoices of one batch.
const MOST: usize = 10_000;

/// One batch as it is written down.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    invoices: Vec<BatchInvoice>,
    offline: bool,
    key: KeptKey,
    file: BatchFile,
    session: Option<Reference>,
    /// Where the parts go; the addresses are pre-signed, another reason for mode 0600.
    uploads: Vec<PartUploadRequest>,
    /// How many parts were uploaded, in their order.
    uploaded: usize,
    closed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchInvoice {
    invoice: Digest,
    seller: String,
    number: String,
}

/// Brings a batch to KSeF, however far an earlier call got.
///
/// # Errors
/// As [`flowcontrol_contract::KsefProvider::submit_batch`].
pub async fn submit(
    api: &Api,
    folder: &Folder,
    invoices: &mut Invoices<'_>,
    offline: bool,
    part_bytes: u64,
) -> Result<Vec<Submitted>> {
    let (id, mut batch) = prepare(api, folder, invoices, offline, part_bytes)?;
    if !batch.closed {
        if let Err(e) = deliver(api, folder, &id, &mut batch).await {
            if !ended(&e) {
                return Err(e);
            }
            batch.session = None;
            deliver(api, folder, &id, &mut batch).await?;
        }
        batch.closed = true;
        batch.uploads.clear();
        folder.keep_batch(&id, &batch)?;
        discard(&folder.batch_folder(&id))?;
    }
    let views = batch.invoices.iter().map(|named| {
        let entry = folder.entry(&named.invoice)?;
        entry.map(|e| e.view()).ok_or_else(|| lost(&named.invoice))
    });
    views.collect()
}

async fn deliver(api: &Api, folder: &Folder, id: &Digest, batch: &mut Batch) -> Result<()> {
    if batch.session.is_none() {
        open(api, folder, id, batch).await?;
    }
    upload(api, folder, id, batch).await?;
    note(folder, batch)?;
    close(api, batch).await
}

/// Whether the session or its addresses have ended before the package was whole: KSeF has taken
/// nothing, and another session takes the same parts.
fn ended(error: &Error) -> bool {
    let code = error.reported().map_or(0, |r| r.code);
    matches!(code, 21173 | 21208)
        || (code == 0 && matches!(error.kind(), ErrorKind::Denied | ErrorKind::NotFound))
}

fn lost(invoice: &Digest) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the state of invoice {invoice} is missing"))
}

/// Packs the invoices, or finds the batch of the same invoices that was packed before.
fn prepare(
    api: &Api,
    folder: &Folder,
    invoices: &mut Invoices<'_>,
    offline: bool,
    part_bytes: u64,
) -> Result<(Digest, Batch)> {
    let key = SymmetricKey::generate();
    let packing = folder.batch_folder(&Digest::of("packing"));
    // What a kill or a refusal left; its key is gone.
    discard(&packing)?;
    let mut package = Package::create(&packing, &key, part_bytes)?;
    let mut named = Vec::new();
    let mut seen = BTreeSet::new();
    let now = api.http.clock().now();
    for (place, xml) in (1..).zip(invoices) {
        let xml = xml?;
        let invoice = Digest::of(&xml);
        let at = |e: Error| {
            let place = format!("invoice {place} of the batch: {}", e.message());
            let error = Error::new(e.kind(), place);
            match e.hint_text() {
                Some(hint) => error.hint(hint),
                None => error,
            }
        };
        if named.len() == MOST {
            return Err(Error::invalid(format!("a batch holds at most {MOST} invoices")));
        }
        if !seen.insert(invoice) {
            return Err(at(Error::invalid("the same file is in the batch twice")));
        }
        let summary = preflight::judge(&xml, now).map_err(at)?;
        preflight::originals(&xml, &summary.seller, folder).map_err(at)?;
        package.add(&invoice, &xml)?;
        named.push(BatchInvoice { invoice, seller: summary.seller, number: summary.number });
    }
    if named.is_empty() {
        return Err(Error::invalid("the batch has no invoice"));
    }
    let file = package.finish()?;
    let hashes: Vec<u8> = named.iter().flat_map(|n| n.invoice.0).collect();
    let id = Digest::of(hashes);
    if let Some(batch) = folder.batch::<Batch>(&id)? {
        discard(&packing)?;
        if batch.offline != offline {
            return Err(Error::conflict("the same batch was submitted with another `offline`"));
        }
        return Ok((id, batch));
    }
    for n in &named {
        if let Some(entry) = folder.entry(&n.invoice)?
            && entry.state != InvoiceState::Kept
        {
            let why = format!("{} was submitted already: it is {}", n.number, entry.state.name());
            return Err(Error::conflict(why).hint("leave it out of the batch"));
        }
    }
    let place = folder.batch_folder(&id);
    discard(&place)?;
    sync_folder(&packing)?;
    rename(&packing, &place)?;
    let batch = Batch {
        invoices: named,
        offline,
        key: KeptKey::of(&key),
        file,
        session: None,
        uploads: Vec::new(),
        uploaded: 0,
        closed: false,
    };
    folder.keep_batch(&id, &batch)?;
    Ok((id, batch))
}

async fn open(api: &Api, folder: &Folder, id: &Digest, batch: &mut Batch) -> Result<()> {
    let key = batch.key.key().ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, format!("the key of batch {id} is damaged"))
    })?;
    let opened = api.open_batch(&key, &batch.file, batch.offline).await?;
    batch.session = Some(reference(&opened.reference_number)?);
    batch.uploads = opened.part_upload_requests;
    batch.uploads.sort_by_key(|u| u.ordinal_number);
    batch.uploaded = 0;
    folder.keep_batch(id, batch)
}

async fn upload(api: &Api, folder: &Folder, id: &Digest, batch: &mut Batch) -> Result<()> {
    let wanted: Vec<u32> = batch.file.file_parts.iter().map(|p| p.ordinal_number).collect();
    if !batch.uploads.iter().map(|u| u.ordinal_number).eq(wanted.iter().copied()) {
        return Err(Error::new(
            ErrorKind::Unexpected,
            "KSeF asked for parts that the batch does not have",
        ));
    }
    while let Some(to) = batch.uploads.get(batch.uploaded) {
        let path = part_path(&folder.batch_folder(id), to.ordinal_number);
        let part = std::fs::read(&path).at_path("read", &path)?;
        api.http.upload(to, part).await?;
        batch.uploaded += 1;
        folder.keep_batch(id, batch)?;
    }
    Ok(())
}

/// From here on each invoice may be in KSeF. The batch itself is on the disk, and these notes follow
/// from it.
fn note(folder: &Folder, batch: &Batch) -> Result<()> {
    for named in &batch.invoices {
        folder.keep_unsynced(&Entry {
            invoice: named.invoice,
            seller: named.seller.clone(),
            number: named.number.clone(),
            offline: batch.offline,
            corrects: None,
            session: batch.session.clone(),
            reference: None,
            state: InvoiceState::Pending { code: 100 },
            undecrypted: 0,
            receipt: None,
        })?;
    }
    Ok(())
}

async fn close(api: &Api, batch: &Batch) -> Result<()> {
    let Some(session) = &batch.session else { return Ok(()) };
    match api.close_batch(session).await {
        Err(e) if e.reported().is_some_and(|r| r.code == 21180) => {
            // An earlier close whose answer was lost.
            match api.session(session).await?.status.code {
                100 => Err(e),
                _ => Ok(()),
            }
        }
        other => other,
    }
}

/// Removes encrypted parts that are not needed any more.
fn discard(parts: &Path) -> Result<()> {
    match std::fs::remove_dir_all(parts) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::new("remove", parts, e).into())
        }
        _ => Ok(()),
    }
}
