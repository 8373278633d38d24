//! Measures what the audit adds to an order action: intent and outcome through the journal, against two bare
//! `fdatasync`s of the same size on the same disk, in turn.
//!
//! `cargo run --release --example audit_latency [FOLDER]`; the folder decides which disk is measured.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::Utc;
use orderline::audit::{Entry, Journal, Settings};
use orderline::ids::{CallId, PhoneNumber, RequestId};
use orderline::orders::{ActionOutcome, ActionRequest, DraftLine, OrderAction};
use uuid::Uuid;

const ACTIONS: u64 = 500;
const CALLS: u128 = 100;
const ACTIONS_PER_CALL: u64 = 40;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(parent)?;
    let settings =
        Settings { journal: folder.path().join("journal"), free_space_floor_bytes: 0, ..Settings::default() };
    let (journal, _) = Journal::open(&settings)?;
    let one = CallId(Uuid::from_u128(u128::MAX));
    journal.open_call(one, None, Utc::now()).await?;

    // A preallocated file, as the journal's are: 512 bytes are about what an entry takes.
    let bare = std::fs::File::create_new(folder.path().join("bare"))?;
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
    println!("{ACTIONS} actions one after the other, intent and outcome:");
    print("two bare fdatasyncs", &mut bare_pairs);
    print("through the journal", &mut pairs);

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
    println!("{CALLS} calls at once:");
    print("through the journal", &mut pairs);
    println!("  {:.0} actions a second", pairs.len() as f64 / took.as_secs_f64());
    journal.shutdown().await?;
    Ok(())
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

fn print(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!("  {name}: p50 {:.2?}, p99 {:.2?}", at(0.5), at(0.99));
}
