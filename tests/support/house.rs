//! A house for a test of whole calls: a database of its own, the reference store, the voice server with its real ear and
//! voice, and callers who telephone it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orderline::call::{CallEvent, Happening, Summary};
use orderline::cli::voice::Voice;
use orderline::config::Config;
use orderline::conversation::event::Note;
use orderline::engines::llm;
use orderline::postgres::Cluster;
use orderline::store::{self, Settings};
use orderline::telephone::{self, Script, Step};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::told::Told;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// A number that has no orders yet.
pub(crate) const BUYER: &str = "+79161234567";
/// Nothing but a call takes long; what does, hangs.
const SOON: Duration = Duration::from_secs(30);

/// One server for all tests of a binary; its keeper stops it and removes it when the process ends.
static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

/// The sample shop with its Store API.
pub(crate) struct Shop {
    pub(crate) base: String,
    pub(crate) pool: PgPool,
    pub(crate) database_url: String,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), store::StoreError>>,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::open_on(CLUSTER.get_or_init(async || Cluster::temporary().await.unwrap()).await).await
    }

    /// One with other settings.
    pub(crate) async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::open_as(CLUSTER.get_or_init(async || Cluster::temporary().await.unwrap()).await, change).await
    }

    pub(crate) async fn open_on(cluster: &Cluster) -> Self {
        Self::open_as(cluster, |_| ()).await
    }

    async fn open_as(cluster: &Cluster, change: impl FnOnce(&mut Settings)) -> Self {
        let database_url =
            cluster.create_database(&format!("calls_{}", Uuid::new_v4().simple())).await.unwrap();
        let mut settings = Settings {
            database_url: database_url.clone().into(),
            token: TOKEN.into(),
            max_connections: 4,
            ..Settings::default()
        };
        change(&mut settings);
        let pool = store::connect(&settings).await.unwrap();
        let shop = store::Shop::load(Path::new("samples/shop/tyres.toml")).unwrap();
        store::seed(&pool, &shop, settings.utc_offset_min).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let serving = tokio::spawn(store::serve(settings, listener, pool.clone(), stop.clone()));
        Self { base, pool, database_url, stop, serving }
    }

    /// State and total of the orders that a call made, in the order in which it made them.
    pub(crate) async fn orders(&self, call: Uuid) -> Vec<(String, i64)> {
        orders(&self.pool, call).await
    }

    /// Stops the store; its database stays.
    pub(crate) async fn stop(self) -> PgPool {
        self.stop.cancel();
        self.serving.await.unwrap().unwrap();
        self.pool
    }

    pub(crate) async fn close(self) {
        self.stop().await.close().await;
    }
}

/// State and total of the orders that a call made, in the order in which it made them.
pub(crate) async fn orders(pool: &PgPool, call: Uuid) -> Vec<(String, i64)> {
    sqlx::query_as("select state, total_minor from orders.orders where call_id = $1 order by seq")
        .bind(call.to_string())
        .fetch_all(pool)
        .await
        .unwrap()
}

/// A voice server.
pub(crate) struct House {
    pub(crate) voice: Voice,
    events: Arc<Mutex<Vec<CallEvent>>>,
    folder: TempDir,
    /// How long the agent must have been silent for its callers to take their turn. Longer than a busy machine takes from
    /// one clause to the next; a test whose agent waits for something in the middle of an answer needs more.
    pub(crate) quiet_ms: u32,
}

impl House {
    /// One that thinks with the model at this address and orders from this store. Its agent speaks fast, so that the test
    /// does not take long.
    pub(crate) async fn open(model: &str, shop: &str, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.listen = ([127, 0, 0, 1], 0).into();
        config.server.shards = 1;
        config.http.listen = ([127, 0, 0, 1], 0).into();
        config.store.base_url = shop.to_owned();
        config.store.token = Some(TOKEN.into());
        config.audit.journal = folder.path().join("audit-journal");
        config.conversation.greeting_ru = "Слушаю вас.".to_owned();
        config.conversation.greeting_en = "Hello.".to_owned();
        config.call.dialled.insert("200".to_owned(), orderline::language::Language::English);
        config.hearing.whisper.model = PathBuf::from("samples/stt-demo/ggml-tires-q5_0.bin");
        config.thinking.engine = llm::Engine::OpenAi;
        config.thinking.openai.url = model.to_owned();
        config.speaking.espeak.words_per_minute = 380;
        change(&mut config);
        let voice = Voice::start(&config, Arc::new(String::new)).await.unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let mut told = voice.observer.listen();
        let kept = events.clone();
        tokio::spawn(async move {
            while let Ok(event) = told.recv().await {
                kept.lock().unwrap().push(CallEvent::clone(&event));
            }
        });
        Self { voice, events, folder, quiet_ms: 1_500 }
    }

    /// The folder of the audit's journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.path().join("audit-journal")
    }

    /// A caller telephones and does this, in Russian.
    pub(crate) async fn call(&self, steps: Vec<Step>) -> Told {
        self.call_to("100", steps).await
    }

    /// The same in English.
    pub(crate) async fn call_in_english(&self, steps: Vec<Step>) -> Told {
        self.call_to("200", steps).await
    }

    async fn call_to(&self, exten: &str, steps: Vec<Step>) -> Told {
        let call = Uuid::new_v4();
        let mut script = Script::new(steps);
        script.quiet_ms = self.quiet_ms;
        script.longest_ms = 180_000;
        let url = format!("http://{}/calls", self.voice.http);
        let who = [("uuid", call.to_string().as_str()), ("from", BUYER), ("exten", exten)]
            .map(|(key, value)| (key, value.to_owned()));
        reqwest::Client::new().post(url).query(&who).send().await.unwrap().error_for_status().unwrap();
        let address = self.voice.socket.to_string();
        let report = telephone::place(&address, call, script.rate, &script, |_| ()).await.unwrap();
        let (notes, summary) = timeout(SOON, self.ended(call)).await.expect("the call's last event");
        Told { call, report, notes, summary }
    }

    async fn ended(&self, call: Uuid) -> (Vec<Note>, Summary) {
        loop {
            let mut notes = Vec::new();
            for event in self.events.lock().unwrap().iter().filter(|event| event.call.0 == call) {
                match &event.what {
                    Happening::Noted { note } => notes.push(note.clone()),
                    Happening::Ended { summary } => return (notes, summary.clone()),
                    _ => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn close(self) {
        timeout(SOON, self.voice.stop()).await.expect("the server stops").unwrap();
    }
}
