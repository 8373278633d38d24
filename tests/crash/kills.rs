//! Kills at random, under many calls.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use uuid::Uuid;

use crate::child::{Role, SETTLED_WITHIN, Script};
use crate::invariants;
use crate::matrix::lined_up;
use crate::process::{Running, said};
use crate::proxy::Proxy;
use crate::shop::{RUNTIME, Shop, shop};

/// Voice servers side by side, each with a journal of its own: while one starts, another works.
const SERVERS: u64 = 3;
const KILLS_EACH: usize = 100;
/// Calls at once in each, twenty-one in all.
const CALLS: u32 = 7;
const PAUSE_MS: u64 = 80;

#[test]
fn three_hundred_kills_under_twenty_calls_lose_nothing() {
    RUNTIME.block_on(async {
        let shop = shop().await;
        let seed = seed();
        println!("PROOF_SEED={seed}");
        let began = Instant::now();
        let servers: Vec<_> =
            (0..SERVERS).map(|n| tokio::spawn(server(shop, Random(seed + 2 * n)))).collect();
        let mut calls = BTreeSet::new();
        let mut words = Vec::new();
        let mut broken = Vec::new();
        for server in servers {
            let (said, wrong) = server.await.unwrap();
            words.extend(said);
            broken.extend(wrong);
        }
        calls.extend(calls_among(&words));
        broken.extend(everything(&shop.pool, &calls, &words).await);
        println!("{}", count(&shop.pool, &calls).await);
        println!(
            "{} kills, {} calls, {} outcomes told, {:.0} s",
            SERVERS as usize * KILLS_EACH,
            calls.len(),
            said(&words).len(),
            began.elapsed().as_secs_f32()
        );
        assert!(broken.is_empty(), "{broken:#?}");
    });
}

/// One server's lives. What all of them said, and what is wrong with its journal.
async fn server(shop: &'static Shop, mut random: Random) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&shop.address).await;
    let mut script = Script {
        role: Role::Load { calls: CALLS, pause_ms: PAUSE_MS },
        journal: folder.path().join("journal"),
        database_url: Some(shop.url.clone()),
        store: proxy.base.clone(),
        product: shop.product,
    };
    let mut words = Vec::new();
    for _ in 0..KILLS_EACH {
        let mut child = Running::start(&script, "");
        // After so many outcomes; one life in six dies while it is still coming up.
        let outcomes = usize::try_from(random.below(6)).unwrap();
        if outcomes > 0 {
            let worked = child.says_times("said", outcomes, Duration::from_secs(120)).await;
            assert!(worked, "it works whatever the last one left: {:?}", child.so_far());
        }
        tokio::time::sleep(Duration::from_millis(random.below(60))).await;
        words.extend(child.kill().await);
    }
    script.role = Role::Settle;
    let (well, last) = Running::start(&script, "").end(2 * SETTLED_WITHIN).await;
    let mut broken = invariants::unverified(&script.journal, None).await;
    if well != Some(true) || !last.iter().any(|words| words == "copied") {
        broken.push(format!("I3: not settled: {last:?}"));
    }
    (words, broken)
}

/// The calls that were begun, journaled or not.
pub(crate) fn calls_among(words: &[String]) -> impl Iterator<Item = Uuid> {
    words.iter().filter_map(|words| words.strip_prefix("call ")).map(|call| call.parse().unwrap())
}

/// All invariants for these calls.
pub(crate) async fn everything(pool: &PgPool, calls: &BTreeSet<Uuid>, words: &[String]) -> Vec<String> {
    let calls: Vec<Uuid> = calls.iter().copied().collect();
    invariants::broken(pool, &calls, &said(words)).await
}

/// How the changes of these calls were settled, as a table.
pub(crate) async fn count(pool: &PgPool, calls: &BTreeSet<Uuid>) -> String {
    let calls: Vec<Uuid> = calls.iter().copied().collect();
    let counted: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT action, kind, coalesce(body ->> 'outcome', body ->> 'why'), count(*) FROM audit.entries
          WHERE call_id = ANY ($1) AND kind IN ('outcome', 'reconciled', 'needs_operator')
          GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    )
    .bind(&calls)
    .fetch_all(pool)
    .await
    .unwrap();
    let rows: Vec<Vec<String>> =
        counted.into_iter().map(|(action, kind, what, n)| vec![action, kind, what, n.to_string()]).collect();
    lined_up(&rows)
}

/// From `PROOF_SEED`, or new.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("PROOF_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| u64::try_from(chrono::Utc::now().timestamp_micros()).unwrap() | 1)
}

/// Xorshift, to be repeated from its seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
