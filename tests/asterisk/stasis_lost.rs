//! Calls that Orderline sets up itself, when one of the parties goes: the server, its connection, the leg, the room for one
//! more call.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::compare::utterances;
use super::network::{hears_the_operator, operators_words};
use super::order::samples;
use super::pbx::{ARI_PASSWORD, Pbx, free_port};
use super::peers;
use super::phone::Phone;
use super::stack::Stack;
use super::stasis::{CALLER, PLAN, hears_the_greeting, is_connected, open, says};
use super::stasis_transfer::BRIDGE;
use super::tap::Tap;

/// A caller talks with a person when the server is killed.
fn killed_behind_a_bridge(restarts: bool) {
    let peers = peers::ready();
    let (pbx, mut stack) = open(&peers, BRIDGE);
    let operator = Phone::operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_greeting(&caller);
    says(&caller, "ru_operator.wav");
    hears_the_operator(&caller);
    let voice = stack.voice.as_mut().expect("a running server");
    voice.signal(Signal::SIGKILL);
    voice.ended();
    if restarts {
        stack.voice = None;
        stack.start_voice();
        stack.voice.as_mut().expect("a running server").says("talk on");
    }
    // More than the watchdog's time: it may not part the two.
    std::thread::sleep(Duration::from_secs(17));
    let from = caller.heard().len();
    caller.hears("the operator still", |heard| heard.len() > from + samples(1000));
    assert!(utterances(&caller.heard()[from..]).iter().any(|(_, length)| *length > samples(200)));
    assert!(!caller.is_closed() && !operator.is_closed(), "{}", pbx.said());
    operator.hang_up();
    caller.wait_for("CALL_CLOSED");
    if restarts {
        pbx.is_left_empty();
    }
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_and_a_person_talk_on_when_the_server_is_killed() {
    killed_behind_a_bridge(false);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_new_server_tidies_up_after_a_caller_and_a_person_who_talk() {
    killed_behind_a_bridge(true);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_reaches_a_person_when_the_server_is_told_to_stop() {
    let peers = peers::ready();
    let (pbx, mut stack) = open(&peers, "");
    let _operator = Phone::operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_greeting(&caller);
    let voice = stack.voice.as_mut().expect("a running server");
    voice.signal(Signal::SIGTERM);
    assert!(voice.ended().success(), "{}", voice.said());
    hears_the_operator(&caller);
    assert!(!caller.is_closed(), "{}", pbx.said());
    let tape = stack.recorded(1);
    assert_eq!(tape.label()["summary"]["left"]["leave"], "transfer", "{}", tape.story());
}

/// From the kill to the operator's word at the caller's ear.
fn killed(more: &str, restarts: bool) {
    let peers = peers::ready();
    let (pbx, mut stack) = open(&peers, more);
    let operator = Phone::operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    caller.hears("the greeting's first second", |heard| {
        utterances(heard).iter().map(|(_, length)| length).sum::<usize>() >= samples(1000)
    });
    let voice = stack.voice.as_mut().expect("a running server");
    let killed_at = Instant::now();
    voice.signal(Signal::SIGKILL);
    voice.ended();
    if restarts {
        stack.voice = None;
        stack.start_voice();
        println!("the server was back {:.1} s after the kill", killed_at.elapsed().as_secs_f64());
    }
    operator.wait_for("CALL_ESTABLISHED");
    println!(
        "the operator's telephone had the caller {:.1} s after the kill",
        killed_at.elapsed().as_secs_f64()
    );
    hears_the_operator(&caller);
    assert!(!caller.is_closed(), "{}", pbx.said());
    caller.hang_up();
    caller.wait_for("CALL_CLOSED");
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_dialplan_fetches_a_caller_back_at_once_when_the_server_is_killed() {
    killed("", false);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_watchdog_fetches_a_caller_back_from_a_dead_server_where_no_handler_does() {
    killed("[ari.stasis]\ngone = \"\"\nwatchdog_s = 5", false);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_new_server_gives_a_caller_of_the_dead_one_back_to_the_dialplan() {
    killed("[ari.stasis]\ngone = \"\"\nwatchdog_s = 0", true);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_beyond_those_who_may_be_served_reaches_a_person_at_once() {
    let peers = peers::ready();
    let (pbx, _stack) = open(&peers, "max_calls = 1");
    let _operator = Phone::operator(pbx.sip, &operators_words());
    let served = Phone::caller(CALLER);
    served.dial("100", pbx.sip);
    hears_the_greeting(&served);
    let other = Phone::caller("80291234568");
    other.dial("100", pbx.sip);
    hears_the_operator(&other);
    assert!(!served.is_closed(), "{}", pbx.said());
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_whose_leg_asterisk_cannot_set_up_reaches_a_person() {
    let peers = peers::ready();
    let nobody = free_port();
    let (pbx, mut stack) = open(&peers, &format!("[ari.stasis]\nmedia_host = \"{nobody}\""));
    let _operator = Phone::operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_operator(&caller);
    assert!(!caller.is_closed(), "{}", pbx.said());
    let told = stack.voice.as_mut().expect("a running server").says("goes on in the dialplan");
    assert!(told.contains("ari.stasis.media_host") && told.contains(&nobody.to_string()), "{told}");
    let bridges = pbx.ask("bridges", &[]).expect("a listing");
    assert!(!bridges.to_string().contains("orderline-bridge-"), "only the queue's is left: {bridges}");
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_whose_server_is_not_connected_reaches_a_person() {
    let peers = peers::ready();
    let pbx = Pbx::start(&peers, free_port(), free_port(), PLAN);
    let _operator = Phone::operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_operator(&caller);
    assert!(!caller.is_closed(), "{}", pbx.said());
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_broken_event_stream_costs_no_call_and_what_was_missed_is_made_good() {
    let peers = peers::ready();
    let (sound, http) = (free_port(), free_port());
    let pbx = Pbx::start(&peers, sound, http, PLAN);
    let address: SocketAddr = pbx.ari.trim_start_matches("http://").parse().expect("an address");
    let tap = Tap::before(address);
    let more = "[ari.stasis]\nwatchdog_s = 30";
    let mut stack = Stack::start_with(sound, http, &format!("http://{}", tap.address), ARI_PASSWORD, more);
    is_connected(&mut stack);
    let stays = Phone::caller(CALLER);
    stays.dial("100", pbx.sip);
    hears_the_greeting(&stays);
    tap.off();
    stack.voice.as_mut().expect("a running server").says("no event stream from ARI");
    // The sound needs no ARI: the agent understands, and says goodbye while nobody can hang the caller up.
    says(&stays, "ru_thanks_goodbye.wav");
    let tape = stack.recorded(1);
    assert_eq!(tape.label()["summary"]["left"]["leave"], "hang_up", "{}", tape.story());
    assert!(!stays.is_closed(), "nobody could have hung up");
    tap.on();
    stays.wait_for("CALL_CLOSED");
    pbx.is_left_empty();

    // And the other way round: the caller goes while nobody listens.
    let goes = Phone::caller(CALLER);
    goes.dial("100", pbx.sip);
    hears_the_greeting(&goes);
    tap.off();
    goes.hang_up();
    goes.wait_for("CALL_CLOSED");
    stack.recorded(2);
    tap.on();
    pbx.is_left_empty();
}
