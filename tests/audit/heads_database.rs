//! Signed heads in PostgreSQL: every change of them, and of what they cover, is found.

use std::path::Path;

use orderline::audit::drain::Drain;
use orderline::audit::heads::keys::{public_path, read_public};
use orderline::audit::verify::{self, Place, Reason, Report, Since, Sources};
use orderline::audit::{Journal, Settings};
use orderline::postgres::Cluster;
use sqlx::PgPool;
use uuid::Uuid;

use super::{SOON, call, check, settings, switch_triggers_off, take_a_call};

/// Three whole calls with a head behind each, drained.
pub(super) async fn three_heads(cluster: &Cluster, folder: &Path) -> (Settings, PgPool) {
    let url = cluster.create_database("audit").await.unwrap();
    let settings = settings(folder, &url);
    calls(&settings, 1..=3).await;
    (settings, PgPool::connect(&url).await.unwrap())
}

async fn calls(settings: &Settings, calls: std::ops::RangeInclusive<u128>) {
    // Of an hour ago: what is a minute old may be on its way.
    let clock = || chrono::Utc::now() - chrono::TimeDelta::hours(1);
    let disk = orderline::audit::storage::Disk::new(&settings.journal);
    let (journal, _) = Journal::open_with(settings, Box::new(disk), std::sync::Arc::new(clock)).unwrap();
    let drain = Drain::spawn(&journal, settings).unwrap().unwrap();
    for n in calls {
        take_a_call(&journal, n).await;
        journal.head_now().await.unwrap();
    }
    assert!(journal.flush_to_database(SOON).await);
    drain.stop().await;
    journal.shutdown().await.unwrap();
}

async fn run(pool: &PgPool, statement: &str) -> u64 {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(pool).await.unwrap().rows_affected()
}

const TABLES: [&str; 4] = ["calls", "entries", "heads", "drained"];

async fn keep(pool: &PgPool, name: &str) {
    for table in TABLES {
        run(pool, &format!("CREATE TABLE {name}_{table} AS TABLE audit.{table}")).await;
    }
}

async fn put_back(pool: &PgPool, name: &str) {
    for table in TABLES {
        run(pool, &format!("TRUNCATE audit.{table}; INSERT INTO audit.{table} SELECT * FROM {name}_{table}"))
            .await;
    }
}

async fn alone(settings: &Settings, pool: &PgPool) -> Report {
    let sources = Sources {
        database: Some(pool.clone()),
        public_keys: read_public(&public_path(&settings.signing_key_path())).ok(),
        ..Sources::default()
    };
    verify::verify(sources).await.unwrap()
}

async fn with_outside(pool: &PgPool, outside: &Path) -> Report {
    let sources =
        Sources { database: Some(pool.clone()), heads: Some(outside.to_owned()), ..Sources::default() };
    verify::verify(sources).await.unwrap()
}

/// What is done to the database, and whether the database alone shows it.
fn changes(stranger: &str) -> Vec<(String, bool)> {
    let second = |change: &str| (format!("UPDATE audit.heads SET {change} WHERE n = 2"), true);
    let whole_call = |n: u128| {
        let id = Uuid::from_u128(n);
        format!(
            "DELETE FROM audit.entries WHERE call_id = '{id}'; DELETE FROM audit.calls WHERE call_id = '{id}'"
        )
    };
    let swap = |table: &str, column: &str, a: &str, b: &str| {
        format!(
            "UPDATE audit.{table} SET {column} = '{z}' WHERE {column} = '{a}';
             UPDATE audit.{table} SET {column} = '{a}' WHERE {column} = '{b}';
             UPDATE audit.{table} SET {column} = '{b}' WHERE {column} = '{z}'",
            z = if column == "n" { "99".to_owned() } else { Uuid::from_u128(99).to_string() }
        )
    };
    let (one, two) = (Uuid::from_u128(1).to_string(), Uuid::from_u128(2).to_string());
    vec![
        second("journal = gen_random_uuid()"),
        second("n = 9"),
        second("size = size + 1"),
        second("root = decode(repeat('00', 32), 'hex')"),
        second("frontier = '[]'"),
        second("leaves = jsonb_set(leaves, '{0,count}', '4')"),
        second("leaves = jsonb_set(leaves, '{0,ordinal}', '4')"),
        second("leaves = '[]'"),
        second("leaves = '7'"),
        second("at = at + interval '1 microsecond'"),
        second("key_id = decode('00000000', 'hex')"),
        second("note = replace(note, 'entries 10', 'entries 11')"),
        second("note = note || ' '"),
        second("note = ''"),
        second(&format!("note = '{stranger}'")),
        ("DELETE FROM audit.heads WHERE n = 1".to_owned(), true),
        ("DELETE FROM audit.heads WHERE n = 2".to_owned(), true),
        ("DELETE FROM audit.heads WHERE n = 3".to_owned(), false),
        ("DELETE FROM audit.heads".to_owned(), false),
        (swap("heads", "n", "1", "2"), true),
        (
            format!("{}; {}", swap("entries", "call_id", &one, &two), swap("calls", "call_id", &one, &two)),
            true,
        ),
        // Its heads stay.
        (whole_call(3), true),
        (whole_call(2), true),
        // With its heads.
        (format!("{}; DELETE FROM audit.heads WHERE n = 3", whole_call(3)), false),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_the_heads_and_of_what_they_cover_is_found() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (settings, pool) = three_heads(&cluster, folder.path()).await;
    for refused in ["DELETE FROM audit.heads", "UPDATE audit.heads SET n = 7", "TRUNCATE audit.heads"] {
        let result = sqlx::query(refused).execute(&pool).await;
        assert!(result.unwrap_err().to_string().contains("insert-only"), "{refused}");
    }
    let report = check(&settings, Some(&pool)).await;
    assert!(report.is_good(), "{report}");
    assert_eq!((report.journal_heads, report.database_heads), (Some(3), Some(3)));
    let report = alone(&settings, &pool).await;
    assert!(report.is_good(), "{report}");
    let outside = folder.path().join("outside");
    std::fs::copy(settings.journal.join("heads"), &outside).unwrap();
    let report = with_outside(&pool, &outside).await;
    assert!(report.is_good(), "{report}");

    // The second head as another key would have signed it.
    let other = tempfile::tempdir().unwrap();
    let stranger = {
        use orderline::audit::heads::note::{Checkpoint, Note, Signer};
        let (_, mut says) = super::heads::notes(&settings).remove(1);
        let signer = Signer::from_seed(&[9; 32]).unwrap();
        let name = says.key.name().to_owned();
        says.key = signer.key(&name);
        let text = Checkpoint::to_string(&says);
        Note::sign(text, &name, &[&signer]).to_string()
    };
    drop(other);
    switch_triggers_off(&pool).await;
    keep(&pool, "kept").await;
    for (change, shows_alone) in changes(&stranger) {
        run(&pool, &change).await;
        let together = check(&settings, Some(&pool)).await;
        assert!(!together.is_good(), "not found: {change}");
        assert!(
            together.findings.iter().all(|finding| finding.place == Place::Database),
            "{change}: {together}"
        );
        let by_itself = alone(&settings, &pool).await;
        assert_eq!(!by_itself.is_good(), shows_alone, "{change}: {by_itself}");
        if change.contains("audit.heads") {
            assert!(!with_outside(&pool, &outside).await.is_good(), "not found by the outside: {change}");
        }
        put_back(&pool, "kept").await;
    }
    let report = check(&settings, Some(&pool)).await;
    assert!(report.is_good(), "nothing false remains: {report}");

    // One cause is one finding, and it says where.
    run(
        &pool,
        &format!("UPDATE audit.entries SET http_status = 200 WHERE call_id = '{}' AND seq = 3", call(2).0),
    )
    .await;
    let report = alone(&settings, &pool).await;
    assert_eq!(report.findings.len(), 1, "{report}");
    let first = &report.findings[0];
    assert_eq!((first.call, first.seq, first.reason), (Some(call(2)), Some(3), Reason::HashMismatch));
    put_back(&pool, "kept").await;

    // An old state of everything, put back whole: only the heads outside know better, or the journal.
    calls(&settings, 4..=4).await;
    std::fs::copy(settings.journal.join("heads"), &outside).unwrap();
    assert!(with_outside(&pool, &outside).await.is_good());
    put_back(&pool, "kept").await;
    let report = alone(&settings, &pool).await;
    assert!(report.is_good(), "{report}");
    let report = with_outside(&pool, &outside).await;
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!(report.findings[0].reason, Reason::OldState);
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_head_in_the_place_of_the_journals_is_an_alarm() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (settings, pool) = three_heads(&cluster, folder.path()).await;
    run(
        &pool,
        "INSERT INTO audit.heads SELECT journal, 4, size, root, frontier, leaves, at, key_id, note
           FROM audit.heads WHERE n = 3",
    )
    .await;
    calls(&settings, 4..=4).await;
    let report = check(&settings, Some(&pool)).await;
    assert!(report.findings.iter().any(|finding| finding.reason == Reason::Conflict), "{report}");
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn since_a_head_the_database_is_read_from_there() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (settings, pool) = three_heads(&cluster, folder.path()).await;
    for journal in [None, Some(settings.journal.clone())] {
        let sources = Sources {
            journal,
            database: Some(pool.clone()),
            since: Some(Since::number(2)),
            ..Sources::default()
        };
        let report = verify::verify(sources).await.unwrap();
        assert!(report.is_good(), "{report}");
        assert_eq!(report.database_entries, Some(5));
    }
    switch_triggers_off(&pool).await;
    run(
        &pool,
        &format!("UPDATE audit.entries SET http_status = 200 WHERE call_id = '{}' AND seq = 3", call(3).0),
    )
    .await;
    let sources =
        Sources { database: Some(pool.clone()), since: Some(Since::number(2)), ..Sources::default() };
    let report = verify::verify(sources).await.unwrap();
    assert_eq!(report.findings.len(), 1, "{report}");
    pool.close().await;
    cluster.stop().await;
}
