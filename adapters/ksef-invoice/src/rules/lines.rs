//! Lines: that there are some, and that each agrees with itself.

use super::facts::{Facts, Line};
use crate::amount::{cents, format_amount};
use crate::document::Report;
use crate::finding::Severity;
use crate::structure::child;
use rust_decimal::Decimal;
use std::collections::HashSet;

pub fn judge(report: &mut Report<'_, '_>, facts: &Facts<'_, '_>) {
    let needs = matches!(facts.kind, "VAT" | "UPR" | "ROZ");
    if needs && facts.lines.is_empty() {
        let message = format!("an invoice of kind {} has at least one line", facts.kind);
        report.under(facts.fa, "FaWiersz", Severity::Error, "line.none", message);
    }
    if facts.kind == "ZAL" && child(facts.fa, "Zamowienie").is_none() {
        let message = "an advance invoice says what was ordered".to_owned();
        report.under(facts.fa, "Zamowienie", Severity::Error, "line.none", message);
    }
    let margin = child(facts.fa, "Adnotacje")
        .and_then(|n| child(n, "PMarzy"))
        .is_some_and(|n| child(n, "P_PMarzy").is_some());
    let mut numbers = HashSet::new();
    for line in &facts.lines {
        if facts.kind == "VAT" || facts.kind == "ROZ" {
            complete(report, line, margin);
        }
        value(report, line, facts.corrects());
        if !numbers.insert((line.number, line.before)) {
            let message = format!("line number {} occurs twice", line.number);
            report.warn(line.node, "line.number", message);
        }
        if line.before && !facts.corrects() {
            let message = "only a correction shows lines as they were before (StanPrzed)";
            report.error(line.node, "line.before", message);
        }
    }
    order(report, facts);
}

fn complete(report: &mut Report<'_, '_>, line: &Line<'_, '_>, margin: bool) {
    let mut lacks = |name: &str, what: &str| {
        let message = format!("a line has {what}");
        report.under(line.node, name, Severity::Error, "line.incomplete", message);
    };
    if !line.named {
        lacks("P_7", "a name");
    }
    if !line.valued() {
        lacks("P_11", "a value: P_11 net or P_11A gross");
    }
    if line.rate.is_none() && line.foreign_rate.is_none() && !margin {
        lacks("P_12", "a rate of tax");
    }
}

/// Quantity and unit price against the value. A discount is that of the line or of each unit.
fn value(report: &mut Report<'_, '_>, line: &Line<'_, '_>, correction: bool) {
    let discount = line.discount.unwrap_or_default();
    let pairs = [(line.net_price, line.net), (line.gross_price, line.gross)];
    for (price, stated) in pairs {
        let (Some(quantity), Some(price), Some((stated, node))) = (line.quantity, price, stated)
        else {
            continue;
        };
        let whole = quantity.checked_mul(price).and_then(|v| v.checked_sub(discount));
        let each = price.checked_sub(discount).and_then(|p| quantity.checked_mul(p));
        let (Some(whole), Some(each)) = (whole, each) else {
            let message = "is too large to be compared with quantity and price";
            report.warn(node, "line.value", message);
            continue;
        };
        let off = (cents(whole) - stated).abs().min((cents(each) - stated).abs());
        if off.is_zero() {
            continue;
        }
        let name = node.tag_name().name();
        let message = format!(
            "{name} is {}, but quantity and unit price give {}",
            format_amount(stated),
            format_amount(whole)
        );
        // The lines of a correction may hold differences of their own kind.
        let grave = off > Decimal::new(1, 2) && !correction;
        let severity = if grave { Severity::Error } else { Severity::Warning };
        report.at(node, severity, "line.value", message);
    }
}

/// The value of an order against its lines as they are now.
fn order(report: &mut Report<'_, '_>, facts: &Facts<'_, '_>) {
    let Some(order) = child(facts.fa, "Zamowienie") else { return };
    let number = |node, name: &str| {
        let text = child(node, name).map(super::facts::plain)?;
        crate::amount::is_amount(text).then(|| crate::amount::read(text)).flatten()
    };
    let Some(stated) = number(order, "WartoscZamowienia") else { return };
    let (mut sum, mut values) = (Decimal::ZERO, 0);
    for line in order.children().filter(|n| n.tag_name().name() == "ZamowienieWiersz") {
        if child(line, "StanPrzedZ").is_some() {
            continue;
        }
        let (Some(net), Some(vat)) = (number(line, "P_11NettoZ"), number(line, "P_11VatZ")) else {
            return;
        };
        sum += net + vat;
        values += 2;
    }
    let off = (stated - sum).abs();
    if off.is_zero() {
        return;
    }
    let message = format!(
        "the order's value is {}, but its lines give {}",
        format_amount(stated),
        format_amount(sum)
    );
    let grave = off > Decimal::new(values, 2);
    let severity = if grave { Severity::Error } else { Severity::Warning };
    report.under(order, "WartoscZamowienia", severity, "sum.order", message);
}
