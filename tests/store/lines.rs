//! The lines of a draft replaced by others, while its delivery stays.

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::crash::start;
use crate::desk::{BUYER, Desk, Reply, TOKEN, reply, to_moscow};
use crate::passport::{self, Passports};

const WINTER: &str = "нокиан зимние 205 55 16 нешипованные";
const KAMA: &str = "кама 175 70 13";

fn lines(of: &[(&Value, i64)]) -> Value {
    let lines: Vec<Value> =
        of.iter().map(|(product, n)| json!({"product_id": product["id"], "quantity": n})).collect();
    json!({ "lines": lines })
}

async fn change(desk: &Desk, id: &str, key: Option<&str>, body: Value) -> Reply {
    desk.send(Method::PUT, &format!("/api/v1/orders/{id}/lines"), key, Some(body)).await
}

async fn see(desk: &Desk, id: &str) -> Value {
    desk.get(&format!("/api/v1/orders/{id}")).await.expect(200)
}

/// What an order is made of: product and quantity.
fn made_of(order: &Value) -> Vec<(Value, i64)> {
    let items = order["items"].as_array().unwrap();
    items.iter().map(|item| (item["product_id"].clone(), item["quantity"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn a_draft_gets_other_lines_and_keeps_its_delivery() {
    let desk = Desk::open().await;
    let (winter, kama) = (desk.product(WINTER).await, desk.product(KAMA).await);
    let id = desk.ready(BUYER).await;
    let before = see(&desk, &id).await;
    let changed = change(&desk, &id, Some("l1"), lines(&[(&winter, 2), (&kama, 3)])).await;
    assert_eq!(changed.headers["etag"], "\"3\"");
    assert!(changed.text.contains("\"cost\":390.00"), "{}", changed.text);
    let changed = changed.expect(200);
    let ids =
        |order: &Value| (order["id"].clone(), order["order_number"].clone(), order["expires_at"].clone());
    assert_eq!(ids(&changed), ids(&before), "it is the same draft");
    assert_eq!(changed["status"], "draft");
    assert_eq!(made_of(&changed), [(winter["id"].clone(), 2), (kama["id"].clone(), 3)]);
    assert_eq!(changed["delivery"], before["delivery"]);
    let price = |product: &Value| product["price"].as_f64().unwrap();
    let sum = 2.0 * price(&winter) + 3.0 * price(&kama);
    assert_eq!(changed["subtotal"].as_f64().unwrap(), sum);
    assert_eq!(changed["total"].as_f64().unwrap(), sum + 390.0);
    assert_eq!(see(&desk, &id).await, changed);

    let confirmed = desk.confirm(&id).await.expect(200);
    assert_eq!(confirmed["total"], changed["total"]);
    let held = "select coalesce(sum(i.quantity), 0)::bigint from stock.reservation_items i \
                join stock.reservations r on r.id = i.reservation_id \
                join orders.orders o on o.id = r.order_id where o.source = 'ai_agent' and r.status = 'active'";
    assert_eq!(desk.count(held).await, 5, "held is what the order is made of, and no more");
    let events: Vec<(String, Option<String>)> = sqlx::query_as(
        "select event, idem_key from orders.events where order_id = $1 and event <> 'drafted' order by id",
    )
    .bind(id.parse::<Uuid>().unwrap())
    .fetch_all(&desk.pool)
    .await
    .unwrap();
    assert_eq!(events[0], ("delivery_set".to_owned(), None));
    assert_eq!(events[1], ("lines_changed".to_owned(), Some("l1".to_owned())));
    assert_eq!((events[2].0.as_str(), events.len()), ("confirmed", 3));
    desk.close().await;
}

#[tokio::test]
async fn goods_and_delivery_are_at_the_prices_of_the_day() {
    let desk = Desk::open().await;
    let winter = desk.product(WINTER).await;
    let id = desk.ready(BUYER).await;
    desk.run(
        "update catalog.products set price_minor = price_minor + 100; \
         update catalog.delivery_rates set cost_minor = cost_minor + 1000, days_max = days_max + 1",
    )
    .await;
    let changed = change(&desk, &id, None, lines(&[(&winter, 4)])).await;
    assert!(changed.text.contains("\"subtotal\":35964.00"), "{}", changed.text);
    assert!(changed.text.contains("\"cost\":400.00") && changed.text.contains("\"total\":36364.00"));
    assert_eq!(changed.expect(200)["delivery"]["estimated_days"], json!({"min": 1, "max": 3}));
    desk.confirm(&id).await.expect(200);

    // To a pick-up point at the point's own terms.
    let point = desk.get("/api/v1/pickup-points?city=москве").await.expect(200)["items"][0].clone();
    let id = desk.draft(BUYER).await["id"].as_str().unwrap().to_owned();
    let pickup = json!({"delivery_type": "pickup", "pickup_point_id": point["id"]});
    let set = desk.patch(&format!("/api/v1/orders/{id}/delivery"), pickup).await.expect(200);
    let changed = change(&desk, &id, None, lines(&[(&winter, 1)])).await.expect(200);
    assert_eq!(changed["delivery"], set["delivery"]);
    // A place that the shop does not serve any more: the draft stays as it was.
    desk.run("update catalog.pickup_points set is_active = false").await;
    change(&desk, &id, None, lines(&[(&winter, 2)])).await.refused(422, "pickup-point-unknown");
    assert_eq!(see(&desk, &id).await, changed);
    desk.close().await;
}

#[tokio::test]
async fn a_draft_without_a_delivery_stays_without_one() {
    let desk = Desk::open().await;
    let kama = desk.product(KAMA).await;
    let id = desk.draft(BUYER).await["id"].as_str().unwrap().to_owned();
    let changed = change(&desk, &id, None, lines(&[(&kama, 100)])).await;
    // A hundred are more than there are; the store's bound is 999.
    changed.refused(409, "out-of-stock");
    let changed = change(&desk, &id, None, lines(&[(&kama, 2)])).await.expect(200);
    assert_eq!((&changed["delivery"], &changed["total"]), (&Value::Null, &changed["subtotal"]));
    desk.confirm(&id).await.refused(409, "delivery-missing");
    desk.patch(&format!("/api/v1/orders/{id}/delivery"), to_moscow()).await.expect(200);
    desk.confirm(&id).await.expect(200);
    desk.close().await;
}

#[tokio::test]
async fn lines_that_cannot_be_leave_the_draft_as_it_was() {
    let desk = Desk::open().await;
    let (winter, kama) = (desk.product(WINTER).await, desk.product(KAMA).await);
    let id = desk.ready(BUYER).await;
    let before = see(&desk, &id).await;
    let nothing = json!({"id": Uuid::new_v4()});
    let stock = kama["stock"].as_i64().unwrap();
    let many: Vec<(&Value, i64)> = (0..51).map(|_| (&winter, 1)).collect();
    for (body, status, code, pointer) in [
        (lines(&[]), 422, "invalid-request", "/lines"),
        (lines(&many), 422, "invalid-request", "/lines"),
        (lines(&[(&winter, 1), (&kama, 0)]), 422, "invalid-request", "/lines/1/quantity"),
        (lines(&[(&winter, -4)]), 422, "invalid-request", "/lines/0/quantity"),
        (lines(&[(&winter, 1000)]), 422, "invalid-request", "/lines/0/quantity"),
        (lines(&[(&winter, 600), (&winter, 600)]), 422, "invalid-request", "/lines/1/quantity"),
        (lines(&[(&winter, 1), (&nothing, 1)]), 422, "unknown-product", "/lines/1/product_id"),
        (lines(&[(&winter, 1), (&kama, stock + 1)]), 409, "out-of-stock", "/lines/1"),
        // Two lines of one product are one, also where they are too many together.
        (lines(&[(&kama, stock), (&kama, 1)]), 409, "out-of-stock", "/lines/0"),
    ] {
        let problem = change(&desk, &id, None, body).await.refused(status, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    for body in
        [json!({}), json!([]), json!({"lines": [{"product_id": winter["id"], "quantity": 1, "price": 1}]})]
    {
        change(&desk, &id, None, body).await.refused(422, "invalid-request");
    }
    assert_eq!(see(&desk, &id).await, before);
    let merged = change(&desk, &id, None, lines(&[(&kama, 1), (&winter, 1), (&kama, 2)])).await.expect(200);
    assert_eq!(made_of(&merged), [(kama["id"].clone(), 3), (winter["id"].clone(), 1)]);
    desk.close().await;
}

#[tokio::test]
async fn only_a_draft_can_be_changed_and_only_by_who_may() {
    let passports = Passports::new();
    let desk = passport::open(&passports).await;
    let winter = desk.product(WINTER).await;
    let body = || lines(&[(&winter, 1)]);
    change(&desk, &Uuid::new_v4().to_string(), None, body()).await.refused(404, "not-found");
    change(&desk, "no-uuid", None, body()).await.refused(404, "not-found");

    let placed = desk.ready(BUYER).await;
    desk.confirm(&placed).await.expect(200);
    let before = see(&desk, &placed).await;
    change(&desk, &placed, None, body()).await.refused(409, "invalid-transition");
    assert_eq!(see(&desk, &placed).await, before);
    let gone = desk.ready(BUYER).await;
    desk.send(Method::POST, &format!("/api/v1/orders/{gone}/cancel"), None, None).await.expect(200);
    change(&desk, &gone, None, body()).await.refused(409, "invalid-transition");
    let late = desk.ready(BUYER).await;
    desk.run("update orders.orders set expires_at = now() - interval '1 second' where state = 'draft'").await;
    change(&desk, &late, None, body()).await.refused(409, "expired");

    // A customer of the marketplace has no business with anybody's draft here.
    let id = desk.ready(BUYER).await;
    let before = see(&desk, &id).await;
    let path = format!("/api/v1/orders/{id}/lines");
    let user = passports.user(&desk, BUYER, true).await;
    let buyer = passports.sign(&desk, user, &["customer"], 60).await;
    passport::ask(&desk, Some(&buyer), Method::PUT, &path, Some(&body())).await.refused(403, "forbidden");
    passport::ask(&desk, None, Method::PUT, &path, Some(&body())).await.refused(401, "unauthorized");
    assert_eq!(see(&desk, &id).await, before);
    desk.close().await;
}

#[tokio::test]
async fn a_stale_version_changes_nothing_and_a_key_is_good_for_one_body() {
    let desk = Desk::open().await;
    let (winter, kama) = (desk.product(WINTER).await, desk.product(KAMA).await);
    let id = desk.ready(BUYER).await;
    let put = |tag: &str, key: &str, body: Value| {
        let request = desk.client.put(format!("{}/api/v1/orders/{id}/lines", desk.base)).bearer_auth(TOKEN);
        reply(request.header("If-Match", tag).header("Idempotency-Key", key).json(&body))
    };
    put("\"1\"", "v", lines(&[(&winter, 1)])).await.refused(412, "version-mismatch");
    let first = put("\"2\"", "v", lines(&[(&winter, 1)])).await;
    assert_eq!(first.status, StatusCode::OK);
    // Again, though the version is another by now: the answer is the first one's.
    let again = put("\"2\"", "v", lines(&[(&winter, 1)])).await;
    assert_eq!((&again.text, again.headers["idempotent-replayed"].to_str().unwrap()), (&first.text, "true"));
    change(&desk, &id, Some("v"), lines(&[(&kama, 1)])).await.refused(422, "idempotency-key-reused");
    assert_eq!(see(&desk, &id).await, first.expect(200));
    // A definite no is kept under its key, too.
    change(&desk, &id, Some("n"), lines(&[(&kama, 999)])).await.refused(409, "out-of-stock");
    let no = change(&desk, &id, Some("n"), lines(&[(&kama, 999)])).await;
    assert_eq!(no.headers["idempotent-replayed"], "true");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_and_confirmations_at_once_follow_one_another_and_sell_what_was_agreed_to() {
    let desk = Desk::open_with(|settings| settings.limits.requests_per_min = 0).await;
    let (winter, kama) = (desk.product(WINTER).await, desk.product(KAMA).await);
    for round in 0..12 {
        let id = desk.ready(&format!("+7916000{round:04}")).await;
        // In either order, so that who locks one product after the other could wait for who locks them the other way.
        let one = change(&desk, &id, None, lines(&[(&winter, 1), (&kama, 1)]));
        let two = change(&desk, &id, None, lines(&[(&kama, 2), (&winter, 1)]));
        let (one, two, placed) = tokio::join!(one, two, desk.confirm(&id));
        let placed = placed.expect(200);
        for changed in [one, two] {
            if changed.status != StatusCode::OK {
                changed.refused(409, "invalid-transition");
            }
        }
        let whole = see(&desk, &id).await;
        assert_eq!(made_of(&whole), made_of(&placed), "nothing is changed behind the confirmation");
        assert_eq!(whole["total"], placed["total"]);
        desk.send(Method::POST, &format!("/api/v1/orders/{id}/cancel"), None, None).await.expect(200);
    }
    assert_eq!(desk.count("select count(*) from stock.stock_items where reserved > on_hand").await, 0);
    let odd = "select count(*) from orders.orders o where o.source = 'ai_agent' and o.subtotal_minor <> \
               (select sum(total_minor) from orders.order_items where order_id = o.id)";
    assert_eq!(desk.count(odd).await, 0);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sold_meanwhile_is_not_sold_twice() {
    let desk = Desk::open_with(|settings| settings.limits.requests_per_min = 0).await;
    let kama = desk.product(KAMA).await;
    sqlx::query("update stock.stock_items set on_hand = reserved + 3 where product_id = $1")
        .bind(kama["id"].as_str().unwrap().parse::<Uuid>().unwrap())
        .execute(&desk.pool)
        .await
        .unwrap();
    // Each of two drafts may have all three; one of them gets them.
    let (one, two) = (desk.ready(BUYER).await, desk.ready("+79035550101").await);
    for id in [&one, &two] {
        change(&desk, id, None, lines(&[(&kama, 3)])).await.expect(200);
    }
    let (first, second) = tokio::join!(desk.confirm(&one), desk.confirm(&two));
    let (sold, refused) = if first.status == StatusCode::OK { (first, second) } else { (second, first) };
    sold.expect(200);
    refused.refused(409, "out-of-stock");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_repeated_after_a_crash_changes_once() {
    let desk = Desk::open().await;
    let kama = desk.product(KAMA).await;
    let id = desk.ready(BUYER).await;
    let url = desk.settings.database_url.expose_secret().to_owned();
    let mut answers: Vec<String> = Vec::new();
    for n in 0..6 {
        let (mut child, base) = start(&url).await;
        let put = || {
            let request = desk.client.put(format!("{base}/api/v1/orders/{id}/lines")).bearer_auth(TOKEN);
            request.header("Idempotency-Key", "after-a-crash").json(&lines(&[(&kama, 3)])).send()
        };
        if n < 3 {
            // Killed with the request under way, a little later each time.
            let asked = tokio::spawn(put());
            tokio::time::sleep(std::time::Duration::from_millis(2 * n)).await;
            child.kill().await.unwrap();
            drop(asked.await.unwrap());
            continue;
        }
        // The transaction of the killed store may still be on its way out of PostgreSQL.
        loop {
            let answer = put().await.unwrap();
            match answer.status() {
                StatusCode::OK => break answers.push(answer.text().await.unwrap()),
                StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE => {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                other => panic!("{other}"),
            }
        }
        child.kill().await.unwrap();
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let changed = "select count(*) from orders.events where event = 'lines_changed'";
    assert_eq!(desk.count(changed).await, 1);
    assert_eq!(made_of(&see(&desk, &id).await), [(kama["id"].clone(), 3)]);
    desk.close().await;
}
