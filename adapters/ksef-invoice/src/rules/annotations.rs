//! What `Adnotacje` must say because of the totals.

use super::facts::{EXEMPT, Facts, MARGIN, REVERSE};
use crate::amount::format_amount;
use crate::document::Report;
use crate::finding::Severity;
use crate::structure::{child, value};
use rust_decimal::Decimal;

pub fn judge(report: &mut Report<'_, '_>, facts: &Facts<'_, '_>) {
    let Some(notes) = child(facts.fa, "Adnotacje") else { return };
    let says = |path: &[&str]| value(notes, path).as_deref() == Some("1");
    let mut pair = |bucket: usize, rate: &str, said: bool, path: &str, what: &str| {
        let used = !facts.net_of(bucket).is_zero()
            || facts.lines.iter().any(|line| line.rate == Some(rate));
        if used && !said {
            let message = format!("is 1 on an invoice with {what}");
            report.under(notes, path, Severity::Error, "annotation.missing", message);
        } else if said && !used && !facts.corrects() && facts.kind != "ROZ" {
            let message = format!("is said, but the invoice has nothing with {what}");
            report.under(notes, path, Severity::Warning, "annotation.unused", message);
        }
    };
    let exempt = "exempt goods or services (zw), with the provision that exempts them";
    pair(EXEMPT, "zw", says(&["Zwolnienie", "P_19"]), "Zwolnienie/P_19", exempt);
    pair(REVERSE, "oo", says(&["P_18"]), "P_18", "reverse charge (oo)");
    // A margin scheme has no rate of its own: only the total shows it.
    pair(MARGIN, "", says(&["PMarzy", "P_PMarzy"]), "PMarzy/P_PMarzy", "a margin scheme (P_13_11)");
    if facts.kind == "UPR" {
        simplified(report, facts);
    }
}

/// A simplified invoice is for at most 450 PLN or 100 EUR (art. 106e(5)(3) of the VAT act).
fn simplified(report: &mut Report<'_, '_>, facts: &Facts<'_, '_>) {
    let Some((gross, node)) = facts.gross else { return };
    let most = match facts.currency {
        "PLN" => Decimal::new(450, 0),
        "EUR" => Decimal::new(100, 0),
        _ => return,
    };
    if gross > most {
        let message = format!(
            "a simplified invoice (UPR) is for at most {most} {}; this one is for {}",
            facts.currency,
            format_amount(gross)
        );
        report.error(node, "simplified.limit", message);
    }
}
