//! To a person and back: ringing, what the person is told, and the agent that takes the call again when nobody answers.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use orderline::audio::wav;

use super::agent::{Agent, Ending};
use super::child::PATIENCE;
use super::compare::{contains, utterances, words};
use super::network::{hears_the_operator, operators_words};
use super::pbx::{ARI_PASSWORD, Pbx, Plan, free_port};
use super::peers::{self, Peers, manifest};
use super::phone::{self, Phone};
use super::stack::{Stack, Tape};

/// A customer of the sample shop with one open order, and its number.
const CALLER: &str = "+79035550101";
const ORDER: &str = "6204";

fn open<'a>(peers: &'a Peers, plan: Plan) -> (Pbx<'a>, Stack) {
    let (sound, http) = (free_port(), free_port());
    let pbx = Pbx::start(peers, sound, http, plan);
    let stack = Stack::start(sound, http, &pbx.ari, ARI_PASSWORD);
    (pbx, stack)
}

fn samples(ms: u32) -> usize {
    (phone::RATE.0 / 1000 * ms) as usize
}

/// Says a sample line once the agent has spoken (since so much was heard) and been quiet for a while. Gives how much had
/// been heard when the line was out.
fn says(caller: &Phone, since: usize, line: &str) -> usize {
    let heard = caller.hears("the agent to its end", |heard| {
        let part = heard.get(since..).unwrap_or_default();
        utterances(part).last().is_some_and(|(at, length)| part.len() >= at + length + samples(900))
    });
    let path = manifest().join(format!("samples/lines/{line}.wav"));
    let sound = wav::read(&path).expect("a sample line");
    caller.say(&sound.samples, sound.rate);
    let seconds = sound.samples.len() / sound.rate.0 as usize + 1;
    let out = heard.len() + seconds * phone::RATE.0 as usize;
    caller.hears("the call go on while the caller speaks", |heard| heard.len() >= out);
    out
}

/// Waits until the server has the caller on another leg than these, and gives its UUID and how much was heard till then.
fn comes_back(stack: &Stack, caller: &Phone, legs: &[String]) -> (String, usize) {
    let began = Instant::now();
    loop {
        if let Some(leg) = stack.live().into_iter().find(|leg| !legs.contains(leg)) {
            return (leg, caller.heard().len());
        }
        assert!(began.elapsed() < PATIENCE, "expected the caller back at the agent");
        std::thread::sleep(Duration::from_millis(40));
    }
}

/// Whether a second of ringback is in it: Russia's 425 Hz (indications.conf), and little else beside.
fn rings(heard: &[i16]) -> bool {
    let mut frames = 0;
    heard.chunks_exact(160).any(|frame| {
        frames = if is_tone(frame, 425.0) { frames + 1 } else { 0 };
        frames >= 45
    })
}

/// Goertzel's filter: most of a frame's energy is at this frequency.
fn is_tone(frame: &[i16], hz: f64) -> bool {
    let energy: f64 = frame.iter().map(|s| f64::from(*s).powi(2)).sum();
    let turn = 2.0 * (std::f64::consts::TAU * hz / f64::from(phone::RATE.0)).cos();
    let (a, b) = frame.iter().fold((0.0, 0.0), |(a, b), s| (f64::from(*s) + turn * a - b, a));
    let at_tone = (a * a + b * b - turn * a * b) * 2.0 / frame.len() as f64;
    energy > frame.len() as f64 * 100.0 * 100.0 && at_tone > energy * 0.8
}

fn spoken(tape: &Tape) -> String {
    tape.notes("saying").iter().filter_map(|note| note["text"].as_str().map(str::to_owned)).collect()
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_hears_ringing_until_a_person_answers_who_sees_number_order_and_summary() {
    let peers = peers::ready();
    let (pbx, stack) = open(&peers, Plan::default());
    let mut operator = Phone::ringing_operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    let asked = says(&caller, 0, "ru_where_is_my_order");
    says(&caller, asked, "ru_operator");
    operator.wait_for("CALL_INCOMING");

    // The person's telephone: headers of the INVITE, and the display.
    let order = operator.shows("X-Orderline-Order:");
    assert!(order.contains(ORDER), "{order}");
    let order = order.trim_start_matches("X-Orderline-Order:").trim().to_owned();
    let number = operator.shows("X-Orderline-Caller:");
    assert_eq!(number.trim(), format!("X-Orderline-Caller: {CALLER}"));
    let summary = operator.shows("X-Orderline-Summary:");
    let summary = summary.trim_start_matches("X-Orderline-Summary:").trim().to_owned();
    println!("summary: {summary}");
    assert!(summary.starts_with(&format!("Просит оператора. Вопрос о заказе {order}")), "{summary}");
    let display = operator.shows("From: \"");
    assert!(display.contains(&format!("\"{summary}\" <sip:{CALLER}@")), "{display}");

    // The person's channel inherits the variables.
    let channels = pbx.console("core show channels concise");
    let channel = channels.split(['!', '\n']).find(|name| name.starts_with("PJSIP/operator-"));
    let shown = pbx.console(&format!("core show channel {}", channel.expect("a ringing channel")));
    for (name, value) in [("CALLER", CALLER), ("ORDER", &order), ("LANG", "ru"), ("SUMMARY", &summary)] {
        assert!(shown.contains(&format!("ORDERLINE_{name}={value}")), "ORDERLINE_{name} in:\n{shown}");
    }

    caller.hears("ringing", rings);
    assert!(!contains(&caller.heard(), &operators_words()), "nobody has answered yet");
    operator.answer();
    hears_the_operator(&caller);
    // Who was answered is not taken back.
    operator.hang_up();
    caller.wait_for("CALL_CLOSED");
    assert_eq!(stack.tapes().len(), 1, "{}", pbx.said());
    assert!(stack.live().is_empty());
}

/// Whoever answers in the server's place over HTTP: it transfers to where calls are dear, and to `[transfer] target` in
/// disguise.
fn forger(target: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 4096];
            let n = stream.read(&mut asked).unwrap_or(0);
            let asked = String::from_utf8_lossy(&asked[..n]).into_owned();
            let evil = "${SHELL(touch /tmp/x)}$[1/0]\",1)\r\nX-Evil: 1";
            let body = match asked.split(' ').nth(1).unwrap_or_default() {
                path if path.contains("/next") => "operator".to_owned(),
                path if path.contains("/handover") => format!("{target}|+1900{evil}|{evil}|ru|{evil}"),
                _ => "ok".to_owned(),
            };
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    address
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn nobody_but_the_people_of_the_dialplan_is_rung_whatever_comes_over_http() {
    let peers = peers::ready();
    for target in ["900,1)&PJSIP/900@trunk,1", "orderline-back,s,1", "", "operator"] {
        let agent = Agent::start(0x10, words(3, 2), Ending::Leaves);
        let pbx = Pbx::start(&peers, agent.address, forger(target), Plan::default());
        let mut operator = Phone::operator(pbx.sip, &operators_words());
        let caller = Phone::caller(CALLER);
        caller.dial("100", pbx.sip);
        hears_the_operator(&caller);
        let number = operator.shows("X-Orderline-Caller:");
        let digits = number.trim_start_matches("X-Orderline-Caller:").trim();
        assert!(digits.chars().all(|c| c == '+' || c.is_ascii_digit()), "{number}");
        let order = operator.shows("X-Orderline-Order:");
        assert!(!order.contains(['$', '"', '[', '(']), "{order}");
        assert!(operator.shows_no_line_of("X-Evil"), "no header of the forger's own");
        assert!(!caller.is_closed(), "{}", pbx.said());
    }
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_agent_takes_a_call_back_that_nobody_answers_and_serves_it_on() {
    let peers = peers::ready();
    // Nobody is registered at all.
    let (pbx, stack) = open(&peers, Plan { operator_wait_s: Some(4), ..Plan::default() });
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    says(&caller, 0, "ru_operator");
    let first = stack.recorded(1);
    let first_leg = first.label()["call"].as_str().expect("a UUID").to_owned();
    let (leg, heard) = comes_back(&stack, &caller, std::slice::from_ref(&first_leg));
    assert!(rings(&caller.heard()), "the caller heard it ring meanwhile");
    let asked = says(&caller, heard, "ru_where_is_my_order");
    says(&caller, asked, "ru_thanks_goodbye");
    caller.wait_for("CALL_CLOSED");
    let second = stack.recorded(2);
    println!("{}", second.story());
    assert_eq!(second.label()["call"], leg.as_str(), "a leg with a UUID of its own");
    assert_eq!(second.label()["summary"]["left"]["leave"], "hang_up");
    assert_eq!(second.caller(), first.caller(), "the caller is known at once");
    assert_eq!(second.caller()["number"]["number"], CALLER);
    let said = spoken(&second);
    assert!(said.starts_with("К сожалению, сейчас все операторы заняты."), "{said}");
    assert!(!said.contains("Здравствуйте"), "{said}");
    let status = said.contains("шесть два ноль четыре") || said.contains(ORDER);
    assert!(status, "where the order is: {said}");

    // Two legs are two chains, each with its own end, under one number.
    stack.comes_to("select count(*)::text from audit.entries where kind = 'call_closed'", "2");
    let callers = "select string_agg(distinct caller_masked, ' ') || ' ' || count(*) from audit.calls";
    let callers = stack.value(callers).unwrap_or_default();
    assert!(callers.starts_with("+7") && callers.ends_with(" 2") && callers.contains('*'), "{callers}");
    let verified = stack.command(&["audit", "verify"]);
    assert!(verified.is_ok(), "{verified:?}");
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_who_keeps_asking_for_a_person_who_is_not_there_is_told_so_in_the_end() {
    let peers = peers::ready();
    let plan = Plan { context: "orderline-app", operator_wait_s: Some(3), ..Plan::default() };
    let (pbx, stack) = open(&peers, plan);
    // A telephone that rings out.
    let operator = Phone::ringing_operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    let mut legs = Vec::new();
    let mut heard = 0;
    // Twice the agent takes the call back: three legs.
    for n in 1..=3 {
        if n > 1 {
            heard = comes_back(&stack, &caller, &legs).1;
        }
        says(&caller, heard, "ru_operator");
        let tape = stack.recorded(n);
        assert_eq!(tape.label()["summary"]["left"]["leave"], "transfer", "{}", tape.story());
        legs.push(tape.label()["call"].as_str().expect("a UUID").to_owned());
        operator.rings();
    }
    caller.wait_for("CALL_CLOSED");
    let last = caller.heard();
    let announcement =
        wav::read(&pbx.sound("ru_RU_f_IvrvoiceRU/vm-nobodyavail.wav")).expect("Asterisk's own");
    assert!(contains(&last, &announcement.samples), "expected the announcement; {}", pbx.said());
    assert_eq!(stack.tapes().len(), 3, "and no fourth leg");
    assert!(stack.live().is_empty());
    let own: BTreeSet<_> = legs.iter().collect();
    assert_eq!(own.len(), 3, "each leg has a UUID of its own: {legs:?}");
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_whose_server_was_killed_is_taken_back_by_the_next_one_when_nobody_answers() {
    let peers = peers::ready();
    let (pbx, mut stack) = open(&peers, Plan { operator_wait_s: Some(12), ..Plan::default() });
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    caller.hears("the greeting's first second", |heard| {
        utterances(heard).iter().map(|(_, length)| length).sum::<usize>() >= samples(1000)
    });
    let lost = stack.live();
    let voice = stack.voice.as_mut().expect("a running server");
    voice.signal(Signal::SIGKILL);
    voice.ended();
    stack.start_voice();
    let (_, heard) = comes_back(&stack, &caller, &lost);
    assert!(rings(&caller.heard()), "a person was rung first");
    says(&caller, heard, "ru_thanks_goodbye");
    caller.wait_for("CALL_CLOSED");
    let tape = stack.recorded(1);
    assert_eq!(tape.caller()["number"]["number"], CALLER, "by the dialplan: {}", tape.caller());
    let said = spoken(&tape);
    assert!(said.starts_with("К сожалению, сейчас все операторы заняты."), "{said}");
}
