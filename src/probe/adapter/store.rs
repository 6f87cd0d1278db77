//! The probe of a scenario store: the contract's rules for reading, checked on the store's own records.

use super::found;
use flowcontrol_contract::{CallCx, Error, Port, Record, Result, ScenarioStore, TenantId};
use flowcontrol_evidence::CheckResult;
use futures::StreamExt;
use serde_json::json;

/// The id of a tenant that is not enrolled.
const UNKNOWN_TENANT: &str = "flowcontrol-probe-nobody";

/// What was read.
#[derive(Default)]
struct Seen {
    tenants: usize,
    actors: usize,
    records: u64,
}

/// Calls every reading method of `store` and compares the results with each other.
pub async fn store(kind: &str, store: &dyn ScenarioStore) -> CheckResult {
    let info = store.info();
    let mut seen = Seen::default();
    let outcome = match look(store, &mut seen).await {
        Err(error) => Err(error.chain()),
        Ok(Some(why)) => Err(why),
        Ok(None) if info.port != Port::Store || info.kind != kind => {
            Err(format!("it identifies itself as {} {}", info.port, info.kind))
        }
        Ok(None) => Ok(format!(
            "{} tenants with {} actors and {} records can be read as the contract requires",
            seen.tenants, seen.actors, seen.records
        )),
    };
    let figures = json!({"kind": kind, "mode": info.mode, "endpoint": info.endpoint,
        "tenants": seen.tenants, "actors": seen.actors, "records": seen.records});
    let figures = figures.as_object().cloned().unwrap_or_default();
    found(Port::Store.name(), "store adapter".to_owned(), outcome, figures)
}

/// A description of the first violation of the contract; `None` if there is none.
async fn look(store: &dyn ScenarioStore, seen: &mut Seen) -> Result<Option<String>> {
    let tenants = store.tenants().await?;
    let mut last: Vec<(TenantId, Record)> = Vec::new();
    for tenant in &tenants {
        let cx = CallCx::tenant(tenant.clone());
        let Some(roster) = store.roster(&cx).await? else { continue };
        seen.tenants += 1;
        seen.actors += roster.actors.len();
        let head = store.head(&cx).await?;
        seen.records += head;
        let tail = tail(store, &cx, head).await?;
        match (head, tail) {
            (0, None) => {}
            (_, Some(record)) if record.seq == head && record.tenant == *tenant => {
                if store.get(&cx, &record.id).await?.as_ref() != Some(&record) {
                    return Ok(Some(format!(
                        "{tenant}: record {head} differs when read by its id"
                    )));
                }
                if !roster.has(&record.actor) {
                    return Ok(Some(format!("{tenant}: record {head} is by an unknown actor")));
                }
                last.push((tenant.clone(), record));
            }
            _ => return Ok(Some(format!("{tenant}: its history does not end with record {head}"))),
        }
    }
    for (owner, record) in &last {
        let nobody = TenantId::new(UNKNOWN_TENANT)?;
        for other in tenants.iter().chain([&nobody]).filter(|t| *t != owner) {
            let cx = CallCx::tenant(other.clone());
            // The other tenant may have a record with the same id; it must not be this one.
            if store.get(&cx, &record.id).await?.is_some_and(|found| found.tenant == *owner) {
                return Ok(Some(format!("a record of {owner} is visible to {other}")));
            }
        }
    }
    Ok(None)
}

/// The last record, read from the end of the history.
async fn tail(store: &dyn ScenarioStore, cx: &CallCx, head: u64) -> Result<Option<Record>, Error> {
    let mut batches = store.read(cx, head.saturating_sub(1)).await?;
    let mut last = None;
    while let Some(batch) = batches.next().await {
        // Another process may append meanwhile.
        last = batch?.into_iter().find(|r| r.seq == head).or(last);
    }
    Ok(last)
}
