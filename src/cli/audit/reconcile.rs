//! `orderline audit reconcile`: the audit against the store's own book.

use std::process::ExitCode;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::{COULD_NOT_CHECK, PlaceArgs, Places, print};
use crate::audit::compare::{self, Book, Comparing, Comparison, Scope};
use crate::audit::drain::lazy_pool;
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
    /// Compare what the store did and the audit wrote since then only. Default: everything, or what the last
    /// `audit retain` kept.
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
    let store = lazy_pool(args.store_database_url.as_ref().unwrap_or(&config.shop.database_url))?;
    let newest = compare::newest(&store).await?;
    let places = Places::of(&config.audit, &args.place);
    anyhow::ensure!(
        places.journal.is_some() || places.database_url.is_some(),
        "expected a journal (--journal) or a database (--database-url), found neither"
    );
    let mut book = Book::default();
    if let Some(pool) = places.pool()? {
        book.read_database(&pool).await.context("reading the audit's database")?;
    }
    if let Some(folder) = places.journal {
        // What PostgreSQL does not have yet.
        let reading = tokio::task::spawn_blocking(move || book.read_journal(&folder).map(|()| book));
        book = reading.await.context("reading the journal")??;
    }
    let scope = Scope {
        actor: args.actor.clone(),
        skew: TimeDelta::seconds(args.clock_skew_s.into()),
        since: args.since,
        newest,
    };
    let mut comparing = Comparing::new(book, scope);
    comparing.read(&store).await?;
    Ok(comparing.finish())
}
