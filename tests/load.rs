//! `orderline load` against `orderline serve --engine`: both as a user runs them.

#![allow(clippy::unwrap_used)]

#[path = "asterisk/child.rs"]
mod child;

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use child::{Process, bound};
use nix::sys::signal::Signal;
use serde_json::Value;

const ORDERLINE: &str = env!("CARGO_BIN_EXE_orderline");

/// The telephones and the servers share the machine's few cores: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

/// A server that answers with this agent, where it does, and the turn to load it.
fn serve(agent: &str) -> (Process, String, MutexGuard<'static, ()>) {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = bound(ORDERLINE);
    command.args(["serve", "--engine", agent]).current_dir(std::env::temp_dir()).envs([
        ("ORDERLINE__SERVER__LISTEN", "127.0.0.1:0"),
        ("ORDERLINE__HTTP__LISTEN", "127.0.0.1:0"),
        ("ORDERLINE__SERVER__DRAIN_S", "1"),
        ("ORDERLINE__SERVER__MAX_HALF_OPEN", "100"),
    ]);
    let mut process = Process::start(agent, command);
    let said = process.says("AudioSocket on ");
    let address = said.split("AudioSocket on ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    (process, address, turn)
}

/// The report, and whether the command was content.
fn load(address: &str, arguments: &[&str]) -> (Value, bool) {
    let output = Command::new(ORDERLINE)
        .args(["load", address, "--json"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {told}"));
    (report, output.status.success())
}

fn number(report: &Value, path: &str) -> f64 {
    report.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {report}"))
}

#[test]
fn the_echo_agent_gives_every_call_its_own_sound_back() {
    let (mut server, address, _turn) = serve("echo");
    for (arguments, frame_ms) in [
        (&["--rate", "8000"][..], 20.0),
        (&["--rate", "16000", "--bursts"], 20.0),
        (&["--rate", "44100", "--packet-ms", "10"], 20.0),
        (&["--rate", "8000", "--packet-ms", "60"], 20.0),
        (&["--rate", "8000", "--dtx"], 20.0),
    ] {
        let (report, content) = load(&address, &[&["--calls", "10", "--seconds", "2"], arguments].concat());
        println!("{arguments:?}: {}", report["spacing"]);
        assert!(content, "{report}");
        for (path, expected) in [("/established", 10.0), ("/refused", 0.0), ("/lost", 0.0)] {
            assert!((number(&report, path) - expected).abs() < 0.5, "{path}: {report}");
        }
        // Whatever the caller's packets are, a frame comes back every 20 ms; the middle holds on a busy machine too.
        assert!((number(&report, "/spacing/p50_ms") - frame_ms).abs() < 2.0, "{report}");
        assert!(number(&report, "/frames_heard") > 10.0 * 2.0 * 50.0 * 0.8, "{report}");
        assert!(number(&report, "/server_cpu_ms_per_call_second") > 0.0, "{report}");
    }
    let (report, _) = load(&address, &["--calls", "10", "--seconds", "2"]);
    assert!(number(&report, "/echo/count") > 500.0, "marks are known again: {report}");
    server.signal(Signal::SIGTERM);
    assert!(server.ended().success());
}

#[test]
fn the_agent_with_an_ear_answers_each_sentence() {
    let (_server, address, _turn) = serve("vad");
    let line = ["--say", "samples/lines/en_hello.wav", "--calls", "4", "--seconds", "8"];
    let (report, content) = load(&address, &line);
    assert!(content, "{report}");
    // A sentence, 440 ms of patience, a second of chime, half a second of quiet: three rounds in eight seconds.
    assert!(number(&report, "/answer/count") >= 8.0, "{report}");
    assert!(number(&report, "/answer/p50_ms") > 400.0, "not before the turn is over: {report}");
    assert_eq!(report["unanswered"], 0, "{report}");
}

#[test]
fn calls_that_come_and_go_leave_nothing_behind() {
    let (_server, address, _turn) = serve("echo");
    let churn = |placed: &str| {
        let arguments =
            ["--calls", "20", "--hang-up-after", "0.1", "--begin-per-s", "400", "--placed", placed];
        load(&address, &arguments)
    };
    churn("200");
    let (report, content) = churn("1000");
    assert!(content && number(&report, "/placed") >= 1_000.0, "{report}");
    let before = number(&report, "/server_before/descriptors");
    // The last calls' sockets are closed a moment after the callers have gone.
    let closed = (0..100).any(|_| {
        let (later, _) = load(&address, &["--calls", "1", "--hang-up-after", "0.1", "--placed", "1"]);
        number(&later, "/server_before/descriptors") <= before
    });
    assert!(closed, "descriptors are left: {report}");
    let grown =
        number(&report, "/server_after/resident_kib") - number(&report, "/server_before/resident_kib");
    assert!(grown < 4_096.0, "a thousand calls left {grown} KiB: {report}");
}

#[test]
fn calls_beside_hostile_peers_keep_their_frames() {
    let (_server, address, _turn) = serve("echo");
    // One of each kind, and calls that none of it may starve. The bound is what a debug build keeps; what other programs
    // take of a busy machine the same calls tell that are alone. On a quiet machine tests/figures/media.sh holds a release
    // build to 40 ms.
    let (alone, _) = load(&address, &["--calls", "10", "--seconds", "5"]);
    let most = (800.0 + 4.0 * number(&alone, "/spacing/worst_ms")).to_string();
    let arguments = ["--calls", "10", "--seconds", "5", "--hostile", "13", "--max-gap-ms", &most];
    let (report, content) = load(&address, &arguments);
    println!("{}", report["spacing"]);
    assert!(content, "{report}");
    for (path, expected) in [("/established", 10.0), ("/refused", 0.0), ("/lost", 0.0)] {
        assert!((number(&report, path) - expected).abs() < 0.5, "{path}: {report}");
    }
    let kinds = report["hostile"].as_object().expect("a line for each kind");
    assert_eq!(kinds.len(), 13, "{kinds:?}");
    assert!(kinds.values().all(|tally| number(tally, "/connections") > 0.0), "{kinds:?}");
    // The report fails where a gap is longer than it may be.
    let (report, content) = load(&address, &["--calls", "2", "--seconds", "1", "--max-gap-ms", "1"]);
    assert!(!content, "{report}");
}

#[test]
fn nobody_there_and_nonsense_are_told() {
    let load = |arguments: &[&str]| Command::new(ORDERLINE).arg("load").args(arguments).output().unwrap();
    let output = load(&["127.0.0.1:1", "--calls", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("cannot reach the voice server at 127.0.0.1:1"), "{told}");
    for nonsense in
        [&["x", "--rate", "11025"][..], &["x", "--packet-ms", "15"], &["x", "--hang-up-after", "-1"]]
    {
        assert_eq!(load(nonsense).status.code(), Some(2), "{nonsense:?}");
    }
}
