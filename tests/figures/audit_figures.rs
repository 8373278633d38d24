//! What the audit costs, beside the bare disk in the same run:
//!
//! - `action`: intent and outcome through the journal, against two bare `fdatasync`s of the same size, in turn;
//! - `rate`: a hundred calls at once, as fast as they can;
//! - `audio`: a hundred echoed calls, with a hundred journaling ones and the drain beside them and without, in turn;
//! - `recovery`: ten thousand intents without an outcome: opening the journal, and asking the store about each.
//!
//! `cargo run --release --example audit_figures [--folder FOLDER] [PART…]`; the folder decides which disk is measured.
//! `audio` needs PostgreSQL's programs, `recovery` a Store API: it starts the reference store on a private PostgreSQL.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use orderline::audit::drain::Drain;
use orderline::audit::{Entry, Journal, Settings, reconcile};
use orderline::call::Calls;
use orderline::call::core::echoes;
use orderline::ids::{CallId, PhoneNumber, RequestId};
use orderline::load::{self, Plan, Sound};
use orderline::orders::client::{self, Http, StoreClient};
use orderline::orders::{ActionOutcome, ActionRequest, DraftLine, Order, OrderAction};
use orderline::postgres::Cluster;
use orderline::server::{self, Listener};
use orderline::store;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const ACTIONS: u64 = 500;
const CALLS: u128 = 100;
const ACTIONS_PER_CALL: u64 = 100;
const OPEN_INTENTS: u64 = 10_000;
/// Actions a second of each journaling call beside the sound: far more than a caller can speak.
const PACE: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() -> Outcome {
    let mut parent = std::env::temp_dir();
    let mut parts = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--folder" => parent = PathBuf::from(arguments.next().ok_or("expected a folder")?),
            part @ ("action" | "rate" | "audio" | "recovery") => parts.push(part.to_owned()),
            other => return Err(format!("expected action, rate, audio or recovery, found {other}").into()),
        }
    }
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    let folder = tempfile::tempdir_in(parent)?;
    if wanted("action") {
        action(&folder.path().join("action")).await?;
    }
    if wanted("rate") {
        rate(&folder.path().join("rate")).await?;
    }
    if wanted("audio") {
        audio(&folder.path().join("audio")).await?;
    }
    if wanted("recovery") {
        recovery(&folder.path().join("recovery")).await?;
    }
    Ok(())
}

fn settings(folder: &Path) -> Settings {
    Settings { journal: folder.join("journal"), free_space_floor_bytes: 0, ..Settings::default() }
}

/// One action at a time.
async fn action(folder: &Path) -> Outcome {
    let (journal, _) = Journal::open(&settings(folder))?;
    let one = CallId(Uuid::from_u128(u128::MAX));
    journal.open_call(one, None, Utc::now()).await?;
    // A preallocated file, as the journal's are: 512 bytes are about what an entry takes.
    let bare = std::fs::File::create_new(folder.join("bare"))?;
    fs4::FileExt::allocate(&bare, 8 << 20)?;
    let (mut bare_pairs, mut pairs) = (Vec::new(), Vec::new());
    for n in 0..ACTIONS {
        let began = Instant::now();
        for _ in 0..2 {
            (&bare).write_all(&[7; 512])?;
            bare.sync_data()?;
        }
        bare_pairs.push(began.elapsed());
        let request = request(n)?;
        let began = Instant::now();
        act(&journal, one, &request).await?;
        pairs.push(began.elapsed());
    }
    journal.close_call(one).await?;
    journal.shutdown().await?;
    println!("{ACTIONS} actions one after the other, intent and outcome:");
    let bare = print("two bare fdatasyncs", &mut bare_pairs);
    let through = print("through the journal", &mut pairs);
    println!("  {:.2} times the bare disk (medians)", through.as_secs_f64() / bare.as_secs_f64());
    Ok(())
}

/// Many calls, each as fast as the disk lets it.
async fn rate(folder: &Path) -> Outcome {
    let (journal, _) = Journal::open(&settings(folder))?;
    let began = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..CALLS {
        let journal = journal.clone();
        calls.spawn(async move {
            let call = CallId(Uuid::from_u128(n));
            let mut pairs = Vec::new();
            journal.open_call(call, None, Utc::now()).await.ok()?;
            for n in 0..ACTIONS_PER_CALL {
                let request = request(n).ok()?;
                let began = Instant::now();
                act(&journal, call, &request).await.ok()?;
                pairs.push(began.elapsed());
            }
            journal.close_call(call).await.ok()?;
            Some(pairs)
        });
    }
    let mut pairs: Vec<_> = calls.join_all().await.into_iter().flatten().flatten().collect();
    let took = began.elapsed();
    println!("{CALLS} calls at once, {} actions:", pairs.len());
    print("through the journal", &mut pairs);
    println!("  {:.0} actions a second", pairs.len() as f64 / took.as_secs_f64());
    journal.shutdown().await?;
    Ok(())
}

/// Whether the journal makes a frame late: echoed calls with and without journaling ones beside them, in turn.
async fn audio(folder: &Path) -> Outcome {
    let cluster = Cluster::temporary().await?;
    let url = cluster.create_database("audit").await?;
    let settings = Settings { database_url: Some(url.into()), ..settings(folder) };
    let (journal, _) = Journal::open(&settings)?;
    let drain = Drain::spawn(&journal, &settings)?.ok_or("expected a database")?;
    let listening = server::Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        max_half_open: 200,
        ..server::Settings::default()
    };
    let listener = Listener::bind(&listening)?;
    let address = listener.local_addr()?;
    let calls = Arc::new(Calls::plain(echoes(), tokio::runtime::Handle::current()));
    let serving = tokio::spawn(listener.serve(calls.clone()));
    println!("{CALLS} echoed calls, spacing of their frames in ms:");
    for round in 1..=3 {
        for busy in [false, true] {
            let stop = CancellationToken::new();
            let done = Arc::new(AtomicU64::new(0));
            let mut storm = tokio::task::JoinSet::new();
            for _ in 0..if busy { CALLS } else { 0 } {
                storm.spawn(keep_acting(journal.clone(), stop.clone(), done.clone()));
            }
            let plan = Plan {
                server: address,
                calls: CALLS as usize,
                hold: Duration::from_secs(10),
                begin_per_s: 200,
                rate: audiosocket::SampleRate::Hz8000,
                packet_ms: 20,
                sound: Sound::Marks,
                bursts: false,
                dtx: false,
                hang_up_after: None,
                placed: None,
                threads: 1,
                pid: Some(std::process::id()),
                seed: round,
            };
            let report = tokio::task::spawn_blocking(move || load::run(&plan, |_| ())).await??;
            stop.cancel();
            storm.join_all().await;
            let with = match busy {
                true => format!("with {} journaled actions", done.load(Ordering::Relaxed)),
                false => "alone".to_owned(),
            };
            println!(
                "  {with}: p99 {:.1}, p99.9 {:.1}, worst {:.1}; telephones late by {:.1} at worst; {} frames",
                report.spacing.p99_ms,
                report.spacing.p999_ms,
                report.spacing.worst_ms,
                report.telephones_late.worst_ms,
                report.frames_heard
            );
        }
    }
    let drained = journal.flush_to_database(Duration::from_secs(60)).await;
    println!("  drained to PostgreSQL at the end: {drained}");
    drain.stop().await;
    journal.shutdown().await?;
    calls.draining.cancel();
    serving.await??;
    cluster.stop().await;
    Ok(())
}

async fn keep_acting(journal: Journal, stop: CancellationToken, done: Arc<AtomicU64>) {
    let call = CallId(Uuid::now_v7());
    if journal.open_call(call, None, Utc::now()).await.is_err() {
        return;
    }
    let mut n = 0;
    // Not all in one moment: callers do not speak in chorus.
    let offset = u32::from(call.0.as_bytes()[15]) % 100;
    tokio::time::sleep(PACE * offset / 100).await;
    let mut pace = tokio::time::interval(PACE);
    while !stop.is_cancelled() {
        pace.tick().await;
        let Ok(request) = request(n) else { return };
        n += 1;
        if act(&journal, call, &request).await.is_ok() {
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
    let _ = journal.close_call(call).await;
}

/// Ten thousand intents that nobody knows the outcome of.
async fn recovery(folder: &Path) -> Outcome {
    let settings = settings(folder);
    let cluster = Cluster::temporary().await?;
    let url = cluster.create_database("store").await?;
    let token = Uuid::new_v4().simple().to_string();
    let mut own = store::Settings {
        database_url: url.into(),
        token: token.clone().into(),
        max_unpaid_orders: 10_000,
        ..Default::default()
    };
    // As fast as it can: by default a store takes 6,000 requests a minute of a token, and 120 for what is not there.
    own.limits.requests_per_min = 0;
    own.limits.misses_per_min = 0;
    let pool = store::connect(&own).await?;
    let shop = store::Shop::load(Path::new("samples/shop/tyres.toml"))?;
    store::seed(&pool, &shop, own.utc_offset_min).await?;
    let product: Uuid =
        sqlx::query_scalar("select id from catalog.products order by id limit 1").fetch_one(&pool).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let stop_store = CancellationToken::new();
    let serving = tokio::spawn(store::serve(own, listener, pool.clone(), stop_store.clone()));
    let client =
        StoreClient::new(client::Settings { base_url, token: Some(token.into()), ..Default::default() })?;

    let (journal, _) = Journal::open(&settings)?;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..CALLS as u64 {
        let journal = journal.clone();
        calls.spawn(async move {
            let call = CallId(Uuid::from_u128(n.into()));
            journal.open_call(call, None, Utc::now()).await.ok()?;
            for id in 0..OPEN_INTENTS / CALLS as u64 {
                // A cancellation of an order that is not there: the store answers each for certain, and none makes
                // goods move.
                let mut request = request(id).ok()?;
                if id % 2 == 0 {
                    request.action =
                        OrderAction::Cancel { order_id: Uuid::now_v7(), reason: "cut off".to_owned() };
                } else if let OrderAction::CreateDraft { lines, phone, .. } = &mut request.action {
                    // Each call's caller orders in their own name.
                    lines[0].product_id = product;
                    *phone = PhoneNumber::try_from(format!("+37529{:07}", 1_000_000 + n)).ok()?;
                }
                journal.append(call, Entry::intent(&request, 1)).await.ok()?;
            }
            Some(())
        });
    }
    let written = calls.join_all().await.into_iter().flatten().count();
    // The process dies here, as far as the journal can tell.
    journal.shutdown().await?;
    drop(journal);
    let began = Instant::now();
    let (journal, recovered) = Journal::open(&settings)?;
    let opened = began.elapsed();
    println!(
        "{} open intents of {written} calls, half of them drafts to be made and cancelled:",
        recovered.open_intents.len()
    );
    println!("  opening the journal: {opened:.2?}");
    let desk = Desk(client);
    let began = Instant::now();
    let summary =
        reconcile::until_settled(&journal, &desk, recovered.open_intents, &CancellationToken::new()).await?;
    let took = began.elapsed();
    println!("  settled with the reference store: {took:.2?}, {summary:?}");
    println!("  {:.0} intents a second", OPEN_INTENTS as f64 / took.as_secs_f64());
    journal.shutdown().await?;
    stop_store.cancel();
    serving.await??;
    pool.close().await;
    cluster.stop().await;
    Ok(())
}

struct Desk(StoreClient<Http>);

impl reconcile::Desk for Desk {
    async fn perform(&self, call: CallId, request: ActionRequest) -> ActionOutcome {
        self.0.perform(&request, call, self.0.deadline(), |_| ()).await
    }

    fn order_digest(&self, order: &Order) -> String {
        orderline::conversation::order_digest(order)
    }
}

fn request(n: u64) -> Result<ActionRequest, orderline::ids::PhoneError> {
    let action = OrderAction::CreateDraft {
        lines: vec![DraftLine { product_id: Uuid::from_u128(3), quantity: 4 }],
        phone: PhoneNumber::try_from("+375291234567".to_owned())?,
        name: None,
    };
    Ok(ActionRequest { id: RequestId(n), action, key: Some(Uuid::now_v7()), evidence: None })
}

async fn act(
    journal: &Journal,
    call: CallId,
    request: &ActionRequest,
) -> Result<(), orderline::audit::JournalError> {
    journal.append(call, Entry::intent(request, 1)).await?;
    let outcome = ActionOutcome::Cancelled { order_id: Uuid::from_u128(8) };
    journal.append(call, Entry::outcome(request, &outcome, 2)).await?;
    Ok(())
}

fn print(name: &str, times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!("  {name}: p50 {:.2?}, p99 {:.2?}", at(0.5), at(0.99));
    at(0.5)
}
