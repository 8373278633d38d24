//! The demonstration, as a newcomer runs it.

use std::process::Command;

#[test]
fn every_sample_call_ends_as_its_script_says() {
    let figures = tempfile::NamedTempFile::new().expect("a file for the figures");
    let output = Command::new(env!("CARGO_BIN_EXE_orderline"))
        .arg("demo")
        .arg("--json")
        .arg(figures.path())
        .env_remove("DATABASE_URL")
        .output()
        .expect("the demonstration starts");
    let (told, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{complained}");
    for expected in ["Every call ended as its script says.", "оформлен", "SMS outbox", "confirm_order"]
    {
        assert!(told.contains(expected), "expected “{expected}” in\n{told}\n{complained}");
    }
    let figures = std::fs::read_to_string(figures.path()).expect("the figures");
    println!("{told}\n{figures}");
}
