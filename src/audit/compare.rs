//! The audit against the store's own book: `orders.events`, which the reference store writes in the transaction of
//! every change. Both sides name the idempotency key, so each change of the voice server's must have its intent, and
//! each success that was journaled must have its change.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt as _;
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use super::journal::JournalError;
use crate::ids::CallId;

mod book;

pub use book::Book;
use book::{Known, Verdict};

/// One change of an order, as the store wrote it down.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoreEvent {
    /// Its number in the store's book.
    pub id: i64,
    pub order_id: Uuid,
    pub version: i32,
    pub event: String,
    pub to_state: String,
    /// Who: a subject of the store's.
    pub actor: String,
    /// The request's Idempotency-Key as it was sent.
    pub idem_key: Option<String>,
    pub at: DateTime<Utc>,
}

/// What was compared and found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// What was before is not judged.
    pub since: Option<DateTime<Utc>>,
    /// `audit retain` gave up what the audit had from before it.
    pub given_up: Option<DateTime<Utc>>,
    /// Changes by the voice server in the store's book.
    pub store_events: u64,
    /// Intents of the audit with a key.
    pub intents: u64,
    /// Actions that the audit says were carried out.
    pub done: u64,
    /// Intents without an outcome, or waiting for an operator: nothing is said of these.
    pub undecided: u64,
    pub findings: Vec<Discrepancy>,
}

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Discrepancy {
    pub reason: Mismatch,
    pub call: Option<CallId>,
    pub order_id: Option<Uuid>,
    pub key: Option<String>,
    /// Expected and found.
    pub detail: String,
}

/// How the two books can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mismatch {
    /// The store changed an order for the voice server, and no intent says why.
    NoIntent,
    /// The intent is later than the change.
    IntentLater,
    /// One key changed two orders.
    TwoOrders,
    /// The audit says that it was done, and the store's book has nothing under the key.
    NotInStore,
    /// The audit says that it was not done, and the store's book has it.
    DoneAllTheSame,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error("expected the store's table orders.events, found none in this database")]
    NoEvents,
    #[error("the database could not be read: {0}")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What is compared, and how closely.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The voice server in the store's book.
    pub actor: String,
    /// How far the two clocks may be apart.
    pub skew: TimeDelta,
    /// Only what the store did and the audit wrote since then is judged. What a retention gave up never is.
    pub since: Option<DateTime<Utc>>,
    /// The newest event of the store when the audit began to be read ([`newest`]): a later one may have an intent that
    /// was not read.
    pub newest: i64,
}

/// A comparison under way: the audit is known, the store's events come one by one.
#[derive(Debug)]
pub struct Comparing {
    book: Book,
    scope: Scope,
    cancelled: BTreeSet<Uuid>,
    report: Comparison,
}

/// The number of the store's newest event, 0 before the first. It is asked for before the audit is read, and the events
/// are read after it, so that a server at work makes no finding: whatever the store did up to here has an intent that is
/// read, whatever the audit says was done has an event that is read.
///
/// # Errors
/// The database does not answer or is no store's.
pub async fn newest(store: &PgPool) -> Result<i64, CompareError> {
    let known: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('orders.events')::text").fetch_one(store).await?;
    if known.is_none() {
        return Err(CompareError::NoEvents);
    }
    Ok(sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM orders.events").fetch_one(store).await?)
}

impl Comparing {
    /// Begins with all that the audit knows.
    pub fn new(book: Book, scope: Scope) -> Self {
        let since = scope.since.max(book.given_up());
        let report = Comparison { since, given_up: book.given_up(), ..Comparison::default() };
        Self { book, scope, cancelled: BTreeSet::new(), report }
    }

    /// Takes the store's changes of the orders that the voice server ever changed, one at a time: those since the first
    /// intent that is judged, and every cancellation.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn read(&mut self, store: &PgPool) -> Result<(), CompareError> {
        let judged = self.book.keys().filter(|(_, known)| self.judges(known));
        let first = judged.filter_map(|(_, known)| Some(known.intent.as_ref()?.at)).min();
        // An intent may have been written long before the time from which on events are judged.
        let from =
            self.report.since.map(|since| first.map_or(since, |first| since.min(first)) - self.scope.skew);
        let actor = self.scope.actor.clone();
        let mut events = sqlx::query_as::<_, StoreEvent>(
            "SELECT id, order_id, version, event, to_state, actor, idem_key, at FROM orders.events
              WHERE order_id IN (SELECT order_id FROM orders.events WHERE actor = $1)
                AND ($2::timestamptz IS NULL OR at >= $2 OR to_state = 'cancelled')
              ORDER BY id",
        )
        .bind(actor)
        .bind(from)
        .fetch(store);
        while let Some(event) = events.try_next().await? {
            self.take(&event);
        }
        Ok(())
    }

    /// Takes one change of an order.
    pub fn take(&mut self, event: &StoreEvent) {
        if event.to_state == "cancelled" {
            self.cancelled.insert(event.order_id);
        }
        if event.actor != self.scope.actor {
            return;
        }
        let key = event.idem_key.as_deref().and_then(|key| key.trim_matches('"').parse::<Uuid>().ok());
        let known = key.and_then(|key| self.book.get_mut(&key));
        let finding = match known {
            None => Some((Mismatch::NoIntent, None, "none".to_owned())),
            Some(known) => {
                known.changed.insert(event.order_id);
                match &known.intent {
                    // It went with the months before.
                    None if self.report.given_up.is_some() => None,
                    None => Some((Mismatch::NoIntent, None, "none".to_owned())),
                    Some(intent) if intent.at > event.at + self.scope.skew => {
                        Some((Mismatch::IntentLater, Some(intent.call), format!("it at {}", intent.at)))
                    }
                    Some(_) => None,
                }
            }
        };
        let of_given_up = self.report.given_up.is_some_and(|before| event.at < before + self.scope.skew);
        let too_old = self.report.since.is_some_and(|since| event.at < since);
        if of_given_up || too_old || event.id > self.scope.newest {
            return;
        }
        self.report.store_events += 1;
        if let Some((reason, call, found)) = finding {
            self.report.findings.push(Discrepancy {
                reason,
                call,
                order_id: Some(event.order_id),
                key: event.idem_key.clone(),
                detail: format!(
                    "expected an intent before {} of version {} at {}, found {found}",
                    event.event, event.version, event.at
                ),
            });
        }
    }

    /// The report, when every event was taken.
    pub fn finish(mut self) -> Comparison {
        let mut report = std::mem::take(&mut self.report);
        for (key, known) in self.book.keys() {
            let Some(intent) = known.intent.as_ref().filter(|_| known.is_since(report.since)) else {
                continue;
            };
            report.intents += 1;
            let mut found = |reason, detail: String| {
                report.findings.push(Discrepancy {
                    reason,
                    call: Some(intent.call),
                    order_id: intent.order_id.or_else(|| known.changed.first().copied()),
                    key: Some(key.to_string()),
                    detail,
                });
            };
            let changed = known.changed.len();
            if changed > 1 {
                found(Mismatch::TwoOrders, format!("expected one order under one key, found {changed}"));
            }
            // Somebody else's cancellation came first, and the store had nothing left to do.
            let moot = intent.cancels && intent.order_id.is_some_and(|order| self.cancelled.contains(&order));
            match known.verdict() {
                Verdict::Undecided => report.undecided += 1,
                Verdict::Done if changed > 0 || moot => report.done += 1,
                Verdict::Done => found(
                    Mismatch::NotInStore,
                    "the audit says that it was done, the store's book has no such key".to_owned(),
                ),
                Verdict::NotDone if changed > 0 => found(
                    Mismatch::DoneAllTheSame,
                    "the audit says that it was not done, the store's book has it".to_owned(),
                ),
                Verdict::NotDone => {}
            }
        }
        report
    }

    fn judges(&self, known: &Known) -> bool {
        known.is_since(self.report.since)
    }
}

impl Comparison {
    /// Whether the books agree.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.since, self.given_up) {
            (Some(since), given_up) if given_up == Some(since) => {
                writeln!(f, "since {}: the audit of what was before was given up", since.to_rfc3339())?;
            }
            (Some(since), _) => writeln!(f, "since {}", since.to_rfc3339())?,
            (None, _) => {}
        }
        writeln!(f, "store: {} changes by the voice server", self.store_events)?;
        writeln!(f, "audit: {} keys, {} done, {} undecided", self.intents, self.done, self.undecided)?;
        for finding in &self.findings {
            write!(
                f,
                "BAD {}",
                serde_json::to_value(finding.reason).unwrap_or_default().as_str().unwrap_or_default()
            )?;
            if let Some(call) = finding.call {
                write!(f, " call {call}")?;
            }
            if let Some(order) = finding.order_id {
                write!(f, " order {order}")?;
            }
            if let Some(key) = &finding.key {
                write!(f, " key {key}")?;
            }
            writeln!(f, ": {}", finding.detail)?;
        }
        match self.findings.len() {
            0 => f.write_str("good: the two books agree"),
            1 => f.write_str("bad: 1 finding"),
            n => write!(f, "bad: {n} findings"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;
    use crate::audit::{Digest, Entry, EntryKind, Record};
    use crate::ids::RequestId;
    use serde_json::{Value, json};

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn record(second: i64, kind: EntryKind, key: u128, request: u64, body: Value) -> Record {
        let mut entry = Entry::new(kind, body, 0);
        entry.idem_key = Some(id(key));
        entry.request = Some(RequestId(request));
        let at = DateTime::from_timestamp(second, 0).unwrap();
        Record::new(CallId(id(1)), 1, at, Digest::from([0; 32]), entry, None)
    }

    fn intent(second: i64, key: u128, request: u64) -> Record {
        record(second, EntryKind::Intent, key, request, json!({}))
    }

    fn outcome(key: u128, request: u64, outcome: &str) -> Record {
        record(9, EntryKind::Outcome, key, request, json!({ "outcome": outcome }))
    }

    fn event(second: i64, order: u128, key: Option<u128>) -> StoreEvent {
        StoreEvent {
            id: second,
            order_id: id(order),
            version: 1,
            event: "create".to_owned(),
            to_state: "draft".to_owned(),
            actor: "agent".to_owned(),
            idem_key: key.map(|key| id(key).to_string()),
            at: DateTime::from_timestamp(second, 0).unwrap(),
        }
    }

    fn compare(records: &[Record], events: &[StoreEvent], since: Option<i64>) -> Comparison {
        let mut book = Book::default();
        records.iter().for_each(|record| book.take(record));
        let scope = Scope {
            actor: "agent".to_owned(),
            skew: TimeDelta::seconds(1),
            since: since.map(|second| DateTime::from_timestamp(second, 0).unwrap()),
            newest: 1000,
        };
        let mut comparing = Comparing::new(book, scope);
        events.iter().for_each(|event| comparing.take(event));
        comparing.finish()
    }

    fn reasons(records: &[Record], events: &[StoreEvent]) -> Vec<Mismatch> {
        compare(records, events, None).findings.iter().map(|finding| finding.reason).collect()
    }

    #[test]
    fn books_that_agree_have_no_finding() {
        let records = [
            intent(5, 1, 1),
            outcome(1, 1, "drafted"),
            intent(5, 2, 2),
            outcome(2, 2, "rejected"),
            // Unknown, then asked again under the key by the model: done.
            intent(5, 3, 3),
            outcome(3, 3, "unknown"),
            intent(6, 3, 4),
            outcome(3, 4, "drafted"),
            intent(5, 4, 5),
        ];
        let report = compare(&records, &[event(6, 1, Some(1)), event(6, 3, Some(3))], None);
        assert!(report.is_good(), "{report}");
        assert_eq!((report.intents, report.done, report.undecided), (4, 2, 1));
    }

    #[test]
    fn every_way_to_differ_is_found() {
        use Mismatch::*;
        assert_eq!(reasons(&[], &[event(1, 1, None)]), [NoIntent]);
        assert_eq!(reasons(&[], &[event(1, 1, Some(1))]), [NoIntent]);
        assert_eq!(reasons(&[intent(5, 1, 1)], &[event(1, 1, Some(1))]), [IntentLater]);
        let done = [intent(1, 1, 1), outcome(1, 1, "confirmed")];
        assert_eq!(reasons(&done, &[]), [NotInStore]);
        assert_eq!(reasons(&done, &[event(2, 1, Some(1)), event(2, 2, Some(1))]), [TwoOrders]);
        let refused = [intent(1, 1, 1), outcome(1, 1, "unavailable")];
        assert_eq!(reasons(&refused, &[event(2, 1, Some(1))]), [DoneAllTheSame]);
        let mut timer = event(2, 1, Some(1));
        timer.actor = "timer".to_owned();
        assert_eq!(reasons(&refused, &[timer]), []);
    }

    #[test]
    fn a_persons_word_counts_where_nobody_else_knows() {
        let unknown = [intent(1, 1, 1), outcome(1, 1, "unknown")];
        assert_eq!(reasons(&unknown, &[event(2, 1, Some(1))]), []);
        let mut denied = unknown.to_vec();
        denied.push(record(9, EntryKind::Resolved, 1, 7, json!({ "as": "not_placed" })));
        assert_eq!(reasons(&denied, &[event(2, 1, Some(1))]), [Mismatch::DoneAllTheSame]);
    }

    fn at(second: i64, mut record: Record) -> Record {
        record.at = DateTime::from_timestamp(second, 0).unwrap();
        record
    }

    #[test]
    fn what_was_done_before_since_is_no_finding_and_what_reaches_over_it_is_compared_whole() {
        let records = [
            intent(5, 1, 1),
            at(6, outcome(1, 1, "drafted")),
            // Nobody knew for a while: the store did it before, the audit found it out after.
            intent(7, 2, 2),
            at(25, outcome(2, 2, "confirmed")),
            intent(21, 3, 3),
            at(22, outcome(3, 3, "drafted")),
        ];
        // The database gives what is since the second intent.
        let report = compare(&records, &[event(8, 2, Some(2)), event(21, 3, Some(3))], Some(20));
        assert!(report.is_good(), "{report}");
        assert_eq!((report.store_events, report.intents, report.done), (1, 2, 2));
        let report = compare(&records, &[event(8, 2, Some(2)), event(23, 4, Some(4))], Some(20));
        let found: Vec<_> = report.findings.iter().map(|finding| finding.reason).collect();
        assert_eq!(found, [Mismatch::NoIntent, Mismatch::NotInStore], "{report}");
    }

    #[test]
    fn what_a_retention_gave_up_is_not_asked_for_and_the_report_says_so() {
        let before = DateTime::from_timestamp(10, 0).unwrap();
        let mut retention = Entry::new(EntryKind::Retention, json!({ "before": before }), 0);
        retention.request = None;
        let retention = Record::new(CallId(id(9)), 1, before, Digest::from([0; 32]), retention, None);
        // The second one's intent was given up, its outcome was not.
        let mut records = vec![at(12, outcome(2, 2, "drafted")), intent(15, 3, 3)];
        let events =
            [event(5, 1, Some(1)), event(11, 2, Some(2)), event(16, 3, Some(3)), event(17, 4, Some(4))];
        assert_eq!(reasons(&records, &events), [Mismatch::NoIntent; 3]);
        records.push(retention);
        assert_eq!(reasons(&records, &events), [Mismatch::NoIntent], "the last alone");
        let report = compare(&records, &events, Some(0));
        assert_eq!((report.since, report.findings.len()), (Some(before), 1));
        assert!(report.to_string().contains("was given up"), "{report}");
        assert_eq!(compare(&records, &events, Some(17)).store_events, 1, "a later time of one's own counts");
    }

    #[test]
    fn what_the_store_does_while_the_audit_is_read_is_left_for_the_next_time() {
        let mut later = event(2, 1, Some(1));
        later.id = 1001;
        assert_eq!(reasons(&[], &[later.clone()]), []);
        let done = [intent(1, 1, 1), outcome(1, 1, "confirmed")];
        assert_eq!(reasons(&done, &[later]), [], "but it shows that what was done was done");
    }
}
