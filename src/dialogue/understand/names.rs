//! The customer's name.

use super::super::act::Act;
use super::super::question::Question;
use super::Ear;
use super::phrases::Cue;
use super::word::{capitalised, is_wordy};

/// More words make no name.
const LONGEST: usize = 3;

/// Hears a name behind its lead ("меня зовут", "оформите на", "my name is").
pub(super) fn hear(ear: &mut Ear<'_>) {
    for at in 0..ear.words.len() {
        let Some((end, Cue::Name)) = ear.cue_at(at) else { continue };
        let mut from = end;
        while matches!(
            ear.word(from),
            "это"
                | "будет"
                | "пожалуйста"
                | "please"
                | "is"
                | "на"
                | "просто"
                | "имя"
                | "меня"
                | "just"
        ) {
            from += 1;
        }
        let name = name_at(ear, from, true);
        if let Some((name, to)) = name {
            ear.act(at, to, Act::Name { name });
            return;
        }
        // The name before: "Андрей меня зовут".
        if ear.words[at..end].iter().any(|w| w == "зовут") {
            let start = (at.saturating_sub(2)..at).find(|i| (*i..at).all(|i| ear.is_unknown(i)));
            if let Some(start) = start {
                let name = ear.words[start..at].iter().map(|w| capitalised(w)).collect::<Vec<_>>().join(" ");
                ear.act(start, end, Act::Name { name });
                return;
            }
        }
    }
}

/// Hears a name as the answer to the question for it: all that is left, if it is a name's length.
pub(super) fn hear_answer(ear: &mut Ear<'_>) {
    if !ear.asked(|q| *q == Question::Name) || ear.any(|act| matches!(act, Act::Name { .. })) {
        return;
    }
    let unknown: Vec<usize> = (0..ear.words.len()).filter(|at| ear.is_unknown(*at)).collect();
    let (Some(first), Some(last)) = (unknown.first(), unknown.last()) else { return };
    let steered = ear.has_cue(|cue| {
        matches!(
            cue,
            Cue::Cancel
                | Cue::Person
                | Cue::Withhold
                | Cue::Status
                | Cue::Price
                | Cue::Total
                | Cue::CanCancel
        )
    });
    if last - first >= LONGEST || unknown.len() != last - first + 1 || steered {
        return;
    }
    if let Some((name, to)) = name_at(ear, *first, false)
        && to == last + 1
    {
        let led = first.checked_sub(1).is_some_and(|at| ear.cue(at) == Some(Cue::NameIs));
        ear.act(first - usize::from(led), to, Act::Name { name });
    }
}

/// A name that begins here, and where it ends.
fn name_at(ear: &Ear<'_>, from: usize, led: bool) -> Option<(String, usize)> {
    let lexicon = &ear.context.shop.lexicon;
    let mut to = from;
    while to < ear.words.len() && to - from < LONGEST && ear.is_unknown(to) && is_wordy(ear.word(to)) {
        // A goods word is a name only where the lead leaves no doubt and it comes first ("меня зовут Роза").
        if lexicon.term_at(&ear.words, to).is_some() && !(led && to == from) {
            break;
        }
        to += 1;
    }
    let goods = led && to == from + 1 && lexicon.term_at(&ear.words, from).is_some();
    let surely = ear.words[..from]
        .iter()
        .rev()
        .take(3)
        .any(|w| matches!(w.as_str(), "зовут" | "имя" | "name" | "фамилия"));
    if to == from || goods && !surely || ear.words[from..to].iter().any(|w| is_day(w)) {
        return None;
    }
    let name: Vec<String> = ear.words[from..to].iter().map(|w| capitalised(w)).collect();
    Some((name.join(" "), to))
}

fn is_day(word: &str) -> bool {
    [
        "понедельник",
        "вторник",
        "сред",
        "четверг",
        "пятниц",
        "суббот",
        "воскресень",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ]
    .iter()
    .any(|day| word.starts_with(day))
}
