//! Calls that Orderline sets up itself, on their way to a person and back.

use super::compare::{contains, utterances, words};
use super::network::{hears_the_operator, operators_words};
use super::order::samples;
use super::pbx::Plan;
use super::peers;
use super::phone::Phone;
use super::stasis::{CALLER, PLAN, comes, hears_the_greeting, open, open_as, person, says};

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_dialplan_gives_a_caller_to_a_person_who_knows_whom_they_talk_with() {
    let peers = peers::ready();
    let (pbx, stack) = open(&peers, "");
    let _operator = Phone::operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_greeting(&caller);
    says(&caller, "ru_operator.wav");
    hears_the_operator(&caller);
    let person = person(&pbx);
    let variable = |name: &str| pbx.variable(&person, name).unwrap_or_default();
    println!("summary: {}", variable("ORDERLINE_SUMMARY"));
    assert_eq!(variable("ORDERLINE_CALLER"), CALLER);
    assert_eq!(variable("ORDERLINE_LANG"), "ru");
    assert!(!variable("ORDERLINE_SUMMARY").is_empty());
    assert_eq!(stack.recorded(1).label()["summary"]["left"]["leave"], "transfer");
    assert!(!caller.is_closed(), "{}", pbx.said());
    caller.hang_up();
    pbx.is_left_empty();
}

pub(crate) const BRIDGE: &str = "[ari.transfer]\nway = \"bridge\"\nring_s = 5";

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn orderline_rings_a_person_and_joins_the_two() {
    let peers = peers::ready();
    let (pbx, stack) = open(&peers, BRIDGE);
    let mut operator = Phone::operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_greeting(&caller);
    says(&caller, "ru_operator.wav");
    operator.shows(&format!("X-Orderline-Caller: {CALLER}"));
    // The name on the display is the summary.
    let from = operator.shows("From: \"Просит оператора");
    assert!(from.contains(CALLER), "{from}");
    hears_the_operator(&caller);
    let person = person(&pbx);
    let variable = |name: &str| pbx.variable(&person, name).unwrap_or_default();
    assert_eq!(variable("ORDERLINE_CALLER"), CALLER);
    assert!(!variable("ORDERLINE_SUMMARY").is_empty());
    let tape = stack.recorded(1);
    assert_eq!(variable("CALL_UUID"), tape.label()["call"].as_str().expect("a UUID"));
    operator.hang_up();
    caller.wait_for("CALL_CLOSED");
    pbx.is_left_empty();
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_dialplan_brings_a_caller_back_to_the_agent_when_nobody_answers() {
    let peers = peers::ready();
    let plan = Plan { operator_wait_s: Some(6), announces: true, ..PLAN };
    let (pbx, stack) = open_as(&peers, plan, "");
    let away = Phone::ringing_operator(pbx.sip, &[0; 160]);
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_greeting(&caller);
    says(&caller, "ru_operator.wav");
    away.rings();
    let from = caller.heard().len();
    caller.hears("the agent again, after the ringing", |heard| {
        let new = heard.get(from..).unwrap_or_default();
        stack.live().len() == 1
            && utterances(new).last().is_some_and(|(at, length)| new.len() >= at + length + samples(800))
    });
    says(&caller, "ru_thanks_goodbye.wav");
    caller.wait_for("CALL_CLOSED");
    let (first, second) = (stack.recorded(1), stack.recorded(2));
    println!("{}", second.story());
    assert_eq!(first.label()["summary"]["left"]["leave"], "transfer");
    assert_eq!(second.label()["summary"]["left"]["leave"], "hang_up");
    assert_eq!(second.caller()["number"]["number"], CALLER, "{}", second.caller());
    let said: Vec<_> = second.notes("saying").iter().map(|note| note["text"].to_string()).collect();
    assert!(!said.concat().contains("Здравствуйте"), "a call that comes back is not greeted again: {said:?}");
    pbx.is_left_empty();
}

/// Nobody takes the call; `rings` is whether there is a telephone at all.
fn taken_back(rings: bool) {
    let peers = peers::ready();
    let (pbx, stack) = open(&peers, BRIDGE);
    let _away = rings.then(|| Phone::ringing_operator(pbx.sip, &[0; 160]));
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_greeting(&caller);
    says(&caller, "ru_operator.wav");
    // The first leg ends with the transfer.
    let first = stack.recorded(1);
    assert_eq!(first.label()["summary"]["left"]["leave"], "transfer", "{}", first.story());
    let from = caller.heard().len();
    if rings {
        let tone = |heard: &[i16]| {
            heard.get(from..).is_some_and(|new| utterances(new).iter().any(|(_, n)| *n > samples(500)))
        };
        caller.hears("the ringing tone", tone);
        assert!(stack.live().is_empty(), "no agent talks while a person is rung");
    }
    let first_call = first.label()["call"].as_str().expect("a UUID").to_owned();
    comes("the agent's second leg", &pbx, || stack.live().into_iter().find(|call| *call != first_call));
    let from = caller.heard().len();
    caller.hears("the agent again", |heard| {
        let new = heard.get(from..).unwrap_or_default();
        utterances(new).last().is_some_and(|(at, length)| new.len() >= at + length + samples(800))
    });
    says(&caller, "ru_thanks_goodbye.wav");
    caller.wait_for("CALL_CLOSED");
    let second = stack.recorded(2);
    println!("{}", second.story());
    assert_ne!(first.label()["call"], second.label()["call"], "a leg has a UUID of its own");
    assert_eq!(second.caller()["number"]["number"], CALLER, "{}", second.caller());
    assert_eq!(second.label()["summary"]["left"]["leave"], "hang_up");
    pbx.is_left_empty();
}

const MUSIC: &str = "[ari.transfer]\nway = \"bridge\"\nring_s = 50\nmeanwhile = \"music\"\nmusic = \"ours\"";

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_is_on_hold_with_music_until_the_person_answers() {
    let peers = peers::ready();
    let music = words(41, 6);
    let (pbx, _stack) = open(&peers, MUSIC);
    pbx.plays_on_hold("ours", &music);
    let operator = Phone::ringing_operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_greeting(&caller);
    says(&caller, "ru_operator.wav");
    operator.wait_for("CALL_INCOMING");
    caller.hears("the music", |heard| contains(heard, &music));
    operator.answer();
    hears_the_operator(&caller);
    // No music under the person's words.
    let from = caller.heard().len();
    caller.hears("two seconds of the person", |heard| heard.len() > from + samples(2000));
    assert!(!contains(&caller.heard()[from..], &music), "the music has ended");
    operator.hang_up();
    caller.wait_for("CALL_CLOSED");
    pbx.is_left_empty();
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_agent_takes_the_call_back_when_nobody_answers() {
    taken_back(true);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_agent_takes_the_call_back_when_there_is_nobody_to_ring() {
    taken_back(false);
}
