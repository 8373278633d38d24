//! What Asterisk makes of a voice server that misbehaves, and what the caller lives through.
//!
//! # The torture suite
//!
//! Each row was read from Asterisk's source or seen once, and is held here against a real Asterisk. A, T and D are the forms
//! `AudioSocket()`, `TryExec(AudioSocket())` and `Dial(AudioSocket/…/c(slin),,g)`; "a person" is whatever the dialplan
//! reaches next.
//!
//! What a server may never do, and why (a scripted server and a scripted caller):
//!
//! | the server | what the caller lives through (Asterisk 22.10.1) | test |
//! | --- | --- | --- |
//! | is not there | A: cut off. T, D: a person | `what_ends_the_agents_leg…` |
//! | sends 0x00, closes, ends its own direction only | a person; D without `g`: cut off | same |
//! | resets, or closes with sound unread, or in a payload | A: cut off. T, D: a person | same |
//! | sends another kind than sound, an empty frame, or a payload 60 ms after its header | A: cut off. T, D: a person | same |
//! | tears a header by 60 ms; changes the rate; sends 10 ms, 200 ms, 321 bytes, 65,534 bytes, a second at once | the call goes on | same |
//! | says nothing, the caller neither | A: cut off after 2 s. T: a person. D: silence | same |
//! | says nothing, the caller speaks or sends comfort noise | the call goes on, and the caller is heard | same, `a_server_that_says_nothing…` |
//! | stops within a header | silence for ever; the channel stays after hanging up, until the server closes | `a_server_that_stops_within_a_header…` |
//! | stops reading | a person, once the buffers are full | `a_server_that_stops_reading…` |
//! | leaves two frames out | a short gap; RTP's timestamps go on | `nobody_paces…` |
//! | pauses for 300 ms | a gap; RTP's timestamps jump, with the marker | same |
//! | catches up at once after a pause | what was late comes on top: the delay grows and stays | same |
//! | sends two seconds at once | all of it at once: the jitter buffer overflows | same |
//! | sends 200 ms at once | one RTP packet of 1600 bytes, in two fragments | same |
//! | sends frames of 10, 30 or 60 ms, or of another rate | every word | `a_frame_may_have_any_length…` |
//! | sends frames of 2 s | none of it | same |
//! | sends faster than real time into a conference | most of it is thrown away | `a_conference_throws_away…` |
//!
//! What callers do:
//!
//! | the caller | what happens | test |
//! | --- | --- | --- |
//! | uses packets of 10 to 60 ms | frames of that length and as far apart in the median, in every form and rate | `the_callers_packet_time_is…`, `a_caller_may_use…` |
//! | comes over a leg of 12 to 192 kHz | is heard and spoken to at that rate, every word | `a_caller_may_use…` |
//! | comes over a Dial without codec | A-law under the label of linear sound; Orderline says so in its log | same, `quick_hang_ups…` |
//! | sends comfort noise, presses keys, hangs up | no frame; kind 0x03; the connection just ends | `a_silent_caller…` |
//! | suppresses silence for 4 s, holds for 4 s | the agent stays, and hears what comes after | `a_caller_may_fall_silent…` |
//! | hangs up within 500 ms, 120 times | no channel, no call, no half-closed socket is left; the next call is served | `quick_hang_ups…` |
//!
//! What becomes of calls when somebody dies:
//!
//! | who | what the caller lives through | test |
//! | --- | --- | --- |
//! | Asterisk, killed | cut off; the server sees it and has no call left | `quick_hang_ups…` |
//! | the server, told to stop | is handed to a person; who calls later gets one at once | `a_server_that_goes_away…` |
//! | the server, killed in a word | a person | `order.rs` |
//!
//! What the dialplan and ARI are told (`torture_told.rs`):
//!
//! | the server | D: DIALSTATUS, HANGUPCAUSE | T: TRYSTATUS | `Dial(Local/…/n,,g)` around A |
//! | --- | --- | --- | --- |
//! | is not there | CHANUNAVAIL, 38; another call that begins at that moment may be cut off | FAILED; the same | a person, or silence for ever: use D |
//! | sends 0x00, closes | ANSWER, 16 | SUCCESS | a person |
//! | resets | ANSWER, 16: as if it had said goodbye | FAILED | a person |
//!
//! Not held here, and why. That a server deaf to the application (A) loses the leg too: 8 kHz needs minutes to fill the buffers
//! between the two, and the code is the same. That Asterisk answers 422 to a channel joined before its StasisStart: whether it
//! is too early is a race, which Orderline's machine never enters (`src/ari/stasis/call/tests.rs`). The rows of other releases:
//! there is one Asterisk here, and the doctor names them by its version (`src/doctor/about_version.rs`). That bursts and holes
//! of 100 ms come from Asterisk's own clock: they cannot be ordered; `orderline load --bursts` makes them (`tests/load.rs`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::agent::{Agent, Ending};
use super::child::PATIENCE;
use super::pbx::{Extra, Pbx, Plan, free_port};
use super::peers;
use super::rogue::{Leg, Rogue, message};
use super::wire::{Dialling, Sends, WirePhone};

/// How the dialplan reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `AudioSocket(…)`.
    Application,
    /// `TryExec(AudioSocket(…))`.
    Tried,
    /// `Dial(AudioSocket/…/c(slin),,g)`.
    Dialled,
}

/// What the caller lives through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The call is over.
    CutOff,
    /// The dialplan goes on, and somebody else speaks.
    Person,
    /// Nothing: the agent's leg goes on.
    Kept,
}

use End::{CutOff, Kept, Person};
use Form::{Application, Dialled, Tried};

/// A misbehaviour, and what it leads to in the three forms.
struct Row {
    what: &'static str,
    caller: Sends,
    /// Gives back the leg if it is to stay open.
    does: fn(Leg) -> Option<Leg>,
    lives: [End; 3],
}

const fn row(what: &'static str, does: fn(Leg) -> Option<Leg>, lives: [End; 3]) -> Row {
    Row { what, caller: Sends::Sound, does, lives }
}

/// Lets time pass that belongs to what is tested: how long a peer says nothing.
pub(crate) fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Waits until this holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "expected {what}");
        pause(20);
    }
}

/// Does this with all of them, so many at once, and tells all that went wrong.
pub(crate) fn side_by_side<T: Sync>(
    at_once: usize,
    cases: &[T],
    does: impl Fn(&T) -> Result<(), String> + Sync,
) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(does(case).err());
        }
        wrong
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// 20 ms of silence at 8 kHz.
const SILENT: [u8; 320] = [0; 320];

const ALL_GO_ON: [End; 3] = [Person, Person, Person];
const APPLICATION_CUTS: [End; 3] = [CutOff, Person, Person];
const ALL_STAY: [End; 3] = [Kept, Kept, Kept];

fn with(leg: Leg, does: impl FnOnce(&Leg)) -> Option<Leg> {
    leg.behave();
    does(&leg);
    leg.behave();
    Some(leg)
}

const ROWS: &[Row] = &[
    row("hangs up with the message", |leg| with(leg, |leg| leg.bytes(&[0, 0, 0])), ALL_GO_ON),
    Row {
        // Of a caller who says nothing, so that nothing is on its way to a closed socket: that too makes a reset.
        what: "closes without it",
        caller: Sends::Nothing,
        does: |leg| with(leg, |_| ()).and(None),
        lives: ALL_GO_ON,
    },
    // The kernel makes a reset of it (RFC 1122 4.2.2.13).
    row("closes and leaves sound unread", |leg| with(leg, |_| ()).and(None), APPLICATION_CUTS),
    row(
        "ends its own direction only",
        |leg| {
            leg.behave();
            leg.half_close();
            leg.rest();
            Some(leg)
        },
        ALL_GO_ON,
    ),
    row(
        "resets",
        |leg| {
            leg.behave();
            leg.reset();
            None
        },
        APPLICATION_CUTS,
    ),
    row(
        "tears a header by 60 ms",
        |leg| {
            with(leg, |leg| {
                let frame = message(0x10, &SILENT);
                leg.bytes(&frame[..1]);
                pause(60);
                leg.bytes(&frame[1..]);
            })
        },
        ALL_STAY,
    ),
    row(
        "sends the payload 60 ms after the header",
        |leg| {
            with(leg, |leg| {
                let frame = message(0x10, &SILENT);
                leg.bytes(&frame[..3]);
                pause(60);
                leg.bytes(&frame[3..]);
            })
        },
        APPLICATION_CUTS,
    ),
    row("sends an empty frame", |leg| with(leg, |leg| leg.message(0x10, &[])), APPLICATION_CUTS),
    row("sends a key", |leg| with(leg, |leg| leg.message(3, b"1")), APPLICATION_CUTS),
    row("sends a UUID", |leg| with(leg, |leg| leg.message(1, leg.uuid.as_bytes())), APPLICATION_CUTS),
    row("sends an error", |leg| with(leg, |leg| leg.message(0xff, &[1])), APPLICATION_CUTS),
    row(
        "sends a kind that nobody knows",
        |leg| with(leg, |leg| leg.message(0x20, &SILENT)),
        APPLICATION_CUTS,
    ),
    row("sends the old silence", |leg| with(leg, |leg| leg.message(2, &[])), APPLICATION_CUTS),
    row("sends half a sample too much", |leg| with(leg, |leg| leg.message(0x10, &[0; 321])), ALL_STAY),
    row("sends 10 ms", |leg| with(leg, |leg| leg.message(0x10, &[0; 160])), ALL_STAY),
    row("sends 200 ms", |leg| with(leg, |leg| leg.message(0x10, &[0; 3200])), ALL_STAY),
    row("sends 4 s in one frame", |leg| with(leg, |leg| leg.message(0x10, &[0; 65_534])), ALL_STAY),
    row(
        "sends a second at once",
        |leg| with(leg, |leg| leg.bytes(&message(0x10, &SILENT).repeat(50))),
        ALL_STAY,
    ),
    row("changes the rate", |leg| with(leg, |leg| leg.message(0x12, &[0; 640])), ALL_STAY),
    Row {
        what: "closes in a header",
        caller: Sends::Nothing,
        does: |leg| {
            leg.behave();
            leg.bytes(&[0x10]);
            None
        },
        lives: ALL_GO_ON,
    },
    row(
        "closes in a payload",
        |leg| {
            leg.behave();
            leg.bytes(&[0x10, 1, 0x40, 0, 0]);
            None
        },
        APPLICATION_CUTS,
    ),
    Row {
        what: "says nothing, to a caller who says nothing",
        caller: Sends::Nothing,
        does: |leg| {
            pause(3500);
            Some(leg)
        },
        lives: [CutOff, Person, Kept],
    },
    Row {
        what: "says nothing, to a caller of whom comfort noise comes",
        caller: Sends::ComfortNoise,
        does: |leg| {
            pause(3500);
            Some(leg)
        },
        lives: [Kept, Kept, Kept],
    },
    row(
        "says nothing, to a caller who speaks",
        |leg| {
            pause(3500);
            Some(leg)
        },
        ALL_STAY,
    ),
];

/// The dialplan's extension, and who it reaches.
struct Case<'a> {
    row: &'a Row,
    form: Form,
    extension: String,
    rogue: Rogue,
}

/// An extension that reaches the server in this form, and a person after it.
pub(crate) fn extension(name: &str, form: Form, server: std::net::SocketAddr) -> String {
    let agent = match form {
        Application => format!("AudioSocket(${{CALL_UUID}},{server})"),
        Tried => format!("TryExec(AudioSocket(${{CALL_UUID}},{server}))"),
        Dialled => format!("Dial(AudioSocket/{server}/${{CALL_UUID}}/c(slin),,g)"),
    };
    format!(
        "exten => {name},1,Answer()\n same => n,Set(CALL_UUID=${{UUID()}})\n same => n,{agent}\n \
         same => n,Goto(torture-person,s,1)\n"
    )
}

/// The person: somebody whose sound is not silence.
pub(crate) fn person() -> (Agent, String) {
    let tone: Vec<i16> = (0..8000 * 60).map(|n| if n % 8 < 4 { 8000 } else { -8000 }).collect();
    let agent = Agent::start(0x10, tone, Ending::Stays);
    let dialplan = format!(
        "\n[torture-person]\nexten => s,1,Dial(AudioSocket/{}/${{CALL_UUID}}/c(slin),,g)\n same => n,Hangup()\n",
        agent.address
    );
    (agent, dialplan)
}

/// Whether the caller has heard a person for a fifth of a second.
pub(crate) fn hears_a_person(phone: &WirePhone) -> bool {
    phone.heard().iter().filter(|sample| sample.unsigned_abs() > 4000).count() > 1600
}

/// Waits for the end of the agent's part.
fn ends(phone: &WirePhone) -> End {
    until("a person, or the call's end", || hears_a_person(phone) || phone.is_closed());
    if hears_a_person(phone) { Person } else { CutOff }
}

fn lives_through(case: &Case<'_>, pbx: &Pbx<'_>) -> End {
    let dialling = Dialling { sends: case.row.caller, ..Dialling::default() };
    let phone = WirePhone::dial(pbx.sip, &case.extension, &dialling);
    let leg = case.rogue.leg();
    let still_open = (case.row.does)(leg);
    let done = Instant::now();
    let expected = case.row.lives[case.form as usize];
    loop {
        if hears_a_person(&phone) {
            return Person;
        }
        if phone.is_closed() {
            return CutOff;
        }
        let enough = if expected == Kept { Duration::from_millis(1500) } else { PATIENCE };
        if done.elapsed() > enough {
            drop(still_open);
            return Kept;
        }
        pause(20);
    }
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn what_ends_the_agents_leg_and_what_the_caller_lives_through_then() {
    let peers = peers::ready();
    let (_person, people) = person();
    let mut dialplan = String::from("\n[from-trunk]\n");
    let mut cases = Vec::new();
    for (n, row) in ROWS.iter().enumerate() {
        for form in [Application, Tried, Dialled] {
            let (rogue, name) = (Rogue::listen(), format!("{form:?}{n}"));
            dialplan += &extension(&name, form, rogue.address);
            cases.push(Case { row, form, extension: name, rogue });
        }
    }
    // Nobody there; and a Dial without g, which the agent leaves in good order.
    let (absent, leaving) = (free_port(), Rogue::listen());
    for form in [Application, Tried, Dialled] {
        dialplan += &extension(&format!("{form:?}absent"), form, absent);
    }
    dialplan += &extension("stops", Dialled, leaving.address).replace(",,g)", ")");
    let extra = Extra { dialplan: dialplan + &people, ..Extra::default() };
    let pbx = Pbx::start_with(&peers, free_port(), free_port(), Plan::default(), &extra);
    for (form, expected) in [(Application, CutOff), (Tried, Person), (Dialled, Person)] {
        let phone = WirePhone::dial(pbx.sip, &format!("{form:?}absent"), &Dialling::default());
        assert_eq!(ends(&phone), expected, "a server that is not there, {form:?}");
    }
    let phone = WirePhone::dial(pbx.sip, "stops", &Dialling::default());
    let leg = leaving.leg();
    leg.behave();
    leg.bytes(&[0, 0, 0]);
    assert_eq!(ends(&phone), CutOff, "a server that hangs up, Dial without g");
    // So many calls at once that the machine is not the thing that is tested.
    side_by_side(12, &cases, |case| {
        let (lived, expected) = (lives_through(case, &pbx), case.row.lives[case.form as usize]);
        let told = format!(
            "a server that {}, {:?}: expected {expected:?}, found {lived:?}",
            case.row.what, case.form
        );
        if lived == expected { Ok(()) } else { Err(told) }
    });
}
