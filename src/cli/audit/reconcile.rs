//! `orderline audit reconcile`: the audit against the store's own book.

use std::process::ExitCode;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::{COULD_NOT_CHECK, PlaceArgs, Places, print};
use crate::audit::compare::{self, Comparison};
use crate::audit::drain::lazy_pool;
use crate::audit::{EntryKind, database, office, show};
use crate::config::Config;

/// Arguments of `orderline audit reconcile`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ReconcileArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The reference store's database, instead of `database_url` of `[shop]`.
    #[arg(long, value_name = "URL", env = "ORDERLINE_STORE_DATABASE_URL", hide_env_values = true)]
    store_database_url: Option<SecretString>,
    /// The voice server as the store's book names it: `agent` for the token of `[shop]`, else the subject of its token.
    #[arg(long, default_value = "agent")]
    actor: String,
    /// Compare what the store did since then only.
    #[arg(long, value_name = "RFC3339")]
    since: Option<DateTime<Utc>>,
    /// How far the two machines' clocks may be apart, in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    clock_skew_s: u32,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

/// Exit status: 0 the books agree, 1 they do not, 2 could not be compared.
pub(super) async fn run(config: &Config, args: &ReconcileArgs) -> ExitCode {
    match compared(config, args).await {
        Ok(report) => {
            let text = if args.json {
                serde_json::to_string_pretty(&report).unwrap_or_default()
            } else {
                report.to_string()
            };
            match print(text + "\n") {
                Ok(()) if report.is_good() => ExitCode::SUCCESS,
                Ok(()) => ExitCode::FAILURE,
                Err(_) => ExitCode::from(COULD_NOT_CHECK),
            }
        }
        Err(error) => {
            eprintln!("orderline audit reconcile: {error:#}");
            ExitCode::from(COULD_NOT_CHECK)
        }
    }
}

async fn compared(config: &Config, args: &ReconcileArgs) -> anyhow::Result<Comparison> {
    let store = args.store_database_url.as_ref().unwrap_or(&config.shop.database_url);
    // The store's side first: an action that happens meanwhile has its intent in what is read after it.
    let events = compare::events(&lazy_pool(store)?, &args.actor, args.since).await?;
    let places = Places::of(&config.audit, &args.place);
    let mut records = Vec::new();
    if let Some(pool) = places.pool()? {
        let kinds = [
            EntryKind::Intent,
            EntryKind::Outcome,
            EntryKind::Reconciled,
            EntryKind::NeedsOperator,
            EntryKind::Resolved,
        ];
        records = database::records_of(&pool, &kinds).await.context("reading the audit's database")?;
    }
    if let Some(folder) = places.journal.clone() {
        // What PostgreSQL does not have yet.
        let reading = tokio::task::spawn_blocking(move || {
            let of_office = office::folder(&folder);
            let mut records = show::from_journal(&folder, None)?;
            if of_office.is_dir() {
                records.extend(show::from_journal(&of_office, None)?);
            }
            anyhow::Ok(records)
        });
        records.extend(reading.await.context("reading the journal")??);
    }
    anyhow::ensure!(
        places.journal.is_some() || places.database_url.is_some(),
        "expected a journal (--journal) or a database (--database-url), found neither"
    );
    Ok(compare::compare(&records, &events, &args.actor, TimeDelta::seconds(args.clock_skew_s.into())))
}
