//! Tax of invoices in a foreign currency is owed in PLN.

use super::facts::{BUCKETS, Facts};
use crate::amount::{cents, format_amount};
use crate::document::Report;
use crate::finding::Severity;
use rust_decimal::Decimal;

pub fn judge(report: &mut Report<'_, '_>, facts: &Facts<'_, '_>) {
    if facts.currency.is_empty() {
        return;
    }
    let foreign = facts.currency != "PLN";
    let mut owed = false;
    for (index, bucket) in BUCKETS.iter().enumerate() {
        let Some(name) = bucket.pln else { continue };
        let vat = facts.vat_of(index);
        match (facts.pln[index], foreign) {
            (None, true) if !vat.is_zero() => {
                let message = format!(
                    "is missing: the tax of an invoice in {} is stated in PLN too",
                    facts.currency
                );
                report.under(facts.fa, name, Severity::Error, "currency.vat_pln", message);
            }
            (Some((_, node)), false) => {
                let message = "repeats the tax of an invoice that is in PLN already";
                report.warn(node, "currency.vat_pln", message);
            }
            (Some((stated, node)), true) => {
                if let Some((computed, lines)) = converted(facts, index) {
                    let off = (stated - computed).abs();
                    let tolerance = Decimal::new(lines + 1, 2);
                    if off > tolerance {
                        let message = format!(
                            "{name} is {}, but the tax at the rates of exchange shown gives {}",
                            format_amount(stated),
                            format_amount(computed)
                        );
                        report.error(node, "currency.exchange", message);
                    }
                }
            }
            _ => {}
        }
        owed |= foreign && !vat.is_zero();
    }
    let shown = facts.exchange.is_some() || facts.lines.iter().any(|l| l.exchange.is_some());
    if owed && !shown {
        let message = format!(
            "no rate of exchange from {} to PLN is shown (KursWaluty of a line or KursWalutyZ)",
            facts.currency
        );
        report.under(facts.fa, "KursWalutyZ", Severity::Warning, "currency.exchange", message);
    }
}

/// The tax of a bucket in PLN by the rates of exchange on its lines, where each has one, or by that
/// of the whole invoice; and of how many lines.
fn converted(facts: &Facts<'_, '_>, index: usize) -> Option<(Decimal, i64)> {
    let lines: Vec<_> =
        facts.lines.iter().filter(|l| l.bucket().is_some_and(|(b, _)| b == index)).collect();
    if let (Some(exchange), true) = (facts.exchange, lines.iter().all(|l| l.exchange.is_none())) {
        return Some((cents(facts.vat_of(index).checked_mul(exchange)?), 1));
    }
    if lines.is_empty() || facts.kind == "ROZ" {
        return None;
    }
    let mut sum = Decimal::ZERO;
    for line in &lines {
        let (_, rate) = line.bucket()?;
        let vat = match (line.vat, line.net, line.gross) {
            (Some(vat), _, _) => vat,
            (None, Some((net, _)), _) => net.checked_mul(rate)?,
            (None, None, Some((gross, _))) => {
                gross.checked_sub(gross.checked_div(Decimal::ONE + rate)?)?
            }
            (None, None, None) => return None,
        };
        let sign = if line.before { -Decimal::ONE } else { Decimal::ONE };
        sum = sum.checked_add(sign * vat.checked_mul(line.exchange?)?)?;
    }
    Some((cents(sum), i64::try_from(lines.len()).ok()?))
}
