//! How much a peer may send: far more than any call needs, and far less than what would starve the calls beside it.
//!
//! Sound faster than time has a guard of its own, which counts sound. This one counts work: messages, and memory to
//! copy, whatever they are.

use tokio::time::Instant;

/// Units of work in a second, for ever (chosen: 20 ms frames of 8 kHz are 50, of 192 kHz 200, a telephone that sends
/// packets of 10 ms twice as many).
const UNITS_A_SECOND: u64 = 500;
/// Units at once (chosen: what Asterisk queues while this server stands still for ten seconds, three times; a server on
/// one core takes them in a millisecond or two).
const BURST_UNITS: u64 = 1_500;
/// Payload that costs one unit more.
const UNIT_BYTES: usize = 2_048;

/// A leaky bucket over units of work.
#[derive(Debug)]
pub(crate) struct Flood {
    spent: u64,
    at: Instant,
}

impl Flood {
    pub(crate) fn new(now: Instant) -> Self {
        Self { spent: 0, at: now }
    }

    /// A message of so many bytes came now. False: it is more than a peer may send.
    pub(crate) fn allows(&mut self, bytes: usize, now: Instant) -> bool {
        let leaked_us = now.saturating_duration_since(self.at).as_micros();
        let leaked = u64::try_from(leaked_us).unwrap_or(u64::MAX).saturating_mul(UNITS_A_SECOND) / 1_000_000;
        if leaked > 0 {
            self.spent = self.spent.saturating_sub(leaked);
            self.at = now;
        }
        self.spent += 1 + (bytes / UNIT_BYTES) as u64;
        self.spent <= BURST_UNITS
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_rate_and_packet_time_passes_and_a_long_hole_is_made_up_for() {
        for (bytes, every_ms) in [(160, 10), (320, 20), (7_680, 20), (23_040, 60)] {
            let start = Instant::now();
            let mut flood = Flood::new(start);
            for n in 0..20_000 {
                assert!(flood.allows(bytes, start + Duration::from_millis(every_ms * n)), "{bytes} bytes");
            }
            let late = start + Duration::from_millis(every_ms * 20_000) + Duration::from_secs(10);
            assert!((0..1_000).all(|_| flood.allows(bytes.min(1_280), late)), "ten seconds at once");
        }
    }

    #[test]
    fn tiny_messages_and_huge_ones_at_the_speed_of_the_wire_are_stopped() {
        let start = Instant::now();
        let mut tiny = Flood::new(start);
        assert_eq!((0..100_000).take_while(|_| tiny.allows(0, start)).count(), 1_500);
        let mut huge = Flood::new(start);
        assert_eq!((0..100_000).take_while(|_| huge.allows(65_535, start)).count(), 46);
        let mut steady = Flood::new(start);
        let stopped = (0..100_000u64).find(|n| !steady.allows(0, start + Duration::from_millis(*n)));
        assert!(stopped.is_some(), "a thousand a second are too many for ever");
    }
}
