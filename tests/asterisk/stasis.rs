//! Calls that Orderline sets up itself, through a real Asterisk: heard and spoken at both rates, held, transferred in
//! both ways, taken back, hung up by either side at any moment, and found again by people when the server is killed.

use std::time::{Duration, Instant};

use orderline::audio::wav;
use serde_json::Value;

use super::child::PATIENCE;
use super::compare::{compare, utterances};
use super::network::{hears_the_operator, operators_words};
use super::order::{at_telephone_rate, play, samples, script};
use super::pbx::{ARI_PASSWORD, Pbx, Plan, free_port};
use super::peers::{self, Peers, manifest};
use super::phone::Phone;
use super::stack::Stack;

pub(crate) const CALLER: &str = "+375291234567";

/// The dialplan's form; who calls is told by the event alone.
pub(crate) const PLAN: Plan =
    Plan { codec: "slin", context: "orderline-stasis", announces: false, operator_wait_s: None };

/// Asterisk and the stack; `more` is added to the server's configuration.
pub(crate) fn open<'a>(peers: &'a Peers, more: &str) -> (Pbx<'a>, Stack) {
    open_as(peers, PLAN, more)
}

pub(crate) fn open_as<'a>(peers: &'a Peers, plan: Plan, more: &str) -> (Pbx<'a>, Stack) {
    let (sound, http) = (free_port(), free_port());
    let pbx = Pbx::start(peers, sound, http, plan);
    let mut stack = Stack::start_with(sound, http, &pbx.ari, ARI_PASSWORD, more);
    is_connected(&mut stack);
    (pbx, stack)
}

pub(crate) fn is_connected(stack: &mut Stack) {
    stack.voice.as_mut().expect("a running server").says("event stream is up");
}

pub(crate) fn hears_the_greeting(caller: &Phone) -> Vec<i16> {
    caller.hears("the greeting", |heard| {
        utterances(heard).last().is_some_and(|(at, length)| heard.len() >= at + length + samples(800))
    })
}

pub(crate) fn says(caller: &Phone, line: &str) {
    let line = wav::read(&manifest().join("samples/lines").join(line)).expect("a sample line");
    caller.say(&line.samples, line.rate);
}

/// Waits for what a question comes to.
pub(crate) fn comes<T>(what: &str, pbx: &Pbx, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < until, "expected {what}; Asterisk said:\n{}", pbx.said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn person(pbx: &Pbx) -> Value {
    comes("the operator's channel", pbx, || {
        pbx.channels("PJSIP/operator").into_iter().find(|channel| channel["state"] == "Up")
    })
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_buys_tyres_in_a_call_that_orderline_set_up() {
    let peers = peers::ready();
    let (pbx, stack) = open(&peers, "");
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    let bridge = comes("a bridge", &pbx, || pbx.ask("bridges", &[])?.as_array()?.first().cloned());
    assert_eq!(bridge["bridge_type"], "mixing", "{bridge}");
    let turns = play(&caller, &script("ru-purchase"));
    caller.wait_for("CALL_CLOSED");
    let tape = stack.recorded(1);
    let label = tape.label();
    assert_eq!(label["summary"]["left"]["leave"], "hang_up", "{}", tape.story());
    assert_eq!(tape.caller()["number"]["number"], CALLER, "{}", tape.caller());
    assert_eq!((&tape.caller()["dialled"], &tape.caller()["language"]), (&"100".into(), &"ru".into()));
    let call = label["call"].as_str().expect("a UUID");
    let state = stack.value(&format!("select o.state from orders.orders o where o.call_id = '{call}'"));
    assert_eq!(state.as_deref(), Some("new"));
    // The goodbye too was heard whole.
    let played = tape.played();
    let report = compare(&at_telephone_rate(&played.samples, played.rate), &caller.heard(), samples(2000));
    println!(
        "{} turns; {} utterances: worst correlation {:.3}, drift {:.1} ms",
        turns.len(),
        report.utterances.len(),
        report.worst(),
        report.drift_ms()
    );
    assert_eq!(report.faults, Vec::<String>::new());
    assert_eq!(played.rate.0, 8000);
    let setup = stack.figure("orderline_stasis_setup_seconds_sum").expect("a figure");
    println!("from Stasis() to the agent's leg in the bridge: {:.1} ms", setup * 1000.0);
    pbx.is_left_empty();
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_wideband_telephone_is_heard_and_spoken_to_at_16_khz() {
    let peers = peers::ready();
    let (pbx, stack) = open(&peers, "");
    let caller = Phone::wideband_caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_greeting(&caller);
    says(&caller, "ru_thanks_goodbye.wav");
    caller.wait_for("CALL_CLOSED");
    let tape = stack.recorded(1);
    assert_eq!(tape.played().rate.0, 16_000, "{}", tape.label());
    assert_eq!(tape.label()["summary"]["left"]["leave"], "hang_up", "{}", tape.story());
    let understood = tape.notes("understood");
    assert!(understood.iter().any(|note| note["text"].to_string().contains("свидан")), "{understood:?}");
    let played = tape.played();
    let report = compare(&at_telephone_rate(&played.samples, played.rate), &caller.heard(), samples(2000));
    println!("worst correlation {:.3}, drift {:.1} ms", report.worst(), report.drift_ms());
    assert_eq!(report.faults, Vec::<String>::new());
    pbx.is_left_empty();
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_who_hangs_up_at_any_moment_leaves_nothing_behind() {
    let peers = peers::ready();
    let (pbx, stack) = open(&peers, "");
    for ms in [0, 5, 10, 20, 40, 80, 150, 300, 1500] {
        let caller = Phone::caller(CALLER);
        caller.dial("100", pbx.sip);
        std::thread::sleep(Duration::from_millis(ms));
        caller.hang_up();
        caller.wait_for("CALL_CLOSED");
        pbx.is_left_empty();
    }
    let voice = stack.voice.as_ref().expect("a running server");
    assert!(!voice.said().contains("ERROR"), "{}", voice.said());
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_who_puts_the_agent_on_hold_is_served_on_afterwards() {
    let peers = peers::ready();
    let (pbx, stack) = open(&peers, "[conversation]\ncaller_silence_ms = 3000");
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_greeting(&caller);
    caller.hold(true);
    // Twice the silence after which a call would end.
    std::thread::sleep(Duration::from_secs(7));
    caller.hold(false);
    says(&caller, "ru_thanks_goodbye.wav");
    caller.wait_for("CALL_CLOSED");
    let tape = stack.recorded(1);
    let said: Vec<_> = tape.notes("saying").iter().map(|note| note["text"].to_string()).collect();
    assert!(!said.concat().contains("слышите"), "nobody was asked whether they are there: {said:?}");
    assert_eq!(tape.label()["summary"]["left"]["leave"], "hang_up", "{}", tape.story());
    pbx.is_left_empty();
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_key_reaches_the_agent_of_a_call_that_orderline_set_up() {
    let peers = peers::ready();
    let (pbx, stack) = open(&peers, "");
    let _operator = Phone::operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_greeting(&caller);
    // Nought is for a person.
    caller.press('0');
    hears_the_operator(&caller);
    assert_eq!(stack.recorded(1).label()["summary"]["left"]["leave"], "transfer");
}
