//! A database or a voice server that is set back, slow to come, or silent, and the drain between them.

use super::*;

/// What a restore brings back: an owner's hand may do it, the drain's may not.
async fn set_back(pool: &PgPool, drained: Option<(i64, i64)>, calls: &[u128]) {
    switch_triggers_off(pool).await;
    for n in calls {
        for table in ["calls", "entries", "pii"] {
            let gone = format!("DELETE FROM audit.{table} WHERE call_id = $1");
            sqlx::query(sqlx::AssertSqlSafe(gone)).bind(call(*n).0).execute(pool).await.unwrap();
        }
    }
    sqlx::query("DELETE FROM audit.heads").execute(pool).await.unwrap();
    let back = match drained {
        None => sqlx::query("DELETE FROM audit.drained"),
        Some((segment, offset)) => {
            sqlx::query("UPDATE audit.drained SET segment = $1, byte_offset = $2").bind(segment).bind(offset)
        }
    };
    back.execute(pool).await.unwrap();
}

async fn drained(pool: &PgPool) -> (i64, i64) {
    sqlx::query_as("SELECT segment, byte_offset FROM audit.drained").fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_set_back_under_a_running_drain_is_filled_again() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let settings = settings(folder.path(), &url);
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    take_a_call(&journal, 1).await;
    assert!(journal.flush_to_database(SOON).await);
    let pool = PgPool::connect(&url).await.unwrap();
    let after_one = drained(&pool).await;
    take_a_call(&journal, 2).await;
    assert!(journal.flush_to_database(SOON).await);

    // The backup is from between the calls, and no connection breaks.
    set_back(&pool, Some(after_one), &[2]).await;
    take_a_call(&journal, 3).await;
    assert!(journal.flush_to_database(SOON).await);
    assert_eq!(entries(&pool).await, 15);

    // It is from before the first.
    set_back(&pool, None, &[1, 2, 3]).await;
    take_a_call(&journal, 4).await;
    assert!(journal.flush_to_database(SOON).await);
    assert_eq!(entries(&pool).await, 20);
    drain.stop().await;
    journal.shutdown().await.unwrap();
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_set_back_to_a_snapshot_is_copied_from_its_beginning() {
    let cluster = Cluster::temporary().await.unwrap();
    for later in 0..=2 {
        let folder = tempfile::tempdir().unwrap();
        let url = cluster.create_database(&format!("audit_{later}")).await.unwrap();
        let settings = settings(folder.path(), &url);
        let (journal, _) = Journal::open(&settings).unwrap();
        take_a_call(&journal, 1).await;
        journal.shutdown().await.unwrap();
        let segment = settings.journal.join("segment-000000000001.journal");
        let snapshot = std::fs::read(&segment).unwrap();
        let (journal, _) = Journal::open(&settings).unwrap();
        let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
        for n in 2..=5 {
            take_a_call(&journal, n).await;
        }
        assert!(journal.flush_to_database(SOON).await);
        drain.stop().await;
        journal.shutdown().await.unwrap();

        // The machine goes back to the snapshot; PostgreSQL, on another one, stays. Then calls come before it is
        // reached again: fewer than were lost, as many, more than that.
        std::fs::remove_dir_all(&settings.journal).unwrap();
        std::fs::create_dir(&settings.journal).unwrap();
        std::fs::write(&segment, &snapshot).unwrap();
        let (journal, _) = Journal::open(&settings).unwrap();
        let new = 11..=11 + 3 * later;
        for n in new.clone() {
            take_a_call(&journal, n).await;
        }
        let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
        assert!(journal.flush_to_database(SOON).await);
        drain.stop().await;
        journal.shutdown().await.unwrap();
        let pool = PgPool::connect(&url).await.unwrap();
        let copied: i64 = sqlx::query_scalar("SELECT count(*) FROM audit.entries WHERE call_id = ANY($1)")
            .bind(new.clone().map(Uuid::from_u128).collect::<Vec<_>>())
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(copied, 5 * new.count() as i64);
        pool.close().await;
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_waited_long_for_postgresql_is_kept_from_its_confirmation_on() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let settings = settings(folder.path(), &url);
    let (journal, _) = Journal::open(&settings).unwrap();
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    for _ in 0..9 {
        let entry = Entry::new(EntryKind::Read, json!("x".repeat(1_000_000)), 0);
        journal.append(call(1), entry).await.unwrap();
    }
    journal.close_call(call(1)).await.unwrap();
    journal.shutdown().await.unwrap();
    let first = settings.journal.join("segment-000000000001.journal");
    let month_ago = std::time::SystemTime::now() - Duration::from_secs(30 * 86_400);
    std::fs::File::open(&first).unwrap().set_modified(month_ago).unwrap();
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    assert!(journal.flush_to_database(SOON).await);
    drain.stop().await;
    journal.shutdown().await.unwrap();
    let confirmed = std::fs::metadata(&first).expect("it is kept").modified().unwrap();
    assert!(confirmed > month_ago + Duration::from_secs(86_400));
    cluster.stop().await;
}

/// A socket that leads to PostgreSQL until it is frozen: then nothing passes, and no connection breaks.
fn freezable(cluster: &Cluster, folder: &Path) -> tokio::sync::watch::Sender<bool> {
    use tokio::net::{UnixListener, UnixStream};
    const NAME: &str = ".s.PGSQL.5432";
    let (to, listener) = (cluster.folder().join(NAME), UnixListener::bind(folder.join(NAME)).unwrap());
    let frozen = tokio::sync::watch::Sender::new(false);
    let watched = frozen.subscribe();
    tokio::spawn(async move {
        loop {
            let (mut here, _) = listener.accept().await.unwrap();
            let (to, mut watched) = (to.clone(), watched.clone());
            tokio::spawn(async move {
                let mut there = UnixStream::connect(to).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut here, &mut there) => {}
                    () = async { drop(watched.wait_for(|frozen| *frozen).await) } => {}
                }
                // Open for ever.
                std::future::pending::<()>().await;
            });
        }
    });
    frozen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_falls_silent_does_not_hold_up_the_end() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let frozen = freezable(&cluster, folder.path());
    let socket = |folder: &Path| folder.display().to_string().replace('/', "%2F");
    let through = url.replace(&socket(cluster.folder()), &socket(folder.path()));
    assert_ne!(url, through);
    let settings = settings(folder.path(), &through);
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    take_a_call(&journal, 1).await;
    assert!(journal.flush_to_database(SOON).await);
    frozen.send_replace(true);
    take_a_call(&journal, 2).await;
    // It is being copied, and nothing comes back.
    assert!(!journal.flush_to_database(Duration::from_millis(300)).await);
    tokio::time::timeout(Duration::from_secs(5), drain.stop()).await.expect("the end does not wait for it");
    journal.shutdown().await.unwrap();
    cluster.stop().await;
}
