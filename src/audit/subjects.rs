//! The persons' keys: slots of one file in the journal's folder, `subjects.keys`.
//!
//! ```text
//!  0      4       5     8     24        40        48            108   124
//!  | OLS1 | state | 0…  | tag | subject | made at | wrapped key | 0…  | CRC32C |
//! ```
//! Numbers are big-endian. A slot has 128 bytes, so that it lies in one sector and is written whole or not at all. It is
//! written once, when a person first calls, and overwritten by an erasure: first its key alone (the tag stays, so that an
//! erasure that was cut off finds it again), at the end all of it. The writer of a running server only ever adds slots
//! and reads one anew whenever its person calls, so an erasure may be another process.
//!
//! Where the file lies must be overwritten in place: a copy-on-write file system or a snapshot may keep the old sector.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::chain::Record;
use super::seal::{SealError, SealKey, SubjectId, SubjectKey, TAG_BYTES, Tag, WRAPPED_BYTES, WrappedKey};
use crate::ids::{CallId, PhoneNumber};

/// A person's slot.
#[derive(Clone)]
pub(crate) struct Slot {
    /// From 0.
    pub(crate) number: u64,
    pub(crate) tag: Tag,
    pub(crate) subject: SubjectId,
    pub(crate) made_at: DateTime<Utc>,
    /// None when an erasure has begun.
    pub(crate) key: Option<WrappedKey>,
}

/// The file of slots.
pub(crate) struct Subjects {
    file: File,
    path: PathBuf,
    by_tag: HashMap<Tag, u64>,
    by_subject: HashMap<SubjectId, u64>,
    /// How many slots were looked at: the next is new.
    read: u64,
    /// Something was written and not synced.
    unsynced: bool,
}

/// The node's key and the persons' keys of one journal.
pub(crate) struct Keys {
    pub(crate) node: SealKey,
    pub(crate) subjects: Subjects,
}

impl Subjects {
    /// Opens the folder's file, or makes it (0600).
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        let is_new = !path.exists();
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        if is_new {
            File::open(folder)?.sync_all()?;
        }
        Self::read_all(file, path)
    }

    /// Opens the folder's file for reading; none when there is none.
    pub(crate) fn look(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join(FILE);
        match File::open(&path) {
            Ok(file) => Self::read_all(file, path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read_all(file: File, path: PathBuf) -> io::Result<Self> {
        let (by_tag, by_subject) = (HashMap::new(), HashMap::new());
        let mut subjects = Self { file, path, by_tag, by_subject, read: 0, unsynced: false };
        subjects.read_on()?;
        Ok(subjects)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The slot of a person who has a key, as the file holds it now.
    pub(crate) fn of_tag(&self, tag: Tag) -> io::Result<Option<Slot>> {
        let Some(number) = self.by_tag.get(&tag) else { return Ok(None) };
        Ok(self.slot(*number)?.filter(|slot| slot.tag == tag && slot.key.is_some()))
    }

    /// The slot of a subject that has a key, as the file holds it now.
    pub(crate) fn of_subject(&self, subject: SubjectId) -> io::Result<Option<Slot>> {
        let Some(number) = self.by_subject.get(&subject) else { return Ok(None) };
        Ok(self.slot(*number)?.filter(|slot| slot.subject == subject && slot.key.is_some()))
    }

    /// Every slot that is not erased, one with an erasure begun among them.
    pub(crate) fn all(&self) -> io::Result<Vec<Slot>> {
        let mut slots = Vec::new();
        for number in 0..self.file.metadata()?.len() / SLOT_BYTES as u64 {
            slots.extend(self.slot(number)?);
        }
        Ok(slots)
    }

    /// Makes a key and puts it behind the last slot; to be followed by [`Self::sync`].
    pub(crate) fn add(&mut self, node: &SealKey, tag: Tag, subject: SubjectId) -> io::Result<SubjectKey> {
        let (key, wrapped) = node.make_key(subject).map_err(io::Error::other)?;
        // Behind a slot that a crash has torn, too.
        let number = self.file.metadata()?.len().div_ceil(SLOT_BYTES as u64).max(self.read);
        let slot = Slot { number, tag, subject, made_at: Utc::now(), key: Some(wrapped) };
        self.write(number, &slot.to_bytes())?;
        self.read = number + 1;
        self.know(&slot);
        Ok(key)
    }

    /// Puts what was written on the disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.unsynced {
            self.file.sync_data()?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Erases a slot's key, and what ties it to a person when `whole`; on the disk when it returns.
    pub(crate) fn erase(&mut self, slot: &Slot, whole: bool) -> io::Result<()> {
        let bytes = if whole { [0; SLOT_BYTES] } else { Slot { key: None, ..slot.clone() }.to_bytes() };
        self.write(slot.number, &bytes)?;
        self.sync()
    }

    /// Looks at the slots that were added since.
    pub(crate) fn read_on(&mut self) -> io::Result<()> {
        let count = self.file.metadata()?.len() / SLOT_BYTES as u64;
        let mut bytes = vec![0; SLOT_BYTES * SLOTS_AT_ONCE];
        while self.read < count {
            let slots = (count - self.read).min(SLOTS_AT_ONCE as u64);
            let part = bytes.get_mut(..SLOT_BYTES * slots as usize).unwrap_or_default();
            self.file.read_exact_at(part, self.read * SLOT_BYTES as u64)?;
            for (number, slot) in (self.read..count).zip(part.as_chunks::<SLOT_BYTES>().0) {
                match Slot::of(number, slot) {
                    Some(slot) => self.know(&slot),
                    None if slot.iter().all(|byte| *byte == 0) => {}
                    // It may be just being written: looked at again the next time.
                    None if number + 1 == count => return Ok(()),
                    None => tracing::warn!(
                        file = %self.path.display(),
                        "slot {number} of the persons' keys is damaged, or a crash has torn it: what was sealed under \
                         it cannot be read"
                    ),
                }
                self.read = number + 1;
            }
        }
        Ok(())
    }

    fn know(&mut self, slot: &Slot) {
        if slot.key.is_some() {
            self.by_tag.insert(slot.tag, slot.number);
            self.by_subject.insert(slot.subject, slot.number);
        }
    }

    fn slot(&self, number: u64) -> io::Result<Option<Slot>> {
        let mut bytes = [0; SLOT_BYTES];
        self.file.read_exact_at(&mut bytes, number * SLOT_BYTES as u64)?;
        Ok(Slot::of(number, &bytes))
    }

    fn write(&mut self, number: u64, bytes: &[u8; SLOT_BYTES]) -> io::Result<()> {
        self.unsynced = true;
        self.file.write_all_at(bytes, number * SLOT_BYTES as u64)
    }
}

impl Keys {
    /// What is sealed in a record. None when nothing is.
    pub(crate) fn value(&self, record: &Record) -> Option<Result<Value, SealError>> {
        value(&self.node, Some(&self.subjects), record)
    }

    fn key_of(&self, slot: &Slot) -> Result<SubjectKey, SealError> {
        slot.open(&self.node)
    }

    /// A caller's subject and key, made when they call for the first time, or for the first time since an erasure.
    pub(crate) fn of_person(&mut self, number: &PhoneNumber) -> io::Result<(SubjectId, SubjectKey)> {
        let tag = self.node.person(number);
        if let Some(slot) = self.subjects.of_tag(tag)?
            && let Ok(key) = self.key_of(&slot)
        {
            return Ok((slot.subject, key));
        }
        let subject = SubjectId(Uuid::new_v4());
        Ok((subject, self.subjects.add(&self.node, tag, subject)?))
    }

    /// The key of a subject that has one. None when the person was erased, or nothing was ever sealed of theirs.
    pub(crate) fn kept(&self, subject: SubjectId) -> io::Result<Option<SubjectKey>> {
        Ok(self.subjects.of_subject(subject)?.and_then(|slot| self.key_of(&slot).ok()))
    }

    /// The key of a call's subject. A caller without a number gets one with the first value that is to be sealed. None
    /// when the person was erased.
    pub(crate) fn of_call(&mut self, call: CallId, subject: SubjectId) -> io::Result<Option<SubjectKey>> {
        if let Some(key) = self.kept(subject)? {
            return Ok(Some(key));
        }
        if subject != SubjectId(call.0) {
            return Ok(None);
        }
        self.subjects.add(&self.node, self.node.stranger(call), subject).map(Some)
    }
}

/// [`Keys::value`], also for a folder that has no persons' keys.
pub(crate) fn value(
    node: &SealKey,
    subjects: Option<&Subjects>,
    record: &Record,
) -> Option<Result<Value, SealError>> {
    let (sealed, commit) = (record.sealed.as_ref()?, record.pii_commit?);
    let Some(subject) = record.subject else {
        return Some(node.open_old(record.call, record.seq, sealed, commit));
    };
    let opened = match subjects.map(|subjects| subjects.of_subject(subject)) {
        Some(Ok(Some(slot))) => slot.open(node),
        Some(Ok(None)) | None => Err(SealError::NoKey(subject)),
        Some(Err(_)) => Err(SealError::Cipher("the file of the persons' keys cannot be read")),
    };
    Some(opened.and_then(|key| key.open(record.call, record.seq, sealed, commit)))
}

impl Slot {
    pub(crate) fn open(&self, node: &SealKey) -> Result<SubjectKey, SealError> {
        node.unwrap_key(self.subject, self.key.as_ref().ok_or(SealError::NoKey(self.subject))?)
    }

    fn to_bytes(&self) -> [u8; SLOT_BYTES] {
        let mut bytes = Vec::with_capacity(SLOT_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[if self.key.is_some() { LIVE } else { BEING_ERASED }, 0, 0, 0]);
        bytes.extend_from_slice(&self.tag.0);
        bytes.extend_from_slice(self.subject.0.as_bytes());
        bytes.extend_from_slice(&self.made_at.timestamp_micros().to_be_bytes());
        bytes.extend_from_slice(&self.key.map_or([0; WRAPPED_BYTES], |key| key.0));
        bytes.resize(CRC_AT, 0);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        let mut slot = [0; SLOT_BYTES];
        slot.copy_from_slice(&bytes);
        slot
    }

    /// None when it is erased, or no slot.
    fn of(number: u64, bytes: &[u8; SLOT_BYTES]) -> Option<Self> {
        let (covered, crc) = bytes.split_at(CRC_AT);
        if !bytes.starts_with(MAGIC) || crc32c::crc32c(covered).to_be_bytes() != *crc {
            return None;
        }
        let part = |from: usize, length: usize| bytes.get(from..from + length);
        let made_at = i64::from_be_bytes(part(40, 8)?.try_into().ok()?);
        Some(Self {
            number,
            tag: Tag(part(8, TAG_BYTES)?.try_into().ok()?),
            subject: SubjectId(Uuid::from_slice(part(24, 16)?).ok()?),
            made_at: DateTime::from_timestamp_micros(made_at)?,
            key: match bytes.get(4)? {
                &LIVE => Some(WrappedKey(part(48, WRAPPED_BYTES)?.try_into().ok()?)),
                _ => None,
            },
        })
    }
}

/// The file's name in the journal's folder.
pub(crate) const FILE: &str = "subjects.keys";
const MAGIC: &[u8; 4] = b"OLS1";
const LIVE: u8 = 1;
const BEING_ERASED: u8 = 2;
const SLOT_BYTES: usize = 128;
const CRC_AT: usize = SLOT_BYTES - 4;
/// Slots of one read: 64 KiB.
const SLOTS_AT_ONCE: usize = 512;

#[cfg(test)]
mod tests;
