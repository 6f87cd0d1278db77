//! AES-256-CBC with PKCS#7: whole messages, and streams for packages that do not fit into memory.

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{Block, BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use rand::Rng as _;
use std::fmt;

type Encrypting = cbc::Encryptor<Aes256>;
type Decrypting = cbc::Decryptor<Aes256>;

const BLOCK: usize = 16;

/// A session's key and initialisation vector. `Debug` hides both.
#[derive(Clone, PartialEq, Eq)]
pub struct SymmetricKey {
    key: [u8; 32],
    iv: [u8; BLOCK],
}

/// The ciphertext's length is not a multiple of 16, or what came out does not end in PKCS#7 padding:
/// it was made with another key or IV, or it was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ciphertext does not decrypt under this key and IV")]
pub struct PaddingError;

impl SymmetricKey {
    /// A new key and IV from the system's generator.
    pub fn generate() -> Self {
        let mut made = Self { key: [0; 32], iv: [0; BLOCK] };
        let mut random = rand::rng();
        random.fill_bytes(&mut made.key);
        random.fill_bytes(&mut made.iv);
        made
    }

    /// From 32 bytes of key and 16 of IV; `None` for other lengths.
    pub fn from_parts(key: &[u8], iv: &[u8]) -> Option<Self> {
        Some(Self { key: key.try_into().ok()?, iv: iv.try_into().ok()? })
    }

    /// The 32 bytes of the key, to be wrapped with [`super::PublicKey::wrap`].
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The 16 bytes of the IV.
    pub fn iv(&self) -> &[u8; BLOCK] {
        &self.iv
    }

    /// Encrypts one message; the result holds no IV.
    pub fn encrypt(&self, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + BLOCK);
        let mut stream = self.encryptor();
        stream.update(message, &mut out);
        stream.finish(&mut out);
        out
    }

    /// Decrypts one message.
    ///
    /// # Errors
    /// [`PaddingError`]; CBC has no other way to notice a wrong key, and one in 256 goes unnoticed,
    /// so the message's hash must be compared as well.
    pub fn decrypt(&self, ciphertext: &[u8]) -> Result<Vec<u8>, PaddingError> {
        let mut out = Vec::with_capacity(ciphertext.len());
        let mut stream = self.decryptor();
        stream.update(ciphertext, &mut out);
        stream.finish(&mut out)?;
        Ok(out)
    }

    /// Encrypts a message that comes in pieces.
    pub fn encryptor(&self) -> Encryptor {
        Encryptor {
            mode: Encrypting::new(&self.key.into(), &self.iv.into()),
            rest: Vec::with_capacity(BLOCK),
        }
    }

    /// Decrypts a message that comes in pieces.
    pub fn decryptor(&self) -> Decryptor {
        Decryptor {
            mode: Decrypting::new(&self.key.into(), &self.iv.into()),
            rest: Vec::with_capacity(BLOCK),
        }
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey([hidden])")
    }
}

/// Encrypts pieces of any length; memory is one piece.
pub struct Encryptor {
    mode: Encrypting,
    /// Fewer bytes than a block.
    rest: Vec<u8>,
}

impl Encryptor {
    /// Appends to `out` what `piece` completes.
    pub fn update(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.append(&mut self.rest);
        out.extend_from_slice(piece);
        let (blocks, rest) = Block::<Encrypting>::slice_as_chunks_mut(&mut out[start..]);
        self.mode.encrypt_blocks(blocks);
        let kept = rest.len();
        self.rest.extend_from_slice(&out[out.len() - kept..]);
        out.truncate(out.len() - kept);
    }

    /// Appends the padded end.
    pub fn finish(self, out: &mut Vec<u8>) {
        let mut last = [0; BLOCK];
        last[..self.rest.len()].copy_from_slice(&self.rest);
        // A rest is shorter than a block, so its padding always fits.
        let done = self.mode.encrypt_padded::<Pkcs7>(&mut last, self.rest.len());
        debug_assert!(done.is_ok());
        out.extend_from_slice(&last);
    }
}

impl fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encryptor([hidden])")
    }
}

/// Decrypts pieces of any length; memory is one piece.
pub struct Decryptor {
    mode: Decrypting,
    /// At most one block: the last one seen may hold the padding.
    rest: Vec<u8>,
}

impl Decryptor {
    /// Appends to `out` what is decrypted for certain; the last whole block waits for
    /// [`Decryptor::finish`].
    pub fn update(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.append(&mut self.rest);
        out.extend_from_slice(piece);
        let length = out.len() - start;
        let whole = length.saturating_sub(1) / BLOCK * BLOCK;
        self.rest.extend_from_slice(&out[start + whole..]);
        out.truncate(start + whole);
        let (blocks, _) = Block::<Decrypting>::slice_as_chunks_mut(&mut out[start..]);
        self.mode.decrypt_blocks(blocks);
    }

    /// Appends the end without its padding.
    ///
    /// # Errors
    /// [`PaddingError`].
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), PaddingError> {
        let end = self.mode.decrypt_padded::<Pkcs7>(&mut self.rest).map_err(|_| PaddingError)?;
        out.extend_from_slice(end);
        Ok(())
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decryptor([hidden])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SymmetricKey {
        SymmetricKey::from_parts(&[7; 32], &[9; 16]).unwrap()
    }

    #[test]
    fn the_published_vector() {
        // NIST SP 800-38A, F.2.5, first block.
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
                .collect()
        };
        let key = SymmetricKey::from_parts(
            &hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
            &hex("000102030405060708090a0b0c0d0e0f"),
        )
        .unwrap();
        let sealed = key.encrypt(&hex("6bc1bee22e409f96e93d7e117393172a"));
        assert_eq!(sealed[..16], hex("f58c4c04d6e5f1ba779eabfb5f7bfbd6"));
        assert_eq!(sealed.len(), 32);
    }

    #[test]
    fn any_length_in_any_pieces_comes_back() {
        for length in [0, 1, 15, 16, 17, 31, 32, 33, 1000] {
            let message: Vec<u8> = (0..length).map(|i| (i * 31 % 251) as u8).collect();
            let whole = key().encrypt(&message);
            assert_eq!(whole.len(), length / 16 * 16 + 16);
            assert_eq!(key().decrypt(&whole).unwrap(), message);
            for size in [1, 3, 16, 40] {
                let (mut sealed, mut opened) = (Vec::new(), Vec::new());
                let mut stream = key().encryptor();
                message.chunks(size).for_each(|piece| stream.update(piece, &mut sealed));
                stream.finish(&mut sealed);
                assert_eq!(sealed, whole, "{length} in {size}");
                let mut stream = key().decryptor();
                whole.chunks(size).for_each(|piece| stream.update(piece, &mut opened));
                stream.finish(&mut opened).unwrap();
                assert_eq!(opened, message, "{length} in {size}");
            }
        }
    }

    #[test]
    fn a_cut_an_empty_and_a_foreign_ciphertext_are_refused() {
        let sealed = key().encrypt(b"<Faktura/>");
        assert_eq!(key().decrypt(&sealed[..15]), Err(PaddingError));
        assert_eq!(key().decrypt(&[]), Err(PaddingError));
        let other = SymmetricKey::from_parts(&[8; 32], &[9; 16]).unwrap();
        assert_eq!(other.decrypt(&sealed), Err(PaddingError));
    }

    #[test]
    fn an_iv_in_front_of_the_ciphertext_spoils_the_message() {
        let mut sealed = key().iv().to_vec();
        sealed.extend(key().encrypt(b"<Faktura/>"));
        assert_ne!(key().decrypt(&sealed).as_deref(), Ok(&b"<Faktura/>"[..]));
    }

    #[test]
    fn a_key_is_hidden_and_fresh() {
        assert_eq!(format!("{:?}", key()), "SymmetricKey([hidden])");
        assert_ne!(SymmetricKey::generate(), SymmetricKey::generate());
    }
}
