//! Notes in files: the journal's own `heads`, and copies of it outside.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use uuid::Uuid;

use super::chains::Reason;
use super::heads::{HeadChain, note_hash};
use super::{Finding, Place, Report};
use crate::audit::chain::Digest;
use crate::audit::heads::note::{Checkpoint, Note};
use crate::audit::heads::{Standing, file};
use crate::audit::journal::JournalError;

/// What the journal's file of heads is compared with.
pub(super) struct Against<'a> {
    /// What [`read`] found before the segments were read.
    pub(super) bytes: &'a [u8],
    /// The heads that the segments hold.
    pub(super) heads: &'a HeadChain,
    /// Where the heads stood when the oldest segment that was read began.
    pub(super) base: &'a Standing,
    pub(super) live: bool,
}

/// The heads that one place holds, to be compared with what stands outside.
pub(super) struct Known {
    pub(super) place: Place,
    pub(super) journal: Uuid,
    pub(super) notes: BTreeMap<u64, Digest>,
    /// Heads above it may not have come here yet.
    pub(super) upto: Option<u64>,
}

/// The journal's file of heads, none of it when there is none. Before the segments, so that a running server's newest
/// heads are missing here and not there.
pub(super) fn read(folder: &Path) -> Result<Vec<u8>, JournalError> {
    let path = file::path(folder);
    match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(|source| JournalError::io(&path, "reading the file of heads", source)),
    }
}

/// Checks the journal's file of heads. Returns the hash of each note in it.
pub(super) fn check(against: &Against<'_>, report: &mut Report) -> BTreeMap<u64, Digest> {
    let Against { bytes, heads, base, live } = against;
    let mut found = |reason, detail: String| {
        let detail = format!("the file of heads: {detail}");
        report.found(Finding { place: Place::Journal, call: None, seq: None, reason, detail });
    };
    let text = String::from_utf8_lossy(bytes);
    let (notes, rest) = file::split(&text);
    if !rest.is_empty() && !live {
        found(Reason::HeadUnreadable, "it ends in something that is no whole note".to_owned());
    }
    let mut chain = HeadChain::new(Place::Journal, heads.journal());
    let mut differs = None;
    let mut inner = Report::default();
    for note in notes {
        let Some((n, hash)) = chain.follow_note(note, &mut inner) else { continue };
        let other_frame = heads.notes.get(&n).is_some_and(|frame| *frame != note_hash(note));
        let other_base = n == base.n && base.prev.is_some_and(|prev| prev != hash);
        // One that is wrong by itself was told of already.
        if (other_frame || other_base) && inner.is_good() {
            differs.get_or_insert(n);
        }
    }
    chain.finish(report);
    let good = inner.is_good();
    // A key that was changed without a word, or that is not the given one, shows in the frames already.
    let news =
        inner.findings.into_iter().filter(|finding| heads.first() > 1 || finding.reason != Reason::HeadKey);
    news.for_each(|finding| {
        report.found(Finding { detail: format!("the file of heads: {}", finding.detail), ..finding });
    });
    let mut found = |reason, detail: String| {
        let detail = format!("the file of heads: {detail}");
        report.found(Finding { place: Place::Journal, call: None, seq: None, reason, detail });
    };
    if let Some(n) = differs {
        found(Reason::HeadDiffers, format!("head {n} is another one in the segments"));
    }
    if good && differs.is_none() {
        match (heads.last(), chain.last()) {
            (segments, here) if here > segments => found(
                Reason::OldState,
                format!(
                    "it goes up to head {here}, the segments up to {segments}: an old state was put back"
                ),
            ),
            _ if *live => {}
            // A crash came between the frame and the file, or the server is there right now.
            (segments, here) if segments == here + 1 => {
                report
                    .notes
                    .push(format!("head {segments} is in the segments and not in the file of heads yet"));
            }
            (segments, here) if segments > here => {
                found(
                    Reason::HeadMissing,
                    format!("expected the heads up to {segments}, found them up to {here}"),
                );
            }
            _ => {}
        }
    }
    chain.notes
}

/// Compares a copy of heads from outside with what each place holds.
pub(super) fn outside(
    path: &Path,
    (checked, places): (&[Place], &[Known]),
    report: &mut Report,
) -> io::Result<()> {
    let bytes = std::fs::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut journals: BTreeMap<Uuid, Vec<(u64, Digest, &str)>> = BTreeMap::new();
    let (notes, unreadable) = pieces(&text);
    for (whole, journal, n) in notes {
        journals.entry(journal).or_default().push((n, note_hash(whole), whole));
    }
    let found = |place, reason, detail: String, report: &mut Report| {
        report.found(Finding { place, call: None, seq: None, reason, detail });
    };
    if unreadable > 0 {
        let detail = format!("{unreadable} pieces of {} are no head", path.display());
        found(Place::Outside, Reason::HeadUnreadable, detail, report);
    }
    let outside: Vec<Uuid> = journals.keys().copied().collect();
    for (journal, mut notes) in journals {
        // At least once and by several ways: sorted, each once.
        notes.sort_unstable();
        notes.dedup_by_key(|(n, hash, _)| (*n, *hash));
        let mut chain: Option<HeadChain> = None;
        let mut inner = Report::default();
        for (n, _, whole) in &notes {
            let beginning = Standing { n: n - 1, ..Standing::default() };
            chain
                .get_or_insert_with(|| HeadChain::after(Place::Outside, journal, beginning))
                .follow_note(whole, &mut inner);
        }
        if let Some(chain) = chain {
            chain.finish(report);
        }
        inner.findings.into_iter().for_each(|finding| report.found(finding));
        for known in places.iter().filter(|known| known.journal == journal) {
            let due = |n: &u64| known.upto.is_none_or(|upto| *n <= upto);
            let last = known.notes.keys().next_back().copied().unwrap_or_default();
            let wrong = notes
                .iter()
                .filter(|(n, ..)| due(n))
                .find(|(n, hash, _)| known.notes.get(n).is_none_or(|here| here != hash));
            match wrong {
                Some((n, ..)) if *n > last => {
                    let newest = notes.last().map_or(*n, |(n, ..)| *n);
                    let detail = format!("outside, heads go up to {newest}; here up to {last} of {journal}");
                    found(known.place, Reason::OldState, detail, report);
                }
                Some((n, ..)) if known.notes.contains_key(n) => {
                    let detail = format!("head {n} of {journal} is another one outside");
                    found(known.place, Reason::HeadDiffers, detail, report);
                }
                Some((n, ..)) => {
                    let detail = format!("head {n} of {journal} stands outside and not here");
                    found(known.place, Reason::HeadMissing, detail, report);
                }
                None => {}
            }
        }
        for place in checked.iter().copied() {
            let holds = places.iter().any(|known| known.place == place && known.journal == journal);
            // A folder is one of perhaps many journals whose heads are kept there; the database has all of them.
            let known = |known: &Known| known.place == place && outside.contains(&known.journal);
            if !holds && (place == Place::Database || !places.iter().any(known)) {
                let detail = format!("heads of journal {journal} stand outside, and none of it here");
                found(place, Reason::OldState, detail, report);
            }
        }
    }
    Ok(())
}

/// The notes of a copy, each with its journal and number, and how many pieces are none. A note that a crash cut off was
/// written once more behind its beginning: that beginning is no finding.
fn pieces(text: &str) -> (Vec<(&str, Uuid, u64)>, u64) {
    let (mut notes, mut unreadable) = (Vec::new(), 0);
    // Where the piece that could not be read yet begins, and where reading is tried.
    let (mut from, mut at) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let read = file::first(rest).and_then(|whole| {
            let says = Note::parse(whole).and_then(|note| Checkpoint::parse(&note.text)).ok()?;
            Some((whole, says.origin.rsplit('/').next()?.parse().ok()?, says.n))
        });
        match read {
            Some((whole, journal, n)) => {
                let before = text.get(from..at).unwrap_or_default().trim_end_matches('\n');
                unreadable += u64::from(!before.is_empty() && !whole.starts_with(before));
                notes.push((whole, journal, n));
                at += whole.len() + 1;
                from = at;
            }
            None => at += rest.find('\n').map_or(rest.len(), |end| end + 1),
        }
    }
    let after = text.get(from..).unwrap_or_default();
    (notes, unreadable + u64::from(!after.trim().is_empty()))
}
