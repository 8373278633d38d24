//! Signed heads in the journal: when they are made, what a crash leaves of them, and how their key changes.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::Utc;
use orderline::audit::heads::keys::{self, public_path, read_public};
use orderline::audit::heads::note::{Checkpoint, Note};
use orderline::audit::verify::{self, Place, Reason, Since, Sources};
use orderline::audit::{Entry, EntryKind, Journal, Settings, office::Office};
use serde_json::json;

use super::{call, check, settings, take_a_call};

/// Without a database.
fn alone(folder: &Path) -> Settings {
    Settings { database_url: None, ..settings(folder, "postgres://unused") }
}

/// The journal's own notes.
pub(super) fn notes(settings: &Settings) -> Vec<(Note, Checkpoint)> {
    let text = fs::read_to_string(settings.journal.join("heads")).unwrap_or_default();
    text.split_inclusive("\n\n")
        .collect::<Vec<_>>()
        .chunks(2)
        .map(|parts| {
            let note = Note::parse(parts.concat().strip_suffix('\n').unwrap()).unwrap();
            let checkpoint = Checkpoint::parse(&note.text).unwrap();
            (note, checkpoint)
        })
        .collect()
}

fn segment(settings: &Settings, number: u64) -> PathBuf {
    settings.journal.join(format!("segment-{number:012}.journal"))
}

/// A journal with so many calls and a head behind each.
async fn with_heads(settings: &Settings, calls: std::ops::RangeInclusive<u128>) {
    let (journal, _) = Journal::open(settings).unwrap();
    for n in calls {
        take_a_call(&journal, n).await;
        journal.head_now().await.unwrap();
    }
    journal.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_made_by_count_by_time_and_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { head_every_entries: 5, head_every_s: 1, ..alone(folder.path()) };
    let (journal, _) = Journal::open(&settings).unwrap();
    take_a_call(&journal, 1).await;
    // The fifth entry's own batch is followed by a head before anything else is taken.
    take_a_call(&journal, 2).await;
    assert!(!notes(&settings).is_empty(), "five entries");
    journal.head_now().await.unwrap();
    let before = notes(&settings).len();
    journal.open_call(call(3), None, Utc::now()).await.unwrap();
    while notes(&settings).len() == before {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    journal.append(call(3), Entry::new(EntryKind::Read, json!({}), 1)).await.unwrap();
    journal.shutdown().await.unwrap();
    let notes = notes(&settings);
    assert_eq!(notes.len(), before + 2, "one by time, one at the end");
    let last = &notes.last().unwrap().1;
    assert_eq!((last.n, last.entries), (notes.len() as u64, 12));
    let report = check(&settings, None).await;
    assert!(report.is_good(), "{report}");
    assert_eq!(report.journal_heads, Some(notes.len() as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_cut_within_its_last_head_goes_on_with_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let settings = alone(folder.path());
    with_heads(&settings, 1..=2).await;
    let whole = fs::read(segment(&settings, 1)).unwrap();
    let file = fs::read(settings.journal.join("heads")).unwrap();
    let first_end = notes(&settings)[0].0.to_string().len() + 1;
    let head = whole.windows(4).rposition(|window| window == b"OLJ1").unwrap();
    for cut in [head, head + 10, head + 100, whole.len() - 1] {
        fs::write(segment(&settings, 1), &whole[..cut]).unwrap();
        // The frame comes first: its note cannot be in the file.
        fs::write(settings.journal.join("heads"), &file[..first_end]).unwrap();
        let _ = fs::remove_file(segment(&settings, 2));
        with_heads(&settings, 3..=3).await;
        let report = check(&settings, None).await;
        assert!(report.is_good(), "cut at {cut}: {report}");
        let notes = notes(&settings);
        assert_eq!(notes.last().unwrap().1.entries, 15, "cut at {cut}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_go_on_when_the_old_segments_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let settings = alone(folder.path());
    for n in 1..=3 {
        with_heads(&settings, n..=n).await;
    }
    fs::remove_file(segment(&settings, 1)).unwrap();
    fs::remove_file(segment(&settings, 2)).unwrap();
    with_heads(&settings, 4..=4).await;
    let report = check(&settings, None).await;
    assert!(report.is_good(), "{report}");
    let last = notes(&settings).pop().unwrap().1;
    assert_eq!((last.n, last.size, last.entries), (4, 4, 20));
    // So does an export of what is left, and it says where it begins.
    let file = folder.path().join("export");
    let mut out = fs::File::create(&file).unwrap();
    orderline::audit::export::from_journal(&settings.journal, Vec::new(), &mut out).unwrap();
    let sources = Sources {
        export: Some(file),
        public_keys: read_public(&public_path(&settings.signing_key_path())).ok(),
        heads: Some(settings.journal.join("heads")),
        ..Sources::default()
    };
    let report = verify::verify(sources).await.unwrap();
    assert!(report.is_good(), "{report}");
    assert!(report.notes.iter().any(|note| note.contains("from behind head 2")), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_changed_byte_of_the_file_of_heads_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let settings = alone(folder.path());
    with_heads(&settings, 1..=2).await;
    let path = settings.journal.join("heads");
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&path, &changed).unwrap();
        assert!(!check(&settings, None).await.is_good(), "byte {at} of {}", bytes.len());
    }
    fs::write(&path, &bytes).unwrap();
    assert!(check(&settings, None).await.is_good());
    fs::remove_file(&path).unwrap();
    assert_eq!(check(&settings, None).await.findings[0].reason, Reason::HeadMissing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_changes_at_any_moment_and_every_head_stays_linked_to_every_other() {
    let folder = tempfile::tempdir().unwrap();
    let settings = alone(folder.path());
    let key = settings.signing_key_path();
    let (journal, _) = Journal::open(&settings).unwrap();
    take_a_call(&journal, 1).await;
    journal.head_now().await.unwrap();
    let first = read_public(&public_path(&key)).unwrap();
    // While the server runs: it looks once a second, and signs without any entry.
    keys::rotate(&key).unwrap();
    while notes(&settings).len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    take_a_call(&journal, 2).await;
    journal.shutdown().await.unwrap();
    // While it is stopped, twice.
    keys::rotate(&key).unwrap();
    keys::rotate(&key).unwrap();
    with_heads(&settings, 3..=3).await;
    let last = read_public(&public_path(&key)).unwrap();
    assert_ne!(first, last);
    let changes = notes(&settings).iter().filter(|(_, says)| says.next_key.is_some()).count();
    assert_eq!(changes, 2, "a key that signed nothing is not named");
    for keys in [first, last] {
        let sources = Sources {
            journal: Some(settings.journal.clone()),
            public_keys: Some(keys),
            ..Sources::default()
        };
        let report = verify::verify(sources).await.unwrap();
        assert!(report.is_good(), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_key_that_was_cut_off_at_any_step_leaves_a_key_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let settings = alone(folder.path());
    let key = settings.signing_key_path();
    with_heads(&settings, 1..=1).await;
    let old = fs::read(&key).unwrap();
    let beside = |ending: &str| settings.journal.join(format!("head.key{ending}"));
    // Half a new file for the old keys, then the old keys whole, then half a new key.
    let steps: [(&str, &[u8]); 3] = [(".old.new", &old[..7]), (".old", &old), (".new", &[1; 9])];
    for (n, (ending, bytes)) in (2..).zip(steps) {
        fs::write(beside(ending), bytes).unwrap();
        with_heads(&settings, n..=n).await;
        let report = check(&settings, None).await;
        assert!(report.is_good(), "{ending}: {report}");
    }
    keys::rotate(&key).unwrap();
    assert_eq!(fs::read(beside(".old")).unwrap(), old, "kept once");
    // The new key is in its place and its public part is not.
    with_heads(&settings, 5..=5).await;
    let report = check(&settings, None).await;
    assert!(report.is_good(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_stops_nothing_and_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let settings = alone(folder.path());
    with_heads(&settings, 1..=2).await;
    fs::remove_file(settings.signing_key_path()).unwrap();
    with_heads(&settings, 3..=4).await;
    let report = check(&settings, None).await;
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.place, finding.reason)).collect();
    assert_eq!(found, [(Place::Journal, Reason::HeadKey)], "{report}");
    assert!(report.findings[0].detail.contains("head 3"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_of_a_stranger_are_found_by_the_public_key_and_without_one_a_note_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let settings = alone(folder.path());
    with_heads(&settings, 1..=2).await;
    let other = tempfile::tempdir().unwrap();
    with_heads(&alone(other.path()), 1..=1).await;
    let sources =
        |keys| Sources { journal: Some(settings.journal.clone()), public_keys: keys, ..Sources::default() };
    let stranger = read_public(&public_path(&alone(other.path()).signing_key_path())).unwrap();
    let report = verify::verify(sources(Some(stranger))).await.unwrap();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!(report.findings[0].reason, Reason::HeadKey);
    let report = verify::verify(sources(None)).await.unwrap();
    assert!(report.is_good() && report.notes.iter().any(|note| note.contains("consistency")), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_journal_put_back_whole_is_found_by_the_heads_outside() {
    let folder = tempfile::tempdir().unwrap();
    let settings = alone(folder.path());
    with_heads(&settings, 1..=1).await;
    let kept = tempfile::tempdir().unwrap();
    for file in fs::read_dir(&settings.journal).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), kept.path().join(file.file_name())).unwrap();
    }
    with_heads(&settings, 2..=2).await;
    let outside = folder.path().join("outside");
    fs::copy(settings.journal.join("heads"), &outside).unwrap();
    let with_outside = |journal: &Path| Sources {
        journal: Some(journal.to_owned()),
        heads: Some(outside.clone()),
        ..Sources::default()
    };
    let report = verify::verify(with_outside(&settings.journal)).await.unwrap();
    assert!(report.is_good(), "{report}");
    let old = Sources { heads: None, ..with_outside(kept.path()) };
    assert!(verify::verify(old).await.unwrap().is_good(), "by itself it looks whole");
    let report = verify::verify(with_outside(kept.path())).await.unwrap();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!((report.findings[0].place, report.findings[0].reason), (Place::Journal, Reason::OldState));
    // Somebody goes on from there: another head 2 than the one outside.
    let going_on = Settings { journal: kept.path().to_owned(), ..settings.clone() };
    with_heads(&going_on, 9..=9).await;
    let report = verify::verify(with_outside(kept.path())).await.unwrap();
    assert_eq!(report.findings[0].reason, Reason::HeadDiffers, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn since_a_head_only_what_is_newer_is_read_and_the_head_itself_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let settings = alone(folder.path());
    for n in 1..=3 {
        with_heads(&settings, n..=n).await;
    }
    let notes = notes(&settings);
    let since =
        |since| Sources { journal: Some(settings.journal.clone()), since: Some(since), ..Sources::default() };
    let note = Since::note(&notes[1].0.to_string()).unwrap();
    let report = verify::verify(since(note)).await.unwrap();
    assert!(report.is_good(), "{report}");
    assert!(report.journal_entries < Some(15), "{report}");
    let report = verify::verify(since(Since::number(2))).await.unwrap();
    assert!(report.is_good(), "{report}");
    assert!(verify::verify(since(Since::number(9))).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_office_signs_with_the_same_key_and_is_checked_with_the_calls() {
    let folder = tempfile::tempdir().unwrap();
    let settings = alone(folder.path());
    for n in 1..=2 {
        with_heads(&settings, n..=n).await;
        let office = Office::open(&settings).await.unwrap();
        office.record(vec![Entry::new(EntryKind::Resolved, json!({ "n": 1 }), 0)]).await.unwrap();
        office.finish().await.unwrap();
        keys::rotate(&settings.signing_key_path()).unwrap();
    }
    with_heads(&settings, 3..=3).await;
    let report = check(&settings, None).await;
    assert!(report.is_good(), "{report}");
    assert_eq!((report.journal_calls, report.journal_entries), (Some(5), Some(21)));
    let office = Settings { journal: settings.journal.join("operator"), ..settings.clone() };
    let (calls, acts) = (notes(&settings), notes(&office));
    assert_eq!(calls[0].1.key.public(), acts[0].1.key.public());
    assert!(acts.iter().any(|(_, says)| says.next_key.is_some()), "it changes over by a head of its own");

    // What is changed there is found, too.
    let path = segment(&office, 1);
    let mut bytes = fs::read(&path).unwrap();
    let place = bytes.windows(8).position(|window| window == b"resolved").unwrap();
    bytes[place] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(!check(&settings, None).await.is_good());
}
