//! Encodes records in COPY's binary format.

use crate::row;
use flowcontrol_contract::{Error, ErrorKind, Record, Result};

/// Bytes collected before they are sent, so that the server parses them while more are encoded.
pub(crate) const SEND_BYTES: usize = 256 * 1024;

/// The version byte at the start of a binary `jsonb`.
const JSONB_VERSION: u8 = 1;

/// A buffer of COPY data: signature, rows, trailer.
pub(crate) struct Encoder {
    buffer: Vec<u8>,
}

impl Encoder {
    /// A buffer with the signature, no flags and no extension.
    pub(crate) fn new() -> Self {
        let mut buffer = Vec::with_capacity(SEND_BYTES + SEND_BYTES / 4);
        buffer.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        buffer.extend_from_slice(&[0; 8]);
        Self { buffer }
    }

    /// Adds a row `seq, record_id, kind, actor_id, occurred_at, payload`.
    pub(crate) fn row(&mut self, record: &Record) -> Result<()> {
        self.buffer.extend_from_slice(&6i16.to_be_bytes());
        self.field(&row::to_bigint(record.seq)?.to_be_bytes())?;
        self.field(record.id.as_str().as_bytes())?;
        self.field(record.kind.name().as_bytes())?;
        self.field(record.actor.as_str().as_bytes())?;
        self.field(&row::to_wire(record.occurred_at).to_be_bytes())?;
        let payload = record.payload.as_str().as_bytes();
        self.length(payload.len() + 1)?;
        self.buffer.push(JSONB_VERSION);
        self.buffer.extend_from_slice(payload);
        Ok(())
    }

    fn field(&mut self, bytes: &[u8]) -> Result<()> {
        self.length(bytes.len())?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn length(&mut self, bytes: usize) -> Result<()> {
        let length = i32::try_from(bytes)
            .map_err(|_| Error::new(ErrorKind::Exhausted, "a value is larger than 2 GiB"))?;
        self.buffer.extend_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// Adds the trailer.
    pub(crate) fn end(&mut self) {
        self.buffer.extend_from_slice(&(-1i16).to_be_bytes());
    }

    /// The bytes that were not sent yet.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Drops the bytes that were sent.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Encoder;
    use flowcontrol_contract::{NewRecord, TenantId};

    #[test]
    fn a_row_is_laid_out_as_the_protocol_says() {
        let record = NewRecord::from_json(
            r#"{"id":"r1","kind":"risk","actor":"u","occurred_at":"2000-01-01T00:00:00.000002Z","payload":{}}"#,
        )
        .unwrap()
        .placed(TenantId::new("a").unwrap(), 258);
        let mut encoder = Encoder::new();
        encoder.row(&record).unwrap();
        encoder.end();
        let mut expected = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        expected.extend_from_slice(b"\0\x06\0\0\0\x08\0\0\0\0\0\0\x01\x02");
        expected.extend_from_slice(b"\0\0\0\x02r1\0\0\0\x04risk\0\0\0\x01u");
        expected.extend_from_slice(b"\0\0\0\x08\0\0\0\0\0\0\0\x02\0\0\0\x03\x01{}\xff\xff");
        assert_eq!(encoder.bytes(), expected);
    }
}
