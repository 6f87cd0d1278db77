//! Records a submission in the scenario: the invoice again with its KSeF number and its receipt's
//! digest, and its payments likewise. Records are never changed, so these supersede the earlier
//! ones.

use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::ksef::{InvoiceState, Submitted};
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{
    CallCx, Digest, Kind, NewRecord, Payload, Record, RecordId, ScenarioStore,
};
use flowcontrol_ksef_invoice as invoice;
use futures::StreamExt;
use serde_json::{Map, Value, json};

/// The record of an invoice.
///
/// # Errors
/// When the tenant has no such record, or it is not an invoice.
pub async fn invoice(store: &dyn ScenarioStore, call: &CallCx, id: &RecordId) -> Result<Record> {
    let Some(record) = store.get(call, id).await? else {
        return Err(Failure::check(format!("{} has no record {id}", call.tenant)));
    };
    if record.kind != Kind::Invoice {
        return Err(Failure::usage(format!(
            "{id} is a record of {}, not of an invoice",
            record.kind
        )));
    }
    Ok(record)
}

/// Checks that a file is the invoice of the record, by the invoice number.
///
/// # Errors
/// When the numbers differ.
pub fn same_number(record: &Record, xml: &[u8]) -> Result<()> {
    let written = invoice::summary(xml).map_err(|f| Failure::usage(f.to_string()))?.number;
    let recorded = text(&fields(record)?, "invoice_no");
    if written == recorded {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the file is invoice {written:?}, and {} is invoice {recorded:?}",
        record.id
    )))
}

fn fields(record: &Record) -> Result<Map<String, Value>> {
    serde_json::from_str(record.payload.as_str())
        .map_err(|e| Failure::check(format!("{} cannot be read: {e}", record.id)))
}

fn text(fields: &Map<String, Value>, name: &str) -> String {
    fields.get(name).and_then(Value::as_str).unwrap_or("").to_owned()
}

/// Appends the records that follow from an accepted invoice, and returns their ids. Repeating it
/// appends only what is still missing, such as a payment recorded later.
///
/// The store's error.
/// When the store refuses.
pub async fn note(
    store: &dyn ScenarioStore,
    call: &CallCx,
    record: &Record,
    submitted: &Submitted,
    upo: Option<Digest>,
) -> Result<Vec<RecordId>> {
    let (InvoiceState::Accepted { number, at, .. }, Some(upo)) = (&submitted.state, upo) else {
        return Ok(Vec::new());
    };
    let number_in_scenario = text(&fields(record)?, "invoice_no");
    let mut superseded = vec![record.clone()];
    let mut batches = store.read(call, 0).await?;
    while let Some(batch) = batches.next().await {
        for other in batch? {
            let payment = other.kind == Kind::Payment && !other.id.as_str().ends_with(SUFFIX);
            if payment && text(&fields(&other)?, "invoice_no") == number_in_scenario {
                superseded.push(other);
            }
        }
    }
    let mut new = Vec::new();
    for old in &superseded {
        let id = RecordId::new(format!("{}{SUFFIX}", old.id))?;
        if store.get(call, &id).await?.is_some() {
            continue;
        }
        let mut payload = fields(old)?;
        payload.insert("ksef_no".to_owned(), json!(number));
        payload.insert("ksef_upo_sha256".to_owned(), json!(upo));
        payload.insert("ksef_invoice_sha256".to_owned(), json!(submitted.invoice));
        payload.insert("supersedes".to_owned(), json!(old.id));
        let payload = Payload::parse(&Value::Object(payload).to_string())?;
        let when = at.unwrap_or(old.occurred_at);
        new.push(NewRecord::new(id, old.kind, old.actor.clone(), when, payload)?);
    }
    if new.is_empty() {
        return Ok(Vec::new());
    }
    store.append(call, Expected::Any, &new).await?;
    Ok(new.into_iter().map(|r| r.id).collect())
}

/// Suffix of the id of a record that supersedes another.
const SUFFIX: &str = "/ksef";
