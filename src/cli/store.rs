//! `orderline store`: the reference store; `store seed` fills it, `store token` lets somebody in, `store role` lets a user
//! work there, `store check` tells whether a store keeps its promises.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use chrono::{Days, Utc};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cli::Common;
use crate::config::{Config, Problems};
use crate::ids::{PhoneError, PhoneNumber};
use crate::orders::client::{self, StoreClient};
use crate::store::{self, Doors, Role, Service, Shop, System};
use crate::telemetry;

/// Arguments of `orderline store`.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct StoreArgs {
    #[command(subcommand)]
    pub other: Option<Other>,
    /// Where to listen, instead of `listen` of `[shop]`; with SYSTEM= a listener for that system alone (store, lightbulb,
    /// crm, market), at its own paths. May be given several times.
    #[arg(long, value_name = "[SYSTEM=]ADDR")]
    pub listen: Vec<Listen>,
    /// Run these parts only, instead of `services` of `[shop]`: store, lightbulb, crm, and of the marketplace identity,
    /// orders, catalog, reservations, payments, notifications.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub services: Vec<Service>,
    /// Load this shop first: its goods, terms and customers are brought up to date, stock and orders stay.
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    /// Stop after loading, without serving.
    #[arg(long, requires = "seed")]
    pub seed_only: bool,
}

/// One `--listen`.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    system: Option<System>,
    address: SocketAddr,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (system, address) = match text.split_once('=') {
            Some((system, address)) => (Some(system.parse()?), address),
            None => (None, text),
        };
        let address = address.parse();
        let address = address.map_err(|_| {
            format!("expected ADDR or SYSTEM=ADDR such as market=127.0.0.1:8081, found {text:?}")
        })?;
        Ok(Self { system, address })
    }
}

/// What else can be done about a store.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Other {
    /// Load a shop: its goods, terms and customers are brought up to date, stock and orders stay.
    Seed {
        /// The shop, such as samples/shop/tyres.toml.
        file: PathBuf,
    },
    /// Make a token for a programme or a person of the shop, and show it this once.
    Token(TokenArgs),
    /// Let a user of the marketplace work in the shop.
    Role {
        /// The user's e-mail address or telephone number.
        user: String,
        /// manager or admin.
        role: Role,
    },
    /// Try the promises of the store that `[store]` names, this one or a foreign one: makes a draft and cancels it.
    Check(CheckArgs),
}

/// Arguments of `orderline store token`.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenArgs {
    /// What it may do: agent, service, manager or admin.
    #[arg(long, required_unless_present = "revoke")]
    pub role: Option<Role>,
    /// For whom it is: a manager's name as colleagues see it on the page of the order pool; else only kept.
    #[arg(long, default_value = "orderline store token")]
    pub name: String,
    /// The manager whose orders are taken with it; the token itself when absent.
    #[arg(long, value_name = "UUID")]
    pub user: Option<Uuid>,
    /// How long it is good; until it is revoked when absent.
    #[arg(long)]
    pub days: Option<u32>,
    /// End the token with this id instead.
    #[arg(long, value_name = "ID", conflicts_with_all = ["role", "user", "days"])]
    pub revoke: Option<Uuid>,
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

async fn token(pool: &sqlx::PgPool, args: &TokenArgs) -> anyhow::Result<ExitCode> {
    if let Some(id) = args.revoke {
        anyhow::ensure!(
            store::revoke_token(pool, id).await?,
            "expected a token that is good, found none with the id {id}"
        );
        println!("revoked {id}");
        return Ok(ExitCode::SUCCESS);
    }
    let role = args.role.context("expected --role")?;
    anyhow::ensure!(role != Role::Customer, "a customer signs in: POST /api/v1/auth/login/email");
    let end = args.days.map(|days| Utc::now() + Days::new(u64::from(days)));
    let made = store::make_token(pool, role, &args.name, args.user, end).await?;
    // The token alone on standard output, for scripts.
    eprintln!("{} token {}; it is shown this once", role.name(), made.id);
    println!("{}", made.token.expose_secret());
    Ok(ExitCode::SUCCESS)
}

async fn load(pool: &sqlx::PgPool, shop: &Shop, utc_offset_min: i32) -> anyhow::Result<()> {
    let seeded = store::seed(pool, shop, utc_offset_min).await?;
    println!(
        "loaded {} products, {} cities, {} pick-up points, {} customers, {} new orders",
        seeded.products, seeded.cities, seeded.pickup_points, seeded.customers, seeded.orders
    );
    Ok(())
}

/// Serves the store's systems until SIGINT or SIGTERM, or does what the subcommand says.
///
/// # Errors
/// Settings that cannot be used ([`Problems`]), a database that does not answer, a port that is taken, a shop that
/// cannot be loaded.
pub async fn run(common: &Common, args: StoreArgs) -> anyhow::Result<ExitCode> {
    let Config { shop: mut settings, store: client, log, .. } = common.load()?;
    if let Some(Other::Check(args)) = &args.other {
        return check(client, args).await;
    }
    for listen in &args.listen {
        match listen.system {
            Some(system) => drop(settings.listeners.insert(system, listen.address)),
            None => settings.listen = listen.address,
        }
    }
    if !args.services.is_empty() {
        settings.services.clone_from(&args.services);
    }
    if args.other.is_some() {
        // Nothing is served, so nobody needs the voice server's token.
        settings.services.clear();
    }
    // The name that the website's own documentation gives it.
    if let Ok(key) = std::env::var("WEBSITE_ORDER_API_KEY")
        && !key.is_empty()
    {
        settings.crm.website_api_key = Some(key.into());
    }
    let problems = settings.problems();
    if !problems.is_empty() {
        return Err(Problems(problems).into());
    }
    let _logs = telemetry::start_logs(&log)?;
    let file = match &args.other {
        Some(Other::Seed { file }) => Some(file),
        _ => args.seed.as_ref(),
    };
    let shop = file.map(|file| Shop::load(file)).transpose()?;
    let pool = store::connect(&settings).await?;
    match &args.other {
        Some(Other::Token(args)) => return token(&pool, args).await,
        Some(Other::Role { user, role }) => {
            let found = store::grant_role(&pool, user, *role).await?;
            anyhow::ensure!(
                found,
                "expected a user with this address or number, found none: they register first"
            );
            println!("{user} is {} from the next sign-in", role.name());
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    if let Some(shop) = &shop {
        load(&pool, shop, settings.utc_offset_min).await?;
        if args.seed_only || args.other.is_some() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let bind = async |what: &str, address: SocketAddr| {
        let bound = TcpListener::bind(address).await;
        let listener = bound.with_context(|| format!("while binding {address} for {what}"))?;
        println!("{what} listens on http://{}", listener.local_addr()?);
        anyhow::Ok(listener)
    };
    let mut doors = Doors::from(bind("the store", settings.listen).await?);
    for (system, address) in &settings.listeners {
        let listener = bind(&format!("the system {}", system.name()), *address).await?;
        doors = doors.and(*system, listener);
    }
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
    store::serve(settings, doors, pool, stop).await?;
    Ok(ExitCode::SUCCESS)
}
