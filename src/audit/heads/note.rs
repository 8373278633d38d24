//! Signed notes and checkpoints as text (C2SP `signed-note` and `tlog-checkpoint`).
//!
//! ```text
//! orderline.audit/<node>/<journal>          origin, also the key's name
//! 17                                        leaves of the tree
//! Base64 of the root
//! n 3                                       the head's number
//! at 2026-11-25T12:00:00.000000Z
//! entries 52                                entries that all heads together cover
//! key orderline.audit/…+1a2b3c4d+AW…        who signs
//! prev Base64 of SHA-256 of the text before absent from the first
//! next-key orderline.audit/…+5e6f7a8b+AX…   who signs from the next one on: only where the key changes
//!
//! — orderline.audit/… Base64 of key id and Ed25519 signature
//! ```
//! Reading is strict: a text that would not be written in just this way is none.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::audit::chain::Digest;

/// A public key under a name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerifierKey {
    name: String,
    key: [u8; 32],
}

/// Why a text is no note, checkpoint or key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("expected a verifier key name+hash+base64, found something else")]
    Key,
    #[error("expected a text, an empty line and signature lines, found something else")]
    Note,
    #[error("expected a checkpoint with the lines of a head, found something else")]
    Checkpoint,
}

/// Signs heads.
pub struct Signer {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

/// A text and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// With its last newline.
    pub text: String,
    pub signatures: Vec<Signature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub name: String,
    pub id: [u8; 4],
    signature: Vec<u8>,
}

/// What a head's text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Digest,
    pub n: u64,
    pub at: DateTime<Utc>,
    pub entries: u64,
    pub key: VerifierKey,
    pub prev: Option<Digest>,
    pub next_key: Option<VerifierKey>,
}

impl VerifierKey {
    /// A key of 32 bytes under a name without spaces and `+`.
    pub fn new(name: impl Into<String>, key: [u8; 32]) -> Self {
        Self { name: name.into(), key }
    }

    /// The first four bytes of SHA-256 over name, newline, 0x01 (Ed25519) and key.
    pub fn id(&self) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', ED25519_KIND]);
        hasher.update(self.key);
        let hash: [u8; 32] = hasher.finalize().into();
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes: what tells keys apart, whatever their names.
    pub fn public(&self) -> [u8; 32] {
        self.key
    }

    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.key).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519_KIND];
        key.extend_from_slice(&self.key);
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id()), STANDARD.encode(key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        // The Base64 may hold a `+` of its own, the two before it cannot.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let key = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let (kind, key) = key.split_first().ok_or(NoteError::Key)?;
        let key = Self::new(name, key.try_into().map_err(|_| NoteError::Key)?);
        let written = !name.is_empty() && !name.contains(char::is_whitespace) && key.to_string() == text;
        if *kind == ED25519_KIND && written { Ok(key) } else { Err(NoteError::Key) }
    }
}

impl TryFrom<String> for VerifierKey {
    type Error = NoteError;

    fn try_from(text: String) -> Result<Self, NoteError> {
        text.parse()
    }
}

impl From<VerifierKey> for String {
    fn from(key: VerifierKey) -> String {
        key.to_string()
    }
}

impl Signer {
    /// From a seed of 32 bytes. None when the cipher refuses it.
    pub fn from_seed(seed: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { pair, public })
    }

    /// Its public key.
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    /// Its public key under a name.
    pub fn key(&self, name: &str) -> VerifierKey {
        VerifierKey::new(name, self.public)
    }

    fn sign(&self, name: &str, text: &str) -> Signature {
        Signature {
            name: name.to_owned(),
            id: self.key(name).id(),
            signature: self.pair.sign(text.as_bytes()).as_ref().to_vec(),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(<masked>)")
    }
}

impl Note {
    /// Signs a text, which must end with a newline, under one name with each of the keys.
    pub fn sign(text: String, name: &str, signers: &[&Signer]) -> Self {
        let signatures = signers.iter().map(|signer| signer.sign(name, &text)).collect();
        Self { text, signatures }
    }

    /// Reads a whole note.
    ///
    /// # Errors
    /// [`NoteError::Note`].
    pub fn parse(whole: &str) -> Result<Self, NoteError> {
        let split = whole.find("\n\n").ok_or(NoteError::Note)?;
        let text = whole[..split + 1].to_owned();
        let signatures = whole[split + 2..]
            .lines()
            .map(|line| {
                let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
                let bytes = STANDARD.decode(signature).ok()?;
                let (id, signature) = bytes.split_first_chunk()?;
                Some(Signature { name: name.to_owned(), id: *id, signature: signature.to_vec() })
            })
            .collect::<Option<Vec<_>>>()
            .ok_or(NoteError::Note)?;
        let note = Self { text, signatures };
        if note.signatures.is_empty() || note.to_string() != whole { Err(NoteError::Note) } else { Ok(note) }
    }

    /// Whether this key signed it.
    pub fn signed_by(&self, key: &VerifierKey) -> bool {
        self.signatures.iter().any(|line| {
            line.name == key.name && line.id == key.id() && key.verifies(&self.text, &line.signature)
        })
    }

    /// SHA-256 of the text: what the next head names it by.
    pub fn hash(&self) -> Digest {
        Digest::from(<[u8; 32]>::from(Sha256::digest(self.text.as_bytes())))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature { name, id, signature } in &self.signatures {
            let bytes = [id.as_slice(), signature].concat();
            writeln!(f, "— {name} {}", STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

impl Checkpoint {
    /// Reads a head's text.
    ///
    /// # Errors
    /// [`NoteError::Checkpoint`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let parsed = Self::read(text).ok_or(NoteError::Checkpoint)?;
        if parsed.to_string() == text { Ok(parsed) } else { Err(NoteError::Checkpoint) }
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines().peekable();
        let origin = lines.next().filter(|line| !line.is_empty())?.to_owned();
        let size = lines.next()?.parse().ok()?;
        let root = digest(lines.next()?)?;
        let n = lines.next()?.strip_prefix("n ")?.parse().ok()?;
        let at = DateTime::parse_from_rfc3339(lines.next()?.strip_prefix("at ")?).ok()?.to_utc();
        let entries = lines.next()?.strip_prefix("entries ")?.parse().ok()?;
        let key = lines.next()?.strip_prefix("key ")?.parse().ok()?;
        let prev = match lines.next_if(|line| line.starts_with("prev ")) {
            Some(line) => Some(digest(&line[5..])?),
            None => None,
        };
        let next_key = match lines.next_if(|line| line.starts_with("next-key ")) {
            Some(line) => Some(line[9..].parse().ok()?),
            None => None,
        };
        lines.next().is_none().then_some(Self { origin, size, root, n, at, entries, key, prev, next_key })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))?;
        writeln!(f, "n {}", self.n)?;
        writeln!(f, "at {}", self.at.to_rfc3339_opts(SecondsFormat::Micros, true))?;
        writeln!(f, "entries {}", self.entries)?;
        writeln!(f, "key {}", self.key)?;
        if let Some(prev) = self.prev {
            writeln!(f, "prev {}", STANDARD.encode(prev.as_bytes()))?;
        }
        if let Some(key) = &self.next_key {
            writeln!(f, "next-key {key}")?;
        }
        Ok(())
    }
}

fn digest(text: &str) -> Option<Digest> {
    Digest::try_from(STANDARD.decode(text).ok()?.as_slice()).ok()
}

/// C2SP signed-note's number of Ed25519.
const ED25519_KIND: u8 = 0x01;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;

    /// The key and the note of the Go module `golang.org/x/mod/sumdb/note`, whose documentation prints them.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_published_example_of_a_signed_note_verifies_and_is_written_the_same() {
        let key: VerifierKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        let note = Note::parse(NOTE).unwrap();
        assert!(note.signed_by(&key));
        assert_eq!(note.to_string(), NOTE);
    }

    #[test]
    fn every_changed_byte_of_a_signed_head_shows() {
        let signer = Signer::from_seed(&[7; 32]).unwrap();
        let key = signer.key("a");
        let checkpoint = Checkpoint {
            origin: "a".to_owned(),
            size: 2,
            root: Digest::from([1; 32]),
            n: 2,
            at: DateTime::from_timestamp_micros(1_780_000_000_000_001).unwrap(),
            entries: 10,
            key: key.clone(),
            prev: Some(Digest::from([2; 32])),
            next_key: Some(Signer::from_seed(&[8; 32]).unwrap().key("a")),
        };
        let text = checkpoint.to_string();
        assert_eq!(Checkpoint::parse(&text), Ok(checkpoint));
        let whole = Note::sign(text, "a", &[&signer]).to_string();
        let good = |whole: &str| Note::parse(whole).is_ok_and(|note| note.signed_by(&key));
        assert!(good(&whole));
        for at in 0..whole.len() {
            for flip in [1, 2, 0x20, 0x80] {
                let mut changed = whole.clone().into_bytes();
                changed[at] ^= flip;
                let changed = String::from_utf8_lossy(&changed).into_owned();
                assert!(!good(&changed), "byte {at} by {flip}: {changed}");
            }
        }
    }

    #[test]
    fn what_is_no_note_is_an_error_not_a_panic() {
        for text in
            ["", "\n\n", "a\n\n", "a\n\n—", "a\n\n— b", "a\n\n— b c\n", "я\n\n— я я\n", "a\n\n— b AAAA\n"]
        {
            assert!(Note::parse(text).is_err(), "{text:?}");
            assert!(Checkpoint::parse(text).is_err(), "{text:?}");
            assert!(text.parse::<VerifierKey>().is_err(), "{text:?}");
        }
    }
}
