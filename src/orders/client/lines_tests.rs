//! Other lines for a draft: from a shop that can, and from one that has no such request.

#![allow(clippy::unwrap_used)]

use super::tests::*;
use super::*;

fn change() -> OrderAction {
    let lines = vec![DraftLine { product_id: ORDER, quantity: 2 }];
    OrderAction::ChangeLines { order_id: ORDER, version: 2, lines }
}

fn put() -> String {
    format!("PUT orders/{ORDER}/lines")
}

fn get() -> String {
    format!("GET orders/{ORDER}")
}

fn code(outcome: ActionOutcome) -> ProblemCode {
    rejection(outcome).code
}

#[tokio::test(start_paused = true)]
async fn a_draft_comes_back_with_its_lines_and_its_delivery() {
    let mut play = Play::of([(10, torn()), (10, says(200, delivered_to_door()))]);
    let outcome = play.act(change()).await;
    let ActionOutcome::LinesChanged { order } = outcome else { panic!("{outcome:?}") };
    assert!(order.delivery.is_some());
    assert_eq!(play.asked(), [put(), put()], "tried again under the same key");
    let seen = play.seen();
    assert!(seen.iter().all(|(_, request)| request.version == Some(2)), "of the draft that is known");
    assert_eq!((seen[0].1.key, seen[1].1.key), (Some(Uuid::from_u128(7)), Some(Uuid::from_u128(7))));
    let body: Value = serde_json::from_slice(seen[0].1.body.as_ref().unwrap()).unwrap();
    assert_eq!(body, json!({"lines": [{"product_id": ORDER, "quantity": 2}]}), "neither price nor total");
}

#[tokio::test(start_paused = true)]
async fn a_short_yes_is_completed_from_the_order_and_one_of_another_order_is_none() {
    let mut play = Play::of([(10, says(200, json!({}))), (10, says(200, draft()))]);
    assert!(matches!(play.act(change()).await, ActionOutcome::LinesChanged { .. }));
    let mut other = draft();
    other["id"] = json!(Uuid::nil());
    let mut play = Play::of([(10, says(200, other.clone())), (10, says(200, other))]);
    assert_eq!(play.act(change()).await, ActionOutcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_shop_without_the_request_is_recognised_once_and_remembered_for_an_hour() {
    for status in [405, 501] {
        let mut play = Play::of([(10, says(status, json!({"code": "method-not-allowed"})))]);
        assert_eq!(code(play.act(change()).await), ProblemCode::Unsupported, "{status}");
        assert_eq!(code(play.act(change()).await), ProblemCode::Unsupported);
        assert_eq!(play.asked(), [put()], "asked once");
        assert_eq!(play.client.breaker(), BreakerState::Closed);
        advance(Duration::from_secs(3601)).await;
        play.script([(10, says(200, draft()))]);
        assert!(matches!(play.act(change()).await, ActionOutcome::LinesChanged { .. }));
    }
    // A framework's page, an older store's problem document: the order is there, so it is the path that is not.
    for body in [json!("<html>"), json!({"code": "not-found", "detail": "expected a path of this store"})] {
        let mut play = Play::of([(10, says(404, body)), (10, says(200, draft()))]);
        assert_eq!(code(play.act(change()).await), ProblemCode::Unsupported);
        assert_eq!(code(play.act(change()).await), ProblemCode::Unsupported);
        assert_eq!(play.asked(), [put(), get()]);
        // What every shop has is asked for as ever.
        play.script([(10, says(200, placed()))]);
        assert!(matches!(play.act(confirm()).await, ActionOutcome::Confirmed { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_not_found_is_no_lack_of_the_request() {
    let no = || (10, says(404, json!({"code": "not-found"})));
    let mut play = Play::of([no(), no()]);
    assert_eq!(code(play.act(change()).await), ProblemCode::NotFound);
    play.script([(10, says(200, draft()))]);
    assert!(matches!(play.act(change()).await, ActionOutcome::LinesChanged { .. }), "asked again");
    // Whether the order is there could not be found out.
    let mut play = Play::of([no()]);
    assert_eq!(play.act(change()).await, UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_attempt_a_proxys_page_proves_nothing() {
    for status in [404, 501] {
        let mut play = Play::of([(10, torn()), (10, says(status, json!("<html>")))]);
        assert_eq!(play.act(change()).await, ActionOutcome::Unknown, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_sent_to_a_shop_without_the_request_was_not_done() {
    let mut play = Play::of([(10, says(405, json!({})))]);
    assert_eq!(code(play.act_again(change()).await), ProblemCode::Unsupported);
    let mut play = Play::of([(10, says(409, json!({"code": "invalid-transition"})))]);
    assert_eq!(code(play.act_again(change()).await), ProblemCode::InvalidTransition);
}
