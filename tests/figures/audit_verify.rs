//! Measures how fast the audit is verified: a journal, an export and a PostgreSQL copy of the same entries, each by a
//! process of its own that uses one thread.
//!
//! `cargo run --release --example audit_verify [ENTRIES [FOLDER]]`; some 500,000 entries if nothing is said.

use std::io::BufWriter;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use chrono::Utc;
use orderline::audit::drain::Drain;
use orderline::audit::verify::{self, Sources};
use orderline::audit::{Entry, Journal, Settings, export};
use orderline::ids::{CallId, PhoneNumber, RequestId};
use orderline::orders::{ActionOutcome, ActionRequest, DraftLine, OrderAction};
use orderline::postgres::Cluster;
use sqlx::PgPool;
use uuid::Uuid;

/// Eight actions of two entries each, an opening and a closing.
const ENTRIES_PER_CALL: u64 = 18;
const CALLS_AT_ONCE: u64 = 200;

type Problem = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Problem> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["verify", kind, place] => runtime.block_on(measure(kind, place)),
        rest => {
            let entries = rest.first().map_or(Ok(500_000), |entries| entries.parse())?;
            let parent = rest.get(1).map_or_else(std::env::temp_dir, PathBuf::from);
            tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(make(entries, parent))
        }
    }
}

/// Makes the three and has each verified.
async fn make(entries: u64, parent: PathBuf) -> Result<(), Problem> {
    let folder = tempfile::tempdir_in(parent)?;
    let cluster = Cluster::temporary().await?;
    let url = cluster.create_database("audit").await?;
    let settings = Settings {
        journal: folder.path().join("journal"),
        database_url: Some(url.clone().into()),
        free_space_floor_bytes: 0,
        backlog_max_bytes: u64::MAX,
        ..Settings::default()
    };
    let began = Instant::now();
    let (journal, _) = Journal::open(&settings)?;
    let calls = entries / ENTRIES_PER_CALL;
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..CALLS_AT_ONCE {
        let journal = journal.clone();
        tasks.spawn(async move {
            for n in (lane..calls).step_by(CALLS_AT_ONCE as usize) {
                take_a_call(&journal, CallId(Uuid::from_u128(u128::from(n)))).await?;
            }
            Ok::<_, Problem>(())
        });
    }
    for task in tasks.join_all().await {
        task?;
    }
    journal.head_now().await?;
    println!("{} entries journaled in {:.1?}", calls * ENTRIES_PER_CALL, began.elapsed());
    let began = Instant::now();
    let drain = Drain::spawn(&journal, &settings)?.ok_or("a database is named")?;
    if !journal.flush_to_database(Duration::from_secs(3600)).await {
        return Err("PostgreSQL did not take it".into());
    }
    drain.stop().await;
    journal.shutdown().await?;
    println!("copied to PostgreSQL in {:.1?}", began.elapsed());
    let file = folder.path().join("export");
    let began = Instant::now();
    export::from_journal(&settings.journal, Vec::new(), &mut BufWriter::new(std::fs::File::create(&file)?))?;
    println!("exported in {:.1?}", began.elapsed());
    for (kind, place) in [
        ("journal", settings.journal.display().to_string()),
        ("export", file.display().to_string()),
        ("database", url),
    ] {
        let status = Command::new(std::env::current_exe()?).args(["verify", kind, &place]).status()?;
        if !status.success() {
            return Err(format!("verifying the {kind} failed").into());
        }
    }
    cluster.stop().await;
    Ok(())
}

async fn take_a_call(journal: &Journal, call: CallId) -> Result<(), Problem> {
    let phone = PhoneNumber::try_from("+375291234567".to_owned())?;
    journal.open_call(call, Some(&phone), Utc::now()).await?;
    for n in 1..=(ENTRIES_PER_CALL - 2) / 2 {
        let lines = vec![DraftLine { product_id: Uuid::from_u128(3), quantity: 4 }];
        let action = OrderAction::CreateDraft { lines, phone: phone.clone(), name: None };
        let request = ActionRequest { id: RequestId(n), action, key: Some(Uuid::now_v7()), evidence: None };
        journal.append(call, Entry::intent(&request, n)).await?;
        let outcome = ActionOutcome::Cancelled { order_id: Uuid::from_u128(8) };
        journal.append(call, Entry::outcome(&request, &outcome, n)).await?;
    }
    Ok(journal.close_call(call).await?)
}

async fn measure(kind: &str, place: &str) -> Result<(), Problem> {
    let mut sources = Sources::default();
    match kind {
        "journal" => {
            sources.key = Some(PathBuf::from(place).join("seal.key"));
            sources.journal = Some(PathBuf::from(place));
        }
        "export" => sources.export = Some(PathBuf::from(place)),
        _ => sources.database = Some(PgPool::connect(place).await?),
    }
    let began = Instant::now();
    let report = verify::verify(sources).await?;
    let took = began.elapsed();
    if !report.is_good() {
        return Err(report.to_string().into());
    }
    let entries =
        report.journal_entries.or(report.export_entries).or(report.database_entries).unwrap_or_default();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().trim();
    println!(
        "{kind}: {entries} entries verified in {took:.2?}, {:.0} a second; at most {peak} of memory",
        entries as f64 / took.as_secs_f64()
    );
    Ok(())
}
