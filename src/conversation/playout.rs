//! The mouth: what is being said, cut into frames on an absolute 20 ms schedule.

use std::collections::VecDeque;

use crate::audio::{Frame, Frames, Rate};
use crate::conversation::CallTime;
use crate::conversation::clock::Schedule;
use crate::ids::RequestId;

/// One clause to be said.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: RequestId,
    /// As written, for the record.
    pub(super) text: String,
    /// It belongs to a read-back: it counts only when played whole.
    pub(super) read_back: bool,
    /// What came of an order: it is said whatever the caller says meanwhile.
    pub(super) essential: bool,
    pub(super) stage: Stage,
    samples: VecDeque<i16>,
    /// Samples already played.
    played: usize,
    /// Its sound goes out, and was not cut since it began.
    sounding: bool,
    /// Synthesis failed once already.
    retried: bool,
}

/// How far an item's synthesis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not yet asked for.
    Wanted,
    /// Asked for; sound is coming.
    Requested,
    /// All its sound is here.
    Complete,
}

impl Item {
    pub(super) fn new(id: RequestId, text: String, read_back: bool) -> Self {
        Self {
            id,
            text,
            read_back,
            essential: false,
            stage: Stage::Wanted,
            samples: VecDeque::new(),
            played: 0,
            sounding: false,
            retried: false,
        }
    }

    /// Adds sound to its end.
    pub(super) fn add(&mut self, samples: &[i16]) {
        self.samples.extend(samples);
    }

    /// Whether not one sample of it has come.
    pub(super) fn is_mute(&self) -> bool {
        self.played == 0 && self.samples.is_empty()
    }

    /// Asks for its sound anew, if none was played and it was not tried twice.
    pub(super) fn retry(&mut self) -> bool {
        if self.retried || self.played > 0 {
            return false;
        }
        self.retried = true;
        self.samples.clear();
        self.stage = Stage::Wanted;
        true
    }

    /// How much of the text was heard: the words whose share of the sound was played.
    pub(super) fn heard(&self) -> &str {
        let total = self.played + self.samples.len();
        if self.played == 0 || total == 0 {
            return "";
        }
        if self.stage == Stage::Complete && self.samples.is_empty() {
            return &self.text;
        }
        let chars = self.text.chars().count();
        let share = chars * self.played / total;
        let end = self.text.char_indices().nth(share).map_or(self.text.len(), |(i, _)| i);
        let upto = &self.text[..end];
        // Half a word was not heard.
        upto.rfind(char::is_whitespace).map_or("", |i| &upto[..i])
    }
}

/// What playing a frame changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The first frame of this item goes out.
    Started(RequestId),
    /// It was cut, and goes on.
    Resumed(RequestId),
    /// It was played to its end.
    Finished { id: RequestId, played_ms: u32, read_back: bool, text: String },
}

/// The queue of things to say and the schedule of frames.
#[derive(Debug)]
pub(super) struct Playout {
    rate: Rate,
    silence: Frame,
    schedule: Schedule,
    items: VecDeque<Item>,
    /// What is left of a cut item, already ramped down.
    fade: VecDeque<i16>,
    /// The frame that is being put together.
    samples: Vec<i16>,
    frames: Frames,
}

impl Playout {
    pub(super) fn new() -> Self {
        Self {
            rate: Rate::HZ_8000,
            silence: Frame::silence(Rate::HZ_8000),
            schedule: Schedule::default(),
            items: VecDeque::new(),
            fade: VecDeque::new(),
            samples: Vec::new(),
            frames: Frames::default(),
        }
    }

    /// The wire's rate, known once the caller's leg says it. Nothing has been said before.
    pub(super) fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
        self.silence = Frame::silence(rate);
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// When the next frame is due.
    pub(super) fn next_frame(&self) -> CallTime {
        self.schedule.next()
    }

    /// The frame that is due, or none yet.
    pub(super) fn due(&mut self, now: CallTime, changes: &mut Vec<Change>) -> Option<Frame> {
        self.schedule.take(now).then(|| self.frame(changes))
    }

    fn frame(&mut self, changes: &mut Vec<Change>) -> Frame {
        let want = self.rate.frame_samples();
        let samples = &mut self.samples;
        samples.clear();
        if !self.fade.is_empty() {
            samples.extend(self.fade.drain(..want.min(self.fade.len())));
            samples.resize(want, 0);
            return self.frames.make(samples);
        }
        while let Some(item) = self.items.front_mut() {
            let have = item.samples.len();
            let need = want - samples.len();
            if have < need && item.stage != Stage::Complete {
                // Not enough yet: whole frames or none, so that an underrun is a pause and not a crackle.
                break;
            }
            if !item.sounding && have > 0 {
                item.sounding = true;
                changes.push(if item.played == 0 {
                    Change::Started(item.id)
                } else {
                    Change::Resumed(item.id)
                });
            }
            let take = need.min(have);
            samples.extend(item.samples.drain(..take));
            item.played += take;
            if !item.samples.is_empty() || item.stage != Stage::Complete {
                break;
            }
            if let Some(item) = self.items.pop_front() {
                changes.push(Change::Finished {
                    id: item.id,
                    played_ms: played_ms(item.played, self.rate),
                    read_back: item.read_back,
                    text: item.text,
                });
            }
            if samples.len() == want {
                break;
            }
        }
        if samples.is_empty() {
            return self.silence.clone();
        }
        samples.resize(want, 0);
        self.frames.make(samples)
    }

    /// Queues a clause.
    pub(super) fn say(&mut self, item: Item) {
        self.items.push_back(item);
    }

    /// Puts back what was cut, before anything else.
    pub(super) fn resume(&mut self, items: Vec<Item>) {
        for item in items.into_iter().rev() {
            self.items.push_front(item);
        }
    }

    /// The item with this id.
    pub(super) fn item(&mut self, id: RequestId) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.id == id)
    }

    /// Takes an item out, said or not.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<Item> {
        let place = self.items.iter().position(|item| item.id == id)?;
        self.items.remove(place)
    }

    /// The next clause whose sound should be asked for now: two ahead of the mouth at most.
    pub(super) fn wanted(&mut self) -> Option<&mut Item> {
        self.items.iter_mut().take(AHEAD).find(|item| item.stage == Stage::Wanted)
    }

    /// Stops at once, fading over two frames, and gives back everything unsaid, the cut clause first.
    pub(super) fn cut(&mut self) -> Vec<Item> {
        let mut items: Vec<Item> = self.items.drain(..).collect();
        for item in &mut items {
            item.sounding = false;
        }
        if let Some(item) = items.first().filter(|item| item.played > 0) {
            let length = (2 * self.rate.frame_samples()).min(item.samples.len());
            let ramp = i32::try_from(length).unwrap_or(i32::MAX).max(1);
            self.fade = item
                .samples
                .iter()
                .take(length)
                .zip(0i32..)
                .map(|(s, n)| {
                    let ramped = i32::from(*s) * (ramp - n) / ramp;
                    i16::try_from(ramped).unwrap_or(0)
                })
                .collect();
        }
        items
    }

    /// Whether anything is queued that an interruption ends.
    pub(super) fn holds_what_may_be_cut(&self) -> bool {
        self.items.iter().any(|item| !item.essential)
    }

    /// Whether there is nothing to say.
    pub(super) fn is_idle(&self) -> bool {
        self.items.is_empty() && self.fade.is_empty()
    }

    /// Whether sound of the agent is going out now.
    pub(super) fn is_speaking(&self) -> bool {
        self.items.front().is_some_and(|item| item.played > 0 || !item.samples.is_empty())
    }
}

/// Milliseconds that so many samples last.
pub(super) fn played_ms(samples: usize, rate: Rate) -> u32 {
    u32::try_from(samples as u64 * 1000 / u64::from(rate.0.max(1))).unwrap_or(u32::MAX)
}

impl Item {
    /// Milliseconds of it that were played.
    pub(super) fn played_ms(&self, rate: Rate) -> u32 {
        played_ms(self.played, rate)
    }
}

/// Clauses whose sound is fetched ahead: the one being said and the next.
const AHEAD: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(id: u64, samples: usize) -> Item {
        let mut item = Item::new(RequestId(id), "one two three four".into(), false);
        item.samples = vec![1000; samples].into();
        item.stage = Stage::Complete;
        item
    }

    #[test]
    fn silence_is_played_when_there_is_nothing_to_say() {
        let mut mouth = Playout::new();
        let mut changes = Vec::new();
        let frame = mouth.due(CallTime::default(), &mut changes);
        assert_eq!(frame, Some(Frame::silence(Rate::HZ_8000)));
        assert_eq!(mouth.due(CallTime::from_ms(19), &mut changes), None);
        assert!(mouth.due(CallTime::from_ms(20), &mut changes).is_some());
        assert_eq!(changes, []);
    }

    #[test]
    fn a_little_late_catches_up_and_very_late_moves_the_schedule() {
        let mut mouth = Playout::new();
        let mut changes = Vec::new();
        let now = CallTime::from_ms(60);
        let caught = std::iter::from_fn(|| mouth.due(now, &mut changes)).count();
        assert_eq!(caught, 4, "frames 0, 20, 40 and 60");
        let now = CallTime::from_ms(500);
        let caught = std::iter::from_fn(|| mouth.due(now, &mut changes)).count();
        assert_eq!(caught, 1, "no burst");
        assert_eq!(mouth.next_frame(), CallTime::from_ms(520));
    }

    #[test]
    fn two_clauses_follow_each_other_without_a_gap() {
        let mut mouth = Playout::new();
        mouth.say(spoken(1, 200));
        mouth.say(spoken(2, 120));
        let mut changes = Vec::new();
        let first = mouth.due(CallTime::default(), &mut changes).expect("due");
        let second = mouth.due(CallTime::from_ms(20), &mut changes).expect("due");
        assert!(first.0.iter().chain(second.0.iter()).all(|s| *s == 1000));
        assert_eq!(changes.len(), 4);
        assert!(mouth.is_idle());
    }

    #[test]
    fn an_underrun_is_silence_and_loses_nothing() {
        let mut mouth = Playout::new();
        let mut item = Item::new(RequestId(1), "hello".into(), false);
        item.stage = Stage::Requested;
        mouth.say(item);
        mouth.item(RequestId(1)).expect("queued").add(&[7; 100]);
        let mut changes = Vec::new();
        let frame = mouth.due(CallTime::default(), &mut changes).expect("due");
        assert_eq!(frame, Frame::silence(Rate::HZ_8000));
        mouth.item(RequestId(1)).expect("queued").add(&[7; 60]);
        let frame = mouth.due(CallTime::from_ms(20), &mut changes).expect("due");
        assert!(frame.0.iter().all(|s| *s == 7));
    }

    #[test]
    fn a_cut_fades_over_two_frames_and_gives_back_the_rest() {
        let mut mouth = Playout::new();
        mouth.say(spoken(1, 1600));
        let mut changes = Vec::new();
        for n in 0..5 {
            mouth.due(CallTime::from_ms(n * 20), &mut changes);
        }
        let rest = mouth.cut();
        assert_eq!(rest[0].heard(), "one two");
        assert_eq!(rest[0].played_ms(Rate::HZ_8000), 100);
        let a = mouth.due(CallTime::from_ms(100), &mut changes).expect("due");
        let b = mouth.due(CallTime::from_ms(120), &mut changes).expect("due");
        assert!(a.0[0] == 1000 && a.0[159] < 520 && b.0[159] < 10);
        assert!(mouth.is_idle());
    }
}
