//! The caller of a rehearsal: words as voiced frames, and a recogniser that hears exactly these words.

use std::collections::{BTreeMap, VecDeque};

use crate::conversation::event::{Recognition, Transcript};
use crate::ids::TurnId;
use crate::language::Language;

/// How long a character of speech lasts, of the agent and of the caller. Chosen: 15 characters a second are a lively clerk.
pub(super) const CHARACTER_MS: u64 = 65;
/// The shortest word ("да") sounds so long.
const WORD_MS: u64 = 200;
/// A pause that is written as `…`. Chosen: people think for about so long before a name or a group of digits.
const PAUSE_MS: u64 = 600;
const FRAME_MS: u64 = 20;

/// What the caller is saying and has said.
#[derive(Debug, Default)]
pub(super) struct Caller {
    /// Still to be said.
    ahead: VecDeque<Piece>,
    /// Words said whole, over the whole call.
    said: Vec<String>,
    /// Which of them was the first of a turn.
    turns: BTreeMap<TurnId, usize>,
}

#[derive(Debug)]
enum Piece {
    Word { text: String, frames: u64 },
    Pause { frames: u64 },
}

impl Caller {
    /// Begins to say this after what is still to be said; `…` is a pause.
    pub(super) fn say(&mut self, words: &str) {
        for word in words.replace("...", "…").replace('…', " … ").split_whitespace() {
            self.ahead.push_back(if word == "…" {
                Piece::Pause { frames: PAUSE_MS / FRAME_MS }
            } else {
                let ms = WORD_MS.max(word.chars().count() as u64 * CHARACTER_MS);
                Piece::Word { text: word.to_owned(), frames: ms / FRAME_MS }
            });
        }
    }

    /// The next 20 ms: whether they are speech; none when there is nothing more to say.
    pub(super) fn next_frame(&mut self) -> Option<bool> {
        let (is_speech, frames) = match self.ahead.front_mut()? {
            Piece::Word { frames, .. } => (true, frames),
            Piece::Pause { frames } => (false, frames),
        };
        *frames = frames.saturating_sub(1);
        if *frames == 0
            && let Some(Piece::Word { text, .. }) = self.ahead.pop_front()
        {
            self.said.push(text);
        }
        Some(is_speech)
    }

    /// A turn has begun with what is being said.
    pub(super) fn turn_began(&mut self, turn: TurnId) {
        self.turns.insert(turn, self.said.len());
    }

    /// What the recogniser makes of the turn so far: the words that were said whole.
    pub(super) fn recognize(&self, job: &Recognition) -> Transcript {
        let from = self.turns.get(&job.turn).copied().unwrap_or(self.said.len());
        let text = self.said[from..].join(" ");
        let language = job.language.or_else(|| Language::of(&text)).unwrap_or_default();
        Transcript { text, language, confidence_permille: 1000, decode_ms: 0 }
    }
}
