//! The pool: what is in it, who may look, and who gets an order that many want.

use orderline::store::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{BUYER, reply};
use crate::staff::{Worker, hire, names, open, open_with, website};

const POOL: &str = "/api/order-management/pool";
const ASSIGN: &str = "/api/order-management/assign";
const PAGES: &str = "/api/order-management/pages";
const PHOTOS: &str = "/api/photo-orders";

fn photo(caption: &str) -> Value {
    json!({"telegramUser": "@anna", "photoUrl": "https://files.example/1.jpg", "caption": caption})
}

#[tokio::test]
async fn each_door_of_the_pool_knows_its_roles() {
    let desk = open().await;
    let made = website(&desk, json!({"customerName": "Анна"})).await.expect(201);
    let roles = [Role::Agent, Role::Service, Role::Manager, Role::Admin];
    let doors: [(Method, &str, [u16; 4]); 4] = [
        (Method::GET, POOL, [403, 403, 200, 200]),
        (Method::GET, PAGES, [403, 403, 200, 200]),
        (Method::POST, ASSIGN, [403, 403, 422, 422]),
        (Method::POST, PHOTOS, [403, 422, 403, 422]),
    ];
    for (method, path, statuses) in doors {
        let body = (method == Method::POST).then(|| json!({}));
        for (role, status) in roles.into_iter().zip(statuses) {
            let worker = hire(&desk, role, "Ольга").await;
            let answer = worker.send(&desk, method.clone(), path, body.clone()).await;
            assert_eq!(answer.status.as_u16(), status, "{path} {role:?} {}", answer.text);
        }
        let nobody = desk.client.request(method, format!("{}{path}", desk.base)).json(&json!({}));
        reply(nobody).await.refused(401, "unauthorized");
    }
    assert_eq!(made["status"], 1);
    desk.close().await;
}

#[tokio::test]
async fn the_pool_holds_what_the_settings_let_in_and_each_order_in_one_list() {
    let desk = open().await;
    let (manager, bot) = (hire(&desk, Role::Manager, "Ольга").await, hire(&desk, Role::Service, "bot").await);
    let mut made = Vec::new();
    for name in ["Анна", "Борис", "Вера"] {
        let order =
            website(&desk, json!({"customerName": name, "items": [{"name": "Визитки", "quantity": 2}]}));
        made.push(order.await.expect(201));
    }
    let number = |n: usize| made[n]["orderNumber"].as_str().unwrap().to_owned();
    manager.post(&desk, "/api/orders", json!({"customerName": "Своя"})).await.expect(201);
    let phone = desk.ready(BUYER).await;
    desk.confirm(&phone).await.expect(200);
    bot.post(&desk, PHOTOS, photo("первое")).await.expect(201);
    let mut ready = photo("второе");
    ready["status"] = json!("ready_for_approval");
    let ready = bot.post(&desk, PHOTOS, ready).await.expect(201);

    let pool = manager.pool(&desk).await;
    // Those that wait longest come first. Neither the manager's own order nor the one from the telephone is here.
    let waiting = [&number(0), &number(1), &number(2), "первое", "второе"];
    assert_eq!(names(&pool, "unassigned"), waiting);
    assert_eq!(pool["assigned"], json!([]));
    let entry = &pool["unassigned"][0];
    assert_eq!(entry["orderId"], made[0]["id"]);
    assert_eq!((&entry["orderType"], &entry["source"]), (&json!("website"), &json!("website")));
    assert_eq!((&entry["status"], &entry["statusName"]), (&json!(1), &json!("Новый")));
    assert_eq!((&entry["itemsSummary"], &entry["total"]), (&json!("Визитки × 2"), &json!(0.0)));
    assert!(entry.get("assignee").is_none(), "{entry}");
    assert_eq!(pool["unassigned"][3]["customerName"], "@anna");
    assert_eq!(pool["unassigned"][3]["photoUrl"], "https://files.example/1.jpg");

    let taken = manager.take(&desk, "website", &made[1]["id"]).await.expect(200);
    assert_eq!((&taken["order"]["status"], &taken["assignment"]["userName"]), (&json!(2), &json!("Ольга")));
    manager.take(&desk, "telegram", &ready["orderId"]).await.expect(200);
    let path = format!("/api/v1/orders/{}/cancel", made[2]["uuid"].as_str().unwrap());
    desk.send(Method::POST, &path, None, None).await.expect(200);
    let pool = manager.pool(&desk).await;
    assert_eq!(names(&pool, "unassigned"), [&number(0), "первое"]);
    assert_eq!(names(&pool, "assigned"), ["второе", &number(1)]);
    let assignee = json!({"userId": manager.user, "userName": "Ольга", "date": "2026-11-25"});
    assert_eq!(pool["assigned"][1]["assignee"], assignee);
    assert_eq!(names(&pool, "completed"), [number(2)]);
    assert_eq!(pool["completed"][0]["status"], 5);

    let only = manager.get(&desk, &format!("{POOL}?source=telegram")).await.expect(200);
    assert_eq!(names(&only, "unassigned"), ["первое"]);
    assert_eq!((names(&only, "assigned"), &only["completed"]), (vec!["второе".to_owned()], &json!([])));
    let one = manager.get(&desk, &format!("{POOL}?limit=1")).await.expect(200);
    assert_eq!(names(&one, "unassigned"), [number(0)]);
    for bad in ["?source=moon", "?source=%00", "?limit=0", "?limit=101", "?limit=x", "?page=2"] {
        manager.get(&desk, &format!("{POOL}{bad}")).await.refused(422, "invalid-request");
    }
    desk.close().await;
}

#[tokio::test]
async fn an_order_from_the_telephone_that_a_manager_takes_is_being_processed_for_the_caller_too() {
    let desk =
        open_with(|settings| settings.crm.pool_sources = vec!["website".into(), "ai_agent".into()]).await;
    let manager = hire(&desk, Role::Manager, "Ольга").await;
    let id = desk.ready(BUYER).await;
    let confirmed = desk.confirm(&id).await.expect(200);
    let pool = manager.pool(&desk).await;
    assert_eq!(names(&pool, "unassigned"), [confirmed["order_number"].as_str().unwrap()]);
    assert_eq!(pool["unassigned"][0]["orderType"], "phone");
    // Its number in the CRM or its UUID: the same order.
    manager.take(&desk, "website", &pool["unassigned"][0]["orderId"]).await.refused(404, "not-found");
    let taken = manager.take(&desk, "phone", &json!(id)).await.expect(200);
    assert_eq!(taken["assignment"]["orderId"], pool["unassigned"][0]["orderId"]);
    let found = desk.get("/api/v1/orders/search?phone=%2B79161234567").await.expect(200);
    assert_eq!((&found["items"][0]["status"], &found["items"][0]["id"]), (&json!("processing"), &json!(id)));
    let order = desk.get(&format!("/api/v1/orders/{id}")).await.expect(200);
    let history = order["status_history"].as_array().unwrap();
    assert_eq!(history.last().unwrap()["status"], "processing");
    let held = "select sum(quantity) from stock.reservation_items i join stock.reservations r on r.id = i.reservation_id \
         join orders.orders o on o.id = r.order_id where o.source = 'ai_agent' and r.status = 'active'";
    assert_eq!(desk.count(held).await, 4);
    desk.close().await;
}

#[tokio::test]
async fn of_twenty_who_take_one_order_one_has_it_and_nineteen_are_told_who() {
    let desk = open_with(|settings| settings.max_connections = 20).await;
    let bot = hire(&desk, Role::Service, "bot").await;
    let order = website(&desk, json!({"customerName": "Анна"})).await.expect(201)["id"].clone();
    let picture = bot.post(&desk, PHOTOS, photo("одно")).await.expect(201)["orderId"].clone();
    let mut managers: Vec<Worker> = Vec::new();
    for n in 0..20 {
        managers.push(hire(&desk, Role::Manager, &format!("Менеджер {n}")).await);
    }
    for (kind, order) in [("website", &order), ("telegram", &picture)] {
        let taking = managers.iter().map(|manager| manager.take(&desk, kind, order));
        let replies = futures_util::future::join_all(taking).await;
        let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 19));
        let winner = won[0].json()["assignment"].clone();
        let expected = json!({
            "userId": winner["userId"], "userName": winner["userName"], "date": winner["date"],
        });
        for reply in lost {
            let problem = reply.refused(409, "already-assigned");
            assert_eq!(problem["assignee"], expected);
            assert!(problem["detail"].as_str().unwrap().contains(winner["userName"].as_str().unwrap()));
        }
    }
    assert_eq!(desk.count("select count(*) from crm.user_order_page_orders").await, 2);
    assert_eq!(desk.count("select count(*) from orders.events where event = 'assigned'").await, 1);
    let noted = "select count(*) from orders.order_status_history h join orders.orders o on o.id = h.order_id \
         where o.customer_name = 'Анна'";
    assert_eq!(desk.count(noted).await, 2);
    let owner = "select count(*) from orders.orders o join crm.user_order_page_orders a on a.order_id = o.id \
         join crm.user_order_pages p on p.id = a.page_id where o.user_id = p.user_id";
    assert_eq!(desk.count(owner).await, 1);
    desk.close().await;
}

#[tokio::test]
async fn taking_again_is_the_same_and_taking_for_another_is_an_administrators() {
    let desk = open().await;
    let (manager, other) =
        (hire(&desk, Role::Manager, "Ольга").await, hire(&desk, Role::Manager, "Пётр").await);
    let admin = hire(&desk, Role::Admin, "Админ").await;
    let order = website(&desk, json!({"customerName": "Анна"})).await.expect(201);
    let body = |who: &Worker, order: &Value| json!({"orderId": order, "orderType": "website", "userId": who.user, "userName": who.name, "date": "2026-11-25"});
    let foreign = body(&other, &order["id"]);
    manager.post(&desk, ASSIGN, foreign.clone()).await.refused(403, "forbidden");
    let stale = desk.client.post(format!("{}{ASSIGN}", desk.base)).bearer_auth(&admin.token);
    reply(stale.header("If-Match", "\"9\"").json(&foreign)).await.refused(412, "version-mismatch");
    let first = admin.post(&desk, ASSIGN, foreign.clone()).await;
    assert_eq!(first.headers["etag"], "\"2\"");
    // Another day, or the UUID instead of the number: it is on this manager's page, and stays there.
    let mut again = body(&other, &order["uuid"]);
    again["date"] = json!("2026-12-24");
    let again = other.post(&desk, ASSIGN, again).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(first.expect(200)["assignment"]["date"], "2026-11-25");
    manager.take(&desk, "website", &order["id"]).await.refused(409, "already-assigned");

    // A key gives the first answer again, also when that was a no.
    let keyed = async |body: &Value| {
        let request = desk.client.post(format!("{}{ASSIGN}", desk.base)).bearer_auth(&manager.token);
        reply(request.header("Idempotency-Key", "take-1").json(body)).await
    };
    let no = keyed(&body(&manager, &order["id"])).await;
    desk.run("delete from crm.user_order_page_orders").await;
    let same = keyed(&body(&manager, &order["id"])).await;
    assert_eq!((no.text, no.status.as_u16()), (same.text, 409));
    desk.close().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_its_reason() {
    let desk = open().await;
    let manager = hire(&desk, Role::Manager, "Ольга").await;
    let order = website(&desk, json!({"customerName": "Анна"})).await.expect(201);
    let good = json!({"orderId": order["id"], "orderType": "website", "userId": manager.user,
        "userName": "Ольга", "date": "2026-11-25"});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (field, value) in [
        ("orderId", json!(0)),
        ("orderId", json!(-1)),
        ("orderId", json!(1.5)),
        ("orderId", json!("ORD-1")),
        ("orderId", json!(null)),
        ("orderType", json!("pigeon")),
        ("userId", json!("7")),
        ("userName", json!("  ")),
        ("userName", json!("я".repeat(201))),
        ("userName", json!("a\u{0}")),
        ("date", json!("2026-02-30")),
        ("date", json!("+10000-01-01")),
        ("color", json!(1)),
    ] {
        let problem = manager.post(&desk, ASSIGN, with(field, value)).await.refused(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"), "{problem}");
    }
    for unknown in [json!(i64::MAX), json!(Uuid::new_v4()), json!("999999")] {
        manager.post(&desk, ASSIGN, with("orderId", unknown)).await.refused(404, "not-found");
    }
    for other in ["telegram", "phone", "crm"] {
        manager.post(&desk, ASSIGN, with("orderType", json!(other))).await.refused(404, "not-found");
    }
    // Not in this pool: a manager's own order, one from the telephone, a draft.
    let own = manager.post(&desk, "/api/orders", json!({"customerName": "Своя"})).await.expect(201);
    manager.take(&desk, "crm", &own["id"]).await.refused(404, "not-found");
    let draft = desk.draft(BUYER).await;
    manager.take(&desk, "phone", &draft["id"]).await.refused(404, "not-found");
    let path = format!("/api/v1/orders/{}/cancel", order["uuid"].as_str().unwrap());
    desk.send(Method::POST, &path, None, None).await.expect(200);
    manager.post(&desk, ASSIGN, good.clone()).await.refused(409, "invalid-transition");
    desk.run(
        "insert into crm.photo_orders (id, status, telegram_user, photo_url) \
         values (gen_random_uuid(), 'completed', '@x', 'https://files.example/2.jpg')",
    )
    .await;
    manager.take(&desk, "telegram", &json!(1)).await.refused(409, "invalid-transition");
    assert_eq!(desk.count("select count(*) from crm.user_order_page_orders").await, 0);
    desk.close().await;
}

#[tokio::test]
async fn a_photograph_comes_in_once_and_leads_nowhere_but_to_the_web() {
    let desk = open().await;
    let bot = hire(&desk, Role::Service, "bot").await;
    let with = |field: &str, value: Value| {
        let mut body = photo("а");
        body[field] = value;
        body
    };
    for (field, value) in [
        ("telegramUser", json!("")),
        ("telegramUser", json!("a\u{0}")),
        ("photoUrl", json!("javascript:alert(1)")),
        ("photoUrl", json!("nowhere")),
        ("photoUrl", json!(format!("https://files.example/{}", "a".repeat(2000)))),
        ("customerPhone", json!("12")),
        ("customerName", json!("я".repeat(201))),
        ("caption", json!("я".repeat(1001))),
        ("status", json!("completed")),
        ("color", json!(1)),
    ] {
        let problem = bot.post(&desk, PHOTOS, with(field, value)).await.refused(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"), "{problem}");
    }
    let send = async || {
        let request = desk.client.post(format!("{}{PHOTOS}", desk.base)).bearer_auth(&bot.token);
        let body = with("customerPhone", json!("+375 29 111-22-33"));
        reply(request.header("Idempotency-Key", "photo-1").json(&body)).await
    };
    let (first, again) = (send().await, send().await);
    assert_eq!(first.text, again.text);
    let made = first.expect(201);
    assert_eq!((&made["orderType"], &made["status"]), (&json!("telegram"), &json!(1)));
    assert_eq!(made["customerPhone"], "+375291112233");
    assert_eq!(desk.count("select count(*) from crm.photo_orders").await, 1);
    desk.close().await;
}

#[tokio::test]
async fn a_managers_page_of_a_day_shows_what_they_took_for_it() {
    let desk = open().await;
    let (manager, other) =
        (hire(&desk, Role::Manager, "Ольга").await, hire(&desk, Role::Manager, "Пётр").await);
    let admin = hire(&desk, Role::Admin, "Админ").await;
    let mut numbers = Vec::new();
    for name in ["Анна", "Борис"] {
        let order = website(&desk, json!({"customerName": name})).await.expect(201);
        manager.take(&desk, "website", &order["id"]).await.expect(200);
        numbers.push(order["orderNumber"].as_str().unwrap().to_owned());
    }
    let page = manager.get(&desk, &format!("{PAGES}?date=2026-11-25")).await.expect(200);
    assert_eq!(names(&page, "orders"), numbers);
    assert_eq!((&page["userId"], &page["userName"]), (&json!(manager.user), &json!("Ольга")));
    let empty = manager.get(&desk, &format!("{PAGES}?date=2026-11-24")).await.expect(200);
    assert_eq!((&empty["orders"], &empty["userName"]), (&json!([]), &Value::Null));
    assert!(manager.get(&desk, PAGES).await.expect(200)["date"].is_string());
    let path = format!("{PAGES}?date=2026-11-25&userId={}", manager.user);
    other.get(&desk, &path).await.refused(403, "forbidden");
    assert_eq!(admin.get(&desk, &path).await.expect(200), page);
    for bad in ["?date=yesterday", "?date=9999-01-01", "?userId=7", "?x=1"] {
        manager.get(&desk, &format!("{PAGES}{bad}")).await.refused(422, "invalid-request");
    }
    desk.close().await;
}

#[tokio::test]
async fn the_document_names_every_path_of_the_crm() {
    let desk = open().await;
    let document = desk.get("/crm/openapi.json").await.expect(200);
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths.len(), 8, "{paths:?}");
    let assign = &document["paths"][ASSIGN]["post"]["responses"];
    for status in ["200", "400", "401", "403", "404", "409", "412", "413", "415", "422", "429", "503"] {
        assert!(assign[status].is_object(), "{status} in {assign}");
    }
    // What it refers to is there.
    let text = document.to_string();
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    // The same doors stand under the prefix of their system.
    let manager = hire(&desk, Role::Manager, "Ольга").await;
    manager.get(&desk, &format!("/crm{POOL}")).await.expect(200);
    desk.close().await;
}
