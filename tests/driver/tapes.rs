//! What of a call is on the disk: enciphered, after the caller was told, and nothing where they said no.

use std::path::{Path, PathBuf};

use orderline::audio::Rate;
use orderline::call::Settings;
use orderline::call::tape::{self, folder::Folder};
use orderline::cli::replay::repeat;
use orderline::conversation::Input;
use orderline::conversation::event::Speech;

use super::cast::{Cast, cast, id, message, silence};
use super::{Peer, ring};

const NOTICE: &str = "This call is recorded.";
/// The caller's voice: a sample that occurs nowhere else.
const VOICE: i16 = 0x5a3c;

/// A call whose core takes orders and which is to be recorded in this folder, until it greets.
async fn greeted(dir: &Path) -> (Cast, Peer) {
    let settings = orderline::conversation::Settings::default();
    let mut cast = cast(Settings::default());
    let calls = std::sync::Arc::get_mut(&mut cast.calls).unwrap();
    calls.new_core = orderline::call::core::conversations(settings.clone());
    let tapes =
        tape::Settings { dir: Some(dir.join("tapes")), notice_en: NOTICE.into(), ..Default::default() };
    calls.tapes = tapes.open(serde_json::to_value(&settings).unwrap()).unwrap();
    let mut peer = ring(&cast);
    frames(&mut peer, 2).await;
    peer.send(&id(1)).await;
    peer.send(&message(0x10, &silence(Rate::HZ_8000))).await;
    frames(&mut peer, 3).await;
    (cast, peer)
}

async fn frames(peer: &mut Peer, count: usize) {
    for _ in 0..count {
        peer.message().await;
    }
}

/// The next clause that is asked for gets this sound, 125 ms of it.
async fn speak(cast: &Cast, expected: &str, first: i16) {
    let (clause, _, inbox) = cast.engines.syntheses.lock().unwrap().remove(0);
    assert!(clause.text.starts_with(expected), "{}", clause.text);
    let samples: std::sync::Arc<[i16]> = (first..first + 1000).collect();
    for piece in [Speech::Chunk { samples }, Speech::Done] {
        inbox.send(Input::Synthesized { id: clause.id, piece }).await.unwrap();
    }
}

async fn hung_up(cast: Cast, peer: Peer) {
    drop(peer.line);
    peer.task.await.unwrap();
    cast.calls.tasks.close();
    cast.calls.tasks.wait().await;
}

/// Every file under a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

#[tokio::test]
async fn a_recorded_call_is_enciphered_and_repeats_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (cast, mut peer) = greeted(dir.path()).await;
    peer.send(&message(0x10, &VOICE.to_le_bytes().repeat(480))).await;
    frames(&mut peer, 10).await;
    assert_eq!(files(dir.path()).len(), 1, "nothing but the key before the caller was told");

    speak(&cast, "This call is recorded", 0).await;
    speak(&cast, "Hello", 2000).await;
    frames(&mut peer, 20).await;
    peer.send(&message(0x03, b"1")).await;
    frames(&mut peer, 5).await;
    hung_up(cast, peer).await;

    let tape = dir.path().join("tapes").join(uuid::Uuid::from_u128(1).to_string());
    for file in files(&tape) {
        let bytes = std::fs::read(&file).unwrap();
        for clear in [&VOICE.to_le_bytes().repeat(2)[..], b"heard", b"answered", b"played", b"greeting"] {
            assert!(!bytes.windows(clear.len()).any(|found| found == clear), "{}", file.display());
        }
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    let sealed = Folder::open(&tape, None).unwrap();
    let outcome = repeat(&sealed, false).unwrap();
    assert!(outcome.identical, "{outcome:#?}");
    assert!(outcome.inputs > 15, "{outcome:#?}");
    let refused = repeat(&sealed, true).unwrap_err().to_string();
    assert!(refused.contains("--decrypt makes a plain one"), "{refused}");

    let clear = dir.path().join("clear/call");
    sealed.decipher(&clear).unwrap();
    let heard = orderline::audio::wav::read(&clear.join("heard.wav")).unwrap();
    assert_eq!((heard.rate, heard.samples.len()), (Rate::HZ_16000, 4 * 320));
    let played = orderline::audio::wav::read(&clear.join("played.wav")).unwrap();
    assert!(played.samples.windows(3).any(|run| run == [2500, 2501, 2502]), "the greeting is on the tape");

    // A core that does something else is noticed, and what it does can become what is expected.
    let outputs = std::fs::read_to_string(clear.join("outputs.jsonl")).unwrap();
    std::fs::write(clear.join("outputs.jsonl"), outputs.replacen("saying", "singing", 1)).unwrap();
    let plain = Folder::open(&clear, None).unwrap();
    let outcome = repeat(&plain, false).unwrap();
    assert!(outcome.difference.unwrap().expected.contains("singing"));
    repeat(&plain, true).unwrap();
    assert!(repeat(&plain, false).unwrap().identical);
    assert_eq!(std::fs::read_to_string(clear.join("outputs.jsonl")).unwrap(), outputs);

    // Another key, none, and a changed byte are told.
    let told = |key: &str| Folder::open(&tape, Some(&dir.path().join(key))).unwrap_err();
    assert!(told("none").to_string().contains("--key FILE names another"));
    std::fs::write(dir.path().join("other.key"), [9; 32]).unwrap();
    let other = std::error::Error::source(&told("other.key")).unwrap().to_string();
    assert!(other.contains("not the one that the tape was recorded under"), "{other}");
    let mut bytes = std::fs::read(tape.join("heard.pcm.sealed")).unwrap();
    bytes[7] ^= 1;
    std::fs::write(tape.join("heard.pcm.sealed"), bytes).unwrap();
    let changed = repeat(&sealed, false).unwrap_err();
    let changed = std::error::Error::source(&changed).unwrap().to_string();
    assert!(changed.contains("changed, cut off"), "{changed}");
}

#[tokio::test]
async fn a_caller_who_does_not_want_it_goes_on_and_is_on_no_tape() {
    for told in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (cast, mut peer) = greeted(dir.path()).await;
        if told {
            speak(&cast, "This call is recorded", 0).await;
            frames(&mut peer, 12).await;
            while files(dir.path()).len() < 3 {
                frames(&mut peer, 1).await;
            }
        }
        peer.send(&message(0x03, b"#")).await;
        frames(&mut peer, 3).await;
        let said = || {
            cast.engines
                .syntheses
                .lock()
                .unwrap()
                .iter()
                .any(|(clause, ..)| clause.text.contains("not recorded"))
        };
        while !said() {
            frames(&mut peer, 1).await;
        }
        peer.send(&message(0x10, &VOICE.to_le_bytes().repeat(480))).await;
        frames(&mut peer, 10).await;
        hung_up(cast, peer).await;
        assert_eq!(files(dir.path()).len(), 1, "nothing but the key, told before: {told}");
    }
}

#[tokio::test]
async fn a_call_that_ends_before_the_caller_was_told_is_on_no_tape() {
    let dir = tempfile::tempdir().unwrap();
    let (cast, mut peer) = greeted(dir.path()).await;
    frames(&mut peer, 3).await;
    hung_up(cast, peer).await;
    assert_eq!(files(dir.path()).len(), 1);
}
