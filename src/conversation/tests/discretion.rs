//! Recordings that a caller was not told of or does not want, and cards' numbers.

use super::stage::Stage;
use super::*;
use crate::conversation::event::{Answer, Identity, Message};
use crate::ids::{CallId, PresentedNumber};
use crate::language::Language;

/// A call that is to be recorded, and that this is said of.
fn recorded(notice: &str) -> Stage {
    recorded_by(Stage::unanswered(scripted(vec![words("We have tires.")]), good_shop()), notice)
}

fn recorded_by(mut stage: Stage, notice: &str) -> Stage {
    stage.input(Input::Answered {
        caller: Answer {
            call: CallId(uuid::Uuid::from_u128(7)),
            rate: crate::audio::Rate::HZ_8000,
            language: Language::English,
            detect_language: false,
            today: "2026-11-21".parse().expect("a date"),
            accepted_at_s: Some(1_795_262_400),
            seed: 1,
            returning: false,
            recording: Some(notice.into()),
        },
    });
    let number = PresentedNumber::Number("+375291234567".to_owned().try_into().expect("a number"));
    stage.input(Input::Identified { caller: Identity { number, dialled: None, language: None } });
    stage
}

fn told(stage: &Stage) -> usize {
    stage.notes.iter().filter(|note| **note == Note::RecordingTold).count()
}

fn refused(stage: &Stage) -> usize {
    stage.notes.iter().filter(|note| **note == Note::RecordingRefused).count()
}

const NOTICE: &str = "This call is recorded. Press the pound key if you mind.";

#[test]
fn a_caller_is_told_of_the_recording_before_the_greeting_even_if_they_speak_over_it() {
    let mut stage = recorded(NOTICE);
    stage.pass(400, false);
    assert_eq!(told(&stage), 0, "it has only begun");
    stage.speak("hello", 800);
    stage.pass(600, false);
    stage.listen();
    assert_eq!((told(&stage), refused(&stage)), (1, 0));
    assert!(stage.said[0].starts_with("This call is recorded"), "{:?}", stage.said);
    let whole = stage.said.iter().filter(|said| said.contains("recorded") || said.contains("pound")).count();
    assert!(whole >= 2, "both sentences: {:?}", stage.said);
}

#[test]
fn where_the_dialplan_tells_it_the_recording_may_begin_at_once() {
    let stage = recorded("");
    assert_eq!(told(&stage), 1);
    let stage = Stage::new(scripted(vec![]), good_shop());
    assert_eq!(told(&stage), 0, "and a call that is not recorded is told nothing");
}

#[test]
fn a_caller_who_minds_is_not_recorded_and_is_served_on() {
    for by_key in [true, false] {
        let mut stage = recorded(NOTICE);
        if by_key {
            stage.pass(400, false);
            stage.input(Input::Keyed { digit: '#' });
            stage.listen();
            assert_eq!(told(&stage), 0, "the rest of the notice is not said");
        } else {
            stage.listen();
            stage.say("please don't record this call");
        }
        assert_eq!(refused(&stage), 1, "{by_key}");
        assert!(stage.last_said().contains("Please go on"), "{:?}", stage.said);
        stage.input(Input::Keyed { digit: '#' });
        stage.say("do you have tires");
        assert_eq!((refused(&stage), stage.last_said()), (1, "We have tires."));
    }
}

#[test]
fn a_notice_that_cannot_be_said_leaves_the_call_unrecorded() {
    let mut stage = Stage::unanswered(scripted(vec![]), good_shop());
    stage.mute = true;
    let stage = recorded_by(stage, NOTICE);
    assert_eq!((told(&stage), refused(&stage)), (0, 1));
}

#[test]
fn the_number_of_a_card_reaches_neither_thinker_nor_shop_nor_anybody_who_watches() {
    for turns in [
        &["my card is four one one one one one one one one one one one one one one one"][..],
        &["4111 1111 1111 1111"],
        &["the number is 4111 1111", "then 1111 1111"],
        &[
            "сорок один одиннадцать одиннадцать одиннадцать",
            "одиннадцать одиннадцать одиннадцать одиннадцать",
        ],
    ] {
        let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let heard = seen.clone();
        let thinker: Thinker = Box::new(move |request| {
            heard.borrow_mut().push(request.history.clone());
            words("Go on.")
        });
        let mut stage = Stage::new(thinker, good_shop());
        stage.listen();
        for turn in turns {
            stage.say(turn);
        }
        assert!(stage.notes.iter().any(|note| matches!(note, Note::CardHeard { .. })), "{turns:?}");
        assert!(
            stage.said.iter().any(|said| said.contains("card number over the phone")),
            "{:?}",
            stage.said
        );
        stage.say("all right, on delivery then");
        // The whole number nowhere; and of its beginning, which came before anybody could know, nothing from then on.
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
        for note in &stage.notes {
            if let Note::Understood { text, .. } = note {
                assert!(digits(text) < 13 && *text != turns[turns.len() - 1], "{text}");
            }
        }
        let last = seen.borrow().last().cloned().unwrap_or_default();
        let said: Vec<_> = last
            .iter()
            .filter_map(|message| match message {
                Message::Caller { text } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert!(said.contains(&"all right, on delivery then"), "{said:?}");
        for text in said {
            assert!(!crate::language::dictates(text), "{text}");
        }
        assert!(stage.acts.is_empty());
    }
}

#[test]
fn a_card_that_is_keyed_in_is_refused_too() {
    let mut stage = Stage::new(scripted(vec![]), good_shop());
    stage.listen();
    for digit in "4111111111111111".chars() {
        stage.input(Input::Keyed { digit });
        stage.pass(100, false);
    }
    stage.pass(2500, false);
    stage.listen();
    assert!(stage.said.iter().any(|said| said.contains("card number over the phone")), "{:?}", stage.said);
    assert!(stage.idle_digest.iter().all(|output| !output.contains("4111")), "and nothing repeats it");
}
