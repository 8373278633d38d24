//! `orderline store`: the reference store; `orderline store check`: whether a store keeps its promises.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::Common;
use crate::config::{Config, Problems};
use crate::ids::{PhoneError, PhoneNumber};
use crate::orders::client::{self, StoreClient};
use crate::store::{self, Shop};
use crate::telemetry;

/// Arguments of `orderline store`.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct StoreArgs {
    #[command(subcommand)]
    pub other: Option<Other>,
    /// Where to listen, instead of `listen` of `[shop]`.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Load this shop first: its goods, terms and customers are brought up to date, stock and orders stay.
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    /// Stop after loading, without serving.
    #[arg(long, requires = "seed")]
    pub seed_only: bool,
}

/// What else can be done about a store.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Other {
    /// Try the promises of the store that `[store]` names, this one or a foreign one: makes a draft and cancels it.
    Check(CheckArgs),
}

/// Arguments of `orderline store check`.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// The telephone number of a test customer.
    #[arg(long, value_name = "NUMBER", value_parser = phone)]
    pub customer: PhoneNumber,
    /// Another number, without orders.
    #[arg(long, value_name = "NUMBER", value_parser = phone)]
    pub other: PhoneNumber,
}

fn phone(text: &str) -> Result<PhoneNumber, PhoneError> {
    PhoneNumber::try_from(text.to_owned())
}

async fn check(settings: client::Settings, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let store = StoreClient::new(settings)?;
    let report = client::check::check(&store, &args.customer, &args.other).await;
    println!("{report}");
    Ok(if report.usable() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Serves the Store API until SIGINT or SIGTERM.
///
/// # Errors
/// Settings that cannot be used ([`Problems`]), a database that does not answer, a port that is taken, a shop that
/// cannot be loaded.
pub async fn run(common: &Common, args: StoreArgs) -> anyhow::Result<ExitCode> {
    let Config { shop: mut settings, store: client, log, .. } = common.load()?;
    if let Some(Other::Check(args)) = &args.other {
        return check(client, args).await;
    }
    if let Some(listen) = args.listen {
        settings.listen = listen;
    }
    let problems = settings.problems();
    if !problems.is_empty() {
        return Err(Problems(problems).into());
    }
    let _logs = telemetry::start_logs(&log)?;
    let shop = args.seed.as_deref().map(Shop::load).transpose()?;
    let pool = store::connect(&settings).await?;
    if let Some(shop) = &shop {
        let seeded = store::seed(&pool, shop, settings.utc_offset_min).await?;
        println!(
            "loaded {} products, {} cities, {} pick-up points, {} customers, {} new orders",
            seeded.products, seeded.cities, seeded.pickup_points, seeded.customers, seeded.orders
        );
        if args.seed_only {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("while binding {} for the Store API", settings.listen))?;
    println!("the Store API listens on http://{}", listener.local_addr()?);
    let stop = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        asked.cancel();
    });
    store::serve(settings, listener, pool, stop).await?;
    Ok(ExitCode::SUCCESS)
}
