//! PostgreSQL and the store go away under load, in order and killed.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orderline::postgres::Cluster;
use sqlx::PgPool;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::child::{Role, Script};
use crate::invariants;
use crate::kills::{Random, calls_among, everything, seed};
use crate::process::{Running, Said, said};
use crate::proxy::Proxy;
use crate::shop::{RUNTIME, TOKEN, shop};

#[test]
fn a_minute_without_postgresql_under_load_is_made_up_for() {
    RUNTIME.block_on(outage(Duration::from_secs(60), false));
}

#[test]
fn postgresql_killed_under_load_has_everything_after_its_return() {
    RUNTIME.block_on(outage(Duration::from_secs(3), true));
}

/// A bound against hanging, not an expectation.
const PATIENCE: Duration = Duration::from_secs(120);

/// The audit's PostgreSQL, which is not the store's, goes away and comes back, and calls go on meanwhile.
async fn outage(length: Duration, killed: bool) {
    let shop = shop().await;
    let data = tempfile::Builder::new().prefix("orderline-proof-pg-").tempdir().unwrap();
    let cluster = Cluster::start(data.path()).await.unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&shop.address).await;
    let script = Script {
        role: Role::Load { calls: 3, pause_ms: 400 },
        journal: folder.path().join("journal"),
        database_url: Some(url.clone()),
        store: proxy.base.clone(),
        product: shop.product,
    };
    let mut child = Running::start(&script, "");
    child.says("ready", Duration::from_secs(60)).await.expect("it starts");
    let pool = connect(&url).await;
    while copied(&pool).await < 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    pool.close().await;
    let before = child.heard();
    if killed {
        let pid = std::fs::read_to_string(data.path().join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().parse().unwrap();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    cluster.stop().await;
    let gone = Instant::now();
    tokio::time::sleep(length).await;
    // Calls go on: two words a second, which a busy machine may take longer for.
    let enough = usize::try_from(length.as_secs() * 2).unwrap();
    while child.heard() - before <= enough {
        assert!(gone.elapsed() < length + PATIENCE, "calls go on: {} words", child.heard() - before);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let meanwhile = child.heard() - before;

    let cluster = start_again(data.path()).await;
    let returned = Instant::now();
    let told = said(&child.so_far());
    let pool = connect(&url).await;
    while !holds(&pool, &told).await {
        assert!(returned.elapsed() < PATIENCE, "not drained");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let drained = returned.elapsed();
    println!(
        "PostgreSQL {} for {} s: {meanwhile} words of the child meanwhile, drained {:.1} s after its return",
        if killed { "killed, and away" } else { "stopped" },
        length.as_secs(),
        drained.as_secs_f32()
    );
    child.go().await;
    let (well, words) = child.end(Duration::from_secs(90)).await;
    assert_eq!(well, Some(true), "{words:?}");
    let lost: Vec<Said> = said(&words).into_iter().filter(|said| said.outcome != "unknown").collect();
    assert!(holds(&pool, &lost).await, "every outcome that was told is there");
    let unverified = invariants::unverified(&script.journal, Some(&pool)).await;
    assert!(unverified.is_empty(), "{unverified:#?}");
    pool.close().await;
    cluster.stop().await;
}

/// A server that was killed leaves processes that hold its memory for a moment.
async fn start_again(folder: &Path) -> Cluster {
    let began = Instant::now();
    loop {
        match Cluster::start(folder).await {
            Ok(cluster) => return cluster,
            Err(error) if began.elapsed() > Duration::from_secs(30) => panic!("{error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn connect(url: &str) -> PgPool {
    PgPool::connect(url).await.unwrap()
}

async fn copied(pool: &PgPool) -> i64 {
    // The tables are the drain's to make.
    sqlx::query_scalar("SELECT count(*) FROM audit.entries").fetch_one(pool).await.unwrap_or(0)
}

/// Whether the database has an outcome, or a read, for each of these.
async fn holds(pool: &PgPool, told: &[Said]) -> bool {
    let (calls, requests): (Vec<Uuid>, Vec<i64>) = told.iter().map(|said| (said.call, said.request)).unzip();
    let missing: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM unnest($1::uuid[], $2::bigint[]) AS told(call_id, request)
          WHERE NOT EXISTS (SELECT FROM audit.entries e WHERE e.call_id = told.call_id
                               AND e.request = told.request AND e.kind IN ('outcome', 'read'))",
    )
    .bind(calls)
    .bind(requests)
    .fetch_one(pool)
    .await
    .unwrap();
    missing == 0
}

/// Kills of the store; each leaves requests that nobody answers.
const STORE_KILLS: usize = 4;
/// Drafts between two kills: the breaker has closed, and calls are at each of their steps.
const DRAFTS_BETWEEN: usize = 25;

#[test]
fn a_store_that_is_killed_again_and_again_makes_what_was_told_and_nothing_else() {
    RUNTIME.block_on(async {
        let shop = shop().await;
        let seed = seed();
        println!("PROOF_SEED={seed}");
        let mut random = Random(seed);
        let (mut store, address) = orderline_store(&shop.url).await;
        let proxy = Proxy::start(&address).await;
        let folder = tempfile::tempdir().unwrap();
        let script = Script {
            role: Role::Load { calls: 10, pause_ms: 100 },
            journal: folder.path().join("journal"),
            database_url: Some(shop.url.clone()),
            store: proxy.base.clone(),
            product: shop.product,
        };
        let mut child = Running::start(&script, "");
        child.says("ready", Duration::from_secs(60)).await.expect("it starts");
        for kills in 1..=STORE_KILLS {
            let drafts = || said(&child.so_far()).iter().filter(|said| said.outcome == "drafted").count();
            let began = Instant::now();
            while drafts() < kills * DRAFTS_BETWEEN {
                assert!(began.elapsed() < PATIENCE, "orders are taken again");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(Duration::from_millis(random.below(300))).await;
            store.kill().await.unwrap();
            let (next, address) = orderline_store(&shop.url).await;
            store = next;
            proxy.point_to(&address);
        }
        child.go().await;
        let (well, words) = child.end(Duration::from_secs(120)).await;
        store.kill().await.unwrap();
        assert_eq!(well, Some(true), "{words:?}");
        let calls: BTreeSet<Uuid> = calls_among(&words).collect();
        let mut broken = everything(&shop.pool, &calls, &words).await;
        broken.extend(invariants::unverified(&script.journal, None).await);
        println!("the store was killed {STORE_KILLS} times under {} calls", calls.len());
        println!("{}", crate::kills::count(&shop.pool, &calls).await);
        assert!(broken.is_empty(), "{broken:#?}");
    });
}

/// `orderline store` as a process of its own, and where it listens.
async fn orderline_store(database_url: &str) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_orderline"))
        .args(["store", "--listen", "127.0.0.1:0"])
        .env("ORDERLINE__SHOP__DATABASE_URL", database_url)
        .env("ORDERLINE__SHOP__TOKEN", TOKEN)
        .env("ORDERLINE__SHOP__MAX_UNPAID_ORDERS", "10000")
        .env("ORDERLINE__SHOP__LIMITS__REQUESTS_PER_MIN", "0")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("the store says where it listens");
        if let Some((_, address)) = line.split_once("listens on http://") {
            return (child, address.to_owned());
        }
    }
}
