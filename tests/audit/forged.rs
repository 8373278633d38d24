//! What whoever owns the database can write that follows every rule of a chain, and values that nobody expects there.

use chrono::{DateTime, TimeDelta};

use super::heads_database::three_heads;
use super::*;

/// A whole act of an invented office, hashed as a real one is.
async fn forge_act(pool: &PgPool, kind: EntryKind, body: serde_json::Value) {
    let (journal, id) = (Uuid::new_v4(), CallId(Uuid::new_v4()));
    let started_at = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap();
    let genesis = Genesis { journal, node: "node".to_owned(), call: id, ordinal: 1, started_at };
    insert_row(pool, &genesis).await;
    let opening = json!({ "journal": journal, "node": "node", "ordinal": 1, "started_at": started_at,
                          "caller": null, "office": true });
    let mut prev = genesis.hash();
    let entries =
        [(EntryKind::CallOpened, opening), (kind, body), (EntryKind::CallClosed, json!({ "entries": 3 }))];
    for (seq, (kind, body)) in (0..).zip(entries) {
        let record = Record::new(id, seq, started_at, prev, Entry::new(kind, body, 1), None);
        prev = record.hash;
        insert_entry(pool, &record).await;
    }
}

async fn run(pool: &PgPool, statement: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(pool).await.unwrap();
}

async fn alone(settings: &Settings, pool: &PgPool) -> Result<Report, verify::VerifyError> {
    let sources = Sources {
        database: Some(pool.clone()),
        public_keys: read_public(&public_path(&settings.signing_key_path())).ok(),
        ..Sources::default()
    };
    verify::verify(sources).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_retention_or_erasure_excuses_nothing() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (settings, pool) = three_heads(&cluster, folder.path()).await;
    let (journal, subject): (Uuid, String) = sqlx::query_as(
        "SELECT c.journal, e.body ->> 'subject' FROM audit.calls c JOIN audit.entries e USING (call_id)
          WHERE c.call_id = $1 AND e.seq = 0",
    )
    .bind(call(3).0)
    .fetch_one(&pool)
    .await
    .unwrap();
    // An invented journal by itself may be a new node's: it is told of and counts for nothing.
    let before = Utc::now() - TimeDelta::days(1);
    let plan = json!({ "before": before, "calls": 1, "entries": 5, "cut": [],
                       "journals": [{ "journal": journal, "first": 4, "kept": 0 }] });
    forge_act(&pool, EntryKind::Retention, plan).await;
    forge_act(&pool, EntryKind::Erasure, json!({ "subjects": [subject] })).await;
    let report = alone(&settings, &pool).await.unwrap();
    assert!(report.is_good(), "{report}");
    for told in ["the retention of", "the erasure of", "which has no signed head"] {
        assert!(report.notes.iter().any(|note| note.contains(told)), "{told}: {report}");
    }
    run(&pool, "DELETE FROM audit.pii WHERE seq = 1").await;
    let report = alone(&settings, &pool).await.unwrap();
    assert!(report.findings.iter().any(|found| found.reason == Reason::SealedMismatch), "{report}");
    assert_eq!(report.redacted, 0, "{report}");

    switch_triggers_off(&pool).await;
    let id = call(3).0;
    run(
        &pool,
        &format!(
            "DELETE FROM audit.entries WHERE call_id = '{id}'; DELETE FROM audit.calls WHERE call_id = '{id}'"
        ),
    )
    .await;
    let report = alone(&settings, &pool).await.unwrap();
    assert!(
        report
            .findings
            .iter()
            .any(|found| (found.call, found.reason) == (Some(call(3)), Reason::NotAsSigned)),
        "{report}"
    );
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_nobody_expects_is_named_and_neither_a_panic_nor_an_error() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (settings, pool) = three_heads(&cluster, folder.path()).await;
    switch_triggers_off(&pool).await;
    run(&pool, "ALTER TABLE audit.subject_keys DISABLE TRIGGER no_change").await;
    forge_act(&pool, EntryKind::Retention, json!({ "before": 1 })).await;
    assert!(alone(&settings, &pool).await.unwrap().is_good(), "one that is none excuses nothing");
    const TABLES: [&str; 4] = ["calls", "entries", "heads", "subject_keys"];
    for table in TABLES {
        run(&pool, &format!("CREATE TABLE kept_{table} AS TABLE audit.{table}")).await;
    }
    for (change, reason) in [
        ("UPDATE audit.entries SET body = body || '{\"subject\": \"nobody\"}' WHERE seq = 0", Reason::RowUnreadable),
        ("UPDATE audit.entries SET body = '{\"before\": 1e400}' WHERE kind = 'retention'", Reason::RowUnreadable),
        ("UPDATE audit.entries SET body = '7' WHERE seq = 0", Reason::HashMismatch),
        ("UPDATE audit.heads SET at = 'infinity' WHERE n = 2", Reason::RowUnreadable),
        ("UPDATE audit.heads SET at = '-infinity' WHERE n = 2", Reason::RowUnreadable),
        ("UPDATE audit.heads SET at = '294000-01-01' WHERE n = 2", Reason::RowUnreadable),
        ("UPDATE audit.heads SET n = 9223372036854775807 WHERE n = 3", Reason::HeadMissing),
        ("UPDATE audit.subject_keys SET created_at = 'infinity'", Reason::RowUnreadable),
        (
            "CREATE TABLE audit.calls_end (LIKE audit.calls INCLUDING CONSTRAINTS);
             ALTER TABLE audit.calls ATTACH PARTITION audit.calls_end FOR VALUES FROM ('9000-01-01') TO (MAXVALUE);
             UPDATE audit.calls SET started_at = 'infinity' WHERE ordinal = 2",
            Reason::RowUnreadable,
        ),
        (
            "CREATE TABLE audit.entries_end (LIKE audit.entries INCLUDING CONSTRAINTS);
             ALTER TABLE audit.entries ATTACH PARTITION audit.entries_end FOR VALUES FROM ('9000-01-01') TO (MAXVALUE);
             UPDATE audit.entries SET at = 'infinity' WHERE seq = 2",
            Reason::RowUnreadable,
        ),
    ] {
        run(&pool, change).await;
        let report = alone(&settings, &pool).await.expect(change);
        assert!(report.findings.iter().any(|found| found.reason == reason), "{change}: {report}");
        for table in TABLES {
            run(&pool, &format!("TRUNCATE audit.{table}; INSERT INTO audit.{table} SELECT * FROM kept_{table}"))
                .await;
        }
    }
    assert!(alone(&settings, &pool).await.unwrap().is_good(), "nothing false remains");

    // Leaves that are none, where a trusted head lets them be passed over.
    run(&pool, "UPDATE audit.heads SET leaves = '7' WHERE n = 1").await;
    let since = verify::Since::number(2);
    let sources = Sources { database: Some(pool.clone()), since: Some(since), ..Sources::default() };
    verify::verify(sources).await.unwrap();
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_row_for_a_call_is_found() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (settings, pool) = three_heads(&cluster, folder.path()).await;
    // Before the true one in the order of reading, and right by itself.
    let started_at = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap();
    let (journal, node) = (Uuid::nil(), "other".to_owned());
    insert_row(&pool, &Genesis { journal, node, call: call(2), ordinal: 1, started_at }).await;
    let report = alone(&settings, &pool).await.unwrap();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!(
        (report.findings[0].call, report.findings[0].reason),
        (Some(call(2)), Reason::GenesisMismatch),
        "{report}"
    );
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_in_one_database_are_good_by_the_key_of_either_and_strict_by_given_keys() {
    let cluster = Cluster::temporary().await.unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (n, folder) in (0..).zip(&folders) {
        let settings = Settings { node: format!("node-{n}"), ..settings(folder.path(), &url) };
        let (journal, _) = Journal::open(&settings).unwrap();
        let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
        take_a_call(&journal, 1 + n).await;
        journal.head_now().await.unwrap();
        assert!(journal.flush_to_database(SOON).await);
        drain.stop().await;
        journal.shutdown().await.unwrap();
    }
    for folder in &folders {
        let settings = settings(folder.path(), &url);
        for (journal, strict) in
            [(Some(settings.journal.clone()), false), (None, false), (Some(settings.journal.clone()), true)]
        {
            let sources = Sources {
                journal,
                key: Some(settings.key_path()),
                database: Some(pool.clone()),
                public_keys: read_public(&public_path(&settings.signing_key_path())).ok(),
                own: Some(settings.journal.clone()),
                strict,
                ..Sources::default()
            };
            let report = verify::verify(sources).await.unwrap();
            assert_eq!(report.is_good(), !strict, "{report}");
            assert!(report.findings.iter().all(|found| found.reason == Reason::HeadKey), "{report}");
            assert_eq!(report.database_sealed_checked, 2, "its own: {report}");
        }
    }
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_journal_is_not_good() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { database_url: None, ..settings(folder.path(), "postgres://unused") };
    let (journal, _) = Journal::open(&settings).unwrap();
    take_a_call(&journal, 1).await;
    journal.shutdown().await.unwrap();
    for file in std::fs::read_dir(&settings.journal).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "journal") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let report = check(&settings, None).await;
    assert_eq!(report.findings[0].reason, Reason::SegmentWrong, "{report}");
    std::fs::remove_file(settings.journal.join("heads")).unwrap();
    let sources = Sources { journal: Some(settings.journal.clone()), ..Sources::default() };
    let error = verify::verify(sources).await.unwrap_err();
    assert!(matches!(error, verify::VerifyError::Empty { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_outside_with_the_number_zero_is_a_finding() {
    use orderline::audit::heads::note::{Checkpoint, Note, Signer};
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { database_url: None, ..settings(folder.path(), "postgres://unused") };
    let (journal, _) = Journal::open(&settings).unwrap();
    take_a_call(&journal, 1).await;
    journal.shutdown().await.unwrap();
    let (_, mut says) = super::heads::notes(&settings).remove(0);
    let signer = Signer::from_seed(&[9; 32]).unwrap();
    let name = says.key.name().to_owned();
    (says.n, says.key) = (0, signer.key(&name));
    let note = Note::sign(Checkpoint::to_string(&says), &name, &[&signer]);
    let outside = folder.path().join("outside");
    std::fs::write(&outside, format!("{note}\n")).unwrap();
    let sources =
        Sources { journal: Some(settings.journal.clone()), heads: Some(outside), ..Sources::default() };
    let report = verify::verify(sources).await.unwrap();
    assert!(report.findings.iter().any(|found| found.reason == Reason::HeadMissing), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_outside_that_is_newer_than_the_copying_is_a_note() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (settings, pool) = three_heads(&cluster, folder.path()).await;
    // A server whose drain is a moment behind.
    let (journal, _) = Journal::open(&settings).unwrap();
    take_a_call(&journal, 4).await;
    journal.shutdown().await.unwrap();
    let outside = Some(settings.journal.join("heads"));
    for journal in [None, Some(settings.journal.clone())] {
        let by_itself = journal.is_none();
        let sources =
            Sources { journal, database: Some(pool.clone()), heads: outside.clone(), ..Sources::default() };
        let report = verify::verify(sources).await.unwrap();
        assert!(report.is_good(), "{report}");
        assert_eq!(by_itself, report.notes.iter().any(|note| note.contains("not in the database yet")));
    }
    pool.close().await;
    cluster.stop().await;
}
