//! The audit against the store's own book: `orders.events`, which the reference store writes in the transaction of
//! every change. Both sides name the idempotency key, so each change of the voice server's must have its intent, and
//! each success that was journaled must have its change.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt as _;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::chain::Record;
use super::entry::EntryKind;
use crate::ids::{CallId, RequestId};

/// One change of an order, as the store wrote it down.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoreEvent {
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

/// What the audit says became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Undecided,
    NotDone,
    Done,
}

/// What the audit knows of a key: the same action may have been asked for more than once under it.
#[derive(Debug)]
struct Known {
    /// The earliest intent.
    at: DateTime<Utc>,
    call: CallId,
    order_id: Option<Uuid>,
    action: Option<String>,
    requests: BTreeMap<(CallId, RequestId), Verdict>,
    /// What a person said.
    resolved: Option<Verdict>,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error("expected the store's table orders.events, found none in this database")]
    NoEvents,
    #[error("the database could not be read: {0}")]
    Database(#[from] sqlx::Error),
}

/// Every change since then of the orders that this actor ever changed, oldest first.
///
/// # Errors
/// The database does not answer or is no store's.
pub async fn events(
    pool: &PgPool,
    actor: &str,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<StoreEvent>, CompareError> {
    let known: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('orders.events')::text").fetch_one(pool).await?;
    if known.is_none() {
        return Err(CompareError::NoEvents);
    }
    Ok(sqlx::query_as(
        "SELECT order_id, version, event, to_state, actor, idem_key, at FROM orders.events
          WHERE order_id IN (SELECT order_id FROM orders.events WHERE actor = $1)
            AND ($2::timestamptz IS NULL OR at >= $2)
          ORDER BY id",
    )
    .bind(actor)
    .bind(since)
    .fetch(pool)
    .try_collect()
    .await?)
}

/// Compares. `actor` is the voice server in the store's book; `skew` is how far the two clocks may be apart.
pub fn compare<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    events: &[StoreEvent],
    actor: &str,
    skew: TimeDelta,
) -> Comparison {
    let keys = keys(records);
    let mut report = Comparison { intents: keys.len() as u64, ..Comparison::default() };
    let mut orders: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.actor == actor) {
        report.store_events += 1;
        let key = event.idem_key.as_deref().and_then(|key| key.trim_matches('"').parse::<Uuid>().ok());
        let mut found = |reason, call, detail: String| {
            let (order_id, key) = (Some(event.order_id), event.idem_key.clone());
            report.findings.push(Discrepancy { reason, call, order_id, key, detail });
        };
        match key.and_then(|key| keys.get(&key)) {
            None => found(
                Mismatch::NoIntent,
                None,
                format!("expected an intent before {} of version {}, found none", event.event, event.version),
            ),
            Some(known) if known.at > event.at + skew => found(
                Mismatch::IntentLater,
                Some(known.call),
                format!("expected the intent before {}, found it at {}", event.at, known.at),
            ),
            Some(_) => {}
        }
        if let Some(key) = key {
            orders.entry(key).or_default().insert(event.order_id);
        }
    }
    let cancelled: BTreeSet<Uuid> =
        events.iter().filter(|event| event.to_state == "cancelled").map(|event| event.order_id).collect();
    for (key, known) in &keys {
        let mut found = |reason, detail: String| {
            report.findings.push(Discrepancy {
                reason,
                call: Some(known.call),
                order_id: known.order_id.or_else(|| orders.get(key)?.first().copied()),
                key: Some(key.to_string()),
                detail,
            });
        };
        let changed = orders.get(key).map_or(0, BTreeSet::len);
        if changed > 1 {
            found(Mismatch::TwoOrders, format!("expected one order under one key, found {changed}"));
        }
        // Somebody else's cancellation came first, and the store had nothing left to do.
        let moot = known.action.as_deref() == Some("cancel_order")
            && known.order_id.is_some_and(|order| cancelled.contains(&order));
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

/// The audit's side, by key.
fn keys<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeMap<Uuid, Known> {
    let mut keys: BTreeMap<Uuid, Known> = BTreeMap::new();
    let mut later = Vec::new();
    for record in records {
        let entry = &record.entry;
        let Some(key) = entry.idem_key else { continue };
        if entry.kind != EntryKind::Intent {
            later.push((key, record));
            continue;
        }
        let Some(request) = entry.request else { continue };
        let known = keys.entry(key).or_insert_with(|| Known {
            at: record.at,
            call: record.call,
            order_id: entry.order_id,
            action: entry.action.clone(),
            requests: BTreeMap::new(),
            resolved: None,
        });
        if record.at < known.at {
            (known.at, known.call) = (record.at, record.call);
        }
        known.requests.insert((record.call, request), Verdict::Undecided);
    }
    for (key, record) in later {
        let (Some(known), Some(verdict)) = (keys.get_mut(&key), verdict(record)) else { continue };
        if record.entry.kind == EntryKind::Resolved {
            known.resolved = Some(verdict);
        } else if let Some(request) = record.entry.request
            && verdict != Verdict::Undecided
        {
            known.requests.insert((record.call, request), verdict);
        }
    }
    keys
}

impl Known {
    fn verdict(&self) -> Verdict {
        let any = |verdict| self.requests.values().any(|known| *known == verdict);
        match self.resolved {
            _ if any(Verdict::Done) => Verdict::Done,
            Some(resolved) => resolved,
            None if any(Verdict::Undecided) => Verdict::Undecided,
            None => Verdict::NotDone,
        }
    }
}

/// What an entry says became of its intent; none when it says nothing of that.
fn verdict(record: &Record) -> Option<Verdict> {
    let entry = &record.entry;
    let said = |name: &str| entry.body.get(name).and_then(Value::as_str);
    Some(match entry.kind {
        EntryKind::Outcome | EntryKind::Reconciled => match said("outcome")? {
            "drafted" | "delivery_set" | "confirmed" | "cancelled" => Verdict::Done,
            "rejected" | "unavailable" | "withdrawn" => Verdict::NotDone,
            // Nobody knows; or the order was looked up, and its state says nothing of this very request.
            _ => Verdict::Undecided,
        },
        EntryKind::Resolved => match said("as")? {
            "placed" => Verdict::Done,
            "not_placed" => Verdict::NotDone,
            "resent" => match entry.body.get("answer")?.get("outcome")?.as_str()? {
                "rejected" => Verdict::NotDone,
                "unknown" | "unavailable" => Verdict::Undecided,
                _ => Verdict::Done,
            },
            _ => Verdict::Undecided,
        },
        EntryKind::NeedsOperator => Verdict::Undecided,
        _ => return None,
    })
}

impl Comparison {
    /// Whether the books agree.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
    use crate::audit::{Digest, Entry};
    use serde_json::json;

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
            order_id: id(order),
            version: 1,
            event: "create".to_owned(),
            to_state: "draft".to_owned(),
            actor: "agent".to_owned(),
            idem_key: key.map(|key| id(key).to_string()),
            at: DateTime::from_timestamp(second, 0).unwrap(),
        }
    }

    fn reasons(records: &[Record], events: &[StoreEvent]) -> Vec<Mismatch> {
        let report = compare(records, events, "agent", TimeDelta::seconds(1));
        report.findings.iter().map(|finding| finding.reason).collect()
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
        let report =
            compare(&records, &[event(6, 1, Some(1)), event(6, 3, Some(3))], "agent", TimeDelta::seconds(1));
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
}
