use std::path::Path;

use super::*;
use crate::orders::OrderAction;

fn setup() -> Setup {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/shop/tyres.toml");
    let shop = Arc::new(Catalogue::load(&path).expect("the sample shop"));
    let number = PresentedNumber::Number("+375291234567".to_owned().try_into().expect("a number"));
    Setup { number, ..Setup::new(shop) }
}

const PURCHASE: &[&str] = &[
    "мне нужны четыре зимние шины нокиан двести пять пятьдесят пять шестнадцать",
    "первый",
    "доставка в москву улица ленина дом пять",
    "картой при получении",
    "меня зовут иван",
];

#[test]
fn an_order_is_taken_through_the_real_core_and_comes_out_the_same_each_time() {
    let play = || {
        let mut call = Rehearsal::begin(setup());
        assert!(call.heard().text().contains("магазин шин"), "{:?}", call.heard());
        for words in PURCHASE {
            call.say(words);
        }
        assert_eq!((call.read_backs(), call.shop().placed().count()), (1, 0), "{}", call.heard().text());
        let thanks = call.say("да все верно");
        assert!(thanks.acts.iter().any(|(act, _)| matches!(act.action, OrderAction::Confirm { .. })));
        let placed = call.shop().placed().next().expect("an order").order.clone();
        assert_eq!((placed.lines[0].quantity, placed.total.minor), (4, 3_635_000));
        call.say("нет спасибо до свидания");
        assert_eq!(call.over(), Some(&End::Agent));
        assert!(call.longest_ms() >= 3_000 && call.speech_ms() > call.longest_ms());
        (call.now_ms(), call.speech_ms(), call.heard().text(), placed)
    };
    assert_eq!(play(), play());
}

#[test]
fn words_over_the_agent_cut_it_off() {
    let mut call = Rehearsal::begin(setup());
    call.cut_in(800);
    let begun = call.say(PURCHASE[0]);
    assert!((800..1_000).contains(&begun.speech_ms), "{begun:?}");
    let answer = call.interrupt("первый вариант пожалуйста", 900);
    assert!(answer.utterances.iter().any(|said| said.is_cut), "{answer:?}");
    assert!(answer.calls.iter().any(|call| call.tool == "create_order_draft"), "{answer:?}");
}

#[test]
fn silence_is_asked_about_and_a_pause_within_a_sentence_is_a_pause() {
    let mut call = Rehearsal::begin(setup());
    assert!(call.wait(12_000).text().contains("слышите"));
    let before = call.timeline().len();
    call.say("мне нужны … зимние шины");
    let mut turns = call.timeline()[before..].iter().filter_map(|moment| match &moment.what {
        Happened::Note(Note::Understood { text, .. }) => Some(text.as_str()),
        _ => None,
    });
    assert!(turns.next_back().is_some_and(|text| text.ends_with("зимние шины")));
}

#[test]
fn keys_are_pressed_and_a_caller_who_hangs_up_leaves_no_draft() {
    let mut call = Rehearsal::begin(setup());
    call.say(PURCHASE[0]);
    call.press("1");
    assert!(call.shop().draft().is_some(), "{}", call.heard().text());
    let left = call.hang_up();
    assert!(left.acts.iter().any(|(act, _)| matches!(act.action, OrderAction::Cancel { .. })), "{left:?}");
    assert_eq!((call.shop().draft().is_none(), call.over()), (true, Some(&End::Caller)));
}

#[test]
fn another_thinker_can_think() {
    let thinker = |request: &Completion| vec![Thought::Delta { text: format!("{}", request.history.len()) }];
    let mut call = Rehearsal::with(setup(), Box::new(thinker));
    assert!(!call.say("алло").utterances.is_empty());
}
