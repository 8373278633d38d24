//! The only time that the core knows, and the schedule of what it says.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds since the call was accepted. The driver measures it on a monotonic clock; a replay reads it from a tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallTime(pub u64);

impl CallTime {
    /// A time so many milliseconds after accept.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1000)
    }

    /// Whole milliseconds since accept.
    pub const fn as_ms(self) -> u64 {
        self.0 / 1000
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for CallTime {
    type Output = Self;

    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for CallTime {
    type Output = Self;

    fn sub(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// When frames are due: one every 20 ms, by absolute time. Late by up to three frames it catches up one by one; later than
/// that it moves, because a burst would only grow the caller's delay (`design`: the driver's contract).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Schedule {
    next: CallTime,
}

impl Schedule {
    /// When the next frame is due.
    pub(super) fn next(&self) -> CallTime {
        self.next
    }

    /// Whether a frame is due now; it then counts as gone out.
    pub(super) fn take(&mut self, now: CallTime) -> bool {
        if now < self.next {
            return false;
        }
        if now.since(self.next) > CATCH_UP {
            self.next = now;
        }
        self.next = self.next + FRAME;
        true
    }
}

/// One AudioSocket packet time.
const FRAME: Duration = Duration::from_millis(20);
/// Late by more than three frames moves the schedule.
const CATCH_UP: Duration = Duration::from_millis(60);
