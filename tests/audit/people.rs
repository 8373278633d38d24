//! Personal values: readable while their person's key is there, by nobody afterwards.

use std::path::{Path, PathBuf};
use std::time::Instant;

use orderline::audit::erase::{self, EraseError, Kept, Places, Who};
use orderline::ids::{Pii, Region};
use orderline::orders::Delivery;

use super::*;

const NAME: &str = "Ольга Миронова";
const ADDRESS: &str = "улица Сурганова, 57, квартира 12";

pub(crate) fn number(n: u128) -> PhoneNumber {
    PhoneNumber::try_from(format!("+37529{:07}", 1_234_500 + n)).unwrap()
}

/// A call with two changes, each with its outcome: six entries, four of them with a sealed value.
pub(crate) async fn order(journal: &Journal, id: u128, caller: &PhoneNumber) {
    journal.open_call(call(id), Some(caller), Utc::now()).await.unwrap();
    let lines = vec![DraftLine { product_id: Uuid::from_u128(3), quantity: 4 }];
    let name = Some(Pii::new(NAME.to_owned()));
    let delivery =
        Delivery::Delivery { city: "Минск".to_owned(), address: Pii::new(ADDRESS.to_owned()) };
    let actions = [
        OrderAction::CreateDraft { lines, phone: caller.clone(), name },
        OrderAction::SetDelivery { order_id: Uuid::from_u128(8), delivery },
    ];
    for (n, action) in (1..).zip(actions) {
        let key = Some(Uuid::from_u128((id << 8) + u128::from(n)));
        let request = ActionRequest { id: RequestId(n), action, key, evidence: None };
        journal.append(call(id), Entry::intent(&request, 10)).await.unwrap();
        let done = ActionOutcome::Cancelled { order_id: Uuid::from_u128(8) };
        journal.append(call(id), Entry::outcome(&request, &done, 30)).await.unwrap();
    }
    journal.close_call(call(id)).await.unwrap();
}

async fn find(places: &Places, who: &str) -> Kept {
    erase::find(places, Who::parse(who, &Region::DEFAULTS).unwrap()).await.unwrap()
}

/// Every row of every table of the schema, partitions by their own names too, as text.
async fn dump(pool: &PgPool) -> String {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = 'audit' AND c.relkind IN ('r', 'p', 'v')",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut text = String::new();
    for table in tables {
        let rows =
            sqlx::AssertSqlSafe(format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t"));
        text += &sqlx::query_scalar::<_, String>(rows).fetch_one(pool).await.unwrap();
    }
    text
}

/// All bytes below a folder.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { bytes_below(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

/// A text in clear, in hex and in base64 at each of its three offsets.
fn spellings(text: &str) -> Vec<Vec<u8>> {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    let mut found = vec![text.as_bytes().to_vec()];
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    found.push(hex.to_uppercase().into_bytes());
    found.push(hex.into_bytes());
    for before in 0..3 {
        let whole = base64.encode([vec![0; before], text.as_bytes().to_vec()].concat());
        // Neither the characters that what stands before takes part in, nor the last ones.
        let from = (before * 8).div_ceil(6);
        found.push(whole.as_bytes()[from..whole.len() - 2].to_vec());
    }
    found
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_search_for_leaks_sees_what_leaks() {
    use base64::Engine as _;
    let leak = base64::engine::general_purpose::STANDARD.encode(format!("xy{NAME}z"));
    assert!(spellings(NAME).iter().any(|spelling| holds(leak.as_bytes(), spelling)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_a_hundred_people_is_erased_beside_the_running_server_and_every_chain_still_verifies() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let settings = settings(folder.path(), &url);
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    let calls: Vec<_> = (1..=100)
        .map(|n| {
            let journal = journal.clone();
            tokio::spawn(async move { order(&journal, n, &number(n)).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    // The 42nd calls once more.
    order(&journal, 142, &number(42)).await;
    assert!(journal.flush_to_database(SOON).await);
    let pool = PgPool::connect(&url).await.unwrap();
    let tapes = folder.path().join("tapes");
    for recorded in [call(42).to_string(), format!("{}-2", call(42)), call(41).to_string()] {
        std::fs::create_dir_all(tapes.join(&recorded)).unwrap();
        std::fs::write(tapes.join(recorded).join("in.wav"), "sound").unwrap();
    }
    let before = check(&settings, Some(&pool)).await;
    assert!(before.is_good(), "{before}");
    assert_eq!((before.sealed_checked, before.database_sealed_checked, before.redacted), (404, 404, 0));

    let places = Places { settings: settings.clone(), pool: Some(pool.clone()), tapes: Some(tapes.clone()) };
    let spelled = format!("8 0{}", &number(42).e164()[4..]);
    let kept = find(&places, &spelled).await;
    assert_eq!((kept.subjects.len(), kept.calls.len(), kept.keys), (1, 2, 1));
    assert_eq!((kept.database_keys, kept.database_values, kept.recordings.len()), (1, 8, 2));
    let subject = kept.subjects.first().unwrap().0.to_string();
    assert_eq!(find(&places, &format!("call:{}", call(42).0)).await.calls, kept.calls);
    let key: (Uuid, Vec<u8>, chrono::DateTime<Utc>) = sqlx::query_as(
        "SELECT subject_id, wrapped_key, created_at FROM audit.subject_keys WHERE subject_id = $1::uuid",
    )
    .bind(&subject)
    .fetch_one(&pool)
    .await
    .unwrap();
    let backup = std::fs::read(settings.journal.join("subjects.keys")).unwrap();
    erase::erase(&places, &kept, Some("olga")).await.unwrap();

    assert!(find(&places, &spelled).await.is_nothing());
    assert!(find(&places, &subject).await.is_nothing());
    assert_eq!(std::fs::read_dir(&tapes).unwrap().count(), 1, "the other one's recording stays");
    // The person calls again, and nothing ties them to what was.
    order(&journal, 242, &number(42)).await;
    assert!(journal.flush_to_database(SOON).await);
    let again = find(&places, &spelled).await;
    assert!(again.keys == 1 && !again.subjects.contains(kept.subjects.first().unwrap()));
    drain.stop().await;
    journal.shutdown().await.unwrap();

    let after = check(&settings, Some(&pool)).await;
    assert!(after.is_good(), "{after}");
    assert_eq!((after.redacted, after.sealed_checked, after.database_sealed_checked), (8, 400, 400));
    assert!(after.to_string().contains("8 redacted"), "{after}");
    for source in [
        Sources {
            journal: Some(settings.journal.clone()),
            key: Some(settings.key_path()),
            ..Sources::default()
        },
        Sources { key: Some(settings.key_path()), database: Some(pool.clone()), ..Sources::default() },
    ] {
        let report = verify::verify(source).await.unwrap();
        assert!(report.is_good() && report.redacted == 8, "{report}");
    }

    let places_left = [dump(&pool).await.into_bytes(), bytes_below(&settings.journal)];
    for secret in [
        &number(42).e164()[1..],
        &number(42).e164()[4..],
        &spelled[1..],
        NAME,
        "Миронова",
        ADDRESS,
        "Сурганова",
    ] {
        for (place, bytes) in places_left.iter().enumerate() {
            for spelling in spellings(secret) {
                assert!(!holds(bytes, &spelling), "{secret} in place {place}");
            }
        }
    }

    // What no erasure names must open.
    sqlx::query("DELETE FROM audit.pii WHERE call_id = $1").bind(call(7).0).execute(&pool).await.unwrap();
    let report = check(&settings, Some(&pool)).await;
    assert_eq!(report.findings.len(), 4, "{report}");
    assert!(
        report
            .findings
            .iter()
            .all(|found| found.reason == Reason::SealedMismatch && found.call == Some(call(7)))
    );
    // A key that came back is told.
    sqlx::query("INSERT INTO audit.subject_keys VALUES ($1, $2, $3)")
        .bind(key.0)
        .bind(key.1)
        .bind(key.2)
        .execute(&pool)
        .await
        .unwrap();
    let report = check(&settings, Some(&pool)).await;
    assert!(report.findings.iter().any(|found| found.reason == Reason::NotErased), "{report}");
    // And it was the key alone that made the values readable.
    std::fs::write(settings.journal.join("subjects.keys"), backup).unwrap();
    let report = check(&settings, None).await;
    assert_eq!(report.sealed_checked, 404, "{report}");
    assert!(
        report.findings.len() == 4 && report.findings.iter().all(|found| found.call == Some(call(242))),
        "the new call's key is not in the backup: {report}"
    );
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_is_refused_to_a_role_that_may_not_and_repeated_when_it_was_cut_off() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let settings = settings(folder.path(), &url);
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    order(&journal, 1, &number(1)).await;
    // One whose outcome nobody knows.
    journal.open_call(call(2), Some(&number(1)), Utc::now()).await.unwrap();
    let action = OrderAction::Cancel { order_id: Uuid::from_u128(8), reason: "x".to_owned() };
    let request = ActionRequest { id: RequestId(1), action, key: Some(Uuid::from_u128(9)), evidence: None };
    journal.append(call(2), Entry::intent(&request, 1)).await.unwrap();
    assert!(journal.flush_to_database(SOON).await);
    let owner = PgPool::connect(&url).await.unwrap();
    sqlx::raw_sql(
        "CREATE ROLE server LOGIN; GRANT audit_writer TO server;
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''down''; END';",
    )
    .execute(&owner)
    .await
    .unwrap();
    let server = PgPool::connect(&url.replace("//orderline@", "//server@")).await.unwrap();
    let mut places = Places { settings: settings.clone(), pool: Some(server.clone()), tapes: None };
    let kept = find(&places, number(1).e164()).await;
    let refused = erase::erase(&places, &kept, None).await.unwrap_err();
    assert!(matches!(refused, EraseError::NotAllowed { .. }), "{refused}");
    assert_eq!(find(&places, number(1).e164()).await.keys, 1, "nothing was erased");

    places.pool = Some(owner.clone());
    sqlx::raw_sql("CREATE TRIGGER fail BEFORE DELETE ON audit.pii EXECUTE FUNCTION fail()")
        .execute(&owner)
        .await
        .unwrap();
    let kept = find(&places, number(1).e164()).await;
    assert!(matches!(erase::erase(&places, &kept, None).await, Err(EraseError::Database(_))));
    let begun = check(&settings, Some(&owner)).await;
    assert!(begun.findings.iter().all(|found| found.reason == Reason::NotErased), "{begun}");
    sqlx::raw_sql("DROP TRIGGER fail ON audit.pii").execute(&owner).await.unwrap();
    let kept = find(&places, number(1).e164()).await;
    assert_eq!((kept.keys, kept.database_keys), (1, 1), "found again by the same number");
    erase::erase(&places, &kept, None).await.unwrap();
    assert!(find(&places, number(1).e164()).await.is_nothing());

    // What the server cannot read any more goes to a person.
    drain.stop().await;
    journal.shutdown().await.unwrap();
    let (journal, recovered) = Journal::open(&settings).unwrap();
    assert_eq!(recovered.open_intents.len(), 1);
    assert_eq!(recovered.open_intents[0].request(), None);
    let entry = Entry::needs_operator(&recovered.open_intents[0], "the sealed request cannot be read");
    journal.append(call(2), entry).await.unwrap();
    journal.shutdown().await.unwrap();
    let report = check(&settings, Some(&owner)).await;
    assert!(report.is_good(), "{report}");
    assert_eq!(report.redacted, 5);
    server.close().await;
    owner.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_between_two_copies_leaves_nothing_behind() {
    let cluster = Cluster::temporary().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let settings = settings(folder.path(), &url);
    let (journal, _) = Journal::open(&settings).unwrap();
    let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
    order(&journal, 1, &number(1)).await;
    // The tables are there.
    assert!(journal.flush_to_database(SOON).await);
    let pool = PgPool::connect(&url).await.unwrap();
    let places = Places { settings: settings.clone(), pool: Some(pool.clone()), tapes: None };
    for round in 0..4 {
        order(&journal, 1000 * (round + 1) + 500, &number(1)).await;
        let kept = find(&places, number(1).e164()).await;
        assert_eq!(kept.keys, 1);
        let talking = {
            let journal = journal.clone();
            tokio::spawn(async move {
                for n in 0..8 {
                    order(&journal, 1000 * (round + 1) + n, &number(1)).await;
                }
            })
        };
        erase::erase(&places, &kept, None).await.unwrap();
        talking.await.unwrap();
        assert!(journal.flush_to_database(SOON).await);
        let subjects: Vec<Uuid> = kept.subjects.iter().map(|subject| subject.0).collect();
        let left: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM audit.pii WHERE subject_id = ANY($1))
                  + (SELECT count(*) FROM audit.subject_keys WHERE subject_id = ANY($1))",
        )
        .bind(subjects)
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(left, 0, "round {round}");
    }
    drain.stop().await;
    journal.shutdown().await.unwrap();
    let report = check(&settings, Some(&pool)).await;
    assert!(report.is_good() && report.redacted > 0, "{report}");
    pool.close().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_persons_call_costs_one_sync_more_than_a_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { database_url: None, ..settings(folder.path(), "postgres://unused") };
    let (journal, _) = Journal::open(&settings).unwrap();
    let path: PathBuf = settings.journal.join("subjects.keys");
    let mut micros = [Vec::new(), Vec::new()];
    for n in 0..50 {
        for (id, took) in (0..).zip(&mut micros) {
            let began = Instant::now();
            journal.open_call(call(2 * n + id), Some(&number(n)), Utc::now()).await.unwrap();
            took.push(began.elapsed().as_micros());
        }
    }
    for took in &mut micros {
        took.sort_unstable();
    }
    println!(
        "opening a call, median: {} us of a new person, {} us of a known one",
        micros[0][25], micros[1][25]
    );
    assert_eq!(
        std::fs::metadata(path).unwrap().len(),
        50 * 128,
        "a slot for each person, none for each call"
    );
    journal.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_values_of_another_node_in_the_same_database_are_left_to_that_node() {
    let cluster = Cluster::temporary().await.unwrap();
    let url = cluster.create_database("audit").await.unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (n, folder) in (0..).zip(&folders) {
        let settings = Settings { node: format!("node-{n}"), ..settings(folder.path(), &url) };
        let (journal, _) = Journal::open(&settings).unwrap();
        let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
        take_a_call(&journal, 1 + n).await;
        assert!(journal.flush_to_database(SOON).await);
        drain.stop().await;
        journal.shutdown().await.unwrap();
    }
    let report = check(&settings(folders[0].path(), &url), Some(&pool)).await;
    assert!(report.is_good(), "{report}");
    assert_eq!(report.database_sealed_checked, 2, "its own");
    assert!(report.notes.iter().any(|note| note.contains("of other journals")), "{report}");
    pool.close().await;
    cluster.stop().await;
}
