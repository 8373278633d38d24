//! Two things at once, and the provider's word in the wrong order: there is one winner, and money and stock add up.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::desk::until;
use crate::market_desk::Market;

const PHONE: &str = "+79051112233";
/// How often a race is run. Chosen: each order takes some 50 ms.
const RUNS: usize = 6;

#[tokio::test]
async fn a_success_after_the_cancellation_is_paid_back() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let (order, payment) = market.paying(&buyer, "tok_timeout").await;
    market.does(&buyer, &order, "cancel", json!({"reason": "x"})).await.expect(200);
    // The failure of what was given up is no news.
    assert_eq!(market.notify(&payment, "failed").await.expect(200)["status"], "cancelled");
    assert_eq!(market.notify(&payment, "succeeded").await.expect(200)["status"], "refund_pending");
    until(async || market.see(&buyer, &order).await["paymentStatus"] == "refunded").await;
    assert_eq!(market.see(&buyer, &order).await["status"], "CANCELLED");
    assert_eq!(market.notify(&payment, "succeeded").await.expect(200)["status"], "refunded");
    let refunds = "select count(*) from pay.refunds where order_id = $1 and status = 'succeeded'";
    assert_eq!(market.number(refunds, &order).await, 1);
    market.close().await;
}

#[tokio::test]
async fn a_failure_after_the_success_is_ignored_and_a_success_after_the_failure_paid_back() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let (order, payment) = market.paying(&buyer, "tok_timeout").await;
    market.notify(&payment, "succeeded").await.expect(200);
    assert_eq!(market.notify(&payment, "failed").await.expect(200)["status"], "paid");
    assert_eq!(market.see(&buyer, &order).await["status"], "PAID");
    assert_eq!(market.told(&order).await, ["order_created", "order_paid"]);

    let (order, payment) = market.paying(&buyer, "tok_timeout").await;
    market.notify(&payment, "failed").await.expect(200);
    assert_eq!(market.notify(&payment, "succeeded").await.expect(200)["status"], "refund_pending");
    until(async || market.see(&buyer, &order).await["paymentStatus"] == "refunded").await;
    assert_eq!(market.see(&buyer, &order).await["status"], "CANCELLED");
    market.close().await;
}

#[tokio::test]
async fn a_word_said_ten_times_at_once_is_heard_once() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    for status in ["succeeded", "failed"] {
        let (order, payment) = market.paying(&buyer, "tok_timeout").await;
        let answers = join_all((0..10).map(|_| market.notify(&payment, status))).await;
        for answer in answers {
            answer.expect(200);
        }
        let events = "select count(*) from orders.events where order_id = $1 and event like 'payment_%ed' \
             and event <> 'payment_started'";
        assert_eq!(market.number(events, &order).await, 1);
        assert_eq!(market.told(&order).await.len(), 2);
    }
    market.close().await;
}

#[tokio::test]
async fn of_success_and_failure_at_once_one_wins_and_no_money_is_lost() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    for _ in 0..RUNS {
        let (order, payment) = market.paying(&buyer, "tok_timeout").await;
        let (one, two) =
            tokio::join!(market.notify(&payment, "failed"), market.notify(&payment, "succeeded"));
        one.expect(200);
        two.expect(200);
        let seen = market.see(&buyer, &order).await;
        match seen["status"].as_str().unwrap() {
            "PAID" => assert_eq!(seen["paymentStatus"], "paid"),
            "CANCELLED" => {
                until(async || market.see(&buyer, &order).await["paymentStatus"] == "refunded").await;
            }
            other => panic!("{other}: {seen}"),
        }
    }
    market.close().await;
}

#[tokio::test]
async fn of_a_cancellation_and_a_success_at_once_the_money_goes_back() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    for _ in 0..RUNS {
        let (order, payment) = market.paying(&buyer, "tok_timeout").await;
        let (cancelled, heard) = tokio::join!(
            market.does(&buyer, &order, "cancel", json!({"reason": "x"})),
            market.notify(&payment, "succeeded")
        );
        cancelled.expect(200);
        heard.expect(200);
        until(async || market.see(&buyer, &order).await["paymentStatus"] == "refunded").await;
        assert_eq!(market.see(&buyer, &order).await["status"], "CANCELLED");
    }
    market.close().await;
}

#[tokio::test]
async fn of_the_end_of_time_and_the_money_one_wins() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let mut orders = Vec::new();
    for _ in 0..2 * RUNS {
        orders.push(market.paying(&buyer, "tok_timeout").await);
    }
    let unpaid = market.reserved(&buyer).await;
    // The time of all is over, in their order; as soon as the timer has cancelled the first, the money of all others comes.
    market
        .desk
        .run("update stock.reservations set expires_at = created_at - interval '2 days' where expires_at is not null")
        .await;
    let first = "select count(*) from orders.orders where id = $1 and state = 'cancelled'";
    while market.number(first, &orders[0].0).await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let heard = join_all(orders[1..].iter().map(|(_, payment)| market.notify(payment, "succeeded"))).await;
    for answer in heard {
        answer.expect(200);
    }
    assert_eq!(market.see(&buyer, &orders[0].0).await["reason"], "payment_expired");
    for (order, _) in &orders[1..] {
        let seen = market.see(&buyer, order).await;
        let kept = (&seen["status"], &seen["paymentStatus"]) == (&json!("PAID"), &json!("paid"));
        let back =
            seen["status"] == "CANCELLED" && seen["paymentStatus"].as_str().unwrap().starts_with("refund");
        assert!(kept || back, "{seen}");
    }
    // What was only reserved is there for others, and its buyer may reserve again.
    until(async || market.see(&buyer, &unpaid).await["status"] == "CREATED").await;
    assert_eq!(market.does(&buyer, &unpaid, "reserve", json!({})).await.expect(200)["status"], "RESERVED");
    market.close().await;
}

#[tokio::test]
async fn money_that_comes_after_its_time_goes_back() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let (order, payment) = market.paying(&buyer, "tok_timeout").await;
    market.desk.run("update stock.reservations set expires_at = now() where expires_at is not null").await;
    market.until(&buyer, &order, "CANCELLED").await;
    assert_eq!(market.told(&order).await, ["order_created", "order_cancelled"]);
    market
        .does(&buyer, &order, "pay", json!({"cardToken": "tok_ok"}))
        .await
        .refused(409, "invalid-transition");
    market.notify(&payment, "succeeded").await.expect(200);
    until(async || market.see(&buyer, &order).await["paymentStatus"] == "refunded").await;
    market.close().await;
}

#[tokio::test]
async fn an_order_paid_eight_times_at_once_is_charged_once() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let order = market.reserved(&buyer).await;
    let path = format!("/api/v1/orders/{order}/pay");
    let calls = (0..8).map(|n| {
        let body = json!({"cardToken": format!("tok_ok_{n}")});
        market.ask(&buyer.token, Method::POST, &path, Some(body))
    });
    let mut ids: Vec<String> = Vec::new();
    for answer in join_all(calls).await {
        ids.push(answer.expect(202)["paymentId"].as_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    market.until(&buyer, &order, "PAID").await;
    assert_eq!(market.desk.count("select count(*) from pay.provider_calls where kind = 'charge'").await, 1);
    assert_eq!(market.number("select count(*) from pay.payments where order_id = $1", &order).await, 1);
    market.close().await;
}

#[tokio::test]
async fn goods_are_held_once_however_many_ask() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let order = market.order(&buyer).await;
    let answers = join_all((0..8).map(|_| market.does(&buyer, &order, "reserve", json!({})))).await;
    for answer in answers {
        assert_eq!(answer.expect(200)["status"], "RESERVED");
    }
    let held = "select count(*) from stock.reservations where order_id = $1";
    assert_eq!(market.number(held, &order).await, 1);

    // The last two pieces, and four who want both.
    let mut orders = Vec::new();
    for _ in 0..4 {
        orders.push(market.order(&buyer).await);
    }
    market.desk.run("update stock.stock_items set on_hand = reserved + 2").await;
    let answers = join_all(orders.iter().map(|order| market.does(&buyer, order, "reserve", json!({})))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    let lost = answers.iter().filter(|answer| answer.text.contains("out-of-stock")).count();
    assert_eq!((won, lost), (1, 3));
    market.desk.close().await;
}

#[tokio::test]
async fn of_a_confirmation_and_a_cancellation_at_once_the_goods_are_where_the_order_says() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    for _ in 0..RUNS {
        let (order, payment) = market.paying(&buyer, "tok_timeout").await;
        market.notify(&payment, "succeeded").await.expect(200);
        let (confirmed, cancelled) = tokio::join!(
            market.does(&buyer, &order, "confirm", json!({})),
            market.does(&buyer, &order, "cancel", json!({"reason": "x"}))
        );
        cancelled.expect(200);
        assert!([200, 409].contains(&confirmed.status.as_u16()), "{}", confirmed.text);
        assert_eq!(market.see(&buyer, &order).await["status"], "CANCELLED");
        market.adds_up().await;
    }
    market.close().await;
}

#[tokio::test]
async fn money_for_an_order_that_an_administrator_has_moved_on_is_kept() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    for (status, payment_status) in [("succeeded", "paid"), ("failed", "failed")] {
        let (order, payment) = market.paying(&buyer, "tok_timeout").await;
        let moved = "update orders.orders set state = 'processing', \
             status_id = 'e87d2783-d80f-4a42-a7e4-a7302f6b7510' where id = $1::uuid";
        sqlx::query(AssertSqlSafe(moved)).bind(&order).execute(&market.desk.pool).await.unwrap();
        market.notify(&payment, status).await.expect(200);
        let seen = market.see(&buyer, &order).await;
        assert_eq!((&seen["status"], &seen["paymentStatus"]), (&json!("CONFIRMED"), &json!(payment_status)));
    }
    market.close().await;
}
