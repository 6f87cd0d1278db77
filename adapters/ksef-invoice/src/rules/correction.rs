//! Corrections, final invoices and the invoices that they refer to.

use super::facts::{Facts, plain};
use crate::document::Report;
use crate::finding::Severity;
use crate::number::{KsefNumber, NumberError};
use crate::schema::day;
use crate::structure::{child, value};
use roxmltree::Node;

pub fn judge(report: &mut Report<'_, '_>, facts: &Facts<'_, '_>) {
    let named = |name: &'static str| {
        facts.fa.children().filter(move |n| n.is_element() && n.tag_name().name() == name)
    };
    let corrected: Vec<_> = named("DaneFaKorygowanej").collect();
    match (facts.corrects(), corrected.is_empty()) {
        (true, true) => {
            let message =
                format!("an invoice of kind {} names the invoice that it corrects", facts.kind);
            report.under(
                facts.fa,
                "DaneFaKorygowanej",
                Severity::Error,
                "correction.reference",
                message,
            );
        }
        (false, false) => {
            let message = format!("an invoice of kind {} corrects nothing", facts.kind);
            report.error(corrected[0], "correction.kind", message);
        }
        _ => {}
    }
    let number = value(facts.fa, &["P_2"]);
    for reference in &corrected {
        old(report, *reference, "NrKSeFFaKorygowanej");
        let issued = child(*reference, "DataWystFaKorygowanej");
        let before = issued.and_then(|node| Some((day(plain(node))?, node)));
        if let (Some((before, node)), Some((now, _))) = (before, facts.issued)
            && before > now
        {
            let message =
                format!("the corrected invoice is of {before}, after its correction of {now}");
            report.error(node, "correction.date", message);
        }
        if number.is_some() && value(*reference, &["NrFaKorygowanej"]) == number {
            let message =
                "a correction has a number of its own, not that of the invoice it corrects";
            report.warn(*reference, "correction.number", message);
        }
    }
    let advances: Vec<_> = named("FakturaZaliczkowa").collect();
    if matches!(facts.kind, "ROZ") && advances.is_empty() {
        let message = "a final invoice (ROZ) names the advance invoices before it".to_owned();
        report.under(facts.fa, "FakturaZaliczkowa", Severity::Error, "final.reference", message);
    }
    for advance in advances {
        old(report, advance, "NrKSeFFaZaliczkowej");
    }
}

/// A number whose checksum is not that of KSeF 2.0 may be of KSeF 1.0; it is never refused.
fn old(report: &mut Report<'_, '_>, node: Node<'_, '_>, name: &str) {
    let Some(node) = child(node, name) else { return };
    if KsefNumber::parse(plain(node)) == Err(NumberError::Checksum) {
        let message =
            "its checksum is not that of KSeF 2.0: mistyped, or a number of KSeF 1.0".to_owned();
        report.at(node, Severity::Note, "reference.checksum", message);
    }
}
