//! `orderline orders`: what waits for a person, and a person's decisions about it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};
use secrecy::SecretString;
use uuid::Uuid;

use crate::audit::drain::lazy_pool;
use crate::audit::office::Office;
use crate::audit::queue::{self, Resolution, Waiting};
use crate::audit::{Entry, OpenIntent};
use crate::cli::Common;
use crate::config::Config;
use crate::ids::{CallId, RequestId};
use crate::orders::client::StoreClient;
use crate::orders::{ActionOutcome, ActionRequest, OrderAction};

/// Arguments of `orderline orders`.
#[derive(Clone, Debug, clap::Args)]
pub struct OrdersArgs {
    #[command(subcommand)]
    command: OrdersCommand,
    /// The journal's folder, instead of the configuration's.
    #[arg(long, value_name = "FOLDER", global = true)]
    journal: Option<PathBuf>,
    /// The audit database's URL, instead of the configuration's.
    #[arg(
        long,
        value_name = "URL",
        global = true,
        env = "ORDERLINE_AUDIT_DATABASE_URL",
        hide_env_values = true
    )]
    database_url: Option<SecretString>,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum OrdersCommand {
    /// What waits for a person, oldest first: actions of which nobody can find out what became.
    List {
        /// One JSON document for each.
        #[arg(long)]
        json: bool,
    },
    /// Decide about one of them. The decision is itself audited, before and after anything is done.
    Resolve(ResolveArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct ResolveArgs {
    /// CALL/REQUEST as `orders list` shows it; the call alone where only one of its actions waits.
    id: Place,
    /// What was found out, or is to be done.
    #[arg(long = "as", value_name = "DECISION")]
    decision: Decision,
    /// Who decides, as the shop names its people; without it the user of this machine.
    #[arg(long, env = "USER")]
    by: String,
    /// Why, in your own words; kept sealed.
    #[arg(long)]
    note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Decision {
    /// It was carried out: the store has it.
    Placed,
    /// It was not carried out and will not be: the caller knows, or does not want it any more.
    NotPlaced,
    /// Send it once more, under the same key: what was carried out already is not carried out again.
    Resend,
    /// Cancel the order that it is about.
    Cancel,
}

/// One row of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    call: CallId,
    request: Option<RequestId>,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("expected CALL or CALL/REQUEST such as {}/3, found {text:?}", Uuid::nil());
        let (call, request) = match text.split_once('/') {
            Some((call, request)) => (call, Some(RequestId(request.parse().map_err(|_| error())?))),
            None => (text, None),
        };
        Ok(Self { call: CallId(call.parse().map_err(|_| error())?), request })
    }
}

/// Runs one of the commands.
///
/// # Errors
/// Nothing to look into or it cannot be read; a decision that cannot be written, which is then not carried out.
pub async fn run(common: &Common, args: OrdersArgs) -> anyhow::Result<ExitCode> {
    let mut config = common.load()?;
    if let Some(journal) = args.journal {
        ensure!(journal.is_dir(), "expected a journal's folder, found none at {}", journal.display());
        config.audit.journal = journal;
    }
    config.audit.database_url = args.database_url.or(config.audit.database_url);
    let waiting = read(&config).await?;
    match args.command {
        OrdersCommand::List { json } => {
            list(&waiting, json)?;
            Ok(ExitCode::SUCCESS)
        }
        OrdersCommand::Resolve(args) => resolve(&config, &waiting, &args).await,
    }
}

async fn read(config: &Config) -> anyhow::Result<Vec<Waiting>> {
    let pool = config.audit.database_url.as_ref().map(lazy_pool).transpose()?;
    let journal = Some(config.audit.journal.as_path()).filter(|folder| folder.is_dir());
    ensure!(
        pool.is_some() || journal.is_some(),
        "expected the audit's journal (--journal) or database (--database-url), found neither"
    );
    let both = queue::read(journal, pool.as_ref()).await;
    match both {
        Err(queue::QueueError::Database(error)) if journal.is_some() => {
            eprintln!("orderline orders: the database cannot be read ({error}), reading the journal alone");
            Ok(queue::read(journal, None).await?)
        }
        other => Ok(other?),
    }
}

fn list(waiting: &[Waiting], json: bool) -> anyhow::Result<()> {
    if json {
        for row in waiting {
            println!("{}", serde_json::to_string(row)?);
        }
        return Ok(());
    }
    if waiting.is_empty() {
        println!("nothing waits");
        return Ok(());
    }
    for row in waiting {
        let order = row.order_id.map_or_else(|| "no order known".to_owned(), |id| format!("order {id}"));
        println!(
            "{}/{}  {}  {}  {order}\n    {}",
            row.call,
            row.request,
            row.at.format("%Y-%m-%d %H:%M:%SZ"),
            row.action.as_deref().unwrap_or("?"),
            row.why
        );
    }
    Ok(())
}

async fn resolve(config: &Config, waiting: &[Waiting], args: &ResolveArgs) -> anyhow::Result<ExitCode> {
    let fits = |row: &&Waiting| {
        row.call == args.id.call && args.id.request.is_none_or(|request| row.request == request)
    };
    let rows: Vec<_> = waiting.iter().filter(fits).collect();
    let row = match rows.as_slice() {
        [row] => *row,
        [] => bail!("expected an action that waits (see `orderline orders list`), found none with that id"),
        _ => bail!("{} actions of this call wait: name one as CALL/REQUEST", rows.len()),
    };
    ensure!(!args.by.trim().is_empty(), "expected who decides (--by NAME), found nothing");
    let asked = request(config, row, args.decision)?;
    let office = Office::open(&config.audit).await?;
    // Somebody else may have decided before this process got hold of the office.
    ensure!(read(config).await?.contains(row), "expected an action that waits: it was decided just now");
    let resolution = match &asked {
        None if args.decision == Decision::Placed => Some(Resolution::Placed),
        None => Some(Resolution::NotPlaced),
        Some(request) => ask(config, &office, row, request, args).await?,
    };
    if asked.is_none()
        && let Some(resolution) = &resolution
    {
        office.record(vec![Entry::resolved(row, resolution, &args.by, args.note.as_deref())]).await?;
    }
    if !office.finish().await? {
        eprintln!("orderline orders: PostgreSQL has not taken the decision yet; the next one copies it too");
    }
    match resolution {
        Some(resolution) => {
            println!("{}/{} resolved as {}", row.call, row.request, resolution.name());
            Ok(ExitCode::SUCCESS)
        }
        None => {
            eprintln!("orderline orders: the store gave no certain answer; the action still waits");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What the store is to be asked for this decision; none for a decision about the past.
fn request(config: &Config, row: &Waiting, decision: Decision) -> anyhow::Result<Option<ActionRequest>> {
    Ok(match decision {
        Decision::Placed | Decision::NotPlaced => None,
        Decision::Resend => {
            let intent = OpenIntent::find(&config.audit, row.call, row.request)
                .context("reading the intent from the journal")?
                .and_then(|intent| intent.request())
                .context("expected the sealed request in the journal, found none that can be read: it is older than the journal, or its key is gone")?;
            ensure!(intent.key.is_some(), "expected an intent with a key to be sent again under, found none");
            Some(intent)
        }
        Decision::Cancel => {
            let order_id = row.order_id.context(
                "expected an order to cancel, found none in the intent: resend it, or cancel in the store",
            )?;
            let reason = "an operator decided".to_owned();
            let action = OrderAction::Cancel { order_id, reason };
            // One for each action of the queue, so that the command may be repeated.
            let space = row.key.unwrap_or(row.call.0);
            let key = Some(Uuid::new_v5(&space, b"cancelled by an operator"));
            Some(ActionRequest { id: RequestId(1), action, key, evidence: None })
        }
    })
}

/// Asks the store within one act: intent, answer, decision. None when the answer is not certain.
async fn ask(
    config: &Config,
    office: &Office,
    row: &Waiting,
    request: &ActionRequest,
    args: &ResolveArgs,
) -> anyhow::Result<Option<Resolution>> {
    let store = StoreClient::new(config.store.clone())?;
    let act = office.begin().await?;
    let journal = office.journal();
    journal.append(act, Entry::intent(request, 0)).await.context("no audit, no action")?;
    let outcome = store.perform_again(request, row.call, store.deadline()).await;
    let certain = !matches!(outcome, ActionOutcome::Unknown | ActionOutcome::Unavailable { .. });
    if matches!(outcome, ActionOutcome::Unknown) {
        // Nobody looks after the office's intents but the people at this queue.
        let why = "the store gave no certain answer to the operator";
        journal.append(act, Entry::needs_operator_of(request, why)).await?;
    } else {
        journal.append(act, Entry::outcome(request, &outcome, 0)).await?;
    }
    let cancelled = matches!(outcome, ActionOutcome::Cancelled { .. });
    let resolution = match args.decision {
        Decision::Cancel if cancelled => Some(Resolution::Cancelled),
        // An order that cannot be cancelled: the person must look again.
        Decision::Cancel => {
            if let ActionOutcome::Rejected { rejection } = &outcome {
                eprintln!("orderline orders: the store refused: {}", rejection.detail);
            }
            None
        }
        _ if certain => {
            if let ActionOutcome::Rejected { rejection } = &outcome {
                println!("the store refused: {}", rejection.detail);
            }
            Some(Resolution::Resent(Box::new(outcome)))
        }
        _ => None,
    };
    if let Some(resolution) = &resolution {
        let entry = Entry::resolved(row, resolution, &args.by, args.note.as_deref());
        journal.append(act, entry).await?;
    }
    office.end(act).await?;
    Ok(resolution)
}
