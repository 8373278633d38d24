//! The machine's clock is set, forwards and backwards, in the middle of calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{TimeDelta, Utc};
use orderline::audit::reconcile::{self, Desk};
use orderline::audit::storage::Disk;
use orderline::audit::verify::{self, Sources};
use orderline::audit::{Entry, EntryKind, Journal, Settings, show};
use orderline::ids::{CallId, RequestId};
use orderline::orders::{
    ActionOutcome, ActionRequest, Assent, Currency, Evidence, Money, Order, OrderAction, OrderStatus,
    PaymentMethod,
};
use uuid::Uuid;

use crate::shop::RUNTIME;

const CALL: CallId = CallId(Uuid::from_u128(1));

/// A journal whose clock goes wrong by so many seconds.
fn open(folder: &std::path::Path, wrong_s: &Arc<AtomicI64>) -> Journal {
    let settings = Settings { journal: folder.to_owned(), free_space_floor_bytes: 0, ..Settings::default() };
    let wrong_s = wrong_s.clone();
    let clock = Arc::new(move || Utc::now() + TimeDelta::seconds(wrong_s.load(Ordering::SeqCst)));
    Journal::open_with(&settings, Box::new(Disk::new(folder)), clock).unwrap().0
}

/// An unchanged draft, which a confirmation makes an order.
struct Shop;

impl Desk for Shop {
    async fn perform(&self, _: CallId, request: ActionRequest) -> ActionOutcome {
        match request.action {
            OrderAction::OrderDetails { order_id } => ActionOutcome::Details { order: order(order_id) },
            OrderAction::Confirm { order_id, .. } => ActionOutcome::Cancelled { order_id },
            other => panic!("{other:?}"),
        }
    }

    fn order_digest(&self, order: &Order) -> String {
        order.order_number.clone()
    }
}

fn order(id: Uuid) -> Order {
    let money = Money { minor: 1, currency: Currency::Rub };
    Order {
        id,
        order_number: "ORD-20260214-017".to_owned(),
        status: OrderStatus::Draft,
        version: 3,
        lines: Vec::new(),
        subtotal: money,
        total: money,
        delivery: None,
        estimated_delivery: None,
    }
}

fn confirm(id: u64) -> ActionRequest {
    let action = OrderAction::Confirm {
        order_id: Uuid::from_u128(7),
        payment: PaymentMethod::CashOnDelivery,
        name: None,
    };
    let evidence = Evidence {
        order_digest: order(Uuid::from_u128(7)).order_number,
        order_version: 3,
        read_back_digest: String::new(),
        assent: Assent::Keyed,
        read_back_ended_ms: 1,
        assent_began_ms: 2,
    };
    let key = Some(Uuid::from_u128(u128::from(id)));
    ActionRequest { id: RequestId(id), action, key, evidence: Some(evidence) }
}

#[test]
fn a_clock_that_is_set_by_an_hour_breaks_no_chain_and_moves_no_entry() {
    RUNTIME.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let wrong = Arc::new(AtomicI64::new(0));
        let journal = open(folder.path(), &wrong);
        journal.open_call(CALL, None, journal.now()).await.unwrap();
        for (id, wrong_s) in [(1, 3600), (2, -3600), (3, 0)] {
            journal.append(CALL, Entry::intent(&confirm(id), id * 10)).await.unwrap();
            wrong.store(wrong_s, Ordering::SeqCst);
            let outcome = Entry::outcome(&confirm(id), &ActionOutcome::Unknown, id * 10 + 5);
            journal.append(CALL, outcome).await.unwrap();
        }
        // What this run wrote is as old as it is, whatever the clock says.
        for wrong_s in [3600, -3600] {
            wrong.store(wrong_s, Ordering::SeqCst);
            let open = journal.open_intents();
            let one = reconcile::reconcile(&journal, &Shop, &open[..1], journal.now()).await.unwrap();
            assert_eq!((one.reconciled, one.needs_operator), (1, 0), "set by {wrong_s} s");
        }
        journal.shutdown().await.unwrap();

        // The last one is left to the next run, whose clock is right again; then the call is closed.
        wrong.store(0, Ordering::SeqCst);
        let journal = open(folder.path(), &wrong);
        let left = journal.open_intents();
        assert_eq!(left.len(), 1);
        reconcile::reconcile(&journal, &Shop, &left, journal.now()).await.unwrap();
        journal.shutdown().await.unwrap();
        let sources = Sources { journal: Some(folder.path().to_owned()), ..Sources::default() };
        let report = verify::verify(sources).await.unwrap();
        assert!(report.is_good(), "{report}");
        assert_eq!(report.open_calls, 0);
        let records = show::from_journal(folder.path(), Some(CALL)).unwrap();
        assert!(records.windows(2).any(|pair| pair[1].at < pair[0].at), "the clock did go back");
        for pair in records.windows(2) {
            assert_eq!(pair[1].seq, pair[0].seq + 1);
            assert_eq!(pair[1].prev, pair[0].hash);
            assert!(pair[1].entry.offset_ms >= pair[0].entry.offset_ms, "offsets never go back");
        }
    });
}

#[test]
fn a_yes_of_an_earlier_run_counts_only_while_the_clock_can_tell_that_it_is_fresh() {
    RUNTIME.block_on(async {
        // By how much the clock is wrong at the next start: a fresh yes, and what becomes of it.
        for (wrong_s, settled) in [
            (0, EntryKind::Reconciled),
            (300, EntryKind::Reconciled),
            (3600, EntryKind::NeedsOperator),
            (-3600, EntryKind::NeedsOperator),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let wrong = Arc::new(AtomicI64::new(0));
            let journal = open(folder.path(), &wrong);
            journal.open_call(CALL, None, journal.now()).await.unwrap();
            journal.append(CALL, Entry::intent(&confirm(1), 10)).await.unwrap();
            journal.shutdown().await.unwrap();
            wrong.store(wrong_s, Ordering::SeqCst);
            let journal = open(folder.path(), &wrong);
            let left = journal.open_intents();
            reconcile::reconcile(&journal, &Shop, &left, journal.now()).await.unwrap();
            journal.shutdown().await.unwrap();
            let records = show::from_journal(folder.path(), Some(CALL)).unwrap();
            assert_eq!(records[2].entry.kind, settled, "set by {wrong_s} s");
        }
    });
}
