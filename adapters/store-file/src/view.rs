//! Several tenants as of one moment, while writers go on.
//!
//! Writers take turns and number their writes across the whole store. So when a write with
//! number G can be seen, every write with a lower number is complete: "everything up to G" is
//! what the store held right after G.

use crate::cursor::{Cursor, Extent};
use crate::failure::{AtPath as _, corrupt};
use crate::files::Files;
use crate::log::{Tail, header_at};
use crate::roster::Enrolled;
use crate::stream::Outlet;
use crate::window::Window;
use flowcontrol_contract::{Error, ErrorKind, Result, Roster, TenantId};
use std::fs::File;

/// How often a moment is chosen again because a roster changed meanwhile.
const TRIES: usize = 1000;

/// One tenant at the moment.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) roster: Roster,
    pub(crate) extent: Extent,
}

/// The given tenants as of one moment, ascending and each once.
///
/// # Errors
/// `NotFound` for a tenant that was never enrolled.
pub(crate) fn view(files: &Files, tenants: &[TenantId]) -> Result<Vec<Part>> {
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
        .hint("repeat the command when enrolments are done"))
}

fn now(files: &Files, id: &TenantId) -> Result<(Enrolled, Extent)> {
    let unknown = || {
        Error::new(ErrorKind::NotFound, format!("tenant {id} was never enrolled"))
            .hint("list the tenants of the store, or enroll this one")
    };
    let enrolled = files.enrolled(id)?.ok_or_else(unknown)?;
    let extent = files.extent(id)?.ok_or_else(unknown)?;
    Ok((enrolled, extent))
}

/// The tenants of `seen` right after the write `moment`; `None` when a roster is newer.
fn as_of(files: &Files, moment: u64, seen: &[(Enrolled, Extent)]) -> Result<Option<Vec<Part>>> {
    let mut parts = Vec::with_capacity(seen.len());
    for (_, earlier) in seen {
        let (enrolled, mut extent) = now(files, &earlier.tenant)?;
        if enrolled.commit > moment {
            return Ok(None);
        }
        if extent.tail.commit > moment {
            extent.tail = tail_at(earlier, moment, extent.tail.end)?;
        }
        parts.push(Part { roster: enrolled.roster, extent });
    }
    Ok(Some(parts))
}

/// The tail of a log right after the write `moment`; it was at `earlier` before that and every
/// frame before `end` is good.
fn tail_at(earlier: &Extent, moment: u64, end: u64) -> Result<Tail> {
    let path = &earlier.path;
    let mut window = Window::narrow(File::open(path).at_path("open", path)?);
    let mut tail = earlier.tail.clone();
    while tail.end < end {
        let header = header_at(&mut window, path, tail.end, end)?
            .filter(|h| h.first == tail.head + 1)
            .ok_or_else(|| corrupt(path, format!("no good frame starts at byte {}", tail.end)))?;
        if header.commit > moment {
            break;
        }
        tail = tail.after(&header);
    }
    Ok(tail)
}

/// Gives out every record of `parts`, in their order.
pub(crate) fn read_all(parts: Vec<Extent>, outlet: &Outlet) -> Result<()> {
    for extent in parts {
        if !read_after(extent, 0, outlet)? {
            break;
        }
    }
    Ok(())
}

/// Gives out the records above `after`; false when nobody wants more.
pub(crate) fn read_after(extent: Extent, after: u64, outlet: &Outlet) -> Result<bool> {
    let Some(mut cursor) = Cursor::open(extent, after)? else { return Ok(true) };
    loop {
        let batch = cursor.records()?;
        if batch.is_empty() {
            return Ok(true);
        }
        if !outlet.give(batch) {
            return Ok(false);
        }
    }
}
