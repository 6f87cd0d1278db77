//! Compares two snapshots.

use super::reader::Reader;
use flowcontrol_base::Result;
use flowcontrol_contract::Record;
use serde::Serialize;
use std::cmp::Ordering;
use std::path::Path;

/// Differences between two snapshots; the lists are cut at a stated length, the counts are not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Whether session, tenants or actors differ.
    pub header: bool,
    /// Records that only the first has.
    pub removed: u64,
    /// Records that only the second has.
    pub added: u64,
    /// Records with the same tenant and sequence number but different content.
    pub changed: u64,
    /// Records that are equal.
    pub same: u64,
    /// The first differences, as `- tenant/seq id`, `+ ...` or `~ ...`.
    pub first: Vec<String>,
}

impl Difference {
    /// Whether the two are equal.
    pub fn is_empty(&self) -> bool {
        !self.header && self.removed + self.added + self.changed == 0
    }

    fn note(&mut self, sign: char, record: &Record, limit: usize) {
        match sign {
            '-' => self.removed += 1,
            '+' => self.added += 1,
            _ => self.changed += 1,
        }
        if self.first.len() < limit {
            self.first.push(format!("{sign} {}/{} {}", record.tenant, record.seq, record.id));
        }
    }
}

/// Compares two snapshots record by record, in constant memory; names the first `limit`
/// differences.
///
/// # Errors
/// When one of them cannot be read or is damaged.
pub fn diff(a: &Path, b: &Path, limit: usize) -> Result<Difference> {
    let (mut left, mut right) = (Reader::open(a)?, Reader::open(b)?);
    let mut found = Difference { header: left.header() != right.header(), ..Difference::default() };
    let (mut l, mut r) = (left.next_record()?, right.next_record()?);
    loop {
        let order = match (&l, &r) {
            (None, None) => return Ok(found),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(x), Some(y)) => (&x.tenant, x.seq).cmp(&(&y.tenant, y.seq)),
        };
        match (&l, &r) {
            (Some(x), _) if order == Ordering::Less => found.note('-', x, limit),
            (_, Some(y)) if order == Ordering::Greater => found.note('+', y, limit),
            (Some(x), Some(y)) if x == y => found.same += 1,
            (Some(x), Some(_)) => found.note('~', x, limit),
            _ => {}
        }
        if order != Ordering::Greater {
            l = left.next_record()?;
        }
        if order != Ordering::Less {
            r = right.next_record()?;
        }
    }
}
