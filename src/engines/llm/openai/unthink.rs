//! Keeps a model's thinking out of the caller's ear.
//!
//! Servers that do not part a thinking model's thoughts from its answer send them first, between `<think>` and `</think>`.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Passes words on and swallows a thought at their beginning.
#[derive(Debug)]
pub(super) enum Unthink {
    /// Nothing but space or a part of the opening tag has come.
    Beginning(String),
    /// Inside the thought; holds what may be a part of the closing tag.
    Thinking(String),
    /// After the thought: space before the first word is dropped too.
    Trimming,
    Speaking,
}

impl Default for Unthink {
    fn default() -> Self {
        Self::Beginning(String::new())
    }
}

impl Unthink {
    /// Takes text and gives what may be spoken of it.
    pub(super) fn push(&mut self, text: &str) -> String {
        match self {
            Self::Speaking => text.to_owned(),
            Self::Trimming => {
                let rest = text.trim_start();
                if !rest.is_empty() {
                    *self = Self::Speaking;
                }
                rest.to_owned()
            }
            Self::Beginning(held) => {
                held.push_str(text);
                let begun = held.trim_start();
                if let Some(thought) = begun.strip_prefix(OPEN) {
                    let thought = thought.to_owned();
                    *self = Self::Thinking(String::new());
                    self.push(&thought)
                } else if OPEN.starts_with(begun) {
                    String::new()
                } else {
                    let held = std::mem::take(held);
                    *self = Self::Speaking;
                    held
                }
            }
            Self::Thinking(held) => {
                held.push_str(text);
                if let Some((_, spoken)) = held.split_once(CLOSE) {
                    let spoken = spoken.to_owned();
                    *self = Self::Trimming;
                    return self.push(&spoken);
                }
                // Only an end that may be the tag's beginning is kept.
                let keep = (1..CLOSE.len()).rev().find(|&n| held.ends_with(&CLOSE[..n])).unwrap_or(0);
                held.drain(..held.len() - keep);
                String::new()
            }
        }
    }

    /// What was held back and turned out to be words.
    pub(super) fn finish(&mut self) -> String {
        match std::mem::replace(self, Self::Speaking) {
            Self::Beginning(held) if !held.trim().is_empty() => held,
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(text: &str, piece: usize) -> String {
        let mut unthink = Unthink::default();
        let chars: Vec<char> = text.chars().collect();
        let mut spoken: String =
            chars.chunks(piece).map(|c| unthink.push(&c.iter().collect::<String>())).collect();
        spoken.push_str(&unthink.finish());
        spoken
    }

    #[test]
    fn a_thought_torn_anywhere_is_swallowed_and_the_answer_is_whole() {
        for piece in 1..20 {
            assert_eq!(spoken("\n<think>a </th b</think>\n\nДа, <b>есть</b>.", piece), "Да, <b>есть</b>.");
            assert_eq!(spoken("Да <think> нет", piece), "Да <think> нет");
            assert_eq!(spoken("<thi", piece), "<thi");
            assert_eq!(spoken("<think>never ends", piece), "");
        }
    }
}
