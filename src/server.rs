//! The AudioSocket listener: who may connect, how many at once, and how it all ends.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::Config;

pub mod peers;

pub use peers::{Network, NetworkError};

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
    /// Connections that have not said their UUID yet.
    pub max_half_open: usize,
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
            problems.push("peers: expected at least one address or network, found none".to_owned());
        }
        for (name, value, most) in
            [("max_calls", self.max_calls, 10_000), ("max_half_open", self.max_half_open, 10_000)]
        {
            if !(1..=most).contains(&value) {
                problems.push(format!("{name}: expected 1 to {most}, found {value}"));
            }
        }
        if self.shards > 256 {
            problems.push(format!("shards: expected 0 to 256, found {}", self.shards));
        }
        if self.drain_s > 3600 {
            problems.push(format!("drain_s: expected at most 3600 seconds, found {}", self.drain_s));
        }
        problems
    }
}

/// Serves until told to stop.
///
/// # Errors
/// A port that cannot be bound.
pub async fn serve(config: Config) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(config.server.listen).await?;
    loop {
        drop(listener.accept().await?);
    }
}
