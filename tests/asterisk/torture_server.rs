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
use super::pbx::{ARI_PASSWORD, Extra, Pbx, Plan, free_port};
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

fn open<'a>(peers: &'a Peers, more: &str) -> (Pbx<'a>, Stack, SocketAddr) {
    let (sound, http) = (free_port(), free_port());
    let extra = Extra { dialplan: NUMBERS.to_owned(), endpoints: packet_time_endpoints() };
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

fn at_telephone(sound: &wav::Sound) -> Vec<i16> {
    Streaming::new(sound.rate.0, 8000).expect("usual rates").push(&sound.samples)
}

/// How the words are in what the server says it heard, which is at its own rate. Its resampler may delay them by half a
/// sample of the telephone's, which alone makes them less alike: hence from either sample, whichever is nearer.
fn as_heard(words: &[i16], heard: &wav::Sound) -> Report {
    let reports = [0, 1].map(|skipped| {
        let mut down = Streaming::new(heard.rate.0, 8000).expect("usual rates");
        let arrived = down.push(&heard.samples[skipped..]);
        // They are the only sound there: they need not be looked for everywhere.
        let begin = utterances(&arrived).first().map_or(0, |(at, _)| at.saturating_sub(2000));
        compare(words, &arrived[begin..], 4000)
    });
    let [a, b] = reports;
    if a.utterances.is_empty() || b.worst() > a.worst() && !b.utterances.is_empty() { b } else { a }
}

/// One person serves them all, one after the other; nobody is cut off before.
fn all_get_the_operator(pbx: &Pbx<'_>, callers: impl IntoIterator<Item = WirePhone>) {
    let begun = Instant::now();
    let wanted = operators_words();
    let mut waiting: Vec<_> = callers.into_iter().map(|phone| (phone, 0)).collect();
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
        waiting.is_empty()
    });
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
fn a_caller_may_fall_silent_hold_and_use_any_packet_time() {
    let Some(peers) = peers::ready() else { return };
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
    let asks = Arc::new(encoded(&[at_telephone(&line), vec![0; 400_000]].concat()));
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

    // Packets of 10 to 60 ms.
    let line = wav::read(&manifest().join("samples/lines/ru_hello.wav")).expect("a sample line");
    let said = at_telephone(&line);
    let voice = Arc::new(encoded(&[said.clone(), vec![0; 400_000]].concat()));
    side_by_side(4, &PACKET_TIMES, |(from, ptime_ms)| {
        let dialling = Dialling { from, ptime_ms: *ptime_ms, sends: Sends::Nothing, sound: voice.clone() };
        let number = format!("6{}", ptime_ms / 10);
        let phone = WirePhone::dial(pbx.sip, &number, &dialling);
        hears_the_greeting(&phone);
        let greeted = phone.heard().len();
        phone.send(Sends::Sound);
        until("the line's end and an answer", || {
            let heard = phone.heard();
            let new = heard.get(greeted..).unwrap_or_default();
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
        let report = compare(&at_telephone(&tape.played()), &heard, 16_000);
        let to_caller = report.faults.is_empty();
        let to_server = as_heard(&said, &tape.heard());
        println!("{ptime_ms} ms: server heard {:.3}, caller heard {:.3}", to_server.worst(), report.worst());
        if to_caller && to_server.worst() > 0.97 && !to_server.utterances.is_empty() {
            Ok(())
        } else {
            Err(format!("{ptime_ms} ms: caller: {:?}; server: {to_server:?}", report.faults))
        }
    });
    nothing_is_left(&pbx, &stack, sound);
}

/// Pseudo-random, and the same in each run: Numerical Recipes' generator.
fn chance(n: u32) -> u32 {
    n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) >> 8
}

#[test]
fn quick_hang_ups_leave_nothing_behind_and_neither_does_a_pbx_that_dies() {
    let Some(peers) = peers::ready() else { return };
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
fn a_server_that_goes_away_finishes_its_calls_and_everybody_else_gets_a_person() {
    let Some(peers) = peers::ready() else { return };
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
