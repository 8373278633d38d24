//! Every call of `samples/scenarios` in virtual time: those that are known to fail fail, and all others come out as they
//! must.

use std::collections::BTreeSet;
use std::path::PathBuf;

use orderline::cli::talk;
use orderline::rehearsal::script::{Script, Shops};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples/scenarios")
}

#[test]
fn every_scenario_comes_out_as_it_must_or_is_known_not_to() {
    let known = talk::known(&folder().join("known-failures.txt")).expect("the list of known failures");
    let mut shops = Shops::default();
    let (mut names, mut wrong) = (BTreeSet::new(), Vec::new());
    for path in talk::find(&[folder()]).expect("scenarios") {
        let script = match Script::load(&path, &mut shops) {
            Ok(script) => script,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        let (name, outcome) = (script.name(), script.play(false));
        match (outcome.failures.first(), known.contains(&name)) {
            (Some(failure), false) => wrong.push(format!(
                "{name}:{}: expected {}, found {}\n{}",
                failure.line, failure.expected, failure.found, outcome.transcript
            )),
            (None, true) => wrong.push(format!("{name} passes: take it off known-failures.txt")),
            _ => {}
        }
        names.insert(name);
    }
    wrong.extend(
        known.difference(&names).map(|name| format!("{name}: on the list, and there is no such script")),
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_scenario_is_the_same_call_each_time() {
    let path = folder().join("d02-not-four-but-six.talk");
    let play = || Script::load(&path, &mut Shops::default()).expect("a script").play(true).transcript;
    assert_eq!(play(), play());
}
