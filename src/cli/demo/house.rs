//! Everything that the demonstration runs: database, store, voice server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use sqlx::PgPool;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::DemoArgs;
use crate::audit;
use crate::audit::heads::keys::{public_path, read_public};
use crate::audit::verify::{self, Sources};
use crate::call::CallEvent;
use crate::cli::voice::Voice;
use crate::config::Config;
use crate::language::Language;
use crate::store::{self, Shop};
use crate::telemetry;
use crate::telephone::Script;

/// The running parts.
#[derive(Debug)]
pub(super) struct House {
    pool: PgPool,
    store: SocketAddr,
    voice: Voice,
    audit: audit::Settings,
    ready_after: Duration,
    stop_store: CancellationToken,
    serving_store: JoinHandle<Result<(), store::StoreError>>,
    _log: telemetry::LogGuard,
}

impl House {
    /// Starts all of it, telling each step.
    pub(super) async fn open(
        args: &DemoArgs,
        samples: &Path,
        folder: &Path,
        database_url: &str,
        step: impl Fn(&str),
    ) -> anyhow::Result<Self> {
        let mut config = Config::default();
        config.log.filter = "error".to_owned();
        let log = telemetry::start_logs(&config.log)?;
        let port = |port: u16| SocketAddr::from(([127, 0, 0, 1], if args.stay { port } else { 0 }));

        step("store: making its tables and loading the sample tyre shop");
        // Nobody else needs to know it: it lives as long as this process.
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let settings = store::Settings {
            listen: port(8080),
            database_url: database_url.into(),
            token: token.clone().into(),
            sms: store::SmsSettings::File { path: folder.join("sms-outbox.jsonl") },
            ..store::Settings::default()
        };
        let pool = store::connect(&settings).await?;
        let shop = Shop::load(&samples.join("shop/tyres.toml"))?;
        store::seed(&pool, &shop, settings.utc_offset_min).await?;
        let listener = tokio::net::TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("the store cannot listen on {}", settings.listen))?;
        let store = listener.local_addr()?;
        let stop_store = CancellationToken::new();
        let serving_store = tokio::spawn(store::serve(settings, listener, pool.clone(), stop_store.clone()));

        step("voice server: loading the speech model, looking for a voice, opening the audit's journal");
        let began = Instant::now();
        config.server.listen = port(9092);
        config.http.listen = port(9090);
        config.call.dialled.insert("200".to_owned(), Language::English);
        config.store.base_url = format!("http://{store}");
        config.store.token = Some(token.into());
        config.audit.journal = folder.join("audit-journal");
        config.audit.database_url = Some(database_url.into());
        config.tape.dir.clone_from(&args.tape);
        // The callers are nobody, and a sample has no notice.
        config.tape.notice_ru.clear();
        config.tape.notice_en.clear();
        config.hearing.whisper.model = samples.join("stt-demo/ggml-tires-q5_0.bin");
        let figures = telemetry::Figures::install()?;
        tokio::spawn(figures.clone().keep_up());
        let voice = Voice::start(&config, Arc::new(move || figures.render())).await?;
        let ready_after = began.elapsed();
        let audit = config.audit.clone();
        Ok(Self { pool, store, voice, audit, ready_after, stop_store, serving_store, _log: log })
    }

    pub(super) fn socket(&self) -> SocketAddr {
        self.voice.socket
    }

    pub(super) fn http(&self) -> SocketAddr {
        self.voice.http
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// From beginning to load the engines to accepting calls.
    pub(super) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<CallEvent>> {
        self.voice.observer.listen()
    }

    /// Announces a call as the dialplan does.
    pub(super) async fn register(&self, call: Uuid, script: &Script) -> anyhow::Result<()> {
        let mut query = vec![("uuid", call.to_string())];
        query.extend(script.from.clone().map(|from| ("from", from)));
        query.extend(script.exten.clone().map(|exten| ("exten", exten)));
        let url = format!("http://{}/calls", self.http());
        let answer = reqwest::Client::new().post(url).query(&query).send().await?;
        answer.error_for_status().context("announcing the call")?;
        Ok(())
    }

    /// The state of the order that a call made, in the Store API's words.
    pub(super) async fn order_state(&self, call: Uuid) -> anyhow::Result<Option<String>> {
        let state: Option<String> = sqlx::query_scalar(
            "select case state when 'new' then 'confirmed' else state end
               from orders.orders where call_id = $1 order by seq desc limit 1",
        )
        .bind(call.to_string())
        .fetch_optional(&self.pool)
        .await?;
        Ok(state)
    }

    /// Whether an SMS stands in the outbox for the order of a call.
    pub(super) async fn sms_queued(&self, call: Uuid) -> anyhow::Result<bool> {
        Ok(sqlx::query_scalar(
            "select exists (select 1 from notify.notifications n join orders.orders o on o.id = n.order_id
                             where o.call_id = $1 and n.channel = 'sms')",
        )
        .bind(call.to_string())
        .fetch_one(&self.pool)
        .await?)
    }

    /// Waits until the outbox is empty and the audit has reached the database, for ten seconds at most.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        let limit = Instant::now() + Duration::from_secs(10);
        loop {
            let waiting: bool = sqlx::query_scalar(
                "select exists (select 1 from notify.notifications where status = 'queued')
                     or (select count(*) from audit.calls)
                        > (select count(*) from audit.entries where kind = 'call_closed')",
            )
            .fetch_one(&self.pool)
            .await?;
            if !waiting || Instant::now() >= limit {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// `orderline audit verify` over journal and database.
    pub(super) async fn verify(&self) -> anyhow::Result<bool> {
        let sources = Sources {
            journal: Some(self.audit.journal.clone()),
            key: Some(self.audit.key_path()),
            database: Some(self.pool.clone()),
            public_keys: read_public(&public_path(&self.audit.signing_key_path())).ok(),
            ..Sources::default()
        };
        let report = verify::verify(sources).await?;
        println!("{report}");
        Ok(report.is_good())
    }

    /// How to use what keeps running.
    pub(super) fn invite(&self, database_url: &str) {
        println!("\nEverything keeps running; Ctrl-C ends it.");
        println!("  AudioSocket   {}", self.socket());
        println!("  HTTP          http://{}  (/health /ready /metrics /calls)", self.http());
        println!("  Store API     http://{}/api/v1", self.store);
        println!("  PostgreSQL    {database_url}");
        println!("The dialplan line for your Asterisk (asterisk-config/ has the whole of it):");
        println!("  same => n,Set(CALL_UUID=${{UUID()}})");
        println!("  same => n,Dial(AudioSocket/{}/${{CALL_UUID}}/c(slin),,g)", self.socket());
    }

    /// Stops all parts, the voice server first.
    pub(super) async fn close(self) {
        if let Err(error) = self.voice.stop().await {
            eprintln!("the voice server did not stop in order: {error:#}");
        }
        self.stop_store.cancel();
        let _ = self.serving_store.await;
        self.pool.close().await;
    }
}
