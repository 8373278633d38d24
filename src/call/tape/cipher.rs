//! The files of a recording, enciphered as they are written: none of a caller's words or voice is ever on the disk in
//! clear.
//!
//! Each tape has a random key of its own, kept beside its files in `key.json`, sealed under the key file of `[tape]`:
//! whoever has the files alone has nothing, and without `key.json` a tape is gone for good. Each file's key comes of the
//! tape's key and the file's name (HKDF-SHA256), so that no file can stand in another's place. A file is a row of chunks,
//! each under AES-256-GCM with its number and whether it is the last in its nonce: a chunk that is changed, missing, moved
//! or doubled, and a file that was cut off, are found (the STREAM construction; Hoang, Reyhanitabar, Rogaway, Vizár: Online
//! Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, 2015).

use std::io::{self, Write};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf;

use crate::audit::keyfile::KEY_BYTES;

/// The key of one tape.
pub(crate) struct TapeKey([u8; KEY_BYTES]);

/// Why enciphered bytes give nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// The box of the tape's key does not open.
    #[error("this key is not the one that the tape was recorded under, or the tape's key.json was changed")]
    OtherKey,
    /// A form that this version does not know.
    #[error("expected format 1, found {0}")]
    Format(u32),
    /// A chunk is not what was written there.
    #[error("changed, cut off or put in another's place, at byte {at}")]
    Changed {
        /// Where the chunk begins.
        at: usize,
    },
}

impl TapeKey {
    pub(super) fn of(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    #[cfg(test)]
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// The cipher of the file with this name.
    fn cipher(&self, name: &str) -> Result<LessSafeKey, Unspecified> {
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"orderline/tape/v1").extract(&self.0);
        let name = [name.as_bytes()];
        let key: UnboundKey = secret.expand(&name, &AES_256_GCM)?.into();
        Ok(LessSafeKey::new(key))
    }

    /// The bytes of the file with this name.
    ///
    /// # Errors
    /// [`CipherError::Changed`].
    pub(crate) fn decipher(&self, name: &str, bytes: &[u8]) -> Result<Vec<u8>, CipherError> {
        let cipher = self.cipher(name).map_err(|_| CipherError::Changed { at: 0 })?;
        let mut clear = Vec::with_capacity(bytes.len());
        let count = bytes.len().div_ceil(CHUNK_BYTES + AES_256_GCM.tag_len()).max(1);
        let mut chunks = bytes.chunks(CHUNK_BYTES + AES_256_GCM.tag_len());
        for number in 0..count {
            // A file without a byte lacks even its last chunk.
            let mut chunk = chunks.next().unwrap_or_default().to_vec();
            let at = number * (CHUNK_BYTES + AES_256_GCM.tag_len());
            let nonce = nonce(number as u64, number + 1 == count);
            let opened = cipher
                .open_in_place(nonce, Aad::empty(), &mut chunk)
                .map_err(|_| CipherError::Changed { at })?;
            clear.extend_from_slice(opened);
        }
        Ok(clear)
    }

    /// Enciphers what is written to the file with this name. One file for each name: a second one would have the same
    /// key and nonces.
    pub(crate) fn encipher<W: Write>(&self, name: &str, inner: W) -> io::Result<Enciphered<W>> {
        let cipher = self.cipher(name).map_err(|_| io::Error::other("no key for a file of a tape"))?;
        Ok(Enciphered { inner, cipher, chunk: Vec::with_capacity(CHUNK_BYTES), number: 0 })
    }
}

/// Enciphers what is written, chunk by chunk. [`Enciphered::finish`] makes it whole; dropped before, it is a file that was
/// cut off.
pub(crate) struct Enciphered<W> {
    inner: W,
    cipher: LessSafeKey,
    chunk: Vec<u8>,
    number: u64,
}

impl<W: Write> Enciphered<W> {
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.put(true)?;
        self.inner.flush()
    }

    fn put(&mut self, last: bool) -> io::Result<()> {
        self.cipher
            .seal_in_place_append_tag(nonce(self.number, last), Aad::empty(), &mut self.chunk)
            .map_err(|_| io::Error::other("a chunk could not be enciphered"))?;
        self.number += 1;
        self.inner.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }
}

impl<W: Write> Write for Enciphered<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() == CHUNK_BYTES {
            // There is more, so it is not the last.
            self.put(false)?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// What is not a whole chunk yet stays in memory.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The chunk's number, and whether it is the last. The key is this one file's, so numbers are enough.
fn nonce(number: u64, last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[3..11].copy_from_slice(&number.to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

/// Bytes of a chunk (chosen: half a second of a caller's sound, so that a killed server loses little).
const CHUNK_BYTES: usize = 16 * 1024;

impl std::fmt::Debug for TapeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TapeKey(<masked>)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;

    fn enciphered(key: &TapeKey, name: &str, clear: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = key.encipher(name, &mut bytes).unwrap();
        for piece in clear.chunks(777) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn a_file_of_any_length_comes_back_and_holds_nothing_in_clear() {
        let key = TapeKey([7; KEY_BYTES]);
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let clear: Vec<u8> = b"+79161234567 ".iter().copied().cycle().take(length).collect();
            let bytes = enciphered(&key, "inputs.jsonl", &clear);
            assert_eq!(key.decipher("inputs.jsonl", &bytes).unwrap(), clear, "{length}");
            assert!(!bytes.windows(7).any(|found| found == b"9161234"), "{length}");
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_move_and_copy_is_found() {
        let key = TapeKey([7; KEY_BYTES]);
        let whole = CHUNK_BYTES + AES_256_GCM.tag_len();
        let clear: Vec<u8> = (0..3 * CHUNK_BYTES + 9).map(|n| (n % 251) as u8).collect();
        let bytes = enciphered(&key, "heard.pcm", &clear);
        for at in (0..bytes.len()).step_by(997).chain([bytes.len() - 1]) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let chunk = at / whole * whole;
            assert_eq!(key.decipher("heard.pcm", &changed), Err(CipherError::Changed { at: chunk }));
        }
        // Cut at the borders of chunks, where each chunk alone is whole, and at every byte of the last.
        for length in [0, whole, 2 * whole, 3 * whole].into_iter().chain(3 * whole + 1..bytes.len()) {
            assert!(key.decipher("heard.pcm", &bytes[..length]).is_err(), "cut at {length}");
        }
        let swapped = [&bytes[whole..2 * whole], &bytes[..whole], &bytes[2 * whole..]].concat();
        assert!(key.decipher("heard.pcm", &swapped).is_err());
        let doubled = [&bytes[..whole], &bytes].concat();
        assert!(key.decipher("heard.pcm", &doubled).is_err());
        let longer = [&bytes[..], b"x"].concat();
        assert!(key.decipher("heard.pcm", &longer).is_err());
        assert!(key.decipher("played.pcm", &bytes).is_err(), "another file's name");
        assert!(TapeKey([8; KEY_BYTES]).decipher("heard.pcm", &bytes).is_err(), "another tape's key");
    }
}
