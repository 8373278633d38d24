#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use uuid::Uuid;

use super::*;
use crate::audit;
use crate::audit::storage::{Disk, Segment, Storage};
use crate::ids::RequestId;
use crate::orders::OrderAction;
use crate::orders::client::{Loss, Settings, StoreRequest, StoreResponse};

/// A store that cancels whatever it is asked to, and looks into the journal while it does.
#[derive(Debug)]
struct Shop {
    journal: Journal,
    asked: Arc<AtomicUsize>,
    intents_seen: Arc<AtomicUsize>,
    pulls_the_plug: bool,
}

/// A disk that stands still while somebody holds the gate.
struct Slow(Disk, Arc<Mutex<()>>);

struct SlowSegment(Box<dyn Segment>, Arc<Mutex<()>>);

impl Storage for Slow {
    fn create(&mut self, name: &str, bytes: u64) -> std::io::Result<Box<dyn Segment>> {
        Ok(Box::new(SlowSegment(self.0.create(name, bytes)?, self.1.clone())))
    }

    fn free_bytes(&mut self) -> std::io::Result<u64> {
        self.0.free_bytes()
    }
}

impl Segment for SlowSegment {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        let _open = self.1.lock().unwrap();
        self.0.sync()
    }

    fn cut(&mut self, bytes: u64) -> std::io::Result<()> {
        self.0.cut(bytes)
    }
}

impl Transport for Shop {
    async fn send(&self, request: &StoreRequest) -> Result<StoreResponse, Loss> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.intents_seen.store(self.journal.open_intents().len(), Ordering::SeqCst);
        if self.pulls_the_plug {
            self.journal.shutdown().await.unwrap();
        }
        let body = match request.method {
            "GET" => r#"{"items":[]}"#,
            _ => r#"{"id":"00000000-0000-0000-0000-000000000007","status":"cancelled"}"#,
        };
        Ok(StoreResponse { status: 200, body: Bytes::from_static(body.as_bytes()), ..Default::default() })
    }
}

struct Scene {
    _folder: tempfile::TempDir,
    journal: Journal,
    desk: OrderDesk<Shop>,
    asked: Arc<AtomicUsize>,
    intents_seen: Arc<AtomicUsize>,
    call: CallId,
    gate: Arc<Mutex<()>>,
}

fn scene(pulls_the_plug: bool) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let settings = audit::Settings {
        journal: folder.path().join("journal"),
        free_space_floor_bytes: 0,
        ..audit::Settings::default()
    };
    let gate = Arc::new(Mutex::new(()));
    let slow = Slow(Disk::new(&settings.journal), gate.clone());
    let (journal, _) = Journal::open_on(&settings, Box::new(slow)).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let intents_seen = Arc::new(AtomicUsize::new(0));
    let shop = Shop {
        journal: journal.clone(),
        asked: asked.clone(),
        intents_seen: intents_seen.clone(),
        pulls_the_plug,
    };
    let store = Arc::new(StoreClient::over(shop, Settings::default()));
    let desk = OrderDesk::new(journal.clone(), store);
    let call = CallId(Uuid::from_u128(1));
    desk.began(call);
    Scene { _folder: folder, journal, desk, asked, intents_seen, call, gate }
}

fn cancel() -> ActionRequest {
    ActionRequest {
        id: RequestId(3),
        action: OrderAction::Cancel { order_id: Uuid::from_u128(7), reason: "the caller".to_owned() },
        key: Some(Uuid::from_u128(9)),
        evidence: None,
    }
}

fn read() -> ActionRequest {
    ActionRequest {
        id: RequestId(4),
        action: OrderAction::SearchOrders { phone: None, order_number: Some("ORD-1".to_owned()) },
        key: None,
        evidence: None,
    }
}

#[tokio::test]
async fn the_intent_is_in_the_journal_before_the_request_leaves_and_settled_after() {
    let Scene { _folder, journal, desk, asked, intents_seen, call, .. } = scene(false);
    let outcome = desk.carry_out(call, Instant::now(), cancel()).await;
    assert_eq!(outcome, ActionOutcome::Cancelled { order_id: Uuid::from_u128(7) });
    assert_eq!((asked.load(Ordering::SeqCst), intents_seen.load(Ordering::SeqCst)), (1, 1));
    assert!(journal.open_intents().is_empty());
    assert_eq!(
        desk.carry_out(call, Instant::now(), read()).await,
        ActionOutcome::Orders { orders: Vec::new() }
    );
    desk.ended(call, &Summary::default()).await;
    assert!(journal.close_call(call).await.is_err(), "it is closed already");
}

#[tokio::test]
async fn no_audit_no_action() {
    let Scene { _folder, journal, desk, asked, call, .. } = scene(false);
    journal.shutdown().await.unwrap();
    for request in [cancel(), read()] {
        let outcome = desk.carry_out(call, Instant::now(), request).await;
        assert_eq!(outcome, ActionOutcome::Unavailable { reason: Unavailable::Journal });
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_outcome_that_could_not_be_journaled_is_not_told() {
    let Scene { _folder, desk, call, .. } = scene(true);
    assert_eq!(desk.carry_out(call, Instant::now(), cancel()).await, ActionOutcome::Unknown);
}

#[tokio::test]
async fn what_was_read_and_could_not_be_journaled_is_not_told() {
    let Scene { _folder, desk, call, .. } = scene(true);
    let outcome = desk.carry_out(call, Instant::now(), read()).await;
    assert_eq!(outcome, ActionOutcome::Unavailable { reason: Unavailable::Journal });
}

#[tokio::test]
async fn a_call_without_an_action_is_in_the_audit_too() {
    let Scene { _folder: folder, journal, desk, call, .. } = scene(false);
    desk.ended(call, &Summary::default()).await;
    journal.shutdown().await.unwrap();
    assert!(is_opened_and_closed(&folder));
}

#[tokio::test]
async fn a_call_under_an_earlier_ones_id_orders_nothing_and_writes_nothing() {
    let Scene { _folder: folder, journal, desk, asked, call, .. } = scene(false);
    desk.ended(call, &Summary::default()).await;
    desk.began(call);
    for request in [cancel(), read()] {
        let outcome = desk.carry_out(call, Instant::now(), request).await;
        assert_eq!(outcome, ActionOutcome::Unavailable { reason: Unavailable::Journal });
    }
    desk.ended(call, &Summary::default()).await;
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    journal.shutdown().await.unwrap();
    let records = audit::show::from_journal(&folder.path().join("journal"), None).unwrap();
    assert_eq!(records.len(), 2, "the first call's opening and its close");
}

#[tokio::test]
async fn a_call_that_ends_while_the_disk_stands_still_is_closed_afterwards() {
    let Scene { _folder: folder, journal, desk, call, gate, .. } = scene(false);
    let other = CallId(Uuid::from_u128(2));
    journal.open_call(other, None, Utc::now()).await.unwrap();
    let mut ended = desk.ended(call, &Summary::default());
    {
        let _still = gate.lock().unwrap();
        let note = || Entry::new(EntryKind::Read, serde_json::json!({}), 0);
        while journal.note(other, note()).is_ok() {}
        assert!((&mut ended).now_or_never().is_none(), "the queue is full");
    }
    ended.await;
    journal.shutdown().await.unwrap();
    assert!(is_opened_and_closed(&folder));
    assert!(desk.0.calls().is_empty());
}

#[tokio::test]
async fn the_books_of_a_call_go_even_if_its_closing_is_cut_off() {
    let Scene { _folder, journal, desk, call, gate, .. } = scene(false);
    let mut ended = desk.ended(call, &Summary::default());
    {
        let _still = gate.lock().unwrap();
        assert!((&mut ended).now_or_never().is_none());
    }
    drop(ended);
    assert!(desk.0.calls().is_empty());
    journal.shutdown().await.unwrap();
}

fn is_opened_and_closed(folder: &tempfile::TempDir) -> bool {
    std::fs::read_dir(folder.path().join("journal")).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        let has = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        has("call_opened") && has("call_closed")
    })
}

#[tokio::test]
async fn what_a_caller_knows_of_the_recording_waits_for_who_they_are_and_no_longer_than_the_call() {
    use crate::ids::PresentedNumber;
    for says_who in [true, false] {
        let Scene { _folder: folder, journal, desk, call, .. } = scene(false);
        let writing = tokio::spawn(desk.consented(call, Instant::now(), Consent::Told));
        tokio::task::yield_now().await;
        if says_who {
            let number = PhoneNumber::try_from("+375291234567".to_owned()).unwrap();
            let number = PresentedNumber::Number(number);
            desk.identified(call, &Identity { number, dialled: None, language: None });
            writing.await.unwrap();
            desk.ended(call, &Summary::default()).await;
        } else {
            desk.ended(call, &Summary::default()).await;
            writing.await.unwrap();
        }
        journal.shutdown().await.unwrap();
        let records = audit::show::from_journal(&folder.path().join("journal"), Some(call)).unwrap();
        let kinds: Vec<_> = records.iter().map(|record| record.entry.kind.name()).collect();
        assert_eq!(kinds, ["call_opened", "consent", "call_closed"]);
        assert_eq!(records[0].entry.body["caller"].is_string(), says_who);
    }
}
