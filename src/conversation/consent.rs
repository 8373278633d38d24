//! The consent gate: an order is confirmed only after it was read back whole and the caller agreed to that very order.
//!
//! ```text
//! none ──confirm_order──> reading ──read-back played whole──> awaiting ──yes──> (confirm is carried out) none
//!   ^                        │                                   │
//!   └──any change, another turn, a synthesis that failed──────────┘
//! ```
//! The model cannot pass it: it may ask for a confirmation, and what happens then is up to the caller.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::conversation::CallTime;
use crate::ids::RequestId;
use crate::orders::{Assent, Evidence, Order, PaymentMethod};

/// What the caller is asked to agree to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pending {
    /// The order as it stood when it was read back.
    pub(super) order: Order,
    pub(super) payment: PaymentMethod,
    pub(super) name: Option<String>,
    /// The sentences that were read back.
    pub(super) text: String,
}

/// Where a confirmation stands.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Consent {
    /// Nothing is to be agreed to.
    #[default]
    None,
    /// The read-back is being said; these clauses are still to be played whole.
    Reading { pending: Pending, clauses: BTreeSet<RequestId> },
    /// It was played whole at this time; a yes counts.
    Awaiting { pending: Pending, ended: CallTime },
}

impl Consent {
    /// Begins a read-back made of these clauses.
    pub(super) fn begin(pending: Pending, clauses: BTreeSet<RequestId>) -> Self {
        Self::Reading { pending, clauses }
    }

    /// A clause of the read-back was played to its end; true when it was the last.
    pub(super) fn played(&mut self, clause: RequestId, at: CallTime) -> bool {
        let Self::Reading { pending, clauses } = self else { return false };
        clauses.remove(&clause);
        if !clauses.is_empty() {
            return false;
        }
        *self = Self::Awaiting { pending: pending.clone(), ended: at };
        true
    }

    /// Forgets it; true when there was something to forget.
    pub(super) fn void(&mut self) -> bool {
        !matches!(std::mem::take(self), Self::None)
    }

    /// Whether a yes would count.
    pub(super) fn is_awaiting(&self) -> bool {
        matches!(self, Self::Awaiting { .. })
    }

    /// Whether a read-back is being said.
    pub(super) fn is_reading(&self) -> bool {
        matches!(self, Self::Reading { .. })
    }

    /// What is pending, said whole or not.
    pub(super) fn pending(&self) -> Option<&Pending> {
        match self {
            Self::None => None,
            Self::Reading { pending, .. } | Self::Awaiting { pending, .. } => Some(pending),
        }
    }

    /// The caller agrees. `current` is the draft as it stands: if it is not what was read back, nothing was agreed to.
    pub(super) fn agree(
        &mut self,
        current: Option<&Order>,
        assent: Assent,
        began: CallTime,
    ) -> Option<(Pending, Evidence)> {
        let Self::Awaiting { pending, ended } = std::mem::take(self) else { return None };
        if current.map(digest) != Some(digest(&pending.order)) || began + GRACE < ended {
            return None;
        }
        let evidence = Evidence {
            order_digest: digest(&pending.order),
            order_version: pending.order.version,
            read_back_digest: hex(&Sha256::digest(pending.text.as_bytes())),
            assent,
            read_back_ended_ms: ended.as_ms(),
            assent_began_ms: began.as_ms(),
        };
        Some((pending, evidence))
    }
}

/// SHA-256 over what a caller agrees to: order, version, lines, delivery, total.
pub fn digest(order: &Order) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(order.id.as_bytes());
    part(&order.version.to_be_bytes());
    part(&order.total.minor.to_be_bytes());
    part(order.total.currency.code().as_bytes());
    for line in &order.lines {
        part(line.name.as_bytes());
        part(&line.quantity.to_be_bytes());
        part(&line.total.minor.to_be_bytes());
    }
    // The delivery as serde writes it: field order is the type's, so it is stable.
    part(&serde_json::to_vec(&order.delivery).unwrap_or_default());
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// A yes may begin this long before the read-back's last sound: the caller answers over its closing words, which were
/// nevertheless played whole. Chosen, equal to the barge-in threshold: any more speech would have cut the read-back.
const GRACE: std::time::Duration = std::time::Duration::from_millis(300);
