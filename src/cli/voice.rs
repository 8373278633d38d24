//! The voice server put together: what `orderline serve` runs, and the demo with it.
//!
//! Nothing is bound before everything that must work does (the engines, the journal); what may be missing (ARI, the
//! store, PostgreSQL) is warned of, shown by `/ready`, and does not keep the server from answering calls.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ari::Ari;
use crate::ari::stasis::Application;
use crate::audit::drain::Drain;
use crate::audit::heads::sinks::Sinks;
use crate::audit::{Journal, OpenIntent, reconcile};
use crate::call::desk::{OrderDesk, Resolver};
use crate::call::identify::Nobody;
use crate::call::switchboard::Switchboard;
use crate::call::{Calls, Identify, Observer, Registry};
use crate::cli::doctor;
use crate::config::Config;
use crate::dialogue::Shop;
use crate::engines::{self, llm};
use crate::http::{Console, PartState, Readiness};
use crate::ids::Region;
use crate::orders::Product;
use crate::orders::client::{Http, StoreClient};
use crate::server::Listener;

mod watch;

/// A voice server that accepts calls.
#[derive(Debug)]
pub struct Voice {
    /// Where Asterisk connects.
    pub socket: SocketAddr,
    /// Health, metrics, registration.
    pub http: SocketAddr,
    /// What happens in its calls.
    pub observer: Observer,
    /// The audit's journal.
    pub journal: Journal,
    /// The shop.
    pub store: Arc<StoreClient<Http>>,
    calls: Arc<Calls>,
    drain: Option<Drain>,
    sinks: Sinks,
    serving: JoinHandle<std::io::Result<()>>,
    stop_http: CancellationToken,
    /// The calls that are set up through ARI, where it is configured.
    exchange: Option<Exchange>,
}

/// What serves the callers in our Stasis application.
#[derive(Debug)]
struct Exchange {
    task: JoinHandle<()>,
    stop: CancellationToken,
    /// Ends the event stream, which the application needs to its own end.
    stop_stream: CancellationToken,
}

impl Voice {
    /// Starts serving. `metrics` renders the figures.
    ///
    /// # Errors
    /// What could not be started, and why.
    pub async fn start(
        config: &Config,
        metrics: Arc<dyn Fn() -> String + Send + Sync>,
    ) -> anyhow::Result<Self> {
        let readiness = Readiness::default();
        let store = Arc::new(StoreClient::new(config.store.clone())?);
        let shop =
            llm::Shop { ru: config.conversation.shop_ru.clone(), en: config.conversation.shop_en.clone() };
        let (profile, messages) =
            config.thinking.rules.read().map_err(|problems| anyhow::anyhow!(problems.join("; ")))?;
        let goods = learn_catalogue(&store, &readiness).await;
        let rules = Arc::new(llm::rules::Rules::new(Arc::new(Shop::new(profile, goods)), messages));
        let engines =
            engines::build(&config.hearing, &config.thinking, &config.speaking, shop, rules.clone()).await?;
        let (journal, recovered) = Journal::open(&config.audit)?;
        readiness.set("journal", PartState::Up);
        let drain = Drain::spawn(&journal, &config.audit)?;
        let sinks = Sinks::spawn(&journal, &config.audit)?;
        let regions: Arc<[Region]> = config.ari.regions.clone().into();
        let observer = Observer::new();
        let ari = ask_ari(config, &readiness, &observer).await?;
        let identify: Arc<dyn Identify> = match &ari {
            Some(ari) => Arc::new(ari.clone()),
            None => Arc::new(Nobody),
        };
        let registry = Registry::with(config.transfer.clone());
        let new_core = crate::call::core::conversations(config.conversation.clone());
        let core = serde_json::to_value(&config.conversation).unwrap_or_default();
        let tapes = config.tape.open(core).context("tape: no call can be recorded")?;
        let calls = Arc::new(Calls {
            settings: config.call.clone(),
            language: config.conversation.language,
            detect_language: config.conversation.detect_language,
            hearing: engines.hearing,
            thinking: engines.thinking,
            speaking: engines.speaking,
            desk: Arc::new(OrderDesk::new(journal.clone(), store.clone())),
            identify,
            registry: registry.clone(),
            observer: observer.clone(),
            tapes,
            ..Calls::plain(new_core, Handle::current())
        });

        let listener = Listener::bind(&config.server)
            .with_context(|| format!("server.listen: cannot listen on {}", config.server.listen))?;
        let socket = listener.local_addr()?;
        readiness.set("calls", PartState::Up);
        let watch = watch::Watch {
            readiness: readiness.clone(),
            journal: journal.clone(),
            store: store.clone(),
            ari: ari.clone(),
            draining: calls.draining.clone(),
        };
        tokio::spawn(keep_learning(rules, store.clone(), calls.draining.clone()));
        tokio::spawn(watch.run());
        let console = Console {
            registry,
            observer: observer.clone(),
            readiness,
            metrics,
            token: config.http.token.clone(),
            regions,
        };
        let stop_http = CancellationToken::new();
        let http = serve_http(&config.http, console, stop_http.clone()).await?;
        let serving = tokio::spawn(listener.serve(calls.clone()));
        let exchange = ari.as_ref().and_then(|ari| {
            let agents = Arc::new(Switchboard(calls.registry.clone()));
            let (stop, stop_stream) = (CancellationToken::new(), CancellationToken::new());
            let application =
                Application::new(ari, agents, reachable(socket).to_string(), config.server.max_calls)?;
            let task = tokio::spawn(application.run(calls.draining.clone(), stop.clone()));
            tokio::spawn(ari.clone().run(stop_stream.clone()));
            Some(Exchange { task, stop, stop_stream })
        });
        let voice = Self {
            socket,
            http,
            observer,
            journal,
            store,
            calls,
            drain,
            sinks,
            serving,
            stop_http,
            exchange,
        };
        voice.settle_open(recovered.open_intents);
        Ok(voice)
    }

    /// Actions of which nobody knows what became are settled beside the calls: those of an earlier process, and those of
    /// calls that are over.
    fn settle_open(&self, intents: Vec<OpenIntent>) {
        if !intents.is_empty() {
            tracing::warn!(
                count = intents.len(),
                "order actions without an outcome were found; they are settled now"
            );
        }
        let (journal, stop) = (self.journal.clone(), self.calls.draining.clone());
        let desk = Resolver(self.store.clone());
        let registry = self.calls.registry.clone();
        tokio::spawn(async move {
            let is_over = |call| !registry.is_live(call);
            reconcile::keep_settled(&journal, &desk, intents, is_over, &stop).await;
        });
    }

    /// Stops: calls that go on finish within the configured time, then everything is written out.
    ///
    /// # Errors
    /// When the journal could not be closed in order.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.calls.draining.cancel();
        self.serving.await.context("the server's task")??;
        if let Some(exchange) = self.exchange {
            // The last legs have just ended; their callers are let go before the dialplan finds nobody to ask.
            exchange.stop.cancel();
            exchange.task.await.context("the task of the calls set up through ARI")?;
            exchange.stop_stream.cancel();
        }
        self.stop_http.cancel();
        // Before the copies are let go, so that what this run did is covered there, too.
        self.journal.head_now().await?;
        if let Some(drain) = self.drain {
            // What PostgreSQL does not take in this time waits in the journal for the next start.
            if !self.journal.flush_to_database(FLUSHING).await {
                tracing::warn!("PostgreSQL has not taken the whole audit; the journal keeps the rest");
            }
            drain.stop().await;
        }
        self.sinks.stop().await;
        self.journal.shutdown().await?;
        Ok(())
    }

    /// Cancelled, it ends the calls that still go on while the server stops.
    pub fn hurry(&self) -> CancellationToken {
        self.calls.stopping.clone()
    }

    /// Resolves when the server has stopped by itself, which it does only when it is told to.
    pub async fn stopped(&self) {
        while !self.serving.is_finished() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Where an Asterisk on this machine finds a listener on this address.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

/// Health, metrics and registration, until it is told to stop. Tells where.
pub(super) async fn serve_http(
    settings: &crate::http::Settings,
    console: Console,
    until: CancellationToken,
) -> anyhow::Result<SocketAddr> {
    let web = tokio::net::TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("http.listen: cannot listen on {}", settings.listen))?;
    let address = web.local_addr()?;
    tokio::spawn(async move {
        let served = axum::serve(web, crate::http::router(console))
            .with_graceful_shutdown(async move { until.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "the HTTP server has stopped");
        }
    });
    Ok(address)
}

/// The shop's catalogue, for the rules. A store that does not answer yet costs nothing but a duller ear for its names.
async fn learn_catalogue(store: &StoreClient<Http>, readiness: &Readiness) -> Vec<Product> {
    match store.catalogue(store.deadline()).await {
        Ok(products) => {
            readiness.set("store", PartState::Up);
            products
        }
        Err(error) => {
            tracing::warn!(%error, "the store does not answer; calls are served, and nothing can be ordered until it does");
            readiness.set("store", PartState::Degraded { why: error.to_string() });
            Vec::new()
        }
    }
}

/// Reads the catalogue again and again, so that new goods are known by their names without a restart.
async fn keep_learning(
    rules: Arc<llm::rules::Rules>,
    store: Arc<StoreClient<Http>>,
    stop: CancellationToken,
) {
    loop {
        let soon = if rules.shop().products.is_empty() { LEARNING_SOON } else { LEARNING };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(soon) => {}
        }
        match store.catalogue(store.deadline()).await {
            Ok(products) if products != rules.shop().products => {
                tracing::info!(count = products.len(), "the catalogue has changed");
                rules.learn(Shop::new(rules.shop().profile.clone(), products));
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the catalogue could not be read again"),
        }
    }
}

/// How often the catalogue is read again (chosen: a new brand is known within minutes), and how soon while it is unknown.
const LEARNING: Duration = Duration::from_secs(300);
const LEARNING_SOON: Duration = Duration::from_secs(5);

/// ARI, if it is configured; asked once, so that a wrong password is known at start and not at the first call. Its doctor
/// tells the log of the PBX's traps.
async fn ask_ari(config: &Config, readiness: &Readiness, observer: &Observer) -> anyhow::Result<Option<Ari>> {
    let ari = Ari::new(config.ari.clone())?;
    if !ari.is_on() {
        return Ok(None);
    }
    let version = match ari.check().await {
        Ok(version) => {
            tracing::info!(version = %version.0, "ARI answers");
            readiness.set("ari", PartState::Up);
            Some(version)
        }
        Err(error) => {
            tracing::warn!(%error, "ARI does not answer; calls are served without the caller's number until it does");
            readiness.set("ari", PartState::Degraded { why: error.to_string() });
            None
        }
    };
    tokio::spawn(doctor::tell_the_log(ari.clone(), config.clone(), version, observer.listen()));
    Ok(Some(ari))
}

/// How long the last entries may take to reach PostgreSQL when the server stops (chosen: batches are copied within 100 ms).
const FLUSHING: Duration = Duration::from_secs(3);
