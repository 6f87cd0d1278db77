//! The audit trail: lines after the records of a frame.
//!
//! They are part of the frame's body, so they are durable, verified and torn together with their
//! records. Readers of records count lines and skip them.

use crate::cursor::Extent;
use crate::disk;
use crate::failure::{AtPath as _, corrupt};
use crate::frame::{HEADER, Header};
use crate::log::{body_is_valid, header_at, line_at};
use crate::read_buffer::ReadBuffer;
use flowcontrol_contract::{AuditEvent, Result, audit};
use std::fs::File;

/// The start of such a line; a record's line starts with `{`.
const MARK: &str = "audit ";

/// Adds the lines of `events` to the body of a frame.
pub(crate) fn write(body: &mut String, events: &[AuditEvent]) {
    for event in events {
        body.push_str(MARK);
        body.push_str(&event.to_line());
        body.push('\n');
    }
}

/// The events of appends whose first record is above `after`, at most a page.
pub(crate) fn read(extent: &Extent, after: u64) -> Result<Vec<AuditEvent>> {
    let mut events = Vec::new();
    let (path, end) = (&extent.path, extent.tail.end);
    let Some(from) = after.checked_add(1).filter(|from| *from <= extent.tail.head) else {
        return Ok(events);
    };
    let file = disk::if_exists(File::open(path)).at_path("open", path)?;
    let mut buffer = ReadBuffer::new(file.ok_or_else(|| corrupt(path, "the log is missing"))?);
    let (mut first, mut at) = extent.marks.before(from);
    while at < end {
        let header = header_at(&mut buffer, path, at, end)?
            .filter(|h| h.first == first && h.len() <= end - at)
            .ok_or_else(|| corrupt(path, format!("no valid frame starts at byte {at}")))?;
        if header.last() >= from {
            of_frame(&mut buffer, extent, at, &header, after, &mut events)?;
        }
        if events.len() >= audit::PAGE {
            events.truncate(audit::PAGE);
            break;
        }
        (first, at) = (header.last() + 1, at + header.len());
    }
    Ok(events)
}

fn of_frame(
    buffer: &mut ReadBuffer,
    extent: &Extent,
    at: u64,
    header: &Header,
    after: u64,
    events: &mut Vec<AuditEvent>,
) -> Result<()> {
    let path = &extent.path;
    if !body_is_valid(buffer, path, at, header)? {
        return Err(corrupt(path, format!("the frame at byte {at} does not match its checksum")));
    }
    let (mut line_start, end) = (at + HEADER as u64, at + header.len());
    for _ in 0..header.count {
        line_start = line_at(buffer, path, line_start, end)?.1;
    }
    while line_start < end {
        let (line, next) = line_at(buffer, path, line_start, end)?;
        let wrong = || corrupt(path, format!("the audit line at byte {line_start} is not valid"));
        let text = line.strip_prefix(MARK).ok_or_else(wrong)?;
        let event = AuditEvent::from_line(text).map_err(|e| wrong().source(e))?;
        if event.first().is_some_and(|first| first > after) {
            events.push(event);
        }
        line_start = next;
    }
    Ok(())
}
