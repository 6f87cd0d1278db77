//! A view of several tenants at one moment, while writing continues.
//!
//! Writers write one at a time and number their writes across the whole store. So when the write
//! with number G is visible, every write with a lower number is complete: "everything up to G" is
//! what the store contained right after G.

use crate::cursor::{Cursor, Extent};
use crate::failure::{AtPath as _, corrupt};
use crate::files::Files;
use crate::log::{Tail, header_at};
use crate::read_buffer::ReadBuffer;
use crate::roster::Enrolled;
use crate::stream::BatchSender;
use flowcontrol_contract::{Error, ErrorKind, Result, Roster, TenantId};
use std::fs::File;

/// How often another moment is chosen because a roster changed meanwhile.
const TRIES: usize = 1000;

/// One tenant at the moment.
#[derive(Debug)]
pub(crate) struct TenantView {
    pub(crate) roster: Roster,
    pub(crate) extent: Extent,
}

/// The given tenants at one moment, ascending and each once.
///
/// # Errors
/// `NotFound` for a tenant that is not enrolled.
pub(crate) fn at_one_moment(files: &Files, tenants: &[TenantId]) -> Result<Vec<TenantView>> {
    let mut tenants = tenants.to_vec();
    tenants.sort();
    tenants.dedup();
    for _ in 0..TRIES {
        let seen: Vec<_> = tenants.iter().map(|id| now(files, id)).collect::<Result<_>>()?;
        let moment = seen.iter().map(|(e, x)| e.commit.max(x.tail.commit)).max().unwrap_or(0);
        if let Some(parts) = as_of(files, moment, &seen)? {
            return Ok(parts);
        }
    }
    Err(Error::new(ErrorKind::Unavailable, "the rosters change faster than they can be read")
        .hint("repeat the command when no tenant is being enrolled"))
}

fn now(files: &Files, id: &TenantId) -> Result<(Enrolled, Extent)> {
    let unknown = || {
        Error::new(ErrorKind::NotFound, format!("tenant {id} is not enrolled"))
            .hint("list the tenants of the store, or enroll this one")
    };
    let enrolled = files.enrolled(id)?.ok_or_else(unknown)?;
    let extent = files.extent(id)?.ok_or_else(unknown)?;
    Ok((enrolled, extent))
}

/// The tenants of `seen` right after the write `moment`; `None` when a roster is newer.
fn as_of(
    files: &Files,
    moment: u64,
    seen: &[(Enrolled, Extent)],
) -> Result<Option<Vec<TenantView>>> {
    let mut parts = Vec::with_capacity(seen.len());
    for (_, earlier) in seen {
        let (enrolled, mut extent) = now(files, &earlier.tenant)?;
        if enrolled.commit > moment {
            return Ok(None);
        }
        if extent.tail.commit > moment {
            extent.tail = tail_at(earlier, moment, extent.tail.end)?;
        }
        parts.push(TenantView { roster: enrolled.roster, extent });
    }
    Ok(Some(parts))
}

/// The tail of a log right after the write `moment`; `earlier` is its tail before that, and every
/// frame before `end` is valid.
fn tail_at(earlier: &Extent, moment: u64, end: u64) -> Result<Tail> {
    let path = &earlier.path;
    let mut buffer = ReadBuffer::narrow(File::open(path).at_path("open", path)?);
    let mut tail = earlier.tail.clone();
    while tail.end < end {
        let header = header_at(&mut buffer, path, tail.end, end)?
            .filter(|h| h.first == tail.head + 1)
            .ok_or_else(|| corrupt(path, format!("no valid frame starts at byte {}", tail.end)))?;
        if header.commit > moment {
            break;
        }
        tail = tail.after(&header);
    }
    Ok(tail)
}

/// Sends every record of `parts`, in order.
pub(crate) fn read_all(parts: Vec<Extent>, sender: &BatchSender) -> Result<()> {
    for extent in parts {
        if !read_after(extent, 0, sender)? {
            break;
        }
    }
    Ok(())
}

/// Sends the records above `after`; false when the consumer has stopped.
pub(crate) fn read_after(extent: Extent, after: u64, sender: &BatchSender) -> Result<bool> {
    let Some(mut cursor) = Cursor::open(extent, after)? else { return Ok(true) };
    loop {
        let batch = cursor.records()?;
        if batch.is_empty() {
            return Ok(true);
        }
        if !sender.send(batch) {
            return Ok(false);
        }
    }
}
