//! Frames: how records lie in a segment file.
//!
//! ```text
//!  0      4        8             12       16
//!  | OLJ1 | length | batch start | CRC32C | payload (JSON) … |
//! ```
//! Numbers are big-endian. *Batch start* is the offset in the file of the first frame that was written together with
//! this one: a batch is one write and one `fdatasync`, and no batch is written before the one before it is synced. So
//! when a bad frame is met, the frames after it tell whether it was part of the last, never acknowledged batch (a torn
//! tail, which a crash leaves) or something that once was safe (damage). The CRC covers length, batch start and
//! payload. The rest of a preallocated file is zeros.

use serde::{Deserialize, Serialize};

use super::chain::Record;
use super::heads::{Head, Standing};

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub(crate) enum Payload {
    /// The first of every segment.
    Segment(Box<Header>),
    Record(Box<Record>),
    Head(Box<Head>),
}

/// How a segment begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// [`VERSION`].
    pub version: u32,
    /// The folder's own id, made with its first segment.
    pub journal: uuid::Uuid,
    pub node: String,
    /// This segment's number, from 1.
    pub segment: u64,
    /// What the next call will be given.
    pub next_ordinal: u64,
    /// The segment before this one and how many of its bytes count: what follows was never acknowledged.
    pub previous: Option<Extent>,
    /// Where the heads stood, so that older segments may go. None in segments from before there were heads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<Standing>,
}

/// The part of a segment that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extent {
    pub segment: u64,
    pub bytes: u64,
}

/// A frame found in a segment.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub payload: Payload,
    /// Where the next one begins.
    pub end: u64,
}

/// How the frames of a segment end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing but zeros follows.
    Clean,
    /// The last batch is not whole: the crash came before its `fdatasync` returned.
    Torn { at: u64 },
    /// Bytes that once were safe are not what they were.
    Damaged { at: u64 },
}

/// What is known of the bytes that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledged {
    /// Each of them once was safe: whatever is wrong with them is damage.
    All,
    /// A crash may have come before the last batch was.
    Unknown,
}

/// All good frames of a segment and how they end.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub frames: Vec<Found>,
    pub tail: Tail,
    /// The first frame that is as it was written, by its checksum, and of a kind that this version does not know.
    pub strange: Option<u64>,
    /// Where the last frame that counts ends.
    pub end: u64,
}

impl Payload {
    /// Its bytes; none when they are more than [`PAYLOAD_MAX_BYTES`].
    pub(crate) fn to_json(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok().filter(|json| json.len() <= PAYLOAD_MAX_BYTES as usize)
    }
}

/// Appends the frame of a payload's bytes to a batch that begins at `batch_start` of its file.
pub(crate) fn push(json: &[u8], batch_start: u32, batch: &mut Vec<u8>) {
    let length = u32::try_from(json.len()).expect("to_json keeps payloads under PAYLOAD_MAX_BYTES");
    let crc = checksum(length, batch_start, json);
    batch.extend_from_slice(&MAGIC);
    batch.extend_from_slice(&length.to_be_bytes());
    batch.extend_from_slice(&batch_start.to_be_bytes());
    batch.extend_from_slice(&crc.to_be_bytes());
    batch.extend_from_slice(json);
}

/// Reads a segment's bytes. Never panics, whatever they are.
pub(crate) fn scan(bytes: &[u8], acknowledged: Acknowledged) -> Scan {
    scan_from(bytes, 0, acknowledged)
}

/// Reads the bytes of a segment from `base` on, where a frame begins. Places are those in the segment.
pub(crate) fn scan_from(bytes: &[u8], base: u64, acknowledged: Acknowledged) -> Scan {
    let mut frames = Vec::new();
    let mut at = 0;
    let mut bad = None;
    let mut strange = None;
    let mut end = base;
    let mut last_batch = 0;
    while at < bytes.len() {
        match decode(bytes, at, base) {
            Some(Decoded { payload, batch_start, end: behind }) => {
                last_batch = last_batch.max(u64::from(batch_start));
                end = base + behind as u64;
                match payload {
                    Some(payload) => frames.push(Found { payload, end }),
                    None => {
                        strange.get_or_insert(base + at as u64);
                    }
                }
                at = behind;
            }
            None if acknowledged == Acknowledged::Unknown && bytes[at..].iter().all(|byte| *byte == 0) => {
                break;
            }
            None => {
                bad.get_or_insert(base + at as u64);
                // The next good frame, if there is one: it tells torn from damaged, and it is read all the same.
                match next_magic(bytes, at + 1) {
                    Some(next) => at = next,
                    None => break,
                }
            }
        }
    }
    let tail = match (bad, strange) {
        (None, None) => Tail::Clean,
        (Some(at), None) if acknowledged == Acknowledged::Unknown && last_batch <= at => Tail::Torn { at },
        (Some(at), None) | (None, Some(at)) => Tail::Damaged { at },
        (Some(bad), Some(strange)) => Tail::Damaged { at: bad.min(strange) },
    };
    if let Tail::Torn { at } = tail {
        // The rest of a batch that is not whole counts no more than what is missing of it.
        frames.retain(|found: &Found| found.end <= at);
        end = frames.last().map_or(base, |found| found.end);
    }
    Scan { frames, tail, strange, end }
}

/// The frame that the bytes begin with.
pub(crate) fn first(bytes: &[u8]) -> Option<Payload> {
    decode(bytes, 0, 0)?.payload
}

/// A frame that is as it was written.
struct Decoded {
    /// None for what this version cannot read.
    payload: Option<Payload>,
    /// Where its batch starts in the segment.
    batch_start: u32,
    /// Where it ends in the bytes.
    end: usize,
}

/// The frame at a place; none where its bytes are not what they were.
fn decode(bytes: &[u8], at: usize, base: u64) -> Option<Decoded> {
    let head: &[u8; HEAD_BYTES] = bytes.get(at..)?.first_chunk()?;
    let [m0, m1, m2, m3, l0, l1, l2, l3, b0, b1, b2, b3, c0, c1, c2, c3] = *head;
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    let batch_start = u32::from_be_bytes([b0, b1, b2, b3]);
    if [m0, m1, m2, m3] != MAGIC || length > PAYLOAD_MAX_BYTES || u64::from(batch_start) > base + at as u64 {
        return None;
    }
    let start = at + HEAD_BYTES;
    let end = start.checked_add(length as usize)?;
    let json = bytes.get(start..end)?;
    if checksum(length, batch_start, json) != u32::from_be_bytes([c0, c1, c2, c3]) {
        return None;
    }
    Some(Decoded { payload: parse(json), batch_start, end })
}

fn parse(json: &[u8]) -> Option<Payload> {
    // Nearly every frame is a record, and its tag comes first: read as what it is, without finding that out field by
    // field.
    if json.starts_with(br#"{"frame":"record","#) {
        let record = serde_json::from_str(std::str::from_utf8(json).ok()?).ok()?;
        return Some(Payload::Record(Box::new(record)));
    }
    serde_json::from_slice(json).ok().filter(|payload| match payload {
        Payload::Segment(header) => header.version == VERSION,
        Payload::Record(_) | Payload::Head(_) => true,
    })
}

fn next_magic(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(MAGIC.len()).position(|window| window == MAGIC).map(|found| from + found)
}

fn checksum(length: u32, batch_start: u32, json: &[u8]) -> u32 {
    let head = crc32c::crc32c_append(crc32c::crc32c(&length.to_be_bytes()), &batch_start.to_be_bytes());
    crc32c::crc32c_append(head, json)
}

/// How segments are written. Another one is not read: what it means is not known here.
pub(crate) const VERSION: u32 = 1;
const MAGIC: [u8; 4] = *b"OLJ1";
const HEAD_BYTES: usize = 16;
/// Far above an order of fifty lines, sealed part included (some 40 KiB); far below a segment.
pub(crate) const PAYLOAD_MAX_BYTES: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::Acknowledged::{All, Unknown};
    use super::*;
    use proptest::prelude::*;

    fn header(segment: u64) -> Payload {
        let journal = uuid::Uuid::from_u128(1);
        let node = "n".to_owned();
        Payload::Segment(Box::new(Header {
            version: VERSION,
            journal,
            node,
            segment,
            next_ordinal: 1,
            previous: None,
            heads: None,
        }))
    }

    /// Two batches: frames 1 and 2, then 3 and 4, and zeros to the end.
    fn two_batches() -> (Vec<u8>, usize) {
        let mut bytes = Vec::new();
        push(&header(1).to_json().unwrap(), 0, &mut bytes);
        push(&header(2).to_json().unwrap(), 0, &mut bytes);
        let second = u32::try_from(bytes.len()).unwrap();
        push(&header(3).to_json().unwrap(), second, &mut bytes);
        push(&header(4).to_json().unwrap(), second, &mut bytes);
        bytes.extend_from_slice(&[0; 64]);
        (bytes, second as usize)
    }

    #[test]
    fn frames_come_back_as_they_were_written() {
        let (bytes, _) = two_batches();
        let scan = scan(&bytes, Unknown);
        assert_eq!(scan.tail, Tail::Clean);
        assert_eq!(scan.frames.len(), 4);
        assert_eq!(scan.end as usize, bytes.len() - 64);
    }

    #[test]
    fn every_changed_byte_of_the_last_batch_is_a_torn_tail_and_of_an_earlier_one_is_damage() {
        let (bytes, second) = two_batches();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            let scan = scan(&changed, Unknown);
            match scan.tail {
                Tail::Damaged { at: bad } => assert!(at < second && bad as usize <= at, "byte {at}: {bad}"),
                Tail::Torn { at: bad } => assert!(at >= second && bad as usize <= at, "byte {at}: {bad}"),
                Tail::Clean => panic!("byte {at} was changed and nobody saw"),
            }
        }
    }

    #[test]
    fn every_changed_byte_of_what_was_acknowledged_is_damage_and_the_other_frames_are_kept() {
        let (bytes, _) = two_batches();
        let acknowledged = bytes.len() - 64;
        for at in 0..acknowledged {
            let mut changed = bytes[..acknowledged].to_vec();
            changed[at] ^= 0x40;
            let scan = scan(&changed, All);
            assert!(matches!(scan.tail, Tail::Damaged { at: bad } if bad as usize <= at), "byte {at}");
            assert_eq!(scan.frames.len(), 3, "byte {at}");
        }
        assert!(matches!(scan(&bytes, All).tail, Tail::Damaged { at } if at as usize == acknowledged));
    }

    #[test]
    fn a_whole_frame_of_a_newer_version_is_not_torn_wherever_it_stands() {
        let mut newer = header(9);
        if let Payload::Segment(header) = &mut newer {
            header.version = VERSION + 1;
        }
        for json in [br#"{"frame":"novelty"}"#.to_vec(), newer.to_json().unwrap()] {
            let mut bytes = Vec::new();
            push(&json, 0, &mut bytes);
            let first = scan(&bytes, Unknown);
            assert_eq!((first.strange, first.tail), (Some(0), Tail::Damaged { at: 0 }));
            assert_eq!(first.end as usize, bytes.len());
            let (mut bytes, second) = two_batches();
            bytes.truncate(bytes.len() - 64);
            let last = bytes.len() as u64;
            push(&json, second as u32, &mut bytes);
            // Torn behind it, too.
            bytes.extend_from_slice(&MAGIC);
            let scan = scan(&bytes, Unknown);
            assert_eq!((scan.strange, scan.tail), (Some(last), Tail::Damaged { at: last }));
            assert_eq!(scan.frames.len(), 4);
        }
    }

    #[test]
    fn a_cut_at_every_byte_leaves_the_frames_before_it() {
        let (bytes, _) = two_batches();
        let whole = scan(&bytes, Unknown);
        for cut in 0..bytes.len() {
            let scan = scan(&bytes[..cut], Unknown);
            let expected = whole.frames.iter().filter(|found| found.end as usize <= cut).count();
            assert_eq!(scan.frames.len(), expected, "cut at {cut}");
            assert!(!matches!(scan.tail, Tail::Damaged { .. }), "cut at {cut}: {:?}", scan.tail);
        }
    }

    #[test]
    fn a_payload_over_the_bound_is_refused() {
        let Payload::Segment(mut long) = header(1) else { unreachable!() };
        long.node = "x".repeat(PAYLOAD_MAX_BYTES as usize);
        assert!(Payload::Segment(long).to_json().is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0usize..400) {
            let (mut good, _) = two_batches();
            good.truncate(cut);
            good.extend_from_slice(&bytes);
            let _ = scan(&good, Unknown);
        }
    }
}
