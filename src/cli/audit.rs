//! `orderline audit`: the audit, checked and read.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use sqlx::PgPool;
use uuid::Uuid;

use crate::audit::export::ExportError;
use crate::audit::heads::keys;
use crate::audit::heads::note::VerifierKey;
use crate::audit::verify::{self, Since, Sources, VerifyError};
use crate::audit::{Record, Settings, database, show};
use crate::config::Config;
use crate::ids::CallId;

mod erase;
mod reconcile;
mod retain;

/// Arguments of `orderline audit`.
#[derive(Clone, Debug, clap::Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum AuditCommand {
    /// Check every chain and every signed head in the journal and the database, and the one against the other. Exit
    /// status: 0 good, 1 bad, 2 could not be checked, 78 wrong configuration.
    Verify {
        #[command(flatten)]
        place: PlaceArgs,
        #[command(flatten)]
        trusted: TrustArgs,
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
    /// Make a person's values unreadable: keys, sealed values and recordings. Every chain stays whole.
    Erase(erase::EraseArgs),
    /// Drop the oldest months of PostgreSQL's copy. What is kept still verifies.
    Retain(retain::RetainArgs),
    /// Every head and every entry's public part as lines of JSON, oldest call first: to be checked anywhere with
    /// `verify --export`.
    Export {
        #[command(flatten)]
        place: PlaceArgs,
        /// The file to write, which must not be there yet, instead of standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Put a new key in the place of the one that signs heads. A server may be running: its next head is signed by both
    /// and names the new one.
    RotateKey,
}

/// What is known from elsewhere.
#[derive(Clone, Debug, Default, clap::Args)]
struct TrustArgs {
    /// A file that `export` wrote. Without --journal and --database-url, only this is checked.
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// The public keys behind the heads, one a line, instead of the one beside the signing key.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// Heads that were kept elsewhere: each has to be found here.
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// A head that was checked before, as a file with its note or its number: what it covers is not checked again.
    #[arg(long, value_name = "HEAD")]
    since: Option<String>,
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
        AuditCommand::Erase(args) => erase::run(config, &args).await,
        AuditCommand::Retain(args) => retain::run(config, &args).await,
        AuditCommand::Reconcile(args) => Ok(reconcile::run(config, &args).await),
        AuditCommand::Verify { place, trusted, json } => {
            Ok(verify(&Places::for_check(settings, &place, &trusted), &trusted, json).await)
        }
        AuditCommand::Show { call, place, json } => {
            let call = CallId(call);
            let places = Places::of(settings, &place);
            let records = read(&places, Some(call)).await?;
            if records.is_empty() {
                bail!("expected a call of the audit, found none with the id {call}");
            }
            if json {
                print(lines(&records)?)?;
                return Ok(ExitCode::SUCCESS);
            }
            let last = records.last().map_or(0, |record| record.seq);
            print(show::table(&records) + &covered(&places, call, last).await)?;
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Export { place, out } => {
            export(&Places::of(settings, &place), out.as_deref()).await?;
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::RotateKey => {
            let path = settings.signing_key_path();
            keys::rotate(&path).with_context(|| format!("changing the key {}", path.display()))?;
            print("the next head is signed by the old and the new key, and names the new one\n".to_owned())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The arguments over the configuration.
struct Places {
    journal: Option<PathBuf>,
    /// The node's own journal's folder, whether it is to be read or not, or there at all.
    own: PathBuf,
    /// That it was to be read and is not there.
    missing: bool,
    key: PathBuf,
    /// The public part of the key that signs heads.
    public_key: PathBuf,
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
            own: settings.journal.clone(),
            missing: only_one(Only::Journal) && !named && !settings.journal.is_dir(),
            key: settings.key_path(),
            public_key: keys::public_path(&settings.signing_key_path()),
            journal: Some(settings.journal)
                .filter(|folder| only_one(Only::Journal) && (named || folder.is_dir())),
            database_url: args
                .database_url
                .clone()
                .or(settings.database_url)
                .filter(|_| only_one(Only::Database)),
        }
    }

    /// An export is checked where nothing else is: only what is named is compared with it.
    fn for_check(settings: &Settings, args: &PlaceArgs, trusted: &TrustArgs) -> Self {
        let mut places = Self::of(settings, args);
        if trusted.export.is_some() {
            places.journal = places.journal.filter(|_| args.journal.is_some());
            places.missing = false;
            places.database_url = places.database_url.filter(|_| args.database_url.is_some());
        }
        places
    }

    /// The keys that are trusted: the given ones, or the one beside the signing key if it is here.
    fn public_keys(&self, trusted: &TrustArgs) -> anyhow::Result<Option<Vec<VerifierKey>>> {
        match &trusted.public_key {
            Some(path) => {
                let keys = keys::read_public(path);
                Ok(Some(keys.with_context(|| format!("reading the public key {}", path.display()))?))
            }
            None if self.public_key.exists() => {
                let path = self.public_key.display();
                Ok(Some(keys::read_public(&self.public_key).with_context(|| format!("reading {path}"))?))
            }
            None => Ok(None),
        }
    }

    fn pool(&self) -> anyhow::Result<Option<PgPool>> {
        self.database_url.as_ref().map(crate::audit::drain::lazy_pool).transpose().map_err(Into::into)
    }
}

async fn verify(places: &Places, trusted: &TrustArgs, json: bool) -> ExitCode {
    let report = async {
        let database = places.pool()?;
        let sources = Sources {
            journal: places.journal.clone(),
            key: Some(places.key.clone()),
            database,
            export: trusted.export.clone(),
            public_keys: places.public_keys(trusted)?,
            own: Some(places.own.clone()),
            strict: trusted.public_key.is_some(),
            heads: trusted.heads.clone(),
            since: trusted.since.as_deref().map(since).transpose()?,
        };
        match verify::verify(sources).await {
            Err(VerifyError::Nothing) => {
                bail!("expected a journal (--journal) or a database (--database-url) to check, found neither")
            }
            other => Ok(other?),
        }
    };
    match report.await {
        Ok(mut report) => {
            if places.missing {
                let own = places.own.display();
                report.notes.push(format!("the journal was not checked: its folder {own} is not there"));
            }
            let text =
                if json { serde_json::to_string_pretty(&report).ok() } else { Some(report.to_string()) };
            if print(text.unwrap_or_default() + "\n").is_err() {
                return ExitCode::from(COULD_NOT_CHECK);
            }
            if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            // The audit's errors carry their causes in their text.
            eprintln!("orderline audit verify: {error:#}");
            ExitCode::from(COULD_NOT_CHECK)
        }
    }
}

/// A head by its number or by a file with its note.
fn since(text: &str) -> anyhow::Result<Since> {
    if let Ok(n) = text.parse() {
        return Ok(Since::number(n));
    }
    let note = std::fs::read_to_string(text).with_context(|| format!("reading the head {text}"))?;
    // As it stands in a file of heads, with an empty line behind it, or without.
    Since::note(&format!("{}\n", note.trim_end())).with_context(|| format!("reading the head {text}"))
}

/// Writes an export, from the database when one is named, otherwise from the journal.
async fn export(places: &Places, out: Option<&Path>) -> anyhow::Result<()> {
    let known = if places.public_key.exists() { keys::read_public(&places.public_key)? } else { Vec::new() };
    let mut writer: Box<dyn std::io::Write + Send> = match out {
        Some(path) => {
            use std::os::unix::fs::OpenOptionsExt as _;
            let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            Box::new(std::io::BufWriter::new(file.with_context(|| format!("making {}", path.display()))?))
        }
        None => Box::new(std::io::BufWriter::new(std::io::stdout())),
    };
    let written = if let Some(pool) = places.pool()? {
        crate::audit::export::from_database(&pool, known, &mut *writer).await.map(|_| ())
    } else if let Some(folder) = places.journal.clone() {
        let writing = move || crate::audit::export::from_journal(&folder, known, &mut *writer).map(|_| ());
        tokio::task::spawn_blocking(writing).await.context("exporting the journal")?
    } else {
        bail!("expected a journal (--journal) or a database (--database-url), found neither")
    };
    match written {
        Err(ExportError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// A line about the head that covers a call's last entry.
async fn covered(places: &Places, call: CallId, seq: u32) -> String {
    let stored = match places.pool() {
        Ok(Some(pool)) => database::head_over(&pool, call, seq).await.ok().flatten(),
        _ => None,
    };
    let folder = places.journal.clone().filter(|_| stored.is_none());
    let found = match folder {
        Some(folder) => {
            let reading = tokio::task::spawn_blocking(move || show::head_over(&folder, call, seq));
            reading.await.ok().and_then(Result::ok).flatten()
        }
        None => stored,
    };
    match found {
        Some((n, at)) => format!("covered by head {n} of {}\n", at.to_rfc3339()),
        None => "not covered by a head yet\n".to_owned(),
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
