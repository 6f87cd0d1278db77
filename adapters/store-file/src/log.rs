//! A tenant's log: a sequence of frames, and what its end looks like.

use crate::failure::{AtPath as _, corrupt};
use crate::frame::{HEADER, Header, MAGIC};
use crate::read_buffer::ReadBuffer;
use flowcontrol_contract::{Digest, Hasher, Result};
use std::path::Path;

/// Bytes of a body that are hashed at once.
const PIECE: u64 = 128 * 1024;

/// The state of a log after its last valid frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// The end of the last valid frame, in bytes.
    pub(crate) end: u64,
    /// The last record's sequence number; 0 for none.
    pub(crate) head: u64,
    /// The last frame's commit number; 0 for none.
    pub(crate) commit: u64,
    /// The snapshot of the last imported chunk.
    pub(crate) imported: Option<Digest>,
    /// The start of the last frame and the digest of its header line.
    pub(crate) last: Option<(u64, Digest)>,
}

impl Tail {
    /// The tail after one more frame.
    pub(crate) fn after(&self, header: &Header) -> Self {
        Self {
            end: self.end + header.len(),
            head: header.last(),
            commit: header.commit,
            imported: header.snapshot.or(self.imported),
            last: Some((self.end, Digest::of(header.encode()))),
        }
    }
}

/// What follows the last known frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextFrame {
    /// A complete, valid frame.
    Frame(Header),
    /// Nothing: the end of the log.
    End,
    /// The incomplete frame of a writer that died; the text says how that is known.
    Torn(&'static str),
    /// A damaged frame that was complete once; the text says what is wrong.
    Damaged(&'static str),
}

/// Examines what follows `tail.end` in a log of `len` bytes. `acknowledged` is the highest commit
/// number known to be durable, in any log of the store.
///
/// A broken frame with a valid header after it was complete when the next was started, so it is
/// damaged and not torn. So is a last frame of full length whose commit was acknowledged.
pub(crate) fn examine_next(
    buffer: &mut ReadBuffer,
    path: &Path,
    tail: &Tail,
    len: u64,
    acknowledged: u64,
) -> Result<NextFrame> {
    if len <= tail.end {
        return Ok(NextFrame::End);
    }
    let header = header_at(buffer, path, tail.end, len)?;
    let broken = match &header {
        Some(header) if header.commit <= tail.commit || header.first != tail.head + 1 => {
            return Ok(NextFrame::Damaged("a frame is out of order"));
        }
        Some(header) if header.len() > len - tail.end => "the last frame ends too early",
        Some(header) if body_is_valid(buffer, path, tail.end, header)? => {
            return Ok(NextFrame::Frame(header.clone()));
        }
        Some(header) if header.commit <= acknowledged => {
            return Ok(NextFrame::Damaged("the last frame does not match its checksum"));
        }
        Some(_) => "the last frame does not match its checksum",
        None if len - tail.end < HEADER as u64 => "the last frame ends within its header",
        None => "the last frame has no valid header",
    };
    if header_follows(buffer, path, tail.end + 1, len)? {
        return Ok(NextFrame::Damaged("a frame is damaged although valid frames follow it"));
    }
    Ok(NextFrame::Torn(broken))
}

/// The header at `at`; `None` when there is no valid one.
pub(crate) fn header_at(
    buffer: &mut ReadBuffer,
    path: &Path,
    at: u64,
    len: u64,
) -> Result<Option<Header>> {
    if len.saturating_sub(at) < HEADER as u64 {
        return Ok(None);
    }
    Ok(Header::parse(buffer.slice(at, HEADER).at_path("read", path)?))
}

/// Whether the body of the frame at `at` matches its header.
pub(crate) fn body_is_valid(
    buffer: &mut ReadBuffer,
    path: &Path,
    at: u64,
    header: &Header,
) -> Result<bool> {
    let mut hasher = Hasher::new();
    let (mut from, end) = (at + HEADER as u64, at + header.len());
    while from < end {
        let piece = buffer.slice(from, PIECE.min(end - from) as usize).at_path("read", path)?;
        if piece.is_empty() {
            return Ok(false);
        }
        hasher.update(piece);
        from += piece.len() as u64;
    }
    Ok(hasher.current() == header.body)
}

/// Whether a valid header starts at or after `at`.
fn header_follows(buffer: &mut ReadBuffer, path: &Path, mut at: u64, len: u64) -> Result<bool> {
    while len.saturating_sub(at) >= HEADER as u64 {
        let piece = buffer.slice(at, PIECE.min(len - at) as usize).at_path("search", path)?;
        let found = piece.windows(MAGIC.len()).position(|w| w == MAGIC);
        let Some(found) = found else {
            if piece.len() < MAGIC.len() {
                return Ok(false);
            }
            // The magic may straddle two pieces.
            at += (piece.len() - MAGIC.len() + 1) as u64;
            continue;
        };
        at += found as u64;
        if header_at(buffer, path, at, len)?.is_some() {
            return Ok(true);
        }
        at += 1;
    }
    Ok(false)
}

/// The text of the line that starts at `at` and ends before `end`, and the start of the next.
pub(crate) fn line_at<'w>(
    buffer: &'w mut ReadBuffer,
    path: &Path,
    at: u64,
    end: u64,
) -> Result<(&'w str, u64)> {
    let mut want = 4096;
    let length = loop {
        let len = (end - at).min(want);
        let piece = buffer.slice(at, len as usize).at_path("read", path)?;
        match piece.iter().position(|b| *b == b'\n') {
            Some(length) => break length,
            None if len == end - at || (piece.len() as u64) < len => {
                return Err(corrupt(path, format!("the line at byte {at} has no line break")));
            }
            None => want *= 4,
        }
    };
    let bytes = buffer.slice(at, length).at_path("read", path)?;
    let text = std::str::from_utf8(bytes)
        .map_err(|_| corrupt(path, format!("the line at byte {at} is not UTF-8")))?;
    Ok((text, at + length as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::{NextFrame, Tail, examine_next};
    use crate::frame::{HEADER, Header};
    use crate::read_buffer::ReadBuffer;
    use flowcontrol_contract::Digest;
    use proptest::prelude::*;
    use std::io::Write as _;
    use std::path::Path;

    fn log(bodies: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for (i, body) in bodies.iter().enumerate() {
            let at = i as u64 + 1;
            let header = Header {
                commit: at * 3,
                first: at,
                count: 1,
                bytes: body.len() as u64,
                snapshot: None,
                body: Digest::of(body),
            };
            out.extend_from_slice(header.encode().as_bytes());
            out.extend_from_slice(body.as_bytes());
        }
        out
    }

    /// How many good frames, and what stops the scan.
    fn scan(bytes: &[u8], acknowledged: u64) -> (u64, NextFrame) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let (mut buffer, mut tail) = (ReadBuffer::new(file), Tail::default());
        loop {
            let len = bytes.len() as u64;
            match examine_next(&mut buffer, Path::new("log"), &tail, len, acknowledged).unwrap() {
                NextFrame::Frame(header) => tail = tail.after(&header),
                other => return (tail.head, other),
            }
        }
    }

    const BODIES: [&str; 3] = ["{\"a\":1}\n", "{\"bcd\":\"Львів bfglog1 \"}\n", "{\"e\":[2,3]}\n"];

    proptest! {
        #[test]
        fn any_cut_leaves_exactly_the_whole_frames(cut in 0usize..10_000) {
            let whole = log(&BODIES);
            let cut = cut % whole.len();
            let ends = [0, log(&BODIES[..1]).len(), log(&BODIES[..2]).len()];
            let frames = ends.iter().filter(|end| **end <= cut && **end > 0).count() as u64;
            let (head, stopped) = scan(&whole[..cut], 0);
            prop_assert_eq!(head, frames);
            if ends.contains(&cut) {
                prop_assert_eq!(stopped, NextFrame::End);
            } else {
                prop_assert!(matches!(stopped, NextFrame::Torn(_)), "{:?}", stopped);
            }
        }

        #[test]
        fn any_flip_before_the_last_frame_is_damage(at in 0usize..10_000, bit in 0u8..8) {
            let mut bytes = log(&BODIES);
            let at = at % log(&BODIES[..2]).len();
            bytes[at] ^= 1 << bit;
            let (_, stopped) = scan(&bytes, 0);
            prop_assert!(matches!(stopped, NextFrame::Damaged(_)), "{:?}", stopped);
        }

        #[test]
        fn garbage_at_the_end_is_a_torn_frame(garbage in prop::collection::vec(any::<u8>(), 1..600)) {
            let mut bytes = log(&BODIES);
            bytes.extend(garbage);
            let (head, stopped) = scan(&bytes, u64::MAX);
            prop_assert_eq!(head, 3);
            prop_assert!(matches!(stopped, NextFrame::Torn(_)), "{:?}", stopped);
        }
    }

    #[test]
    fn a_broken_last_frame_is_damage_only_when_it_was_acknowledged() {
        let mut bytes = log(&BODIES);
        let at = log(&BODIES[..2]).len() + HEADER + 2;
        bytes[at] ^= 1;
        assert!(matches!(scan(&bytes, 8), (2, NextFrame::Torn(_))));
        assert!(matches!(scan(&bytes, 9), (2, NextFrame::Damaged(_))));
    }

    #[test]
    fn a_frame_that_is_missing_in_the_middle_is_damage() {
        let whole = log(&BODIES);
        let (one, two) = (log(&BODIES[..1]).len(), log(&BODIES[..2]).len());
        let bytes = [&whole[..one], &whole[two..]].concat();
        assert!(matches!(scan(&bytes, 0), (1, NextFrame::Damaged(_))));
    }
}
