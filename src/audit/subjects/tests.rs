#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn keys(folder: &Path) -> Keys {
    let node = SealKey::load_or_make(&folder.join("seal.key")).unwrap();
    Keys { node, subjects: Subjects::open(folder).unwrap() }
}

fn number(last: u32) -> PhoneNumber {
    PhoneNumber::try_from(format!("+37529{last:07}")).unwrap()
}

fn call() -> CallId {
    CallId(Uuid::from_u128(9))
}

#[test]
fn a_person_has_one_slot_over_calls_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = keys(folder.path());
    let (one, two) = (number(1_234_567), number(2_234_567));
    let (subject, key) = first.of_person(&one).unwrap();
    first.subjects.sync().unwrap();
    let sealed = key.seal(subject, call(), 0, &Value::from("x")).unwrap();
    let (other, _) = first.of_person(&two).unwrap();
    assert_ne!(subject, other);
    let path = folder.path().join(FILE);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 256);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut again = keys(folder.path());
    let (same, key) = again.of_person(&one).unwrap();
    assert_eq!(same, subject);
    assert_eq!(key.open(call(), 0, &sealed.sealed, sealed.commit), Ok(Value::from("x")));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 256, "nothing is written for a known person");
}

#[test]
fn an_erasure_by_another_process_is_seen_at_the_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = keys(folder.path());
    let one = number(1_234_567);
    let tag = server.node.person(&one);
    let (subject, _) = server.of_person(&one).unwrap();
    let mut eraser = Subjects::open(folder.path()).unwrap();
    let slot = eraser.all().unwrap().remove(0);
    eraser.erase(&slot, false).unwrap();
    assert!(server.of_call(call(), subject).unwrap().is_none());
    let begun = eraser.all().unwrap();
    assert!(begun.len() == 1 && begun[0].tag == tag && begun[0].key.is_none(), "to be found again");
    let (fresh, _) = server.of_person(&one).unwrap();
    assert_ne!(fresh, subject, "a new person, whom nothing ties to the erased one");
    eraser.erase(&slot, true).unwrap();
    let left = eraser.all().unwrap();
    assert_eq!(left.iter().map(|slot| slot.subject).collect::<Vec<_>>(), [fresh]);
    assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap()[..128], [0; 128]);
}

#[test]
fn a_torn_slot_is_passed_over_and_the_next_stands_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = keys(folder.path());
    let (one, two) = (number(1_234_567), number(2_234_567));
    let (subject, _) = first.of_person(&one).unwrap();
    let path = folder.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..128 {
        let mut bytes = whole.clone();
        bytes.extend_from_slice(&whole[..cut]);
        std::fs::write(&path, &bytes).unwrap();
        let mut again = keys(folder.path());
        assert_eq!(again.of_person(&one).unwrap().0, subject);
        let (other, _) = again.of_person(&two).unwrap();
        let mut once_more = keys(folder.path());
        assert_eq!(once_more.of_person(&two).unwrap().0, other, "cut at {cut}");
    }
    for at in 0..128 {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let keys = keys(folder.path());
        assert!(keys.subjects.of_subject(subject).unwrap().is_none(), "byte {at} was changed");
    }
}

#[test]
fn a_caller_without_a_number_is_a_person_for_one_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut keys = keys(folder.path());
    assert!(keys.of_call(call(), SubjectId(Uuid::from_u128(1))).unwrap().is_none());
    assert!(keys.of_call(call(), SubjectId(call().0)).unwrap().is_some());
    assert!(keys.of_call(call(), SubjectId(call().0)).unwrap().is_some());
    let slots = keys.subjects.all().unwrap();
    assert_eq!(slots.len(), 1);
    assert!(slots[0].tag == keys.node.stranger(call()));
}
