//! What Asterisk makes of sound that comes wrong, in both directions, and of a peer that stops in the middle.
//!
//! Asserted is what the telephone's end of RTP shows; the table in `torture.rs` says what that means to the caller.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orderline::audio::Rate;
use orderline::audio::resample::Streaming;

use super::compare::{compare, words};
use super::pbx::{Extra, Pbx, Plan, TRUNK, endpoint, free_port};
use super::peers;
use super::rogue::{Heard, Leg, Rogue, bytes_of, message, samples_of};
use super::torture::Form::{self, Dialled, Tried};
use super::torture::{extension, hears_a_person, pause, person, side_by_side, until};
use super::wire::{Dialling, Packet, Sends, WirePhone, decoded, encoded};

/// A dialplan's extensions, and the servers that they reach.
#[derive(Default)]
struct Ways {
    dialplan: String,
    rogues: Vec<Rogue>,
}

impl Ways {
    fn form(&mut self, form: Form, name: &str) {
        let rogue = Rogue::listen();
        self.dialplan += &extension(name, form, rogue.address);
        self.rogues.push(rogue);
    }

    /// A Dial with this after the UUID.
    fn dial(&mut self, name: &str, rogue: Rogue, codec: &str) {
        self.dialplan += &dialled(name, rogue.address, codec);
        self.rogues.push(rogue);
    }

    fn open<'a>(&self, peers: &'a peers::Peers, more: &str, endpoints: String) -> Pbx<'a> {
        let dialplan = format!("\n[from-trunk]\n{}{more}", self.dialplan);
        let extra = Extra { dialplan, endpoints };
        Pbx::start_with(peers, free_port(), free_port(), Plan::default(), &extra)
    }
}

fn dialled(name: &str, server: SocketAddr, codec: &str) -> String {
    format!(
        "exten => {name},1,Answer()\n same => n,Set(CALL_UUID=${{UUID()}})\n \
         same => n,Dial(AudioSocket/{server}/${{CALL_UUID}}/{codec},,g)\n same => n,Goto(torture-person,s,1)\n"
    )
}

/// From one packet to the next: milliseconds of the clock, samples of the timestamp.
fn steps(packets: &[Packet]) -> Vec<(u128, i64)> {
    let pairs = packets.windows(2);
    pairs
        .map(|pair| {
            let clock = pair[1].at.duration_since(pair[0].at).as_millis();
            // Wrapping, and signed: a clock that goes back must show.
            (clock, i64::from(pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32))
        })
        .collect()
}

/// How far the timestamps have run ahead of the clock between the first packet and the last, in milliseconds.
fn ahead_ms(packets: &[Packet]) -> i64 {
    let (first, last) = (packets.first().expect("packets"), packets.last().expect("packets"));
    let clock = last.at.duration_since(first.at).as_millis() as i64;
    i64::from(last.timestamp.wrapping_sub(first.timestamp) as i32) / 8 - clock
}

/// How a server sends, and what must hold of the packets that the telephone gets.
type Pacing = (&'static str, fn(&Leg), fn(&[Packet]) -> Result<(), String>);

fn must(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

const PACINGS: &[Pacing] = &[
    (
        "leaves two frames out",
        |leg| {
            pause(40);
            leg.behave();
        },
        |packets| {
            // What the machine itself held up for longer than res_rtp_asterisk's 80 ms is another row's matter.
            let jumped = steps(packets).into_iter().find(|(clock, stamp)| *clock < 95 && *stamp != 160);
            must(jumped.is_none(), "the timestamps go on as if nothing were")
        },
    ),
    (
        "pauses for 300 ms",
        |leg| {
            pause(300);
            leg.behave();
        },
        |packets| {
            let jump = steps(packets).into_iter().max_by_key(|(_, stamp)| *stamp).expect("packets");
            must((2080..).contains(&jump.1), "the timestamps jump by the clock")?;
            must(packets.iter().skip(1).any(|packet| packet.marker), "the packet after the pause is marked")?;
            must(ahead_ms(packets).abs() < 150, "the timestamps keep to the clock")
        },
    ),
    (
        "pauses for 300 ms and then catches up at once",
        |leg| {
            pause(300);
            leg.bytes(&message(0x10, &[0; 320]).repeat(15));
            leg.behave();
        },
        |packets| {
            // The pause is in the timestamps, and all that was owed comes on top.
            must(ahead_ms(packets) > 200, "the caller's delay grows by what was caught up, and stays")
        },
    ),
    (
        "sends two seconds at once",
        |leg| {
            leg.bytes(&message(0x10, &[0; 320]).repeat(100));
            pause(100);
        },
        |packets| {
            must(packets.len() >= 110, "none is lost on the way")?;
            must(ahead_ms(packets) > 1500, "nothing paces: the telephone gets them as fast as they came")
        },
    ),
    (
        "sends frames of 200 ms",
        |leg| {
            leg.paced(0x10, &[0; 1600 * 4], 1600, 200);
            leg.behave();
        },
        // Read from source: a smoother cuts them into 20 ms. Seen: it does not, and on a network of 1500-byte packets each is
        // two fragments, of which the loss of either loses 200 ms.
        |packets| {
            let long = packets.iter().filter(|packet| packet.alaw.len() == 1600).count();
            must(long == 4, "each leaves as one RTP packet of 1600 bytes")
        },
    ),
];

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn nobody_paces_between_the_server_and_the_caller() {
    let peers = peers::ready();
    let mut ways = Ways::default();
    let mut cases = Vec::new();
    for pacing in PACINGS {
        for form in [Tried, Dialled] {
            let name = format!("{form:?}{}", cases.len());
            ways.form(form, &name);
            cases.push((pacing, form, name));
        }
    }
    let pbx = ways.open(&peers, "", String::new());
    let cases: Vec<_> = cases.iter().zip(&ways.rogues).collect();
    side_by_side(5, &cases, |(((what, does, holds), form, name), rogue)| {
        let phone = WirePhone::dial(pbx.sip, name, &Dialling::default());
        let leg = rogue.leg();
        let _heard = leg.listen();
        leg.behave();
        does(&leg);
        // What was sent last may still be on its way through Asterisk.
        pause(200);
        let packets = phone.packets();
        phone.hang_up();
        holds(&packets).map_err(|wrong| {
            format!("a server that {what}, {form:?}: expected that {wrong}; {:?}", steps(&packets))
        })
    });
}

/// What a server plays, how, and whether the caller hears it.
struct Frames {
    what: &'static str,
    kind: u8,
    samples: usize,
    ms: u64,
    arrives: bool,
}

const fn frames(what: &'static str, kind: u8, samples: usize, ms: u64, arrives: bool) -> Frames {
    Frames { what, kind, samples, ms, arrives }
}

const FRAMES: &[Frames] = &[
    frames("10 ms", 0x10, 80, 10, true),
    frames("30 ms", 0x10, 240, 30, true),
    frames("60 ms", 0x10, 480, 60, true),
    frames("20 ms at another rate than the leg's", 0x12, 320, 20, true),
    // translate.c: "Out of buffer space" (its buffer holds 8096 samples); the sound is gone.
    frames("2 s", 0x10, 16_000, 2000, false),
];

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_frame_may_have_any_length_but_the_longest_are_lost() {
    let peers = peers::ready();
    let mut ways = Ways::default();
    let mut cases = Vec::new();
    for frames in FRAMES {
        for form in [Tried, Dialled] {
            let name = format!("{form:?}{}", cases.len());
            ways.form(form, &name);
            cases.push((frames, form, name));
        }
    }
    let pbx = ways.open(&peers, "", String::new());
    let cases: Vec<_> = cases.iter().zip(&ways.rogues).collect();
    let mut spoken = words(5, 2);
    spoken.truncate(16_000);
    side_by_side(5, &cases, |((frames, form, name), rogue)| {
        let phone = WirePhone::dial(pbx.sip, name, &Dialling::default());
        let leg = rogue.leg();
        let _heard = leg.listen();
        leg.behave();
        let at_rate = if frames.kind == 0x12 { resampled(&spoken) } else { spoken.clone() };
        leg.paced(frames.kind, &at_rate, frames.samples, frames.ms);
        leg.behave();
        leg.behave();
        let heard = phone.heard();
        phone.hang_up();
        let faults = compare(&spoken, &heard, 12_000).faults;
        let sound = heard.iter().any(|sample| sample.unsigned_abs() > 500);
        let arrives = if frames.arrives { faults.is_empty() } else { !sound };
        let wanted = if frames.arrives { "every word" } else { "nothing" };
        must(
            arrives,
            &format!(
                "frames of {}, {form:?}: expected {wanted} at the caller's ear: {faults:?}",
                frames.what
            ),
        )
    });
}

fn resampled(samples: &[i16]) -> Vec<i16> {
    let mut filter = Streaming::new(8000, Rate::HZ_16000.0).expect("usual rates");
    let mut out = filter.push(samples);
    out.extend(filter.finish());
    out
}

/// The packet times that a caller's telephone may use, by the address that it comes from.
pub(crate) const PACKET_TIMES: [(&str, u32); 4] =
    [("127.0.0.110", 10), ("127.0.0.130", 30), ("127.0.0.140", 40), ("127.0.0.160", 60)];

/// An endpoint for each of [`PACKET_TIMES`].
pub(crate) fn packet_time_endpoints() -> String {
    PACKET_TIMES.map(|(address, ms)| endpoint(&format!("phone{ms}"), address, &format!("alaw:{ms}"))).concat()
}

/// Half of the frames are no further apart. Only the middle is Asterisk's word: it sends bursts and holes of 100 ms, by its
/// own clock and the machine's.
fn median_ms(heard: &[Heard]) -> u128 {
    let pairs = heard.windows(2);
    let mut apart: Vec<_> = pairs.map(|pair| pair[1].at.duration_since(pair[0].at).as_millis()).collect();
    apart.sort_unstable();
    apart.get(apart.len() / 2).copied().unwrap_or_default()
}

/// A leg that Asterisk makes: its extension, and the kind and the bytes of a millisecond of its frames.
const LEGS: [(&str, u8, usize); 4] =
    [("application", 0x10, 16), ("slin", 0x10, 16), ("slin16", 0x12, 32), ("nocodec", 0x10, 8)];

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_callers_packet_time_is_the_frames_and_a_leg_without_codec_carries_none_of_the_sound_it_claims() {
    let peers = peers::ready();
    let mut ways = Ways::default();
    let mut cases = Vec::new();
    for (address, ms) in PACKET_TIMES.into_iter().chain([(TRUNK, 20)]) {
        for (leg, kind, bytes_per_ms) in LEGS {
            let name = format!("{leg}{ms}");
            match leg {
                "application" => ways.form(Tried, &name),
                "nocodec" => ways.dial(&name, Rogue::listen(), ""),
                _ => ways.dial(&name, Rogue::listen(), &format!("c({leg})")),
            }
            cases.push((address, ms, kind, bytes_per_ms, name));
        }
    }
    let pbx = ways.open(&peers, "", packet_time_endpoints());
    let cases: Vec<_> = cases.iter().zip(&ways.rogues).collect();
    let spoken = words(7, 2);
    let sound = Arc::new(encoded(&[spoken.clone(), vec![0; 80_000]].concat()));
    side_by_side(8, &cases, |((from, ptime_ms, kind, bytes_per_ms, name), rogue)| {
        let dialling = Dialling { from, ptime_ms: *ptime_ms, sends: Sends::Nothing, sound: sound.clone() };
        let phone = WirePhone::dial(pbx.sip, name, &dialling);
        let leg = rogue.leg();
        let heard = leg.listen();
        leg.behave();
        phone.send(Sends::Sound);
        for _ in 0..6 {
            leg.behave();
        }
        phone.hang_up();
        let heard: Vec<Heard> = heard.iter().collect();
        let found: BTreeSet<_> = heard.iter().map(|message| (message.kind, message.payload.len())).collect();
        let length = *ptime_ms as usize * bytes_per_ms;
        must(
            found == BTreeSet::from([(*kind, length)]),
            &format!("{name}: expected frames of kind {kind:#x} and {length} bytes, found {found:x?}"),
        )?;
        let median = median_ms(&heard);
        must(
            median.abs_diff(u128::from(*ptime_ms)) <= 3,
            &format!("{name}: expected a frame every {ptime_ms} ms, found a median of {median}"),
        )?;
        let bytes: Vec<u8> = heard.into_iter().flat_map(|message| message.payload).collect();
        let samples = match *bytes_per_ms {
            // A-law under the name of linear sound: noise to whoever believes the name.
            8 => bytes.iter().map(|byte| decoded(*byte)).collect(),
            16 => samples_of(&bytes),
            _ => Streaming::new(Rate::HZ_16000.0, 8000).expect("usual rates").push(&samples_of(&bytes)),
        };
        let report = compare(&spoken, &samples, 12_000);
        // Up and down again, two resamplers ring at a word's edge.
        let whole = report.faults.is_empty() || *bytes_per_ms == 32 && report.worst() > 0.98;
        must(whole && report.utterances.len() >= 2, &format!("{name}: {report:?}"))
    });
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_silent_caller_sends_no_frame_but_every_key_and_leaves_without_a_word() {
    let peers = peers::ready();
    let mut ways = Ways::default();
    for form in [Tried, Dialled] {
        ways.form(form, &format!("{form:?}"));
    }
    let pbx = ways.open(&peers, "", String::new());
    let cases: Vec<_> = [Tried, Dialled].into_iter().zip(&ways.rogues).collect();
    side_by_side(2, &cases, |(form, rogue)| {
        // Comfort noise ends here: from 22.10 on it is dropped; before, it ended the call (asterisk pull 1890).
        let dialling = Dialling { sends: Sends::ComfortNoise, ..Dialling::default() };
        let phone = WirePhone::dial(pbx.sip, &format!("{form:?}"), &dialling);
        let leg = rogue.leg();
        let heard = leg.listen();
        leg.behave();
        let mut keys = Vec::new();
        for key in ['7', '*', '#'] {
            phone.press(key);
            let message = loop {
                leg.message(0x10, &[0; 320]);
                if let Ok(message) = heard.recv_timeout(Duration::from_millis(20)) {
                    break message;
                }
            };
            keys.push((message.kind, message.payload));
        }
        let expected = [(3, b"7".to_vec()), (3, b"*".to_vec()), (3, b"#".to_vec())];
        must(keys == expected, &format!("{form:?}: expected the keys and nothing else, found {keys:?}"))?;
        phone.send(Sends::Sound);
        leg.behave();
        phone.hang_up();
        // The connection's end is the only news of it.
        let last = heard.iter().last().map(|message| message.kind);
        must(last == Some(0x10), &format!("{form:?}: expected sound to the end, found {last:?}"))
    });
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_server_that_stops_reading_loses_the_leg_and_the_caller_gets_a_person() {
    let peers = peers::ready();
    let (_person, people) = person();
    let mut ways = Ways::default();
    // 384 kB a second, so that the buffers between the two are full in seconds.
    ways.dial("narrow", Rogue::narrow(), "c(slin192)");
    let pbx = ways.open(&peers, &people, String::new());
    let phone = WirePhone::dial(pbx.sip, "narrow", &Dialling::default());
    let leg = ways.rogues[0].leg();
    let begun = Instant::now();
    until("the person, or the call's end", || {
        leg.behave();
        hears_a_person(&phone) || phone.is_closed()
    });
    println!(
        "a server that stops reading 384 kB/s lost the leg after {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    assert!(hears_a_person(&phone), "{}", pbx.said());
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_server_that_stops_within_a_header_freezes_the_leg_until_it_closes() {
    let peers = peers::ready();
    let mut ways = Ways::default();
    for form in [Tried, Dialled] {
        ways.form(form, &format!("{form:?}"));
    }
    let pbx = ways.open(&peers, "", String::new());
    let cases: Vec<_> = [Tried, Dialled].into_iter().zip(&ways.rogues).collect();
    side_by_side(2, &cases, |(form, rogue)| {
        let phone = WirePhone::dial(pbx.sip, &format!("{form:?}"), &Dialling::default());
        let leg = rogue.leg();
        let heard = leg.listen();
        leg.behave();
        leg.bytes(&[0]);
        // What was under way may still come.
        pause(500);
        let _ = heard.try_iter().count();
        pause(1000);
        let after = heard.try_iter().count();
        must(
            after == 0,
            &format!("{form:?}: expected no sound of the caller any more, found {after} frames"),
        )?;
        phone.hang_up();
        phone.ends();
        pause(1000);
        let channels = pbx.console("core show channels concise");
        let frozen = channels.contains(&format!("!{form:?}!"));
        must(frozen, &format!("{form:?}: expected the dead call's channel to stay, found {channels:?}"))?;
        drop(leg.stream.shutdown(std::net::Shutdown::Both));
        until("the channel's end", || {
            !pbx.console("core show channels concise").contains(&format!("!{form:?}!"))
        });
        Ok(())
    });
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_server_that_says_nothing_still_hears_a_caller_who_speaks() {
    let peers = peers::ready();
    let mut ways = Ways::default();
    for form in [Tried, Dialled] {
        ways.form(form, &format!("{form:?}"));
    }
    let pbx = ways.open(&peers, "", String::new());
    let cases: Vec<_> = [Tried, Dialled].into_iter().zip(&ways.rogues).collect();
    side_by_side(2, &cases, |(form, rogue)| {
        let phone = WirePhone::dial(pbx.sip, &format!("{form:?}"), &Dialling::default());
        let heard = rogue.leg().listen();
        pause(3000);
        let count = heard.try_iter().count();
        phone.hang_up();
        // Read from source: the thread may wait in the header for ever and hold the channel's lock. Never seen here: the
        // read is only tried when there is something to read. It takes a spurious wake-up, so keep sending all the same.
        must(count > 100, &format!("{form:?}: expected the caller's sound, found {count} frames in 3 s"))
    });
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_conference_throws_away_what_comes_faster_than_real_time() {
    let peers = peers::ready();
    let mut ways = Ways::default();
    ways.dialplan += "exten => room,1,Answer()\n same => n,ConfBridge(1)\n";
    let pbx = ways.open(&peers, "", String::new());
    std::fs::write(pbx.configuration().join("confbridge.conf"), "[general]\n").expect("a writable folder");
    for module in ["app_confbridge.so", "res_clioriginate.so"] {
        let loaded = pbx.console(&format!("module load {module}"));
        assert!(loaded.contains("Loaded"), "{loaded}");
    }
    let rogue = Rogue::listen();
    let phone = WirePhone::dial(pbx.sip, "room", &Dialling::default());
    let target = format!("AudioSocket/{}/{}/c(slin)", rogue.address, uuid::Uuid::new_v4());
    let asked = pbx.console(&format!("channel originate {target} application ConfBridge 1"));
    let leg = rogue.leg();
    let _heard = leg.listen();
    for _ in 0..8 {
        leg.behave();
    }
    // As it should be, then all at once.
    let spoken = words(5, 2);
    let sound = |samples: &[i16]| samples.iter().filter(|sample| sample.unsigned_abs() > 500).count();
    let from = phone.heard().len();
    leg.paced(0x10, &spoken, 160, 20);
    leg.behave();
    let paced = phone.heard().len();
    leg.bytes(&spoken.chunks(160).flat_map(|frame| message(0x10, &bytes_of(frame))).collect::<Vec<_>>());
    for _ in 0..6 {
        leg.behave();
    }
    let heard = phone.heard();
    let (calm, rushed) = (sound(&heard[from..paced]), sound(&heard[paced..]));
    println!("of {} loud samples {calm} came paced, {rushed} at once", sound(&spoken));
    assert!(calm * 10 > sound(&spoken) * 9, "expected the paced words whole: {calm}; {asked}");
    assert!(rushed * 2 < calm, "expected most of it to be gone: {rushed} of {calm}");
}
