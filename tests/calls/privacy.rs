//! Real calls, and then every place that is not the shop's own: log, figures, journal, audit, tapes. In none of them stands
//! who called, their name, where they live, or the card that they keyed in.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use orderline::telemetry::Figures;
use orderline::telephone::{Step, When};
use sqlx::AssertSqlSafe;

use super::caller::{hang_up, press, say};
use super::house::{House, Shop};
use super::model::{Asked, CONFIRM, DELIVER, FIND, Model, Reply};
use super::{TOTAL, placed};

/// What is written to the log.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `model::order`, by a caller who says who they are.
fn order(asked: &Asked) -> Reply {
    match asked.results.len() {
        0 => Reply::call("find_products", FIND),
        1 => Reply::call(
            "create_order_draft",
            r#"{"items": [{"product_ref": 1, "quantity": 4}], "customer_name": "Анна Петрова"}"#,
        ),
        2 => Reply::call("update_order_delivery", DELIVER),
        _ => Reply::call("confirm_order", CONFIRM),
    }
}

/// The caller of `house`, the name and the street of `order`, and the card, as they may be written.
const PERSONAL: [&str; 14] = [
    "79161234567",
    "9161234567",
    "916 123 45 67",
    "916-123-45-67",
    "(916) 123",
    "61234567",
    "123 45 67",
    "123-45-67",
    "Анна",
    "анна",
    "Петров",
    "Ленина",
    "ленина",
    "41111111",
];

fn holds_none(what: &str, bytes: &[u8]) {
    for personal in PERSONAL {
        let found = bytes.windows(personal.len()).position(|window| window == personal.as_bytes());
        if let Some(at) = found {
            let around = String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 100).min(bytes.len())]);
            panic!("{what} says {personal:?}: …{around}…");
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn log_figures_journal_audit_and_tapes_name_no_caller_no_street_and_no_card() {
    let log = Captured::default();
    let writer = log.clone();
    // The one subscriber of this binary: whatever the other tests' calls log meanwhile is looked through as well.
    tracing_subscriber::fmt()
        .with_env_filter("debug,orderline=trace")
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .try_init()
        .unwrap();
    let figures = Figures::install().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (journal, tapes) = (folder.path().join("journal"), folder.path().join("tapes"));

    let model = Model::start(order).await;
    let shop = Shop::open().await;
    let house = House::open(&model.url, &shop.base, |config| {
        config.audit.journal = journal.clone();
        config.audit.database_url = Some(shop.database_url.clone().into());
        config.tape.dir = Some(tapes.clone());
        config.tape.notice_ru = "Идёт запись.".to_owned();
    })
    .await;
    let bought = house.call(vec![say("ru_let_it_be_nokian"), say("ru_yes_all_right"), hang_up()]).await;
    bought.check();
    assert_eq!(shop.orders(bought.call).await, [placed(TOTAL)], "{bought}");
    let key = |digit| Step::Key { digit, when: When::AtOnce };
    // The first key when the agent has greeted: before the call is answered nobody takes any.
    let card =
        [press('4')].into_iter().chain("111111111111111".chars().map(key)).chain([hang_up()]).collect();
    let paid = house.call(card).await;
    assert!(paid.said().contains("Номер карты по телефону не нужен"), "{paid}");
    house.close().await;

    let seen = log.0.lock().unwrap().clone();
    let text = String::from_utf8_lossy(&seen);
    assert!(text.contains("call over") && text.contains("milestone"), "the log was captured");
    holds_none("the log", &seen);
    let rendered = figures.render();
    assert!(rendered.contains("orderline_tool_calls_total"), "{rendered}");
    holds_none("a figure", rendered.as_bytes());

    let written = files(&journal);
    assert!(!written.is_empty());
    for file in written {
        holds_none("the journal", &std::fs::read(file).unwrap());
    }
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables where table_schema = 'audit'",
    )
    .fetch_all(&shop.pool)
    .await
    .unwrap();
    let mut rows = 0;
    for table in tables {
        let query = AssertSqlSafe(format!("select t::text from audit.{table} t"));
        for row in sqlx::query_scalar::<_, String>(query).fetch_all(&shop.pool).await.unwrap() {
            rows += 1;
            holds_none(&format!("audit.{table}"), row.as_bytes());
        }
    }
    assert!(rows > 8, "the audit was copied: {rows}");

    let consents: Vec<(uuid::Uuid, String)> = sqlx::query_as(
        "select call_id, body ->> 'why' from audit.entries where kind = 'consent' order by call_id, seq",
    )
    .fetch_all(&shop.pool)
    .await
    .unwrap();
    let why =
        |call| consents.iter().filter(|(of, _)| *of == call).map(|(_, why)| why.as_str()).collect::<Vec<_>>();
    assert_eq!(why(bought.call), ["told"]);
    assert_eq!(why(paid.call).last(), Some(&"card_heard"));

    let recorded = files(&tapes);
    let of = |call: uuid::Uuid| {
        recorded.iter().filter(|file| file.starts_with(tapes.join(call.to_string()))).count()
    };
    assert_eq!(of(bought.call), 6, "{recorded:?}");
    assert_eq!(of(paid.call), 0, "the tape with the card is gone");
    for file in recorded {
        holds_none("a tape", &std::fs::read(file).unwrap());
    }
    shop.close().await;
}
