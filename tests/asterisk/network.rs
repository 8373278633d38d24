//! The telephone network without Orderline's voice server: does the shipped configuration carry sound whole, does it say
//! who calls, does it keep the caller whatever happens to the server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use orderline::ari::{Ari, AriError, Settings};
use orderline::audio::Rate;
use orderline::audio::resample::Streaming;
use orderline::call::Identify;
use orderline::ids::{CallId, PhoneNumber, PresentedNumber};
use orderline::language::Language;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::agent::{Agent, Ending, Event};
use super::child::PATIENCE;
use super::compare::{compare, contains, words};
use super::pbx::{Pbx, Plan, free_port};
use super::peers;
use super::phone::{self, Phone};

const CALLER: &str = "+375291234567";

fn began(agent: &Agent) -> Uuid {
    match agent.events.recv_timeout(PATIENCE) {
        Ok(Event::Began(uuid)) => uuid,
        other => panic!("expected the call's UUID, found {other:?}"),
    }
}

fn ended(agent: &Agent) -> (u8, Vec<i16>) {
    match agent.events.recv_timeout(PATIENCE) {
        Ok(Event::Ended { kind, heard }) => (kind, heard),
        other => panic!("expected the call's end, found {other:?}"),
    }
}

fn resampled(samples: &[i16], from: Rate, to: Rate) -> Vec<i16> {
    let mut filter = Streaming::new(from.0, to.0).expect("usual rates");
    let mut out = filter.push(samples);
    out.extend(filter.finish());
    out
}

/// Both directions whole, over one of the ways that a call may take.
fn carries_both_directions_whole(plan: Plan, kind: u8, rate: Rate) {
    let peers = peers::ready();
    let (spoken, answered) = (words(11, 8), words(23, 6));
    // What is said while Asterisk still joins the two legs (some 40 ms) is lost: hence half a second of silence first.
    let spoken = [vec![0; 4000], spoken].concat();
    let agent = Agent::start(kind, resampled(&spoken, Rate::HZ_8000, rate), Ending::Stays);
    let pbx = Pbx::start(&peers, agent.address, free_port(), plan);
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    began(&agent);
    caller.hears("that the line is through", |heard| heard.len() > 2000);
    caller.say(&answered, phone::RATE);
    let heard = caller
        .hears("the agent's words and the silence after them", |heard| heard.len() > spoken.len() + 8000);
    caller.hang_up();
    let (heard_kind, agent_heard) = ended(&agent);
    assert_eq!(heard_kind, kind);
    let report = compare(&spoken, &heard, 16_000);
    println!("caller heard: worst {:.3}, drift {:.2} ms", report.worst(), report.drift_ms());
    assert_eq!(report.faults, Vec::<String>::new(), "agent to caller");
    let report = compare(&caller.said(), &resampled(&agent_heard, rate, Rate::HZ_8000), 16_000);
    println!("agent heard:  worst {:.3}, drift {:.2} ms", report.worst(), report.drift_ms());
    assert_eq!(report.faults, Vec::<String>::new(), "caller to agent");
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_call_carries_both_directions_whole() {
    carries_both_directions_whole(Plan::default(), 0x10, Rate::HZ_8000);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_wideband_call_carries_both_directions_whole() {
    carries_both_directions_whole(Plan { codec: "slin16", ..Plan::default() }, 0x12, Rate::HZ_16000);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_applications_form_carries_both_directions_whole() {
    carries_both_directions_whole(Plan { context: "orderline-app", ..Plan::default() }, 0x10, Rate::HZ_8000);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn ari_tells_who_calls_whom_and_in_which_language() {
    let peers = peers::ready();
    let agent = Agent::start(0x10, words(5, 1), Ending::Stays);
    let pbx = Pbx::start(&peers, agent.address, free_port(), Plan::default());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let plain = Ari::new(pbx.ari_settings()).expect("good settings");
        println!("ARI of Asterisk {}", plain.check().await.expect("the right password").0);
        let wrong = Ari::new(Settings { password: Some("wrong".into()), ..pbx.ari_settings() })
            .expect("good settings");
        assert!(matches!(wrong.check().await, Err(AriError::Refused { .. })));

        let streaming = Ari::new(pbx.ari_settings()).expect("good settings");
        let cancel = CancellationToken::new();
        let stream = tokio::spawn(streaming.clone().run(cancel.clone()));
        let stranger = CallId(Uuid::new_v4());
        let unknown = streaming.caller_of(stranger, Duration::from_millis(300)).await;
        assert!(matches!(unknown, Err(AriError::NoSuchChannel)), "{unknown:?}");

        let caller = Phone::caller(CALLER);
        caller.dial("200", pbx.sip);
        let call = CallId(began(&agent));
        for (way, ari) in [("event stream", &streaming), ("listing", &plain)] {
            let asked_at = Instant::now();
            let identity = ari.caller_of(call, Duration::from_secs(5)).await.expect("a known call");
            println!("caller known by {way} after {:.2} ms", asked_at.elapsed().as_secs_f64() * 1000.0);
            assert_eq!(identity.number.number().map(PhoneNumber::e164), Some(CALLER));
            assert_eq!(identity.dialled.as_deref(), Some("200"));
            assert_eq!(identity.language, Some(Language::English));
        }
        for ari in [&streaming, &plain] {
            // What [call] registration_required asks.
            assert!(ari.vouch_for(call).await.is_some(), "a call of Asterisk's");
            assert_eq!(ari.vouch_for(stranger).await, None, "a UUID of nobody's");
        }
        let channel = streaming.channel_of(call).expect("the caller's channel");
        assert_eq!(streaming.variable(&channel, "CALL_LANG").await.expect("readable").as_deref(), Some("en"));
        let writing = streaming.set_variable(&channel, "X", "1").await;
        assert!(
            matches!(writing, Err(AriError::ReadOnly { .. })),
            "the shipped user only reads: {writing:?}"
        );
        caller.hang_up();
        ended(&agent);
        // Asterisk's event of the channel's end follows the end of the sound.
        while streaming.channel_of(call).is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }

        let hidden = Phone::caller("anonymous");
        hidden.dial("100", pbx.sip);
        let identity =
            streaming.caller_of(CallId(began(&agent)), Duration::from_secs(5)).await.expect("a known call");
        assert_eq!(identity.number, PresentedNumber::Withheld);
        hidden.hang_up();
        ended(&agent);
        cancel.cancel();
        stream.await.expect("no panic");
    });
}

/// The operator's telephone says this, so that the caller's recording tells who was reached.
pub(crate) fn operators_words() -> Vec<i16> {
    words(99, 4)
}

pub(crate) fn hears_the_operator(caller: &Phone) {
    let wanted = operators_words();
    let mut looked_at = 0;
    caller.hears("the operator", |heard| {
        let new = heard.get(looked_at..).unwrap_or_default();
        // A quarter of a second is looked at again: it may hold the beginning of what is looked for.
        looked_at = heard.len().saturating_sub(2000);
        contains(new, &wanted)
    });
}

fn ends_at_the_operator(sound: SocketAddr, plan: Plan) {
    let peers = peers::ready();
    let pbx = Pbx::start(&peers, sound, free_port(), plan);
    let _operator = Phone::operator(pbx.sip, &operators_words());
    let caller = Phone::caller(CALLER);
    caller.dial("100", pbx.sip);
    hears_the_operator(&caller);
    assert!(!caller.is_closed(), "{}", pbx.said());
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_reaches_a_person_when_no_server_runs() {
    ends_at_the_operator(free_port(), Plan::default());
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_reaches_a_person_when_no_server_runs_in_the_applications_form() {
    ends_at_the_operator(free_port(), Plan { context: "orderline-app", ..Plan::default() });
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_reaches_a_person_when_the_server_breaks_off() {
    let agent = Agent::start(0x10, words(3, 2), Ending::Breaks);
    ends_at_the_operator(agent.address, Plan::default());
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_reaches_a_person_when_the_server_breaks_off_in_the_applications_form() {
    let agent = Agent::start(0x10, words(3, 2), Ending::Breaks);
    ends_at_the_operator(agent.address, Plan { context: "orderline-app", ..Plan::default() });
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn a_caller_reaches_a_person_when_the_agent_leaves_without_a_word_to_the_dialplan() {
    let agent = Agent::start(0x10, words(3, 2), Ending::Leaves);
    ends_at_the_operator(agent.address, Plan::default());
}
