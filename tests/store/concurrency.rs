//! Many at once: what is sold is there, what is cancelled holds nothing, what is said twice is done once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Row;
use uuid::Uuid;

use crate::desk::{BUYER, Desk, Reply, basket, to_moscow};

const TYRES: &str = "кама 175 70 13";

/// A telephone number of its own for each customer: nobody may have more than a few unpaid orders.
fn number(n: usize) -> String {
    format!("+7916{n:07}")
}

/// A draft with its delivery, of one piece.
async fn ready(desk: &Desk, product: &Value, n: usize) -> String {
    let drafted = desk.post("/api/v1/orders", &format!("draft-{n}"), basket(&number(n), product, 1)).await;
    let id = drafted.expect(201)["id"].as_str().unwrap().to_owned();
    desk.patch(&format!("/api/v1/orders/{id}/delivery"), to_moscow()).await.expect(200);
    id
}

/// A store that is too busy says so, and is asked again: 200 callers share eight connections to its database.
async fn patiently(mut ask: impl AsyncFnMut() -> Reply) -> Reply {
    loop {
        let reply = ask().await;
        if reply.status != StatusCode::SERVICE_UNAVAILABLE {
            return reply;
        }
        reply.refused(503, "unavailable");
    }
}

/// Leaves so many pieces of a product on the shelf.
async fn leave(desk: &Desk, product: &Value, pieces: i32) {
    sqlx::query("update stock.stock_items set on_hand = reserved + $2 where product_id = $1")
        .bind(product["id"].as_str().unwrap().parse::<Uuid>().unwrap())
        .bind(pieces)
        .execute(&desk.pool)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_orders_at_once_for_fifty_pieces_sell_exactly_fifty() {
    let desk = Arc::new(Desk::open_with(|settings| settings.limits.requests_per_min = 0).await);
    let product = desk.product(TYRES).await;
    // While drafts are made there is enough: a draft holds nothing.
    leave(&desk, &product, 50).await;
    // A draft that comes when everything is sold is refused as well.
    let crowd = (0..200).map(|n| {
        let (desk, product) = (desk.clone(), product.clone());
        async move {
            let body = basket(&number(n), &product, 1);
            let drafted =
                patiently(async || desk.post("/api/v1/orders", &format!("draft-{n}"), body.clone()).await);
            let drafted = drafted.await;
            if drafted.status == StatusCode::CONFLICT {
                return drafted;
            }
            let order = format!("/api/v1/orders/{}", drafted.expect(201)["id"].as_str().unwrap());
            patiently(async || desk.patch(&format!("{order}/delivery"), to_moscow()).await).await.expect(200);
            let (confirm, key) = (format!("{order}/confirm"), format!("confirm-{n}"));
            patiently(async || desk.post(&confirm, &key, json!({"payment_method": "cash_on_delivery"})).await)
                .await
        }
    });
    let replies = futures_util::future::join_all(crowd).await;
    let (mut sold, mut refused) = (0, 0);
    for reply in replies {
        if reply.status == StatusCode::OK {
            sold += 1;
            continue;
        }
        let problem = reply.refused(409, "out-of-stock");
        assert_eq!(problem["errors"][0]["available"], 0, "{problem}");
        refused += 1;
    }
    assert_eq!((sold, refused), (50, 150));
    let product = desk.product(TYRES).await;
    assert_eq!(product["stock"], 0);
    let held = "select count(*) from stock.reservations r join orders.orders o on o.id = r.order_id \
                where r.status = 'active' and o.source = 'ai_agent' and o.state = 'new'";
    assert_eq!(desk.count(held).await, 50);
    assert_eq!(desk.count("select count(*) from stock.stock_items where reserved > on_hand").await, 0);
    Arc::into_inner(desk).unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reads_during_cancellations_see_no_cancelled_order_that_holds_goods() {
    const ORDERS: usize = 40;
    const READS: usize = 1000;
    let desk = Arc::new(Desk::open_with(|settings| settings.limits.requests_per_min = 0).await);
    let product = desk.product(TYRES).await;
    leave(&desk, &product, 100).await;
    let mut orders = Vec::new();
    for n in 0..ORDERS {
        let id = ready(&desk, &product, n).await;
        desk.confirm(&id).await.expect(200);
        orders.push(id);
    }
    let reads = Arc::new(AtomicUsize::new(0));
    let (seen_held, seen_free) = (AtomicBool::new(false), AtomicBool::new(false));
    // One answer of the API is one snapshot too: the order's state, its history and its money belong together.
    let by_api = async {
        let mut n = 0;
        while reads.load(Ordering::Relaxed) < READS {
            let path = format!("/api/v1/orders/{}", orders[n % ORDERS]);
            let order = desk.get(&path).await.expect(200);
            let last = order["status_history"].as_array().unwrap().last().unwrap()["status"].clone();
            assert_eq!(order["status"], last, "state and history are one snapshot");
            let payment = &order["payment"]["status"];
            let cancelled = order["status"] == "cancelled";
            assert_eq!(payment == "cancelled", cancelled, "state and money are one snapshot: {order}");
            n += 1;
            reads.fetch_add(1, Ordering::Relaxed);
        }
    };
    // What one statement sees is one moment.
    let statement = "select count(*) filter (where o.state = 'cancelled' and r.status = 'active') as held_by_cancelled, \
                     count(*) filter (where o.state = 'new' and r.status <> 'active') as free_of_live, \
                     count(*) filter (where o.state = 'new') as live, \
                     (select sum(reserved) from stock.stock_items) = \
                     (select sum(i.quantity) from stock.reservation_items i join stock.reservations a \
                      on a.id = i.reservation_id where a.status = 'active') as shelf_agrees \
                     from orders.orders o join stock.reservations r on r.order_id = o.id where o.source = 'ai_agent'";
    let by_sql = async {
        while reads.load(Ordering::Relaxed) < READS {
            let row = sqlx::query(statement).fetch_one(&desk.pool).await.unwrap();
            let n = |name: &str| row.get::<i64, _>(name);
            assert_eq!((n("held_by_cancelled"), n("free_of_live")), (0, 0));
            assert!(row.get::<bool, _>("shelf_agrees"), "reserved is what active reservations hold");
            seen_held.fetch_or(n("live") > 0, Ordering::Relaxed);
            seen_free.fetch_or(n("live") < i64::try_from(ORDERS).unwrap(), Ordering::Relaxed);
            reads.fetch_add(1, Ordering::Relaxed);
        }
    };
    let cancels = async {
        for (n, id) in orders.iter().enumerate() {
            // Spread over the reads.
            while reads.load(Ordering::Relaxed) < n * READS / ORDERS {
                tokio::task::yield_now().await;
            }
            desk.post(&format!("/api/v1/orders/{id}/cancel"), &format!("cancel-{n}"), json!({}))
                .await
                .expect(200);
        }
    };
    tokio::join!(by_api, by_sql, cancels);
    assert!(seen_held.into_inner() && seen_free.into_inner(), "reads fell before, between and after");
    assert_eq!(desk.product(TYRES).await["stock"], 100);
    Arc::into_inner(desk).unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_equal_creations_at_once_make_one_order_and_one_answer() {
    let desk = Arc::new(Desk::open().await);
    let product = desk.product(TYRES).await;
    for round in 0..8 {
        let send = |_| {
            let (desk, body) = (desk.clone(), basket(BUYER, &product, 1));
            async move {
                loop {
                    let reply = desk.post("/api/v1/orders", &format!("same-{round}"), body.clone()).await;
                    // What the caller does: ask again with the same key.
                    if reply.status != StatusCode::CONFLICT {
                        break reply;
                    }
                    assert_eq!(reply.headers["retry-after"], "1");
                    reply.refused(409, "request-in-progress");
                }
            }
        };
        let replies: Vec<_> =
            futures_util::stream::iter(0..32).map(send).buffer_unordered(32).collect().await;
        let first = replies.iter().filter(|reply| !reply.headers.contains_key("idempotent-replayed")).count();
        assert_eq!(first, 1, "one was carried out");
        for reply in &replies {
            assert_eq!(reply.status, StatusCode::CREATED);
            assert_eq!(reply.text, replies[0].text, "byte for byte");
            for name in ["location", "etag", "content-type"] {
                assert_eq!(reply.headers[name], replies[0].headers[name]);
            }
        }
    }
    assert_eq!(desk.count("select count(*) from orders.orders where source = 'ai_agent'").await, 8);
    assert_eq!(desk.count("select count(*) from orders.idempotency_keys").await, 8);
    Arc::into_inner(desk).unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_confirmation_and_a_cancellation_at_once_the_order_knows_which_was_last() {
    let desk = Arc::new(Desk::open().await);
    let product = desk.product(TYRES).await;
    let before = product["stock"].clone();
    for n in 0..20 {
        let id = ready(&desk, &product, n).await;
        let cancel = format!("/api/v1/orders/{id}/cancel");
        let (confirmed, cancelled) =
            tokio::join!(desk.confirm(&id), desk.send(Method::POST, &cancel, None, Some(json!({}))));
        cancelled.expect(200);
        if confirmed.status != StatusCode::OK {
            confirmed.refused(409, "invalid-transition");
        }
        assert_eq!(desk.get(&format!("/api/v1/orders/{id}")).await.expect(200)["status"], "cancelled");
    }
    assert_eq!(desk.product(TYRES).await["stock"], before, "everything came back");
    Arc::into_inner(desk).unwrap().close().await;
}
