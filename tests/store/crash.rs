//! A store that is killed again and again, and callers that repeat themselves until they are answered.

use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::desk::{Desk, TOKEN, basket};

/// Keyed creations.
const KEYS: usize = 240;
/// The store is killed whenever so many more have been answered.
const KILL_EVERY: usize = 30;

/// `orderline store` as a process of its own, and where it listens.
async fn start(database_url: &str) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_orderline"))
        .args(["store", "--listen", "127.0.0.1:0"])
        .env("ORDERLINE__SHOP__DATABASE_URL", database_url)
        .env("ORDERLINE__SHOP__TOKEN", TOKEN)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("the store says where it listens");
        if let Some((_, base)) = line.split_once("listens on ") {
            return (child, base.to_owned());
        }
    }
}

/// Repeats one keyed request until it is answered; the order's id.
async fn create(mut base: watch::Receiver<String>, key: String, body: serde_json::Value) -> String {
    let client = reqwest::Client::new();
    loop {
        let url = format!("{}/api/v1/orders", *base.borrow_and_update());
        let request = client.post(url).bearer_auth(TOKEN).header("Idempotency-Key", &key).json(&body);
        let answer = async {
            let response = request.send().await?;
            let status = response.status();
            response.json::<serde_json::Value>().await.map(|order| (status, order))
        };
        // A connection that was refused or broke says nothing about the order: ask the next store with the same key.
        let Ok((status, order)) = answer.await else {
            base.changed().await.unwrap();
            continue;
        };
        match status {
            StatusCode::CREATED => return order["id"].as_str().unwrap().to_owned(),
            // The transaction of the killed store may still be on its way out of PostgreSQL.
            StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            other => panic!("{other}: {order}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_killed_at_any_moment_makes_each_order_once() {
    let desk = Desk::open().await;
    let product = desk.product("кама 175 70 13").await;
    let url = desk.settings.database_url.expose_secret().to_owned();
    let (mut child, base) = start(&url).await;
    let (here, base) = watch::channel(base);
    let (answered, mut progress) = watch::channel(0);

    let one = move |n: usize| {
        let (base, answered) = (base.clone(), answered.clone());
        let body = basket(&format!("+7916{n:07}"), &product, 1);
        async move {
            let id = create(base, format!("key-{n}"), body).await;
            answered.send_modify(|answered| *answered += 1);
            id
        }
    };
    let work =
        tokio::spawn(futures_util::stream::iter(0..KEYS).map(one).buffer_unordered(8).collect::<Vec<_>>());
    for kill in 1..KEYS / KILL_EVERY {
        progress.wait_for(|answered| *answered >= kill * KILL_EVERY).await.unwrap();
        // SIGKILL, with requests under way.
        child.kill().await.unwrap();
        let (next, base) = start(&url).await;
        child = next;
        here.send_replace(base);
    }
    let mut ids = work.await.unwrap();
    child.kill().await.unwrap();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), KEYS);
    let keys = i64::try_from(KEYS).unwrap();
    assert_eq!(desk.count("select count(*) from orders.orders where source = 'ai_agent'").await, keys);
    assert_eq!(desk.count("select count(*) from orders.events where event = 'drafted'").await, keys);
    assert_eq!(
        desk.count("select count(*) from orders.idempotency_keys where order_id is not null").await,
        keys
    );
    desk.close().await;
}
