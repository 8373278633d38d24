//! Who speaks when: words that come late, goodbyes that are interrupted, a voice that fails.

use super::*;

fn understood(stage: &Stage) -> Vec<&str> {
    let words = stage.notes.iter().filter_map(|note| match note {
        Note::Understood { text, .. } => Some(text.as_str()),
        _ => None,
    });
    words.collect()
}

/// The recogniser answers what it kept, in this order.
fn release(stage: &mut Stage, last_first: bool) {
    let mut held = stage.held.take().expect("held back");
    if last_first {
        held.reverse();
    }
    held.into_iter().for_each(|answer| stage.input(answer));
}

#[test]
fn words_that_a_cough_follows_are_not_lost() {
    let mut stage = Stage::new(scripted(vec![]), good_shop());
    stage.listen();
    stage.held = Some(Vec::new());
    stage.speak("deliver to boston", 800);
    stage.pass(600, false);
    stage.pass(80, true);
    stage.pass(600, false);
    release(&mut stage, false);
    assert_eq!(understood(&stage), ["deliver to boston"]);
}

#[test]
fn a_turn_that_goes_on_before_its_words_came_is_one_turn_in_the_order_in_which_it_was_said() {
    for last_first in [false, true] {
        let mut stage = Stage::new(scripted(vec![]), good_shop());
        stage.listen();
        stage.held = Some(Vec::new());
        for _ in 0..3 {
            stage.speak("", 800);
            stage.pass(600, false);
        }
        let mut held = stage.held.take().expect("held back");
        for answer in &mut held {
            if let Input::Transcribed { turn, result: Ok(words), .. } = answer {
                words.text = format!("part {turn}");
            }
        }
        stage.held = Some(held);
        release(&mut stage, last_first);
        assert_eq!(understood(&stage), ["part 1 part 2 part 3"], "the last first: {last_first}");
    }
}

#[test]
fn words_that_never_come_cost_only_themselves() {
    let mut stage = Stage::new(scripted(vec![]), good_shop());
    stage.listen();
    stage.held = Some(Vec::new());
    stage.speak("deliver", 800);
    stage.pass(600, false);
    stage.held = None;
    stage.speak("to boston", 800);
    stage.lines_from("to boston");
    stage.pass(5000, false);
    assert_eq!(understood(&stage), ["to boston"]);
}

#[test]
fn a_wish_that_interrupts_the_goodbye_keeps_the_line() {
    let mut stage = Stage::new(scripted(vec![]), good_shop());
    stage.listen();
    stage.speak("thank you goodbye", 800);
    stage.pass(900, false);
    stage.speak("wait i need tires", 1200);
    stage.pass(600, false);
    stage.listen();
    assert_eq!(stage.left, None);
    assert_eq!(stage.last_said(), "Anything else?");
}

#[test]
fn a_short_no_stops_the_agent() {
    let long = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen.";
    let mut stage = Stage::new(scripted(vec![words(long), words("All right.")]), good_shop());
    stage.listen();
    stage.speak("hello", 500);
    stage.pass(1500, false);
    stage.speak("no", 200);
    stage.pass(700, false);
    stage.listen();
    assert!(stage.notes.iter().any(|n| matches!(n, Note::Said { cut: true, .. })));
    assert_eq!(stage.last_said(), "All right.");
}

#[test]
fn signs_of_listening_over_the_read_back_neither_cut_it_nor_agree() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.speak("four nokian tires", 800);
    stage.pass(2000, false);
    for (sign, ms) in [("yes", 200), ("uh huh", 240), ("mm hmm", 600), ("okay", 400)] {
        stage.speak(sign, ms);
        stage.pass(600, false);
    }
    stage.listen();
    assert_eq!(stage.confirms(), 0);
    let said = |text: &str| stage.said.iter().filter(|s| s.contains(text)).count();
    assert_eq!((said("read your order back"), said("Is that right")), (1, 1), "{:?}", stage.said);
    stage.say("yes");
    assert_eq!(stage.confirms(), 1);
}

#[test]
fn the_agent_does_not_begin_while_the_caller_speaks() {
    let mut stage = Stage::new(scripted(vec![words("Yes?")]), good_shop());
    stage.listen();
    stage.speak("hello", 800);
    stage.held = Some(Vec::new());
    stage.pass(600, false);
    let from = stage.now;
    stage.speak("there", 600);
    release(&mut stage, false);
    stage.pass(400, true);
    let until = stage.now;
    let spoke = stage.frames.iter().any(|(at, sound)| *sound && (from..until).contains(at));
    assert!(!spoke);
}

#[test]
fn a_voice_that_is_gone_leads_to_a_person() {
    let mut stage = Stage::new(scripted(vec![]), good_shop());
    stage.listen();
    stage.mute = true;
    stage.say("hello");
    stage.say("hello");
    stage.pass(13_000, false);
    assert!(matches!(stage.left, Some(Leave::Transfer { .. })));
}
