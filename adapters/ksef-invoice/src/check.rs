//! Everything that is known to be wrong with an invoice before it is sent.

use super::document::{self, Report};
use super::finding::Finding;
use super::{MAX_BYTES, rules, structure, warsaw};
use time::{Date, OffsetDateTime};

/// What a check needs besides the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The day in Warsaw, against which the date of issue is judged.
    pub today: Date,
}

impl Context {
    /// As of an instant.
    pub fn at(now: OffsetDateTime) -> Self {
        Self { today: warsaw::today_at(now) }
    }
}

/// Judges the bytes of an invoice as they would be sent: encoding and form, the structure of FA(3),
/// and what its schema does not say: checksums, sums, lines, corrections, currency, dates, size.
/// No network, no schema file. May be sent when [`accepted`](super::accepted) says so.
pub fn check(bytes: &[u8], context: &Context) -> Vec<Finding> {
    let (text, mut findings) = match document::text(bytes) {
        Ok(read) => read,
        Err(findings) => return findings,
    };
    let tree = match document::tree(text) {
        Ok(tree) => tree,
        Err(finding) => {
            findings.push(finding);
            return findings;
        }
    };
    let mut report = Report::new(&tree);
    document::contents(&mut report, text);
    let attached = tree.root_element().children().any(|n| n.tag_name().name() == "Zalacznik");
    if bytes.len() > MAX_BYTES && !attached {
        report.findings.push(document::size(bytes.len(), MAX_BYTES));
    }
    if structure::judge(&mut report, tree.root_element()) {
        rules::judge(&mut report, tree.root_element(), context);
    }
    findings.append(&mut report.findings);
    findings
}
