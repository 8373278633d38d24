//! The hash chain of a call.
//!
//! `h0 = H("orderline/call/v1", journal, node, call, ordinal, started_at)` and
//! `hn = H("orderline/entry/v1", h(n-1), JCS(entry))` with SHA-256 and RFC 8785 canonical JSON. Every part is preceded
//! by its length as eight bytes, so that no two lists of parts read the same. The entry's canonical form holds its
//! place, time and every public column, and the commitment to its personal values; what is sealed is not in it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::canonical;
use super::entry::Entry;
use super::seal::{SealedBox, SubjectId};
use crate::ids::CallId;

/// A SHA-256, in hex wherever it is text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// An entry in its place: what the journal holds and PostgreSQL gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub call: CallId,
    /// From 0, the call's `call_opened`; without a gap.
    pub seq: u32,
    /// By the wall clock, whole microseconds; informative, the order is by `seq`.
    pub at: DateTime<Utc>,
    pub entry: Entry,
    /// The commitment to `sealed`; public and hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pii_commit: Option<Digest>,
    /// Personal values; not hashed, kept apart in PostgreSQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<SealedBox>,
    /// Whose key opens `sealed`: what the call's opening says in its hashed body, repeated for the case that the
    /// opening stands in a segment that is gone. Not hashed here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectId>,
    /// The hash before this one: the previous entry's, or the call's h0.
    pub prev: Digest,
    /// This entry's.
    pub hash: Digest,
}

/// What a call's h0 is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// The journal folder, named once when it was made.
    pub journal: Uuid,
    pub node: String,
    pub call: CallId,
    /// The n-th call of this journal, from 1, without a gap.
    pub ordinal: u64,
    /// Whole microseconds.
    pub started_at: DateTime<Utc>,
}

impl Genesis {
    /// h0.
    pub fn hash(&self) -> Digest {
        Digest::of(&[
            b"orderline/call/v1",
            self.journal.as_bytes(),
            self.node.as_bytes(),
            self.call.0.as_bytes(),
            &self.ordinal.to_be_bytes(),
            instant(self.started_at).as_bytes(),
        ])
    }
}

impl Record {
    /// Puts an entry into its place and hashes it.
    pub fn new(
        call: CallId,
        seq: u32,
        at: DateTime<Utc>,
        prev: Digest,
        entry: Entry,
        sealed: Option<super::seal::Sealed>,
    ) -> Self {
        let (pii_commit, sealed, subject) = match sealed {
            Some(sealed) => (Some(sealed.commit), Some(sealed.sealed), Some(sealed.subject)),
            None => (None, None, None),
        };
        let at = whole_micros(at);
        let mut record = Self { call, seq, at, entry, pii_commit, sealed, subject, prev, hash: prev };
        record.hash = record.expected_hash();
        record
    }

    /// The hash that this record must carry.
    pub fn expected_hash(&self) -> Digest {
        let mut canonical = Vec::with_capacity(1024);
        let at = instant(self.at);
        canonical::entry(self.seq, &at, &self.entry, self.pii_commit, &mut canonical);
        Digest::of(&[b"orderline/entry/v1", &self.prev.0, &canonical])
    }
}

impl Digest {
    /// Of nothing.
    pub(crate) const ZERO: Self = Self([0; 32]);

    /// SHA-256 over the parts, each preceded by its length in eight bytes, big-endian.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    fn with_text<T>(&self, take: impl FnOnce(&str) -> T) -> T {
        let mut text = [0; 64];
        for ([high, low], byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
            (*high, *low) = (digit(byte >> 4), digit(byte & 15));
        }
        take(std::str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

/// Why bytes or a text are no SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a SHA-256 of 32 bytes (64 hexadecimal digits), found {found} bytes")]
pub struct DigestError {
    found: usize,
}

impl TryFrom<&[u8]> for Digest {
    type Error = DigestError;

    fn try_from(bytes: &[u8]) -> Result<Self, DigestError> {
        bytes.try_into().map(Self).map_err(|_| DigestError { found: bytes.len() })
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let error = || DigestError { found: text.len() };
        let mut bytes = [0; 32];
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(error()) };
        if pairs.len() != bytes.len() {
            return Err(error());
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high).ok_or_else(error)? << 4 | digit(*low).ok_or_else(error)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

// Three of them stand in every record: written and read without a copy.
impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Digest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SHA-256 in hexadecimal digits")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// PostgreSQL keeps microseconds; what is hashed must survive the journey there.
pub(crate) fn whole_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;
    use crate::audit::EntryKind;
    use serde_json::json;

    fn record() -> Record {
        let at = DateTime::from_timestamp(1_780_000_000, 123_456_789).unwrap();
        let genesis = Genesis {
            journal: Uuid::from_u128(1),
            node: "a".to_owned(),
            call: CallId(Uuid::from_u128(2)),
            ordinal: 1,
            started_at: whole_micros(at),
        };
        let entry = Entry::new(EntryKind::Read, json!({ "total": 10.0, "n": 1, "имя": "x" }), 15);
        Record::new(genesis.call, 0, at, genesis.hash(), entry, None)
    }

    #[test]
    fn the_hash_survives_the_journey_through_json() {
        let record = record();
        let text = serde_json::to_string(&record).unwrap();
        let back: Record = serde_json::from_str(&text).unwrap();
        assert_eq!(back, record);
        assert_eq!(back.expected_hash(), record.hash);
    }

    #[test]
    fn an_entry_is_hashed_in_its_canonical_form() {
        #[derive(Serialize)]
        struct Hashed<'a> {
            seq: u32,
            at: String,
            #[serde(flatten)]
            entry: &'a Entry,
            pii_commit: Option<Digest>,
        }
        let mut full = record();
        full.entry.action = Some("x\n".to_owned());
        full.entry.request = Some(crate::ids::RequestId(u64::MAX));
        full.entry.order_id = Some(Uuid::from_u128(1));
        full.entry.order_number = Some("№".to_owned());
        full.entry.idem_key = Some(Uuid::from_u128(2));
        full.entry.http_status = Some(409);
        full.entry.problem = Some("out-of-stock".to_owned());
        full.pii_commit = Some(full.prev);
        for record in [record(), full] {
            let hashed = Hashed {
                seq: record.seq,
                at: instant(record.at),
                entry: &record.entry,
                pii_commit: record.pii_commit,
            };
            let library = serde_json_canonicalizer::to_vec(&hashed).unwrap();
            let expected = Digest::of(&[b"orderline/entry/v1", record.prev.as_bytes(), &library]);
            assert_eq!(record.expected_hash(), expected);
        }
    }

    #[test]
    fn every_public_field_is_hashed() {
        type Change = fn(&mut Record);
        let changes: [Change; 13] = [
            |r| r.seq += 1,
            |r| r.at += chrono::TimeDelta::microseconds(1),
            |r| r.entry.kind = EntryKind::Outcome,
            |r| r.entry.action = Some("x".to_owned()),
            |r| r.entry.request = Some(crate::ids::RequestId(1)),
            |r| r.entry.order_id = Some(Uuid::nil()),
            |r| r.entry.order_number = Some("x".to_owned()),
            |r| r.entry.idem_key = Some(Uuid::nil()),
            |r| r.entry.http_status = Some(200),
            |r| r.entry.problem = Some("x".to_owned()),
            |r| r.entry.body = json!({}),
            |r| r.entry.offset_ms += 1,
            |r| r.pii_commit = Some(r.prev),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut changed = record();
            change(&mut changed);
            assert_ne!(changed.expected_hash(), record().hash, "change {n}");
        }
    }

    #[test]
    fn parts_cannot_be_moved_over_their_border() {
        assert_ne!(Digest::of(&[b"ab", b"c"]), Digest::of(&[b"a", b"bc"]));
    }

    #[test]
    fn a_digest_that_is_none_is_an_error_not_a_panic() {
        for text in ["", "zz", &"я".repeat(32), &"g".repeat(64)] {
            assert!(Digest::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
