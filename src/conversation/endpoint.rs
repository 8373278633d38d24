//! The ear: where the caller's turns begin, pause and end.
//!
//! ```text
//! quiet ──3 of 5 frames speech──> speaking ──160 ms quiet──> pausing ──patience──> quiet (turn ended)
//!                                     ^──────speech again───────┘
//! ```
//! A recognition of everything so far is asked for at each pause, so that by the time the patience is over the words
//! are already there and nothing is left to decode.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::audio::{Activity, Frame};
use crate::conversation::CallTime;

/// What a frame changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A turn began.
    Began,
    /// The caller has spoken on for a while: worth a look at the words so far.
    Continued,
    /// The caller paused; perhaps this is all.
    Paused,
    /// The patience is over: the turn ended.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Quiet,
    Speaking,
    Pausing,
}

/// Finds turns in a stream of 20 ms frames.
#[derive(Debug)]
pub(super) struct Endpointer {
    state: State,
    /// Sound before the onset, so that the first consonant is not lost.
    preroll: VecDeque<i16>,
    /// The last five verdicts, newest in the lowest bit.
    recent: u8,
    utterance: Vec<i16>,
    /// Speech frames in the utterance.
    voiced: u32,
    /// Frames since the last speech frame.
    quiet: u32,
    /// Speech frames since the last look at the words.
    unlooked: u32,
    last_sound: CallTime,
    last_frame: CallTime,
    began: CallTime,
}

impl Endpointer {
    pub(super) fn new() -> Self {
        Self {
            state: State::Quiet,
            preroll: VecDeque::with_capacity(PREROLL_SAMPLES),
            recent: 0,
            utterance: Vec::new(),
            voiced: 0,
            quiet: 0,
            unlooked: 0,
            last_sound: CallTime::default(),
            last_frame: CallTime::default(),
            began: CallTime::default(),
        }
    }

    /// Takes 20 ms of sound.
    pub(super) fn hear(
        &mut self,
        at: CallTime,
        frame: &Frame,
        activity: Activity,
        patience: Duration,
    ) -> Option<Change> {
        let speech = activity.is_speech();
        self.recent = (self.recent << 1 | u8::from(speech)) & 0b1_1111;
        self.last_frame = at;
        if self.state == State::Quiet {
            let over = (self.preroll.len() + frame.0.len()).saturating_sub(PREROLL_SAMPLES);
            self.preroll.drain(..over.min(self.preroll.len()));
            self.preroll.extend(&frame.0[..]);
            if self.recent.count_ones() < ONSET_FRAMES {
                return None;
            }
            self.state = State::Speaking;
            self.utterance.clear();
            self.utterance.extend(self.preroll.drain(..));
            self.voiced = ONSET_FRAMES;
            self.unlooked = ONSET_FRAMES;
            self.quiet = 0;
            self.last_sound = at;
            self.began = at - Duration::from_millis(u64::from(ONSET_FRAMES) * 20);
            return Some(Change::Began);
        }
        self.utterance.extend_from_slice(&frame.0);
        if speech {
            self.voiced += 1;
            self.unlooked += 1;
            self.quiet = 0;
            self.last_sound = at;
            self.state = State::Speaking;
            if self.utterance.len() >= MAXIMUM_SAMPLES {
                self.state = State::Quiet;
                return Some(Change::Ended);
            }
            if self.unlooked >= LOOK_FRAMES {
                self.unlooked = 0;
                return Some(Change::Continued);
            }
            return None;
        }
        self.quiet += 1;
        if Duration::from_millis(u64::from(self.quiet) * 20) >= patience {
            self.state = State::Quiet;
            self.recent = 0;
            return Some(Change::Ended);
        }
        if self.state == State::Speaking && self.quiet >= PAUSE_FRAMES {
            self.state = State::Pausing;
            self.unlooked = 0;
            return Some(Change::Paused);
        }
        None
    }

    /// Ends a turn during which frames stopped coming (silence suppression, hold).
    pub(super) fn starve(&mut self, now: CallTime) -> Option<Change> {
        if self.state == State::Quiet || now < self.starves_at()? {
            return None;
        }
        self.state = State::Quiet;
        self.recent = 0;
        Some(Change::Ended)
    }

    /// When the turn ends if no frame comes any more.
    pub(super) fn starves_at(&self) -> Option<CallTime> {
        (self.state != State::Quiet).then(|| self.last_frame + STARVATION)
    }

    /// Whether the caller holds a turn.
    pub(super) fn in_turn(&self) -> bool {
        self.state != State::Quiet
    }

    /// The utterance so far, without most of the closing quiet: 16 kHz mono.
    pub(super) fn utterance(&self) -> Arc<[i16]> {
        let quiet = (self.quiet.saturating_sub(TAIL_FRAMES) as usize) * 320;
        let end = self.utterance.len().saturating_sub(quiet);
        self.utterance[..end].into()
    }

    /// How much of the turn was speech.
    pub(super) fn voiced(&self) -> Duration {
        Duration::from_millis(u64::from(self.voiced) * 20)
    }

    /// When the last speech frame arrived.
    pub(super) fn last_sound(&self) -> CallTime {
        self.last_sound
    }

    /// When the turn began.
    pub(super) fn began(&self) -> CallTime {
        self.began
    }
}

/// Of the last five frames, how many must be speech to open a turn. Chosen: 60 ms passes no click.
const ONSET_FRAMES: u32 = 3;
/// 500 ms before the onset is decided. Measured over the sample lines: the first speech frame comes 80 ms into the sound at
/// the median and 340 ms in a slow "yes".
const PREROLL_SAMPLES: usize = 25 * 320;
/// 160 ms of quiet is a pause. Chosen: stop consonants are shorter.
const PAUSE_FRAMES: u32 = 8;
/// 200 ms of closing quiet is left for the recogniser.
const TAIL_FRAMES: u32 = 10;
/// Every 1.2 s of speech the words so far are looked at.
const LOOK_FRAMES: u32 = 60;
/// 30 s: the window of an ordinary Whisper model.
const MAXIMUM_SAMPLES: usize = 30 * 16_000;
/// Without frames for so long, the caller's phone has stopped sending.
const STARVATION: Duration = Duration::from_millis(600);

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ear: &mut Endpointer, from: u64, pattern: &[(u64, bool)]) -> (u64, Vec<(u64, Change)>) {
        let mut changes = Vec::new();
        let mut n = from;
        for &(frames, speech) in pattern {
            for _ in 0..frames {
                let activity = Activity {
                    speech_permille: if speech { 900 } else { 10 },
                    level_dbfs: if speech { -20 } else { -70 },
                };
                let frame = Frame(vec![i16::from(speech); 320].into());
                let at = CallTime::from_ms(n * 20);
                if let Some(change) = ear.hear(at, &frame, activity, Duration::from_millis(440)) {
                    changes.push((n, change));
                }
                n += 1;
            }
        }
        (n, changes)
    }

    #[test]
    fn a_click_opens_no_turn() {
        let (_, changes) = run(&mut Endpointer::new(), 0, &[(10, false), (2, true), (40, false)]);
        assert_eq!(changes, []);
    }

    #[test]
    fn a_turn_begins_pauses_and_ends() {
        let (_, changes) = run(&mut Endpointer::new(), 0, &[(10, false), (30, true), (30, false)]);
        assert_eq!(changes, [(12, Change::Began), (47, Change::Paused), (61, Change::Ended)]);
    }

    #[test]
    fn a_short_pause_does_not_end_the_turn() {
        let mut ear = Endpointer::new();
        let (_, changes) = run(&mut ear, 0, &[(30, true), (15, false), (30, true), (22, false)]);
        let kinds: Vec<_> = changes.iter().map(|c| c.1).collect();
        assert_eq!(kinds, [Change::Began, Change::Paused, Change::Paused, Change::Ended]);
    }

    #[test]
    fn the_utterance_keeps_the_sound_before_the_onset() {
        let mut ear = Endpointer::new();
        run(&mut ear, 0, &[(40, false), (30, true), (22, false)]);
        let speech = ear.utterance().iter().filter(|s| **s == 1).count();
        assert_eq!(speech, 30 * 320, "every speech sample is there");
        assert_eq!(ear.utterance().len(), PREROLL_SAMPLES + (30 - 3 + 10) * 320);
    }

    #[test]
    fn a_turn_ends_when_frames_stop_coming() {
        let mut ear = Endpointer::new();
        run(&mut ear, 0, &[(30, true)]);
        let last = CallTime::from_ms(29 * 20);
        assert_eq!(ear.starves_at(), Some(last + STARVATION));
        assert_eq!(ear.starve(last), None);
        assert_eq!(ear.starve(last + STARVATION), Some(Change::Ended));
    }

    #[test]
    fn endless_sound_ends_the_turn_at_thirty_seconds() {
        let (_, changes) = run(&mut Endpointer::new(), 0, &[(1600, true)]);
        assert!(changes.iter().any(|c| c.1 == Change::Ended));
    }
}
