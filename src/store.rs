//! The reference store: the shop that the order desk speaks to, as foreign to the voice server as a customer's own.
//!
//! Four systems on one truth: the Store API for the voice server (`api`), the light bulb store's order statuses
//! (`lightbulb`), the CRM's pool of orders (`crm`) and the marketplace's six services (`market`). Each has its own
//! routes, bodies and errors; what they do to an order goes through one table of transitions.
//!
//! Requests come in over `http`, which knows who asks (`auth`). A request that changes something (`mutation`) is one
//! transaction: the idempotency key, the transition (`state` is the table, `transition` carries it out with `stock`
//! and `payments`), the answer and the messages to the customer. What leaves the shop (SMS, e-mail, money) leaves from
//! an outbox afterwards. Start reading at `state`, then `mutation`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use auth::jwt::Keys;
use limits::Limits;
use market::{Argon2id, Passwords};

mod api;
mod auth;
mod catalog;
mod crm;
mod documents;
mod email;
mod gateway;
mod http;
mod idempotency;
mod lightbulb;
mod limits;
mod market;
mod materials;
mod money;
mod mutation;
mod order;
mod outbox;
mod payments;
mod phone;
mod places;
mod problem;
mod seed;
mod settings;
mod state;
mod stock;
mod text;
mod timer;
mod transition;

pub use auth::jwt::KeyError;
pub use auth::{NewToken, Role, grant_role, make_token, revoke_token};
pub use gateway::{DeliveryError, Gateway, GatewayError, Message};
pub use seed::{SeedError, Seeded, Shop, seed};
pub use settings::{
    CrmSettings, EmailSettings, IdentitySettings, LimitSettings, PaySettings, ProviderSettings, Service,
    Settings, SmsSettings, System,
};

/// What every handler has.
#[derive(Clone, Debug)]
struct App {
    pool: PgPool,
    settings: Arc<Settings>,
    /// Rung when a transaction may have written to the outbox.
    outbox: Arc<Notify>,
    /// Rung when a transaction may have something to ask of the payment provider.
    provider: Arc<Notify>,
    /// The key of the access tokens.
    keys: Arc<Keys>,
    limits: Arc<Limits>,
    /// Hashes passwords, a few at once.
    passwords: Passwords,
    /// Tells open pages of the CRM's pool that something has changed.
    pool_pulse: Arc<crm::Pulse>,
}

impl App {
    /// A transaction is committed: what it left in the outboxes can go.
    fn wake(&self) {
        self.outbox.notify_one();
        self.provider.notify_one();
    }
}

/// Where the store is asked: everything on one listener, and single systems on listeners of their own.
#[derive(Debug)]
pub struct Doors(Vec<(TcpListener, Vec<System>)>);

impl From<TcpListener> for Doors {
    fn from(listener: TcpListener) -> Self {
        Self(vec![(listener, System::ALL.to_vec())])
    }
}

impl Doors {
    /// One more listener, for one system alone.
    #[must_use]
    pub fn and(mut self, system: System, listener: TcpListener) -> Self {
        self.0.push((listener, vec![system]));
        self
    }
}

/// Why the store does not run.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The settings cannot be used.
    #[error("the store's settings cannot be used: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The database does not answer.
    #[error("PostgreSQL at {place} does not answer after {:.1} s; is it running, and is shop.database_url right?", waited.as_secs_f32())]
    Unreachable {
        /// Host, port and database, without user and password.
        place: String,
        waited: Duration,
        source: sqlx::Error,
    },
    /// The database answers with a no: password, name of the database, permission.
    #[error("PostgreSQL at {place} refuses shop.database_url")]
    Refused {
        /// Host, port and database, without user and password.
        place: String,
        source: sqlx::Error,
    },
    /// The tables cannot be brought up to date.
    #[error("while bringing the store's tables up to date")]
    Migrate(#[from] MigrateError),
    /// A gateway cannot be set up.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// No key to sign access tokens with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The listener broke.
    #[error("while serving the store")]
    Serve(#[source] std::io::Error),
}

/// Connects to the database and brings the store's tables up to date, waiting for the server as long as the settings say.
///
/// # Errors
/// [`StoreError::Unreachable`] when it does not answer in that time, [`StoreError::Refused`] at once when it says no.
pub async fn connect(settings: &Settings) -> Result<PgPool, StoreError> {
    let problems = settings.problems();
    let options: PgConnectOptions = match settings.database_url.expose_secret().parse() {
        Ok(options) if problems.is_empty() => options,
        _ => return Err(StoreError::Settings(problems)),
    };
    // A statement that waits is given up before the request is: the answer can still say why.
    let options = options.application_name("orderline store").options([
        ("statement_timeout", "5s"),
        ("lock_timeout", "3s"),
        ("idle_in_transaction_session_timeout", "30s"),
        // Migrations that are up to date already are no news.
        ("client_min_messages", "warning"),
    ]);
    let place =
        format!("{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or("-"));
    let limit = Duration::from_millis(settings.database_wait_ms);
    let since = Instant::now();
    // One connection by itself: a pool would only say that it timed out, not why.
    loop {
        let attempt = tokio::time::timeout(ATTEMPT_LIMIT, PgConnection::connect_with(&options)).await;
        let error = match attempt {
            Ok(Ok(connection)) => {
                connection.close().await.ok();
                break;
            }
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
        };
        let refusal = match &error {
            // 57P03: the server is starting up or shutting down.
            sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| code != "57P03"),
            sqlx::Error::Io(_) => false,
            _ => true,
        };
        if refusal {
            return Err(StoreError::Refused { place, source: error });
        }
        if since.elapsed() >= limit {
            return Err(StoreError::Unreachable { place, waited: since.elapsed(), source: error });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let pool = PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(ATTEMPT_LIMIT)
        .connect_lazy_with(options);
    migrate(&pool).await?;
    Ok(pool)
}

/// How long one attempt to get a connection may take. Below a caller's patience and above a slow handshake.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(2);

/// Brings the store's tables up to date; several processes may do it at once.
///
/// # Errors
/// [`StoreError::Migrate`].
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    let mut migrator: Migrator = sqlx::migrate!("migrations/store");
    // The audit may live in the same database and counts its own migrations.
    migrator.dangerous_set_table_name("public._store_migrations");
    Ok(migrator.run(pool).await?)
}

/// Serves all systems, delivers the outboxes and lets drafts and reservations run out, until `stop`; requests under way
/// are finished.
///
/// # Errors
/// Settings that cannot be used, or a broken listener.
pub async fn serve(
    settings: Settings,
    doors: impl Into<Doors>,
    pool: PgPool,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let problems = settings.problems();
    if !problems.is_empty() {
        return Err(StoreError::Settings(problems));
    }
    let gateways = outbox::Gateways {
        sms: gateway::sms(&settings.sms)?,
        email: settings.email.as_ref().map(gateway::email).transpose()?,
    };
    let app = App {
        pool,
        outbox: Arc::new(Notify::new()),
        provider: Arc::new(Notify::new()),
        keys: Arc::new(Keys::open(settings.identity.signing_key_file.as_deref())?),
        limits: Arc::new(Limits::new(&settings.limits)),
        passwords: Passwords::new(Arc::new(Argon2id::new()), settings.identity.hashing),
        pool_pulse: Arc::default(),
        settings: Arc::new(settings),
    };
    let background = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(outbox::dispatch(app.clone(), gateways, background.clone()));
    tasks.spawn(timer::run(app.clone(), background.clone()));
    market::start(&app, &background, &mut tasks);
    // Told to stop with the listeners, not after them: an open page's stream of events would hold its connection.
    crm::start(&app, &stop, &mut tasks);
    let mut servers = JoinSet::new();
    for (listener, systems) in doors.into().0 {
        let routes = http::router(app.clone(), &systems);
        let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
        let drain = stop.clone();
        let server =
            axum::serve(listener, routes).with_graceful_shutdown(async move { drain.cancelled().await });
        servers.spawn(server.into_future());
    }
    let served = async {
        while let Some(ended) = servers.join_next().await {
            ended.map_err(std::io::Error::other)??;
        }
        Ok(())
    };
    let outcome = tokio::select! {
        outcome = served => outcome,
        // An open connection without a request must not hold the process.
        () = async { stop.cancelled().await; tokio::time::sleep(DRAIN_LIMIT).await } => Ok(()),
    };
    background.cancel();
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a background task of the store ended badly");
        }
    }
    outcome.map_err(StoreError::Serve)
}

/// How long requests under way may take at the end. The default request limit.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
