//! Connections that are no calls yet: so many in all, and so many from one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What may be half-open at once.
#[derive(Clone, Debug)]
pub(super) struct Doors(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    most_per_peer: usize,
    open: Mutex<Open>,
}

/// Bounded by `most`, as an address is forgotten with its last connection.
#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// Why one more is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    All,
    OfThisPeer,
}

/// A half-open connection's place; given back when dropped.
#[derive(Debug)]
pub(super) struct HalfOpen {
    doors: Doors,
    peer: IpAddr,
}

impl Doors {
    /// `most` in all, `most_per_peer` from one address; 0 of the latter is no limit of its own.
    pub(super) fn new(most: usize, most_per_peer: usize) -> Self {
        let most_per_peer = if most_per_peer == 0 { most } else { most_per_peer };
        Self(Arc::new(Shared { most, most_per_peer, open: Mutex::default() }))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Nothing that is done under this lock panics.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more from this address.
    pub(super) fn enter(&self, peer: IpAddr) -> Result<HalfOpen, Full> {
        // The same host through an IPv6 socket.
        let peer = peer.to_canonical();
        let mut open = self.open();
        let of_peer = open.by_peer.get(&peer).copied().unwrap_or(0);
        if of_peer >= self.0.most_per_peer && self.0.most_per_peer < self.0.most {
            return Err(Full::OfThisPeer);
        }
        if open.all >= self.0.most {
            return Err(Full::All);
        }
        open.all += 1;
        open.by_peer.insert(peer, of_peer + 1);
        Ok(HalfOpen { doors: self.clone(), peer })
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        let mut open = self.doors.open();
        open.all = open.all.saturating_sub(1);
        if let Entry::Occupied(mut of_peer) = open.by_peer.entry(self.peer) {
            *of_peer.get_mut() -= 1;
            if *of_peer.get() == 0 {
                of_peer.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn one_address_cannot_take_the_places_of_another() {
        let doors = Doors::new(4, 2);
        let (bad, good): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let held: Vec<_> = (0..2).map(|_| doors.enter(bad).unwrap()).collect();
        assert_eq!(doors.enter(bad).unwrap_err(), Full::OfThisPeer);
        assert_eq!(doors.enter("::ffff:10.0.0.1".parse().unwrap()).unwrap_err(), Full::OfThisPeer);
        let others: Vec<_> = (0..2).map(|_| doors.enter(good).unwrap()).collect();
        assert_eq!(doors.enter("10.0.0.3".parse().unwrap()).unwrap_err(), Full::All);
        drop(held);
        drop(doors.enter(bad).unwrap());
        drop(others);
        let open = doors.open();
        assert_eq!((open.all, open.by_peer.len()), (0, 0), "nothing is remembered");
    }

    #[test]
    fn without_a_limit_of_its_own_an_address_may_take_all() {
        let doors = Doors::new(3, 0);
        let peer = "::1".parse().unwrap();
        let held: Vec<_> = (0..3).map(|_| doors.enter(peer).unwrap()).collect();
        assert_eq!(doors.enter(peer).unwrap_err(), Full::All);
        drop(held);
        assert!(doors.enter(peer).is_ok());
    }
}
