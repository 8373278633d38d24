//! The recorded sample calls, repeated in virtual time: the same inputs must still lead to the same outputs, byte for byte.
//! A change of the core that is meant to change them comes with `orderline replay --update samples/calls`.

use std::path::Path;
use std::process::Command;

#[test]
fn the_recorded_calls_come_out_as_they_did() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/calls");
    let output = Command::new(env!("CARGO_BIN_EXE_orderline"))
        .arg("replay")
        .arg(&samples)
        .output()
        .expect("the replay starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(told.matches("identical").count(), 3, "{told}");
}

#[test]
fn a_tape_that_was_tampered_with_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/calls/ru-where-is-my-order");
    for file in std::fs::read_dir(from).expect("the tape") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), folder.path().join(file.file_name())).expect("copied");
    }
    let outputs = folder.path().join("outputs.jsonl");
    let text = std::fs::read_to_string(&outputs).expect("the outputs");
    std::fs::write(&outputs, text.replacen("заказ", "отказ", 1)).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_orderline"))
        .arg("replay")
        .arg(folder.path())
        .output()
        .expect("the replay starts");
    assert!(!output.status.success());
}
