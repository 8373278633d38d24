//! PayServiceApi from outside: the sandbox that really calls back, refunds, and callbacks that are not what they seem.

use orderline::store::ProviderSettings;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{TOKEN, reply, until};
use crate::market_desk::{Buyer, Market, SECRET, sign};

const PHONE: &str = "+79051112233";

/// A marketplace that does not hear its provider: what the provider says comes from the test.
async fn deaf() -> Market {
    let callback_url = "http://127.0.0.1:9".to_owned();
    Market::open_with(|settings| {
        settings.pay.provider = Some(ProviderSettings::Sandbox { callback_url, think_ms: 1 });
    })
    .await
}

/// A paid order; its id and its payment's.
async fn paid(market: &Market, buyer: &Buyer) -> (String, String) {
    let (order, payment) = market.paying(buyer, "tok_ok").await;
    market.until(buyer, &order, "PAID").await;
    (order, payment)
}

async fn payment(market: &Market, id: &str) -> Value {
    market.get(&market.service, &format!("/api/v1/payments/{id}")).await.expect(200)
}

async fn refund(market: &Market, order: &str, payment: &str, amount: Value) -> crate::desk::Reply {
    let body = json!({"orderId": order, "paymentId": payment, "amount": amount});
    market.post(&market.service, "/api/v1/refunds", body).await
}

#[tokio::test]
async fn a_payment_that_fails_cancels_its_order_and_gives_the_goods_back() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let held = market.desk.count("select sum(reserved) from stock.stock_items").await;
    for (token, code) in [
        ("tok_declined", "declined"),
        ("tok_insufficient_funds", "insufficient_funds"),
        ("tok_of_somebody_else", "unknown_token"),
    ] {
        let (order, id) = market.paying(&buyer, token).await;
        let cancelled = market.until(&buyer, &order, "CANCELLED").await;
        assert_eq!(
            (&cancelled["reason"], &cancelled["reservationId"]),
            (&json!("payment_failed"), &json!(null))
        );
        let failed = payment(&market, &id).await;
        assert_eq!((&failed["status"], &failed["failureCode"]), (&json!("failed"), &json!(code)));
        assert_eq!(market.desk.count("select sum(reserved) from stock.stock_items").await, held);
        assert_eq!(market.told(&order).await, ["order_created", "order_cancelled"]);
        // One transaction: cancelled by the event that noted the failure.
        let events = "select count(*) from orders.events where order_id = $1 and event = 'payment_failed' \
             and to_state = 'cancelled' and actor = 'provider'";
        assert_eq!(market.number(events, &order).await, 1);
        market
            .does(&buyer, &order, "pay", json!({"cardToken": "tok_ok"}))
            .await
            .refused(409, "invalid-transition");
    }
    market.close().await;
}

#[tokio::test]
async fn a_programme_begins_payments_of_what_is_owed_and_nothing_else() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let order = market.order(&buyer).await;
    let total = market.see(&buyer, &order).await["totalAmount"].clone();
    let good = json!({"orderId": order, "amount": total, "currency": "RUB", "method": "card", "cardToken": "tok_ok"});
    let path = "/api/v1/payments";
    market.post(&market.service, path, good.clone()).await.refused(409, "reservation-missing");
    market.does(&buyer, &order, "reserve", json!({})).await.expect(200);
    for (name, value, status, code) in [
        ("amount", json!(1), 422, "amount-mismatch"),
        ("amount", json!(total.as_f64().unwrap() + 0.01), 422, "amount-mismatch"),
        ("amount", json!(-1), 422, "invalid-request"),
        ("amount", json!(1.005), 422, "invalid-request"),
        ("amount", json!("1e3"), 422, "invalid-request"),
        ("amount", json!(1e300), 422, "invalid-request"),
        ("amount", json!(u64::MAX), 422, "invalid-request"),
        ("currency", json!("BYN"), 422, "amount-mismatch"),
        ("currency", json!("rub"), 422, "invalid-request"),
        ("currency", json!("R\u{0}B"), 422, "invalid-request"),
        ("method", json!("gold"), 422, "invalid-request"),
        ("method", json!("phone"), 422, "invalid-request"),
        ("cardToken", json!(""), 422, "invalid-request"),
        ("orderId", json!("' or 1=1"), 422, "invalid-request"),
        ("orderId", json!(Uuid::now_v7()), 404, "not-found"),
        ("extra", json!(1), 422, "invalid-request"),
    ] {
        let mut body = good.clone();
        body[name] = value;
        market.post(&market.service, path, body).await.refused(status, code);
    }
    market.post(&buyer.token, path, good.clone()).await.refused(403, "forbidden");
    market.post(TOKEN, path, good.clone()).await.refused(403, "forbidden");
    market.post("", path, good.clone()).await.refused(401, "unauthorized");
    let begun = market.post(&market.service, path, good.clone()).await;
    let location = begun.headers["location"].to_str().unwrap().to_owned();
    let begun = begun.expect(201);
    assert_eq!(begun["status"], "pending");
    market.until(&buyer, &order, "PAID").await;
    let seen = market.get(&market.service, &location).await.expect(200);
    assert_eq!(
        (&seen["orderId"], &seen["status"], &seen["method"]),
        (&json!(order), &json!("paid"), &json!("card"))
    );
    assert_eq!((&seen["amount"], &seen["currency"]), (&total, &json!("RUB")));
    market.post(&market.service, path, good).await.refused(409, "invalid-transition");
    market.get(&buyer.token, &location).await.refused(403, "forbidden");
    for id in [Uuid::now_v7().to_string(), "x".into()] {
        market.get(&market.service, &format!("/api/v1/payments/{id}")).await.refused(404, "not-found");
        market.get(&market.service, &format!("/api/v1/refunds/{id}")).await.refused(404, "not-found");
    }
    // Who pays at the door does not pay here as well.
    let by_phone = market.desk.ready(PHONE).await;
    let total = market.desk.confirm(&by_phone).await.expect(200)["total"].clone();
    let body =
        json!({"orderId": by_phone, "amount": total, "currency": "RUB", "method": "phone", "phone": PHONE});
    market.post(&market.service, path, body).await.refused(409, "invalid-transition");
    market.does(&buyer, &by_phone, "pay", json!({"phone": PHONE})).await.refused(409, "invalid-transition");
    market.close().await;
}

#[tokio::test]
async fn a_shop_without_a_provider_takes_no_payment_and_believes_no_callback() {
    let market = Market::open_with(|settings| settings.pay = Default::default()).await;
    let buyer = market.buyer(PHONE, true).await;
    let order = market.reserved(&buyer).await;
    let pay = json!({"cardToken": "tok_ok"});
    market.does(&buyer, &order, "pay", pay).await.refused(422, "payment-method-unavailable");
    let id = Uuid::now_v7().to_string();
    refund(&market, &order, &id, json!(1)).await.refused(422, "payment-method-unavailable");
    market.notify(&id, "succeeded").await.refused(503, "not-configured");
    market.get("", &format!("/pay/{id}")).await.refused(404, "not-found");
    assert_eq!(market.see(&buyer, &order).await["status"], "RESERVED");
    market.close().await;
}

#[tokio::test]
async fn money_goes_back_in_pieces_and_never_more_than_came() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let (order, id) = paid(&market, &buyer).await;
    let (other, _) = paid(&market, &buyer).await;
    let total = payment(&market, &id).await["amount"].as_f64().unwrap();
    for (amount, status, code) in [
        (json!(0), 422, "invalid-request"),
        (json!(-1), 422, "invalid-request"),
        (json!(0.001), 422, "invalid-request"),
        (json!("ten"), 422, "invalid-request"),
        (json!(total + 0.01), 409, "refund-too-large"),
        (json!(90_000_000_000_000_i64), 409, "refund-too-large"),
    ] {
        refund(&market, &order, &id, amount).await.refused(status, code);
    }
    refund(&market, &other, &id, json!(1)).await.refused(404, "not-found");
    refund(&market, &Uuid::now_v7().to_string(), &id, json!(1)).await.refused(404, "not-found");
    let body = json!({"orderId": order, "paymentId": id, "amount": 1});
    market.post(&buyer.token, "/api/v1/refunds", body.clone()).await.refused(403, "forbidden");
    market.post("", "/api/v1/refunds", body).await.refused(401, "unauthorized");

    let first = refund(&market, &order, &id, json!("100.50")).await;
    let location = first.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(first.expect(201)["status"], "pending");
    until(async || market.get(&market.service, &location).await.expect(200)["status"] == "succeeded").await;
    let gone = market.get(&market.service, &location).await.expect(200);
    assert_eq!(
        (&gone["amount"], &gone["paymentId"], &gone["orderId"]),
        (&json!(100.5), &json!(id), &json!(order))
    );
    // The order is live still, and what is left can be sent back, once.
    assert_eq!(market.see(&buyer, &order).await["status"], "PAID");
    refund(&market, &order, &id, json!(total)).await.refused(409, "refund-too-large");
    let rest = json!(total - 100.5);
    let both = tokio::join!(refund(&market, &order, &id, rest.clone()), refund(&market, &order, &id, rest));
    let mut statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{} {}", both.0.text, both.1.text);
    until(async || payment(&market, &id).await["status"] == "refunded").await;
    assert_eq!(payment(&market, &id).await["refundedAmount"].as_f64(), Some(total));
    market.does(&buyer, &order, "confirm", json!({})).await.refused(409, "payment-missing");
    market.does(&buyer, &order, "cancel", json!({"reason": "x"})).await.expect(200);
    assert_eq!(market.number("select count(*) from pay.refunds where order_id = $1", &order).await, 2);
    market.close().await;
}

#[tokio::test]
async fn a_refund_that_fails_is_owed_still_and_may_be_asked_for_again() {
    let market = deaf().await;
    let buyer = market.buyer(PHONE, true).await;
    let (order, id) = market.paying(&buyer, "tok_timeout").await;
    let path = format!("/api/v1/payments/{id}/notify");
    market.notify(&id, "succeeded").await.expect(200);
    let total = payment(&market, &id).await["amount"].clone();
    let first = refund(&market, &order, &id, total.clone()).await.expect(201)["refundId"].clone();
    assert_eq!(payment(&market, &id).await["status"], "refund_pending");
    let failed = json!({"status": "failed", "failureCode": "closed_account", "refundId": first});
    let other_sum = json!({"status": "failed", "amount": 1, "refundId": first});
    market.call_back(&path, &id, &other_sum).await.refused(422, "amount-mismatch");
    for _ in 0..2 {
        assert_eq!(market.call_back(&path, &id, &failed).await.expect(200)["status"], "paid");
    }
    let seen = market
        .get(&market.service, &format!("/api/v1/refunds/{}", first.as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!((&seen["status"], &seen["failureCode"]), (&json!("failed"), &json!("closed_account")));
    let stranger = json!({"status": "succeeded", "refundId": Uuid::now_v7()});
    market.call_back(&path, &id, &stranger).await.refused(404, "not-found");

    // Cancelled, and the money still does not go back: it is owed until it does.
    market.does(&buyer, &order, "cancel", json!({"reason": "x"})).await.expect(200);
    let second =
        "select refund_id from pay.provider_calls where kind = 'refund' order by created_at desc limit 1";
    let second: Uuid = sqlx::query_scalar(second).fetch_one(&market.desk.pool).await.unwrap();
    let failed = json!({"status": "failed", "refundId": second});
    assert_eq!(market.call_back(&path, &id, &failed).await.expect(200)["status"], "refund_pending");
    let third = refund(&market, &order, &id, total).await.expect(201)["refundId"].clone();
    let done = json!({"status": "succeeded", "refundId": third});
    assert_eq!(market.call_back(&path, &id, &done).await.expect(200)["status"], "refunded");
    market.close().await;
}

#[tokio::test]
async fn a_callback_is_believed_only_with_a_fresh_signature_of_its_own() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let (order, id) = market.paying(&buyer, "tok_timeout").await;
    let (other_order, other) = market.paying(&buyer, "tok_timeout").await;
    let now = chrono::Utc::now().timestamp();
    let body = json!({"status": "succeeded"}).to_string();
    let path = format!("/api/v1/payments/{id}/notify");
    let good = sign(SECRET, now, &id, &body);
    for (at, signature, body) in [
        (now, sign("another-secret-0123456789abcdefgh", now, &id, &body), body.clone()),
        (now, sign(SECRET, now, &other, &body), body.clone()),
        (now, sign(SECRET, now, &id, &json!({"status": "failed"}).to_string()), body.clone()),
        (now - 301, sign(SECRET, now - 301, &id, &body), body.clone()),
        (now + 330, sign(SECRET, now + 330, &id, &body), body.clone()),
        (now + 1, good.clone(), body.clone()),
        (now, good[3..].to_owned(), body.clone()),
        (now, String::new(), body.clone()),
        (now, good.clone(), format!("{body} ")),
    ] {
        market.call_back_as(&path, at, &signature, body).await.refused(401, "wrong-signature");
    }
    market.post("", &path, json!({"status": "succeeded"})).await.refused(401, "wrong-signature");
    market.post(&market.service, &path, json!({"status": "succeeded"})).await.refused(401, "wrong-signature");
    assert_eq!(payment(&market, &id).await["status"], "pending");

    // Rightly signed, and still not about this.
    let call = async |body: Value| market.call_back(&path, &id, &body).await;
    call(json!({"status": "succeeded", "amount": 1, "currency": "RUB"}))
        .await
        .refused(422, "amount-mismatch");
    call(json!({"status": "succeeded", "currency": "BYN"})).await.refused(422, "amount-mismatch");
    call(json!({"status": "succeeded", "orderId": other_order})).await.refused(404, "not-found");
    call(json!({"status": "perhaps"})).await.refused(422, "invalid-request");
    call(json!({})).await.refused(422, "invalid-request");
    let nobody = Uuid::now_v7().to_string();
    market.notify(&nobody, "succeeded").await.refused(404, "not-found");
    let by_order = format!("/api/v1/orders/{other_order}/payment-status");
    let foreign = json!({"paymentId": id, "status": "succeeded"});
    market.call_back(&by_order, &other_order, &foreign).await.refused(404, "not-found");
    market.call_back(&by_order, &order, &foreign).await.refused(401, "wrong-signature");
    market.post(&market.service, &by_order, foreign).await.refused(404, "not-found");
    for order in [&order, &other_order] {
        assert_eq!(market.see(&buyer, order).await["status"], "PAYMENT_PENDING");
    }

    // The same request again, to the byte: the same answer, and nothing happens twice.
    let first = market.call_back_as(&path, now, &good, body.clone()).await;
    let replayed = market.call_back_as(&path, now, &good, body).await;
    assert_eq!((first.status, &first.text), (replayed.status, &replayed.text));
    assert_eq!(first.expect(200), json!({"paymentId": id, "orderId": order, "status": "paid"}));
    assert_eq!(market.told(&order).await, ["order_created", "order_paid"]);
    // A programme of the shop may bring the word, and so may the provider under the order's path.
    let word =
        json!({"paymentId": other, "status": "failed", "failureCode": "x", "failureMessage": "no\u{7}pe"});
    let cancelled = market.post(&market.service, &by_order, word.clone()).await.expect(200);
    assert_eq!((&cancelled["id"], &cancelled["status"]), (&json!(other_order), &json!("CANCELLED")));
    assert_eq!(market.call_back(&by_order, &other_order, &word).await.expect(200), cancelled);
    assert_eq!(payment(&market, &other).await["failureMessage"], "nope");
    market.close().await;
}

#[tokio::test]
async fn the_link_of_a_telephone_order_leads_to_a_page_that_pays_or_declines() {
    let market = Market::open().await;
    let desk = &market.desk;
    for (decision, status, told) in [
        ("pay", "processing", vec!["order_payment_link", "order_paid", "order_confirmed"]),
        ("decline", "cancelled", vec!["order_payment_link", "order_cancelled"]),
    ] {
        let id = desk.ready(PHONE).await;
        let online = json!({"payment_method": "online"});
        let confirmed =
            desk.post(&format!("/api/v1/orders/{id}/confirm"), decision, online).await.expect(200);
        let link = confirmed["payment"]["pay_url"].as_str().unwrap();
        let page = reply(desk.client.get(link)).await;
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        let number = confirmed["order_number"].as_str().unwrap();
        assert!(page.text.contains(number) && page.text.contains("36350.00 RUB"), "{}", page.text);
        reply(desk.client.post(link).form(&[("decision", "steal")])).await.refused(422, "invalid-request");
        let clicked = reply(desk.client.post(link).form(&[("decision", decision)])).await;
        assert!(clicked.status.is_success() && !clicked.text.contains("<form"), "{}", clicked.text);
        // A second click, the other way, changes nothing.
        reply(desk.client.post(link).form(&[("decision", "decline")])).await;
        until(async || desk.get(&format!("/api/v1/orders/{id}")).await.expect(200)["status"] == status).await;
        assert_eq!(market.told(&id).await, told);
        let page = reply(desk.client.get(link)).await;
        assert!(!page.text.contains("<form"), "{}", page.text);
    }
    for id in [Uuid::now_v7().to_string(), "x".into()] {
        market.get("", &format!("/pay/{id}")).await.refused(404, "not-found");
    }
    // Only online payments have a page.
    let buyer = market.buyer(PHONE, true).await;
    let (order, id) = market.paying(&buyer, "tok_timeout").await;
    market.get("", &format!("/pay/{id}")).await.refused(404, "not-found");
    market.does(&buyer, &order, "cancel", json!({"reason": "x"})).await.expect(200);
    // What waits for a click can be paid at the marketplace instead.
    let id = desk.ready(PHONE).await;
    let online = json!({"payment_method": "online"});
    desk.post(&format!("/api/v1/orders/{id}/confirm"), "k", online).await.expect(200);
    market
        .ask(
            &buyer.token,
            Method::POST,
            &format!("/api/v1/orders/{id}/pay"),
            Some(json!({"cardToken": "tok_ok"})),
        )
        .await
        .expect(202);
    market.until(&buyer, &id, "CONFIRMED").await;
    market.close().await;
}
