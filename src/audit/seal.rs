//! Values about a person: committed to in the open, readable only under the person's key.
//!
//! A bare hash of a telephone number can be guessed (there are only some 10^10 of them), so the commitment is
//! HMAC-SHA256 under a fresh 128-bit salt. Salt and value stand together in a box sealed with AES-256-GCM under a
//! random key of the person's own; the box is bound to its call and place in the chain. The persons' keys are wrapped
//! under the node's key (`subjects.rs` keeps them): whoever holds the node's key can open a box and show that it
//! is what was committed to, until the person's key is erased. After that nobody can, and the chain is still whole.

use std::io;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::chain::Digest;
use super::keyfile::{self, KEY_BYTES};
use crate::ids::{CallId, PhoneNumber};

/// The node's key: wraps the keys of persons and finds their slots.
pub struct SealKey {
    /// Opens what was sealed before persons had keys of their own.
    itself: RandomizedNonceKey,
    wrapping: RandomizedNonceKey,
    tags: hmac::Key,
}

/// A person whose values are sealed, under a random name: only the slot of their key ties it to a telephone number, so
/// it tells nothing once the slot is erased, even to somebody with the node's key. A caller without a number is a
/// person for one call, under the call's own id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubjectId(pub Uuid);

/// What a person's slot is found by: HMAC-SHA256 of the number (or of the call's id) under a key derived from the
/// node's, cut to 128 bits. It stands in the slot alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tag(pub(crate) [u8; TAG_BYTES]);

/// A person's own key.
pub(crate) struct SubjectKey(RandomizedNonceKey);

/// A person's key as it is kept: nonce, key and tag, bound to the person's id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrappedKey(pub(crate) [u8; WRAPPED_BYTES]);

/// A personal value as the journal holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedBox(String);

/// A commitment and the box that it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Whose key opens the box.
    pub subject: SubjectId,
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
    /// There is no key for it any more.
    #[error("the key of the person {} is not there", .0.0)]
    NoKey(SubjectId),
}

impl SealKey {
    /// Reads the key file, or makes it (0600) when there is none.
    ///
    /// # Errors
    /// The file cannot be read or made, or does not hold exactly 32 bytes.
    pub fn load_or_make(path: &Path) -> io::Result<Self> {
        Self::of(&keyfile::load_or_make(path)?)
    }

    /// Reads the key file; a key that is made to look something up opens nothing.
    ///
    /// # Errors
    /// The file is not there, cannot be read, or does not hold exactly 32 bytes.
    pub fn load(path: &Path) -> io::Result<Self> {
        Self::of(&keyfile::load(path)?)
    }

    fn of(bytes: &[u8]) -> io::Result<Self> {
        let cipher = |bytes: &[u8]| {
            RandomizedNonceKey::new(&AES_256_GCM, bytes)
                .map_err(|_| io::Error::other("the cipher refused the sealing key"))
        };
        // One key for each purpose: HMAC-SHA256 under the node's key, over the purpose's name.
        let itself = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let derived = |purpose: &[u8]| hmac::sign(&itself, purpose);
        Ok(Self {
            itself: cipher(bytes)?,
            wrapping: cipher(derived(b"orderline/wrap/v1").as_ref())?,
            tags: hmac::Key::new(hmac::HMAC_SHA256, derived(b"orderline/subject/v1").as_ref()),
        })
    }

    /// The tag of a caller with a number.
    pub(crate) fn person(&self, number: &PhoneNumber) -> Tag {
        self.tag(b"number", number.e164().as_bytes())
    }

    /// The tag of a caller without one.
    pub(crate) fn stranger(&self, call: CallId) -> Tag {
        self.tag(b"call", call.0.as_bytes())
    }

    fn tag(&self, kind: &[u8], bytes: &[u8]) -> Tag {
        let mut context = hmac::Context::with_key(&self.tags);
        context.update(kind);
        context.update(&[0]);
        context.update(bytes);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&context.sign().as_ref()[..TAG_BYTES]);
        Tag(tag)
    }

    /// A new random key for a person, wrapped.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when the random source fails.
    pub(crate) fn make_key(&self, subject: SubjectId) -> Result<(SubjectKey, WrappedKey), SealError> {
        let mut bytes = [0; KEY_BYTES];
        rand::fill(&mut bytes).map_err(|_| SealError::Cipher("no random bytes"))?;
        let key =
            RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| SealError::Cipher("AES-256-GCM"))?;
        let mut text = bytes.to_vec();
        let nonce = self
            .wrapping
            .seal_in_place_append_tag(Aad::from(subject.0.as_bytes()), &mut text)
            .map_err(|_| SealError::Cipher("AES-256-GCM"))?;
        let mut wrapped = [0; WRAPPED_BYTES];
        let (head, rest) = wrapped.split_at_mut(NONCE_LEN);
        head.copy_from_slice(nonce.as_ref());
        rest.copy_from_slice(&text);
        Ok((SubjectKey(key), WrappedKey(wrapped)))
    }

    /// A person's key.
    ///
    /// # Errors
    /// [`SealError::NotOurs`]: another node's, another person's, or changed.
    pub(crate) fn unwrap_key(
        &self,
        subject: SubjectId,
        wrapped: &WrappedKey,
    ) -> Result<SubjectKey, SealError> {
        let bytes = open(&self.wrapping, subject.0.as_bytes(), &wrapped.0)?;
        RandomizedNonceKey::new(&AES_256_GCM, &bytes).map(SubjectKey).map_err(|_| SealError::NotOurs)
    }

    /// Opens a box that was sealed under the node's key, before persons had keys of their own.
    ///
    /// # Errors
    /// [`SealError::NotOurs`] or [`SealError::OtherValue`].
    pub(crate) fn open_old(
        &self,
        call: CallId,
        seq: u32,
        sealed: &SealedBox,
        committed: Digest,
    ) -> Result<Value, SealError> {
        value(&self.itself, call, seq, sealed, committed)
    }
}

impl SubjectKey {
    /// Seals a value for one place of one call's chain.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when the random source fails.
    pub(crate) fn seal(
        &self,
        subject: SubjectId,
        call: CallId,
        seq: u32,
        value: &Value,
    ) -> Result<Sealed, SealError> {
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
        Ok(Sealed { subject, commit, sealed: SealedBox::of(&whole) })
    }

    /// Opens a box and checks it against its commitment.
    ///
    /// # Errors
    /// [`SealError::NotOurs`] or [`SealError::OtherValue`].
    pub(crate) fn open(
        &self,
        call: CallId,
        seq: u32,
        sealed: &SealedBox,
        committed: Digest,
    ) -> Result<Value, SealError> {
        value(&self.0, call, seq, sealed, committed)
    }
}

impl SealedBox {
    /// From its bytes, as PostgreSQL keeps them.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(STANDARD_NO_PAD.encode(bytes))
    }

    /// Its bytes; none when it is no box.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD_NO_PAD.decode(&self.0).ok()
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(<masked>)")
    }
}

impl std::fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubjectKey(<masked>)")
    }
}

fn value(
    key: &RandomizedNonceKey,
    call: CallId,
    seq: u32,
    sealed: &SealedBox,
    committed: Digest,
) -> Result<Value, SealError> {
    let text = open(key, &place(call, seq), &sealed.bytes().ok_or(SealError::NotOurs)?)?;
    let (salt, canonical) = text.split_at_checked(SALT_BYTES).ok_or(SealError::NotOurs)?;
    if commit(salt, canonical) != committed {
        return Err(SealError::OtherValue);
    }
    serde_json::from_slice(canonical).map_err(|_| SealError::OtherValue)
}

/// What stands behind a nonce, opened.
fn open(key: &RandomizedNonceKey, bound_to: &[u8], whole: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, text) = whole.split_at_checked(NONCE_LEN).ok_or(SealError::NotOurs)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::NotOurs)?;
    let mut text = text.to_vec();
    let length =
        key.open_in_place(nonce, Aad::from(bound_to), &mut text).map_err(|_| SealError::NotOurs)?.len();
    text.truncate(length);
    Ok(text)
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

/// 128 bits, as the commitment asks for.
const SALT_BYTES: usize = 16;
/// 128 bits: no two of 10^10 numbers share one.
pub(crate) const TAG_BYTES: usize = 16;
/// A nonce, a key and the cipher's tag.
pub(crate) const WRAPPED_BYTES: usize = NONCE_LEN + KEY_BYTES + 16;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    fn call() -> CallId {
        CallId(Uuid::from_u128(7))
    }

    #[test]
    fn a_sealed_value_opens_only_at_its_place_and_only_whole() {
        let folder = tempfile::tempdir().unwrap();
        let node = SealKey::load_or_make(&folder.path().join("key")).unwrap();
        let (key, _) = node.make_key(PERSON).unwrap();
        let value = json!({ "phone": "+375291234567" });
        let sealed = key.seal(PERSON, call(), 3, &value).unwrap();
        assert_eq!(key.open(call(), 3, &sealed.sealed, sealed.commit), Ok(value.clone()));
        assert_eq!(key.open(call(), 4, &sealed.sealed, sealed.commit), Err(SealError::NotOurs));
        assert_eq!(node.open_old(call(), 3, &sealed.sealed, sealed.commit), Err(SealError::NotOurs));
        let other = key.seal(PERSON, call(), 3, &value).unwrap();
        assert_ne!(other.commit, sealed.commit, "a fresh salt each time");
        assert_eq!(key.open(call(), 3, &sealed.sealed, other.commit), Err(SealError::OtherValue));
        assert_eq!(
            key.open(call(), 3, &SealedBox("AAAA".to_owned()), sealed.commit),
            Err(SealError::NotOurs),
            "a short box is no panic"
        );
    }

    #[test]
    fn a_wrapped_key_is_its_persons_and_its_nodes() {
        let folder = tempfile::tempdir().unwrap();
        let node = SealKey::load_or_make(&folder.path().join("key")).unwrap();
        let other = SealKey::load_or_make(&folder.path().join("other")).unwrap();
        let (key, wrapped) = node.make_key(PERSON).unwrap();
        let sealed = key.seal(PERSON, call(), 0, &json!("x")).unwrap();
        let again = node.unwrap_key(PERSON, &wrapped).unwrap();
        assert_eq!(again.open(call(), 0, &sealed.sealed, sealed.commit), Ok(json!("x")));
        assert!(node.unwrap_key(SubjectId(Uuid::from_u128(2)), &wrapped).is_err());
        assert!(other.unwrap_key(PERSON, &wrapped).is_err());
        let number = PhoneNumber::try_from("+375291234567".to_owned()).unwrap();
        assert!(
            node.person(&number) == node.person(&number) && node.person(&number) != other.person(&number)
        );
    }

    const PERSON: SubjectId = SubjectId(Uuid::from_u128(1));
}
