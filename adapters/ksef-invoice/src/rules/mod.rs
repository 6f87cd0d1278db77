//! What FA(3)'s schema does not say. KSeF checks some of it and lets the rest through; an invoice
//! that breaks it is wrong either way.

mod annotations;
mod correction;
mod currency;
mod dates;
mod facts;
mod lines;
mod parties;
mod sums;

pub use facts::{BUCKETS, EXEMPT, MARGIN, OSS, REVERSE, bucket_of};

use super::check::Context;
use super::document::Report;
use facts::Facts;
use roxmltree::Node;

/// Judges an invoice whose root is that of FA(3). What its structure lacks is skipped: it was
/// reported already.
pub fn judge(report: &mut Report<'_, '_>, root: Node<'_, '_>, context: &Context) {
    let Some(facts) = Facts::read(root) else { return };
    parties::judge(report, root, &facts);
    dates::judge(report, root, &facts, context);
    lines::judge(report, &facts);
    // Where a value cannot be read, a sum over it would only repeat that.
    if facts.readable {
        sums::judge(report, &facts);
        currency::judge(report, &facts);
    }
    annotations::judge(report, &facts);
    correction::judge(report, &facts);
}
