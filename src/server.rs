//! The AudioSocket listener: who may connect, how many at once, and how it all ends.
//!
//! Calls live on media shards, threads with a runtime of one thread each: a call's 20 ms path shares its thread with
//! other calls and with nothing else. Everything that a call asks for (engines, orders, ARI) runs elsewhere.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, timeout};

use crate::call::{Calls, at_the_door, refuse, tell_rest};
use crate::telemetry::SPARING_FOR;

mod doors;
pub mod peers;
mod shard;

use doors::{Doors, Full};
pub use peers::{Network, NetworkError};
use shard::{Leg, Shards};

/// `[server]`: the AudioSocket listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where Asterisk connects. AudioSocket has no password and no encryption: leave it on loopback, or name the peers.
    pub listen: SocketAddr,
    /// Who may connect: addresses (`192.0.2.7`) or networks (`10.0.0.0/8`). Others are closed without a byte.
    pub peers: Vec<Network>,
    /// Calls at the same time; further connections are closed, and the dialplan goes on to the operator.
    pub max_calls: usize,
    /// Connections that are no calls yet: they have not said their UUID, or ARI is being asked about it, or they hear
    /// goodbye.
    pub max_half_open: usize,
    /// The same from one address, where more than one Asterisk calls: a broken one cannot take the others' places. 0: as
    /// many as `max_half_open`.
    pub max_half_open_per_peer: usize,
    /// Threads that carry calls; 0 means one per processor core.
    pub shards: usize,
    /// Seconds that running calls get to finish once the server is told to stop.
    pub drain_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9092)),
            peers: vec![Network::LOOPBACK_V4, Network::LOOPBACK_V6],
            max_calls: 100,
            max_half_open: 32,
            max_half_open_per_peer: 0,
            shards: 0,
            drain_s: 30,
        }
    }
}

impl Settings {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.peers.is_empty() {
            problems.push("server.peers: expected at least one address or network, found none".to_owned());
        }
        for (name, value, most) in
            [("max_calls", self.max_calls, 10_000), ("max_half_open", self.max_half_open, 10_000)]
        {
            if !(1..=most).contains(&value) {
                problems.push(format!("server.{name}: expected 1 to {most}, found {value}"));
            }
        }
        if self.max_half_open_per_peer > self.max_half_open {
            let (found, most) = (self.max_half_open_per_peer, self.max_half_open);
            problems.push(format!(
                "server.max_half_open_per_peer: expected at most max_half_open, {most}, found {found}"
            ));
        }
        if self.shards > 256 {
            problems.push(format!("server.shards: expected 0 to 256, found {}", self.shards));
        }
        if self.drain_s > 3600 {
            problems.push(format!("server.drain_s: expected at most 3600 seconds, found {}", self.drain_s));
        }
        problems
    }
}

/// The bound listener.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    settings: Settings,
}

/// Connections that wait to be accepted while the server is busy (chosen; Linux caps it at its own somaxconn).
const BACKLOG: u32 = 1024;
/// Bytes that the kernel may hold for a peer that does not read: a second of 8 kHz sound, doubled by Linux. More would
/// only hide a stuck peer for longer.
const SEND_BUFFER: u32 = 16 * 1024;
/// Goodbyes to connections above the limits that may go on at once; further ones are dropped without a word.
const MAX_GOODBYES: usize = 64;
/// How long legs get to end once they are told to, beyond which the process goes.
const STOPPING: Duration = Duration::from_secs(5);

impl Listener {
    /// Binds the port.
    ///
    /// # Errors
    /// What the system says: the port is taken, the address is not ours.
    pub fn bind(settings: &Settings) -> io::Result<Self> {
        let socket = match settings.listen {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        // Accepted connections inherit it.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(settings.listen)?;
        Ok(Self { inner: socket.listen(BACKLOG)?, settings: settings.clone() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Accepts calls until `calls.draining`, then lets them finish: softly for `drain_s` seconds or until
    /// `calls.stopping`, then by ending their legs. Returns when no leg and no order action is left, or after some
    /// seconds more.
    ///
    /// # Errors
    /// When the threads for calls cannot be started.
    pub async fn serve(self, calls: Arc<Calls>) -> io::Result<()> {
        let limits = Limits {
            calls: Arc::new(Semaphore::new(self.settings.max_calls)),
            half_open: Doors::new(self.settings.max_half_open, self.settings.max_half_open_per_peer),
            goodbyes: Arc::new(Semaphore::new(MAX_GOODBYES)),
        };
        let mut shards = Shards::start(self.settings.shards, &calls)?;
        let mut telling = tokio::time::interval(SPARING_FOR);
        telling.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let accepted = tokio::select! {
                biased;
                () = calls.draining.cancelled() => break,
                () = calls.stopping.cancelled() => break,
                _ = telling.tick() => {
                    tell_rest();
                    continue;
                }
                accepted = self.inner.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, &limits, &mut shards),
                Err(error) => {
                    // Out of descriptors, or a connection that died in the queue. The first needs a breath.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        // The port closes before the last call ends, so that Asterisk tries the next server at once.
        drop(self.inner);
        let mut ended = shards.finish();
        let grace = Duration::from_secs(self.settings.drain_s);
        let over = tokio::select! {
            () = &mut ended => true,
            () = calls.stopping.cancelled() => false,
            () = tokio::time::sleep(grace) => {
                tracing::warn!(grace_s = grace.as_secs(), "calls are still going on; they end now");
                false
            }
        };
        calls.stopping.cancel();
        if !over && timeout(STOPPING, ended).await.is_err() {
            tracing::error!("some calls did not end in time");
        }
        calls.tasks.close();
        if timeout(STOPPING, calls.tasks.wait()).await.is_err() {
            tracing::error!(
                tasks = calls.tasks.len(),
                "order actions are still under way; the journal holds their intents, and the next start settles them"
            );
        }
        Ok(())
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, limits: &Limits, shards: &mut Shards) {
        if !self.settings.allows(peer.ip()) {
            return refused("peer", peer, "its address is not in server.peers");
        }
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the connection died before it was taken");
            return;
        }
        let Ok(call) = limits.calls.clone().try_acquire_owned() else {
            refused("max_calls", peer, "as many calls as server.max_calls go on");
            return limits.goodbye(stream);
        };
        let half_open = match limits.half_open.enter(peer.ip()) {
            Ok(half_open) => half_open,
            Err(Full::All) => {
                refused("max_half_open", peer, "as many others as server.max_half_open are no calls yet");
                return limits.goodbye(stream);
            }
            Err(Full::OfThisPeer) => {
                let what = "as many others of its own as server.max_half_open_per_peer are no calls yet";
                refused("max_half_open_per_peer", peer, what);
                return limits.goodbye(stream);
            }
        };
        if let Err(leg) = shards.take(Leg { stream, peer, call, half_open }) {
            refused("busy", peer, "the threads for calls are busy");
            limits.goodbye(leg.stream);
        }
    }
}

/// What may be at once.
struct Limits {
    calls: Arc<Semaphore>,
    half_open: Doors,
    goodbyes: Arc<Semaphore>,
}

impl Limits {
    /// Lets a connection go properly, as a reset can cost the caller the call.
    fn goodbye(&self, stream: TcpStream) {
        if let Ok(permit) = self.goodbyes.clone().try_acquire_owned() {
            tokio::spawn(async move {
                refuse(stream).await;
                drop::<OwnedSemaphorePermit>(permit);
            });
        }
    }
}

impl Settings {
    fn allows(&self, address: IpAddr) -> bool {
        self.peers.iter().any(|network| network.contains(address))
    }
}

fn refused(why: &'static str, peer: SocketAddr, what: &'static str) {
    if let Some(more) = at_the_door(why, peer) {
        tracing::warn!(why, %peer, more, "connection refused: {what}");
    }
}
