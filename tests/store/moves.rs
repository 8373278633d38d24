//! What a move by the light bulb store does to stock and money, and which moves there are.

use reqwest::Method;
use serde_json::{Value, json};

use crate::desk::{BUYER, reply};
use crate::lightbulb::{Admin, STATUSES, id_of};
use crate::passport::ask;

/// Pieces on the shelf, and pieces held.
async fn shelf(admin: &Admin) -> (i64, i64) {
    (
        admin.desk.count("select sum(on_hand) from stock.stock_items").await,
        admin.desk.count("select sum(reserved) from stock.stock_items").await,
    )
}

/// The states of the order's payments, the newest first.
async fn money(admin: &Admin, order: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select p.status || coalesce(' ' || r.status || ' ' || r.amount_minor, '') \
         from pay.payments p left join pay.refunds r on r.payment_id = p.id \
         where p.order_id = $1::uuid order by p.created_at desc",
    )
    .bind(order)
    .fetch_all(&admin.desk.pool)
    .await
    .unwrap()
}

/// A confirmed order of four pieces that is paid online, its money here already or not.
async fn online(admin: &Admin, paid: bool) -> String {
    let id = admin.desk.ready(BUYER).await;
    let path = format!("/api/v1/orders/{id}/confirm");
    admin.desk.post(&path, &id, json!({"payment_method": "online"})).await.expect(200);
    if paid {
        admin
            .desk
            .run("update pay.payments set status = 'paid', captured_minor = amount_minor where status = 'pending'")
            .await;
    }
    id
}

#[tokio::test]
async fn an_order_goes_the_whole_way_and_its_goods_and_money_with_it() {
    let admin = Admin::open().await;
    let (on_hand, held) = shelf(&admin).await;
    let id = admin.order().await;
    assert_eq!(shelf(&admin).await, (on_hand, held + 4));
    for (code, goods, payment) in [
        ("NEW", (on_hand, held + 4), "on_delivery"),
        ("PENDING_PAYMENT", (on_hand, held + 4), "on_delivery"),
        ("PROCESSING", (on_hand, held + 4), "on_delivery"),
        ("SHIPPED", (on_hand - 4, held), "on_delivery"),
        ("DELIVERED", (on_hand - 4, held), "paid"),
    ] {
        let order = admin.to(&id, code).await.expect(200);
        assert_eq!(order["status"]["code"], code);
        assert_eq!(shelf(&admin).await, goods, "{code}");
        assert_eq!(money(&admin, &id).await, [payment], "{code}");
    }
    assert_eq!(
        admin.desk.count("select captured_minor from pay.payments order by created_at desc limit 1").await,
        3_635_000
    );
    admin.desk.close().await;
}

#[tokio::test]
async fn a_step_that_is_left_out_still_does_its_work() {
    let admin = Admin::open().await;
    for (from, to, taken, payment) in [
        ("NEW", "SHIPPED", true, "on_delivery"),
        ("NEW", "DELIVERED", true, "paid"),
        ("PROCESSING", "DELIVERED", true, "paid"),
        ("NEW", "PROCESSING", false, "on_delivery"),
    ] {
        let (on_hand, held) = shelf(&admin).await;
        let id = admin.order().await;
        admin.to(&id, from).await.expect(200);
        admin.to(&id, to).await.expect(200);
        let goods = if taken { (on_hand - 4, held) } else { (on_hand, held + 4) };
        assert_eq!(
            (shelf(&admin).await, money(&admin, &id).await),
            (goods, vec![payment.to_owned()]),
            "{from} {to}"
        );
    }
    // What is paid already is taken off the shelf as soon as it is being packed.
    let (on_hand, held) = shelf(&admin).await;
    let id = online(&admin, true).await;
    admin.to(&id, "PROCESSING").await.expect(200);
    assert_eq!(shelf(&admin).await, (on_hand - 4, held));
    admin.desk.close().await;
}

#[tokio::test]
async fn a_cancelled_order_gives_back_what_is_still_here() {
    let admin = Admin::open().await;
    let (on_hand, held) = shelf(&admin).await;
    for (paid_online, before, back, payment) in [
        (None, &["NEW"][..], true, "cancelled"),
        (None, &["PROCESSING"], true, "cancelled"),
        (Some(false), &["PENDING_PAYMENT"], true, "cancelled"),
        (Some(true), &["PENDING_PAYMENT"], true, "refund_pending pending 3635000"),
        (Some(true), &["PROCESSING"], true, "refund_pending pending 3635000"),
        (Some(true), &["PROCESSING", "SHIPPED"], false, "refund_pending pending 3635000"),
        (None, &["SHIPPED"], false, "cancelled"),
    ] {
        let (start, _) = shelf(&admin).await;
        let id = match paid_online {
            Some(paid) => online(&admin, paid).await,
            None => admin.order().await,
        };
        for code in before {
            admin.to(&id, code).await.expect(200);
        }
        let order = admin.to(&id, "CANCELLED").await.expect(200);
        assert_eq!(order["status"]["code"], "CANCELLED");
        let goods = (if back { start } else { start - 4 }, held);
        assert_eq!(shelf(&admin).await, goods, "{paid_online:?} {before:?}");
        assert_eq!(money(&admin, &id).await, [payment], "{paid_online:?} {before:?}");
        let told = format!(
            "select count(*) from notify.notifications where template = 'order_cancelled' and order_id = '{id}'"
        );
        let told: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(told)).fetch_one(&admin.desk.pool).await.unwrap();
        assert!(told >= 1, "the customer hears of it");
    }
    assert_eq!(shelf(&admin).await, (on_hand - 8, held));
    assert_eq!(admin.desk.count("select count(*) from pay.provider_calls where kind = 'refund'").await, 3);
    admin.desk.close().await;
}

#[tokio::test]
async fn there_are_these_moves_and_every_other_is_refused_with_422() {
    let admin = Admin::open().await;
    admin.desk.run("update stock.stock_items set on_hand = 100000").await;
    let codes = STATUSES.map(|status| status.1);
    let (mut allowed, mut refused) = (0, 0);
    for (place, from) in codes.iter().enumerate() {
        for (goal, to) in codes.iter().enumerate() {
            let id = admin.order().await;
            admin.to(&id, from).await.expect(200);
            let rows = admin.history(&id).await.len();
            let answer = admin.to(&id, to).await;
            let terminal = ["DELIVERED", "CANCELLED"].contains(from);
            if place == goal || (!terminal && goal > place) {
                assert_eq!(answer.expect(200)["status"]["code"], *to, "{from} {to}");
                assert_eq!(admin.history(&id).await.len(), rows + 1, "{from} {to}");
                allowed += 1;
            } else {
                let problem = answer.refused(422, "invalid-transition");
                assert!(problem["order_number"].is_string(), "{problem}");
                assert_eq!(admin.history(&id).await.len(), rows, "{from} {to}");
                refused += 1;
            }
        }
    }
    assert_eq!((allowed, refused), (6 + 5 + 4 + 3 + 1 + 1, 16));

    // A draft is shown as new, and can only be dropped.
    let id = admin.desk.draft(BUYER).await["id"].as_str().unwrap().to_owned();
    for code in &codes[..5] {
        admin.to(&id, code).await.refused(422, "invalid-transition");
    }
    let held = shelf(&admin).await;
    let dropped = admin.to(&id, "CANCELLED").await.expect(200);
    assert_eq!((&dropped["status"]["code"], &dropped["is_draft"]), (&json!("CANCELLED"), &json!(false)));
    assert_eq!(shelf(&admin).await, held);
    admin.desk.close().await;
}

#[tokio::test]
async fn goods_that_are_not_there_are_a_422_that_names_the_lines() {
    let admin = Admin::open().await;
    let id = admin.order().await;
    // As an order of another system stands that has not reserved yet, and whose goods others bought meanwhile.
    admin
        .desk
        .run(
            "update stock.reservations set status = 'released' where status = 'active'; \
             update stock.stock_items set reserved = 0, on_hand = 3",
        )
        .await;
    for code in ["PROCESSING", "SHIPPED", "DELIVERED"] {
        let problem = admin.to(&id, code).await.refused(422, "out-of-stock");
        let line = &problem["errors"][0];
        assert_eq!((&line["requested"], &line["available"]), (&json!(4), &json!(3)), "{problem}");
    }
    assert_eq!(shelf(&admin).await.1, 0);
    admin.to(&id, "CANCELLED").await.expect(200);
    admin.desk.close().await;
}

#[tokio::test]
async fn a_version_that_is_not_the_present_one_is_refused() {
    let admin = Admin::open().await;
    let id = admin.order().await;
    let url = format!("{}/admin/orders/{id}/status", admin.desk.base);
    let body = json!({"status_id": id_of("PROCESSING")});
    for (tag, status, version) in
        [("\"2\"", 412, 3), ("nonsense", 412, 3), ("\"3\"", 200, 4), ("\"3\"", 412, 4), ("*", 200, 5)]
    {
        let request = admin.desk.client.put(&url).bearer_auth(&admin.token).header("If-Match", tag);
        let answer = reply(request.json(&body)).await;
        assert_eq!(answer.status, status, "{tag}: {}", answer.text);
        let order = admin.desk.get(&format!("/api/v1/orders/{id}")).await;
        assert_eq!(order.headers["etag"], format!("\"{version}\""), "{tag}");
    }
    admin.desk.close().await;
}

#[tokio::test]
async fn an_update_under_a_key_is_made_once() {
    let admin = Admin::open().await;
    let id = admin.order().await;
    let put = async |body: &Value, method: Method, path: &str| {
        let request = admin.desk.client.request(method, format!("{}{path}", admin.desk.base));
        reply(request.bearer_auth(&admin.token).header("Idempotency-Key", "k-1").json(body)).await
    };
    let path = format!("/admin/orders/{id}/status");
    let body = json!({"status_id": id_of("PROCESSING"), "notes": "раз"});
    let first = put(&body, Method::PUT, &path).await;
    let again = put(&body, Method::PUT, &path).await;
    assert_eq!((first.status.as_u16(), &first.text), (200, &again.text));
    assert_eq!(
        (&first.headers["etag"], &again.headers["idempotent-replayed"]),
        (&again.headers["etag"], &"true".parse().unwrap())
    );
    assert_eq!(admin.history(&id).await.len(), 3);
    let other = json!({"status_id": id_of("PROCESSING"), "notes": "два"});
    put(&other, Method::PUT, &path).await.refused(422, "idempotency-key-reused");
    let by_patch = format!("/api/v1/orders/{id}/status");
    put(&body, Method::PATCH, &by_patch).await.refused(422, "idempotency-key-reused");
    assert_eq!(admin.history(&id).await.len(), 3);
    admin.desk.close().await;
}

#[tokio::test]
async fn a_draft_that_ran_out_stays_one_that_ran_out() {
    let admin = Admin::open().await;
    let id = admin.desk.ready(BUYER).await;
    admin
        .desk
        .run("update orders.orders set expires_at = now() - interval '1 second' where state = 'draft'")
        .await;
    admin
        .desk
        .run(
            "update orders.orders set state = 'cancelled', state_reason = 'draft_expired', \
         status_id = '0a455718-3182-4366-a857-94ada249ed11' where state = 'draft'",
        )
        .await;
    let path = format!("/api/v1/orders/{id}/status");
    let body = json!({"status_id": id_of("CANCELLED"), "notes": "проверено"});
    ask(&admin.desk, Some(&admin.token), Method::PATCH, &path, Some(&body)).await.expect(200);
    admin.desk.confirm(&id).await.refused(409, "expired");
    admin.desk.close().await;
}
