//! The table: every crash point, under every change, in every weather of the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use orderline::ids::{CallId, PhoneNumber};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::child::{ACTIONS, Action, Role, Script};
use crate::invariants;
use crate::process::{Running, said};
use crate::proxy::{Proxy, WEATHERS, Weather};
use crate::shop::{RUNTIME, Shop, shop};

const POINTS: [(&str, &str); 10] = [
    ("cp0", "before the intent is appended"),
    ("cp1", "the intent is written, not synced"),
    ("cp2", "the intent is synced, the request not sent"),
    ("cp3", "the request is sent, no response"),
    ("cp4", "the response is here, no outcome written"),
    ("cp5", "the outcome is synced, not told"),
    ("cp6", "PostgreSQL committed, the watermark not moved"),
    ("cp7", "a new segment was made for the intent, nothing in it"),
    ("cp8", "a head was made, not written"),
    ("cp9", "during reconciliation, at every passing in turn"),
];

/// Cells under way at once: what a cell does is wait for processes to start, and for the store.
const AT_ONCE: usize = 16;
/// How long the weather lasts after the crash.
const WEATHER_LASTS: Duration = Duration::from_secs(1);
/// For one life of a child on a busy machine.
const LIFE: Duration = Duration::from_secs(300);

#[derive(Clone, Copy)]
struct Cell {
    point: &'static str,
    action: Action,
    weather: Weather,
}

#[test]
fn at_every_crash_point_nothing_is_lost_doubled_or_told_wrongly() {
    if !cfg!(debug_assertions) {
        println!("a release build has no crash points");
        return;
    }
    RUNTIME.block_on(async {
        let shop = shop().await;
        let began = Instant::now();
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut running = Vec::new();
        for (point, _) in POINTS {
            for action in ACTIONS {
                for weather in WEATHERS {
                    let room = room.clone();
                    running.push(tokio::spawn(async move {
                        let _place = room.acquire().await.unwrap();
                        run(shop, Cell { point, action, weather }).await
                    }));
                }
            }
        }
        let mut results = Vec::new();
        for running in running {
            results.push(running.await.unwrap());
        }
        let alone =
            orderline::audit::verify::Sources { database: Some(shop.pool.clone()), ..Default::default() };
        let report = orderline::audit::verify::verify(alone).await.unwrap();
        println!("{}", table(&results));
        let slowest = results.iter().map(|result| result.settled_ms).max().unwrap();
        println!(
            "{} cells in {:.0} s; the slowest was settled {slowest} ms after its last start",
            results.len(),
            began.elapsed().as_secs_f32()
        );
        let broken: Vec<_> = results.iter().flat_map(|result| &result.broken).collect();
        assert!(broken.is_empty(), "{broken:#?}");
        assert!(report.is_good(), "the database by itself: {report}");
    });
}

/// What came of a cell.
struct Came {
    /// How the change was settled.
    how: String,
    settled_ms: u64,
    broken: Vec<String>,
}

async fn run(shop: &'static Shop, cell: Cell) -> Came {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&shop.address).await;
    let call = CallId(Uuid::new_v4());
    let phone = format!("+7916{:07}", call.0.as_u128() % 10_000_000);
    let scene = Role::Scene {
        action: cell.action,
        call,
        phone: PhoneNumber::try_from(phone).unwrap(),
        drain_late: cell.point == "cp6",
        new_segment: cell.point == "cp7",
    };
    let mut script = Script {
        role: scene,
        journal: folder.path().join("journal"),
        database_url: Some(shop.url.clone()),
        store: proxy.base.clone(),
        product: shop.product,
    };
    let place = cell.action.place();
    let crash_at = match cell.point {
        // An outcome has to be found out first, so an intent is left without one.
        "cp9" => format!("cp4:{place}"),
        "cp0" | "cp2" | "cp4" | "cp5" => format!("{}:{place}", cell.point),
        // The call's opening, then two for each change.
        "cp1" => format!("cp1:{}", 2 * place),
        // The first segment is made at the start.
        "cp7" => "cp7:2".to_owned(),
        // Killed from outside.
        "cp3" => String::new(),
        point => point.to_owned(),
    };
    let mut broken = Vec::new();
    let mut words = first_life(Running::start(&script, &crash_at), &proxy, cell, &mut broken).await;

    let weather = cell.weather;
    let clears = async {
        if weather != Weather::Up {
            tokio::time::sleep(WEATHER_LASTS).await;
            proxy.turn(Weather::Up);
        }
    };
    script.role = Role::Settle;
    let lives = async {
        let mut lives = 0;
        loop {
            lives += 1;
            let crash_at = if cell.point == "cp9" { format!("cp9:{lives}") } else { String::new() };
            let (well, said) = Running::start(&script, &crash_at).end(LIFE).await;
            let settled = said.iter().find_map(|words| words.strip_prefix("settled "));
            let settled_ms = settled.and_then(|ms| ms.parse::<u64>().ok());
            let copied = said.iter().any(|words| words == "copied");
            if well == Some(true) && copied {
                return (lives, settled_ms.unwrap());
            }
            if cell.point != "cp9" || lives > 8 {
                broken.push(format!("the recovery did not end: {well:?}, {said:?}"));
                return (lives, u64::MAX);
            }
        }
    };
    let ((lives, settled_ms), ()) = tokio::join!(lives, clears);
    words.retain(|words| words.starts_with("said "));
    broken.extend(invariants::broken(&shop.pool, &[call.0], &said(&words)).await);
    // Against the database each folder is read with all that is in there: one of each row and column will do.
    let against = (cell.action == ACTIONS[0] || cell.weather == Weather::Up).then_some(&shop.pool);
    broken.extend(invariants::unverified(&script.journal, against).await);
    let mut how = settled(&shop.pool, call, place).await;
    if lives > 1 {
        how.push_str(&format!(", {lives} lives"));
    }
    for broken in &mut broken {
        *broken = format!("{} {} {}: {broken}", cell.point, cell.action.name(), cell.weather.name());
    }
    Came { how, settled_ms, broken }
}

/// The life that ends at the crash point; what it said.
async fn first_life(mut child: Running, proxy: &Proxy, cell: Cell, broken: &mut Vec<String>) -> Vec<String> {
    if child.says("ready", LIFE).await.is_none() {
        broken.push("the child did not come to its change".to_owned());
        return child.kill().await;
    }
    if cell.point == "cp3" {
        // A store that goes down has read the request and does nothing.
        let caught = proxy.catch(cell.weather != Weather::Down);
        if cell.weather == Weather::Slow {
            proxy.turn(Weather::Slow);
        }
        child.go().await;
        if tokio::time::timeout(LIFE, caught).await.is_err() {
            broken.push("no request was sent".to_owned());
        }
        let words = child.kill().await;
        proxy.turn(cell.weather);
        return words;
    }
    proxy.turn(cell.weather);
    child.go().await;
    let (well, words) = child.end(LIFE).await;
    if well != Some(false) {
        broken.push(format!("the child did not die: {well:?}, {words:?}"));
    }
    words
}

/// The last word of the audit on the change: what kind of entry, and what it says.
async fn settled(pool: &PgPool, call: CallId, place: u32) -> String {
    let entries: Vec<(String, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT kind, body ->> 'outcome', coalesce(body ->> 'how', body ->> 'why') FROM audit.entries
          WHERE call_id = $1 AND request = $2 ORDER BY seq",
    )
    .bind(call.0)
    .bind(i64::from(place))
    .fetch_all(pool)
    .await
    .unwrap();
    match entries.last() {
        None => "never asked".to_owned(),
        Some((kind, outcome, how)) => {
            let parts =
                [Some(kind.replace('_', " ")), outcome.clone(), how.as_ref().map(|how| format!("({how})"))];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    }
}

fn table(results: &[Came]) -> String {
    let mut rows = vec![
        [vec!["", "the process dies when", "change"], WEATHERS.map(Weather::name).to_vec()]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    ];
    let mut results = results.iter();
    for (point, when) in POINTS {
        for action in ACTIONS {
            let mut row = vec![point.to_uppercase(), when.to_owned(), action.name().to_owned()];
            for came in results.by_ref().take(WEATHERS.len()) {
                row.push(match came.broken.first() {
                    None => format!("✓ {}", came.how),
                    Some(_) => format!("✗ {}", came.how),
                });
            }
            rows.push(row);
        }
    }
    lined_up(&rows)
}

/// Columns under each other.
pub(crate) fn lined_up(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
