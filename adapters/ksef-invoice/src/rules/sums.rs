//! Totals against lines, tax against totals, and what is to be paid.

use super::facts::{BUCKETS, Facts, MARGIN};
use crate::amount::{cents, format_amount};
use crate::document::Report;
use crate::finding::Severity;
use roxmltree::Node;
use rust_decimal::Decimal;

/// The lines of one rate together.
struct Group {
    bucket: usize,
    rate: Decimal,
    net: Decimal,
    gross: Decimal,
    vat: Decimal,
    every_vat: bool,
    lines: i64,
}

impl Group {
    /// The net value: gross prices hold their tax.
    fn whole_net(&self) -> Decimal {
        self.net + self.gross.checked_div(Decimal::ONE + self.rate).unwrap_or_default()
    }
}

/// What the lines of one bucket say.
#[derive(Clone, Copy, Default)]
struct Computed {
    net: Decimal,
    vat: Decimal,
    stated_vat: Option<Decimal>,
    lines: i64,
}

pub fn judge(report: &mut Report<'_, '_>, facts: &Facts<'_, '_>) {
    let computed = from_lines(facts);
    for (index, bucket) in BUCKETS.iter().enumerate() {
        if let Some(computed) = &computed {
            let of_lines = computed[index];
            let place = facts.net[index].map(|(_, node)| node);
            let parties = Compared {
                place,
                name: bucket.net,
                rule: "sum.net",
                stated: facts.net_of(index),
                computed: cents(of_lines.net),
                tolerance: rounding(of_lines.lines),
                of: "the lines of its rate",
            };
            parties.judge(report, facts.fa);
        }
        tax(report, facts, index, computed.as_ref().map(|all| all[index]));
    }
    payable(report, facts);
}

/// Each rounded value may be off by one hundredth.
fn rounding(values: i64) -> Decimal {
    Decimal::new(values.max(1), 2)
}

/// A value of the invoice beside the one that follows from others.
struct Compared<'a, 'x> {
    place: Option<Node<'a, 'x>>,
    name: &'static str,
    rule: &'static str,
    stated: Decimal,
    computed: Decimal,
    tolerance: Decimal,
    of: &'static str,
}

impl Compared<'_, '_> {
    fn judge(&self, report: &mut Report<'_, '_>, fa: Node<'_, '_>) {
        let off = (self.stated - self.computed).abs();
        if off.is_zero() {
            return;
        }
        let within = off <= self.tolerance;
        let severity = if within { Severity::Warning } else { Severity::Error };
        let remark = if within { ", a difference of rounding" } else { "" };
        let message = format!(
            "{} is {}, but {} give {}{remark}",
            self.name,
            format_amount(self.stated),
            self.of,
            format_amount(self.computed)
        );
        match self.place {
            Some(node) => report.at(node, severity, self.rule, message),
            None => report.under(fa, self.name, severity, self.rule, message),
        }
    }
}

/// What the lines say, where they say all of it: those of a final invoice are the whole order, of
/// which advances were paid before; those of a simplified one or of a collective correction may
/// have no values at all.
fn from_lines(facts: &Facts<'_, '_>) -> Option<[Computed; 13]> {
    let counted = matches!(facts.kind, "VAT" | "KOR" | "UPR");
    if !counted || facts.lines.is_empty() || !facts.lines.iter().all(|line| line.valued()) {
        return None;
    }
    let mut groups: Vec<Group> = Vec::new();
    for line in &facts.lines {
        let (bucket, rate) = line.bucket()?;
        let at = groups.iter().position(|g| g.bucket == bucket && g.rate == rate);
        let at = at.unwrap_or_else(|| {
            let (net, gross, vat) = Default::default();
            groups.push(Group { bucket, rate, net, gross, vat, every_vat: true, lines: 0 });
            groups.len() - 1
        });
        let group = &mut groups[at];
        let sign = if line.before { -Decimal::ONE } else { Decimal::ONE };
        match (line.net, line.gross) {
            // A margin is taxed within the gross value, which is the only one shown.
            (_, Some((gross, _))) if bucket == MARGIN => group.net += sign * gross,
            (Some((net, _)), _) => group.net += sign * net,
            (None, Some((gross, _))) => group.gross += sign * gross,
            (None, None) => return None,
        }
        match line.vat {
            Some(vat) => group.vat += sign * vat,
            None => group.every_vat = false,
        }
        group.lines += 1;
    }
    let mut all = [Computed::default(); 13];
    for group in &groups {
        let sum = &mut all[group.bucket];
        let net = group.whole_net();
        sum.net += net;
        sum.vat += net * group.rate;
        let before = if sum.lines == 0 { Some(Decimal::ZERO) } else { sum.stated_vat };
        sum.stated_vat = before.filter(|_| group.every_vat).map(|vat| vat + group.vat);
        sum.lines += group.lines;
    }
    Some(all)
}

fn tax(
    report: &mut Report<'_, '_>,
    facts: &Facts<'_, '_>,
    index: usize,
    of_lines: Option<Computed>,
) {
    let bucket = &BUCKETS[index];
    let Some(name) = bucket.vat else { return };
    let stated = facts.vat_of(index);
    let place = facts.vat[index].map(|(_, node)| node);
    if let Some(computed) = of_lines {
        // Lines may carry taxes of their own, each rounded.
        if computed.stated_vat == Some(stated) {
            return;
        }
        let compared = Compared {
            place,
            name,
            rule: "sum.vat",
            stated,
            computed: cents(computed.vat),
            tolerance: rounding(computed.lines + 1),
            of: "the lines of its rate",
        };
        compared.judge(report, facts.fa);
        return;
    }
    let (Some(least), Some(most)) = (bucket.rates.iter().min(), bucket.rates.iter().max()) else {
        return;
    };
    let net = facts.net_of(index);
    let at = |percent: &u32| cents(net * Decimal::new((*percent).into(), 2));
    let (low, high) = (at(least).min(at(most)), at(least).max(at(most)));
    let nearest = stated.clamp(low, high);
    let compared = Compared {
        place,
        name,
        rule: "sum.vat",
        stated,
        computed: nearest,
        tolerance: rounding(2),
        of: "its rate and the net value",
    };
    compared.judge(report, facts.fa);
}

fn payable(report: &mut Report<'_, '_>, facts: &Facts<'_, '_>) {
    let Some((gross, node)) = facts.gross else { return };
    let mut sum = Decimal::ZERO;
    let mut values = 0;
    for index in 0..BUCKETS.len() {
        sum += facts.net_of(index) + facts.vat_of(index);
        values += i64::from(facts.net[index].is_some()) + i64::from(facts.vat[index].is_some());
    }
    let lines = i64::try_from(facts.lines.len()).unwrap_or(i64::MAX / 2);
    let compared = Compared {
        place: Some(node),
        name: "P_15",
        rule: "sum.gross",
        stated: gross,
        computed: sum,
        tolerance: rounding(lines + values),
        of: "net values and taxes together",
    };
    compared.judge(report, facts.fa);
}
