//! The systems' documents, held to the systems: what stands in them is there, and what is answered fits them.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orderline::store::Role;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::desk::{BUYER, Desk, REGULAR, basket, to_moscow};
use crate::lightbulb::id_of;
use crate::passport::{self, ask};

const SYSTEMS: [&str; 4] = ["store", "lightbulb", "crm", "market"];

async fn document(desk: &Desk, system: &str) -> Value {
    ask(desk, None, Method::GET, &format!("/{system}/openapi.json"), None).await.expect(200)
}

/// Method, path and operation of everything in a document.
fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(|(method, operation)| {
            (method.to_uppercase().parse().unwrap(), path.clone(), operation.clone())
        })
    });
    all.collect()
}

/// Every `$ref` in a document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(entries) => entries.iter().for_each(|entry| references(entry, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_operation_of_a_document_is_there_and_wants_the_token_that_it_says() {
    let desk = Desk::open_with(|settings| settings.crm.website_api_key = Some("k".repeat(32).into())).await;
    let (mut counted, mut wrong) = (Vec::new(), Vec::new());
    for system in SYSTEMS {
        let document = document(&desk, system).await;
        assert!(document["info"]["title"].is_string() && document["openapi"].is_string());
        assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
        assert_eq!(document["servers"][0]["url"], "/");
        let mut targets = Vec::new();
        references(&document, &mut targets);
        for target in targets {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{system}: {target} leads nowhere");
        }
        let operations = operations(&document);
        let names: BTreeSet<&str> =
            operations.iter().map(|(.., operation)| operation["operationId"].as_str().unwrap()).collect();
        if names.len() < operations.len() {
            wrong.push(format!("{system}: one name stands for two operations"));
        }
        counted.push((system, operations.len()));
        for (method, path, operation) in operations {
            let mut must = |holds: bool, what: &str| {
                if !holds {
                    wrong.push(format!("{system}: {method} {path}: {what}"));
                }
            };
            must(operation["summary"].is_string(), "has no summary");
            for status in ["429", "503"] {
                let media = &operation["responses"][status]["content"]["application/problem+json"];
                must(media["schema"]["$ref"] == "#/components/schemas/Problem", status);
            }
            let guarded = operation.get("security").unwrap_or(&document["security"]);
            let guarded = guarded.as_array().is_some_and(|guards| !guards.is_empty());
            let id = Uuid::now_v7().to_string();
            let asked = path.split('/').map(|part| if part.starts_with('{') { &id } else { part });
            let asked = asked.collect::<Vec<_>>().join("/");
            let answer = ask(&desk, None, method.clone(), &format!("/{system}{asked}"), None).await;
            must((answer.status == 401) == guarded, &answer.text);
            let status = answer.status.as_str();
            must(operation["responses"][status].is_object(), &format!("{status} is not documented"));
            // At its own path another system's answer may come first, but there is one.
            let answer = ask(&desk, None, method.clone(), &asked, None).await;
            must(
                answer.status != 405 && !answer.text.contains("expected a path of this store"),
                &answer.text,
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("operations: {counted:?}");
    assert_eq!(counted[..2], [("store", 11), ("lightbulb", 4)]);
    desk.close().await;
}

/// Holds an answer to the document's schema for its status.
#[track_caller]
fn fits(document: &Value, method: &str, path: &str, status: &str, answer: &Value) {
    let content = &document["paths"][path][method]["responses"][status]["content"];
    let media = if status < "300" { "application/json" } else { "application/problem+json" };
    let mut schema = content[media]["schema"].clone();
    assert!(schema.is_object(), "{method} {path} documents no {status}");
    schema["components"] = document["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> =
        validator.iter_errors(answer).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{method} {path} {status}: {wrong:#?} in {answer:#}");
}

#[tokio::test]
async fn answers_have_the_shape_that_the_documents_give_them() {
    let desk = Desk::open().await;
    let store = document(&desk, "store").await;
    let orders = "/api/v1/orders";
    let product = desk.product("кама 175 70 13").await;
    let draft = desk.post(orders, "k1", basket(BUYER, &product, 2)).await.expect(201);
    fits(&store, "post", orders, "201", &draft);
    fits(&store, "post", orders, "422", &desk.post(orders, "k2", json!({"items": []})).await.json());
    fits(&store, "post", orders, "409", &desk.post(orders, "k3", basket(BUYER, &product, 999)).await.json());
    let id = draft["id"].as_str().unwrap();
    let lines = format!("{orders}/{id}/lines");
    let more = json!({"lines": [{"product_id": product["id"], "quantity": 3}]});
    let changed = desk.send(Method::PUT, &lines, None, Some(more)).await.expect(200);
    fits(&store, "put", "/api/v1/orders/{id}/lines", "200", &changed);
    let none = desk.send(Method::PUT, &lines, None, Some(json!({"lines": []}))).await.json();
    fits(&store, "put", "/api/v1/orders/{id}/lines", "422", &none);
    let delivery = format!("{orders}/{id}/delivery");
    let set = desk.patch(&delivery, to_moscow()).await.expect(200);
    fits(&store, "patch", "/api/v1/orders/{id}/delivery", "200", &set);
    let confirmed = desk.confirm(id).await.expect(200);
    fits(&store, "post", "/api/v1/orders/{id}/confirm", "200", &confirmed);
    fits(&store, "post", "/api/v1/orders/{id}/confirm", "409", &desk.confirm(id).await.json());
    let whole = desk.get(&format!("{orders}/{id}")).await.expect(200);
    fits(&store, "get", "/api/v1/orders/{id}", "200", &whole);
    let cancelled = desk.send(Method::POST, &format!("{orders}/{id}/cancel"), None, None).await.expect(200);
    fits(&store, "post", "/api/v1/orders/{id}/cancel", "200", &cancelled);
    let regular = REGULAR.replace('+', "%2B");
    for (path, question) in [
        ("/api/v1/orders/search", format!("?phone={regular}")),
        ("/api/v1/delivery/calculate", "?delivery_type=delivery&city=Тула".to_owned()),
        ("/api/v1/delivery/calculate", format!("?delivery_type=delivery&city=Тула&order_id={id}")),
        ("/api/v1/pickup-points", String::new()),
        ("/api/v1/products", "?limit=100".to_owned()),
        ("/api/v1/products", "?q=205".to_owned()),
    ] {
        let answer = desk.get(&format!("{path}{question}")).await.expect(200);
        fits(&store, "get", path, "200", &answer);
    }
    let one = desk.get(&format!("/api/v1/products/{}", product["id"].as_str().unwrap())).await.expect(200);
    fits(&store, "get", "/api/v1/products/{id}", "200", &one);
    // A NUL in a question is no text for the database.
    for (path, question) in [
        ("/api/v1/orders/search", "phone=%2B79161234567&status=%00"),
        ("/api/v1/pickup-points", "city=%00"),
        ("/api/v1/delivery/calculate", "delivery_type=delivery&city=%00"),
        ("/api/v1/products", "limit=%FF"),
    ] {
        let problem = desk.get(&format!("{path}?{question}")).await.refused(422, "invalid-request");
        fits(&store, "get", path, "422", &problem);
    }

    let bulb = document(&desk, "lightbulb").await;
    let token = passport::token(&desk, Role::Admin).await;
    let fresh = desk.ready(BUYER).await;
    desk.confirm(&fresh).await.expect(200);
    for (order, code, status) in
        [(fresh.as_str(), "SHIPPED", 200), (&fresh, "NEW", 422), (&Uuid::now_v7().to_string(), "NEW", 404)]
    {
        let path = format!("/admin/orders/{order}/status");
        let body = json!({"status_id": id_of(code), "notes": "…"});
        let answer = ask(&desk, Some(&token), Method::PUT, &path, Some(&body)).await.expect(status);
        fits(&bulb, "put", "/admin/orders/{id}/status", &status.to_string(), &answer);
    }
    for path in ["/api/v1/orders/{id}/history", "/api/v1/orders/statuses"] {
        let answer = ask(&desk, Some(&token), Method::GET, &path.replace("{id}", &fresh), None).await;
        fits(&bulb, "get", path, "200", &answer.expect(200));
    }
    desk.close().await;
}

#[tokio::test]
async fn the_pages_for_people_load_nothing_and_lead_to_each_other() {
    let desk = Desk::open().await;
    let index = ask(&desk, None, Method::GET, "/", None).await;
    let mut pages = vec![("/".to_owned(), index.text.clone())];
    for system in SYSTEMS {
        assert!(index.text.contains(&format!("href=\"/{system}/docs\"")), "{system}: {}", index.text);
        let page = ask(&desk, None, Method::GET, &format!("/{system}/docs"), None).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
        let (_, style) = page.text.split_once("<style>").unwrap();
        let (style, _) = style.split_once("</style>").unwrap();
        let digest = STANDARD.encode(Sha256::digest(style.as_bytes()));
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.contains(&format!("style-src 'sha256-{digest}';")), "{policy}");
        let document = document(&desk, system).await;
        for (method, path, operation) in operations(&document) {
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(
                page.text.contains(&path) && page.text.contains(method.as_str()),
                "{system}: {method} {path}"
            );
            assert!(page.text.contains(&summary.replace('"', "&quot;")), "{system}: {summary}");
        }
        pages.push((format!("/{system}/docs"), page.text));
    }
    for (name, text) in &pages {
        for outside in ["<script", " src=", " style=", " onclick=", "href=\"http", "@import", "url("] {
            assert!(!text.contains(outside), "{name} holds {outside}");
        }
        // Links within the page have an end.
        for link in text.split("href=\"#").skip(1) {
            let (target, _) = link.split_once('"').unwrap();
            assert!(text.contains(&format!("id=\"{target}\"")), "{name}: #{target} leads nowhere");
        }
    }
    desk.close().await;
}
