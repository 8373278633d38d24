//! Log lines that outsiders can cause as often as they like: the first is told at once, the rest as a number.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a line stands for all others of its reason and address (chosen: a storm makes six lines a minute).
pub const SPARING_FOR: Duration = Duration::from_secs(10);
/// Addresses and reasons that are told apart; beyond them only the reasons are.
const MOST: usize = 256;

/// Decides which of many lines are told. Bounded, never waits for more than another's look at it.
#[derive(Debug, Default)]
pub struct Sparing {
    told: Mutex<BTreeMap<(&'static str, Option<IpAddr>), Told>>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    at: Instant,
    kept_back: u64,
}

/// What was kept back of one reason and address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptBack {
    /// The reason, a label of a metric.
    pub why: &'static str,
    /// The peer; none where there were too many to tell apart, or none has an address.
    pub peer: Option<IpAddr>,
    /// Lines that were not told.
    pub more: u64,
}

impl Sparing {
    /// Nothing told yet.
    pub const fn new() -> Self {
        Self { told: Mutex::new(BTreeMap::new()) }
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<(&'static str, Option<IpAddr>), Told>> {
        // Every change is one insertion or one field, so a panic elsewhere leaves it whole.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It happened once more. `Some`: tell it, and that so many before it were not told; `None`: keep it back.
    pub fn tell(&self, why: &'static str, peer: Option<IpAddr>) -> Option<u64> {
        let now = Instant::now();
        let mut told = self.told();
        let key =
            if told.len() < MOST || told.contains_key(&(why, peer)) { (why, peer) } else { (why, None) };
        match told.get_mut(&key) {
            Some(before) if now.saturating_duration_since(before.at) < SPARING_FOR => {
                before.kept_back += 1;
                None
            }
            Some(before) => {
                let more = before.kept_back;
                *before = Told { at: now, kept_back: 0 };
                Some(more)
            }
            None => {
                told.insert(key, Told { at: now, kept_back: 0 });
                Some(0)
            }
        }
    }

    /// What was kept back and whose time is over, for a line each. Asked every [`SPARING_FOR`], or a storm's last lines
    /// stay untold until the next storm.
    pub fn rest(&self) -> Vec<KeptBack> {
        let now = Instant::now();
        let mut rest = Vec::new();
        self.told().retain(|(why, peer), told| {
            if now.saturating_duration_since(told.at) < SPARING_FOR {
                return true;
            }
            if told.kept_back > 0 {
                rest.push(KeptBack { why, peer: *peer, more: told.kept_back });
                *told = Told { at: now, kept_back: 0 };
                return true;
            }
            false
        });
        rest
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::advance;

    use super::*;

    fn peer(n: u32) -> Option<IpAddr> {
        Some(Ipv4Addr::from_bits(0x0a00_0000 + n).into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_is_one_line_and_then_a_number_every_ten_seconds() {
        let sparing = Sparing::new();
        assert_eq!(sparing.tell("garbage", peer(1)), Some(0));
        for _ in 0..1_000 {
            assert_eq!(sparing.tell("garbage", peer(1)), None);
        }
        assert_eq!(sparing.tell("garbage", peer(2)), Some(0), "another host has a line of its own");
        assert_eq!(sparing.tell("flood", peer(1)), Some(0), "another reason too");
        assert!(sparing.rest().is_empty(), "their time is not over");
        advance(SPARING_FOR).await;
        assert_eq!(sparing.rest(), [KeptBack { why: "garbage", peer: peer(1), more: 1_000 }]);
        assert_eq!(sparing.tell("garbage", peer(1)), None, "the number stood for the next ten seconds");
        advance(SPARING_FOR).await;
        assert_eq!(sparing.tell("garbage", peer(1)), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn more_addresses_than_can_be_kept_share_a_line_and_are_forgotten() {
        let sparing = Sparing::new();
        let told = (0..10_000).filter(|n| sparing.tell("garbage", peer(*n)).is_some()).count();
        assert_eq!(told, MOST + 1);
        advance(SPARING_FOR).await;
        let kept_back = 10_000 - MOST as u64 - 1;
        assert_eq!(sparing.rest(), [KeptBack { why: "garbage", peer: None, more: kept_back }]);
        assert_eq!(sparing.told().len(), 1);
        advance(SPARING_FOR).await;
        assert!(sparing.rest().is_empty());
        assert!(sparing.told().is_empty());
    }
}
