//! The commands that compare and erase, as a person runs them.

use std::process::{Command, Output};

use super::people::{number, order};
use super::*;

fn orderline(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orderline"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

/// A server's life with one order of this person, copied to PostgreSQL.
async fn lived(settings: &Settings, id: u128) {
    let (journal, _) = Journal::open(settings).unwrap();
    let drain = Drain::spawn(&journal, settings).unwrap().unwrap();
    order(&journal, id, &number(1)).await;
    assert!(journal.flush_to_database(SOON).await);
    drain.stop().await;
    journal.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_since_a_time_asks_for_nothing_from_before_it() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let settings = settings(folder.path(), &url);
    lived(&settings, 1).await;
    let pool = PgPool::connect(&url).await.unwrap();
    sqlx::raw_sql(
        "CREATE SCHEMA orders;
         CREATE TABLE orders.events (
             id bigint GENERATED ALWAYS AS IDENTITY, order_id uuid, version integer, event text, to_state text,
             actor text, idem_key text, at timestamptz DEFAULT now())",
    )
    .execute(&pool)
    .await
    .unwrap();
    for key in 0x101_u128..=0x102 {
        sqlx::query(
            "INSERT INTO orders.events (order_id, version, event, to_state, actor, idem_key)
             VALUES ($1, 1, 'drafted', 'draft', 'agent', $2)",
        )
        .bind(Uuid::from_u128(8))
        .bind(Uuid::from_u128(key).to_string())
        .execute(&pool)
        .await
        .unwrap();
    }
    let compared = |since: Option<&str>| {
        let mut arguments = vec![
            "audit",
            "reconcile",
            "--database-url",
            &url,
            "--store-database-url",
            &url,
            "--only",
            "database",
        ];
        arguments.extend(since.map(|_| "--since").into_iter().chain(since));
        let output = orderline(folder.path(), &arguments);
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    };
    let hour = chrono::TimeDelta::hours(1);
    let (before, after) = ((Utc::now() - hour).to_rfc3339(), (Utc::now() + hour).to_rfc3339());
    for (since, done) in [(None, 2), (Some(&*before), 2), (Some(&*after), 0)] {
        let (status, text) = compared(since);
        assert!(status == Some(0) && text.contains(&format!("{done} done")), "{since:?}: {text}");
    }
    sqlx::raw_sql("DELETE FROM orders.events WHERE id = 2").execute(&pool).await.unwrap();
    let (status, text) = compared(Some(&before));
    assert!(status == Some(1) && text.contains("BAD not_in_store"), "{text}");
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_does_not_say_that_nothing_is_kept_where_it_only_cannot_tell() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let first = settings(folder.path(), &url);
    lived(&first, 1).await;
    // The disk is lost, and the server begins anew; the caller calls again.
    let second = Settings { journal: folder.path().join("anew"), ..first.clone() };
    lived(&second, 2).await;
    let tapes = folder.path().join("tapes");
    for n in [1, 2, 3] {
        std::fs::create_dir_all(tapes.join(call(n).to_string())).unwrap();
    }
    let erased = |who: &str, journal: &Path| {
        let (journal, tapes) = (journal.to_str().unwrap(), tapes.to_str().unwrap());
        let places = ["--database-url", &url, "--journal", journal, "--tapes", tapes, "--yes"];
        let output = orderline(folder.path(), &[&["audit", "erase", who], &places[..]].concat());
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    };
    let phone = number(1);
    let (status, text) = erased(phone.e164(), &second.journal);
    assert!(status == Some(2) && text.contains("values of 1 persons"), "{text}");
    assert!(text.starts_with("erased 1 keys here") && !tapes.join(call(2).to_string()).exists(), "{text}");
    let (status, text) = erased(phone.e164(), &second.journal);
    assert!(status == Some(2) && text.starts_with("nothing is found"), "{text}");
    let (status, text) = erased(&format!("call:{}", call(1)), &second.journal);
    assert!(status == Some(0) && !tapes.join(call(1).to_string()).exists(), "{text}");
    let (status, text) = erased(phone.e164(), &second.journal);
    assert!(status == Some(0) && text.starts_with("nothing is kept"), "{text}");
    assert!(tapes.join(call(3).to_string()).exists(), "somebody else's");
    cluster.stop().await;
}
