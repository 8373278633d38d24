//! Places where a test lets the process die, to prove that no order action is lost, doubled or announced wrongly.
//!
//! | point | the process dies |
//! |---|---|
//! | `cp0` | before the intent is given to the journal |
//! | `cp1` | when a batch was written to its segment and not synced |
//! | `cp2` | when the intent is on the disk and its request has not left |
//! | `cp3` | when the request was sent and no answer came: done from outside, by whoever holds the request |
//! | `cp4` | when the answer is there and its outcome is not written |
//! | `cp5` | when the outcome is on the disk and was not told |
//! | `cp6` | when PostgreSQL has committed and the watermark in memory has not moved |
//! | `cp7` | when a new segment was made and nothing stands in it |
//! | `cp8` | when a head was made and not written |
//! | `cp9` | in the middle of finding out what became of an intent |
//!
//! The environment variable `ORDERLINE_CRASH_AT` names one of them, `cp1:3` its third passing. Only builds with debug
//! assertions look at it: in a release build [`point`] is nothing.

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The point's name and which passing of it is the last.
    static ARMED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let wanted = std::env::var("ORDERLINE_CRASH_AT").ok()?;
        let (name, passing) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        Some((name.to_owned(), passing.parse().ok()?))
    });
    static PASSED: AtomicU64 = AtomicU64::new(0);

    pub(super) fn point(name: &str) {
        let Some((wanted, passing)) = &*ARMED else { return };
        if wanted == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *passing {
            // As a kill does it: no destructor runs, no buffer is written.
            std::process::abort();
        }
    }
}

/// The process dies here if it was asked to; in a release build nothing.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    armed::point(name);
}

/// The process dies here if it was asked to; in a release build nothing.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_: &str) {}
