//! Months as partitions, roles that can do no more than they must, and the oldest months given up.

use chrono::{DateTime, TimeDelta};
use orderline::audit::retain::{self, RetainError};
use orderline::audit::storage::Disk;
use sqlx::migrate::Migrator;

use super::*;

/// A call whose entries were written at these times, the last of them its closing; straight into the tables.
async fn old_call(pool: &PgPool, journal: u128, ordinal: u64, times: &[&str]) -> CallId {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let id = call((journal << 32) + u128::from(ordinal));
    let started_at = at(times[0]) - TimeDelta::seconds(5);
    let journal = Uuid::from_u128(journal);
    let genesis = Genesis { journal, node: "old".to_owned(), call: id, ordinal, started_at };
    insert_row(pool, &genesis).await;
    let mut prev = genesis.hash();
    for (seq, time) in (0..).zip(times) {
        let (kind, body) = match seq {
            0 => (
                EntryKind::CallOpened,
                json!({ "journal": journal, "node": "old", "ordinal": ordinal, "started_at": started_at,
                        "caller": null }),
            ),
            _ if seq as usize + 1 == times.len() => {
                (EntryKind::CallClosed, json!({ "entries": times.len() }))
            }
            _ => (EntryKind::Read, json!({ "disclosed": seq })),
        };
        let record = Record::new(id, seq, at(time), prev, Entry::new(kind, body, 1), None);
        prev = record.hash;
        insert_entry(pool, &record).await;
    }
    id
}

async fn database_alone(pool: &PgPool) -> Report {
    verify::verify(Sources { database: Some(pool.clone()), ..Sources::default() }).await.unwrap()
}

async fn partitions(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent IN ('audit.calls'::regclass, 'audit.entries'::regclass) ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn run(pool: &PgPool, statement: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(pool).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_first_version_are_parted_with_all_their_rows() {
    let cluster = Cluster::temporary().await.unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    let mut first: Migrator = sqlx::migrate!("migrations/audit");
    first.create_schema("audit");
    first.dangerous_set_table_name("audit.migrations");
    first.run_to(1, &pool).await.unwrap();
    old_call(&pool, 1, 1, &["2024-11-05T10:00:00Z", "2024-11-05T10:00:01Z", "2024-11-05T10:00:02Z"]).await;
    old_call(&pool, 1, 2, &["2024-12-31T23:59:59.999999Z", "2025-01-01T00:00:00Z"]).await;
    orderline::audit::migrate(&pool).await.unwrap();
    assert_eq!(entries(&pool).await, 5);
    let names = partitions(&pool).await;
    for month in ["2024_11", "2024_12", "2025_01"] {
        assert!(names.contains(&format!("entries_{month}")), "{names:?}");
    }
    let in_december: i64 =
        sqlx::query_scalar("SELECT count(*) FROM audit.entries_2024_12").fetch_one(&pool).await.unwrap();
    assert_eq!(in_december, 1, "cut at midnight in UTC");
    let report = database_alone(&pool).await;
    assert!(report.is_good() && report.database_calls == Some(2), "{report}");
    for table in names.iter().map(String::as_str).chain(["calls", "entries"]) {
        for refused in [format!("DELETE FROM audit.{table}"), format!("TRUNCATE audit.{table}")] {
            assert!(run(&pool, &refused).await.unwrap_err().to_string().contains("insert-only"), "{refused}");
        }
    }
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_audit_writer_can_run_the_whole_drain_and_nothing_else() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let owner = PgPool::connect(&url).await.unwrap();
    run(&owner, "CREATE ROLE server LOGIN; CREATE ROLE auditor LOGIN").await.unwrap();
    let as_server = url.replace("//orderline@", "//server@");
    let settings = settings(folder.path(), &as_server);
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    take_a_call(&journal, 1).await;
    // Who may not make the tables waits for them.
    assert!(!journal.flush_to_database(Duration::from_millis(500)).await);
    orderline::audit::migrate(&owner).await.unwrap();
    run(&owner, "GRANT audit_writer TO server; GRANT audit_reader TO auditor").await.unwrap();
    assert!(journal.flush_to_database(SOON).await);
    // A clock that was wrong: the call is of a month that nobody has thought of.
    journal.open_call(call(2), None, "2031-05-05T00:00:00Z".parse().unwrap()).await.unwrap();
    journal.close_call(call(2)).await.unwrap();
    assert!(journal.flush_to_database(SOON).await);
    drain.stop().await;
    journal.shutdown().await.unwrap();
    let names = partitions(&owner).await;
    assert!(names.contains(&"calls_2031_05".to_owned()), "{names:?}");
    assert_eq!(names.len(), 2 * 4, "this month, two ahead, and that one: {names:?}");

    let server = PgPool::connect(&as_server).await.unwrap();
    let report = check(&settings, Some(&server)).await;
    assert!(report.is_good(), "a writer may read what it wrote: {report}");
    assert_eq!(report.database_sealed_checked, 2);
    let auditor = PgPool::connect(&url.replace("//orderline@", "//auditor@")).await.unwrap();
    assert!(check(&settings, Some(&auditor)).await.is_good());
    assert!(run(&auditor, "SELECT audit.make_partitions(2)").await.is_err());
    run(&server, "SELECT audit.make_partitions(3)").await.unwrap();
    assert!(run(&server, "SELECT audit.make_partitions(2000)").await.is_err());

    let month = names.iter().find(|name| name.starts_with("entries_")).unwrap();
    let mut refused = vec![
        format!("DROP TABLE audit.{month}"),
        format!("ALTER TABLE audit.entries DETACH PARTITION audit.{month}"),
        format!("SELECT * FROM audit.{month}"),
        format!("INSERT INTO audit.{month} SELECT * FROM audit.entries"),
        format!("DELETE FROM audit.{month}"),
        "CREATE TABLE audit.mine ()".to_owned(),
        "DROP SCHEMA audit CASCADE".to_owned(),
        "DELETE FROM audit.drained".to_owned(),
        "INSERT INTO audit.migrations SELECT * FROM audit.migrations".to_owned(),
        "CREATE OR REPLACE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'".to_owned(),
        "SET session_replication_role = replica".to_owned(),
    ];
    for table in ["calls", "entries", "conflicts", "heads", "pii", "subject_keys"] {
        let column = match table {
            "subject_keys" => "subject_id",
            "heads" => "journal",
            _ => "call_id",
        };
        refused.extend([
            format!("UPDATE audit.{table} SET {column} = {column}"),
            format!("DELETE FROM audit.{table}"),
            format!("TRUNCATE audit.{table}"),
            format!("ALTER TABLE audit.{table} DISABLE TRIGGER ALL"),
            format!("DROP TABLE audit.{table}"),
        ]);
    }
    for statement in refused {
        for pool in [&server, &auditor] {
            let error = run(pool, &statement).await.expect_err(&statement);
            let code =
                error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
            assert_eq!(code, "42501", "{statement}: {error}");
        }
    }
    for table in ["pii", "subject_keys"] {
        let change = format!("UPDATE audit.{table} SET subject_id = subject_id");
        assert!(
            run(&owner, &change).await.unwrap_err().to_string().contains("refused"),
            "deletable, not changeable"
        );
    }
    server.close().await;
    auditor.close().await;
    owner.close().await;
    cluster.stop().await;
}

/// Three months of two journals, one call over each boundary, and one whose row and opening fall into two months.
async fn three_months(cluster: &Cluster, name: &str) -> (String, PgPool) {
    let url = cluster.create_database(name).await.unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    orderline::audit::migrate(&pool).await.unwrap();
    let months = ["2024-11-15T00:00:00Z", "2024-12-15T00:00:00Z", "2025-01-15T00:00:00Z"];
    sqlx::query("SELECT audit.make_partitions(2, $1::text[]::timestamptz[])")
        .bind(months.as_slice())
        .execute(&pool)
        .await
        .unwrap();
    old_call(&pool, 1, 1, &["2024-11-05T10:00:00Z", "2024-11-05T10:00:01Z", "2024-11-05T10:00:02Z"]).await;
    old_call(
        &pool,
        1,
        2,
        &["2024-11-30T23:59:58Z", "2024-11-30T23:59:59Z", "2024-12-01T00:00:00Z", "2024-12-01T00:00:01Z"],
    )
    .await;
    old_call(&pool, 1, 3, &["2024-12-01T00:00:02Z", "2024-12-01T00:00:03Z"]).await;
    old_call(&pool, 1, 4, &["2024-12-31T23:59:59Z", "2025-01-01T00:00:01Z"]).await;
    old_call(&pool, 1, 5, &["2025-01-10T00:00:00Z", "2025-01-10T00:00:01Z"]).await;
    old_call(&pool, 2, 1, &["2024-11-07T10:00:00Z", "2024-11-07T10:00:01Z"]).await;
    assert!(database_alone(&pool).await.is_good());
    (url, pool)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_months_go_and_what_is_kept_verifies_until_more_is_missing_than_was_said() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (url, pool) = three_months(&cluster, "audit").await;
    let settings = settings(folder.path(), &url);
    let now = Utc::now();
    let boundary = |day: &str| retain::boundary(day.parse().unwrap(), now).unwrap();
    assert_eq!(retain::plan(&pool, boundary("2024-11-01")).await.unwrap(), None);

    let december = boundary("2024-12-20");
    let plan = retain::plan(&pool, december).await.unwrap().unwrap();
    // The third call was accepted five seconds before its opening: its row is November's.
    assert_eq!((plan.calls, plan.entries, plan.cut.len(), plan.journals.len()), (4, 7, 2, 2));
    // Cut off between the entry and the dropping.
    run(&pool, "CREATE VIEW depends AS SELECT * FROM audit.entries_2024_11").await.unwrap();
    assert!(matches!(retain::carry_out(&settings, &pool, &plan, &[]).await, Err(RetainError::Database(_))));
    let begun = database_alone(&pool).await;
    assert!(begun.is_good() && begun.database_calls == Some(7), "{begun}");
    run(&pool, "DROP VIEW depends").await.unwrap();
    let plan = retain::plan(&pool, december).await.unwrap().unwrap();
    assert_eq!(retain::carry_out(&settings, &pool, &plan, &[]).await.unwrap(), 2);
    assert!(!partitions(&pool).await.iter().any(|name| name.ends_with("2024_11")));
    let kept = database_alone(&pool).await;
    assert!(kept.is_good(), "{kept}");
    assert_eq!(kept.database_calls, Some(6), "one of them cut, two acts of the office");
    let both = check(&settings, Some(&pool)).await;
    assert!(both.findings.is_empty(), "{both}");

    // Once more, a month later.
    let plan = retain::plan(&pool, boundary("2025-01-01")).await.unwrap().unwrap();
    retain::carry_out(&settings, &pool, &plan, &[]).await.unwrap();
    assert!(database_alone(&pool).await.is_good());
    // A month more than was said.
    run(&pool, "DROP TABLE audit.entries_2025_01, audit.calls_2025_01").await.unwrap();
    let report = database_alone(&pool).await;
    assert!(report.findings.iter().any(|found| found.reason == Reason::OrdinalGap), "{report}");
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recordings_of_calls_that_are_given_up_go_with_them() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (url, pool) = three_months(&cluster, "audit").await;
    let settings = settings(folder.path(), &url);
    let december = retain::boundary("2024-12-01".parse().unwrap(), Utc::now()).unwrap();
    let plan = retain::plan(&pool, december).await.unwrap().unwrap();
    let tape = |ordinal: u128| folder.path().join("tapes").join(call((1 << 32) + ordinal).to_string());
    let again = folder.path().join("tapes").join(format!("{}-2", call((1 << 32) + 1)));
    for tape in [tape(1), again.clone(), tape(2), tape(5)] {
        std::fs::create_dir_all(tape).unwrap();
    }
    let going = retain::recordings(&pool, december, &folder.path().join("tapes")).await.unwrap();
    assert_eq!(going, [tape(1), again.clone(), tape(2)]);
    retain::carry_out(&settings, &pool, &plan, &going).await.unwrap();
    assert!(!tape(1).exists() && !again.exists() && !tape(2).exists() && tape(5).exists());
    let report = check(&settings, Some(&pool)).await;
    assert!(report.findings.is_empty(), "{report}");
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_dropped_in_silence_or_an_entry_missing_behind_the_boundary_is_found() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_, pool) = three_months(&cluster, "silent").await;
    run(&pool, "DROP TABLE audit.entries_2024_11, audit.calls_2024_11").await.unwrap();
    let report = database_alone(&pool).await;
    for reason in [Reason::OrdinalGap, Reason::NotOpened] {
        assert!(report.findings.iter().any(|found| found.reason == reason), "{report}");
    }
    pool.close().await;

    let (url, pool) = three_months(&cluster, "said").await;
    let settings = settings(folder.path(), &url);
    let december = retain::boundary("2024-12-01".parse().unwrap(), Utc::now()).unwrap();
    let plan = retain::plan(&pool, december).await.unwrap().unwrap();
    retain::carry_out(&settings, &pool, &plan, &[]).await.unwrap();
    switch_triggers_off(&pool).await;
    let cut = call((1 << 32) + 2).0;
    for (statement, reason) in [
        (format!("DELETE FROM audit.entries WHERE call_id = '{cut}' AND seq = 2"), Reason::NotOpened),
        (
            format!("DELETE FROM audit.entries WHERE call_id = '{}'", call((1 << 32) + 3).0),
            Reason::OrdinalGap,
        ),
        ("UPDATE audit.entries SET prev = hash WHERE kind = 'retention'".to_owned(), Reason::HashMismatch),
    ] {
        run(&pool, "CREATE TABLE kept AS TABLE audit.entries").await.unwrap();
        run(&pool, &statement).await.unwrap();
        let report = database_alone(&pool).await;
        assert!(report.findings.iter().any(|found| found.reason == reason), "{statement}: {report}");
        run(&pool, "TRUNCATE audit.entries; INSERT INTO audit.entries SELECT * FROM kept; DROP TABLE kept")
            .await
            .unwrap();
    }
    assert!(database_alone(&pool).await.is_good(), "nothing false remains");
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn months_that_signed_heads_cover_go_too_and_no_head_covers_up_for_a_call_that_was_kept() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let settings = settings(folder.path(), &url);
    let today = Arc::new(std::sync::Mutex::new(Utc::now()));
    let (time, disk) = (Arc::clone(&today), Disk::new(&settings.journal));
    let clock = move || *time.lock().unwrap();
    let (journal, _) = Journal::open_with(&settings, Box::new(disk), Arc::new(clock)).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    let at = |text: &str| {
        let at: DateTime<Utc> = text.parse().unwrap();
        *today.lock().unwrap() = at;
        at
    };
    let entry = || Entry::new(EntryKind::Read, json!({}), 1);
    // One in November, one from there into December with a head on each side, one in December.
    let began = at("2024-11-05T10:00:00Z");
    journal.open_call(call(1), None, began).await.unwrap();
    journal.close_call(call(1)).await.unwrap();
    journal.head_now().await.unwrap();
    let began = at("2024-11-30T23:59:59Z");
    journal.open_call(call(2), None, began).await.unwrap();
    journal.append(call(2), entry()).await.unwrap();
    journal.head_now().await.unwrap();
    let began = at("2024-12-01T00:00:10Z");
    journal.append(call(2), entry()).await.unwrap();
    journal.close_call(call(2)).await.unwrap();
    journal.open_call(call(3), None, began).await.unwrap();
    journal.close_call(call(3)).await.unwrap();
    journal.head_now().await.unwrap();
    assert!(journal.flush_to_database(SOON).await);
    let pool = PgPool::connect(&url).await.unwrap();
    let before = database_alone(&pool).await;
    assert!(before.is_good() && before.database_heads == Some(3), "{before}");

    let december = retain::boundary("2024-12-01".parse().unwrap(), Utc::now()).unwrap();
    let plan = retain::plan(&pool, december).await.unwrap().unwrap();
    retain::carry_out(&settings, &pool, &plan, &[]).await.unwrap();
    drain.stop().await;
    journal.shutdown().await.unwrap();
    let kept = database_alone(&pool).await;
    assert!(kept.is_good(), "{kept}");
    let both = check(&settings, Some(&pool)).await;
    assert!(both.is_good(), "{both}");
    // An export says what was given up, and under which head.
    let mut exported = Vec::new();
    orderline::audit::export::from_database(&pool, Vec::new(), &mut exported).await.unwrap();
    let file = folder.path().join("export");
    std::fs::write(&file, exported).unwrap();
    let sources = |stranger| {
        let keys = read_public(&public_path(&settings.signing_key_path())).unwrap();
        let other = orderline::audit::heads::note::VerifierKey::new("other", [7; 32]);
        Sources {
            export: Some(file.clone()),
            public_keys: Some(if stranger { vec![other] } else { keys }),
            ..Sources::default()
        }
    };
    let report = verify::verify(sources(false)).await.unwrap();
    assert!(report.is_good(), "{report}");
    let report = verify::verify(sources(true)).await.unwrap();
    assert!(report.findings.iter().any(|found| found.reason == Reason::OrdinalGap), "{report}");

    switch_triggers_off(&pool).await;
    let gone = format!("DELETE FROM audit.entries WHERE call_id = '{}' AND seq = 3", call(2).0);
    run(&pool, &gone).await.unwrap();
    let report = database_alone(&pool).await;
    assert!(report.findings.iter().any(|found| found.call == Some(call(2))), "{report}");
    pool.close().await;
    cluster.stop().await;
}
