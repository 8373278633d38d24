//! Values about a person: committed to in the open, readable only under the node's key.
//!
//! A bare hash of a telephone number can be guessed (there are only some 10^10 of them), so the commitment is
//! HMAC-SHA256 under a fresh 128-bit salt. Salt and value stand together in a box sealed with AES-256-GCM; the box is
//! bound to its call and place in the chain, lives in the journal and never goes to PostgreSQL. Whoever holds the
//! key can open it and show that it is what was committed to; erasing the box leaves the chain whole.

use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chain::Digest;
use crate::ids::CallId;

/// The node's key for personal values.
pub struct SealKey(RandomizedNonceKey);

/// A personal value as the journal holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedBox(String);

/// A commitment and the box that it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// HMAC-SHA256(salt, JCS(value)): public.
    pub commit: Digest,
    /// The salt and the value, readable with the key.
    pub sealed: SealedBox,
}

/// Why a box could not be made or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The random source or the cipher failed.
    #[error("sealing a personal value failed: {0}")]
    Cipher(&'static str),
    /// Another key, another entry's box, or a changed one.
    #[error("expected a box sealed by this node for this entry, found one that its key does not open")]
    NotOurs,
    /// It opens, but does not hold what the entry commits to.
    #[error("the sealed value is not the one that the entry commits to")]
    OtherValue,
}

impl SealKey {
    /// Reads the key file, or makes it (0600) when there is none.
    ///
    /// # Errors
    /// The file cannot be read or made, or does not hold exactly 32 bytes.
    pub fn load_or_make(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        match std::fs::File::open(path) {
            Ok(file) => {
                // One byte more than a key tells a too long file without reading all of it.
                file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bytes.resize(KEY_BYTES, 0);
                rand::fill(&mut bytes)
                    .map_err(|_| io::Error::other("no random bytes for the sealing key"))?;
                let temporary = path.with_extension("new");
                let mut file = std::fs::OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&temporary)?;
                file.write_all(&bytes)?;
                file.sync_all()?;
                std::fs::rename(&temporary, path)?;
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                    std::fs::File::open(folder)?.sync_all()?;
                }
            }
            Err(error) => return Err(error),
        }
        if bytes.len() != KEY_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("expected a key of {KEY_BYTES} bytes, found {} or more", bytes.len()),
            ));
        }
        RandomizedNonceKey::new(&AES_256_GCM, &bytes)
            .map(Self)
            .map_err(|_| io::Error::other("the cipher refused the sealing key"))
    }

    /// Seals a value for one place of one call's chain.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when the random source fails.
    pub fn seal(&self, call: CallId, seq: u32, value: &Value) -> Result<Sealed, SealError> {
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| SealError::Cipher("no random bytes"))?;
        let canonical = serde_json_canonicalizer::to_vec(value).map_err(|_| SealError::Cipher("not JSON"))?;
        let commit = commit(&salt, &canonical);
        let mut text = salt.to_vec();
        text.extend_from_slice(&canonical);
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(place(call, seq)), &mut text)
            .map_err(|_| SealError::Cipher("AES-256-GCM"))?;
        let mut whole = nonce.as_ref().to_vec();
        whole.extend_from_slice(&text);
        Ok(Sealed { commit, sealed: SealedBox(STANDARD_NO_PAD.encode(whole)) })
    }

    /// Opens a box and checks it against its commitment.
    ///
    /// # Errors
    /// [`SealError::NotOurs`] or [`SealError::OtherValue`].
    pub fn open(
        &self,
        call: CallId,
        seq: u32,
        sealed: &SealedBox,
        committed: Digest,
    ) -> Result<Value, SealError> {
        let whole = STANDARD_NO_PAD.decode(&sealed.0).map_err(|_| SealError::NotOurs)?;
        let (nonce, text) = whole.split_at_checked(NONCE_LEN).ok_or(SealError::NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::NotOurs)?;
        let mut text = text.to_vec();
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(place(call, seq)), &mut text)
            .map_err(|_| SealError::NotOurs)?;
        let (salt, canonical) = opened.split_at_checked(SALT_BYTES).ok_or(SealError::NotOurs)?;
        if commit(salt, canonical) != committed {
            return Err(SealError::OtherValue);
        }
        serde_json::from_slice(canonical).map_err(|_| SealError::OtherValue)
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(<masked>)")
    }
}

fn commit(salt: &[u8], canonical: &[u8]) -> Digest {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), canonical);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    Digest::from(bytes)
}

/// What a box is bound to: moved elsewhere it does not open.
fn place(call: CallId, seq: u32) -> Vec<u8> {
    let mut bytes = b"orderline/pii/v1".to_vec();
    bytes.extend_from_slice(call.0.as_bytes());
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes
}

/// AES-256.
const KEY_BYTES: usize = 32;
/// 128 bits, as the commitment asks for.
const SALT_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt;
    use uuid::Uuid;

    fn call() -> CallId {
        CallId(Uuid::from_u128(7))
    }

    #[test]
    fn a_sealed_value_opens_only_at_its_place_and_only_whole() {
        let folder = tempfile::tempdir().unwrap();
        let key = SealKey::load_or_make(&folder.path().join("key")).unwrap();
        let value = json!({ "phone": "+375291234567" });
        let sealed = key.seal(call(), 3, &value).unwrap();
        assert_eq!(key.open(call(), 3, &sealed.sealed, sealed.commit), Ok(value.clone()));
        assert_eq!(key.open(call(), 4, &sealed.sealed, sealed.commit), Err(SealError::NotOurs));
        let other = key.seal(call(), 3, &value).unwrap();
        assert_ne!(other.commit, sealed.commit, "a fresh salt each time");
        assert_eq!(key.open(call(), 3, &sealed.sealed, other.commit), Err(SealError::OtherValue));
        assert_eq!(
            key.open(call(), 3, &SealedBox("AAAA".to_owned()), sealed.commit),
            Err(SealError::NotOurs),
            "a short box is no panic"
        );
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_alone_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = SealKey::load_or_make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = first.seal(call(), 0, &json!("x")).unwrap();
        let second = SealKey::load_or_make(&path).unwrap();
        assert_eq!(second.open(call(), 0, &sealed.sealed, sealed.commit), Ok(json!("x")));
        std::fs::write(&path, [0; 33]).unwrap();
        assert!(SealKey::load_or_make(&path).is_err());
    }
}
