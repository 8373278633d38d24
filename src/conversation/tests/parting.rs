//! How the agent leaves to a person, what that one is told, and how it takes a call back.

use super::*;
use crate::conversation::event::Handover;
use crate::language::Language::{self, English, Russian};
use crate::orders::OrderSummary;

fn handover(stage: &Stage) -> &Handover {
    match &stage.left {
        Some(Leave::Transfer { handover }) => handover,
        other => panic!("expected a transfer, found {other:?}"),
    }
}

fn asks_for_a_person(stage: &mut Stage, language: Language) {
    stage.say(match language {
        English => "operator please",
        Russian => "соедините с оператором",
    });
    stage.pass(1000, false);
}

fn cancels(stage: &Stage) -> usize {
    stage.acts.iter().filter(|act| matches!(act.action, OrderAction::Cancel { .. })).count()
}

#[test]
fn a_person_is_told_of_the_draft_which_is_left_for_them_to_finish() {
    for (language, summary) in [
        (
            English,
            "Asks for an operator. Order ORD-20261121-0007 is not placed. Nokian winter tire × 4. 34500.00 RUB",
        ),
        (
            Russian,
            "Просит оператора. Заказ ORD-20261121-0007 не оформлен. Nokian winter tire × 4. 34500.00 RUB",
        ),
    ] {
        let mut stage = Stage::answered(eager(), good_shop(), language, false);
        stage.listen();
        stage.say("nokian");
        asks_for_a_person(&mut stage, language);
        let told = handover(&stage);
        assert_eq!((told.summary.as_str(), told.language), (summary, language));
        assert_eq!(told.order.as_deref(), Some("ORD-20261121-0007"));
        stage.input(Input::HungUp { cause: HangupCause::Agent });
        assert_eq!(cancels(&stage), 0, "the person finishes it, or it expires");
        assert!(stage.core.is_over());
    }
}

#[test]
fn a_person_is_told_of_the_order_that_was_placed() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.say("four nokian tires");
    stage.say("yes");
    asks_for_a_person(&mut stage, English);
    assert_eq!(
        handover(&stage).summary,
        "Asks for an operator. Order ORD-20261121-0007 is placed. Nokian winter tire × 4. 34500.00 RUB"
    );
}

#[test]
fn an_order_of_which_nobody_knows_whether_it_was_placed_is_told_as_just_that() {
    let shop: Shop = Box::new(|request| match request.action {
        OrderAction::Confirm { .. } => Some(ActionOutcome::Unknown),
        _ => good_shop()(request),
    });
    let mut stage = Stage::new(eager(), shop);
    stage.listen();
    stage.say("four nokian tires");
    stage.say("yes");
    asks_for_a_person(&mut stage, English);
    let told = handover(&stage);
    assert!(told.summary.contains("ORD-20261121-0007 may have been placed"), "{}", told.summary);
    assert_eq!(told.order.as_deref(), Some("ORD-20261121-0007"));
}

#[test]
fn an_order_that_was_asked_about_is_told_and_of_several_only_their_numbers() {
    let found = |n: u32| OrderSummary {
        id: uuid::Uuid::from_u128(u128::from(n)),
        order_number: format!("ORD-{n}"),
        status: OrderStatus::Shipped,
        total: rub(100_000),
        items_summary: "Nokian × 4".into(),
        estimated_delivery: None,
        created_at: "2026-11-20T10:00:00Z".parse().expect("a time"),
    };
    for (orders, order, summary) in [
        (vec![], None, "No order was spoken of"),
        (vec![found(1)], Some("ORD-1"), "Asked about order ORD-1 shipped. Nokian × 4. 1000.00 RUB"),
        (vec![found(1), found(2)], None, "Asked about orders ORD-1, ORD-2"),
    ] {
        let shop: Shop = Box::new(move |_| Some(ActionOutcome::Orders { orders: orders.clone() }));
        let thinker = scripted(vec![call("get_order_status", "{}"), words("It is on its way.")]);
        let mut stage = Stage::new(thinker, shop);
        stage.listen();
        stage.say("where is my order");
        asks_for_a_person(&mut stage, English);
        let told = handover(&stage);
        assert_eq!(told.summary, format!("Asks for an operator. {summary}"));
        assert_eq!(told.order.as_deref(), order);
    }
}

#[test]
fn why_a_person_is_needed_is_told_and_no_word_of_a_models_or_the_callers() {
    let failing: Thinker = Box::new(|_| {
        let fault = crate::conversation::event::EngineFault::Broken { detail: "gone".into() };
        vec![Thought::Delta { text: "Dial 900 now.".into() }, Thought::Failed { fault }]
    });
    let mut stage = Stage::new(failing, good_shop());
    stage.listen();
    for _ in 0..3 {
        stage.say("${SHELL(reboot)}");
    }
    stage.pass(1000, false);
    assert_eq!(handover(&stage).summary, "The assistant could not help. No order was spoken of");

    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.input(Input::Draining);
    stage.listen();
    stage.pass(1000, false);
    assert_eq!(handover(&stage).summary, "The assistant was stopped. No order was spoken of");
}

#[test]
fn a_call_that_comes_back_is_not_greeted_anew_and_is_served_on() {
    for (language, apology) in [
        (English, "I'm sorry, all our operators are busy right now."),
        (Russian, "К сожалению, сейчас все операторы заняты."),
    ] {
        let seen = std::rc::Rc::new(std::cell::RefCell::new(None));
        let asked = std::rc::Rc::clone(&seen);
        let thinker: Thinker = Box::new(move |request| {
            *asked.borrow_mut() = Some(request.clone());
            words("Of course.")
        });
        let mut stage = Stage::answered(thinker, good_shop(), language, true);
        stage.listen();
        assert_eq!(stage.said[0].trim(), apology);
        assert!(stage.said.iter().all(|clause| !clause.contains("магазин") && !clause.contains("tire shop")));
        stage.say("where is my order");
        assert_eq!(stage.last_said().trim(), "Of course.");
        let request = seen.borrow_mut().take().expect("the thinker was asked");
        assert!(request.briefing.nobody_answered && request.briefing.identified);
        let told = serde_json::to_string(&request.history).expect("JSON");
        assert!(told.contains("none answered"), "the thinker knows why the caller is back: {told}");
        // They may ask again; how often is the registry's business.
        asks_for_a_person(&mut stage, language);
        assert!(matches!(stage.left, Some(Leave::Transfer { .. })));
    }
}

#[test]
fn a_call_that_comes_back_can_end_with_a_goodbye() {
    let mut stage = Stage::answered(eager(), good_shop(), Russian, true);
    stage.listen();
    stage.say("спасибо до свидания");
    stage.pass(1000, false);
    assert_eq!(stage.left, Some(Leave::HangUp));
}
