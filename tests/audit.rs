//! The audit against a real PostgreSQL: copied exactly once, whatever goes down, and no change of it goes unseen.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use orderline::audit::chain::{Genesis, Record};
use orderline::audit::drain::Drain;
use orderline::audit::heads::keys::{public_path, read_public};
use orderline::audit::verify::{self, Place, Reason, Report, Sources};
use orderline::audit::{Entry, EntryKind, Journal, Settings};
use orderline::ids::{CallId, PhoneNumber, RequestId};
use orderline::orders::{ActionOutcome, ActionRequest, DraftLine, OrderAction, Rejection};
use orderline::postgres::Cluster;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

#[path = "audit/books.rs"]
mod books;
#[path = "audit/export.rs"]
mod export;
#[path = "audit/forged.rs"]
mod forged;
#[path = "audit/heads.rs"]
mod heads;
#[path = "audit/heads_database.rs"]
mod heads_database;
#[path = "audit/partitions.rs"]
mod partitions;
#[path = "audit/people.rs"]
mod people;
#[path = "audit/set_back.rs"]
mod set_back;
#[path = "audit/sinks.rs"]
mod sinks;

const SOON: Duration = Duration::from_secs(30);

fn settings(folder: &Path, url: &str) -> Settings {
    Settings {
        journal: folder.join("journal"),
        database_url: Some(url.into()),
        free_space_floor_bytes: 0,
        ..Settings::default()
    }
}

fn call(n: u128) -> CallId {
    CallId(Uuid::from_u128(n))
}

/// A call with a draft that the store refused: five entries.
async fn take_a_call(journal: &Journal, n: u128) {
    let phone = PhoneNumber::try_from("+375291234567".to_owned()).unwrap();
    journal.open_call(call(n), Some(&phone), Utc::now()).await.unwrap();
    let lines = vec![DraftLine { product_id: Uuid::from_u128(3), quantity: 4 }];
    let request = ActionRequest {
        id: RequestId(1),
        action: OrderAction::CreateDraft { lines, phone, name: None },
        key: Some(Uuid::from_u128(n)),
        evidence: None,
    };
    journal.append(call(n), Entry::intent(&request, 10)).await.unwrap();
    journal.note(call(n), Entry::attempt(&request, 1, "no answer", 20)).unwrap();
    let rejection = Rejection {
        code: orderline::orders::ProblemCode::OutOfStock,
        detail: "two left\0".to_owned(),
        order_number: None,
    };
    let outcome = Entry::outcome(&request, &ActionOutcome::Rejected { rejection }, 30).with_http_status(409);
    journal.append(call(n), outcome).await.unwrap();
    journal.close_call(call(n)).await.unwrap();
}

async fn check(settings: &Settings, pool: Option<&PgPool>) -> Report {
    let sources = Sources {
        journal: Some(settings.journal.clone()),
        key: Some(settings.key_path()),
        database: pool.cloned(),
        public_keys: read_public(&public_path(&settings.signing_key_path())).ok(),
        ..Sources::default()
    };
    verify::verify(sources).await.unwrap()
}

/// What an owner can do: `insert_only` no longer guards the tables and their months.
async fn switch_triggers_off(pool: &PgPool) {
    let all = "DO $$ DECLARE guarded regclass; BEGIN
                   FOR guarded IN SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'insert_only' LOOP
                       EXECUTE format('ALTER TABLE %s DISABLE TRIGGER insert_only', guarded);
                   END LOOP; END $$";
    sqlx::raw_sql(all).execute(pool).await.unwrap();
}

/// A call's row, straight into the table.
async fn insert_row(pool: &PgPool, genesis: &Genesis) {
    sqlx::query("INSERT INTO audit.calls VALUES ($1, $2, $3, $4, NULL, $5, $6)")
        .bind(genesis.call.0)
        .bind(genesis.journal)
        .bind(&genesis.node)
        .bind(genesis.ordinal as i64)
        .bind(genesis.started_at)
        .bind(genesis.hash().as_bytes())
        .execute(pool)
        .await
        .unwrap();
}

/// An entry without sealed values, straight into the table.
async fn insert_entry(pool: &PgPool, record: &Record) {
    sqlx::query(
        "INSERT INTO audit.entries (call_id, seq, at, kind, body, offset_ms, prev, hash)
         VALUES ($1, $2, $3, $4, $5, 1, $6, $7)",
    )
    .bind(record.call.0)
    .bind(record.seq as i32)
    .bind(record.at)
    .bind(record.entry.kind.name())
    .bind(&record.entry.body)
    .bind(record.prev.as_bytes())
    .bind(record.hash.as_bytes())
    .execute(pool)
    .await
    .unwrap();
}

async fn entries(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM audit.entries").fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_is_copied_once_over_outages_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let data = tempfile::Builder::new().prefix("orderline-audit-pg-").tempdir().unwrap();
    let cluster = Cluster::start(data.path()).await.unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let settings = settings(folder.path(), &url);

    // Down at the start: calls go on.
    cluster.stop().await;
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    take_a_call(&journal, 1).await;
    assert!(!journal.flush_to_database(Duration::from_millis(300)).await);

    // It comes: the tables are made and the backlog is copied.
    let cluster = Cluster::start(data.path()).await.unwrap();
    assert!(journal.flush_to_database(SOON).await);
    let pool = PgPool::connect(&url).await.unwrap();
    assert_eq!(entries(&pool).await, 5);

    // Down in the middle and back.
    pool.close().await;
    cluster.stop().await;
    take_a_call(&journal, 2).await;
    let cluster = Cluster::start(data.path()).await.unwrap();
    take_a_call(&journal, 3).await;
    assert!(journal.flush_to_database(SOON).await);
    let pool = PgPool::connect(&url).await.unwrap();
    assert_eq!(entries(&pool).await, 15);

    // The server restarts with some of it not copied.
    drain.stop().await;
    take_a_call(&journal, 4).await;
    journal.shutdown().await.unwrap();
    drop(journal);
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    assert!(journal.flush_to_database(SOON).await);
    assert_eq!(entries(&pool).await, 20);

    // The database is set back to an older state: it is filled again from the watermark that came with it.
    drain.stop().await;
    journal.shutdown().await.unwrap();
    for statement in [
        "ALTER TABLE audit.entries DISABLE TRIGGER insert_only",
        "DELETE FROM audit.entries",
        "DELETE FROM audit.pii",
        "DELETE FROM audit.subject_keys",
        "DELETE FROM audit.drained",
        "ALTER TABLE audit.entries ENABLE TRIGGER insert_only",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    assert!(journal.flush_to_database(SOON).await);
    assert_eq!(entries(&pool).await, 20);
    drain.stop().await;
    journal.shutdown().await.unwrap();
    let report = check(&settings, Some(&pool)).await;
    assert!(report.is_good(), "{report}");
    assert_eq!((report.journal_entries, report.database_entries), (Some(20), Some(20)));
    assert_eq!(report.sealed_checked, 8, "an intent and an outcome of each call");
    assert_eq!(report.database_sealed_checked, 8, "and PostgreSQL's copies");
    pool.close().await;
    cluster.stop().await;
}

/// A folder and a database with three whole calls, drained.
async fn three_calls(cluster: &Cluster, folder: &Path) -> (Settings, PgPool) {
    let url = cluster.create_database("audit").await.unwrap();
    let settings = settings(folder, &url);
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    for n in 1..=3 {
        take_a_call(&journal, n).await;
    }
    journal.head_now().await.unwrap();
    assert!(journal.flush_to_database(SOON).await);
    drain.stop().await;
    journal.shutdown().await.unwrap();
    (settings, PgPool::connect(&url).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_the_database_is_found_in_it_alone_or_against_the_journal() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (settings, pool) = three_calls(&cluster, folder.path()).await;
    for table in ["audit.calls", "audit.entries"] {
        for refused in [format!("DELETE FROM {table}"), format!("TRUNCATE {table}")] {
            let result = sqlx::query(sqlx::AssertSqlSafe(refused)).execute(&pool).await;
            assert!(result.unwrap_err().to_string().contains("insert-only"), "{table}");
        }
    }
    assert!(check(&settings, Some(&pool)).await.is_good());
    switch_triggers_off(&pool).await;

    let two = Uuid::from_u128(2);
    let entry =
        |change: &str| format!("UPDATE audit.entries SET {change} WHERE call_id = '{two}' AND seq = 3");
    let of_call = |change: &str| format!("UPDATE audit.calls SET {change} WHERE call_id = '{two}'");
    let zero = "decode(repeat('00', 32), 'hex')";
    // What is done to the database, and whether the database alone shows it.
    let mut changes: Vec<(String, bool)> = [
        "at = at + interval '1 microsecond'",
        "kind = 'read'",
        "action = NULL",
        "request = 9",
        "order_id = call_id",
        "order_number = 'ORD-1'",
        "idem_key = NULL",
        "http_status = 200",
        "problem = NULL",
        "body = body || '{\"x\": 1}'",
        "offset_ms = 31",
        "pii_commit = NULL",
        "seq = 9",
        "call_id = gen_random_uuid()",
    ]
    .into_iter()
    .map(|change| (entry(change), true))
    .collect();
    changes.extend([
        (entry(&format!("prev = {zero}")), true),
        (entry(&format!("hash = {zero}")), true),
        (of_call("node = 'other'"), true),
        (of_call("journal = gen_random_uuid()"), true),
        (of_call("ordinal = 9"), true),
        (of_call("caller_masked = '+375***0000'"), true),
        (of_call("started_at = started_at + interval '1 microsecond'"), true),
        (of_call(&format!("genesis = {zero}")), true),
        (of_call("call_id = gen_random_uuid()"), true),
        (format!("DELETE FROM audit.entries WHERE call_id = '{two}' AND seq = 0"), true),
        (format!("DELETE FROM audit.entries WHERE call_id = '{two}' AND seq = 2"), true),
        // The closing gone, the call looks as if it were under way, but a head was signed over it.
        (format!("DELETE FROM audit.entries WHERE call_id = '{two}' AND seq = 4"), true),
        (format!("DELETE FROM audit.entries WHERE call_id = '{two}'"), true),
        (format!("DELETE FROM audit.calls WHERE call_id = '{two}'"), true),
        (
            format!(
                "WITH gone AS (DELETE FROM audit.entries WHERE call_id = '{two}')
                 DELETE FROM audit.calls WHERE call_id = '{two}'"
            ),
            true,
        ),
        // The newest call whole: no ordinal after it shows the gap, but a head does.
        (
            format!(
                "WITH gone AS (DELETE FROM audit.entries WHERE call_id = '{0}')
                 DELETE FROM audit.calls WHERE call_id = '{0}'",
                Uuid::from_u128(3)
            ),
            true,
        ),
        (
            format!(
                "INSERT INTO audit.entries SELECT call_id, 5, at, 'read', action, request, order_id, order_number,
                        idem_key, http_status, problem, body, offset_ms, pii_commit, hash, hash
                   FROM audit.entries WHERE call_id = '{two}' AND seq = 4"
            ),
            true,
        ),
    ]);
    for (change, shows_alone) in changes {
        // Both tables are kept aside and put back afterwards.
        for table in ["calls", "entries"] {
            let copy = format!("CREATE TABLE kept_{table} AS TABLE audit.{table}");
            sqlx::query(sqlx::AssertSqlSafe(copy)).execute(&pool).await.unwrap();
        }
        let changed = sqlx::query(sqlx::AssertSqlSafe(change.clone())).execute(&pool).await.unwrap();
        assert!(changed.rows_affected() > 0, "{change}");
        let together = check(&settings, Some(&pool)).await;
        assert!(!together.is_good(), "not found: {change}");
        assert!(together.findings.iter().all(|finding| finding.place == Place::Database), "{change}");
        let alone = Sources { database: Some(pool.clone()), ..Sources::default() };
        let alone = verify::verify(alone).await.unwrap();
        assert_eq!(!alone.is_good(), shows_alone, "{change}: {alone}");
        for table in ["calls", "entries"] {
            for statement in [
                format!("TRUNCATE audit.{table}"),
                format!("INSERT INTO audit.{table} SELECT * FROM kept_{table}"),
                format!("DROP TABLE kept_{table}"),
            ] {
                sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
            }
        }
    }
    assert!(check(&settings, Some(&pool)).await.is_good(), "nothing false remains");
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_place_is_taken_is_an_alarm_and_stops_nothing() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (settings, pool) = three_calls(&cluster, folder.path()).await;
    // Somebody was in call 5 before the journal came to it.
    let forged = format!(
        "INSERT INTO audit.entries SELECT '{}', seq, at, kind, action, request, order_id, order_number, idem_key,
                http_status, problem, body, offset_ms, pii_commit, prev, hash
           FROM audit.entries WHERE call_id = '{}' AND seq = 1",
        Uuid::from_u128(5),
        Uuid::from_u128(1)
    );
    sqlx::query(sqlx::AssertSqlSafe(forged)).execute(&pool).await.unwrap();
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    take_a_call(&journal, 5).await;
    take_a_call(&journal, 6).await;
    assert!(journal.flush_to_database(SOON).await);
    drain.stop().await;
    journal.shutdown().await.unwrap();
    let conflicts: i64 =
        sqlx::query_scalar("SELECT count(*) FROM audit.conflicts").fetch_one(&pool).await.unwrap();
    assert_eq!(conflicts, 1);
    let report = check(&settings, Some(&pool)).await;
    assert!(report.findings.iter().any(|finding| finding.reason == Reason::Conflict), "{report}");
    assert!(
        report.findings.iter().all(|finding| finding.call.is_none_or(|found| found == call(5))),
        "call 6 is whole: {report}"
    );
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_are_all_copied_whole() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let settings = settings(folder.path(), &url);
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    let journal = Arc::new(journal);
    let calls: Vec<_> = (1..=50)
        .map(|n| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move { take_a_call(&journal, n).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert!(journal.flush_to_database(SOON).await);
    drain.stop().await;
    journal.shutdown().await.unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    let report = check(&settings, Some(&pool)).await;
    assert!(report.is_good(), "{report}");
    assert_eq!((report.database_calls, report.database_entries), (Some(50), Some(250)));
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_changed_byte_of_the_journal_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { database_url: None, ..settings(folder.path(), "postgres://unused") };
    let (journal, _) = Journal::open(&settings).unwrap();
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    let entry = Entry::new(EntryKind::Read, json!({ "disclosed": 1 }), 5);
    journal.append(call(1), entry).await.unwrap();
    journal.close_call(call(1)).await.unwrap();
    journal.shutdown().await.unwrap();
    assert!(check(&settings, None).await.is_good());
    let path = std::fs::read_dir(&settings.journal)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "journal"))
        .unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        std::fs::write(&path, &changed).unwrap();
        assert!(!check(&settings, None).await.is_good(), "byte {at} of {}", bytes.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_forged_with_a_right_checksum_is_found_by_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { database_url: None, ..settings(folder.path(), "postgres://unused") };
    let (journal, _) = Journal::open(&settings).unwrap();
    take_a_call(&journal, 1).await;
    journal.shutdown().await.unwrap();
    let path = settings.journal.join("segment-000000000001.journal");
    let mut bytes = std::fs::read(&path).unwrap();
    // The status 409 of the outcome becomes 200, and the frame's checksum is made anew.
    let found = bytes.windows(17).position(|window| window == b"\"http_status\":409").unwrap();
    bytes[found + 14..found + 17].copy_from_slice(b"200");
    let start = bytes[..found].windows(4).rposition(|window| window == b"OLJ1").unwrap();
    let length = u32::from_be_bytes(bytes[start + 4..start + 8].try_into().unwrap()) as usize;
    let covered = [&bytes[start + 4..start + 12], &bytes[start + 16..start + 16 + length]].concat();
    let crc = crc32c::crc32c(&covered).to_be_bytes();
    bytes[start + 12..start + 16].copy_from_slice(&crc);
    std::fs::write(&path, &bytes).unwrap();
    let report = check(&settings, None).await;
    let first = &report.findings[0];
    assert_eq!(
        (first.call, first.seq, first.reason),
        (Some(call(1)), Some(3), Reason::HashMismatch),
        "{report}"
    );
}
