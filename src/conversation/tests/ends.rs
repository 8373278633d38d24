//! How orders end when the talk does not wait for them: cancelled, hung up on, lost sight of.

use super::*;
use crate::orders::Unavailable;

fn unavailable() -> ActionOutcome {
    ActionOutcome::Unavailable { reason: Unavailable::Store }
}

fn rejected(code: ProblemCode) -> ActionOutcome {
    ActionOutcome::Rejected { rejection: Rejection { code, detail: String::new(), order_number: None } }
}

fn confirmed() -> ActionOutcome {
    let request =
        crate::orders::ActionRequest { id: RequestId(0), action: confirm(), key: None, evidence: None };
    good_shop()(&request).expect("a good shop confirms")
}

fn confirm() -> OrderAction {
    OrderAction::Confirm {
        order_id: uuid::Uuid::from_u128(42),
        payment: PaymentMethod::CashOnDelivery,
        name: None,
    }
}

/// A shop that keeps this one kind of action waiting.
fn shop_without(name: &'static str) -> Shop {
    Box::new(move |request| if request.action.name() == name { None } else { good_shop()(request) })
}

/// A call in which the caller has just agreed, and the store has not answered. The id is the confirmation's.
fn agreed(shop: Shop) -> (Stage, RequestId) {
    let mut stage = Stage::new(eager(), shop);
    stage.listen();
    stage.say("four nokian tires");
    stage.speak("yes", 500);
    stage.pass(600, false);
    let id = stage.acts.last().expect("confirming").id;
    assert_eq!(stage.confirms(), 1);
    (stage, id)
}

fn cancels(stage: &Stage) -> usize {
    stage.acts.iter().filter(|act| matches!(act.action, OrderAction::Cancel { .. })).count()
}

#[test]
fn an_order_that_could_not_be_revoked_is_never_spoken_of_as_cancelled() {
    let shop: Shop = Box::new(|request| match request.action {
        OrderAction::Confirm { .. } => None,
        OrderAction::Cancel { .. } => Some(unavailable()),
        _ => good_shop()(request),
    });
    let (mut stage, id) = agreed(shop);
    stage.say("cancel my order");
    stage.input(Input::Settled { id, outcome: confirmed() });
    stage.listen();
    assert_eq!(cancels(&stage), 1);
    assert!(!stage.said.iter().any(|s| s.contains("cancelled")), "{:?}", stage.said);
    assert!(matches!(stage.left, Some(Leave::Transfer { .. })), "a person sees to it");
}

#[test]
fn cancelling_after_the_yes_wins_however_often_it_is_said() {
    for outcome in [confirmed(), ActionOutcome::Unknown, rejected(ProblemCode::OutOfStock)] {
        let (mut stage, id) = agreed(shop_without("confirm_order"));
        stage.say("cancel my order");
        stage.say("cancel my order");
        assert_eq!(cancels(&stage), 0, "one after the other");
        stage.input(Input::Settled { id, outcome });
        stage.listen();
        assert_eq!(cancels(&stage), 1);
        assert!(stage.said.iter().any(|s| s.contains("cancelled")), "{:?}", stage.said);
    }
}

#[test]
fn who_cancels_after_the_yes_and_hangs_up_has_ordered_nothing() {
    let (mut stage, id) = agreed(shop_without("confirm_order"));
    stage.say("cancel my order");
    stage.input(Input::HungUp { cause: HangupCause::Caller });
    assert_eq!(cancels(&stage), 0);
    stage.input(Input::Settled { id, outcome: confirmed() });
    assert_eq!(cancels(&stage), 1);
    assert!(stage.core.is_over());
}

#[test]
fn a_confirmation_that_is_refused_after_the_hang_up_leaves_no_draft() {
    let left = [unavailable(), rejected(ProblemCode::OutOfStock)].map(|outcome| (outcome, 1));
    let kept = [confirmed(), ActionOutcome::Unknown, rejected(ProblemCode::AlreadyConfirmed)];
    for (outcome, cancelled) in left.into_iter().chain(kept.map(|outcome| (outcome, 0))) {
        let (mut stage, id) = agreed(shop_without("confirm_order"));
        stage.input(Input::HungUp { cause: HangupCause::Caller });
        stage.input(Input::Settled { id, outcome: outcome.clone() });
        assert_eq!(cancels(&stage), cancelled, "{outcome:?}");
        assert!(stage.core.is_over());
    }
}

#[test]
fn an_order_that_was_confirmed_before_is_not_cancelled_at_the_end() {
    let shop: Shop = Box::new(|request| match request.action {
        OrderAction::Confirm { .. } => Some(rejected(ProblemCode::AlreadyConfirmed)),
        _ => good_shop()(request),
    });
    let mut stage = Stage::new(eager(), shop);
    stage.listen();
    stage.say("four nokian tires");
    stage.say("yes");
    stage.input(Input::HungUp { cause: HangupCause::Caller });
    assert_eq!(cancels(&stage), 0);
}

#[test]
fn a_goodbye_waits_for_what_became_of_the_order() {
    let (mut stage, id) = agreed(shop_without("confirm_order"));
    stage.say("thank you goodbye");
    assert_eq!(stage.left, None);
    stage.input(Input::Settled { id, outcome: confirmed() });
    stage.pass(12_000, false);
    assert!(stage.said.iter().any(|s| s.contains("is placed")), "{:?}", stage.said);
    stage.pass(12_000, false);
    assert_eq!(stage.left, Some(Leave::HangUp));
}

#[test]
fn a_creation_asked_for_again_has_its_key_and_another_has_another() {
    let draft = |n: u32| {
        let arguments = format!(r#"{{"items":[{{"product_ref":1,"quantity":{n}}}]}}"#);
        call("create_order_draft", &arguments)
    };
    let find = call("find_products", r#"{"query":"nokian"}"#);
    let shop: Shop = Box::new(|request| match request.action {
        OrderAction::CreateDraft { .. } => Some(ActionOutcome::Unknown),
        _ => good_shop()(request),
    });
    let mut stage = Stage::new(scripted(vec![find, draft(4), draft(4), draft(2)]), shop);
    stage.listen();
    stage.say("four nokian tires");
    let keys: Vec<_> = stage.acts.iter().filter_map(|act| act.key).collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0], keys[1], "the store finds the draft that it may have made");
    assert_ne!(keys[0], keys[2], "a store refuses a key that comes with another body");
}

#[test]
fn a_draft_that_comes_after_it_was_given_up_is_cancelled() {
    let mut stage = Stage::new(eager(), shop_without("create_order_draft"));
    stage.listen();
    stage.speak("four nokian tires", 800);
    stage.pass(700, false);
    let id = stage.acts.last().expect("drafting").id;
    stage.thinker = Box::new(|_| words("Shall we try again?"));
    stage.pass(9000, false);
    stage.input(Input::Settled { id, outcome: ActionOutcome::Drafted { order: order(1) } });
    assert_eq!(cancels(&stage), 1);
}

#[test]
fn what_may_go_elsewhere_now_is_not_read_back() {
    let shop: Shop = Box::new(|request| match request.action {
        OrderAction::SetDelivery { .. } => Some(ActionOutcome::Unknown),
        OrderAction::CreateDraft { .. } => Some(ActionOutcome::Drafted { order: order(1) }),
        _ => good_shop()(request),
    });
    let mut stage = Stage::new(eager(), shop);
    stage.listen();
    stage.say("four nokian tires");
    assert!(!stage.said.iter().any(|s| s.contains("read your order back")), "{:?}", stage.said);
    stage.say("yes");
    assert_eq!(stage.confirms(), 0);
}

#[test]
fn cancelling_while_a_draft_makes_room_for_another_makes_none() {
    let again = call("create_order_draft", r#"{"items":[{"product_ref":1,"quantity":2}]}"#);
    let find = call("find_products", r#"{"query":"nokian"}"#);
    let first = call("create_order_draft", r#"{"items":[{"product_ref":1,"quantity":4}]}"#);
    let thinker = scripted(vec![find, first, words("Where to?"), again]);
    let shop: Shop = Box::new(|request| match request.action {
        OrderAction::Cancel { .. } => None,
        OrderAction::ChangeLines { .. } => Some(rejected(ProblemCode::Unsupported)),
        _ => good_shop()(request),
    });
    let mut stage = Stage::new(thinker, shop);
    stage.listen();
    stage.say("four nokian tires");
    stage.say("two tires");
    let id = stage.acts.last().expect("replacing").id;
    stage.say("cancel my order");
    let outcome = ActionOutcome::Cancelled { order_id: uuid::Uuid::from_u128(42) };
    stage.input(Input::Settled { id, outcome });
    stage.listen();
    let drafts =
        stage.acts.iter().filter(|act| matches!(act.action, OrderAction::CreateDraft { .. })).count();
    assert_eq!(drafts, 1);
    assert!(stage.said.iter().any(|s| s.contains("cancelled")), "{:?}", stage.said);
}
