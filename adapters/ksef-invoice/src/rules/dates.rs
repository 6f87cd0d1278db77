//! Dates, by the calendar of Warsaw.

use super::facts::Facts;
use crate::check::Context;
use crate::document::Report;
use crate::finding::Severity;
use crate::schema::{day, instant};
use crate::structure::{child, value};
use roxmltree::Node;

pub fn judge(
    report: &mut Report<'_, '_>,
    root: Node<'_, '_>,
    facts: &Facts<'_, '_>,
    context: &Context,
) {
    if let Some((issued, node)) = facts.issued {
        if issued > context.today {
            let message = format!(
                "the date of issue {issued} is in the future: it is {} in Warsaw",
                context.today
            );
            report.error(node, "date.future", message);
        } else if issued < context.today {
            let message = format!(
                "sent on {}, KSeF shows it as Offline: its date of issue {issued} is earlier",
                context.today
            );
            report.at(node, Severity::Note, "date.offline", message);
        }
    }
    let made = child(root, "Naglowek").and_then(|n| child(n, "DataWytworzeniaFa"));
    if let Some(node) = made {
        let read = instant(super::facts::plain(node));
        if read.is_some_and(|(_, offset)| !offset) {
            let message = "has no offset: read as UTC it may be another day; write ..Z or ..+01:00";
            report.warn(node, "date.offset", message);
        }
    }
    if let Some(period) = child(facts.fa, "OkresFa") {
        let bound = |name| value(period, &[name]).and_then(|text| day(&text));
        if let (Some(from), Some(to)) = (bound("P_6_Od"), bound("P_6_Do"))
            && from > to
        {
            report.error(
                period,
                "date.period",
                format!("the period ends on {to}, before it begins on {from}"),
            );
        }
    }
}
