//! What must hold, whatever died: asked of the store's tables, the audit's, and what callers were told.

use std::path::Path;

use orderline::audit::verify::{self, Sources};
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use crate::process::Said;

/// What is broken for these calls, each as a sentence that begins with the invariant's name; empty when all holds.
pub(crate) async fn broken(pool: &PgPool, calls: &[Uuid], said: &[Said]) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, statement) in STATEMENTS {
        let rows = sqlx::query(statement).bind(calls).fetch_all(pool).await.unwrap();
        broken.extend(rows.iter().map(|row| format!("{name}: {}", row.get::<String, _>(0))));
    }
    for said in said {
        broken.extend(untrue(pool, said).await);
    }
    broken
}

/// Whether the caller was told something that is not so.
async fn untrue(pool: &PgPool, said: &Said) -> Option<String> {
    let Said { call, request, key, outcome } = said;
    match outcome.as_str() {
        "drafted" | "lines_changed" | "delivery_set" | "confirmed" | "cancelled" | "rejected" => {
            let written: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM audit.entries WHERE call_id = $1 AND request = $2 AND kind = 'outcome'
                                   AND body ->> 'outcome' = $3)",
            )
            .bind(call)
            .bind(request)
            .bind(outcome)
            .fetch_one(pool)
            .await
            .unwrap();
            (!written).then(|| format!("I5: {outcome} was told in call {call}, and no outcome says so"))
        }
        "unavailable" => {
            let done: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT FROM orders.events WHERE idem_key = $1)")
                    .bind(key.to_string())
                    .fetch_one(pool)
                    .await
                    .unwrap();
            done.then(|| format!("I5: call {call} was told that request {request} was not done, and it was"))
        }
        "unknown" => None,
        // What a read disclosed.
        _ => {
            let written: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM audit.entries WHERE call_id = $1 AND request = $2 AND kind = 'read')",
            )
            .bind(call)
            .bind(request)
            .fetch_one(pool)
            .await
            .unwrap();
            (!written)
                .then(|| format!("I5: {outcome} was told in call {call}, and no read stands in the audit"))
        }
    }
}

/// I4 for a journal folder: by itself with its sealed values, and against the database that it was copied to.
pub(crate) async fn unverified(journal: &Path, database: Option<&PgPool>) -> Vec<String> {
    let alone = Sources {
        journal: Some(journal.to_owned()),
        key: Some(journal.join("seal.key")),
        ..Sources::default()
    };
    // The database holds other nodes' journals, too, whose values this key does not open.
    let both = database.map(|database| Sources {
        journal: Some(journal.to_owned()),
        database: Some(database.clone()),
        ..Sources::default()
    });
    let mut found = Vec::new();
    for sources in std::iter::once(alone).chain(both) {
        let report = verify::verify(sources).await.unwrap();
        found.extend(report.findings.iter().map(|finding| format!("I4: {finding}")));
    }
    found
}

/// Each gives a row for whatever is wrong. `$1`: the calls.
const STATEMENTS: [(&str, &str); 9] = [
    (
        "I1",
        "SELECT format('%s of order %s under key %s has no earlier intent', e.event, e.order_id, e.idem_key)
           FROM orders.events e JOIN orders.orders o ON o.id = e.order_id
          WHERE e.actor = 'agent' AND o.call_id = ANY ($1::uuid[]::text[])
            AND NOT EXISTS (SELECT FROM audit.entries i
                             WHERE i.kind = 'intent' AND i.idem_key::text = e.idem_key AND i.at <= e.at
                               AND i.call_id::text = o.call_id)",
    ),
    (
        "I2",
        "SELECT format('key %s made %s orders', e.idem_key, count(*))
           FROM orders.events e JOIN orders.orders o ON o.id = e.order_id
          WHERE e.event = 'drafted' AND o.call_id = ANY ($1::uuid[]::text[])
          GROUP BY e.idem_key HAVING count(*) > 1",
    ),
    (
        // Every call here has one basket.
        "I2",
        "SELECT format('call %s has %s orders', call_id, count(*)) FROM orders.orders
          WHERE call_id = ANY ($1::uuid[]::text[]) GROUP BY call_id HAVING count(*) > 1",
    ),
    (
        "I3",
        "SELECT format('%s of call %s has %s terminal outcomes', i.action, i.call_id, count(t.seq))
           FROM audit.entries i
           LEFT JOIN audit.entries t
             ON t.call_id = i.call_id AND t.request = i.request
            AND (t.kind IN ('reconciled', 'needs_operator')
                 OR t.kind = 'outcome' AND t.body ->> 'outcome' <> 'unknown')
          WHERE i.kind = 'intent' AND i.call_id = ANY ($1)
          GROUP BY i.call_id, i.seq, i.action HAVING count(t.seq) <> 1",
    ),
    (
        "I3",
        "SELECT format('key %s has %s intents', idem_key, count(*)) FROM audit.entries
          WHERE kind = 'intent' AND call_id = ANY ($1) GROUP BY idem_key HAVING count(*) > 1",
    ),
    (
        // Found out means found out rightly.
        "I3",
        "SELECT format('%s of call %s was settled as %s, and the store did it', t.action, t.call_id, t.body ->> 'outcome')
           FROM audit.entries t JOIN orders.events e ON e.idem_key = t.idem_key::text
          WHERE t.call_id = ANY ($1) AND t.kind IN ('outcome', 'reconciled')
            AND t.body ->> 'outcome' IN ('unavailable', 'rejected', 'withdrawn')",
    ),
    (
        "I4",
        "SELECT format('call %s is not closed', c.call_id) FROM audit.calls c
          WHERE c.call_id = ANY ($1)
            AND NOT EXISTS (SELECT FROM audit.entries e WHERE e.call_id = c.call_id AND e.kind = 'call_closed')",
    ),
    ("I4", "SELECT format('conflict in call %s', call_id) FROM audit.conflicts WHERE call_id = ANY ($1)"),
    (
        "I6",
        "SELECT format('order %s is %s and holds goods', o.id, o.state)
           FROM orders.orders o JOIN stock.reservations r ON r.order_id = o.id
          WHERE o.call_id = ANY ($1::uuid[]::text[])
            AND (o.state IN ('delivered', 'cancelled') AND r.status = 'active'
                 OR o.state = 'cancelled' AND r.status = 'confirmed')",
    ),
];
