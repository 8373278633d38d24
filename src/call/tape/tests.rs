#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use super::*;

/// A recorder whose caller was told and whose queue then overflowed, as the only thread that writes is held up until
/// something is sent there.
fn overflowed(
    dir: &Path,
    services: &tokio::runtime::Runtime,
    tasks: &TaskTracker,
) -> (Recorder, SyncSender<()>) {
    let (release, held) = sync_channel(1);
    services.spawn_blocking(move || held.recv());
    let settings = Settings { dir: Some(dir.to_owned()), ..Settings::default() };
    let tapes = settings.open(serde_json::Value::Null).unwrap().unwrap();
    let mut recorder = Recorder::new();
    recorder.open(&tapes, call(), Rate::HZ_8000, services.handle(), tasks);
    recorder.told();
    for n in 0..=QUEUE {
        assert!(!recorder.lost, "{n}");
        recorder.input(CallTime::default(), &Input::Keyed { digit: '1' });
    }
    assert!(recorder.lost);
    (recorder, release)
}

fn call() -> CallId {
    CallId(uuid::Uuid::from_u128(1))
}

#[test]
fn a_refusal_deletes_the_tape_though_its_queue_was_full_before() {
    for gone in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        // One thread for the disk.
        let services = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let tasks = TaskTracker::new();
        tasks.close();
        let (mut recorder, release) = overflowed(dir.path(), &services, &tasks);
        let tape = dir.path().join(call().to_string());
        if gone {
            release.send(()).unwrap();
            services.block_on(tasks.wait());
            assert!(tape.join(folder::KEY_JSON).exists(), "the beginning is on the disk");
            recorder.refused();
        } else {
            recorder.refused();
            release.send(()).unwrap();
        }
        services.block_on(tasks.wait());
        assert!(!tape.exists(), "the writing had ended before: {gone}");
    }
}

#[test]
fn a_tape_whose_writing_failed_is_deleted_by_whoever_comes_last() {
    let dir = Path::new("tape");
    let fate = Fate::default();
    assert!(!fate.leave(dir));
    assert_eq!(fate.refuse().as_deref(), Some(dir));
    assert_eq!(fate.refuse(), None, "once");
    let fate = Fate::default();
    assert_eq!(fate.refuse(), None, "the writer is still there");
    assert!(fate.is_refused() && fate.leave(dir));
}
