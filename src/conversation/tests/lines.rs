//! Several products in one order, and a draft that gets other lines while its delivery stays.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::*;
use crate::conversation::event::Message;
use crate::orders::{ActionRequest, DraftLine, PickupPoint};

const NOKIAN: u128 = 1;
const KAMA: u128 = 2;

fn product(n: u128) -> Product {
    let (name, minor) = [("Nokian", 850_000), ("Kama", 320_000)][usize::try_from(n - 1).expect("small")];
    Product {
        id: uuid::Uuid::from_u128(n),
        name: name.into(),
        price: rub(minor),
        stock: 20,
        attributes: std::collections::BTreeMap::new(),
    }
}

fn line(n: u128, quantity: u32) -> DraftLine {
    DraftLine { product_id: uuid::Uuid::from_u128(n), quantity }
}

/// A shop that keeps one draft.
#[derive(Clone, Default)]
struct Small {
    draft: Rc<RefCell<Option<Order>>>,
    made: Rc<Cell<u128>>,
}

impl Small {
    fn with_lines(order: &mut Order, lines: &[DraftLine]) {
        order.lines = lines
            .iter()
            .map(|line| {
                let product = product(line.product_id.as_u128());
                OrderLine {
                    product_id: Some(product.id),
                    name: product.name,
                    quantity: line.quantity,
                    unit: product.price,
                    total: rub(product.price.minor * i64::from(line.quantity)),
                }
            })
            .collect();
        order.subtotal = rub(order.lines.iter().map(|line| line.total.minor).sum());
        let cost = order.delivery.as_ref().map_or(0, |terms| terms.cost.minor);
        order.total = rub(order.subtotal.minor + cost);
        order.version += 1;
    }

    fn act(&self, request: &ActionRequest) -> ActionOutcome {
        let mut draft = self.draft.borrow_mut();
        match &request.action {
            OrderAction::FindProducts { query } => {
                let n = if query.contains("kama") { KAMA } else { NOKIAN };
                ActionOutcome::Products { products: vec![product(n)] }
            }
            OrderAction::PickupPoints { city } => {
                let city = city.clone().unwrap_or_default();
                let first = if city == "Boston" { 100 } else { 200 };
                let point = |n: u128| PickupPoint {
                    id: uuid::Uuid::from_u128(first + n),
                    name: format!("{city} {n}"),
                    city: city.clone(),
                    address: format!("{n} Main Street"),
                    working_hours: String::new(),
                };
                ActionOutcome::PickupPoints { points: vec![point(1), point(2)] }
            }
            OrderAction::CreateDraft { lines, .. } => {
                self.made.set(self.made.get() + 1);
                let mut order = Order { delivery: None, ..order(0) };
                order.id = uuid::Uuid::from_u128(41 + self.made.get());
                Self::with_lines(&mut order, lines);
                *draft = Some(order.clone());
                ActionOutcome::Drafted { order }
            }
            OrderAction::OrderDetails { .. } => {
                ActionOutcome::Details { order: draft.clone().expect("a draft") }
            }
            OrderAction::ChangeLines { lines, version, .. } => {
                let order = draft.as_mut().expect("a draft");
                if order.version != *version {
                    let code = ProblemCode::VersionMismatch;
                    let rejection = Rejection { code, detail: String::new(), order_number: None };
                    return ActionOutcome::Rejected { rejection };
                }
                Self::with_lines(order, lines);
                ActionOutcome::LinesChanged { order: order.clone() }
            }
            OrderAction::SetDelivery { delivery, .. } => {
                let draft = draft.as_mut().expect("a draft");
                let terms = order(1).delivery.expect("terms");
                draft.delivery = Some(DeliveryTerms { delivery: delivery.clone(), ..terms });
                draft.total = rub(draft.subtotal.minor + 50_000);
                draft.version += 1;
                ActionOutcome::DeliverySet { order: draft.clone() }
            }
            _ => good_shop()(request).expect("answered"),
        }
    }

    fn shop(&self) -> Shop {
        let own = self.clone();
        Box::new(move |request| Some(own.act(request)))
    }

    /// But this outcome for changes of lines.
    fn changing(&self, outcome: Option<ActionOutcome>) -> Shop {
        let own = self.clone();
        Box::new(move |request| match &request.action {
            OrderAction::ChangeLines { .. } => outcome.clone(),
            _ => Some(own.act(request)),
        })
    }
}

fn find(query: &str) -> Vec<Thought> {
    call("find_products", &format!(r#"{{"query":"{query}"}}"#))
}

fn draft(items: &[(u32, u32)]) -> Vec<Thought> {
    let items: Vec<String> =
        items.iter().map(|(n, q)| format!(r#"{{"product_ref":{n},"quantity":{q}}}"#)).collect();
    call("create_order_draft", &format!(r#"{{"items":[{}]}}"#, items.join(",")))
}

fn deliver() -> Vec<Thought> {
    let arguments = r#"{"delivery_type":"delivery","city":"Boston","address":"12 Main Street"}"#;
    call("update_order_delivery", arguments)
}

fn confirm() -> Vec<Thought> {
    call("confirm_order", r#"{"payment_method":"cash_on_delivery"}"#)
}

fn names(stage: &Stage) -> Vec<&'static str> {
    stage.acts.iter().map(|act| act.action.name()).filter(|name| *name != "search_orders").collect()
}

fn results(stage: &Stage) -> Vec<(String, serde_json::Value)> {
    let gave = |note: &Note| match note {
        Note::Gave { tool, summary } => {
            Some((tool.clone(), serde_json::from_str(summary).unwrap_or_default()))
        }
        _ => None,
    };
    stage.notes.iter().filter_map(gave).collect()
}

/// The last result of a tool.
fn result(stage: &Stage, tool: &str) -> serde_json::Value {
    results(stage).into_iter().rev().find(|(name, _)| name == tool).expect("a result").1
}

/// A call in which four Nokian are to be delivered and were read back; then the caller wants six, and the thinker does this.
fn changed(shop: Shop, then: Vec<Vec<Thought>>) -> Stage {
    let mut thoughts = vec![find("nokian"), draft(&[(1, 4)]), deliver(), confirm(), draft(&[(1, 6)])];
    thoughts.extend(then);
    let mut stage = Stage::new(scripted(thoughts), shop);
    stage.listen();
    stage.say("four nokian tires to twelve main street boston cash");
    assert!(stage.said.iter().any(|s| s.contains("Is that right")), "{:?}", stage.said);
    stage.say("make it six please");
    stage
}

#[test]
fn a_draft_of_two_searches_is_of_both_goods() {
    let small = Small::default();
    let thoughts = vec![find("nokian"), find("kama"), draft(&[(1, 4), (2, 2)]), deliver(), confirm()];
    let mut stage = Stage::new(scripted(thoughts), small.shop());
    stage.listen();
    stage.say("four nokian and two kama to twelve main street boston cash");
    assert_eq!(result(&stage, "find_products")["products"][0]["product_ref"], 2);
    let made = stage.acts.iter().find_map(|act| match &act.action {
        OrderAction::CreateDraft { lines, .. } => Some(lines.clone()),
        _ => None,
    });
    assert_eq!(made, Some(vec![line(NOKIAN, 4), line(KAMA, 2)]));
    let read = stage.said.join(" ");
    assert!(read.contains("Nokian") && read.contains("Kama") && read.contains("Is that right"), "{read}");
    stage.say("yes");
    assert_eq!(stage.confirms(), 1);
}

#[test]
fn a_product_of_an_earlier_search_keeps_its_reference_when_it_is_found_again() {
    let small = Small::default();
    let thoughts = vec![find("nokian"), find("kama"), find("nokian"), draft(&[(2, 1)]), draft(&[(1, 3)])];
    let mut stage = Stage::new(scripted(thoughts), small.shop());
    stage.listen();
    stage.say("four nokian or kama");
    assert_eq!(result(&stage, "find_products")["products"][0]["product_ref"], 1);
    let orders = small.draft.borrow().clone();
    assert_eq!(orders.expect("a draft").lines[0].name, "Nokian");
    assert!(stage.acts.iter().any(
        |act| matches!(&act.action, OrderAction::CreateDraft { lines, .. } if *lines == [line(KAMA, 1)])
    ));
}

#[test]
fn a_reference_that_nobody_gave_out_is_an_error_that_names_the_good_ones() {
    let small = Small::default();
    let thoughts = vec![
        draft(&[(1, 4)]),
        find("nokian"),
        find("kama"),
        draft(&[(1, 4), (3, 2)]),
        words("Which one did you mean?"),
    ];
    let mut stage = Stage::new(scripted(thoughts), small.shop());
    stage.listen();
    stage.say("four nokian and two others");
    let errors: Vec<_> = results(&stage)
        .into_iter()
        .filter(|(tool, _)| tool == "create_order_draft")
        .map(|(_, r)| r)
        .collect();
    assert_eq!(errors.len(), 2);
    assert!(errors.iter().all(|error| error["error"] == "unknown_product_ref"), "{errors:?}");
    assert!(errors[0]["say"].as_str().expect("words").contains("call find_products first"), "{errors:?}");
    assert!(errors[1]["say"].as_str().expect("words").contains("from 1 to 2, found 3"), "{errors:?}");
    assert!(!names(&stage).contains(&"create_order_draft"), "nothing is ordered in its place");
}

#[test]
fn a_pick_up_point_of_an_earlier_list_is_that_point_still() {
    let small = Small::default();
    let points = |city: &str| {
        call("update_order_delivery", &format!(r#"{{"delivery_type":"pickup","city":"{city}"}}"#))
    };
    let choose = |n: u32| {
        let arguments = format!(r#"{{"delivery_type":"pickup","pickup_point_ref":{n}}}"#);
        call("update_order_delivery", &arguments)
    };
    let thoughts =
        vec![find("nokian"), draft(&[(1, 4)]), points("Boston"), points("Salem"), choose(5), choose(2)];
    let mut stage = Stage::new(scripted(thoughts), small.shop());
    stage.listen();
    stage.say("four nokian tires");
    let listed: Vec<_> = results(&stage)
        .into_iter()
        .filter(|(_, result)| result["pickup_points"].is_array())
        .map(|(_, result)| result["pickup_points"][0]["pickup_point_ref"].clone())
        .collect();
    assert_eq!(listed, [1, 3]);
    let errors: Vec<_> =
        results(&stage).into_iter().filter(|(_, r)| r["error"] == "unknown_pickup_point_ref").collect();
    assert_eq!(errors.len(), 1, "five was never told");
    let delivery = small.draft.borrow().clone().expect("a draft").delivery.expect("a delivery").delivery;
    let boston = Delivery::Pickup { pickup_point_id: uuid::Uuid::from_u128(102), city: "Boston".into() };
    assert_eq!(delivery, boston, "the second of the first city, not of the last");
}

#[test]
fn other_lines_leave_the_delivery_and_void_the_read_back() {
    let small = Small::default();
    let mut stage = changed(small.shop(), vec![confirm()]);
    let expected = ["find_products", "create_order_draft", "update_order_delivery", "change_order_lines"];
    assert_eq!(names(&stage), expected, "the draft is changed, not made anew");
    let result = result(&stage, "create_order_draft");
    assert_eq!((&result["missing"], &result["lines"][0]["quantity"]), (&serde_json::json!([]), &6.into()));
    for field in ["subtotal_spoken", "cost_spoken", "days_spoken", "total_spoken"] {
        assert!(result[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {result}");
    }
    assert_eq!(stage.confirms(), 0);
    let read = |stage: &Stage| stage.said.iter().filter(|s| s.contains("Is that right")).count();
    assert_eq!(read(&stage), 2, "read back anew: {:?}", stage.said);
    stage.say("yes");
    assert_eq!(stage.confirms(), 1);
    let evidence = stage.acts.last().and_then(|act| act.evidence.clone()).expect("evidence");
    assert_eq!(evidence.order_version, 3);
    let order = small.draft.borrow().clone().expect("a draft");
    assert_eq!(evidence.order_digest, crate::conversation::order_digest(&order));
    assert_eq!(order.lines[0].quantity, 6);
}

#[test]
fn a_change_has_a_key_of_its_own_and_the_same_one_when_it_is_asked_for_again() {
    let small = Small::default();
    let stage =
        changed(small.changing(Some(ActionOutcome::Unknown)), vec![draft(&[(1, 6)]), draft(&[(1, 5)])]);
    let keys: Vec<_> = stage
        .acts
        .iter()
        .filter(|act| matches!(act.action, OrderAction::ChangeLines { .. }))
        .map(|act| act.key.expect("a key"))
        .collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0], keys[1], "the store knows what became of it");
    assert_ne!(keys[0], keys[2]);
}

#[test]
fn a_draft_of_which_nobody_knows_what_it_holds_is_not_read_back_until_it_is_known() {
    let small = Small::default();
    let own = small.clone();
    // It is done, and the answer is lost.
    let shop: Shop = Box::new(move |request| {
        let outcome = own.act(request);
        let lost = matches!(request.action, OrderAction::ChangeLines { .. });
        Some(if lost { ActionOutcome::Unknown } else { outcome })
    });
    let mut stage = changed(shop, vec![confirm(), words("One moment."), deliver(), confirm()]);
    let refused = result(&stage, "confirm_order");
    assert_eq!(refused["error"], "delivery_missing", "{refused}");
    stage.say("well");
    stage.say("yes");
    assert_eq!(stage.confirms(), 1, "{:?}", stage.said);
    assert!(stage.said.iter().any(|s| s.contains("six")), "what it really is: {:?}", stage.said);
}

#[test]
fn a_draft_that_is_not_what_it_was_known_as_is_read_anew_and_then_changed() {
    let small = Small::default();
    let own = small.clone();
    let lost = Cell::new(false);
    // The first change is done, and its answer is lost; the next one is for other goods.
    let shop: Shop = Box::new(move |request| {
        let outcome = own.act(request);
        let first = matches!(request.action, OrderAction::ChangeLines { .. }) && !lost.replace(true);
        Some(if first { ActionOutcome::Unknown } else { outcome })
    });
    let mut stage = changed(shop, vec![draft(&[(1, 5)]), confirm()]);
    let expected = ["change_order_lines", "change_order_lines", "order_details", "change_order_lines"];
    assert_eq!(names(&stage)[3..], expected);
    stage.say("yes");
    assert_eq!(stage.confirms(), 1, "{:?}", stage.said);
    let order = small.draft.borrow().clone().expect("a draft");
    assert_eq!((order.lines[0].quantity, order.delivery.is_some()), (5, true));
    assert!(stage.said.iter().any(|s| s.contains("five pieces")), "{:?}", stage.said);
}

#[test]
fn a_shop_that_cannot_change_lines_gets_a_new_draft_and_is_asked_once() {
    let no = |code| {
        let rejection = Rejection { code, detail: String::new(), order_number: None };
        Some(ActionOutcome::Rejected { rejection })
    };
    let small = Small::default();
    let stage =
        changed(small.changing(no(ProblemCode::Unsupported)), vec![words("Six then."), draft(&[(1, 5)])]);
    let mut stage = stage;
    let anew = ["change_order_lines", "cancel_order", "create_order_draft"];
    assert_eq!(names(&stage)[3..], anew);
    assert_eq!(result(&stage, "create_order_draft")["missing"], serde_json::json!(["delivery"]));
    stage.say("five");
    assert_eq!(names(&stage)[6..], ["cancel_order", "create_order_draft"], "not asked again");
    assert_eq!(stage.confirms(), 0);

    // A draft that has expired, is gone, or goes where nothing is brought any more.
    for code in [ProblemCode::Expired, ProblemCode::NotFound, ProblemCode::CityNotServed, ProblemCode::Other]
    {
        let small = Small::default();
        let stage = changed(small.changing(no(code)), Vec::new());
        assert_eq!(names(&stage)[3..], anew, "{code:?}");
    }
    // What cannot be had changes nothing; what was ordered meanwhile is no draft to be cancelled.
    for (code, kept) in [
        (ProblemCode::OutOfStock, true),
        (ProblemCode::UnknownProduct, true),
        (ProblemCode::AlreadyConfirmed, false),
        (ProblemCode::InvalidTransition, false),
    ] {
        let small = Small::default();
        let mut stage = changed(small.changing(no(code)), vec![confirm()]);
        assert_eq!(names(&stage)[3..], ["change_order_lines"], "{code:?}");
        let again = stage.said.iter().filter(|s| s.contains("Is that right")).count();
        assert_eq!(again, if kept { 2 } else { 1 }, "{code:?}: {:?}", stage.said);
        stage.input(Input::HungUp { cause: HangupCause::Caller });
        let cancels = names(&stage).iter().filter(|name| **name == "cancel_order").count();
        assert_eq!(cancels, usize::from(kept), "{code:?}");
    }
}

#[test]
fn a_change_that_is_settled_after_a_cancel_or_a_hang_up_brings_no_draft_back() {
    for by_word in [true, false] {
        let small = Small::default();
        let mut stage = changed(small.changing(None), Vec::new());
        let id = stage.acts.last().expect("changing").id;
        if by_word {
            stage.say("cancel my order");
        } else {
            stage.input(Input::HungUp { cause: HangupCause::Caller });
        }
        assert_eq!(names(&stage)[3..], ["change_order_lines", "cancel_order"]);
        stage.input(Input::Settled { id, outcome: ActionOutcome::LinesChanged { order: order(9) } });
        if by_word {
            stage.listen();
            stage.say("yes");
        }
        assert_eq!((stage.confirms(), names(&stage).len()), (0, 5));
    }
}

#[test]
fn a_change_that_comes_late_is_the_draft_of_then() {
    let small = Small::default();
    let mut stage = changed(small.changing(None), vec![words("Shall we go on?"), confirm()]);
    let id = stage.acts.last().expect("changing").id;
    // Given up after eight seconds: nobody knows what it holds.
    stage.pass(9_000, false);
    let mut late = small.draft.borrow().clone().expect("a draft");
    Small::with_lines(&mut late, &[line(NOKIAN, 6)]);
    *small.draft.borrow_mut() = Some(late.clone());
    stage.input(Input::Settled { id, outcome: ActionOutcome::LinesChanged { order: late.clone() } });
    stage.say("please place the order");
    stage.say("yes");
    let evidence = stage.acts.last().and_then(|act| act.evidence.clone()).expect("evidence");
    assert_eq!(evidence.order_digest, crate::conversation::order_digest(&late), "{:?}", stage.said);
}

#[test]
fn the_briefing_of_a_single_search_is_as_it_always_was() {
    let small = Small::default();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let briefings = Rc::clone(&seen);
    let mut thoughts = VecDeque::from([find("nokian"), words("Nokian."), find("kama")]);
    let thinker: Thinker = Box::new(move |request| {
        briefings.borrow_mut().push(serde_json::to_string(&request.briefing).expect("JSON"));
        assert!(!request.history.iter().any(|m| matches!(m, Message::Note { .. })));
        thoughts.pop_front().unwrap_or_else(|| words("Anything else?"))
    });
    let mut stage = Stage::new(thinker, small.shop());
    stage.listen();
    stage.say("nokian");
    stage.say("kama");
    let told: Vec<bool> = seen.borrow().iter().map(|briefing| briefing.contains("\"found\"")).collect();
    assert_eq!(told, [false, false, false, true]);
}
