//! Sellers, buyers and others.

use super::facts::{Facts, NP_II, WDT};
use crate::document::Report;
use crate::finding::Severity;
use crate::nip;
use crate::structure::{child, value};
use roxmltree::Node;

pub fn judge(report: &mut Report<'_, '_>, root: Node<'_, '_>, facts: &Facts<'_, '_>) {
    let (Some(seller), Some(buyer)) = (child(root, "Podmiot1"), child(root, "Podmiot2")) else {
        return;
    };
    let id = |name| value(buyer, &["DaneIdentyfikacyjne", name]);
    if let (Some(number), Some(data)) = (id("NrID"), child(buyer, "DaneIdentyfikacyjne"))
        && nip::check(&number).is_ok()
        && id("KodKraju").is_none_or(|country| country == "PL")
    {
        let message =
            "looks like a NIP: in NrID the buyer does not find the invoice in KSeF".to_owned();
        report.under(data, "NrID", Severity::Warning, "party.nip_elsewhere", message);
    }
    let seller_nip = value(seller, &["DaneIdentyfikacyjne", "NIP"]);
    if seller_nip.is_some() && seller_nip == id("NIP") {
        report.warn(buyer, "party.same", "seller and buyer have the same NIP");
    }
    let in_union = id("KodUE").is_some();
    for (bucket, what) in [(WDT, "0 WDT"), (NP_II, "np II")] {
        if facts.net_of(bucket).is_zero() {
            continue;
        }
        if !in_union {
            let message = format!("a supply {what} goes to a buyer with a VAT number in the Union");
            report.under(
                buyer,
                "DaneIdentyfikacyjne/KodUE",
                Severity::Warning,
                "party.eu_buyer",
                message,
            );
        }
        if child(seller, "PrefiksPodatnika").is_none() {
            let message = format!("a supply {what} shows the seller's prefix PL");
            report.under(seller, "PrefiksPodatnika", Severity::Warning, "party.prefix", message);
        }
    }
    for (flag, role, who) in
        [("JST", "8", "the unit of local government"), ("GV", "10", "the member of the VAT group")]
    {
        let others = || root.children().filter(|n| n.tag_name().name() == "Podmiot3");
        if value(buyer, &[flag]).as_deref() == Some("1")
            && !others().any(|n| value(n, &["Rola"]).as_deref() == Some(role))
        {
            let message = format!("says 1, but no Podmiot3 with Rola {role} names {who}");
            report.under(buyer, flag, Severity::Warning, "party.third", message);
        }
    }
}
