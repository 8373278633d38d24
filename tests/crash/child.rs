//! The voice server without sound, in a process of its own: what is killed.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use orderline::audit::drain::Drain;
use orderline::audit::storage::{Disk, Segment, Storage};
use orderline::audit::{self, Journal, JournalError, reconcile};
use orderline::call::desk::{OrderDesk, Resolver};
use orderline::call::{Desk as _, Summary};
use orderline::conversation::event::Identity;
use orderline::conversation::order_digest;
use orderline::ids::{CallId, PhoneNumber, PresentedNumber, RequestId};
use orderline::orders::client::{self, Http, Loss, StoreClient, StoreRequest, StoreResponse, Transport};
use orderline::orders::{
    ActionOutcome, ActionRequest, Assent, Delivery, DraftLine, Evidence, Order, OrderAction, PaymentMethod,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::shop::TOKEN;

/// Holds [`Script`] as JSON in a process that is to be the child.
pub(crate) const VARIABLE: &str = "ORDERLINE_PROOF";
/// How long the child waits for an answer to a change; less than a caller's 2.5 s, to make the tests short.
pub(crate) const WRITE_TIMEOUT_MS: u64 = 1_500;
/// Free space under which the journal takes no intents.
pub(crate) const FLOOR_BYTES: u64 = 1 << 20;
/// How long intents may take to be settled on a machine however busy; how long they took is printed.
pub(crate) const SETTLED_WITHIN: Duration = Duration::from_secs(120);

/// What the child is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Script {
    pub(crate) role: Role,
    pub(crate) journal: PathBuf,
    pub(crate) database_url: Option<String>,
    /// `[store] base_url`.
    pub(crate) store: String,
    pub(crate) product: Uuid,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Role {
    /// One call: what must come before `action`, then a word from the parent, then `action` itself.
    Scene { action: Action, call: CallId, phone: PhoneNumber, drain_late: bool, new_segment: bool },
    /// Takes up what an earlier run left, and ends when nothing is open.
    Settle,
    /// So many calls at once, one after the other, until it is killed or standard input says a word.
    Load { calls: u32, pause_ms: u64 },
    /// Opens the journal and says how that went.
    Open,
    /// Takes calls until the journal takes no more: the file size is limited after the start.
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Action {
    Create,
    Lines,
    Delivery,
    Confirm,
    Cancel,
}

pub(crate) const ACTIONS: [Action; 5] =
    [Action::Create, Action::Lines, Action::Delivery, Action::Confirm, Action::Cancel];

impl Action {
    /// Its place among the changes of its scene, from 1.
    pub(crate) fn place(self) -> u32 {
        match self {
            Self::Create => 1,
            Self::Lines | Self::Delivery | Self::Cancel => 2,
            Self::Confirm => 3,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Lines => "lines",
            Self::Delivery => "delivery",
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
        }
    }
}

/// The child's side; in the parent's own run it passes at once.
#[test]
fn child_of_the_proof() {
    let Ok(script) = std::env::var(VARIABLE) else { return };
    let script: Script = serde_json::from_str(&script).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(script));
}

async fn run(script: Script) {
    match script.role.clone() {
        Role::Scene { action, call, phone, drain_late, new_segment } => {
            let server = Server::open(&script, !drain_late).unwrap();
            scene(&server, &script, Target { action, call, new_segment, drain_late }, phone).await;
        }
        Role::Settle => Server::open(&script, true).unwrap().settle().await,
        Role::Load { calls, pause_ms } => {
            let server = Arc::new(Server::open(&script, true).unwrap());
            load(server, script.product, calls, Duration::from_millis(pause_ms)).await;
        }
        Role::Open => match Server::open(&script, false) {
            Ok(_) => say("opened"),
            Err(error) => say(&format!("refused {error}")),
        },
        Role::Full => crate::disk::fill(Server::open(&script, true).unwrap(), script.product).await,
    }
}

/// Tells the parent something; what it was told survives the child.
pub(crate) fn say(words: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@@ {words}").and_then(|()| out.flush()).unwrap();
}

/// Waits for a word from the parent.
pub(crate) async fn word() {
    let read = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    read.await.unwrap().unwrap();
}

/// The parts of `orderline serve` that orders pass through.
pub(crate) struct Server {
    pub(crate) journal: Journal,
    pub(crate) desk: OrderDesk<Hurried>,
    settings: audit::Settings,
    drain: Mutex<Option<Drain>>,
    live: Arc<Mutex<BTreeSet<CallId>>>,
    fail_next_sync: Arc<AtomicBool>,
    /// Syncs wait while it is set.
    pub(crate) hold_syncs: Arc<AtomicBool>,
    /// What the disk says is free.
    pub(crate) free_bytes: Arc<AtomicU64>,
    /// The store is waited for no longer than a caller would.
    hurry: Arc<AtomicBool>,
    /// The scene's change was told.
    done: AtomicBool,
    began: Instant,
}

impl Server {
    pub(crate) fn open(script: &Script, drain: bool) -> Result<Self, JournalError> {
        let settings = settings(script);
        // What comes before a scene's change must work on a machine however busy.
        let patient = matches!(script.role, Role::Scene { .. });
        let limit_ms = if patient { 30_000 } else { WRITE_TIMEOUT_MS };
        let store = client::Settings {
            base_url: script.store.clone(),
            token: Some(TOKEN.into()),
            connect_timeout_ms: if patient { 30_000 } else { 1_000 },
            read_timeout_ms: limit_ms,
            write_timeout_ms: limit_ms,
            deadline_ms: if patient { 60_000 } else { 3_400 },
            ..client::Settings::default()
        };
        let hurry = Arc::new(AtomicBool::new(!patient));
        let http = Hurried { http: Http::new(&store).unwrap(), hurry: hurry.clone() };
        let store = Arc::new(StoreClient::over(http, store));
        let fail_next_sync = Arc::new(AtomicBool::new(false));
        let hold_syncs = Arc::new(AtomicBool::new(false));
        let free_bytes = Arc::new(AtomicU64::new(u64::MAX));
        let tired = Tired {
            disk: Disk::new(&settings.journal),
            fail: fail_next_sync.clone(),
            hold: hold_syncs.clone(),
            free_bytes: free_bytes.clone(),
        };
        let (journal, recovered) = Journal::open_on(&settings, Box::new(tired))?;
        let server = Self {
            desk: OrderDesk::new(journal.clone(), store.clone()),
            journal: journal.clone(),
            settings,
            drain: Mutex::default(),
            live: Arc::default(),
            fail_next_sync,
            hold_syncs,
            free_bytes,
            hurry,
            done: AtomicBool::new(false),
            began: Instant::now(),
        };
        if drain {
            server.drain();
        }
        let live = server.live.clone();
        tokio::spawn(async move {
            let is_over = |call| !live.lock().unwrap().contains(&call);
            let stop = CancellationToken::new();
            reconcile::keep_settled(&journal, &Resolver(store), recovered.open_intents, is_over, &stop).await;
        });
        Ok(server)
    }

    fn drain(&self) {
        *self.drain.lock().unwrap() = Drain::spawn(&self.journal, &self.settings).unwrap();
    }

    /// Waits until nothing is open and everything is copied, and ends in order.
    pub(crate) async fn settle(&self) {
        while !self.journal.open_intents().is_empty() && self.began.elapsed() < SETTLED_WITHIN {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        say(&format!("settled {}", self.began.elapsed().as_millis()));
        // Behind what was asked of the journal before, such as the closing of interrupted calls.
        let barrier = self.journal.close_call(CallId(Uuid::new_v4())).await;
        assert!(matches!(barrier, Err(JournalError::NotOpen(_) | JournalError::ReadOnly(_))), "{barrier:?}");
        let copied = self.journal.flush_to_database(SETTLED_WITHIN).await;
        let drain = self.drain.lock().unwrap().take();
        if let Some(drain) = drain {
            drain.stop().await;
        }
        self.journal.shutdown().await.unwrap();
        say(if copied { "copied" } else { "not copied" });
    }
}

pub(crate) fn settings(script: &Script) -> audit::Settings {
    audit::Settings {
        journal: script.journal.clone(),
        database_url: script.database_url.clone().map(Into::into),
        free_space_floor_bytes: FLOOR_BYTES,
        ..audit::Settings::default()
    }
}

/// A call at the desk.
pub(crate) struct Call<'a> {
    server: &'a Server,
    pub(crate) id: CallId,
    accepted: tokio::time::Instant,
    requests: u64,
    phone: PhoneNumber,
    product: Uuid,
}

impl<'a> Call<'a> {
    pub(crate) fn begin(server: &'a Server, id: CallId, phone: PhoneNumber, product: Uuid) -> Self {
        server.live.lock().unwrap().insert(id);
        say(&format!("call {id}"));
        server.desk.began(id);
        let number = PresentedNumber::Number(phone.clone());
        server.desk.identified(id, &Identity { number, dialled: None, language: None });
        Self { server, id, accepted: tokio::time::Instant::now(), requests: 0, phone, product }
    }

    /// Carries an action out as a session does, and tells the caller what came of it.
    pub(crate) async fn act(&mut self, action: OrderAction, evidence: Option<Evidence>) -> ActionOutcome {
        self.requests += 1;
        let id = RequestId(self.requests);
        let key = action.mutates().then(|| Uuid::new_v5(&self.id.0, format!("{id:?}").as_bytes()));
        let request = ActionRequest { id, action, key, evidence };
        let outcome = self.server.desk.carry_out(self.id, self.accepted, request).await;
        let told = serde_json::to_value(&outcome).unwrap();
        let told = told["outcome"].as_str().unwrap();
        say(&format!("said {} {} {} {told}", self.id, id.0, key.unwrap_or_default()));
        outcome
    }

    pub(crate) async fn create(&mut self) -> Option<Order> {
        let lines = vec![DraftLine { product_id: self.product, quantity: 1 }];
        let create = OrderAction::CreateDraft { lines, phone: self.phone.clone(), name: None };
        match self.act(create, None).await {
            ActionOutcome::Drafted { order } => Some(order),
            _ => None,
        }
    }

    pub(crate) async fn change_lines(&mut self, order: &Order) -> Option<Order> {
        let lines = vec![DraftLine { product_id: self.product, quantity: 2 }];
        let change = OrderAction::ChangeLines { order_id: order.id, version: order.version, lines };
        match self.act(change, None).await {
            ActionOutcome::LinesChanged { order } => Some(order),
            _ => None,
        }
    }

    pub(crate) async fn deliver(&mut self, order: &Order) -> Option<Order> {
        let address = orderline::ids::Pii::new("улица Ленина, дом 5".to_owned());
        let delivery = Delivery::Delivery { city: "Москва".to_owned(), address };
        match self.act(OrderAction::SetDelivery { order_id: order.id, delivery }, None).await {
            ActionOutcome::DeliverySet { order } => Some(order),
            _ => None,
        }
    }

    /// With the evidence that the conversation makes of a read-back and the key 1.
    pub(crate) async fn confirm(&mut self, order: &Order) -> ActionOutcome {
        let read_back = Sha256::digest(format!("{} {}", order.order_number, order.total.minor));
        let ended_ms = u64::try_from(self.accepted.elapsed().as_millis()).unwrap();
        let evidence = Evidence {
            order_digest: order_digest(order),
            order_version: order.version,
            read_back_digest: read_back.iter().map(|byte| format!("{byte:02x}")).collect(),
            assent: Assent::Keyed,
            read_back_ended_ms: ended_ms,
            assent_began_ms: ended_ms,
        };
        let confirm =
            OrderAction::Confirm { order_id: order.id, payment: PaymentMethod::CashOnDelivery, name: None };
        self.act(confirm, Some(evidence)).await
    }

    pub(crate) async fn cancel(&mut self, order: &Order) -> ActionOutcome {
        self.act(OrderAction::Cancel { order_id: order.id, reason: "the caller".to_owned() }, None).await
    }

    pub(crate) async fn search(&mut self) -> ActionOutcome {
        let phone = Some(self.phone.clone());
        self.act(OrderAction::SearchOrders { phone, order_number: None }, None).await
    }

    pub(crate) async fn end(self) {
        self.server.desk.ended(self.id, &Summary::default()).await;
        self.server.live.lock().unwrap().remove(&self.id);
    }
}

struct Target {
    action: Action,
    call: CallId,
    new_segment: bool,
    drain_late: bool,
}

async fn scene(server: &Server, script: &Script, target: Target, phone: PhoneNumber) {
    let mut call = Call::begin(server, target.call, phone, script.product);
    let mut order = None;
    if target.action != Action::Create {
        order = call.create().await;
    }
    if let (Action::Confirm, Some(draft)) = (target.action, &order) {
        order = call.deliver(draft).await;
    }
    if target.action == Action::Create || order.is_some() {
        say("ready");
    }
    word().await;
    server.hurry.store(true, Ordering::SeqCst);
    let draining = async {
        if target.drain_late {
            // With the intent in what it copies first.
            while server.journal.open_intents().is_empty() && !server.done.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.drain();
        }
    };
    if target.new_segment {
        server.fail_next_sync.store(true, Ordering::SeqCst);
    }
    let acting = async {
        match target.action {
            Action::Create => drop(call.create().await),
            Action::Lines => drop(call.change_lines(order.as_ref().unwrap()).await),
            Action::Delivery => drop(call.deliver(order.as_ref().unwrap()).await),
            Action::Confirm => drop(call.confirm(order.as_ref().unwrap()).await),
            Action::Cancel => drop(call.cancel(order.as_ref().unwrap()).await),
        }
        server.done.store(true, Ordering::SeqCst);
    };
    tokio::join!(acting, draining);
    call.end().await;
    server.settle().await;
}

/// Calls that create, deliver, and then confirm or cancel or hang up, side by side.
async fn load(server: Arc<Server>, product: Uuid, calls: u32, pause: Duration) {
    let stop = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..calls {
        let (server, stop) = (server.clone(), stop.clone());
        tasks.spawn(async move {
            // Not all in step.
            tokio::time::sleep(pause * n / calls).await;
            let mut turn = n;
            while !stop.is_cancelled() {
                whole_call(&server, product, turn, pause).await;
                turn += 1;
                tokio::time::sleep(pause).await;
            }
        });
    }
    say("ready");
    word().await;
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    server.settle().await;
}

/// One call from its beginning to its end.
pub(crate) async fn whole_call(server: &Server, product: Uuid, turn: u32, pause: Duration) {
    let id = CallId(Uuid::new_v4());
    let digits = id.0.as_u128() % 10_000_000;
    let phone = PhoneNumber::try_from(format!("+7916{digits:07}")).unwrap();
    let mut call = Call::begin(server, id, phone, product);
    if let Some(order) = call.create().await {
        tokio::time::sleep(pause).await;
        if turn.is_multiple_of(4) {
            call.cancel(&order).await;
        } else if let Some(order) = call.deliver(&order).await {
            match turn % 4 {
                1 => {
                    if let Some(order) = call.change_lines(&order).await {
                        call.confirm(&order).await;
                    }
                }
                2 => {
                    call.confirm(&order).await;
                    tokio::time::sleep(pause).await;
                    call.cancel(&order).await;
                }
                _ => drop(call.search().await),
            }
        }
    }
    call.end().await;
}

/// HTTP that gives up after [`WRITE_TIMEOUT_MS`] once it is told to.
#[derive(Debug)]
pub(crate) struct Hurried {
    http: Http,
    hurry: Arc<AtomicBool>,
}

impl Transport for Hurried {
    async fn send(&self, request: &StoreRequest) -> Result<StoreResponse, Loss> {
        if !self.hurry.load(Ordering::SeqCst) {
            return self.http.send(request).await;
        }
        let limit = Duration::from_millis(WRITE_TIMEOUT_MS);
        let late = |_| Err(Loss::Lost(format!("no answer within {} ms", limit.as_millis())));
        tokio::time::timeout(limit, self.http.send(request)).await.unwrap_or_else(late)
    }
}

/// A disk whose next sync fails when it is told to (the journal then goes on in a new segment), and that can stall.
struct Tired {
    disk: Disk,
    fail: Arc<AtomicBool>,
    hold: Arc<AtomicBool>,
    free_bytes: Arc<AtomicU64>,
}

struct TiredSegment {
    segment: Box<dyn Segment>,
    fail: Arc<AtomicBool>,
    hold: Arc<AtomicBool>,
}

impl Storage for Tired {
    fn create(&mut self, name: &str, bytes: u64) -> std::io::Result<Box<dyn Segment>> {
        let segment = self.disk.create(name, bytes)?;
        Ok(Box::new(TiredSegment { segment, fail: self.fail.clone(), hold: self.hold.clone() }))
    }

    fn free_bytes(&mut self) -> std::io::Result<u64> {
        Ok(self.free_bytes.load(Ordering::SeqCst))
    }
}

impl Segment for TiredSegment {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.segment.write_at(bytes, offset)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        while self.hold.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.fail.swap(false, Ordering::SeqCst) {
            return Err(std::io::Error::other("the disk is tired"));
        }
        self.segment.sync()
    }

    fn cut(&mut self, bytes: u64) -> std::io::Result<()> {
        self.segment.cut(bytes)
    }
}
