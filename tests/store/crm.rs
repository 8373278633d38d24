//! Orders from the website and from managers: who may make them, what they must say, and what they take of materials.

use orderline::store::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{BUYER, Desk, Reply, TOKEN, reply};
use crate::staff::{WEBSITE, Worker, hire, open, open_with, website};

const ORDERS: &str = "/api/orders";
const DEDUCTED: &str = "/api/orders/with-auto-deduction";

#[tokio::test]
async fn the_websites_key_opens_in_either_header_and_nothing_else_does() {
    let desk = open().await;
    let bearer = format!("Bearer {WEBSITE}");
    let agent = format!("Bearer {TOKEN}");
    let long = format!("{WEBSITE}1");
    // X-API-Key, Authorization, whether it opens.
    let cases: [(Option<&str>, Option<&str>, bool); 12] = [
        (None, None, false),
        (Some(""), None, false),
        (Some("wrong"), None, false),
        (Some(&long), None, false),
        (Some(&bearer), None, false),
        (Some(WEBSITE), None, true),
        (None, Some(WEBSITE), false),
        (None, Some("Bearer wrong"), false),
        (None, Some(&agent), false),
        (None, Some(&bearer), true),
        (Some("wrong"), Some(&bearer), true),
        (Some(WEBSITE), Some("Bearer wrong"), true),
    ];
    for (key, authorization, opens) in cases {
        let mut request = desk.client.post(format!("{}/api/orders/from-website", desk.base));
        for (name, value) in [("X-API-Key", key), ("Authorization", authorization)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        // Nothing of a body is looked at before the key is.
        let broken = reply(request.try_clone().unwrap().header("Content-Type", "text/plain").body("{")).await;
        let made = reply(request.json(&json!({"customerName": "Анна"}))).await;
        if opens {
            made.expect(201);
            broken.refused(415, "unsupported-media-type");
        } else {
            made.refused(401, "unauthorized");
            broken.refused(401, "unauthorized");
        }
    }
    desk.close().await;
}

#[tokio::test]
async fn without_a_key_of_its_own_the_store_says_so_before_anything_else() {
    let desk = Desk::open().await;
    for (name, value) in [("X-API-Key", "guess"), ("Authorization", "Bearer guess"), ("X-Nothing", "1")] {
        for body in ["{\"customerName\":\"Анна\"}", "{"] {
            let request = desk.client.post(format!("{}/api/orders/from-website", desk.base));
            let request = request.header(name, value).header("Content-Type", "application/json").body(body);
            reply(request).await.refused(503, "not-configured");
        }
    }
    assert_eq!(desk.count("select count(*) from orders.orders where user_id is null and seq > 4").await, 0);
    desk.close().await;
}

#[tokio::test]
async fn a_website_order_is_new_belongs_to_nobody_and_is_one_with_the_stores() {
    let desk = open().await;
    let product = desk.product("нокиан зимние 205 55 16 нешипованные").await;
    let made = website(
        &desk,
        json!({
            "customerName": " Анна ", "customerPhone": "+375 (29) 765-43-21", "customerEmail": "anna@example.org",
            "prepaymentAmount": "100.50",
            "items": [
                {"productId": product["id"], "quantity": 4, "params": {"color": "чёрный", "n": [1, 2]}},
                {"name": "Монтаж", "quantity": 1, "price": 2000},
            ],
        }),
    )
    .await;
    assert!(made.text.contains("\"prepaymentAmount\":100.50"), "{}", made.text);
    assert!(made.text.contains("\"total\":37960.00"), "{}", made.text);
    let order = made.expect(201);
    assert_eq!((&order["status"], &order["statusName"]), (&json!(1), &json!("Новый")));
    assert_eq!((&order["source"], &order["userId"]), (&json!("website"), &Value::Null));
    assert_eq!(order["customerName"], "Анна");
    assert_eq!(order["customerPhone"], "+375297654321");
    assert_eq!(order["items"][0]["name"], product["name"]);
    assert_eq!(order["items"][0]["params"], json!({"color": "чёрный", "n": [1, 2]}));
    assert_eq!(order["items"][1]["productId"], Value::Null);
    // What four tyres take.
    let used: Vec<(&Value, &Value)> =
        order["materials"].as_array().unwrap().iter().map(|m| (&m["name"], &m["quantity"])).collect();
    assert_eq!(used, [(&json!("Стрейч-плёнка"), &json!(3.2)), (&json!("Чехол для шины"), &json!(4))]);
    let path = format!("/api/v1/orders/{}", order["uuid"].as_str().unwrap());
    let same = desk.get(&path).await.expect(200);
    assert_eq!((&same["status"], &same["order_number"]), (&json!("confirmed"), &order["orderNumber"]));
    // The customer is told, once; of an order without lines there is nothing to tell yet.
    let told = "select count(*) from notify.notifications where template = 'order_created'";
    assert_eq!(desk.count(told).await, 1);
    let empty = website(&desk, json!({"customerPhone": BUYER, "items": []})).await.expect(201);
    assert_eq!(
        (&empty["items"], &empty["total"], &empty["currency"]),
        (&json!([]), &json!(0.0), &json!("RUB"))
    );
    assert_eq!(desk.count(told).await, 1);
    desk.close().await;
}

#[tokio::test]
async fn a_website_order_sent_again_under_its_key_is_the_same_order() {
    let desk = open().await;
    let send = async |key: &str, name: &str| -> Reply {
        let request = desk.client.post(format!("{}/api/orders/from-website", desk.base));
        let request = request.header("X-API-Key", WEBSITE).header("Idempotency-Key", key);
        reply(request.json(&json!({"customerName": name}))).await
    };
    let first = send("site-1", "Анна").await;
    let again = send("site-1", "Анна").await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(first.text, again.text);
    first.expect(201);
    send("site-1", "Борис").await.refused(422, "idempotency-key-reused");
    send("a b", "Анна").await.refused(400, "idempotency-key-malformed");
    // The key's memory is over; the order's own fence is not.
    desk.run("update orders.idempotency_keys set expires_at = now() - interval '1 day'").await;
    assert_eq!(send("site-1", "Анна").await.expect(201), again.json());
    assert_eq!(desk.count("select count(*) from orders.orders where customer_name = 'Анна'").await, 1);
    desk.close().await;
}

#[tokio::test]
async fn everything_wrong_with_an_order_is_named_by_its_place() {
    let desk = open().await;
    let manager = hire(&desk, Role::Manager, "Ольга").await;
    let name = "Анна";
    let item = |more: Value| {
        let mut item = json!({"name": "Визитки", "quantity": 1});
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"customerName": name, "items": [item]})
    };
    let long = "я".repeat(301);
    let many: Vec<Value> = (0..51).map(|_| json!({"name": "x", "quantity": 1})).collect();
    let cases: Vec<(Value, &str)> = vec![
        (json!({}), "/customerName"),
        (json!({"customerName": "  ", "customerPhone": ""}), "/customerName"),
        (json!({"customerName": long}), "/customerName"),
        (json!({"customerName": "a\u{0}b"}), "/customerName"),
        (json!({"customerName": 5}), "/customerName"),
        (json!({"customerPhone": "12"}), "/customerPhone"),
        (json!({"customerName": name, "customerEmail": "anna"}), "/customerEmail"),
        (json!({"customerName": name, "customerEmail": "a\u{0}@b.c"}), "/customerEmail"),
        (json!({"customerName": name, "prepaymentAmount": -1}), "/prepaymentAmount"),
        (json!({"customerName": name, "prepaymentAmount": 1.005}), "/prepaymentAmount"),
        (json!({"customerName": name, "customer_id": "7"}), "/customer_id"),
        (json!({"customerName": name, "customer_id": Uuid::nil()}), "/customer_id"),
        (json!({"customerName": name, "color": 1}), "/color"),
        (json!({"customerName": name, "items": many}), "/items"),
        (json!({"customerName": name, "items": [{"quantity": 1}]}), "/items/0/name"),
        (item(json!({"name": long})), "/items/0/name"),
        (item(json!({"name": "a\u{0}"})), "/items/0/name"),
        (item(json!({"quantity": 0})), "/items/0/quantity"),
        (item(json!({"quantity": 1000})), "/items/0/quantity"),
        (item(json!({"price": "1e3"})), "/items/0/price"),
        (item(json!({"price": "92233720368547758.07", "quantity": 2})), "/items/0/price"),
        (item(json!({"params": [1]})), "/items/0/params"),
        (item(json!({"params": {"a": ["\u{0}"]}})), "/items/0/params"),
        (item(json!({"params": {"a": "x".repeat(5000)}})), "/items/0/params"),
        (
            item(json!({"materials": [{"materialId": Uuid::nil(), "quantity": 0}]})),
            "/items/0/materials/0/quantity",
        ),
    ];
    for (body, pointer) in &cases {
        for problem in [
            website(&desk, body.clone()).await.refused(422, "invalid-request"),
            manager.post(&desk, ORDERS, body.clone()).await.refused(422, "invalid-request"),
        ] {
            let found: Vec<&str> = problem["errors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["pointer"].as_str().unwrap())
                .collect();
            assert!(found.iter().any(|at| at.starts_with(pointer)), "{body}: {pointer} not in {found:?}");
        }
    }
    // Only a manager's order has a day and a source; with deduction it must have lines.
    website(&desk, json!({"customerName": name, "source": "crm"})).await.refused(422, "invalid-request");
    website(&desk, json!({"customerName": name, "date": "2026-11-25"})).await.refused(422, "invalid-request");
    for bad in [
        json!({"customerName": name, "source": "market"}),
        json!({"customerName": name, "date": "25.11.2026"}),
        json!({"customerName": name, "date": "9999-01-01"}),
        json!({"customerName": name, "date": "-4800-01-01"}),
    ] {
        manager.post(&desk, ORDERS, bad).await.refused(422, "invalid-request");
    }
    let empty = manager.post(&desk, DEDUCTED, json!({"customerName": name})).await;
    assert_eq!(empty.refused(422, "invalid-request")["errors"][0]["pointer"], "/items");
    let unknown = json!({"customerName": name, "items": [{"productId": Uuid::nil(), "quantity": 1}]});
    let problem = website(&desk, unknown).await.refused(422, "unknown-product");
    assert_eq!(problem["errors"][0]["pointer"], "/items/0/productId");
    assert_eq!(desk.count("select count(*) from orders.orders").await, 4);
    desk.close().await;
}

#[tokio::test]
async fn only_who_works_with_the_pool_makes_orders_in_the_crm() {
    let desk = open().await;
    let body = json!({"customerName": "Анна", "items": [{"name": "Визитки", "quantity": 1}]});
    for path in [ORDERS, DEDUCTED] {
        for (role, status) in
            [(Role::Agent, 403), (Role::Service, 403), (Role::Manager, 201), (Role::Admin, 201)]
        {
            let worker = hire(&desk, role, "Ольга").await;
            assert_eq!(
                worker.post(&desk, path, body.clone()).await.status.as_u16(),
                status,
                "{path} {role:?}"
            );
        }
        let nobody = desk.client.post(format!("{}{path}", desk.base)).json(&body);
        reply(nobody).await.refused(401, "unauthorized");
        let website = desk.client.post(format!("{}{path}", desk.base)).bearer_auth(WEBSITE).json(&body);
        reply(website).await.refused(401, "unauthorized");
    }
    desk.close().await;
}

#[tokio::test]
async fn a_managers_order_is_theirs_unless_it_is_the_websites() {
    let desk = open().await;
    let manager = hire(&desk, Role::Manager, "Ольга").await;
    let own = json!({"customerName": "Анна", "date": "2026-12-01"});
    let own = manager.post(&desk, ORDERS, own).await.expect(201);
    assert_eq!((&own["source"], &own["userId"]), (&json!("crm"), &json!(manager.user)));
    assert_eq!(own["date"], "2026-12-01");
    let sites = json!({"customerName": "Анна", "source": "website"});
    let sites = manager.post(&desk, ORDERS, sites).await.expect(201);
    assert_eq!((&sites["source"], &sites["userId"]), (&json!("website"), &Value::Null));
    // A customer who is named lends what the order does not say.
    let known: Uuid =
        sqlx::query_scalar("select id from identity.customers where phone_e164 = '+375291234567'")
            .fetch_one(&desk.pool)
            .await
            .unwrap();
    let known = json!({"customerName": "Кто-то", "customer_id": known});
    let known = manager.post(&desk, ORDERS, known).await.expect(201);
    assert_eq!(known["customerPhone"], "+375291234567");
    assert_eq!(known["customerName"], "Кто-то");
    desk.close().await;
}

/// A material, and how much of it there is.
async fn material(desk: &Desk, name: &str, units: i64) -> Uuid {
    let id = Uuid::new_v4();
    sqlx::query("insert into crm.materials (id, name, unit, on_hand_milli) values ($1, $2, 'шт', $3 * 1000)")
        .bind(id)
        .bind(name)
        .bind(units)
        .execute(&desk.pool)
        .await
        .unwrap();
    id
}

async fn on_hand(desk: &Desk, worker: &Worker, name: &str) -> Value {
    let all = worker.get(desk, "/api/materials").await.expect(200);
    let all = all["items"].as_array().unwrap().clone();
    all.into_iter().find(|material| material["name"] == name).unwrap()["onHand"].clone()
}

#[tokio::test]
async fn materials_are_taken_all_or_none_and_come_back_with_a_cancellation() {
    let desk = open().await;
    let manager = hire(&desk, Role::Manager, "Ольга").await;
    let (paper, ink) = (material(&desk, "Бумага", 10).await, material(&desk, "Краска", 1).await);
    let order = |pieces: u32, paper_each: &str| {
        json!({"customerName": "Анна", "items": [{
            "name": "Буклет", "quantity": pieces, "price": "12.00",
            "materials": [{"materialId": paper, "quantity": paper_each}, {"materialId": ink, "quantity": 0.125}],
        }]})
    };
    let made = manager.post(&desk, DEDUCTED, order(4, "1.5")).await.expect(201);
    assert_eq!(on_hand(&desk, &manager, "Бумага").await, json!(4));
    assert_eq!(on_hand(&desk, &manager, "Краска").await, json!(0.5));

    // Both are short: both are named, and neither is touched.
    let short = manager.post(&desk, DEDUCTED, order(5, "1")).await.refused(409, "not-enough-material");
    let mut parts: Vec<(&str, f64, f64)> = short["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            (e["name"].as_str().unwrap(), e["requested"].as_f64().unwrap(), e["available"].as_f64().unwrap())
        })
        .collect();
    parts.sort_by(|a, b| a.0.cmp(b.0));
    assert_eq!(parts, [("Бумага", 5.0, 4.0), ("Краска", 0.625, 0.5)]);
    website(&desk, order(5, "1")).await.refused(409, "not-enough-material");
    // The same in two lines is added up.
    let mut twice = order(1, "2.5");
    let line = twice["items"][0].clone();
    twice["items"].as_array_mut().unwrap().push(line);
    assert_eq!(
        manager.post(&desk, DEDUCTED, twice).await.refused(409, "not-enough-material")["errors"][0]["requested"],
        5.0
    );
    let none = json!({"customerName": "Анна", "items": [{"name": "x", "quantity": 1,
        "materials": [{"materialId": Uuid::nil(), "quantity": 1}]}]});
    let none = manager.post(&desk, DEDUCTED, none).await.refused(422, "unknown-material");
    assert_eq!(none["errors"][0]["pointer"], "/items/0/materials/0");
    assert_eq!(on_hand(&desk, &manager, "Бумага").await, json!(4));

    let path = format!("/api/v1/orders/{}/cancel", made["uuid"].as_str().unwrap());
    desk.send(Method::POST, &path, None, None).await.expect(200);
    desk.send(Method::POST, &path, None, None).await.refused(409, "invalid-transition");
    assert_eq!(on_hand(&desk, &manager, "Бумага").await, json!(10));
    assert_eq!(on_hand(&desk, &manager, "Краска").await, json!(1));
    let moved = "select count(*) from crm.material_movements where order_id is not null";
    assert_eq!(desk.count(moved).await, 4);
    // A taken order that is called off brings them back too.
    let made = website(&desk, order(2, "1")).await.expect(201);
    manager.take(&desk, "website", &made["id"]).await.expect(200);
    let path = format!("/api/v1/orders/{}/cancel", made["uuid"].as_str().unwrap());
    desk.send(Method::POST, &path, None, None).await.expect(200);
    assert_eq!(on_hand(&desk, &manager, "Бумага").await, json!(10));
    desk.close().await;
}

#[tokio::test]
async fn orders_that_race_for_materials_neither_deadlock_nor_take_what_is_not_there() {
    let desk = open_with(|settings| settings.max_connections = 20).await;
    let manager = hire(&desk, Role::Manager, "Ольга").await;
    let (one, two) = (material(&desk, "Бумага", 10).await, material(&desk, "Краска", 10).await);
    let mut racing = tokio::task::JoinSet::new();
    for n in 0..24 {
        // Half of them name the materials the other way round.
        let (first, second) = if n % 2 == 0 { (one, two) } else { (two, one) };
        let body = json!({"customerName": "Анна", "items": [
            {"name": "a", "quantity": 1, "materials": [{"materialId": first, "quantity": 1}]},
            {"name": "b", "quantity": 1, "materials": [{"materialId": second, "quantity": 1}]},
        ]});
        let request = desk.client.post(format!("{}{DEDUCTED}", desk.base)).bearer_auth(&manager.token);
        let request = request.json(&body);
        racing.spawn(async move {
            // A busy machine may let one wait too long for its turn; that is no answer yet.
            loop {
                let status = reply(request.try_clone().unwrap()).await.status.as_u16();
                if status != 503 {
                    return status;
                }
            }
        });
    }
    let mut outcomes = racing.join_all().await;
    outcomes.sort_unstable();
    assert_eq!(outcomes, [vec![201; 10], vec![409; 14]].concat());
    assert_eq!(on_hand(&desk, &manager, "Бумага").await, json!(0));
    assert_eq!(on_hand(&desk, &manager, "Краска").await, json!(0));
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(desk.count(deadlocks).await, 0);
    let booked = "select (-sum(delta_milli))::bigint from crm.material_movements where order_id is not null";
    assert_eq!(desk.count(booked).await, 20_000);
    desk.close().await;
}

#[tokio::test]
async fn what_there_is_of_materials_is_for_who_works_with_the_pool() {
    let desk = open().await;
    for (role, status) in [(Role::Agent, 403), (Role::Service, 403), (Role::Manager, 200), (Role::Admin, 200)]
    {
        let worker = hire(&desk, role, "Ольга").await;
        assert_eq!(worker.get(&desk, "/api/materials").await.status.as_u16(), status, "{role:?}");
    }
    reply(desk.client.get(format!("{}/api/materials", desk.base))).await.refused(401, "unauthorized");
    let sum = "select count(*) from crm.materials m where on_hand_milli <> \
         (select sum(delta_milli) from crm.material_movements v where v.material_id = m.id)";
    assert_eq!(desk.count(sum).await, 0, "what is there is the sum of what was moved");
    desk.close().await;
}
