//! One call: from the accepted socket to the settled orders.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audio::Rate;
use crate::language::Language;

mod arrivals;
pub mod core;
pub mod desk;
mod driver;
pub mod echo;
mod errands;
mod faults;
mod flood;
#[doc(hidden)]
pub mod fuzz;
pub mod identify;
mod line;
mod listen;
pub mod observer;
mod pace;
mod quota;
pub mod registry;
mod requests;
mod session;
pub mod switchboard;
pub mod tape;
pub mod transfer;

pub use core::{Core, NewCore};
pub use desk::Desk;
pub use driver::Calls;
pub use faults::Peer;
pub(crate) use faults::{at_the_door, tell_rest};
pub use identify::Identify;
pub use observer::{CallEvent, Happening, Observer, Summary};
pub use pace::set_crowded;
pub use quota::Quota;
pub use registry::Registry;
pub use transfer::Card;

/// `[call]`: what holds for every call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Dialled number → language: `[call.dialled]` with `"200" = "en"`.
    pub dialled: BTreeMap<String, Language>,
    /// Hertz of the silence that is sent before the caller's first frame tells what Asterisk speaks. 8000 suits
    /// `c(slin)` and the AudioSocket application, 16000 suits `c(slin16)`.
    pub rate: Rate,
    /// How long after the UUID the caller's first frame is awaited to learn its rate, in milliseconds (chosen; Asterisk
    /// sends it within 1 ms where the phone already talks). Later the configured rate stays.
    pub rate_wait_ms: u64,
    /// How long a connection may take to say its UUID, in milliseconds (chosen; measured: within 1 ms).
    pub handshake_ms: u64,
    /// Only calls are taken whose UUID was announced over HTTP (`POST /calls`) or is known to ARI: a channel has it as
    /// CALL_UUID. ARI is asked for `handshake_ms` at most, while the caller hears silence. Each UUID is good once.
    pub registration_required: bool,
    /// Frames that the peer may leave unread beyond its socket's buffers before the call is ended; 50 are a second.
    pub stuck_frames: usize,
    /// The longest call in minutes; a last resort behind the conversation's own limit.
    pub max_minutes: u64,
    /// Calls of one number in an hour; one more goes to a person at once. 0: no limit. Calls that come back from a person,
    /// and callers whose number is not known, are not counted. (Chosen: one a minute is no customer.)
    pub calls_per_number_per_hour: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dialled: BTreeMap::new(),
            rate: Rate::HZ_8000,
            rate_wait_ms: 200,
            handshake_ms: 2_000,
            registration_required: false,
            stuck_frames: 100,
            max_minutes: 60,
            calls_per_number_per_hour: 60,
        }
    }
}

impl Settings {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !RATES.contains(&self.rate.0) {
            problems.push(format!("call.rate: expected one of {RATES:?}, found {}", self.rate.0));
        }
        let mut range = |name: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                problems.push(format!("call.{name}: expected {least} to {most}, found {value}"));
            }
        };
        range("rate_wait_ms", self.rate_wait_ms, 0, 2_000);
        range("handshake_ms", self.handshake_ms, 100, 60_000);
        range("stuck_frames", self.stuck_frames as u64, 5, 3_000);
        range("max_minutes", self.max_minutes, 1, 24 * 60);
        problems
    }
}

/// The rates that AudioSocket carries (`res/res_audiosocket.c` of Asterisk 22.7), in hertz.
const RATES: [u32; 9] = [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];

/// Lets a connection go that cannot become a call: hangup message, then the peer's close for up to a second.
pub(crate) async fn refuse(stream: tokio::net::TcpStream) {
    let (reader, writer) = stream.into_split();
    line::Line::new(reader, writer, audiosocket::SampleRate::Hz8000).goodbye().await;
}
