//! The whole path: a telephone, Asterisk, the voice server on its offline engines, the store, PostgreSQL.

use std::time::Instant;

use nix::sys::signal::Signal;
use orderline::audio::Rate;
use orderline::audio::resample::Streaming;
use orderline::telephone::{Script, Step, When};

use super::compare::{compare, utterances};
use super::network::{hears_the_operator, operators_words};
use super::pbx::{ARI_PASSWORD, Pbx, Plan, free_port};
use super::peers::{self, Peers, manifest};
use super::phone::{self, Phone};
use super::stack::Stack;

/// A customer of the sample shop.
const CALLER: &str = "+375291234567";

pub(crate) fn script(name: &str) -> Script {
    Script::load(&manifest().join("samples/calls").join(name)).expect("a sample script")
}

/// Samples of so many milliseconds of the telephone's recordings.
pub(crate) fn samples(ms: u32) -> usize {
    (RATE / 1000 * ms) as usize
}

const RATE: u32 = phone::RATE.0;

/// One turn at the caller's ear, in samples of the two recordings: where the line began in what was said, how long its
/// words are, and how much had been heard when it began.
pub(crate) struct Turn {
    line: Vec<i16>,
    heard_at: usize,
}

/// Plays a script's caller on a real telephone: speaks when the agent has, and has been quiet for a while.
pub(crate) fn play(phone: &Phone, script: &Script) -> Vec<Turn> {
    let mut turns = Vec::new();
    let mut since = 0;
    for step in &script.steps {
        let Step::Say { line, when: When::AgentFinished } = step else {
            panic!("this telephone says lines when the agent has finished, found {step:?}");
        };
        let quiet = samples(script.quiet_ms);
        let heard = phone.hears("the agent to its end", |heard| {
            let part = heard.get(since..).unwrap_or_default();
            utterances(part).last().is_some_and(|(at, length)| part.len() >= at + length + quiet)
        });
        println!("caller: {}", line.text);
        phone.say(&line.sound.samples, line.sound.rate);
        turns.push(Turn {
            line: at_telephone_rate(&line.sound.samples, line.sound.rate),
            heard_at: heard.len(),
        });
        // The agent may not be listened to before the line is out.
        since = heard.len() + turns.last().map_or(0, |turn| turn.line.len());
        phone.hears("the call go on while the caller speaks", |heard| {
            heard.len() >= since || phone.is_closed()
        });
    }
    turns
}

pub(crate) fn at_telephone_rate(samples: &[i16], rate: Rate) -> Vec<i16> {
    let mut filter = Streaming::new(rate.0, RATE).expect("usual rates");
    let mut line = filter.push(samples);
    line.extend(filter.finish());
    line
}

/// From the last sound of each of the caller's lines to the agent's first, in milliseconds, by the telephone's own two
/// recordings. Each grows by one frame in 20 ms, so their lengths at one moment join their clocks.
fn latencies(turns: &[Turn], said: &[i16], heard: &[i16], ahead: i64) -> Vec<u32> {
    let mut found = Vec::new();
    let mut from = 0;
    for turn in turns {
        let report = compare(&turn.line, said.get(from..).unwrap_or_default(), turn.heard_at + samples(2000));
        let Some(first) = report.utterances.first() else { continue };
        let Some((at, length)) = utterances(&turn.line).last().copied() else { continue };
        let end_said = from as i64 + first.lag + (at + length) as i64;
        from = usize::try_from(end_said).unwrap_or(0);
        // The same moment in what was heard.
        let end_heard = usize::try_from(end_said - ahead).unwrap_or(0);
        let rest = heard.get(end_heard..).unwrap_or_default();
        if let Some((answer, _)) = utterances(rest).first() {
            found.push(u32::try_from(*answer).unwrap_or(u32::MAX) * 1000 / RATE);
        }
    }
    found
}

fn middle_and_p95(mut values: Vec<u32>) -> (u32, u32) {
    values.sort_unstable();
    let at = |share: usize| {
        values.get((values.len() * share).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0)
    };
    (at(50), at(95))
}

/// Asterisk and the stack, each knowing where the other is.
fn open<'a>(peers: &'a Peers, plan: Plan, ari_password: &str) -> (Pbx<'a>, Stack) {
    let (sound, http) = (free_port(), free_port());
    let pbx = Pbx::start(peers, sound, http, plan);
    let stack = Stack::start(sound, http, &pbx.ari, ari_password);
    (pbx, stack)
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_buys_tyres_over_the_telephone() {
    let peers = peers::ready();
    // No registration over HTTP: who calls is known through ARI or not at all.
    let (pbx, stack) = open(&peers, Plan { announces: false, ..Plan::default() }, ARI_PASSWORD);
    let script = script("ru-purchase");
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    let turns = play(&caller, &script);
    let ahead = caller.said().len() as i64 - caller.heard().len() as i64;
    caller.wait_for("CALL_CLOSED");
    let tape = stack.recorded(1);
    println!("{}", tape.story());

    // Who called.
    assert_eq!(tape.caller()["number"]["number"], CALLER, "{}", tape.caller());
    assert_eq!(tape.caller()["dialled"], "100");

    // What was ordered.
    let label = tape.label();
    let call = label["call"].as_str().expect("a UUID").to_owned();
    assert_eq!(label["summary"]["left"]["leave"], "hang_up", "{label}");
    let of_call = format!("from orders.orders o where o.call_id = '{call}'");
    assert_eq!(stack.value(&format!("select count(*)::text {of_call}")).as_deref(), Some("1"));
    assert_eq!(stack.value(&format!("select o.state {of_call}")).as_deref(), Some("new"));
    assert_eq!(stack.value(&format!("select o.customer_phone {of_call}")).as_deref(), Some(CALLER));
    let items = "select string_agg(i.quantity || ' ' || i.name, ', ') from orders.order_items i join orders.orders o on \
                 o.id = i.order_id where o.call_id =";
    let items = stack.value(&format!("{items} '{call}'")).unwrap_or_default();
    assert!(items.starts_with("4 ") && items.contains("205/55"), "{items}");
    let city = "select d.city from orders.order_delivery d join orders.orders o on o.id = d.order_id where o.call_id =";
    assert_eq!(stack.value(&format!("{city} '{call}'")).as_deref(), Some("Москва"));

    // What the caller was told afterwards.
    let number = stack.value(&format!("select o.order_number {of_call}")).expect("an order number");
    stack.comes_to(
        "select count(*)::text from notify.notifications where channel = 'sms' and status = 'sent'",
        "1",
    );
    let sms = stack.sms();
    assert_eq!(sms.len(), 1, "{sms:?}");
    let sms = sms[0].to_string();
    assert!(sms.contains(CALLER) && sms.contains(&number), "{sms}");

    // What the audit knows.
    let closed = "select count(*)::text from audit.entries where kind = 'call_closed'";
    stack.comes_to(closed, "1");
    let count =
        |kind: &str| stack.value(&format!("select count(*)::text from audit.entries where kind = '{kind}'"));
    assert_eq!(count("intent"), count("outcome"), "each action has its outcome");
    let confirmed =
        "select count(*)::text from audit.entries where kind = 'intent' and action = 'confirm_order'";
    assert_eq!(stack.value(confirmed).as_deref(), Some("1"));
    let verified = stack.command(&["audit", "verify"]);
    assert!(verified.is_ok(), "{verified:?}");

    // What the caller heard is what the server says it played.
    let played = tape.played();
    let (heard, said) = (caller.heard(), caller.said());
    let report = compare(&at_telephone_rate(&played.samples, played.rate), &heard, samples(2000));
    println!(
        "{} utterances heard whole: worst correlation {:.3}, drift {:.1} ms",
        report.utterances.len(),
        report.worst(),
        report.drift_ms()
    );
    assert_eq!(report.faults, Vec::<String>::new());

    let (middle, p95) = middle_and_p95(latencies(&turns, &said, &heard, ahead));
    let decided: Vec<_> =
        tape.notes("answering").iter().map(|note| note["after_last_sound_ms"].to_string()).collect();
    println!("by the server's own reckoning: {} ms", decided.join(", "));
    println!("at the caller's ear: median {middle} ms, p95 {p95} ms of {} turns", turns.len());
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_reaches_a_person_when_the_server_is_killed_in_the_middle_of_a_word() {
    let peers = peers::ready();
    let (pbx, mut stack) = open(&peers, Plan::default(), ARI_PASSWORD);
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
    operator.wait_for("CALL_ESTABLISHED");
    println!(
        "the operator's telephone had the caller {:.1} s after the kill",
        killed_at.elapsed().as_secs_f64()
    );
    hears_the_operator(&caller);
    assert!(!caller.is_closed(), "{}", pbx.said());
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_who_asks_for_a_person_gets_one() {
    let peers = peers::ready();
    let (pbx, stack) = open(&peers, Plan::default(), ARI_PASSWORD);
    let _operator = Phone::operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    let line = orderline::audio::wav::read(&manifest().join("samples/lines/ru_operator.wav"))
        .expect("a sample line");
    caller.hears("the greeting", |heard| {
        utterances(heard).last().is_some_and(|(at, length)| heard.len() >= at + length + samples(800))
    });
    caller.say(&line.samples, line.rate);
    hears_the_operator(&caller);
    let tape = stack.recorded(1);
    assert_eq!(tape.label()["summary"]["left"]["leave"], "transfer", "{}", tape.story());
    assert_eq!(tape.caller()["number"]["number"], CALLER, "announced by the dialplan: {}", tape.caller());
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_number_dialled_chooses_the_language_and_a_wrong_ari_password_costs_no_call() {
    let peers = peers::ready();
    let (pbx, mut stack) = open(&peers, Plan::default(), "not-the-password");
    let voice = stack.voice.as_mut().expect("a running server");
    let told = voice.says("refused user");
    assert!(told.contains("ari.password") && !told.contains("not-the-password"), "{told}");
    let caller = Phone::caller("80291234567");
    caller.dial("200", pbx.sip);
    caller.hears("the greeting", |heard| {
        utterances(heard).last().is_some_and(|(at, length)| heard.len() >= at + length + samples(800))
    });
    caller.hang_up();
    let tape = stack.recorded(1);
    let label = tape.label();
    // Asterisk closes the leg when the caller hangs up; with a frame of ours unread that close is a reset.
    let cause = label["summary"]["cause"].as_str().unwrap_or_default();
    assert!(["caller", "reset"].contains(&cause), "{label}");
    assert_eq!(tape.caller()["number"]["number"], CALLER, "announced by the dialplan: {}", tape.caller());
    assert_eq!(tape.caller()["language"], "en");
    let spoken: Vec<_> = tape.notes("saying").iter().map(|note| note["text"].to_string()).collect();
    assert!(spoken.concat().contains("Hello"), "{spoken:?}");
}
