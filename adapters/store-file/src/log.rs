//! A tenant's log: frame after frame, and what its end looks like.

use crate::failure::{AtPath as _, corrupt};
use crate::frame::{HEADER, Header, MAGIC};
use crate::window::Window;
use flowcontrol_contract::{Digest, Hasher, Result};
use std::path::Path;

/// How many body bytes are hashed at once.
const PIECE: u64 = 128 * 1024;

/// What is known of a log after its last good frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Where the last good frame ends, in bytes.
    pub(crate) end: u64,
    /// The last record's sequence number; 0 for none.
    pub(crate) head: u64,
    /// The last frame's commit number; 0 for none.
    pub(crate) commit: u64,
    /// The snapshot that the last imported chunk was cut from.
    pub(crate) imported: Option<Digest>,
    /// The last frame: where it starts and the digest of its header line.
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

/// What stands at the end of what is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole, good frame.
    Frame(Header),
    /// Nothing: the log ends here.
    End,
    /// What a writer left that died in the middle of a frame; says how it shows.
    Torn(&'static str),
    /// Something that was whole once; says what is wrong.
    Damaged(&'static str),
}

/// Looks at what stands at `tail.end` in a log of `len` bytes. `acknowledged` is the highest
/// commit number that is known to have been made durable, in any log of the store.
///
/// A broken frame that a good header follows was whole when the next was begun, so it is damage
/// and not a torn end. So is a last frame of full length whose commit was acknowledged.
pub(crate) fn step(
    window: &mut Window,
    path: &Path,
    tail: &Tail,
    len: u64,
    acknowledged: u64,
) -> Result<Step> {
    if len <= tail.end {
        return Ok(Step::End);
    }
    let header = header_at(window, path, tail.end, len)?;
    let broken = match &header {
        Some(header) if header.commit <= tail.commit || header.first != tail.head + 1 => {
            return Ok(Step::Damaged("a frame is out of order"));
        }
        Some(header) if header.len() > len - tail.end => "the last frame ends too early",
        Some(header) if body_is_good(window, path, tail.end, header)? => {
            return Ok(Step::Frame(header.clone()));
        }
        Some(header) if header.commit <= acknowledged => {
            return Ok(Step::Damaged("the last frame differs from its checksum"));
        }
        Some(_) => "the last frame differs from its checksum",
        None if len - tail.end < HEADER as u64 => "the last frame ends within its header",
        None => "the last frame has no good header",
    };
    if header_follows(window, path, tail.end + 1, len)? {
        return Ok(Step::Damaged("a frame is broken although good frames follow it"));
    }
    Ok(Step::Torn(broken))
}

/// The header at `at`; `None` when there is none or it is not as it was written.
pub(crate) fn header_at(
    window: &mut Window,
    path: &Path,
    at: u64,
    len: u64,
) -> Result<Option<Header>> {
    if len.saturating_sub(at) < HEADER as u64 {
        return Ok(None);
    }
    Ok(Header::parse(window.slice(at, HEADER).at_path("read", path)?))
}

/// Whether the body of the frame at `at` is what its header says.
pub(crate) fn body_is_good(
    window: &mut Window,
    path: &Path,
    at: u64,
    header: &Header,
) -> Result<bool> {
    let mut hasher = Hasher::new();
    let (mut from, end) = (at + HEADER as u64, at + header.len());
    while from < end {
        let piece = window.slice(from, PIECE.min(end - from) as usize).at_path("read", path)?;
        if piece.is_empty() {
            return Ok(false);
        }
        hasher.update(piece);
        from += piece.len() as u64;
    }
    Ok(hasher.current() == header.body)
}

/// Whether any good header starts at or after `at`.
fn header_follows(window: &mut Window, path: &Path, mut at: u64, len: u64) -> Result<bool> {
    while len.saturating_sub(at) >= HEADER as u64 {
        let piece = window.slice(at, PIECE.min(len - at) as usize).at_path("search", path)?;
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
        if header_at(window, path, at, len)?.is_some() {
            return Ok(true);
        }
        at += 1;
    }
    Ok(false)
}

/// The text of the line that starts at `at` and ends before `end`, and where the next starts.
pub(crate) fn line_at<'w>(
    window: &'w mut Window,
    path: &Path,
    at: u64,
    end: u64,
) -> Result<(&'w str, u64)> {
    let mut want = 4096;
    let length = loop {
        let len = (end - at).min(want);
        let piece = window.slice(at, len as usize).at_path("read", path)?;
        match piece.iter().position(|b| *b == b'\n') {
            Some(length) => break length,
            None if len == end - at || (piece.len() as u64) < len => {
                return Err(corrupt(path, format!("the line at byte {at} has no end")));
            }
            None => want *= 4,
        }
    };
    let bytes = window.slice(at, length).at_path("read", path)?;
    let text = std::str::from_utf8(bytes)
        .map_err(|_| corrupt(path, format!("the line at byte {at} is not UTF-8")))?;
    Ok((text, at + length as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::{Step, Tail, step};
    use crate::frame::{HEADER, Header};
    use crate::window::Window;
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
    fn scan(bytes: &[u8], acknowledged: u64) -> (u64, Step) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let (mut window, mut tail) = (Window::new(file), Tail::default());
        loop {
            let len = bytes.len() as u64;
            match step(&mut window, Path::new("log"), &tail, len, acknowledged).unwrap() {
                Step::Frame(header) => tail = tail.after(&header),
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
                prop_assert_eq!(stopped, Step::End);
            } else {
                prop_assert!(matches!(stopped, Step::Torn(_)), "{:?}", stopped);
            }
        }

        #[test]
        fn any_flip_before_the_last_frame_is_damage(at in 0usize..10_000, bit in 0u8..8) {
            let mut bytes = log(&BODIES);
            let at = at % log(&BODIES[..2]).len();
            bytes[at] ^= 1 << bit;
            let (_, stopped) = scan(&bytes, 0);
            prop_assert!(matches!(stopped, Step::Damaged(_)), "{:?}", stopped);
        }

        #[test]
        fn garbage_at_the_end_is_a_torn_frame(garbage in prop::collection::vec(any::<u8>(), 1..600)) {
            let mut bytes = log(&BODIES);
            bytes.extend(garbage);
            let (head, stopped) = scan(&bytes, u64::MAX);
            prop_assert_eq!(head, 3);
            prop_assert!(matches!(stopped, Step::Torn(_)), "{:?}", stopped);
        }
    }

    #[test]
    fn a_broken_last_frame_is_damage_only_when_it_was_acknowledged() {
        let mut bytes = log(&BODIES);
        let at = log(&BODIES[..2]).len() + HEADER + 2;
        bytes[at] ^= 1;
        assert!(matches!(scan(&bytes, 8), (2, Step::Torn(_))));
        assert!(matches!(scan(&bytes, 9), (2, Step::Damaged(_))));
    }

    #[test]
    fn a_frame_that_is_missing_in_the_middle_is_damage() {
        let whole = log(&BODIES);
        let (one, two) = (log(&BODIES[..1]).len(), log(&BODIES[..2]).len());
        let bytes = [&whole[..one], &whole[two..]].concat();
        assert!(matches!(scan(&bytes, 0), (1, Step::Damaged(_))));
    }
}
