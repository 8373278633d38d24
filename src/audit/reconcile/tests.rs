#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::audit::{EntryKind, Settings, show};
use crate::ids::PhoneNumber;
use crate::orders::{
    Assent, Confirmation, Currency, Delivery, DraftLine, Money, PaymentMethod, ProblemCode, Rejection,
    Unavailable,
};

/// A store that answers from a script and keeps what it was asked.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<ActionOutcome>>,
    asked: Mutex<Vec<ActionRequest>>,
}

impl Desk for Scripted {
    async fn perform(&self, _: CallId, request: ActionRequest) -> ActionOutcome {
        self.asked.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().expect("the script has an answer for every request")
    }

    fn order_digest(&self, order: &Order) -> String {
        format!("version {}", order.version)
    }
}

fn order(status: OrderStatus, version: u32) -> Order {
    let money = Money { minor: 1, currency: Currency::Rub };
    Order {
        id: Uuid::from_u128(77),
        order_number: "ORD-20260214-017".to_owned(),
        status,
        version,
        lines: Vec::new(),
        subtotal: money,
        total: money,
        delivery: None,
        estimated_delivery: None,
    }
}

fn request(action: OrderAction) -> ActionRequest {
    let evidence = matches!(action, OrderAction::Confirm { .. }).then(|| Evidence {
        order_digest: "version 3".to_owned(),
        order_version: 3,
        read_back_digest: String::new(),
        assent: Assent::Keyed,
        read_back_ended_ms: 1,
        assent_began_ms: 2,
    });
    ActionRequest { id: RequestId(4), action, key: Some(Uuid::from_u128(5)), evidence }
}

fn confirm() -> OrderAction {
    OrderAction::Confirm { order_id: Uuid::from_u128(77), payment: PaymentMethod::CashOnDelivery, name: None }
}

fn confirmed() -> ActionOutcome {
    let order = order(OrderStatus::Confirmed, 4);
    ActionOutcome::Confirmed {
        confirmation: Confirmation {
            order_id: order.id,
            order_number: order.order_number,
            status: order.status,
            total: order.total,
            estimated_delivery: None,
            sms_sent: true,
            pay_url: None,
        },
    }
}

/// Writes the intent, "crashes", starts again, and runs one round with these answers, `minutes` later. Returns the
/// summary, what the store was asked, and the kinds of the entries.
async fn after_a_crash(
    action: OrderAction,
    minutes: i64,
    answers: Vec<ActionOutcome>,
) -> (Summary, Vec<ActionRequest>, Vec<EntryKind>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let call = CallId(Uuid::from_u128(1));
    let (journal, _) = Journal::open(&settings).unwrap();
    journal.open_call(call, None, Utc::now()).await.unwrap();
    journal.append(call, Entry::intent(&request(action), 10)).await.unwrap();
    journal.shutdown().await.unwrap();

    let (journal, recovered) = Journal::open(&settings).unwrap();
    let desk = Scripted { answers: Mutex::new(answers.into()), ..Scripted::default() };
    let later = Utc::now() + TimeDelta::minutes(minutes);
    let summary = reconcile(&journal, &desk, &recovered.open_intents, later).await.unwrap();
    journal.shutdown().await.unwrap();
    let kinds = show::from_journal(folder.path(), Some(call)).unwrap();
    let kinds = kinds.iter().skip(2).map(|record| record.entry.kind).collect();
    (summary, desk.asked.into_inner().unwrap(), kinds)
}

fn settings(folder: &Path) -> Settings {
    Settings { journal: folder.to_owned(), free_space_floor_bytes: 0, ..Settings::default() }
}

const RECONCILED: Summary = Summary { reconciled: 1, needs_operator: 0, still_open: 0 };
const OPERATOR: Summary = Summary { reconciled: 0, needs_operator: 1, still_open: 0 };
const OPEN: Summary = Summary { reconciled: 0, needs_operator: 0, still_open: 1 };

#[tokio::test]
async fn a_creation_is_sent_again_under_its_key_and_the_draft_cancelled() {
    let create = OrderAction::CreateDraft {
        lines: Vec::new(),
        phone: PhoneNumber::try_from("+375291234567".to_owned()).unwrap(),
        name: None,
    };
    let answers = vec![
        ActionOutcome::Drafted { order: order(OrderStatus::Draft, 1) },
        ActionOutcome::Details { order: order(OrderStatus::Draft, 1) },
        ActionOutcome::Cancelled { order_id: Uuid::from_u128(77) },
    ];
    let (summary, asked, kinds) = after_a_crash(create.clone(), 1, answers).await;
    assert_eq!(summary, RECONCILED);
    assert_eq!(asked[0], request(create), "the same request, the same key");
    assert!(matches!(asked[2].action, OrderAction::Cancel { .. }));
    assert_ne!(asked[2].key, asked[0].key);
    use EntryKind::{CallClosed, Intent, Outcome, Reconciled};
    assert_eq!(kinds, [Intent, Reconciled, Outcome, CallClosed]);
}

#[tokio::test]
async fn a_cancellation_that_a_dead_run_had_begun_is_carried_out_once() {
    let folder = tempfile::tempdir().unwrap();
    let call = CallId(Uuid::from_u128(1));
    let phone = PhoneNumber::try_from("+375291234567".to_owned()).unwrap();
    let create = request(OrderAction::CreateDraft { lines: Vec::new(), phone, name: None });
    let cancel = ActionRequest {
        id: RequestId(create.id.0 + CANCEL_IDS),
        key: create.key.map(|key| Uuid::new_v5(&key, b"cancel after a crash")),
        ..request(OrderAction::Cancel { order_id: Uuid::from_u128(77), reason: String::new() })
    };
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call, None, Utc::now()).await.unwrap();
    // It died between the cancellation's intent and the creation's end.
    journal.append(call, Entry::intent(&create, 10)).await.unwrap();
    journal.append(call, Entry::intent(&cancel, 10)).await.unwrap();
    journal.shutdown().await.unwrap();

    let (journal, recovered) = Journal::open(&settings(folder.path())).unwrap();
    let desk = Scripted::default();
    desk.answers.lock().unwrap().extend([
        ActionOutcome::Drafted { order: order(OrderStatus::Draft, 1) },
        ActionOutcome::Details { order: order(OrderStatus::Draft, 1) },
        ActionOutcome::Cancelled { order_id: Uuid::from_u128(77) },
    ]);
    let summary = reconcile(&journal, &desk, &recovered.open_intents, Utc::now()).await.unwrap();
    journal.shutdown().await.unwrap();
    assert_eq!(summary, RECONCILED);
    let asked = desk.asked.into_inner().unwrap();
    assert_eq!((asked.len(), asked[2].key), (3, cancel.key));
    let kinds = show::from_journal(folder.path(), Some(call)).unwrap();
    let kinds: Vec<_> = kinds.iter().map(|record| record.entry.kind).collect();
    use EntryKind::{CallClosed, CallOpened, Intent, Outcome, Reconciled};
    assert_eq!(kinds, [CallOpened, Intent, Intent, Reconciled, Outcome, CallClosed]);
}

#[tokio::test]
async fn a_creation_that_was_asked_for_again_and_agreed_to_is_left_alone() {
    let phone = PhoneNumber::try_from("+375291234567".to_owned()).unwrap();
    let create = OrderAction::CreateDraft { lines: Vec::new(), phone, name: None };
    let answers = vec![
        ActionOutcome::Drafted { order: order(OrderStatus::Draft, 1) },
        ActionOutcome::Details { order: order(OrderStatus::Confirmed, 3) },
    ];
    let (summary, asked, kinds) = after_a_crash(create, 1, answers).await;
    assert_eq!((summary, asked.len()), (RECONCILED, 2), "nothing is cancelled");
    assert_eq!(kinds, [EntryKind::Reconciled, EntryKind::CallClosed]);
}

#[tokio::test(start_paused = true)]
async fn what_a_running_server_does_not_know_is_found_out_once_the_call_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let call = CallId(Uuid::from_u128(1));
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call, None, Utc::now()).await.unwrap();
    let cancel = request(OrderAction::Cancel { order_id: Uuid::from_u128(77), reason: String::new() });
    journal.append(call, Entry::intent(&cancel, 10)).await.unwrap();
    let desk = Scripted::default();
    desk.answers.lock().unwrap().push_back(ActionOutcome::Cancelled { order_id: Uuid::from_u128(77) });
    let stop = CancellationToken::new();
    let looks = std::sync::atomic::AtomicU32::new(0);
    let found_out = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(desk.asked.lock().unwrap().is_empty(), "it may still be under way");
        journal.append(call, Entry::outcome(&cancel, &ActionOutcome::Unknown, 20)).await.unwrap();
        while !journal.open_intents().is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        stop.cancel();
    };
    let is_over = |_| looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= 3;
    let watch = keep_settled(&journal, &desk, Vec::new(), is_over, &stop);
    tokio::join!(found_out, watch);
    assert_eq!(looks.into_inner(), 4, "not while the call goes on");
    assert_eq!(desk.asked.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_intent_whose_action_came_to_no_end_is_settled_once_its_call_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let call = CallId(Uuid::from_u128(1));
    let cancel = request(OrderAction::Cancel { order_id: Uuid::from_u128(77), reason: String::new() });
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call, None, Utc::now()).await.unwrap();
    journal.append(call, Entry::intent(&cancel, 10)).await.unwrap();
    journal.shutdown().await.unwrap();
    for (minutes, is_over, asked) in [(4, true, 0), (6, false, 0), (6, true, 1)] {
        let storage = crate::audit::storage::Disk::new(folder.path());
        let clock = std::sync::Arc::new(move || Utc::now() + TimeDelta::minutes(minutes));
        let (journal, _) = Journal::open_with(&settings(folder.path()), Box::new(storage), clock).unwrap();
        let desk = Scripted::default();
        desk.answers.lock().unwrap().push_back(ActionOutcome::Cancelled { order_id: Uuid::from_u128(77) });
        let stop = CancellationToken::new();
        let soon = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            stop.cancel();
        };
        // As one of this run, of which nobody has said that it was asked.
        tokio::join!(soon, keep_settled(&journal, &desk, Vec::new(), |_| is_over, &stop));
        assert_eq!(desk.asked.lock().unwrap().len(), asked, "{minutes} min, over: {is_over}");
        assert_eq!(journal.open_intents().len(), 1 - asked);
        journal.shutdown().await.unwrap();
    }
}

/// A store that answers the first call with more than the journal takes, panics at the second, and has the third's
/// cancellation wait until the first has failed.
struct Uneven;

impl Desk for Uneven {
    async fn perform(&self, call: CallId, request: ActionRequest) -> ActionOutcome {
        match (call.0.as_u128(), request.action) {
            (1, _) => {
                let rejection =
                    Rejection { code: ProblemCode::Other, detail: "x".repeat(2 << 20), order_number: None };
                ActionOutcome::Rejected { rejection }
            }
            (2, _) => panic!("as the script says"),
            (_, OrderAction::CreateDraft { .. }) => {
                ActionOutcome::Drafted { order: order(OrderStatus::Draft, 1) }
            }
            (_, OrderAction::OrderDetails { .. }) => {
                ActionOutcome::Details { order: order(OrderStatus::Draft, 1) }
            }
            (_, OrderAction::Cancel { order_id, .. }) => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                ActionOutcome::Cancelled { order_id }
            }
            (_, other) => panic!("{other:?}"),
        }
    }

    fn order_digest(&self, _: &Order) -> String {
        String::new()
    }
}

#[tokio::test]
async fn what_one_calls_settling_comes_to_leaves_the_others_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    let phone = PhoneNumber::try_from("+375291234567".to_owned()).unwrap();
    let cancel = OrderAction::Cancel { order_id: Uuid::from_u128(77), reason: String::new() };
    let create = OrderAction::CreateDraft { lines: Vec::new(), phone, name: None };
    for (n, action) in [(1, cancel.clone()), (2, cancel), (3, create)] {
        let call = CallId(Uuid::from_u128(n));
        journal.open_call(call, None, Utc::now()).await.unwrap();
        journal.append(call, Entry::intent(&request(action), 10)).await.unwrap();
    }
    let round = reconcile(&journal, &Uneven, &journal.open_intents(), Utc::now()).await;
    assert!(matches!(round, Err(JournalError::TooLarge)), "{round:?}");
    let open: Vec<_> = journal.open_intents().iter().map(|intent| intent.call.0.as_u128()).collect();
    assert_eq!(open, [1, 2], "the third's draft is cancelled and known to be");
    journal.shutdown().await.unwrap();
}

/// A store that drafts, and with which the power goes at the cancellation.
struct Dying(Journal);

impl Desk for Dying {
    async fn perform(&self, _: CallId, request: ActionRequest) -> ActionOutcome {
        match request.action {
            OrderAction::CreateDraft { .. } => ActionOutcome::Drafted { order: order(OrderStatus::Draft, 1) },
            OrderAction::OrderDetails { .. } => {
                ActionOutcome::Details { order: order(OrderStatus::Draft, 1) }
            }
            _ => {
                self.0.shutdown().await.unwrap();
                ActionOutcome::Cancelled { order_id: Uuid::from_u128(77) }
            }
        }
    }

    fn order_digest(&self, _: &Order) -> String {
        String::new()
    }
}

#[tokio::test]
async fn a_cancellation_whose_outcome_could_not_be_written_is_looked_after() {
    let folder = tempfile::tempdir().unwrap();
    let call = CallId(Uuid::from_u128(1));
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    let phone = PhoneNumber::try_from("+375291234567".to_owned()).unwrap();
    let create = OrderAction::CreateDraft { lines: Vec::new(), phone, name: None };
    journal.open_call(call, None, Utc::now()).await.unwrap();
    journal.append(call, Entry::intent(&request(create), 10)).await.unwrap();
    let round = reconcile(&journal, &Dying(journal.clone()), &journal.open_intents(), Utc::now()).await;
    assert!(matches!(round, Err(JournalError::Stopped)), "{round:?}");
    let [left] = journal.open_intents().try_into().unwrap();
    assert_eq!((left.action.as_deref(), left.asked), (Some("cancel_order"), true));
}

#[tokio::test]
async fn a_cancellation_a_delivery_and_other_lines_are_sent_again() {
    let order_id = Uuid::from_u128(77);
    let delivery = Delivery::Pickup { pickup_point_id: order_id, city: "Минск".to_owned() };
    for action in [
        OrderAction::Cancel { order_id, reason: String::new() },
        OrderAction::SetDelivery { order_id, delivery },
        OrderAction::ChangeLines {
            order_id,
            version: 2,
            lines: vec![DraftLine { product_id: order_id, quantity: 2 }],
        },
    ] {
        let (summary, asked, kinds) =
            after_a_crash(action.clone(), 1, vec![ActionOutcome::Cancelled { order_id }]).await;
        assert_eq!((summary, asked), (RECONCILED, vec![request(action)]));
        assert_eq!(kinds, [EntryKind::Reconciled, EntryKind::CallClosed]);
    }
}

#[tokio::test]
async fn a_confirmation_that_happened_is_found_and_not_sent_again() {
    let found = ActionOutcome::Details { order: order(OrderStatus::Confirmed, 4) };
    let (summary, asked, kinds) = after_a_crash(confirm(), 1, vec![found]).await;
    assert_eq!((summary, asked.len()), (RECONCILED, 1));
    assert!(matches!(asked[0].action, OrderAction::OrderDetails { .. }));
    assert_eq!(kinds, [EntryKind::Reconciled, EntryKind::CallClosed]);
}

#[tokio::test]
async fn an_order_that_cannot_be_read_settles_nothing() {
    let phone = PhoneNumber::try_from("+375291234567".to_owned()).unwrap();
    let create = OrderAction::CreateDraft { lines: Vec::new(), phone, name: None };
    let no = || {
        let detail = "404 not-found: ".to_owned();
        let rejection = Rejection { code: ProblemCode::NotFound, detail, order_number: None };
        ActionOutcome::Rejected { rejection }
    };
    let drafted = ActionOutcome::Drafted { order: order(OrderStatus::Draft, 1) };
    for (action, answers) in [(confirm(), vec![no()]), (create, vec![drafted, no()])] {
        let (summary, _, kinds) = after_a_crash(action, 1, answers).await;
        assert_eq!((summary, kinds.len()), (OPEN, 0));
    }
}

#[tokio::test]
async fn a_fresh_yes_to_an_unchanged_draft_is_carried_out() {
    let draft = ActionOutcome::Details { order: order(OrderStatus::Draft, 3) };
    let (summary, asked, _) = after_a_crash(confirm(), 9, vec![draft, confirmed()]).await;
    assert_eq!(summary, RECONCILED);
    assert_eq!(asked[1], request(confirm()));
}

#[tokio::test]
async fn an_old_yes_or_a_changed_draft_goes_to_an_operator() {
    for (version, minutes) in [(3, 11), (4, 1)] {
        let draft = ActionOutcome::Details { order: order(OrderStatus::Draft, version) };
        let (summary, asked, kinds) = after_a_crash(confirm(), minutes, vec![draft]).await;
        assert_eq!((summary, asked.len()), (OPERATOR, 1), "version {version}, {minutes} min");
        assert_eq!(kinds, [EntryKind::NeedsOperator, EntryKind::CallClosed]);
    }
}

#[tokio::test]
async fn a_silent_store_leaves_the_intent_open_and_an_old_intent_goes_to_an_operator() {
    let silent = ActionOutcome::Unavailable { reason: Unavailable::Store };
    for answer in [silent, ActionOutcome::Unknown] {
        let (summary, _, kinds) = after_a_crash(confirm(), 1, vec![answer]).await;
        assert_eq!((summary, kinds.len()), (OPEN, 0));
    }
    let (summary, asked, _) = after_a_crash(confirm(), 25 * 60, Vec::new()).await;
    assert_eq!((summary, asked.len()), (OPERATOR, 0));
}

#[tokio::test(start_paused = true)]
async fn rounds_go_on_until_the_store_says() {
    let folder = tempfile::tempdir().unwrap();
    let call = CallId(Uuid::from_u128(1));
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call, None, Utc::now()).await.unwrap();
    let cancel = OrderAction::Cancel { order_id: Uuid::from_u128(77), reason: String::new() };
    journal.append(call, Entry::intent(&request(cancel), 10)).await.unwrap();
    let desk = Scripted::default();
    desk.answers.lock().unwrap().extend([
        ActionOutcome::Unknown,
        ActionOutcome::Unknown,
        ActionOutcome::Cancelled { order_id: Uuid::from_u128(77) },
    ]);
    let open = journal.open_intents();
    let summary = until_settled(&journal, &desk, open, &CancellationToken::new()).await.unwrap();
    assert_eq!(summary, RECONCILED);
    assert!(journal.open_intents().is_empty());
}
