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
    /// When the latest frame was heard, and how many were at that moment.
    heard_at: CallTime,
    at_once: usize,
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
/// Frames of the longest packet, 60 ms: so many that come at once are no burst, and leave as evenly as they sound.
const PACKET: usize = 3;
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
            heard_at: CallTime::default(),
            at_once: 0,
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
                self.at_once = if at == self.heard_at { self.at_once + 1 } else { 1 };
                self.heard_at = at;
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
                let is_rest_of_packet = (1..self.at_once.min(PACKET)).contains(&self.waiting.len());
                self.early = if is_rest_of_packet { next } else { next - EARLY };
                self.late = next + LATE;
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

    /// When which frame is played, looked at every millisecond, of those that are heard so.
    fn plays(echo: &mut Echo, until_ms: u64, heard_at: impl Fn(u64) -> Vec<i16>) -> Vec<(u64, i16)> {
        let mut plays = Vec::new();
        for ms in 1..=until_ms {
            for sample in heard_at(ms) {
                echo.handle(CallTime::from_ms(ms), heard(sample));
            }
            plays.extend(played(echo, CallTime::from_ms(ms)).map(|sample| (ms, sample)));
        }
        plays
    }

    #[test]
    fn a_burst_does_not_become_delay() {
        let mut echo = Echo::new();
        // Fifty at once, then one every 20 ms.
        let plays = plays(&mut echo, 481, |ms| match ms {
            1 => (1..=50).collect(),
            ms if ms % 20 == 1 => vec![100 + (ms / 20) as i16],
            _ => Vec::new(),
        });
        assert_eq!(plays[..4], [(1, 46), (17, 47), (33, 48), (49, 49)]);
        let late: Vec<_> = plays[20..].iter().map(|(ms, sample)| ms - (*sample as u64 - 100) * 20).collect();
        assert_eq!(late, vec![1; late.len()], "each as it comes: {plays:?}");
    }

    #[test]
    fn packets_of_40_and_60_ms_leave_as_evenly_as_they_sound() {
        for frames in [2, 3] {
            let mut echo = Echo::new();
            let packet = move |ms| if ms % (frames * 20) == 5 { vec![7; frames as usize] } else { vec![] };
            let plays = plays(&mut echo, 1_000, packet);
            let apart: Vec<_> = plays.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
            // From silence to the first packet, and from its last frame to the second one, it finds the caller's clock.
            let settled = frames as usize + 1;
            assert!(apart[settled..].iter().all(|ms| *ms == 20), "{frames} frames at once: {apart:?}");
        }
    }
}
