//! `orderline audit`: the audit, checked and read.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use sqlx::PgPool;
use uuid::Uuid;

use crate::audit::verify::{self, Sources, VerifyError};
use crate::audit::{Record, Settings, database, show};
use crate::config::Config;
use crate::ids::CallId;

mod reconcile;

/// Arguments of `orderline audit`.
#[derive(Clone, Debug, clap::Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum AuditCommand {
    /// Check every chain in the journal and the database, and the one against the other. Exit status: 0 good, 1 bad,
    /// 2 could not be checked.
    Verify {
        #[command(flatten)]
        place: PlaceArgs,
        /// The report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// What was done in one call, entry by entry.
    Show {
        /// The call's UUID.
        call: Uuid,
        #[command(flatten)]
        place: PlaceArgs,
        /// One JSON document for each entry.
        #[arg(long)]
        json: bool,
    },
    /// Compare with the reference store's own book of changes: each change has its intent, each success its change. Exit
    /// status: 0 they agree, 1 they do not, 2 could not be compared.
    Reconcile(reconcile::ReconcileArgs),
    /// Every entry's public part, one JSON document for each, oldest call first.
    Export {
        #[command(flatten)]
        place: PlaceArgs,
    },
}

/// Where to look. Without it: the journal of the configuration if it is there, and its database if one is named.
#[derive(Clone, Debug, Default, clap::Args)]
struct PlaceArgs {
    /// The journal's folder, instead of the configuration's.
    #[arg(long, value_name = "FOLDER")]
    journal: Option<PathBuf>,
    /// The database's URL, instead of the configuration's.
    #[arg(long, value_name = "URL", env = "ORDERLINE_AUDIT_DATABASE_URL", hide_env_values = true)]
    database_url: Option<SecretString>,
    /// Leave the other one alone.
    #[arg(long, value_name = "PLACE")]
    only: Option<Only>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Journal,
    Database,
}

/// Runs one of the audit's commands.
///
/// # Errors
/// Nothing to look into, or it cannot be read. (`verify` says so by its exit status instead.)
pub async fn run(config: &Config, args: AuditArgs) -> anyhow::Result<ExitCode> {
    let settings = &config.audit;
    match args.command {
        AuditCommand::Reconcile(args) => Ok(reconcile::run(config, &args).await),
        AuditCommand::Verify { place, json } => Ok(verify(&Places::of(settings, &place), json).await),
        AuditCommand::Show { call, place, json } => {
            let call = CallId(call);
            let records = read(&Places::of(settings, &place), Some(call)).await?;
            if records.is_empty() {
                bail!("expected a call of the audit, found none with the id {call}");
            }
            print(if json { lines(&records)? } else { show::table(&records) })?;
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Export { place } => {
            let records = read(&Places::of(settings, &place), None).await?;
            print(lines(&records)?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The arguments over the configuration.
struct Places {
    journal: Option<PathBuf>,
    key: PathBuf,
    database_url: Option<SecretString>,
}

impl Places {
    fn of(settings: &Settings, args: &PlaceArgs) -> Self {
        let mut settings = settings.clone();
        // A named one is meant even when it is not there: that is an error to be told.
        let named = args.journal.is_some();
        if let Some(journal) = &args.journal {
            settings.journal.clone_from(journal);
        }
        let only_one = |place| args.only.is_none_or(|only| only == place);
        Self {
            key: settings.key_path(),
            journal: Some(settings.journal)
                .filter(|folder| only_one(Only::Journal) && (named || folder.is_dir())),
            database_url: args
                .database_url
                .clone()
                .or(settings.database_url)
                .filter(|_| only_one(Only::Database)),
        }
    }

    fn pool(&self) -> anyhow::Result<Option<PgPool>> {
        self.database_url.as_ref().map(crate::audit::drain::lazy_pool).transpose().map_err(Into::into)
    }
}

async fn verify(places: &Places, json: bool) -> ExitCode {
    let report = async {
        let database = places.pool()?;
        let sources = Sources { journal: places.journal.clone(), key: Some(places.key.clone()), database };
        match verify::verify(sources).await {
            Err(VerifyError::Nothing) => {
                bail!("expected a journal (--journal) or a database (--database-url) to check, found neither")
            }
            other => Ok(other?),
        }
    };
    match report.await {
        Ok(report) => {
            let text =
                if json { serde_json::to_string_pretty(&report).ok() } else { Some(report.to_string()) };
            if print(text.unwrap_or_default() + "\n").is_err() {
                return ExitCode::from(COULD_NOT_CHECK);
            }
            if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            // The audit's errors carry their causes in their text.
            eprintln!("orderline audit verify: {error}");
            ExitCode::from(COULD_NOT_CHECK)
        }
    }
}

/// From the database when one is named and holds it, otherwise from the journal.
async fn read(places: &Places, call: Option<CallId>) -> anyhow::Result<Vec<Record>> {
    let mut failed = None;
    if let Some(pool) = places.pool()? {
        match database::records(&pool, call).await {
            Ok(records) if !records.is_empty() => return Ok(records),
            Ok(_) => {}
            Err(error) => failed = Some(error),
        }
    }
    match (&places.journal, failed) {
        (Some(folder), failed) => {
            if let Some(error) = failed {
                eprintln!("orderline audit: the database cannot be read ({error}), reading the journal");
            }
            let folder = folder.clone();
            let reading = tokio::task::spawn_blocking(move || show::from_journal(&folder, call));
            Ok(reading.await.context("reading the journal")??)
        }
        (None, Some(error)) => Err(error).context("reading the audit's database"),
        (None, None) if places.database_url.is_some() => Ok(Vec::new()),
        (None, None) => bail!("expected a journal (--journal) or a database (--database-url), found neither"),
    }
}

fn lines(records: &[Record]) -> anyhow::Result<String> {
    let mut text = String::new();
    for record in records {
        text.push_str(&serde_json::to_string(record)?);
        text.push('\n');
    }
    Ok(text)
}

/// Standard output, where a closed pipe is no panic.
fn print(text: String) -> std::io::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Exit status of `verify` when nothing can be said.
const COULD_NOT_CHECK: u8 = 2;
