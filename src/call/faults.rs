//! What peers do wrong: each counted by its reason, and told to the log with the peer's address, sparingly.
//!
//! Three places count. At the door ([`at_the_door`], before a byte is read), before a connection is a call
//! ([`Peer::refused`]), and in a call ([`Peer::at_fault`]: it ends the leg, and no other).

use std::net::SocketAddr;

use crate::call::registry::Refusal;
use crate::telemetry::Sparing;
use crate::telemetry::figures;

/// The process's log is one, so this is too.
static TOLD: Sparing = Sparing::new();

/// Who is on the other end, where that has an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer(pub Option<SocketAddr>);

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self(Some(address))
    }
}

impl Peer {
    /// A connection that never became a call. `Some`: tell the log, and that so many before it were not told.
    pub(crate) fn refused(self, why: &'static str) -> Option<u64> {
        metrics::counter!(figures::CALLS_REFUSED_TOTAL, "why" => why).increment(1);
        self.told(why)
    }

    /// A call's leg that ends because of what its peer did. As [`refused`](Self::refused).
    pub(crate) fn at_fault(self, why: &'static str) -> Option<u64> {
        metrics::counter!(figures::PEER_FAULTS_TOTAL, "why" => why).increment(1);
        self.told(why)
    }

    /// Something that only the log is told of. As [`refused`](Self::refused).
    pub(crate) fn told(self, why: &'static str) -> Option<u64> {
        TOLD.tell(why, self.0.map(|address| address.ip()))
    }
}

/// Why a connection never became a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCall {
    #[error("expected the call's UUID within {0} ms, found none")]
    NoUuid(u64),
    #[error("expected ARI to know this UUID, which was not announced, within {0} ms; found no answer")]
    NoAnswer(u64),
    #[error("more messages or bytes than any call needs came before the call's UUID")]
    Flood,
    #[error("the peer left before it said the call's UUID")]
    Left,
    #[error("{0}")]
    Garbage(audiosocket::DecodeError),
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("the server is going away")]
    Draining,
}

impl NoCall {
    /// For the metric.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::NoUuid(_) => "no_uuid",
            Self::NoAnswer(_) => "no_answer",
            Self::Flood => "flood",
            Self::Left => "left",
            Self::Garbage(_) => "garbage",
            Self::Refused(Refusal::Duplicate) => "duplicate",
            Self::Refused(Refusal::Used) => "used",
            Self::Refused(Refusal::Stranger) => "stranger",
            Self::Draining => "draining",
        }
    }
}

/// A connection that was turned away before a byte was read. As [`Peer::refused`].
pub(crate) fn at_the_door(why: &'static str, peer: SocketAddr) -> Option<u64> {
    metrics::counter!(figures::CONNECTIONS_REFUSED_TOTAL, "why" => why).increment(1);
    Peer::from(peer).told(why)
}

/// Tells the log what was kept back; to be called every [`SPARING_FOR`](crate::telemetry::SPARING_FOR).
pub(crate) fn tell_rest() {
    for kept in TOLD.rest() {
        match kept.peer {
            Some(peer) => tracing::warn!(why = kept.why, %peer, more = kept.more, "the same again"),
            None => tracing::warn!(why = kept.why, more = kept.more, "the same again, of several peers"),
        }
    }
}
