//! Reads a file forwards through one buffer.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

/// Bytes read at once when reading ahead.
const AHEAD: usize = 256 * 1024;

/// A buffer over part of a file; reading inside it needs no system call.
pub(crate) struct ReadBuffer {
    file: File,
    start: u64,
    buffer: Vec<u8>,
    ahead: usize,
}

impl ReadBuffer {
    /// A buffer for long sequential reads.
    pub(crate) fn new(file: File) -> Self {
        Self { file, start: 0, buffer: Vec::new(), ahead: AHEAD }
    }

    /// A buffer for a few bytes here and there.
    pub(crate) fn narrow(file: File) -> Self {
        Self { ahead: 8 * 1024, ..Self::new(file) }
    }

    /// Reads ahead from here on.
    pub(crate) fn widen(&mut self) {
        self.ahead = AHEAD;
    }

    /// The file's length now.
    pub(crate) fn file_len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Up to `len` bytes from `at`; fewer only where the file ends.
    pub(crate) fn slice(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let end = self.start + self.buffer.len() as u64;
        if at < self.start || at + len as u64 > end {
            self.refill(at, len.max(self.ahead))?;
        }
        let from = usize::try_from(at - self.start).map_err(io::Error::other)?;
        let from = from.min(self.buffer.len());
        let to = (from + len).min(self.buffer.len());
        Ok(&self.buffer[from..to])
    }

    fn refill(&mut self, at: u64, len: usize) -> io::Result<()> {
        self.buffer.clear();
        // The memory of one long line must not be kept for the rest of the file.
        self.buffer.shrink_to(len);
        self.buffer.reserve_exact(len);
        self.start = at;
        self.file.seek(SeekFrom::Start(at))?;
        (&self.file).take(len as u64).read_to_end(&mut self.buffer)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{AHEAD, ReadBuffer};
    use std::io::Write as _;

    #[test]
    fn any_stretch_reads_as_it_stands() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..3 * AHEAD + 7).map(|i| (i % 251) as u8).collect();
        file.write_all(&content).unwrap();
        let mut buffer = ReadBuffer::new(file);
        for (at, len) in [(0, 10), (5, AHEAD + 1), (2 * AHEAD, AHEAD), (3 * AHEAD, 100), (9, 1)] {
            let want = &content[at..(at + len).min(content.len())];
            assert_eq!(buffer.slice(at as u64, len).unwrap(), want, "{at}+{len}");
        }
        assert!(buffer.slice(content.len() as u64 + 5, 3).unwrap().is_empty());
    }
}
