//! Sample tenants, actors and records.

use super::expect::Outcome;
use flowcontrol_contract::{
    Actor, ActorId, Error, Kind, NewRecord, Payload, Record, RecordId, Roster, TenantId, Timestamp,
};

/// Names that a careless store confuses: by case, by wildcard, by path, by quoting, by Unicode
/// normalisation, by look-alike letters, by length.
const TENANTS: [&str; 15] = [
    "bfg",
    "BFG",
    "bfg_",
    "bfg%",
    "bfg/..",
    "..",
    "b\u{0444}g",
    "bfg' OR '1'='1",
    "bfg\"; \\ $1",
    "\u{0141}\u{00f3}d\u{017a}",
    "\u{0141}o\u{0301}dz\u{0301}",
    "\u{041b}\u{044c}\u{0432}\u{0456}\u{0432} \u{1f69a}",
    "\u{0634}\u{062d}\u{0646}",
    concat!(
        "0123456789012345678901234567890123456789012345678901234567890123456789",
        "0123456789012345678901234567890123456789012345678901234567890123456789",
        "01234567890123456789012345678901234567890123456789012345678a"
    ),
    concat!(
        "0123456789012345678901234567890123456789012345678901234567890123456789",
        "0123456789012345678901234567890123456789012345678901234567890123456789",
        "01234567890123456789012345678901234567890123456789012345678b"
    ),
];

/// The tenants that a fixture's stores must support. The cases enroll them.
pub fn tenants() -> Vec<TenantId> {
    // All of them parse, as the test below shows.
    TENANTS.iter().filter_map(|text| TenantId::new(text).ok()).collect()
}

/// The tenant at `place` of [`tenants`].
pub(crate) fn tenant(place: usize) -> Outcome<TenantId> {
    let text = TENANTS.get(place).ok_or_else(|| format!("no sample tenant {place}"))?;
    valid(TenantId::new(text))
}

/// The value of a constructor that was called with valid text.
pub(crate) fn valid<T>(result: Result<T, Error>) -> Outcome<T> {
    result.map_err(|e| format!("the suite's own sample is invalid: {}", e.chain()))
}

/// An actor's id.
pub(crate) fn actor_id(text: &str) -> Outcome<ActorId> {
    valid(ActorId::new(text))
}

/// A record's id.
pub(crate) fn record_id(text: &str) -> Outcome<RecordId> {
    valid(RecordId::new(text))
}

/// An actor; everything but the id depends on `name`.
pub(crate) fn actor(id: &str, name: &str) -> Outcome<Actor> {
    Ok(Actor {
        id: actor_id(id)?,
        display_name: name.to_owned(),
        organisation: format!("Organisation of {name}"),
        role: "dispatcher".into(),
        permissions: vec!["orders:read".into(), "orders:write".into(), "wgląd: ż".into()],
    })
}

/// A roster of three actors; two have the same ids in every tenant, with other names. Two share an
/// organisation, and one has no permissions.
pub(crate) fn roster(tenant: &TenantId) -> Outcome<Roster> {
    let mut actors = [
        actor("anna", &format!("Anna Żółć of {tenant}"))?,
        actor("marek", &format!("Марко Шевченко of {tenant}"))?,
        actor(&own_actor(tenant), "Own 🚚")?,
    ];
    actors[1].organisation = actors[0].organisation.clone();
    actors[2].permissions.clear();
    valid(Roster::new(tenant.clone(), format!("Tenant {tenant}"), actors.to_vec()))
}

/// The id of the actor that no other sample tenant has.
pub(crate) fn own_actor(tenant: &TenantId) -> String {
    let place = TENANTS.iter().position(|text| *text == tenant.as_str());
    format!("own-{}", place.unwrap_or(TENANTS.len()))
}

/// The payload of the `n`th sample record of a kind.
fn payload(kind: Kind, n: u64) -> Outcome<Payload> {
    let text = match kind {
        Kind::Order => format!(
            r#"{{"order_no":"BFG/{n}","client":"Львів Фарма","origin":"Rzeszów",
                "destination":"Львів","status":"new",
                "price":{{"amount":"{n}.50","currency":"EUR"}}}}"#
        ),
        Kind::Document => format!(
            r#"{{"document_no":"CMR-{n}","document_type":"cmr","order_no":"BFG/{n}",
                "title":"List przewozowy \"{n}\" \\ Łódź"}}"#
        ),
        // Every other invoice has no KSeF number yet.
        Kind::Invoice => format!(
            r#"{{"invoice_no":"FV/{n}","order_no":"BFG/{n}","buyer":"Żółw i S-ka",
                "gross":{{"amount":"-{n}.000001","currency":"PLN"}}{}}}"#,
            if n.is_multiple_of(2) { r#","ksef_no":"K-1""# } else { "" }
        ),
        Kind::Payment => format!(
            r#"{{"payment_no":"P{n}","invoice_no":"FV/{n}","method":"transfer",
                "paid":{{"amount":"999999999999999.999999","currency":"UAH"}}}}"#
        ),
        _ => format!(r#"{{"note":"{kind} {n}","n":{n},"nested":{{"b":[1,2,{n}],"a":null}}}}"#),
    };
    valid(Payload::parse(&text))
}

/// The `n`th sample record: kinds and actors alternate, and later records are not always later in
/// time, since a history is ordered by sequence number.
pub(crate) fn record(n: u64) -> Outcome<NewRecord> {
    let place = usize::try_from(n).map_err(|e| e.to_string())?;
    let kind = Kind::ALL[place % Kind::ALL.len()];
    let micros = i64::try_from(n * 7919 % 1_000_003).map_err(|e| e.to_string())?;
    valid(NewRecord::new(
        record_id(&format!("rec-{n}"))?,
        kind,
        actor_id(if n.is_multiple_of(2) { "anna" } else { "marek" })?,
        valid(Timestamp::from_micros(1_772_346_600_000_000 + micros))?,
        payload(kind, n)?,
    ))
}

/// The sample records from `first` to `last`.
pub(crate) fn records(first: u64, last: u64) -> Outcome<Vec<NewRecord>> {
    (first..=last).map(record).collect()
}

/// The sample records from `first` to `last` as stored in a tenant's history.
pub(crate) fn history(tenant: &TenantId, first: u64, last: u64) -> Outcome<Vec<Record>> {
    (first..=last).map(|n| Ok(record(n)?.placed(tenant.clone(), n))).collect()
}

/// A note with this id and payload.
pub(crate) fn note(id: &str, payload: &str) -> Outcome<NewRecord> {
    valid(NewRecord::new(
        record_id(id)?,
        Kind::Risk,
        actor_id("anna")?,
        valid(Timestamp::from_micros(1_772_346_600_000_000))?,
        valid(Payload::parse(payload))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::{TENANTS, history, own_actor, roster, tenants};
    use flowcontrol_contract::id::MAX_ID_BYTES;
    use std::collections::BTreeSet;

    #[test]
    fn every_sample_is_valid_and_distinct() {
        let all = tenants();
        assert_eq!(all.len(), TENANTS.len());
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), TENANTS.len());
        assert_eq!(all.last().unwrap().as_str().len(), MAX_ID_BYTES);
        for tenant in &all {
            assert_eq!(roster(tenant).unwrap().actors.len(), 3);
        }
        assert_eq!(all.iter().map(own_actor).collect::<BTreeSet<_>>().len(), TENANTS.len());
        assert_eq!(history(&all[0], 1, 40).unwrap().len(), 40);
    }
}
