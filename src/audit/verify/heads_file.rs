//! Notes in files: the journal's own `heads`, and copies of it outside.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
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
    /// Heads below it are not here.
    pub(super) from: u64,
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
            (segments, here) if Some(segments) == here.checked_add(1) => {
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

/// A copy of heads from outside. Read before everything else: a running server makes new ones meanwhile.
pub(super) struct Copy {
    path: PathBuf,
    bytes: Vec<u8>,
    read_at: DateTime<Utc>,
}

impl Copy {
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let read_at = Utc::now();
        Ok(Self { path: path.to_owned(), bytes: std::fs::read(path)?, read_at })
    }
}

/// A head outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece<'a> {
    n: u64,
    hash: Digest,
    whole: &'a str,
    at: DateTime<Utc>,
}

/// Compares a copy of heads from outside with what each place holds.
pub(super) fn outside(copy: &Copy, (checked, places): (&[Place], &[Known]), report: &mut Report) {
    let Copy { path, bytes, read_at } = copy;
    let text = String::from_utf8_lossy(bytes);
    let mut journals: BTreeMap<Uuid, Vec<Piece<'_>>> = BTreeMap::new();
    let (notes, unreadable) = pieces(&text);
    for (journal, piece) in notes {
        journals.entry(journal).or_default().push(piece);
    }
    let is_new = |piece: &Piece<'_>| piece.at > *read_at - LAG;
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
        notes.dedup_by_key(|piece| (piece.n, piece.hash));
        let mut chain: Option<HeadChain> = None;
        let mut inner = Report::default();
        for Piece { n, whole, .. } in &notes {
            // No head has the number 0: one that says so is not the next.
            let beginning = Standing { n: n.saturating_sub(1), ..Standing::default() };
            chain
                .get_or_insert_with(|| HeadChain::after(Place::Outside, journal, beginning))
                .follow_note(whole, &mut inner);
        }
        if let Some(chain) = chain {
            chain.finish(report);
        }
        inner.findings.into_iter().for_each(|finding| report.found(finding));
        for known in places.iter().filter(|known| known.journal == journal) {
            let due = |n: u64| n >= known.from && known.upto.is_none_or(|upto| n <= upto);
            let last = known.notes.keys().next_back().copied().unwrap_or_default();
            let wrong = notes
                .iter()
                .filter(|piece| due(piece.n))
                .find(|piece| known.notes.get(&piece.n).is_none_or(|here| *here != piece.hash));
            match wrong {
                Some(piece) if piece.n > last && known.place == Place::Database && is_new(piece) => {
                    report.notes.push(format!(
                        "head {} of {journal} is outside and not in the database yet, nor any newer one: it is some \
                         minutes old at most",
                        piece.n
                    ));
                }
                Some(Piece { n, .. }) if *n > last => {
                    let newest = notes.last().map_or(*n, |piece| piece.n);
                    let detail = format!("outside, heads go up to {newest}; here up to {last} of {journal}");
                    found(known.place, Reason::OldState, detail, report);
                }
                Some(Piece { n, .. }) if known.notes.contains_key(n) => {
                    let detail = format!("head {n} of {journal} is another one outside");
                    found(known.place, Reason::HeadDiffers, detail, report);
                }
                Some(Piece { n, .. }) => {
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
            let on_its_way = place == Place::Database && notes.iter().all(is_new);
            if !holds && !on_its_way && (place == Place::Database || !places.iter().any(known)) {
                let detail = format!("heads of journal {journal} stand outside, and none of it here");
                found(place, Reason::OldState, detail, report);
            }
        }
    }
}

/// The notes of a copy, each with its journal, and how many pieces are none. A note that a crash cut off was
/// written once more behind its beginning: that beginning is no finding.
fn pieces(text: &str) -> (Vec<(Uuid, Piece<'_>)>, u64) {
    let (mut notes, mut unreadable) = (Vec::new(), 0);
    // Where the piece that could not be read yet begins, and where reading is tried.
    let (mut from, mut at) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let read = file::first(rest).and_then(|whole| {
            let says = Note::parse(whole).and_then(|note| Checkpoint::parse(&note.text)).ok()?;
            let journal = says.origin.rsplit('/').next()?.parse().ok()?;
            Some((journal, Piece { n: says.n, hash: note_hash(whole), whole, at: says.at }))
        });
        match read {
            Some((journal, piece)) => {
                let whole = piece.whole;
                let before = text.get(from..at).unwrap_or_default().trim_end_matches('\n');
                unreadable += u64::from(!before.is_empty() && !whole.starts_with(before));
                notes.push((journal, piece));
                at += whole.len() + 1;
                from = at;
            }
            None => at += rest.find('\n').map_or(rest.len(), |end| end + 1),
        }
    }
    let after = text.get(from..).unwrap_or_default();
    (notes, unreadable + u64::from(!after.trim().is_empty()))
}

/// A head goes outside by itself and to PostgreSQL with the next copying, which a busy database may hold up. Chosen: an
/// old state that was put back is found that much later.
const LAG: TimeDelta = TimeDelta::minutes(5);
