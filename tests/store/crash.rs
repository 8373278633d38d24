//! A store that is killed again and again, and callers that repeat themselves until they are answered.

use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::desk::{Desk, TOKEN, basket};

/// Keyed creations.
const KEYS: usize = 2000;
/// Under way at once.
const AT_ONCE: usize = 12;
/// The store is killed after so many answers more, and up to twice as many: about thirty times in all.
const KILL_AFTER: usize = 45;

/// `orderline store` as a process of its own, and where it listens.
pub(crate) async fn start(database_url: &str) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_orderline"))
        .args(["store", "--listen", "127.0.0.1:0"])
        .env("ORDERLINE__SHOP__DATABASE_URL", database_url)
        .env("ORDERLINE__SHOP__TOKEN", TOKEN)
        .env("ORDERLINE__SHOP__LIMITS__REQUESTS_PER_MIN", "0")
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

/// What a caller keeps of an answer: its bytes, and the headers that are part of it.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    body: Bytes,
    location: String,
    etag: String,
}

/// Sends one keyed request; none when the connection was refused or broke, which says nothing about the order.
async fn send(
    client: &reqwest::Client,
    base: &str,
    key: &str,
    body: &Value,
) -> Option<(StatusCode, bool, HeaderMap, Bytes)> {
    let request = client.post(format!("{base}/api/v1/orders")).bearer_auth(TOKEN);
    let response = request.header("Idempotency-Key", key).json(body).send().await.ok()?;
    let (status, headers) = (response.status(), response.headers().clone());
    let replayed = headers.contains_key("idempotent-replayed");
    Some((status, replayed, headers, response.bytes().await.ok()?))
}

/// Repeats one keyed request until it is answered.
async fn create(
    client: reqwest::Client,
    mut base: watch::Receiver<String>,
    key: String,
    body: Value,
) -> Kept {
    loop {
        let here = base.borrow_and_update().clone();
        let Some((status, _, headers, body)) = send(&client, &here, &key, &body).await else {
            // Ask the next store with the same key.
            base.changed().await.unwrap();
            continue;
        };
        match status {
            StatusCode::CREATED => return kept(&headers, body),
            // The transaction of the killed store may still be on its way out of PostgreSQL.
            StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            other => panic!("{other}: {body:?}"),
        }
    }
}

fn kept(headers: &HeaderMap, body: Bytes) -> Kept {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    Kept { body, location: text("location"), etag: text("etag") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_killed_at_any_moment_makes_each_order_once() {
    let seed = std::env::var("CRASH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::try_from(chrono::Utc::now().timestamp_micros()).unwrap() | 1);
    println!("CRASH_SEED={seed}");
    let desk = Desk::open().await;
    let product = desk.product("кама 175 70 13").await;
    let url = desk.settings.database_url.expose_secret().to_owned();
    let (mut child, base) = start(&url).await;
    let (here, base) = watch::channel(base);
    let (answered, mut progress) = watch::channel(0);
    let client = reqwest::Client::new();

    let body = move |n: usize| basket(&format!("+7916{n:07}"), &product, 1);
    let make = body.clone();
    let creating = client.clone();
    let one = move |n: usize| {
        let (client, base, answered, body) = (creating.clone(), base.clone(), answered.clone(), make(n));
        async move {
            let kept = create(client, base, format!("key-{n}"), body).await;
            answered.send_modify(|answered| *answered += 1);
            (n, kept)
        }
    };
    let work = futures_util::stream::iter(0..KEYS).map(one).buffer_unordered(AT_ONCE);
    let work = tokio::spawn(work.collect::<Vec<_>>());
    let (mut at, mut kills, mut state) = (0, 0, seed);
    loop {
        // Xorshift: which answer it is decides which requests are under way, and how far.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        at += KILL_AFTER + usize::try_from(state % (KILL_AFTER as u64)).unwrap();
        if at >= KEYS {
            break;
        }
        progress.wait_for(|answered| *answered >= at).await.unwrap();
        // SIGKILL, with requests under way.
        child.kill().await.unwrap();
        kills += 1;
        let (next, base) = start(&url).await;
        child = next;
        here.send_replace(base);
    }
    let answers = work.await.unwrap();
    assert!(kills > 20, "{kills}");

    // Each key gives what it gave, byte for byte: none is stuck, none was forgotten.
    child.kill().await.unwrap();
    let (mut child, base) = start(&url).await;
    let replay = |(n, first): (usize, Kept)| {
        let (client, base, body) = (client.clone(), base.clone(), body(n));
        async move {
            let (status, replayed, headers, body) =
                send(&client, &base, &format!("key-{n}"), &body).await.unwrap();
            assert_eq!((status, replayed), (StatusCode::CREATED, true), "{body:?}");
            assert_eq!(kept(&headers, body), first);
            first.location
        }
    };
    let replays = futures_util::stream::iter(answers).map(replay).buffer_unordered(AT_ONCE);
    let mut orders: Vec<String> = replays.collect().await;
    child.kill().await.unwrap();
    orders.sort();
    orders.dedup();
    assert_eq!(orders.len(), KEYS);
    let keys = i64::try_from(KEYS).unwrap();
    for (statement, expected) in [
        ("select count(*) from orders.orders where source = 'ai_agent'", keys),
        ("select count(*) from orders.events where event = 'drafted'", keys),
        (
            "select count(*) from orders.order_items i join orders.orders o on o.id = i.order_id \
          where o.source = 'ai_agent'",
            keys,
        ),
        ("select count(distinct order_id) from orders.idempotency_keys", keys),
        ("select count(*) from orders.idempotency_keys", keys),
        (
            "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
             where l.locktype = 'advisory' and d.datname = current_database()",
            0,
        ),
    ] {
        assert_eq!(desk.count(statement).await, expected, "{statement}");
    }
    desk.close().await;
}
