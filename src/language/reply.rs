//! What a caller replies to "is everything right, shall I place the order?". An order is placed on it, so agreement must
//! be the whole sense of what was said; one word that nobody can explain, and it is none.
//!
//! The words of both languages count in every call: who is spoken to in Russian says "okay" and "yes" all the same.

mod agreement;
mod denial;
mod doubt;
mod manners;
mod refusal;

use super::hear::{in_digits, numerals};
use super::phrase::{ends, has_any, tiles};
use super::text::words;
use super::{Language, answer, artefact, steer};

use agreement::{BESIDE_OUTRIGHT, OUTRIGHT, SURELY_YES, TOO_WEAK, YES};
use denial::{
    ACT_STEMS, ACTS, AT_NO_END, BARE_NEGATIONS, BESIDE_NEGATIONS, NEGATIONS, NONE, NOUNS, OF_AN_ADDRESS,
    STEERING,
};
use doubt::{DOUBT, IRONY, IRONY_ANYWHERE, IRONY_AT_THE_END, TRAILING};
use manners::{ASSENTING, BESIDE_REPEATED, FAREWELLS, MANNERS};
use refusal::{CHANGES, ENOUGH, MOMENT, NO, QUESTIONS};

/// What the reply comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Plain agreement, with manners and harmless additions.
    Agreed {
        /// The caller says goodbye in the same breath.
        takes_leave: bool,
    },
    /// A plain no, and nothing of what is wrong.
    Refused,
    /// Of yes, no and doubt ("да наверное", "yeah right", "и да и нет"): neither agreement nor refusal, and nothing that
    /// needs thinking about.
    Doubtful,
    /// The caller asks for a moment.
    Moment,
    /// Something else: a question, a change, a wish, or what nobody understands.
    Other,
}

/// What a caller's words come to, after `read_back` was said to them. A yes that repeats words of it ("да, картой при
/// получении") is a yes; with other words or another number it is something else.
pub fn reply(text: &str, read_back: &str) -> Reply {
    let text = artefact::without_artefacts(text);
    let said = words(&text);
    if said.is_empty() || text.contains('?') || has_any(&said, QUESTIONS) {
        return Reply::Other;
    }
    if asks_moment(&text, &said) {
        return Reply::Moment;
    }
    let trails_off =
        text.trim_end().ends_with('…') || text.trim_end().ends_with("...") || ends(&said, TRAILING);
    let harmless = with_spans(&said, harmless_negation);
    let yes: Vec<&str> = [answer::RUSSIAN_YES, answer::ENGLISH_YES, YES]
        .concat()
        .into_iter()
        .filter(|w| !TOO_WEAK.contains(w))
        .collect();
    let manners = [answer::RUSSIAN_FILLERS, answer::ENGLISH_FILLERS, MANNERS, FAREWELLS, ASSENTING].concat();
    let no: Vec<&str> = [answer::RUSSIAN_NO, answer::ENGLISH_NO, NO]
        .concat()
        .into_iter()
        .filter(|phrase| !ENOUGH.contains(phrase))
        .collect();
    if !trails_off && !is_ironic(&said) && !TOO_WEAK.contains(&said.join(" ").as_str()) {
        let outright = has_any(&said, OUTRIGHT);
        let beside = [&manners[..], if outright { BESIDE_OUTRIGHT } else { &[] }].concat();
        let repeats = || {
            let same = with_spans(&harmless, |words, at| repeated(words, at, read_back));
            tiles(&same, &yes, &[&beside[..], BESIDE_REPEATED].concat())
        };
        if tiles(&harmless, &yes, &beside) || has_any(&said, SURELY_YES) && repeats() {
            let takes_leave = [Language::Russian, Language::English]
                .into_iter()
                .any(|language| steer::says_goodbye(&text, language))
                || ends(&said, &["пока"]);
            return Reply::Agreed { takes_leave };
        }
    }
    let polite: Vec<&str> = manners.iter().copied().filter(|phrase| !ASSENTING.contains(phrase)).collect();
    if !trails_off && tiles(&said, &no, &polite) {
        return Reply::Refused;
    }
    let all = [&yes[..], &no[..], &manners[..], ENOUGH, DOUBT, TOO_WEAK].concat();
    if tiles(&harmless, &all, &[]) || is_ironic(&said) && said.len() <= IRONY_WORDS {
        return Reply::Doubtful;
    }
    Reply::Other
}

/// Whether these words may be the agent's own, come back from the line: they are the end of what it has just said, or
/// several and not one that it has not said.
pub fn is_echo(text: &str, agent: &str) -> bool {
    let (said, own) = (words(text), words(agent));
    !said.is_empty()
        && (own.ends_with(&said) || said.len() >= ECHO_WORDS && said.iter().all(|word| own.contains(word)))
}

/// Whether the caller asks for time, and for nothing else.
fn asks_moment(text: &str, said: &[String]) -> bool {
    let both = [Language::Russian, Language::English];
    let asks = both.into_iter().any(|language| steer::asks_wait(text, language)) || has_any(said, MOMENT);
    let more = both.into_iter().any(|language| {
        !numerals(said, language).iter().all(|n| n.value == 1)
            || steer::wants_cancel(text, language)
            || steer::wants_operator(text, language)
    });
    asks && !more && !has_any(said, CHANGES) && !has_any(said, &["стоп", "stop"])
}

fn is_ironic(said: &[String]) -> bool {
    IRONY.iter().any(|phrase| said.join(" ") == *phrase)
        || has_any(said, IRONY_ANYWHERE)
        || ends(said, IRONY_AT_THE_END)
}

/// Puts one harmless word in place of every span that `span` finds (the length of one that begins at this word).
fn with_spans(
    said: &[String],
    span: impl Fn(&[String], usize) -> Option<(&'static str, usize)>,
) -> Vec<String> {
    let mut out = Vec::with_capacity(said.len());
    let mut at = 0;
    while at < said.len() {
        match span(said, at) {
            Some((stand_in, length)) => {
                out.push(stand_in.to_owned());
                at += length;
            }
            None => {
                out.push(said[at].clone());
                at += 1;
            }
        }
    }
    out
}

/// A wish that nothing be done: `не надо ничего отменять`, `оператора не нужно`, `don't cancel anything`, `no changes`.
/// One negation, one thing that is not to be, and only words that belong to such a wish.
fn harmless_negation(said: &[String], at: usize) -> Option<(&'static str, usize)> {
    let is = |word: &String, list: &[&str]| list.contains(&word.as_str());
    let acts = |word: &String| {
        !is(word, NOUNS) && ACT_STEMS.iter().any(|stem| word.starts_with(stem)) || is(word, ACTS)
    };
    let belongs = |word: &&String| {
        [NEGATIONS, BARE_NEGATIONS, NONE, BESIDE_NEGATIONS, NOUNS].iter().any(|list| is(word, list))
            || acts(word)
    };
    let longest = said[at..].iter().take(SPAN_WORDS).take_while(belongs).count();
    let length = (2..=longest).rev().find(|length| {
        let span = &said[at..at + length];
        let count = |list: &[&str]| span.iter().filter(|word| is(word, list)).count();
        let (verbs, nouns) = (span.iter().filter(|word| acts(word)).count(), count(NOUNS));
        // "Нет" and "no" deny a noun; before a verb they are an answer ("no, change it").
        let denies = match (count(NEGATIONS), count(BARE_NEGATIONS)) {
            (1, 0) => verbs + nouns == 1,
            (0, 1) => verbs == 0 && nouns == 1,
            (0, 0) => count(NONE) == 1 && verbs + nouns == 1,
            _ => false,
        };
        // An order to do it is denied by a "не" just before it, not by one further off: "ничего не надо, отменяйте".
        let told = (1..*length).any(|at| {
            let orders = acts(&span[at]) && (span[at].ends_with("те") || span[at].ends_with('й'));
            orders && !is(&span[at - 1], NEGATIONS)
        }) || acts(&span[0]) && span[0].ends_with("те");
        // Neither end is a word that belongs to what stands beside it.
        denies && !told && [&span[0], &span[length - 1]].into_iter().all(|word| !is(word, AT_NO_END))
    })?;
    // That nothing shall be changed says that all is right; that nothing shall be cancelled does not.
    let steers = |word: &String| STEERING.iter().any(|stem| word.starts_with(stem));
    let stand_in = if said[at..at + length].iter().any(steers) { HARMLESS } else { ALL_RIGHT };
    Some((stand_in, length))
}

/// A word of the read-back, or a number that it says of the same thing: "две" may be of the pieces and of two thousand, so
/// a small number must stand beside a word that it stands beside there.
fn repeated(said: &[String], at: usize, read_back: &str) -> Option<(&'static str, usize)> {
    [Language::Russian, Language::English].into_iter().find_map(|language| {
        let bare = |text: &str| -> Vec<String> {
            let digits = in_digits(text, language);
            let words = digits.split(' ').filter(|word| !OF_AN_ADDRESS.contains(word));
            words.map(str::to_owned).collect()
        };
        let read = bare(read_back);
        let numeral = numerals(said, language).into_iter().find(|numeral| numeral.at.start == at);
        let Some(numeral) = numeral else {
            let word = &said[at];
            let other = [Language::Russian, Language::English]
                .into_iter()
                .any(|language| !numerals(std::slice::from_ref(word), language).is_empty());
            let known = words(read_back).contains(word);
            return (known && !other && word.chars().count() > 2 && !NEGATIONS.contains(&word.as_str()))
                .then_some((HARMLESS, 1));
        };
        let beside = |range: &[String]| bare(&range.join(" "));
        let (before, after) = (beside(&said[..at]), beside(&said[numeral.at.end..]));
        let number = &numeral.digits;
        let stands = read.iter().enumerate().any(|(place, word)| {
            word == number
                && (numeral.value >= LARGE
                    || place
                        .checked_sub(1)
                        .and_then(|place| read.get(place))
                        .is_some_and(|w| before.last() == Some(w))
                    || read.get(place + 1).is_some_and(|w| after.first() == Some(w)))
        });
        stands.then_some((HARMLESS, numeral.at.len()))
    })
}

/// A number so large is an amount, and stands for one thing alone.
const LARGE: u64 = 1000;
/// A caller who agrees in so many words has one of their own among them ("да, картой при получении").
const ECHO_WORDS: usize = 4;
/// Stands for a span that changes nothing.
const HARMLESS: &str = "\u{1}";
/// Stands for a span that wants nothing changed.
const ALL_RIGHT: &str = "\u{2}";

/// Words of a wish that nothing be done. Chosen: "и не надо мне пока никакого оператора звать".
const SPAN_WORDS: usize = 8;
/// Longer than this it is a speech, and a thinker hears it.
const IRONY_WORDS: usize = 8;

#[cfg(test)]
mod tests;
