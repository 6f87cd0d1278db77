//! Totals by rate, and what is to be paid.

use super::at::{At, Built};
use crate::amount::{cents, format_amount};
use crate::model::{Kind, Line, Rate, Total};
use crate::payload;
use crate::rules::{BUCKETS, MARGIN, OSS, bucket_of};
use crate::schema::{RATE, Text};
use rust_decimal::Decimal;

/// The values of one rate.
struct Group {
    bucket: usize,
    rate: Decimal,
    net: Decimal,
    gross: Decimal,
    /// Tax in PLN by the rates of exchange of the lines; none when one has none.
    pln: Option<Decimal>,
}

/// What totals are made from.
pub struct Sums<'a> {
    pub kind: Kind,
    pub foreign: bool,
    pub exchange: Option<Decimal>,
    pub lines: &'a [Line],
    pub order: &'a [Line],
    pub payload: &'a payload::Payload,
    pub gross: Decimal,
}

impl Sums<'_> {
    /// The totals, which agree with what the record says is to be paid.
    pub fn totals(&self) -> Built<Vec<Total>> {
        let stated = &self.payload.ksef.totals;
        let (totals, groups) =
            if stated.is_empty() { self.computed()? } else { (self.stated(stated)?, 0) };
        self.agreed(totals, groups)
    }

    fn stated(&self, stated: &[payload::Total]) -> Built<Vec<Total>> {
        let (ksef, mut totals) = (At::Field(&At::Top, "ksef"), Vec::<Total>::new());
        let list = ksef.field("totals");
        for (index, total) in stated.iter().enumerate() {
            let at = list.item(index);
            let rate = at.field("vat_rate").text(&total.vat_rate, RATE)?;
            let Some((bucket, percent)) = bucket_of(&rate) else {
                return Err(at.field("vat_rate").refuse(format!("{rate:?} is not a valid rate")));
            };
            let net = at.field("net").number(&total.net, Text::Amount)?;
            let vat = at.field("vat").number_maybe(total.vat.as_ref(), Text::Amount)?;
            let pln = at.field("vat_pln").number_maybe(total.vat_pln.as_ref(), Text::Amount)?;
            let computed = cents(net * Decimal::new(percent.into(), 2));
            let vat = match (BUCKETS[bucket].vat, vat) {
                (None, Some(vat)) if !vat.is_zero() => {
                    return Err(at.field("vat").refuse(format!("is {vat}, but {rate} has no tax")));
                }
                (None, _) => None,
                (Some(_), Some(vat)) if (vat - computed).abs() > Decimal::new(2, 2) => {
                    let why = format!(
                        "is {}, but the rate gives {}",
                        format_amount(vat),
                        format_amount(computed)
                    );
                    return Err(at.field("vat").refuse(why));
                }
                (Some(_), vat) => Some(vat.unwrap_or(computed)),
            };
            if totals.iter().any(|t| t.bucket == bucket) {
                let why = format!("counts in {}, as an earlier one does", BUCKETS[bucket].net);
                return Err(at.refuse(why));
            }
            let pln = match pln {
                Some(pln) if !self.foreign => {
                    let why =
                        format!("is {}, but the invoice is in PLN already", format_amount(pln));
                    return Err(at.field("vat_pln").refuse(why));
                }
                None => self.converted(vat)?,
                given => given,
            };
            totals.push(Total { bucket, net, vat, pln });
        }
        totals.sort_by_key(|total| total.bucket);
        Ok(totals)
    }

    /// The tax in PLN by the rate of exchange of the whole invoice.
    fn converted(&self, vat: Option<Decimal>) -> Built<Option<Decimal>> {
        let Some(vat) = vat.filter(|vat| self.foreign && !vat.is_zero()) else { return Ok(None) };
        let at = At::Field(&At::Top, "ksef");
        let exchange =
            self.exchange.ok_or_else(|| at.field("exchange_rate").refuse(self.no_rate()))?;
        let pln = vat.checked_mul(exchange).map(cents);
        pln.map(Some)
            .ok_or_else(|| at.field("exchange_rate").refuse("gives a tax that is too large"))
    }

    fn no_rate(&self) -> String {
        format!(
            "is missing: the tax of an invoice in {} is owed in PLN; give PLN for one {}",
            self.payload.gross.currency, self.payload.gross.currency
        )
    }

    fn computed(&self) -> Built<(Vec<Total>, usize)> {
        let ksef = At::Field(&At::Top, "ksef");
        let missing = |why: &str| Err(ksef.field("totals").refuse(format!("is missing: {why}")));
        match self.kind {
            Kind::Roz | Kind::KorRoz => {
                return missing("a final invoice states what remains after its advances");
            }
            Kind::KorZal => return missing("a corrected advance states its differences by rate"),
            Kind::Zal => return self.advance(),
            Kind::Vat | Kind::Kor | Kind::Upr => {}
        }
        let mut groups: Vec<Group> = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            let lines = At::Field(&At::Top, "lines");
            let at = lines.item(index);
            if line.net.is_none() && line.gross.is_none() {
                return match self.kind {
                    Kind::Vat => Err(at.field("net").refuse(
                        "is missing: give net or gross, or quantity with net_price or gross_price",
                    )),
                    _ => missing("a line has no value, so that totals do not follow from lines"),
                };
            }
            add(&mut groups, &at, line)?;
        }
        let mut totals: Vec<Total> = Vec::new();
        for group in &groups {
            let total = self.total(group)?;
            match totals.iter_mut().find(|t| t.bucket == total.bucket) {
                None => totals.push(total),
                Some(sum) => {
                    sum.net += total.net;
                    sum.vat = sum.vat.zip(total.vat).map(|(a, b)| a + b);
                    sum.pln = sum.pln.zip(total.pln).map(|(a, b)| a + b);
                }
            }
        }
        totals.sort_by_key(|total| total.bucket);
        Ok((totals, groups.len()))
    }

    fn total(&self, group: &Group) -> Built<Total> {
        let bucket = &BUCKETS[group.bucket];
        let within = group.gross.checked_div(Decimal::ONE + group.rate).unwrap_or_default();
        let of_gross = cents(group.gross - within);
        let net = group.net + group.gross - of_gross;
        let vat = bucket.vat.map(|_| cents(group.net * group.rate) + of_gross);
        let owed = vat.filter(|vat| self.foreign && !vat.is_zero());
        let pln = match (bucket.pln, owed) {
            (Some(_), Some(_)) => match group.pln {
                Some(pln) => Some(cents(pln)),
                None => self.converted(vat)?,
            },
            _ => None,
        };
        Ok(Total { bucket: group.bucket, net, vat, pln })
    }

    /// An advance on an order of one rate holds the tax of that rate.
    fn advance(&self) -> Built<(Vec<Total>, usize)> {
        let ksef = At::Field(&At::Top, "ksef");
        let first = self.order.first().and_then(|line| line.rate.clone());
        let same = self.order.iter().all(|line| line.rate == first);
        let Some((Rate::Domestic(rate), true)) = first.map(|rate| (rate, same)) else {
            let why =
                "is missing: an advance on an order of several rates states its parts by rate";
            return Err(ksef.field("totals").refuse(why));
        };
        let (bucket, percent) = bucket_of(&rate).unwrap_or((0, 0));
        let rate = Decimal::new(percent.into(), 2);
        let group = Group { bucket, rate, net: Decimal::ZERO, gross: self.gross, pln: None };
        Ok((vec![self.total(&group)?], 1))
    }

    /// Makes the totals agree with what the record says. Where one rate alone makes the tax, it may
    /// have been rounded in another way than ours, by a hundredth.
    fn agreed(&self, mut totals: Vec<Total>, groups: usize) -> Built<Vec<Total>> {
        let refuse = |name, stated: Decimal, computed: Decimal| {
            let (stated, computed) = (format_amount(stated), format_amount(computed));
            let at = At::Field(&At::Top, name);
            at.field("amount")
                .refuse(format!("is {stated}, but the lines or totals give {computed}"))
        };
        let net: Decimal = totals.iter().map(|t| t.net).sum();
        if let Some(money) = &self.payload.net {
            let top = At::Field(&At::Top, "net");
            let stated = top.field("amount").number(&money.amount, Text::Amount)?;
            if money.currency != self.payload.gross.currency {
                let why = format!(
                    "is {}, but gross is in {}",
                    money.currency, self.payload.gross.currency
                );
                return Err(top.field("currency").refuse(why));
            }
            if stated != net {
                return Err(refuse("net", stated, net));
            }
        }
        let vat: Decimal = totals.iter().filter_map(|t| t.vat).sum();
        let off = self.gross - (net + vat);
        if off.is_zero() {
            return Ok(totals);
        }
        let taxed = totals.iter_mut().find_map(|t| t.vat.as_mut());
        match taxed {
            Some(vat) if groups == 1 && off.abs() <= Decimal::new(1, 2) => *vat += off,
            _ => return Err(refuse("gross", self.gross, net + vat)),
        }
        Ok(totals)
    }
}

fn add(groups: &mut Vec<Group>, at: &At<'_>, line: &Line) -> Built<()> {
    let (bucket, rate) = match &line.rate {
        Some(Rate::Domestic(rate)) => {
            let (bucket, percent) = bucket_of(rate).unwrap_or((0, 0));
            (bucket, Decimal::new(percent.into(), 2))
        }
        Some(Rate::Oss(percent)) => (OSS, *percent / Decimal::ONE_HUNDRED),
        None => (MARGIN, Decimal::ZERO),
    };
    let at_group = groups.iter().position(|g| g.bucket == bucket && g.rate == rate);
    let index = at_group.unwrap_or_else(|| {
        let (net, gross) = Default::default();
        groups.push(Group { bucket, rate, net, gross, pln: Some(Decimal::ZERO) });
        groups.len() - 1
    });
    let group = &mut groups[index];
    let sign = if line.before { -Decimal::ONE } else { Decimal::ONE };
    let large = || at.refuse("is too large to be counted");
    let vat = match (line.net, line.gross) {
        (Some(net), None) => {
            group.net += sign * net;
            net.checked_mul(rate).ok_or_else(large)?
        }
        (None, Some(gross)) if bucket == MARGIN => {
            group.net += sign * gross;
            Decimal::ZERO
        }
        (None, Some(gross)) => {
            group.gross += sign * gross;
            gross - gross.checked_div(Decimal::ONE + rate).ok_or_else(large)?
        }
        _ => return Err(at.refuse("has both a net and a gross value; give one")),
    };
    group.pln = match (group.pln, line.exchange) {
        (Some(sum), Some(exchange)) => {
            Some(sum + sign * vat.checked_mul(exchange).ok_or_else(large)?)
        }
        _ => None,
    };
    Ok(())
}
