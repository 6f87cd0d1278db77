//! Trips, one after another: an order, its events, documents, invoice and payment.

use super::words::{
    CLIENT_NOTES, COMPANIES, CROSSINGS, DISPATCH_NOTES, DRIVER_NOTES, GOODS, RISKS, TOWNS,
};
use flowcontrol_contract::{
    ActorId, Digest, Error, Kind, NewRecord, Payload, RecordId, Result, Roster, Timestamp,
};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// 2026-03-01T05:00:00Z, when the demo's first day begins.
const START_MICROS: i64 = 1_772_341_200_000_000;
const MINUTE: i64 = 60_000_000;

/// An endless, deterministic sequence of a tenant's records.
#[derive(Debug)]
pub struct Story {
    actors: Vec<(String, ActorId)>,
    dice: Dice,
    trip: u64,
    clock: i64,
    next: u64,
    pending: VecDeque<(Kind, &'static str, i64, Value)>,
}

/// SplitMix64: small, published and stable across versions, which a library's default generator
/// does not guarantee.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = self.below(from.len() as u64);
        &from[usize::try_from(index).unwrap_or(0)]
    }
}

/// An amount in hundredths as a decimal string.
fn amount(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

impl Story {
    /// The story of the tenant at `index` of a demo with `seed`.
    pub fn new(roster: &Roster, seed: u64, index: u32) -> Self {
        Self {
            actors: roster.actors.iter().map(|a| (a.role.clone(), a.id.clone())).collect(),
            dice: Dice(seed ^ (u64::from(index) << 32)),
            trip: 0,
            clock: START_MICROS,
            next: 0,
            pending: VecDeque::new(),
        }
    }

    fn actor(&self, role: &str) -> Result<ActorId> {
        self.actors
            .iter()
            .find(|(r, _)| r == role)
            .map(|(_, id)| id.clone())
            .ok_or_else(|| Error::invalid(format!("the demo roster has no {role}")))
    }

    /// Plans the records of the next trip.
    fn plan_trip(&mut self) {
        self.trip += 1;
        let dice = &mut self.dice;
        let order_no = format!("BFG/{:06}", self.trip);
        let invoice_no = format!("FV/2026/{:06}", self.trip);
        let client = *dice.pick(&COMPANIES);
        let (origin, from) = *dice.pick(&TOWNS);
        let (destination, to) = *dice.pick(&TOWNS);
        let distance = from.abs_diff(to).max(35);
        let goods = *dice.pick(&GOODS);
        let pallets = 1 + dice.below(33);
        let net = u64::from(distance) * (110 + dice.below(60)) + dice.below(100);
        let gross = net + net * 23 / 100;
        let currency = *dice.pick(&["PLN", "EUR", "UAH"]);
        let mut at = 0;
        let mut add = |kind, role, minutes: i64, payload| {
            at += minutes * MINUTE;
            self.pending.push_back((kind, role, at, payload));
        };
        add(
            Kind::ClientEvent,
            "client",
            0,
            json!({"order_no": order_no, "action": "requested", "note": dice.pick(&CLIENT_NOTES)}),
        );
        add(
            Kind::Order,
            "dispatcher",
            7,
            json!({"order_no": order_no, "client": client,
            "origin": origin, "destination": destination, "status": "accepted",
            "price": {"amount": amount(net), "currency": currency},
            "goods": goods, "pallets": pallets, "distance_km": distance}),
        );
        add(
            Kind::DispatchEvent,
            "dispatcher",
            12,
            json!({"order_no": order_no, "action": "assigned",
            "truck": format!("RZ {:04}A", dice.below(10_000)), "note": dice.pick(&DISPATCH_NOTES)}),
        );
        for (step, action) in ["loaded", "at_border", "delivered"].into_iter().enumerate() {
            let minutes = 40 + i64::try_from(dice.below(180)).unwrap_or(0);
            add(
                Kind::DriverEvent,
                "driver",
                minutes,
                json!({"order_no": order_no, "action": action,
                "crossing": if step == 1 { Some(*dice.pick(&CROSSINGS)) } else { None },
                "position": {"lat": 49.0 + f64::from(u32::try_from(dice.below(400)).unwrap_or(0)) / 100.0,
                             "lon": 20.0 + f64::from(u32::try_from(dice.below(1000)).unwrap_or(0)) / 100.0},
                "note": dice.pick(&DRIVER_NOTES)}),
            );
        }
        if dice.below(4) == 0 {
            let (code, note) = *dice.pick(&RISKS);
            add(
                Kind::Risk,
                "dispatcher",
                3,
                json!({"order_no": order_no, "code": code,
                "severity": dice.pick(&["low", "medium", "high"]), "note": note}),
            );
        }
        add(
            Kind::Document,
            "driver",
            9,
            json!({"document_no": format!("CMR-{:07}", self.trip), "document_type": "cmr",
            "order_no": order_no, "title": format!("CMR {origin} – {destination}"), "pages": 1 + dice.below(4)}),
        );
        let photo = Digest::of(format!("{order_no}/{}", dice.roll()));
        add(
            Kind::Evidence,
            "driver",
            2,
            json!({"order_no": order_no, "proof": "delivery_photo",
            "sha256": photo, "bytes": 180_000 + dice.below(900_000)}),
        );
        add(
            Kind::Invoice,
            "accountant",
            95,
            json!({"invoice_no": invoice_no, "order_no": order_no, "buyer": client,
            "net": {"amount": amount(net), "currency": currency}, "gross": {"amount": amount(gross), "currency": currency},
            "vat_rate": "23", "lines": [{"name": format!("Transport {origin} – {destination}"), "quantity": 1}]}),
        );
        if dice.below(5) != 0 {
            add(
                Kind::Payment,
                "accountant",
                1440,
                json!({"payment_no": format!("PAY-{:07}", self.trip), "invoice_no": invoice_no,
                "method": dice.pick(&["przelew", "split_payment", "готівка"]),
                "paid": {"amount": amount(gross), "currency": currency}}),
            );
        }
        let day_part = i64::try_from(self.dice.below(90)).unwrap_or(0);
        let begin = self.clock;
        for planned in &mut self.pending {
            planned.2 += begin;
        }
        self.clock += (15 + day_part) * MINUTE + 1_001;
    }
}

impl Iterator for Story {
    type Item = Result<NewRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.pending.is_empty() {
            self.plan_trip();
        }
        let (kind, role, at, payload) = self.pending.pop_front()?;
        self.next += 1;
        let record = || {
            NewRecord::new(
                RecordId::new(format!("{}-{:08}", kind.name(), self.next))?,
                kind,
                self.actor(role)?,
                Timestamp::from_micros(at)?,
                Payload::parse(&payload.to_string())?,
            )
        };
        Some(record())
    }
}
