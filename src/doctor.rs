//! The doctor: which of AudioSocket's traps apply to a PBX, from its version and from the form of its dialplan.
//!
//! What AudioSocket does to a caller depends on the Asterisk release and on a handful of letters in the dialplan. [`traps`]
//! is a pure function of what is known of both ([`Situation`]); whoever calls it asks ARI and reads the files. Each
//! [`Trap`] says what was found, what the caller lives through, how to mend it, and where that is known from: a release's
//! source, an issue of Asterisk's tracker, or a test of `tests/asterisk/torture.rs`, which has seen it.

use std::collections::BTreeMap;

use serde::Serialize;

mod about_form;
mod about_version;
pub mod form;
pub mod reading;
pub mod version;

pub use form::{After, Form, Place, Use};
pub use reading::{Dialplan, ReadError};
pub use version::{Change, Version, VersionError};

/// What is known of a PBX and of ourselves.
#[derive(Debug, Default)]
pub struct Situation {
    /// The version as it was told; none where nobody was asked.
    pub version: Option<Result<Version, VersionError>>,
    /// The dialplan's files; none where they were not read.
    pub dialplan: Option<Dialplan>,
    /// Calls in progress that are in AudioSocket, as ARI shows them.
    pub running: Vec<Use>,
    /// Which modules run; none where Asterisk was not asked.
    pub modules: Option<BTreeMap<String, bool>>,
    /// The variables that ARI shows of each channel (`channelvars` of ari.conf); none where that is not known.
    pub channelvars: Option<Vec<String>>,
    /// Where our server listens for sound; none where no configuration was read.
    pub socket_port: Option<u16>,
    /// `[call] rate`, in Hz.
    pub rate_hz: Option<u32>,
}

/// How bad a trap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A caller is cut off, hears noise, or reaches nobody.
    Fatal,
    /// A caller lives through something worse than need be.
    Warning,
    /// Nothing to do with Orderline as it is; good to know.
    Note,
}

/// A trap that applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trap {
    /// Its name, for scripts: stays the same from release to release.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where, if it is one place.
    pub place: Option<Place>,
    /// What was found.
    pub found: String,
    /// What the caller lives through.
    pub caller: String,
    /// What to do about it.
    pub fix: String,
    /// Where this is known from.
    pub source: String,
}

/// The modules that the shipped dialplan and Orderline rely on, of which Asterisk is asked.
pub const MODULES: [&str; 10] = [
    "app_audiosocket.so",
    "app_dial.so",
    "app_exec.so",
    "app_queue.so",
    "chan_audiosocket.so",
    "func_curl.so",
    "func_uuid.so",
    "res_ari_channels.so",
    "res_ari_events.so",
    "res_audiosocket.so",
];

impl Situation {
    /// Every use of AudioSocket that is known, of the files and of calls in progress.
    pub fn uses(&self) -> Vec<Use> {
        let written = self.dialplan.as_ref().map(form::uses).unwrap_or_default();
        written.into_iter().chain(self.running.iter().cloned()).collect()
    }
}

/// The traps that apply, the worst first.
pub fn traps(situation: &Situation) -> Vec<Trap> {
    let uses = situation.uses();
    let mut found = about_version::traps(situation, &uses);
    found.extend(about_form::traps(situation, &uses));
    // Stable: within a severity, first what holds everywhere, then the dialplan in its order.
    found.sort_by_key(|trap| trap.severity);
    found
}
