//! Peers that a real Asterisk is not: what a broken, foreign or malicious one could do to the voice server's port.
//!
//! [`attack`] keeps a number of them busy until it is told to stop, and tells how each kind fared. The server must end
//! every one of them by itself, in bounded time and memory, while the calls of well-behaved peers feel nothing; a test
//! and `orderline load` hold it to that.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

mod deeds;

/// One way to be a bad peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// A call that ends within a message: each connection is cut one byte later than the one before.
    Torn,
    /// A call whose every byte is a segment of its own.
    OneByte,
    /// A call that takes no sound: its socket is never read.
    Deaf,
    /// One byte of the UUID each second: the handshake's deadline.
    SlowHandshake,
    /// A call, and then one byte of sound each second.
    SlowCall,
    /// Payloads of 65,535 bytes, of every kind, as fast as the server takes them.
    Longest,
    /// One payload of 65,535 bytes that never becomes whole.
    Unfinished,
    /// A connection that says nothing.
    HalfOpen,
    /// Connections that are reset at once.
    Reset,
    /// Sound a hundred times faster than time.
    Flood,
    /// The smallest messages of a kind that nobody specified, as fast as the server takes them.
    Tiny,
    /// Sound whose rate changes with every message.
    Rates,
    /// What is no AudioSocket: HTTP, TLS, call ids that are no UUIDs.
    Garbage,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Torn,
        Self::OneByte,
        Self::Deaf,
        Self::SlowHandshake,
        Self::SlowCall,
        Self::Longest,
        Self::Unfinished,
        Self::HalfOpen,
        Self::Reset,
        Self::Flood,
        Self::Tiny,
        Self::Rates,
        Self::Garbage,
    ];

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Torn => "torn",
            Self::OneByte => "one_byte",
            Self::Deaf => "deaf",
            Self::SlowHandshake => "slow_handshake",
            Self::SlowCall => "slow_call",
            Self::Longest => "longest",
            Self::Unfinished => "unfinished",
            Self::HalfOpen => "half_open",
            Self::Reset => "reset",
            Self::Flood => "flood",
            Self::Tiny => "tiny",
            Self::Rates => "rates",
            Self::Garbage => "garbage",
        }
    }
}

impl FromStr for Attack {
    type Err = UnknownAttack;

    fn from_str(name: &str) -> Result<Self, UnknownAttack> {
        Self::ALL
            .into_iter()
            .find(|attack| attack.name() == name)
            .ok_or_else(|| UnknownAttack { found: name.to_owned() })
    }
}

/// A name that no attack has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}, found {found:?}", Attack::ALL.map(Attack::name).join(", "))]
pub struct UnknownAttack {
    /// What was found.
    pub found: String,
}

/// How the peers of one kind fared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Connections that came about.
    pub connections: u64,
    /// Attempts that the system or the server refused, or did not answer within two seconds.
    pub not_connected: u64,
    /// Connections that the server ended with the hangup message.
    pub farewells: u64,
    /// Connections that the server ended without it, by a close or a reset.
    pub ended: u64,
    /// Bytes that the server's side took.
    pub sent_bytes: u64,
    /// The longest that the server bore one of them, in milliseconds.
    pub longest_ms: u64,
}

/// How all fared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report(pub BTreeMap<Attack, Tally>);

impl Report {
    /// All kinds together.
    pub fn connections(&self) -> u64 {
        self.0.values().map(|tally| tally.connections).sum()
    }
}

/// How one connection went.
#[derive(Debug, Default)]
struct Deed {
    sent_bytes: u64,
    end: End,
}

/// Who ended it.
#[derive(Debug, Default, PartialEq, Eq)]
enum End {
    /// We did.
    #[default]
    Own,
    /// The server, with the hangup message.
    Farewell,
    /// The server, without it.
    Closed,
}

/// How long Asterisk waits for a connection (`MAX_CONNECT_TIMEOUT_MSEC` in res_audiosocket.c).
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Between two connections of one peer (chosen: a storm, and yet time for others on the same machine).
const PAUSE: Duration = Duration::from_millis(2);

/// Keeps `count` hostile peers busy at the voice server until `until` is cancelled, or for ever: peer `n` does
/// `attacks[n % attacks.len()]` over and over. Each needs a file descriptor.
pub async fn attack(
    address: SocketAddr,
    attacks: &[Attack],
    count: usize,
    until: CancellationToken,
) -> Report {
    let mut peers = JoinSet::new();
    for (n, attack) in attacks.iter().copied().cycle().take(count).enumerate() {
        peers.spawn(persist(address, attack, n as u64, until.clone()));
    }
    let mut report = Report::default();
    while let Some(done) = peers.join_next().await {
        // A peer that panicked is a defect of this module; the others' figures still hold.
        let Ok((attack, tally)) = done else { continue };
        let sum = report.0.entry(attack).or_default();
        sum.connections += tally.connections;
        sum.not_connected += tally.not_connected;
        sum.farewells += tally.farewells;
        sum.ended += tally.ended;
        sum.sent_bytes += tally.sent_bytes;
        sum.longest_ms = sum.longest_ms.max(tally.longest_ms);
    }
    report
}

async fn persist(
    address: SocketAddr,
    attack: Attack,
    peer: u64,
    until: CancellationToken,
) -> (Attack, Tally) {
    let mut tally = Tally::default();
    for round in 0.. {
        let Some(connected) = until.run_until_cancelled(connect(address, attack)).await else { break };
        let Ok(stream) = connected else {
            tally.not_connected += 1;
            if until.run_until_cancelled(sleep(PAUSE * 10)).await.is_none() {
                break;
            }
            continue;
        };
        tally.connections += 1;
        let since = Instant::now();
        // Peers of one kind begin at different places.
        let Some(deed) = until.run_until_cancelled(deeds::done(attack, stream, peer * 31 + round)).await
        else {
            break;
        };
        tally.sent_bytes += deed.sent_bytes;
        match deed.end {
            End::Own => {}
            End::Farewell => tally.farewells += 1,
            End::Closed => tally.ended += 1,
        }
        if deed.end != End::Own {
            let bore_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            tally.longest_ms = tally.longest_ms.max(bore_ms);
        }
        if until.run_until_cancelled(sleep(PAUSE)).await.is_none() {
            break;
        }
    }
    (attack, tally)
}

async fn connect(address: SocketAddr, attack: Attack) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if attack == Attack::Deaf {
        // The less the kernel holds for us, the sooner the server notices.
        socket.set_recv_buffer_size(1_024)?;
    }
    let stream = timeout(CONNECT_WITHIN, socket.connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}
