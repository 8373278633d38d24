//! No order without its yes: each way round the gate that was found on a running product, and its siblings.

use super::stage::{Shop, Stage};
use super::*;
use crate::language::Language;

/// What the caller says to get as far as the read-back; the eager thinker does the rest.
const WISH: &str = "four nokian tires";

fn read_back_in(language: Language) -> Stage {
    let mut stage = Stage::answered(eager(), good_shop(), language, false);
    stage.listen();
    stage.say(WISH);
    assert_eq!(stage.confirms(), 0, "nothing before the yes");
    stage
}

fn yes(language: Language) -> &'static str {
    match language {
        Language::Russian => "да",
        Language::English => "yes",
    }
}

/// How often the read-back's own question was asked.
fn asked(stage: &Stage) -> usize {
    stage.said.iter().filter(|s| s.contains("оформляем заказ") || s.contains("shall I place")).count()
}

#[test]
fn the_prompt_after_a_silence_is_the_read_backs_own_question() {
    for language in [Language::Russian, Language::English] {
        let mut stage = read_back_in(language);
        stage.pass(13_000, false);
        stage.listen();
        let prompts = |s: &&String| s.contains("слышите") || s.contains("still there") || s.contains("Алло");
        assert_eq!(stage.said.iter().filter(prompts).count(), 0, "{:?}", stage.said);
        assert_eq!(asked(&stage), 2, "{:?}", stage.said);
        stage.say(yes(language));
        assert_eq!(stage.confirms(), 1, "that yes answers the order's question");
    }
}

#[test]
fn irony_and_loops_of_a_recogniser_order_nothing() {
    for (language, words) in [
        (Language::Russian, "да ну".to_owned()),
        (Language::Russian, "да ".repeat(20)),
        (Language::Russian, "да конечно…".to_owned()),
        (Language::Russian, "ага щас".to_owned()),
        (Language::English, "yeah right".to_owned()),
        (Language::English, "yes ".repeat(15)),
    ] {
        let mut stage = read_back_in(language);
        stage.say(&words);
        assert_eq!(stage.confirms(), 0, "{words}");
        assert_eq!(stage.left, None, "{words}");
    }
}

#[test]
fn the_agents_own_words_do_not_agree() {
    for language in [Language::Russian, Language::English] {
        let mut stage = read_back_in(language);
        let own = stage.last_said().trim_end_matches('?').to_owned();
        stage.say(&own);
        assert_eq!(stage.confirms(), 0, "{own}");
    }
}

#[test]
fn a_yes_with_thanks_and_a_goodbye_orders_and_then_takes_leave() {
    for (language, words) in [
        (Language::Russian, "да, спасибо, до свидания"),
        (Language::Russian, "да-да, верно, спасибо, до свидания"),
        (Language::Russian, "да, всё верно, всего доброго"),
        (Language::English, "yes, thank you, bye"),
    ] {
        let mut stage = read_back_in(language);
        stage.say(words);
        assert_eq!(stage.confirms(), 1, "{words}");
        assert!(stage.said.iter().any(|s| s.contains("оформлен") || s.contains("is placed")), "{words}");
        stage.pass(1000, false);
        assert_eq!(stage.left, Some(Leave::HangUp), "{words}");
    }
}

#[test]
fn a_wish_not_to_cancel_and_not_to_be_put_through_is_no_cancellation_and_no_transfer() {
    for (language, words) in [
        (Language::Russian, "да, не надо ничего отменять"),
        (Language::Russian, "да, оператора не надо"),
        (Language::English, "yes, don't cancel anything"),
        (Language::English, "yes, I don't need an operator"),
    ] {
        let mut stage = read_back_in(language);
        stage.say(words);
        assert_eq!(stage.confirms(), 1, "{words}");
        assert!(!stage.acts.iter().any(|a| matches!(a.action, OrderAction::Cancel { .. })), "{words}");
        assert_eq!(stage.left, None, "{words}");
    }
}

/// A shop whose price rises between the read-back and the yes; the delivery set again takes the new one.
fn dearer_shop(refusals: u32) -> Shop {
    let mut left = refusals;
    let mut raised = 0;
    Box::new(move |request| match &request.action {
        OrderAction::Confirm { .. } if left > 0 => {
            left -= 1;
            raised += 1;
            Some(ActionOutcome::Rejected {
                rejection: Rejection {
                    code: ProblemCode::PriceChanged,
                    detail: String::new(),
                    order_number: None,
                },
            })
        }
        OrderAction::SetDelivery { .. } => Some(ActionOutcome::DeliverySet { order: priced(raised) }),
        _ => good_shop()(request),
    })
}

fn priced(raised: u32) -> Order {
    let more = i64::from(raised) * 10_000;
    let mut order = order(2 + raised);
    order.lines[0].unit = rub(850_000 + more);
    order.lines[0].total = rub(3_400_000 + 4 * more);
    order.subtotal = rub(3_400_000 + 4 * more);
    order.total = rub(3_450_000 + 4 * more);
    order
}

#[test]
fn a_price_that_changed_before_the_yes_is_said_and_the_new_order_read() {
    let mut stage = Stage::new(eager(), dearer_shop(1));
    stage.listen();
    stage.say(WISH);
    stage.say("yes");
    assert_eq!(stage.confirms(), 1);
    let said = stage.said.join(" ");
    assert!(said.contains("thirty four thousand five hundred"), "the old total: {said}");
    assert!(said.contains("thirty four thousand nine hundred"), "the new total: {said}");
    assert_eq!(asked(&stage), 2, "{said}");
    stage.say("yes");
    assert_eq!(stage.confirms(), 2);
    assert!(stage.said.iter().any(|s| s.contains("is placed")), "{:?}", stage.said);
}

#[test]
fn a_price_that_changes_for_ever_leads_to_a_person() {
    let mut stage = Stage::new(eager(), dearer_shop(99));
    stage.listen();
    stage.say(WISH);
    for _ in 0..6 {
        if stage.left.is_none() {
            stage.say("yes");
        }
    }
    assert!(matches!(stage.left, Some(Leave::Transfer { .. })), "{:?}", stage.said);
    assert!(stage.confirms() <= 3, "{}", stage.confirms());
}

mod property;
mod table;

/// A shop that knows of an order placed so many seconds before the call.
fn shop_with_an_order(seconds_ago: i64, status: OrderStatus) -> Shop {
    Box::new(move |request| match &request.action {
        OrderAction::SearchOrders { .. } => {
            let at: chrono::DateTime<chrono::Utc> = "2026-11-21T12:00:00Z".parse().expect("a time");
            Some(ActionOutcome::Orders {
                orders: vec![crate::orders::OrderSummary {
                    id: uuid::Uuid::from_u128(41),
                    order_number: "ORD-20261121-0006".into(),
                    status,
                    total: rub(3_450_000),
                    items_summary: "Nokian × 4".into(),
                    estimated_delivery: None,
                    created_at: at - chrono::TimeDelta::seconds(seconds_ago),
                }],
            })
        }
        _ => good_shop()(request),
    })
}

fn drafts(stage: &Stage) -> usize {
    stage.acts.iter().filter(|act| matches!(act.action, OrderAction::CreateDraft { .. })).count()
}

#[test]
fn who_redials_is_told_of_the_order_placed_minutes_ago_before_a_second_is_begun() {
    for (language, told, time) in [
        (Language::Russian, "уже оформлен заказ номер", "две минуты назад"),
        (Language::English, "An order was placed for your number", "two minutes ago"),
    ] {
        let shop = shop_with_an_order(120, OrderStatus::Confirmed);
        let mut stage = Stage::answered(eager(), shop, language, false);
        stage.listen();
        stage.say(WISH);
        let said = stage.said.join(" ");
        assert!(said.contains(told) && said.contains(time), "{said}");
        assert_eq!((drafts(&stage), stage.confirms()), (0, 0));
        stage.say(match language {
            Language::Russian => "нет",
            Language::English => "no",
        });
        assert_eq!((drafts(&stage), stage.confirms()), (0, 0), "{:?}", stage.said);
        assert_eq!(stage.left, None);
    }
}

#[test]
fn a_second_order_that_the_caller_says_yes_to_is_made_and_read_back() {
    let mut stage = Stage::new(eager(), shop_with_an_order(120, OrderStatus::Processing));
    stage.listen();
    stage.say(WISH);
    stage.say("yes");
    assert_eq!((drafts(&stage), stage.confirms()), (1, 0), "its own read-back comes first: {:?}", stage.said);
    stage.say("yes");
    assert_eq!((drafts(&stage), stage.confirms()), (1, 1), "{:?}", stage.said);
}

#[test]
fn an_order_of_yesterday_or_a_cancelled_one_is_nothing_to_ask_about() {
    for shop in [
        shop_with_an_order(86_400, OrderStatus::Confirmed),
        shop_with_an_order(120, OrderStatus::Cancelled),
        shop_with_an_order(-3_600, OrderStatus::Confirmed),
    ] {
        let mut stage = Stage::new(eager(), shop);
        stage.listen();
        stage.say(WISH);
        assert_eq!(drafts(&stage), 1, "{:?}", stage.said);
    }
}

#[test]
fn a_model_that_insists_makes_no_second_order_without_the_callers_yes() {
    let create = || call("create_order_draft", r#"{"items":[{"product_ref":1,"quantity":4}]}"#);
    let mut thoughts = vec![call("find_products", r#"{"query":"nokian"}"#)];
    thoughts.extend((0..20).map(|_| create()));
    let mut stage = Stage::new(scripted(thoughts), shop_with_an_order(120, OrderStatus::Confirmed));
    stage.listen();
    stage.say(WISH);
    for said in ["what is the weather like", "hm four of them", "no", "and now"] {
        if stage.left.is_none() {
            stage.say(said);
        }
    }
    assert_eq!(drafts(&stage), 0, "{:?}", stage.said);
}

#[test]
fn the_very_same_order_again_in_one_call_is_asked_about() {
    let again = [
        call("create_order_draft", r#"{"items":[{"product_ref":1,"quantity":4}]}"#),
        call("create_order_draft", r#"{"items":[{"product_ref":1,"quantity":2}]}"#),
    ];
    let mut thoughts = purchase("cash_on_delivery");
    thoughts.extend(again);
    let mut stage = Stage::new(scripted(thoughts), good_shop());
    stage.listen();
    stage.say(WISH);
    stage.say("yes");
    assert_eq!((drafts(&stage), stage.confirms()), (1, 1));
    stage.say("four nokian tires");
    assert!(stage.said.iter().any(|s| s.contains("just placed such an order")), "{:?}", stage.said);
    assert_eq!(drafts(&stage), 1);
    stage.say("no only two more");
    assert_eq!(drafts(&stage), 2, "other goods are another order: {:?}", stage.said);
}

#[test]
fn a_cancellation_while_the_desk_looks_for_recent_orders_leaves_no_draft() {
    let shop: Shop = Box::new(|request| match &request.action {
        OrderAction::SearchOrders { .. } => None,
        _ => good_shop()(request),
    });
    let mut stage = Stage::new(eager(), shop);
    stage.listen();
    stage.speak(WISH, 800);
    stage.pass(700, false);
    let search = stage.acts.last().expect("it is looked for").id;
    stage.say("cancel");
    stage.input(Input::Settled { id: search, outcome: ActionOutcome::Orders { orders: vec![] } });
    stage.listen();
    assert_eq!(drafts(&stage), 0);
    assert!(stage.said.iter().any(|s| s.contains("is cancelled")), "{:?}", stage.said);
}

/// The caller begins to speak so many milliseconds after the question's last frame, negative: before.
fn answers_after(ms: i64, words: &str) -> Stage {
    // The same call twice: once to learn when the question ends.
    let end = {
        let mut stage = Stage::new(eager(), good_shop());
        stage.listen();
        stage.speak(WISH, 800);
        while !stage.notes.iter().any(|note| matches!(note, Note::ReadBack { .. })) {
            stage.pass(20, false);
        }
        stage.now
    };
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.speak(WISH, 800);
    let begin = u64::try_from(i64::try_from(end).expect("a time") + ms).expect("a time");
    stage.pass(begin - stage.now, false);
    stage.speak(words, 260);
    stage.pass(600, false);
    stage.listen();
    stage
}

#[test]
fn a_yes_that_began_before_the_question_was_heard_out_is_asked_for_again() {
    for ms in [-240, -160, -80, -20, 0, 40] {
        let mut stage = answers_after(ms, "yes");
        assert_eq!(stage.confirms(), 0, "{ms} ms");
        assert_eq!(asked(&stage), 2, "{ms} ms: {:?}", stage.said);
        stage.say("yes");
        assert_eq!(stage.confirms(), 1, "{ms} ms");
    }
    for ms in [160, 300, 2000] {
        assert_eq!(answers_after(ms, "yes").confirms(), 1, "{ms} ms");
    }
}

#[test]
fn a_yes_of_which_the_recogniser_is_not_sure_is_asked_for_again() {
    for (confidence, confirms) in [(0, 0), (200, 0), (399, 0), (600, 1), (1000, 1)] {
        let mut stage = read_back_in(Language::English);
        stage.confidence = confidence;
        stage.say("yes");
        assert_eq!(stage.confirms(), confirms, "{confidence}");
        assert_eq!(asked(&stage), 2 - confirms, "{:?}", stage.said);
    }
}

#[test]
fn whatever_the_agent_says_in_between_has_the_question_asked_again() {
    // A card's number, a refusal to be recorded, words that never came.
    let between: [fn(&mut Stage); 3] = [
        |stage| stage.say("4111 1111 1111 1111"),
        |stage| {
            stage.held = Some(Vec::new());
            stage.speak("yes", 400);
            stage.pass(5_000, false);
            stage.held = None;
            stage.listen();
        },
        |stage| stage.say("hm maybe"),
    ];
    for (n, between) in between.into_iter().enumerate() {
        let mut stage = read_back_in(Language::English);
        between(&mut stage);
        assert_eq!(stage.confirms(), 0, "{n}");
        assert_eq!(asked(&stage), 2, "{n}: {:?}", stage.said);
        assert!(stage.last_said().contains("press one or two"), "{n}: {:?}", stage.said);
        stage.lines_from("yes");
        stage.say("yes");
        assert_eq!(stage.confirms(), 1, "{n}: {:?}", stage.said);
    }
}

#[test]
fn a_moment_is_given_and_the_question_stays_the_last_thing_asked() {
    let mut stage = read_back_in(Language::Russian);
    let said = stage.said.len();
    stage.say("секундочку");
    stage.pass(30_000, false);
    assert_eq!(stage.said.len(), said, "nothing is said for a minute: {:?}", stage.said);
    stage.say("да");
    assert_eq!(stage.confirms(), 1);
}

#[test]
fn the_key_1_pressed_during_the_read_back_counts_when_it_has_been_heard_and_nothing_else_was_answered() {
    let press = |then: Option<char>, words: &str| {
        let mut stage = Stage::new(eager(), good_shop());
        stage.listen();
        stage.speak(WISH, 800);
        stage.pass(3000, false);
        stage.input(Input::Keyed { digit: '1' });
        assert_eq!(stage.confirms(), 0);
        if let Some(digit) = then {
            stage.input(Input::Keyed { digit });
        }
        if !words.is_empty() {
            stage.speak(words, 500);
        }
        stage.listen();
        stage
    };
    assert_eq!(press(None, "").confirms(), 1);
    assert_eq!(press(Some('2'), "").confirms(), 0);
    assert_eq!(press(Some('*'), "").confirms(), 0);
    assert_eq!(press(None, "no wait").confirms(), 0);
}

#[test]
fn a_caller_who_is_never_understood_at_the_read_back_comes_to_a_person() {
    let mut stage = read_back_in(Language::Russian);
    for _ in 0..5 {
        if stage.left.is_none() {
            stage.say("ну наверное");
        }
    }
    assert_eq!(stage.confirms(), 0);
    assert!(matches!(stage.left, Some(Leave::Transfer { .. })), "{:?}", stage.said);
}

#[test]
fn an_order_that_changed_at_the_store_is_read_anew() {
    let mut refused = false;
    let shop: Shop = Box::new(move |request| match &request.action {
        OrderAction::Confirm { .. } if !std::mem::replace(&mut refused, true) => {
            Some(ActionOutcome::Rejected {
                rejection: Rejection {
                    code: ProblemCode::VersionMismatch,
                    detail: String::new(),
                    order_number: None,
                },
            })
        }
        OrderAction::OrderDetails { .. } => Some(ActionOutcome::Details { order: priced(1) }),
        _ => good_shop()(request),
    });
    let mut stage = Stage::new(eager(), shop);
    stage.listen();
    stage.say(WISH);
    stage.say("yes");
    assert_eq!(asked(&stage), 2, "{:?}", stage.said);
    assert!(stage.said.join(" ").contains("thirty four thousand nine hundred"), "{:?}", stage.said);
    stage.say("yes");
    assert_eq!(stage.confirms(), 2);
}
