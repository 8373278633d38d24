//! Every order of events, without I/O.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::ari::stasis::Card;
use crate::ari::stasis::command::Place;
use crate::ids::PresentedNumber;

mod walks;

fn opening() -> Opening {
    let mut n = 0;
    Opening {
        names: Names { app: "orderline".into(), root: Uuid::from_u128(7) },
        settings: Settings::default(),
        transfer: Transfer::default(),
        host: "127.0.0.1:9092".into(),
        caller: ChannelId::new("1.1"),
        caller_name: "PJSIP/trunk-1".into(),
        is_up: false,
        identity: Identity { number: PresentedNumber::Withheld, dialled: None, language: None },
        back: None,
        wideband: true,
        new_uuid: Box::new(move || {
            n += 1;
            Uuid::from_u128(n)
        }),
    }
}

fn bridging() -> Opening {
    Opening { transfer: Transfer { way: Way::Bridge, ..Transfer::default() }, ..opening() }
}

fn media(n: u32) -> ChannelId {
    Names { app: "orderline".into(), root: Uuid::from_u128(7) }.media(n)
}

fn person(n: u32) -> ChannelId {
    Names { app: "orderline".into(), root: Uuid::from_u128(7) }.person(n)
}

fn card() -> Next {
    let variables =
        [("ORDERLINE_CALLER", "+375291234567"), ("ORDERLINE_ORDER", ""), ("ORDERLINE_SUMMARY", "шины")];
    Next::Transfer(Card {
        caller: Some("+375291234567".into()),
        summary: "шины".into(),
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
    })
}

/// Lets every command succeed; what they were, in short.
fn run(call: &mut Call, now: Instant) -> Vec<String> {
    let mut done = Vec::new();
    while let Some(command) = call.poll() {
        done.push(short(&command));
        let text = matches!(command, Command::AskCodec { .. }).then(|| "(alaw)".to_owned());
        call.handle(Input::Done(text), now);
    }
    done
}

fn short(command: &Command) -> String {
    match command {
        Command::Set { name, value, .. } => format!("{name}={value}"),
        Command::Join { channel, .. } | Command::HangUp { channel } => {
            let part = channel.as_str().split('-').nth(1).unwrap_or("caller").to_owned();
            format!("{} {part}", command.label())
        }
        Command::Ring { on, .. } => format!("ring {on}"),
        Command::OpenMedia { format, .. } => format!("media {format}"),
        Command::Continue { at, .. } => {
            format!("continue {}", at.as_ref().map_or("", |at| at.context.as_str()))
        }
        command => command.label().to_owned(),
    }
}

/// A call in which the agent and the caller talk.
fn talking(opening: Opening, now: Instant) -> Call {
    let mut call = Call::new(opening, now);
    run(&mut call, now);
    call.handle(Input::MediaStarted(media(0)), now);
    run(&mut call, now);
    assert_eq!(call.stage(), Stage::Talking);
    call
}

const UUID_1: &str = "00000000-0000-0000-0000-000000000001";

#[test]
fn a_caller_is_answered_announced_and_bridged_with_a_leg_of_their_own() {
    let now = Instant::now();
    let mut call = Call::new(opening(), now);
    assert_eq!(
        run(&mut call, now),
        [
            "answer",
            "TIMEOUT(absolute)=15",
            "bridge",
            "join caller",
            "codec",
            "announce",
            &format!("CALL_UUID={UUID_1}"),
            "media slin"
        ]
    );
    // The leg may be joined only once it is in the application itself: before that Asterisk answers 422.
    assert_eq!(call.stage(), Stage::Opening);
    call.handle(Input::MediaStarted(media(0)), now);
    assert_eq!(run(&mut call, now), ["join media"]);
    assert_eq!(call.stage(), Stage::Talking);
}

#[test]
fn a_wideband_codec_is_answered_with_16_khz_where_the_pbx_can() {
    let now = Instant::now();
    let format = |opening: Opening, codec: &str| {
        let mut call = Call::new(opening, now);
        let mut found = None;
        while let Some(command) = call.poll() {
            if let Command::OpenMedia { format, .. } = &command {
                found = Some(*format);
            }
            let text = matches!(command, Command::AskCodec { .. }).then(|| codec.to_owned());
            call.handle(Input::Done(text), now);
        }
        found.unwrap()
    };
    assert_eq!(format(opening(), "(g722)"), "slin16");
    assert_eq!(format(opening(), "(alaw|ulaw)"), "slin");
    assert_eq!(format(Opening { wideband: false, ..opening() }, "(g722)"), "slin");
    let fixed = Settings { format: Format::Slin16, ..Settings::default() };
    assert_eq!(format(Opening { settings: fixed, wideband: false, ..opening() }, "(alaw)"), "slin16");
}

#[test]
fn the_agents_goodbye_hangs_the_caller_up_and_takes_the_bridge_away() {
    let now = Instant::now();
    let mut call = talking(opening(), now);
    call.handle(Input::MediaEnded(media(0), Next::HangUp), now);
    assert_eq!(run(&mut call, now), ["hang_up caller", "destroy"]);
    assert_eq!(call.end(), Some(End::Agent));
}

#[test]
fn the_callers_goodbye_ends_the_leg_and_the_bridge() {
    let now = Instant::now();
    let mut call = talking(opening(), now);
    call.handle(Input::CallerLeft, now);
    assert_eq!(run(&mut call, now), ["hang_up media", "destroy"]);
    assert_eq!(call.end(), Some(End::Caller));
}

#[test]
fn an_agent_that_ends_without_a_word_leaves_the_caller_to_the_dialplan() {
    let now = Instant::now();
    let mut call = talking(opening(), now);
    call.handle(Input::MediaEnded(media(0), Next::Unknown), now);
    assert_eq!(run(&mut call, now), ["TIMEOUT(absolute)=0", "continue ", "destroy"]);
    assert_eq!(call.end(), Some(End::Released));
    assert!(call.why.is_some());
}

#[test]
fn the_dialplan_gets_the_caller_with_what_a_person_should_know() {
    let now = Instant::now();
    let mut call = talking(opening(), now);
    call.handle(Input::MediaEnded(media(0), card()), now);
    assert_eq!(
        run(&mut call, now),
        [
            "__ORDERLINE_CALLER=+375291234567",
            "__ORDERLINE_ORDER=",
            "__ORDERLINE_SUMMARY=шины",
            "TIMEOUT(absolute)=0",
            "continue orderline-operator",
            "destroy"
        ]
    );
    assert_eq!(call.end(), Some(End::Transferred));
}

#[test]
fn a_person_who_answers_is_joined_and_either_hang_up_ends_both() {
    let now = Instant::now();
    for person_first in [true, false] {
        let mut call = talking(bridging(), now);
        call.handle(Input::MediaEnded(media(0), card()), now);
        let mut rung = None;
        while let Some(command) = call.poll() {
            if let Command::Originate { caller, variables, .. } = &command {
                rung = Some((caller.clone(), variables.clone()));
            }
            call.handle(Input::Done(None), now);
        }
        let (caller_id, variables) = rung.unwrap();
        assert_eq!(caller_id, "\"шины\" <+375291234567>");
        let value = |name: &str| variables.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        assert_eq!(value("ORDERLINE_SUMMARY"), Some("шины"));
        assert_eq!(value("CALL_UUID"), Some(UUID_1));
        assert_eq!(value("PJSIP_HEADER(add,X-Orderline-Caller)"), Some("+375291234567"));
        assert_eq!(value("PJSIP_HEADER(add,X-Orderline-Order)"), None, "an empty header says nothing");
        let handler = format!("orderline-media-gone,person,1(PJSIP/trunk-1,{UUID_1})");
        assert_eq!(value("CHANNEL(hangup_handler_push)"), Some(handler.as_str()));
        call.handle(Input::PersonStarted(person(0)), now);
        // The two do not depend on us: no watchdog may part them.
        assert_eq!(run(&mut call, now), ["ring false", "join person", "TIMEOUT(absolute)=0"]);
        assert_eq!((call.stage(), call.deadline()), (Stage::Connected, None));
        if person_first {
            call.handle(Input::PersonEnded(person(0)), now);
            assert_eq!(run(&mut call, now), ["hang_up caller", "destroy"]);
        } else {
            call.handle(Input::CallerLeft, now);
            assert_eq!(run(&mut call, now), ["hang_up person", "destroy"]);
        }
        assert_eq!(call.end(), Some(End::Connected));
    }
}

#[test]
fn the_agent_takes_the_call_back_on_a_new_uuid_when_nobody_answers() {
    let now = Instant::now();
    let mut call = talking(bridging(), now);
    call.handle(Input::MediaEnded(media(0), card()), now);
    assert_eq!(run(&mut call, now), ["ring true", "originate"]);
    call.handle(Input::PersonEnded(person(0)), now);
    let mut announced = None;
    while let Some(command) = call.poll() {
        if let Command::Announce { call, back, .. } = &command {
            announced = Some((*call, *back));
        }
        call.handle(Input::Done(None), now);
    }
    let (leg, back) = announced.unwrap();
    assert_eq!((leg.0.as_u128(), back.unwrap().0.as_u128()), (2, 1));
    assert_eq!(call.stage(), Stage::Opening);
    call.handle(Input::MediaStarted(media(1)), now);
    // The ringing is heard until the agent is there.
    assert_eq!(run(&mut call, now), ["ring false", "join media"]);
    assert_eq!(call.stage(), Stage::Talking);
}

#[test]
fn a_person_who_cannot_even_be_rung_is_nobody_who_answers_and_that_once() {
    let now = Instant::now();
    let mut call = talking(bridging(), now);
    call.handle(Input::MediaEnded(media(0), card()), now);
    assert!(matches!(call.poll(), Some(Command::Ring { .. })));
    call.handle(Input::Done(None), now);
    assert!(matches!(call.poll(), Some(Command::Originate { .. })));
    // Asterisk's event may come before the answer to the request.
    call.handle(Input::PersonEnded(person(0)), now);
    call.handle(Input::Failed(Fault::Other("500".into())), now);
    let legs = run(&mut call, now).iter().filter(|command| *command == "announce").count();
    assert_eq!(legs, 1);
}

#[test]
fn ringing_is_ended_by_us_when_asterisk_does_not() {
    let now = Instant::now();
    let mut call = talking(bridging(), now);
    call.handle(Input::MediaEnded(media(0), card()), now);
    run(&mut call, now);
    let late = now + Duration::from_secs(call.transfer.ring_s) + RING_GRACE;
    call.handle(Input::Woken, late);
    let done = run(&mut call, late);
    assert!(done.contains(&"hang_up person".to_owned()) && done.contains(&"announce".to_owned()), "{done:?}");
}

#[test]
fn whatever_cannot_be_set_up_leaves_the_caller_to_the_dialplan() {
    let now = Instant::now();
    for failing in 0.. {
        let mut call = Call::new(opening(), now);
        let mut n = 0;
        let mut failed = None;
        while let Some(command) = call.poll() {
            if n == failing {
                failed = Some(command.clone());
                call.handle(Input::Failed(Fault::Other("500".into())), now);
            } else {
                call.handle(Input::Done(None), now);
            }
            n += 1;
        }
        let Some(failed) = failed else { break };
        let harmless = matches!(&failed, Command::AskCodec { .. })
            || matches!(&failed, Command::Set { name, .. } if name == WATCHDOG);
        assert_eq!(call.end().is_none(), harmless, "{failed:?}");
        assert_eq!(call.end(), (!harmless).then_some(End::Released));
    }
}

#[test]
fn a_codec_that_asterisk_does_not_tell_is_a_narrow_one() {
    let now = Instant::now();
    let mut call = Call::new(opening(), now);
    let mut format = None;
    while let Some(command) = call.poll() {
        let unknown = matches!(command, Command::AskCodec { .. });
        if let Command::OpenMedia { format: asked, .. } = command {
            format = Some(asked);
        }
        call.handle(if unknown { Input::Failed(Fault::Gone) } else { Input::Done(None) }, now);
    }
    assert_eq!(format, Some("slin"));
}

#[test]
fn a_leg_that_never_comes_is_not_waited_for_longer_than_its_time() {
    let now = Instant::now();
    let mut call = Call::new(opening(), now);
    run(&mut call, now);
    call.handle(Input::Woken, now + OPENING);
    let done = run(&mut call, now + OPENING);
    assert_eq!(done.last().unwrap(), "destroy");
    assert!(done.contains(&"continue ".to_owned()) && done.contains(&"hang_up media".to_owned()), "{done:?}");
}

#[test]
fn the_watchdog_is_put_off_every_third_of_its_time_while_the_agent_talks() {
    let now = Instant::now();
    let mut call = talking(opening(), now);
    let at = call.deadline().unwrap();
    assert_eq!(at - now, Duration::from_secs(5));
    call.handle(Input::Woken, at);
    assert_eq!(run(&mut call, at), ["TIMEOUT(absolute)=15"]);
    assert_eq!(call.deadline(), Some(at + Duration::from_secs(5)));
    let off = Settings { watchdog_s: 0, ..Settings::default() };
    let mut call = Call::new(Opening { settings: off, ..opening() }, now);
    assert!(run(&mut call, now).contains(&"TIMEOUT(absolute)=0".to_owned()));
}

#[test]
fn what_was_missed_while_the_stream_was_broken_is_read_from_what_exists() {
    let now = Instant::now();
    let there = |ids: &[(&str, bool)]| {
        ids.iter().map(|(id, up)| (ChannelId::new(*id), *up)).collect::<HashMap<_, _>>()
    };
    let call = talking(opening(), now);
    let leg = media(0);
    assert!(matches!(call.missed(&there(&[]), Next::Unknown)[..], [Input::CallerLeft]));
    assert!(matches!(
        call.missed(&there(&[("1.1", true)]), Next::HangUp)[..],
        [Input::MediaEnded(_, Next::HangUp)]
    ));
    assert!(call.missed(&there(&[("1.1", true), (leg.as_str(), true)]), Next::Unknown).is_empty());
    let mut call = talking(bridging(), now);
    call.handle(Input::MediaEnded(leg, card()), now);
    run(&mut call, now);
    let rung = person(0);
    assert!(call.missed(&there(&[("1.1", true), (rung.as_str(), false)]), Next::Unknown).is_empty());
    let answered = call.missed(&there(&[("1.1", true), (rung.as_str(), true)]), Next::Unknown);
    assert!(matches!(answered[..], [Input::PersonStarted(_)]));
}

#[test]
fn a_server_that_goes_away_lets_those_talk_who_have_each_other() {
    let now = Instant::now();
    let mut call = Call::adopted(bridging(), person(0));
    call.handle(Input::Stopping, now);
    assert_eq!(run(&mut call, now), Vec::<String>::new());
    assert_eq!(call.end(), Some(End::Connected));
    let mut call = Call::new(opening(), now);
    run(&mut call, now);
    call.handle(Input::Stopping, now);
    assert!(run(&mut call, now).contains(&"continue ".to_owned()));
}

#[test]
fn a_person_and_a_caller_of_an_earlier_process_are_tidied_up_after() {
    let now = Instant::now();
    let mut call = Call::adopted(bridging(), person(0));
    call.handle(Input::PersonEnded(person(0)), now);
    assert_eq!(run(&mut call, now), ["hang_up caller", "destroy"]);
}

#[test]
fn the_place_of_a_transfer_is_the_settings() {
    let place = Transfer::default().place();
    assert_eq!(place, Place { context: "orderline-operator".into(), extension: "s".into() });
}
