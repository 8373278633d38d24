//! What a shop asks besides: a note, a recipient, a time.

use crate::language::text::words;

use super::super::act::Act;
use super::super::question::Question;
use super::phrases::Cue;
use super::{Ear, bare};

/// Hears the value of an extra behind its lead, or as the answer to its question.
pub(super) fn hear(ear: &mut Ear<'_>, text: &str) {
    let shop = ear.context.shop;
    if shop.profile.extras.is_empty() {
        return;
    }
    let lead = (0..ear.words.len()).find_map(|at| {
        let (end, extra) = shop.lexicon.leads.longest_at(&ear.words, at)?;
        Some((at, end, *extra))
    });
    if let Some((at, end, extra)) = lead
        && let Some(extra) = shop.profile.extras.get(extra)
    {
        let mut from = end;
        while matches!(
            ear.word(from),
            "такой" | "такая" | "такое" | "будет" | "это" | "is" | "that" | "says" | "пусть" | "напишите"
        ) {
            from += 1;
        }
        if from < ear.words.len() {
            let value = as_written(text, &ear.words[from..]);
            let slot = extra.slot.clone();
            ear.act(at, ear.words.len(), Act::Extra { slot, value });
        }
        return;
    }
    let Some(Question::Extra { slot }) = ear.context.asked else { return };
    // "Без открытки", "no card".
    if ear.words.len() <= 3 && matches!(ear.words.first().map(String::as_str), Some("без" | "without" | "no"))
    {
        let end = ear.words.len();
        ear.act(0, end, Act::Deny);
        return;
    }
    if ear.words.is_empty() || steers(ear) {
        return;
    }
    let end = ear.words.len();
    ear.act(0, end, Act::Extra { slot: slot.clone(), value: as_written(text, &ear.words) });
}

/// Whether the caller does something else than answer.
fn steers(ear: &Ear<'_>) -> bool {
    let alone = (0..ear.words.len()).all(|at| {
        matches!(
            ear.cue(at),
            Some(
                Cue::Filler
                    | Cue::No
                    | Cue::Yes
                    | Cue::Weak
                    | Cue::Thanks
                    | Cue::Wait
                    | Cue::Repeat
                    | Cue::Withhold
                    | Cue::Enough
                    | Cue::NotWanted
                    | Cue::Not
                    | Cue::Goodbye
                    | Cue::Slower
                    | Cue::Any
            )
        )
    });
    let steered = ear.has_cue(|cue| {
        matches!(
            cue,
            Cue::Cancel
                | Cue::Person
                | Cue::StartOver
                | Cue::Repeat
                | Cue::Withhold
                | Cue::Status
                | Cue::CanCancel
                | Cue::Placed
        )
    });
    alone || steered
}

/// The end of the text that these words are, as it was written.
fn as_written(text: &str, tail: &[String]) -> String {
    let mut left = tail.len();
    let mut rest = text.trim_end();
    let mut from = text.len();
    while left > 0 && !rest.is_empty() {
        from = rest
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + rest[at..].chars().next().map_or(1, char::len_utf8));
        let count = words(&rest[from..]).iter().filter(|word| !bare(word).is_empty()).count();
        left = left.saturating_sub(count);
        rest = rest[..from].trim_end();
    }
    let value = text.get(from..).unwrap_or_default().trim();
    value.trim_end_matches(['.', ',', ';']).chars().take(300).collect()
}
