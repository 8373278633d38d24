//! The voice server under what callers, Asterisk and its own end do to it: silence, hold, packet times, quick hang-ups,
//! a PBX that dies, a drain with calls up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use nix::sys::signal::Signal;
use orderline::audio::resample::Streaming;
use orderline::audio::wav;

use super::compare::{Report, compare, contains, utterances, words};
use super::network::operators_words;
use super::pbx::{ARI_PASSWORD, Extra, Pbx, Plan, TRUNK, free_port};
use super::peers::{self, Peers, manifest};
use super::phone::Phone;
use super::stack::Stack;
use super::torture::{pause, side_by_side, until};
use super::torture_sound::{PACKET_TIMES, packet_time_endpoints};
use super::wire::{Dialling, Sends, WirePhone, encoded};

/// Numbers of the trunk that reach the server in each of the ways that are shipped; `61` and its like are for telephones
/// of other packet times.
const NUMBERS: &str = "
[from-trunk]
exten => 50,1,Gosub(orderline,${EXTEN},1(ru))
exten => 51,1,Gosub(orderline-app,${EXTEN},1(ru))
exten => 52,1,Set(ORDERLINE_CODEC=slin16)
 same => n,Gosub(orderline,${EXTEN},1(ru))
exten => 53,1,Dial(AudioSocket/${ORDERLINE_SOCKET}/${UUID()},,g)
exten => _6X,1,Gosub(orderline,${EXTEN},1(ru))
";
const FORMS: [&str; 3] = ["50", "51", "52"];

/// The codecs by which Asterisk names AudioSocket's other rates, and the number that has each. 8 and 16 kHz have the forms'.
const OTHER_RATES: [(&str, &str, u32); 7] = [
    ("slin12", "71", 12_000),
    ("slin24", "72", 24_000),
    ("slin32", "73", 32_000),
    ("slin44", "74", 44_100),
    ("slin48", "75", 48_000),
    ("slin96", "76", 96_000),
    ("slin192", "77", 192_000),
];

fn numbers() -> String {
    let of = |(codec, number, _): (&str, &str, u32)| {
        format!(
            "exten => {number},1,Set(ORDERLINE_CODEC={codec})\n same => n,Gosub(orderline,${{EXTEN}},1(ru))\n"
        )
    };
    NUMBERS.to_owned() + &OTHER_RATES.map(of).concat()
}

fn open<'a>(peers: &'a Peers, more: &str) -> (Pbx<'a>, Stack, SocketAddr) {
    let (sound, http) = (free_port(), free_port());
    let extra = Extra { dialplan: numbers(), endpoints: packet_time_endpoints() };
    let pbx = Pbx::start_with(peers, sound, http, Plan::default(), &extra);
    let stack = Stack::start_with(sound, http, &pbx.ari, ARI_PASSWORD, more);
    (pbx, stack, sound)
}

/// Waits until the agent has spoken and is quiet.
fn hears_the_greeting(phone: &WirePhone) {
    until("the greeting and a pause", || {
        let heard = phone.heard();
        assert!(!phone.is_closed(), "expected the greeting, but the call ended");
        utterances(&heard).last().is_some_and(|(at, length)| heard.len() >= at + length + 6400)
    });
}

fn at_telephone(samples: &[i16], hz: u32) -> Vec<i16> {
    Streaming::new(hz, 8000).expect("usual rates").push(samples)
}

/// A resampler, Asterisk's or ours, may delay sound by half a sample of the telephone's, which alone makes it less alike:
/// hence both, the sound as it is and half a sample later, and whichever is nearer.
fn either(sound: &wav::Sound, report: impl Fn(&[i16]) -> Report) -> Report {
    let half = sound.rate.0 as usize / 16_000;
    let [a, b] = [0, half].map(|skipped| report(&at_telephone(&sound.samples[skipped..], sound.rate.0)));
    if a.utterances.is_empty() || b.worst() > a.worst() && !b.utterances.is_empty() { b } else { a }
}

/// How the words are in what the server says it heard, which is at its own rate.
fn as_heard(words: &[i16], heard: &wav::Sound) -> Report {
    either(heard, |arrived| {
        // They are the only sound there: they need not be looked for everywhere.
        let begin = utterances(arrived).first().map_or(0, |(at, _)| at.saturating_sub(2000));
        compare(words, &arrived[begin..], 4000)
    })
}

/// One person serves them all, one after the other; nobody is cut off before.
fn all_get_the_operator(pbx: &Pbx<'_>, callers: impl IntoIterator<Item = WirePhone>) {
    let begun = Instant::now();
    let wanted = operators_words();
    let mut waiting: Vec<_> = callers.into_iter().map(|phone| (phone, 0)).collect();
    // Each has a person's whole patience: they are served one after the other.
    while !waiting.is_empty() {
        let unserved = waiting.len();
        until("a person for every caller", || {
            waiting.retain_mut(|(phone, looked_at)| {
                assert!(!phone.is_closed(), "a caller was cut off: {}", pbx.said());
                let heard = phone.heard();
                let new = heard.get(*looked_at..).unwrap_or_default();
                if new.len() < 4000 {
                    return true;
                }
                // A quarter of a second is looked at again: it may hold the beginning of what is looked for.
                *looked_at = heard.len() - 2000;
                if !contains(new, &wanted) {
                    return true;
                }
                println!("a caller has a person after {:.1} s", begun.elapsed().as_secs_f64());
                phone.hang_up();
                phone.ends();
                false
            });
            waiting.len() < unserved
        });
    }
}

/// Sockets of this port whose other side has closed and which nobody has closed here (state 08 of Linux's
/// `/proc/net/tcp`), of the server's or of Asterisk's.
fn half_closed(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    let of_port = |address: &str| address.ends_with(&format!(":{port:04X}"));
    let sockets = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    sockets.filter(|socket| socket[3] == "08" && (of_port(socket[1]) || of_port(socket[2]))).count()
}

fn nothing_is_left(pbx: &Pbx<'_>, stack: &Stack, sound: SocketAddr) {
    until("no channel in Asterisk", || pbx.console("core show channels").contains("0 active channels"));
    until("no live call in the server", || stack.live().is_empty());
    until("no half-closed socket", || half_closed(sound.port()) == 0);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_may_fall_silent_and_hold() {
    let peers = peers::ready();
    let (pbx, stack, sound) = open(&peers, "");
    let _operator = Phone::operator(pbx.sip, &operators_words());

    // Silence suppression, in each form: twice as long as the application's 2 s, then a key.
    let callers = FORMS.map(|number| WirePhone::dial(pbx.sip, number, &Dialling::default()));
    for phone in &callers {
        hears_the_greeting(phone);
        phone.send(Sends::Nothing);
    }
    let before = callers.each_ref().map(|phone| phone.packets().len());
    pause(4000);
    for ((number, phone), before) in FORMS.iter().zip(&callers).zip(before) {
        assert!(!phone.is_closed(), "{number}: a silent caller was cut off: {}", pbx.said());
        let came = phone.packets().len() - before;
        assert!(came > 150, "{number}: expected the agent's frames to go on, found {came} in 4 s");
        phone.press('0');
    }
    all_get_the_operator(&pbx, callers);

    // Hold: as long.
    let line = wav::read(&manifest().join("samples/lines/ru_operator.wav")).expect("a sample line");
    let asks = Arc::new(encoded(&[at_telephone(&line.samples, line.rate.0), vec![0; 400_000]].concat()));
    let holding = FORMS.map(|number| {
        WirePhone::dial(
            pbx.sip,
            number,
            &Dialling { sends: Sends::Nothing, sound: asks.clone(), ..Dialling::default() },
        )
    });
    for phone in &holding {
        hears_the_greeting(phone);
        phone.hold(true);
    }
    pause(4000);
    for (number, phone) in FORMS.iter().zip(&holding) {
        assert!(!phone.is_closed(), "{number}: a caller who holds was cut off: {}", pbx.said());
        // What is said first when the line is back is heard.
        phone.hold(false);
    }
    all_get_the_operator(&pbx, holding);
    nothing_is_left(&pbx, &stack, sound);
}

/// A call whose words must arrive, both ways.
struct Carried {
    from: &'static str,
    ptime_ms: u32,
    number: String,
    hz: u32,
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_may_use_any_packet_time_and_asterisk_any_rate() {
    let peers = peers::ready();
    let (pbx, stack, sound) = open(&peers, "");
    let of_packets = PACKET_TIMES.map(|(from, ptime_ms)| Carried {
        from,
        ptime_ms,
        number: format!("6{}", ptime_ms / 10),
        hz: 8000,
    });
    let of_rates = OTHER_RATES.map(|(_, number, hz)| Carried {
        from: TRUNK,
        ptime_ms: 20,
        number: number.to_owned(),
        hz,
    });
    let cases: Vec<_> = of_packets.into_iter().chain(of_rates).collect();
    let line = wav::read(&manifest().join("samples/lines/ru_hello.wav")).expect("a sample line");
    let said = at_telephone(&line.samples, line.rate.0);
    // Two seconds of silence first, of which half a second is sent at once: the server answers in the rate that comes.
    let voice = Arc::new(encoded(&[vec![0; 16_000], said.clone(), vec![0; 400_000]].concat()));
    // Two at once: 192 kHz is much for a debug build.
    side_by_side(2, &cases, |Carried { from, ptime_ms, number, hz }| {
        let dialling = Dialling { from, ptime_ms: *ptime_ms, sends: Sends::Sound, sound: voice.clone() };
        let phone = WirePhone::dial(pbx.sip, number, &dialling);
        pause(500);
        phone.send(Sends::Nothing);
        hears_the_greeting(&phone);
        // The rest of the silence, and the words: what is heard after them is the answer.
        let out = phone.heard().len() + 12_000 + said.len();
        phone.send(Sends::Sound);
        until("an answer to its end", || {
            let heard = phone.heard();
            let new = heard.get(out..).unwrap_or_default();
            utterances(new).last().is_some_and(|(at, length)| new.len() >= at + length + 6400)
        });
        let heard = phone.heard();
        phone.hang_up();
        phone.ends();
        let mut tape = None;
        until("the call's tape", || {
            tape = stack.tapes().into_iter().find(|tape| tape.caller()["dialled"] == number.as_str());
            tape.is_some()
        });
        let tape = tape.expect("found");
        let played = tape.played();
        let report = either(&played, |played| compare(played, &heard, 16_000));
        let to_server = as_heard(&said, &tape.heard());
        println!(
            "{ptime_ms} ms, {} Hz: server heard {:.3}, caller heard {:.3}",
            played.rate.0,
            to_server.worst(),
            report.worst()
        );
        // Asterisk's resampler and ours, one after the other, ring at a word's edge.
        let to_caller = report.faults.is_empty() || *hz > 8000 && report.worst() > 0.97;
        let whole = to_caller && to_server.worst() > 0.97;
        let both = !report.utterances.is_empty() && !to_server.utterances.is_empty();
        if whole && both && played.rate.0 == *hz {
            Ok(())
        } else {
            Err(format!(
                "{ptime_ms} ms, {hz} Hz, found {} Hz: caller: {report:?}; server: {to_server:?}",
                played.rate.0
            ))
        }
    });
    nothing_is_left(&pbx, &stack, sound);
}

/// Pseudo-random, and the same in each run: Numerical Recipes' generator.
fn chance(n: u32) -> u32 {
    n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) >> 8
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn quick_hang_ups_leave_nothing_behind_and_neither_does_a_pbx_that_dies() {
    let peers = peers::ready();
    let (pbx, mut stack, sound) = open(&peers, "");
    let cases: Vec<u32> = (0..120).collect();
    let begun = Instant::now();
    side_by_side(12, &cases, |n| {
        let number = FORMS[*n as usize % 3];
        let phone = WirePhone::start(pbx.sip, number, &Dialling::default());
        // Before the answer, while the legs are joined, in the first word.
        pause(u64::from(chance(*n) % 500));
        phone.hang_up();
        phone.ends();
        Ok(())
    });
    println!("{} calls placed and dropped in {:.1} s", cases.len(), begun.elapsed().as_secs_f64());
    nothing_is_left(&pbx, &stack, sound);
    let fresh = FORMS.map(|number| WirePhone::dial(pbx.sip, number, &Dialling::default()));
    fresh.iter().for_each(hears_the_greeting);

    // A dialplan that names no codec: nobody is understood, so it must be told.
    let voice = Arc::new(encoded(&words(7, 5)));
    let nonsense = WirePhone::dial(pbx.sip, "53", &Dialling { sound: voice, ..Dialling::default() });
    let told = stack.voice.as_mut().expect("a running server").says("c(slin)");
    assert!(told.contains("WARN"), "{told}");
    nonsense.hang_up();

    // Asterisk is killed: no caller is left to be told, but the server must see it.
    drop(pbx);
    until("no live call in the server", || stack.live().is_empty());
    until("no half-closed socket", || half_closed(sound.port()) == 0);
    assert!(stack.is_ready(), "the server goes on");
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_server_that_goes_away_finishes_its_calls_and_everybody_else_gets_a_person() {
    let peers = peers::ready();
    let (pbx, mut stack, _) = open(&peers, "drain_s = 15");
    let _operator = Phone::operator(pbx.sip, &operators_words());
    let served = FORMS.map(|number| WirePhone::dial(pbx.sip, number, &Dialling::default()));
    served.iter().for_each(hears_the_greeting);
    let voice = stack.voice.as_mut().expect("a running server");
    let told = Instant::now();
    voice.signal(Signal::SIGTERM);
    voice.says("orderline: stopping");
    // The server's port is closed now: who calls never reaches it.
    let late = WirePhone::dial(pbx.sip, "50", &Dialling::default());

    all_get_the_operator(&pbx, served.into_iter().chain([late]));
    let ended = stack.voice.as_mut().expect("a running server").ended();
    println!("the server had ended {:.1} s after SIGTERM", told.elapsed().as_secs_f64());
    assert!(ended.success(), "{ended}");
    until("no channel in Asterisk", || pbx.console("core show channels").contains("0 active channels"));
}
