//! What one thread counts.

use hdrhistogram::Histogram;

/// Counts and distributions of the measured window. Times are in microseconds.
#[derive(Debug)]
pub(super) struct Tally {
    /// Between two frames of one call.
    pub(super) spacing: Histogram<u64>,
    /// From a marked frame's leaving to its coming back.
    pub(super) echo: Histogram<u64>,
    /// From the last sound of a line to the first of its answer.
    pub(super) answer: Histogram<u64>,
    /// How late this thread itself was.
    pub(super) late: Histogram<u64>,
    /// Gaps longer than two frames.
    pub(super) gaps: u64,
    pub(super) heard: u64,
    pub(super) sent: u64,
    /// Lines that nobody answered.
    pub(super) unanswered: u64,
    /// Frames that the server did not read in time.
    pub(super) unread: u64,
    /// Calls times microseconds.
    pub(super) call_us: u64,
}

/// The longest time told apart from longer ones: a minute.
const MOST_US: u64 = 60_000_000;

impl Default for Tally {
    fn default() -> Self {
        // Bounds of 1 µs to a minute with three digits are a constant that the library accepts.
        let histogram = || Histogram::new_with_bounds(1, MOST_US, 3).expect("bounds in order");
        Self {
            spacing: histogram(),
            echo: histogram(),
            answer: histogram(),
            late: histogram(),
            gaps: 0,
            heard: 0,
            sent: 0,
            unanswered: 0,
            unread: 0,
            call_us: 0,
        }
    }
}

impl Tally {
    /// Adds another thread's.
    pub(super) fn add(&mut self, other: &Self) {
        // All have the same bounds.
        let _ = self.spacing.add(&other.spacing);
        let _ = self.echo.add(&other.echo);
        let _ = self.answer.add(&other.answer);
        let _ = self.late.add(&other.late);
        self.gaps += other.gaps;
        self.heard += other.heard;
        self.sent += other.sent;
        self.unanswered += other.unanswered;
        self.unread += other.unread;
        self.call_us += other.call_us;
    }
}
