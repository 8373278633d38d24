//! The core in virtual time: a caller who speaks, a voice that always works, a scripted thinker and a scripted desk.

use std::collections::VecDeque;

use super::event::{HangupCause, Input, Leave, Note, Thought};
use crate::ids::{Pii, RequestId};
use crate::orders::{
    ActionOutcome, Confirmation, Currency, Delivery, DeliveryTerms, Money, Order, OrderAction, OrderLine,
    OrderStatus, PaymentMethod, ProblemCode, Product, Rejection,
};

mod discretion;
mod ends;
mod floor;
mod gate;
mod lines;
mod obedience;
mod parting;
mod stage;

use stage::{Shop, Stage, Thinker};

fn rub(minor: i64) -> Money {
    Money { minor, currency: Currency::Rub }
}

fn order(version: u32) -> Order {
    Order {
        id: uuid::Uuid::from_u128(42),
        order_number: "ORD-20261121-0007".into(),
        status: OrderStatus::Draft,
        version,
        lines: vec![OrderLine {
            product_id: None,
            name: "Nokian winter tire".into(),
            quantity: 4,
            unit: rub(850_000),
            total: rub(3_400_000),
        }],
        subtotal: rub(3_400_000),
        total: rub(3_450_000),
        delivery: Some(DeliveryTerms {
            delivery: Delivery::Delivery {
                city: "Boston".into(),
                address: Pii::new("12 Main Street".into()),
            },
            pickup_address: None,
            cost: rub(50_000),
            days_min: 2,
            days_max: 4,
        }),
        estimated_delivery: None,
    }
}

/// A shop in which everything works.
fn good_shop() -> Shop {
    Box::new(|request| {
        Some(match &request.action {
            OrderAction::FindProducts { .. } => ActionOutcome::Products {
                products: vec![Product {
                    id: uuid::Uuid::from_u128(1),
                    name: "Nokian".into(),
                    price: rub(850_000),
                    stock: 20,
                    attributes: std::collections::BTreeMap::new(),
                }],
            },
            OrderAction::CreateDraft { .. } => {
                ActionOutcome::Drafted { order: Order { delivery: None, ..order(1) } }
            }
            OrderAction::ChangeLines { lines, .. } => {
                let mut order = order(3);
                order.lines[0].quantity = lines[0].quantity;
                ActionOutcome::LinesChanged { order }
            }
            OrderAction::SetDelivery { .. } => ActionOutcome::DeliverySet { order: order(2) },
            OrderAction::Confirm { .. } => ActionOutcome::Confirmed {
                confirmation: Confirmation {
                    order_id: uuid::Uuid::from_u128(42),
                    order_number: "ORD-20261121-0007".into(),
                    status: OrderStatus::Confirmed,
                    total: rub(3_450_000),
                    estimated_delivery: None,
                    sms_sent: true,
                    pay_url: None,
                },
            },
            OrderAction::Cancel { order_id, .. } => ActionOutcome::Cancelled { order_id: *order_id },
            _ => ActionOutcome::Orders { orders: vec![] },
        })
    })
}

fn call(tool: &str, arguments: &str) -> Vec<Thought> {
    vec![
        Thought::ToolCall { call_ref: "c".into(), tool: tool.into(), arguments: arguments.into() },
        Thought::Done,
    ]
}

fn words(text: &str) -> Vec<Thought> {
    vec![Thought::Delta { text: text.into() }, Thought::Done]
}

/// A thinker that says and does these things, one after the other, whatever it is asked.
fn scripted(thoughts: Vec<Vec<Thought>>) -> Thinker {
    let mut thoughts = VecDeque::from(thoughts);
    Box::new(move |_| thoughts.pop_front().unwrap_or_else(|| words("Anything else?")))
}

/// A thinker that goes straight for a whole order and its confirmation.
fn eager() -> Thinker {
    scripted(purchase("cash_on_delivery"))
}

/// All that a thinker does for a whole order, up to its read-back.
fn purchase(payment: &str) -> Vec<Vec<Thought>> {
    vec![
        call("find_products", r#"{"query":"nokian"}"#),
        call("create_order_draft", r#"{"items":[{"product_ref":1,"quantity":4}]}"#),
        call(
            "update_order_delivery",
            r#"{"delivery_type":"delivery","city":"Boston","address":"12 Main Street"}"#,
        ),
        call("confirm_order", &format!(r#"{{"payment_method":"{payment}"}}"#)),
    ]
}

#[test]
fn an_order_is_placed_after_the_read_back_and_a_yes() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.say("four nokian tires to twelve main street boston cash");
    assert_eq!(stage.confirms(), 0, "nothing before the yes");
    assert!(stage.said.iter().any(|s| s.contains("Is that right")), "{:?}", stage.said);
    stage.say("yes");
    assert_eq!(stage.confirms(), 1);
    let confirm = stage.acts.last().expect("acted");
    let evidence = confirm.evidence.as_ref().expect("evidence");
    assert!(evidence.assent_began_ms >= evidence.read_back_ended_ms);
    assert!(matches!(confirm.action, OrderAction::Confirm { payment: PaymentMethod::CashOnDelivery, .. }));
    assert!(confirm.key.is_some());
    assert!(stage.said.iter().any(|s| s.contains("is placed")), "{:?}", stage.said);
}

#[test]
fn a_no_to_the_read_back_orders_nothing() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.say("four nokian tires");
    stage.say("no");
    assert_eq!(stage.confirms(), 0);
    stage.say("yes");
    assert_eq!(stage.confirms(), 0, "a yes to nothing is no confirmation");
}

#[test]
fn a_yes_over_the_read_back_is_none_and_does_not_cut_it() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.speak("four nokian tires", 800);
    stage.pass(2000, false);
    stage.speak("yes", 500);
    stage.pass(600, false);
    stage.listen();
    assert_eq!(stage.confirms(), 0);
    assert_eq!(stage.said.iter().filter(|s| s.contains("read your order back")).count(), 1);
    assert!(stage.last_said().contains("Is that right"), "{:?}", stage.said);
    stage.say("yes");
    assert_eq!(stage.confirms(), 1);
}

#[test]
fn the_key_1_agrees_and_the_star_cancels() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.say("four nokian tires");
    stage.input(Input::Keyed { digit: '1' });
    stage.listen();
    assert_eq!(stage.confirms(), 1);

    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.say("four nokian tires");
    stage.input(Input::Keyed { digit: '*' });
    stage.listen();
    assert_eq!(stage.confirms(), 0);
    assert!(matches!(stage.acts.last().map(|a| &a.action), Some(OrderAction::Cancel { .. })));
}

#[test]
fn cancel_needs_no_thinker() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.say("four nokian tires");
    stage.thinker = Box::new(|_| panic!("not asked"));
    stage.say("cancel my order please");
    assert!(matches!(stage.acts.last().map(|a| &a.action), Some(OrderAction::Cancel { .. })));
    assert!(
        stage.last_said().contains("anything else") || stage.said.iter().any(|s| s.contains("cancelled"))
    );
}

#[test]
fn hanging_up_cancels_the_draft() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.say("four nokian tires");
    stage.input(Input::HungUp { cause: HangupCause::Caller });
    assert!(matches!(stage.acts.last().map(|a| &a.action), Some(OrderAction::Cancel { .. })));
    assert!(stage.core.is_over());
}

#[test]
fn a_draft_that_is_settled_after_the_hang_up_is_cancelled() {
    let shop: Shop = Box::new(|request| match request.action {
        OrderAction::CreateDraft { .. } => None,
        _ => good_shop()(request),
    });
    let mut stage = Stage::new(eager(), shop);
    stage.listen();
    stage.speak("four nokian tires", 800);
    stage.pass(700, false);
    let draft = stage.acts.last().expect("drafting").id;
    stage.input(Input::HungUp { cause: HangupCause::Caller });
    assert!(!stage.core.is_over());
    stage.input(Input::Settled { id: draft, outcome: ActionOutcome::Drafted { order: order(1) } });
    assert!(matches!(stage.acts.last().map(|a| &a.action), Some(OrderAction::Cancel { .. })));
    assert!(stage.core.is_over());
}

#[test]
fn speaking_over_the_agent_cuts_it_within_two_frames_and_history_holds_what_was_heard() {
    let mut stage = Stage::new(
        scripted(vec![
            words("One two three four five six seven eight nine ten eleven twelve thirteen fourteen."),
            words("All right."),
        ]),
        good_shop(),
    );
    stage.listen();
    stage.speak("hello", 500);
    stage.pass(1500, false);
    let before = stage.now;
    stage.speak("wait a second", 800);
    let cut = stage
        .notes
        .iter()
        .find_map(|n| match n {
            Note::Said { cut: true, played_ms, .. } => Some(*played_ms),
            _ => None,
        })
        .expect("cut");
    assert!(cut > 500, "{cut}");
    let last_sound = stage.frames.iter().rev().find(|(_, sound)| *sound).expect("sound").0;
    assert!(last_sound <= before + 300 + 60, "{last_sound} after {before}");
    let heard = std::rc::Rc::new(std::cell::RefCell::new(String::new()));
    let seen = std::rc::Rc::clone(&heard);
    stage.thinker = Box::new(move |request| {
        *seen.borrow_mut() = serde_json::to_string(&request.history).expect("JSON");
        words("Yes?")
    });
    stage.pass(600, false);
    stage.listen();
    assert!(heard.borrow().contains("One two"), "{}", heard.borrow());
    assert!(!heard.borrow().contains("fourteen"), "{}", heard.borrow());
}

#[test]
fn a_cough_over_the_agent_does_not_stop_it() {
    let mut stage = Stage::new(scripted(vec![words("One two three four five six seven.")]), good_shop());
    stage.listen();
    stage.speak("hello", 500);
    stage.pass(1000, false);
    stage.pass(100, true);
    stage.listen();
    assert!(!stage.notes.iter().any(|n| matches!(n, Note::Said { cut: true, .. })));
}

#[test]
fn a_thinker_that_keeps_failing_leads_to_a_person() {
    let failing: Thinker = Box::new(|_| {
        vec![Thought::Failed { fault: super::event::EngineFault::Broken { detail: "gone".into() } }]
    });
    let mut stage = Stage::new(failing, good_shop());
    stage.listen();
    stage.say("hello");
    assert!(stage.last_said().contains("say it again"));
    stage.say("hello");
    stage.say("hello");
    assert!(matches!(stage.left, Some(Leave::Transfer { .. })));
}

#[test]
fn a_thinker_that_calls_tools_for_ever_is_stopped() {
    let looping: Thinker = Box::new(|_| call("find_products", r#"{"query":"x"}"#));
    let mut stage = Stage::new(looping, good_shop());
    stage.listen();
    stage.say("hello");
    assert!(stage.acts.len() <= 8);
    assert!(stage.last_said().contains("say it again"));
}

#[test]
fn unknown_tools_and_broken_arguments_go_back_to_the_thinker() {
    let mut stage = Stage::new(
        scripted(vec![
            call("make_coffee", "{}"),
            call("create_order_draft", "{not json"),
            call("confirm_order", r#"{"payment_method":"cash_on_delivery"}"#),
            words("Which tire would you like?"),
        ]),
        good_shop(),
    );
    stage.listen();
    stage.say("hello");
    assert_eq!(stage.acts.len(), 0);
    assert_eq!(stage.last_said(), "Which tire would you like?");
}

#[test]
fn an_order_that_the_store_refuses_is_never_spoken_of_as_placed() {
    for outcome in [
        ActionOutcome::Rejected {
            rejection: Rejection { code: ProblemCode::OutOfStock, detail: String::new(), order_number: None },
        },
        ActionOutcome::Unknown,
        ActionOutcome::Unavailable { reason: crate::orders::Unavailable::Store },
    ] {
        let answer = outcome.clone();
        let shop: Shop = Box::new(move |request| match request.action {
            OrderAction::Confirm { .. } => Some(answer.clone()),
            _ => good_shop()(request),
        });
        let mut stage = Stage::new(eager(), shop);
        stage.listen();
        stage.say("four nokian tires");
        stage.say("yes");
        assert_eq!(stage.confirms(), 1);
        assert!(!stage.said.iter().any(|s| s.contains("is placed")), "{outcome:?}: {:?}", stage.said);
    }
}

#[test]
fn a_silent_caller_is_asked_once_and_then_the_call_ends() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.pass(13_000, false);
    stage.listen();
    assert!(stage.said.iter().any(|s| s.contains("still there")), "{:?}", stage.said);
    stage.pass(16_000, false);
    assert_eq!(stage.left, Some(Leave::HangUp));
}

#[test]
fn a_caller_who_put_the_agent_on_hold_is_not_silent() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.input(Input::Held { on: true });
    stage.pass(60_000, false);
    assert!(!stage.said.iter().any(|s| s.contains("still there")), "{:?}", stage.said);
    stage.input(Input::Held { on: false });
    stage.pass(11_000, false);
    assert!(!stage.said.iter().any(|s| s.contains("still there")), "{:?}", stage.said);
    stage.pass(2_000, false);
    assert!(stage.said.iter().any(|s| s.contains("still there")), "{:?}", stage.said);
    assert_eq!(stage.left, None);
}

#[test]
fn goodbye_is_said_whole_before_the_line_drops() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    stage.say("thank you goodbye");
    assert!(stage.said.iter().any(|s| s.contains("Goodbye")));
    assert_eq!(stage.left, Some(Leave::HangUp));
    assert!(stage.notes.iter().any(|n| matches!(n, Note::Said { cut: false, .. })));
}

#[test]
fn a_frame_is_played_every_20_ms() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.pass(2000, false);
    let times: Vec<u64> = stage.frames.iter().map(|f| f.0).collect();
    assert!(times.windows(2).all(|w| w[1] - w[0] == 20), "{times:?}");
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let run = || {
        let mut stage = Stage::new(eager(), good_shop());
        stage.listen();
        stage.say("four nokian tires");
        stage.say("yes");
        stage.say("goodbye");
        stage.idle_digest
    };
    assert_eq!(run(), run());
}

#[test]
fn a_request_id_of_an_abandoned_thought_changes_nothing() {
    let mut stage = Stage::new(eager(), good_shop());
    stage.listen();
    let said = stage.said.len();
    stage.input(Input::Completed {
        id: RequestId(999),
        piece: Thought::Delta { text: "Hello. World.".into() },
    });
    stage.pass(500, false);
    assert_eq!(stage.said.len(), said);
}

#[test]
fn a_thinker_that_claims_an_order_is_not_believed_and_not_heard() {
    let lies = scripted(vec![
        words("Your order has been placed. You will like it."),
        words("Your order is confirmed."),
    ]);
    let mut stage = Stage::new(lies, good_shop());
    stage.listen();
    stage.say("order something");
    assert!(!stage.said.iter().any(|s| s.contains("placed")), "{:?}", stage.said);
    assert_eq!(stage.last_said(), "You will like it.");
    stage.say("is it ordered");
    assert!(!stage.said.iter().any(|s| s.contains("confirmed")), "{:?}", stage.said);
    assert!(stage.said.iter().any(|s| s.contains("say it again")), "{:?}", stage.said);
}
