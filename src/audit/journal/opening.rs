//! How a call's chain begins.

use std::time::Instant;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::audit::chain::Genesis;
use crate::audit::seal::SubjectId;
use crate::ids::PhoneNumber;

/// A call's chain is opened with its first action: what passed since its accept, on the monotonic clock.
/// `today` is the wall clock's time.
pub(super) fn accepted_at(started_at: DateTime<Utc>, today: DateTime<Utc>) -> Instant {
    let now = Instant::now();
    let age = today.signed_duration_since(started_at).to_std().unwrap_or_default();
    now.checked_sub(age).unwrap_or(now)
}

/// The public part of a call's first entry: what its h0 is made of, the masked number, and under
/// which name the caller's values are sealed.
pub(super) fn opening(
    genesis: &Genesis,
    caller: Option<&PhoneNumber>,
    subject: SubjectId,
    office: bool,
) -> Value {
    let mut body = json!({
        "journal": genesis.journal,
        "node": genesis.node,
        "ordinal": genesis.ordinal,
        "started_at": genesis.started_at,
        "caller": caller.map(ToString::to_string),
        "subject": subject,
    });
    if office {
        body["office"] = json!(true);
    }
    body
}
