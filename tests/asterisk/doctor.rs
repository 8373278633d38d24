//! `orderline doctor` before a real Asterisk: with what is shipped, with what was spoiled, with a call in progress.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use super::pbx::{ARI_PASSWORD, Extra, Pbx, Plan, free_port};
use super::peers;
use super::rogue::Rogue;
use super::stack::Stack;
use super::torture::until;
use super::wire::{Dialling, WirePhone};

/// Runs it, with ARI configured; the exit status and what it printed.
fn doctor(pbx: &Pbx<'_>, sound: SocketAddr, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_orderline"))
        .env("ORDERLINE__ARI__BASE_URL", &pbx.ari)
        .env("ORDERLINE__ARI__PASSWORD", ARI_PASSWORD)
        .env("ORDERLINE__SERVER__LISTEN", sound.to_string())
        .args(["doctor", "--json"])
        .args(arguments)
        // No configuration file of the machine's own.
        .current_dir(pbx.configuration())
        .output()
        .expect("the program under test");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_str(&printed).unwrap_or_else(|e| panic!("{e}: {printed}{said}"));
    (output.status.code(), report)
}

/// The names of the traps of a severity.
fn named<'a>(report: &'a Value, severity: &str) -> Vec<&'a str> {
    let traps = report["traps"].as_array().expect("a list").iter();
    traps
        .filter(|trap| trap["severity"] == severity)
        .map(|trap| trap["id"].as_str().expect("a name"))
        .collect()
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_doctor_knows_a_real_pbx_by_its_version_its_dialplan_its_modules_and_its_calls() {
    let peers = peers::ready();
    let rogue = Rogue::listen();
    let dialplan = format!(
        "\n[from-trunk]\nexten => spoiled,1,Answer()\n same => n,Dial(AudioSocket/{}/${{UUID()}})\n",
        rogue.address
    );
    let extra = Extra { dialplan, ..Extra::default() };
    let sound = rogue.address;
    let pbx = Pbx::start_with(&peers, sound, free_port(), Plan::default(), &extra);

    // What is shipped: the version and the modules, from ARI alone; then the files.
    let (code, report) = doctor(&pbx, sound, &[]);
    println!("version {}", report["version"]);
    assert_eq!((code, named(&report, "fatal")), (Some(0), vec![]), "{report:#}");
    assert_eq!(named(&report, "warning"), Vec::<&str>::new(), "{report:#}");
    let shipped = peers::manifest().join("asterisk-config").display().to_string();
    let (code, report) = doctor(&pbx, sound, &["--dialplan", &shipped]);
    assert_eq!((code, named(&report, "fatal")), (Some(0), vec![]), "{report:#}");
    let uses = report["uses"].as_array().expect("a list");
    assert!(uses.len() >= 2 && uses.iter().all(|one| one["after"] == "person"), "{report:#}");

    // What runs, with the step that was added.
    let etc = pbx.configuration().display().to_string();
    let (code, report) = doctor(&pbx, sound, &["--dialplan", &etc]);
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(named(&report, "fatal"), ["no_codec", "no_option_g", "nothing_after"], "{report:#}");

    // A call in progress shows its form, without any file.
    let phone = WirePhone::dial(pbx.sip, "spoiled", &Dialling::default());
    let leg = rogue.leg();
    leg.behave();
    let (code, report) = doctor(&pbx, sound, &[]);
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(named(&report, "fatal"), ["no_codec", "no_option_g"], "{report:#}");
    let at = report["traps"][0]["place"]["at"].as_str().expect("a channel");
    assert!(at.starts_with("PJSIP/phone-"), "{at}");
    phone.hang_up();
    phone.ends();
    drop(leg);
    until("no channel", || pbx.console("core show channels").contains("0 active channels"));

    // Modules that are gone.
    for module in ["app_audiosocket.so", "chan_audiosocket.so"] {
        println!("{}", pbx.console(&format!("module unload {module}")));
    }
    let (code, report) = doctor(&pbx, sound, &["--dialplan", &shipped]);
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(named(&report, "fatal"), ["missing_module"; 2], "{report:#}");

    // The server tells its log the same when it starts.
    let mut stack = Stack::start(free_port(), free_port(), &pbx.ari, ARI_PASSWORD);
    let voice = stack.voice.as_mut().expect("a running server");
    voice.says("ARI answers");
    let told = voice.says("missing_module");
    assert!(told.contains("WARN") && told.contains("modules.conf"), "{told}");
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_server_names_a_spoiled_dialplan_in_its_first_call() {
    let peers = peers::ready();
    let (sound, http) = (free_port(), free_port());
    let dialplan = format!(
        "\n[from-trunk]\nexten => spoiled,1,Answer()\n same => n,Dial(AudioSocket/{sound}/${{UUID()}})\n"
    );
    let pbx = Pbx::start_with(&peers, sound, http, Plan::default(), &Extra { dialplan, ..Extra::default() });
    let mut stack = Stack::start(sound, http, &pbx.ari, ARI_PASSWORD);
    let voice = stack.voice.as_mut().expect("a running server");
    voice.says("ARI answers");
    assert!(!voice.said().contains("no_codec"), "no call has shown it yet: {}", voice.said());
    let phone = WirePhone::dial(pbx.sip, "spoiled", &Dialling::default());
    for (trap, fix) in [("no_codec", "c(slin)"), ("no_option_g", ",,g)")] {
        let told = voice.says(trap);
        assert!(told.contains("WARN") && told.contains(fix) && told.contains("PJSIP/phone-"), "{told}");
    }
    phone.hang_up();
}
