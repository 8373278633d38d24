//! How fast frames may leave: never faster than the telephone plays them.
//!
//! The core decides when a frame is due. This is the guard behind it: whatever the core or a stalled processor does,
//! no more than four frames leave at once and never more than fifty a second follow, because Asterisk paces nothing
//! (its two-party bridge writes each frame straight out as RTP; a burst overflows the telephone's jitter buffer).

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// One packet time of AudioSocket.
pub(crate) const FRAME: Duration = Duration::from_millis(20);

/// Catching up is allowed for this much: three frames (`design`: the driver's contract).
pub(crate) const CATCH_UP: Duration = Duration::from_millis(60);

/// Reads at one tick, each of what the buffer holds: the rest of a burst waits for the next.
pub(super) const GLANCES: usize = 4;
/// Between two looks at what is not sound.
pub(super) const LOOKS: Duration = Duration::from_millis(100);

thread_local! {
    static CROWDED: Cell<bool> = const { Cell::new(false) };
}

/// Says whether this thread carries so many calls that each should be looked at as seldom as can be.
pub fn set_crowded(crowded: bool) {
    CROWDED.set(crowded);
}

/// What was said of this thread last.
pub(super) fn is_crowded() -> bool {
    CROWDED.get()
}

/// The generic cell rate algorithm (ITU-T I.371, annex A) over frames.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When the next frame would be due if all came evenly.
    due: Instant,
    moves: u32,
}

impl Pace {
    pub(crate) fn new(start: Instant) -> Self {
        Self { due: start, moves: 0 }
    }

    /// When the next frame may leave.
    pub(crate) fn earliest(&self) -> Instant {
        self.due.checked_sub(CATCH_UP).unwrap_or(self.due)
    }

    /// A frame leaves now.
    pub(crate) fn left(&mut self, now: Instant) {
        if now.saturating_duration_since(self.due) > CATCH_UP {
            self.moves += 1;
        }
        self.due = self.due.max(now) + FRAME;
    }

    /// How often a frame was more than three frames' time late.
    pub(crate) fn moves(&self) -> u32 {
        self.moves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leave_at(pace: &mut Pace, now: Instant) -> bool {
        let may = pace.earliest() <= now;
        if may {
            pace.left(now);
        }
        may
    }

    #[test]
    fn an_even_stream_passes_untouched() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert!((0..1000).all(|n| leave_at(&mut pace, start + FRAME * n)));
        assert_eq!(pace.moves(), 0);
    }

    #[test]
    fn four_frames_may_leave_at_once_and_no_fifth() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let now = start + Duration::from_secs(5);
        let left = (0..10).filter(|_| leave_at(&mut pace, now)).count();
        assert_eq!(left, 4);
        assert_eq!(pace.moves(), 1);
        assert!(!leave_at(&mut pace, now + FRAME - Duration::from_millis(1)));
        assert!(leave_at(&mut pace, now + FRAME));
    }
}
