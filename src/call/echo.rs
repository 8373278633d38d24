//! The plain echo agent: a caller hears themselves, at once.
//!
//! It is what a PBX is tested with, and what the media plane is measured with: every frame goes through the line and the
//! session, and through nothing else. An echo has no speech of its own, so the caller's frames are its clock, and silence
//! fills in where they do not come. The line's pace stands guard behind it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::{Frame, Rate};
use crate::call::core::{Core, Hears};
use crate::conversation::event::Leave;
use crate::conversation::{CallTime, Input, Output};

/// The echo of one call.
#[derive(Debug)]
pub struct Echo {
    now: CallTime,
    /// From when on a frame that was heard may go out.
    early: CallTime,
    /// When silence goes out if none was.
    late: CallTime,
    silence: Frame,
    /// Heard and not played yet, oldest first.
    waiting: VecDeque<Frame>,
    leaving: bool,
    over: bool,
}

/// One packet time.
const FRAME: Duration = Duration::from_millis(20);
/// How early a caller's frame may follow the one before. A burst thus leaves a fifth faster than it sounds, until nothing of
/// it waits any more.
const EARLY: Duration = Duration::from_millis(4);
/// How late it may be before silence takes its place (chosen: Asterisk's frames come within some milliseconds of their
/// time unless they come in bursts).
const LATE: Duration = Duration::from_millis(10);
/// Frames that may wait: 100 ms. What a burst brings beyond that would be delay for the rest of the call.
const WAITING: usize = 5;

impl Echo {
    /// An echo that has heard nothing yet.
    pub fn new() -> Self {
        Self {
            now: CallTime::default(),
            early: CallTime::default(),
            late: CallTime::default(),
            silence: Frame::silence(Rate::HZ_8000),
            waiting: VecDeque::with_capacity(WAITING),
            leaving: false,
            over: false,
        }
    }
}

impl Default for Echo {
    fn default() -> Self {
        Self::new()
    }
}

impl Core for Echo {
    fn handle(&mut self, at: CallTime, input: Input) {
        self.now = self.now.max(at);
        match input {
            Input::Answered { caller } => self.silence = Frame::silence(caller.rate),
            Input::Heard { frame, .. } => {
                if self.waiting.len() == WAITING {
                    self.waiting.pop_front();
                }
                self.waiting.push_back(frame);
            }
            Input::Draining => self.leaving = true,
            Input::HungUp { .. } => self.over = true,
            _ => {}
        }
    }

    fn poll(&mut self) -> Output {
        if self.over {
            return Output::Idle { until: None };
        }
        if self.leaving {
            self.over = true;
            return Output::Leave { how: Leave::HangUp };
        }
        let due = if self.waiting.is_empty() { self.late } else { self.early };
        if self.now < due {
            return Output::Idle { until: Some(due) };
        }
        let next = self.now + FRAME;
        let frame = match self.waiting.pop_front() {
            Some(frame) => {
                (self.early, self.late) = (next - EARLY, next + LATE);
                frame
            }
            None => {
                (self.early, self.late) = (next - LATE - EARLY, next);
                self.silence.clone()
            }
        };
        Output::Play { frame }
    }

    fn hears(&self) -> Hears {
        Hears::Wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Activity;

    fn heard(sample: i16) -> Input {
        Input::Heard { frame: Frame(vec![sample; 160].into()), activity: Activity::default() }
    }

    fn played(echo: &mut Echo, at: CallTime) -> Option<i16> {
        echo.handle(at, Input::Woken);
        match echo.poll() {
            Output::Play { frame } => Some(frame.0[0]),
            _ => None,
        }
    }

    #[test]
    fn what_is_heard_is_played_at_once_and_silence_where_nothing_is() {
        let mut echo = Echo::new();
        assert_eq!(played(&mut echo, CallTime::default()), Some(0), "from the first moment");
        echo.handle(CallTime::from_ms(9), heard(7));
        assert_eq!(played(&mut echo, CallTime::from_ms(9)), Some(7));
        for n in 1..50 {
            // The caller's clock is a little slow and a little uneven.
            let at = CallTime(9_000 + n * 20_100 + n % 3 * 900);
            assert_eq!(played(&mut echo, CallTime(at.0 - 2_000)), None);
            echo.handle(at, heard(7));
            assert_eq!(played(&mut echo, at), Some(7), "frame {n}");
        }
        let last = CallTime(9_000 + 49 * 20_100 + 900);
        let silent: Vec<_> =
            (1..=100).filter(|ms| played(&mut echo, last + Duration::from_millis(*ms)) == Some(0)).collect();
        assert_eq!(silent, [30, 50, 70, 90]);
    }

    #[test]
    fn a_burst_does_not_become_delay() {
        let mut echo = Echo::new();
        for sample in 1..=50 {
            echo.handle(CallTime::from_ms(1), heard(sample));
        }
        let heard: Vec<_> = (1..=120)
            .filter_map(|ms| played(&mut echo, CallTime::from_ms(ms)).map(|sample| (ms, sample)))
            .collect();
        assert_eq!(heard, [(1, 46), (17, 47), (33, 48), (49, 49), (65, 50), (95, 0), (115, 0)]);
    }
}
