//! Tenants, actors and records that the tests write.

use flowcontrol_contract::store::{Batches, Chunk, Expected};
use flowcontrol_contract::{
    Actor, ActorId, CallCx, Digest, NewRecord, Record, Result, Roster, ScenarioStore, TenantId,
};
use futures::TryStreamExt;

pub fn tenant(id: &str) -> TenantId {
    TenantId::new(id).unwrap()
}

pub fn cx(id: &str) -> CallCx {
    CallCx::tenant(tenant(id))
}

pub fn actor(id: &str, permissions: &[&str]) -> Actor {
    Actor {
        id: ActorId::new(id).unwrap(),
        display_name: format!("Name of {id}"),
        organisation: "Dispatch desk".into(),
        role: "dispatcher".into(),
        permissions: permissions.iter().map(|p| (*p).to_owned()).collect(),
    }
}

pub fn roster(id: &str) -> Roster {
    let actors = vec![actor("anna", &["read", "write"]), actor("marek", &[])];
    Roster::new(tenant(id), format!("Tenant {id}"), actors).unwrap()
}

/// The `n`th record; its payload says whose it is.
pub fn record(tenant: &str, n: u64) -> NewRecord {
    let (kind, fields) = match n % 5 {
        0 => (
            "order",
            format!(
                r#""order_no":"O{n}","client":"Львів","origin":"Rzeszów","destination":"Łódź",
                   "status":"new","price":{{"amount":"{n}.50","currency":"EUR"}}"#
            ),
        ),
        1 => (
            "document",
            format!(
                r#""document_no":"D{n}","document_type":"cmr","order_no":"O{n}","title":"T\"{n}\\""#
            ),
        ),
        2 => (
            "invoice",
            format!(
                r#""invoice_no":"F{n}","order_no":"O{n}","buyer":"B",
                   "gross":{{"amount":"-{n}.000001","currency":"PLN"}}"#
            ),
        ),
        3 => (
            "payment",
            format!(
                r#""payment_no":"P{n}","invoice_no":"F{n}","method":"transfer",
                   "paid":{{"amount":"999999999999999.999999","currency":"UAH"}}"#
            ),
        ),
        _ => ("risk", r#""huge":1e300,"tiny":5e-324,"list":[1,2.5,null,true]"#.to_owned()),
    };
    let text = format!(
        r#"{{"id":"r{n}","kind":"{kind}","actor":"anna","occurred_at":"2026-03-01T06:30:00.{:06}Z",
            "payload":{{"of":{},{fields}}}}}"#,
        n % 1_000_000,
        serde_json::Value::from(tenant)
    );
    NewRecord::from_json(&text).unwrap()
}

pub fn records(tenant: &str, from: u64, to: u64) -> Vec<NewRecord> {
    (from..=to).map(|n| record(tenant, n)).collect()
}

/// Records as they stand in a history that holds nothing else.
pub fn placed(id: &str, from: u64, to: u64) -> Vec<Record> {
    (from..=to).map(|n| record(id, n).placed(tenant(id), n)).collect()
}

pub async fn enroll(store: &dyn ScenarioStore, ids: &[&str]) {
    for id in ids {
        store.enroll(&cx(id), &roster(id)).await.unwrap();
    }
}

pub async fn fill(store: &dyn ScenarioStore, id: &str, from: u64, to: u64) {
    store.append(&cx(id), Expected::Any, &records(id, from, to)).await.unwrap();
}

pub async fn drain(batches: Batches) -> Result<Vec<Record>> {
    batches.try_concat().await
}

pub async fn read(store: &dyn ScenarioStore, id: &str) -> Vec<Record> {
    drain(store.read(&cx(id), 0).await.unwrap()).await.unwrap()
}

pub fn snapshot() -> Digest {
    Digest::of("snapshot")
}

pub fn chunk(records: &[Record]) -> Chunk<'_> {
    Chunk { snapshot: snapshot(), records }
}
