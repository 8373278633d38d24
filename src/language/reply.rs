//! What a caller replies to "is everything right, shall I place the order?". An order is placed on it, so agreement must
//! be the whole sense of what was said; one word that nobody can explain, and it is none.
//!
//! The words of both languages count in every call: who is spoken to in Russian says "okay" and "yes" all the same.

mod agreement;
mod denial;
mod doubt;
mod manners;
mod refusal;

use super::hear::{Numeral, in_digits, numerals};
use super::phrase::{ends, has_any, tiles};
use super::text::words;
use super::{Language, answer, artefact, in_either, steer};

use agreement::{BESIDE_OUTRIGHT, OUTRIGHT, SURELY_YES, TOO_WEAK, YES};
use denial::{
    ACT_STEMS, ACTS, AT_NO_END, BARE_NEGATIONS, BESIDE_NEGATIONS, NEGATIONS, NONE, NOUNS, OF_AN_ADDRESS,
    STEERING,
};
use doubt::{DOUBT, IRONY, IRONY_ANYWHERE, IRONY_AT_THE_END, TRAILING};
use manners::{ASSENTING, BESIDE_REPEATED, FAREWELLS, MANNERS};
use refusal::{CHANGES, MOMENT, NO, QUESTIONS};

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
    let no = [answer::RUSSIAN_NO, answer::ENGLISH_NO, NO].concat();
    if !trails_off && !is_ironic(&said) && !TOO_WEAK.contains(&said.join(" ").as_str()) {
        let outright = has_any(&said, OUTRIGHT);
        let beside = [&manners[..], if outright { BESIDE_OUTRIGHT } else { &[] }].concat();
        let repeats = || {
            let repetitions = Language::ALL.map(|language| Repetition::of(&harmless, read_back, language));
            let same = with_spans(&harmless, |_, at| {
                let length = repetitions.iter().find_map(|repetition| repetition.length(at))?;
                Some((HARMLESS, length))
            });
            tiles(&same, &yes, &[&beside[..], BESIDE_REPEATED].concat())
        };
        if tiles(&harmless, &yes, &beside) || has_any(&said, SURELY_YES) && repeats() {
            let takes_leave = in_either(steer::says_goodbye, &text) || ends(&said, &["пока"]);
            return Reply::Agreed { takes_leave };
        }
    }
    let polite: Vec<&str> = manners.iter().copied().filter(|phrase| !ASSENTING.contains(phrase)).collect();
    if !trails_off && tiles(&said, &no, &polite) {
        return Reply::Refused;
    }
    let enough = [answer::RUSSIAN_ENOUGH, answer::ENGLISH_ENOUGH].concat();
    let all = [&yes[..], &no[..], &manners[..], &enough[..], DOUBT, TOO_WEAK].concat();
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
    let asks = in_either(steer::asks_wait, text) || has_any(said, MOMENT);
    let counts = |language| numerals(said, language).iter().any(|n| n.value != 1);
    let more = Language::ALL.into_iter().any(counts)
        || in_either(steer::wants_cancel, text)
        || in_either(steer::wants_operator, text);
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

/// What of a caller's words the read-back says too, as one language reads its numbers.
struct Repetition<'a> {
    said: &'a [String],
    /// The numbers among them.
    numerals: Vec<Numeral>,
    /// The read-back's words, and the same with its numbers in digits and without what an address may leave out.
    read: Vec<String>,
    bare: Vec<String>,
    language: Language,
}

impl<'a> Repetition<'a> {
    fn of(said: &'a [String], read_back: &str, language: Language) -> Self {
        let (read, bare) = (words(read_back), bare(read_back, language));
        Self { said, numerals: numerals(said, language), read, bare, language }
    }

    /// How many of the words at this place are a repetition: a word, or a number that the read-back says of the same thing.
    /// "Две" may be of the pieces and of two thousand, so a small number must stand beside a word that it stands beside there.
    fn length(&self, at: usize) -> Option<usize> {
        let Some(numeral) = self.numerals.iter().find(|numeral| numeral.at.start == at) else {
            let word = &self.said[at];
            let alone = std::slice::from_ref(word);
            let counts = Language::ALL.into_iter().any(|language| !numerals(alone, language).is_empty());
            let known = self.read.contains(word) && !NEGATIONS.contains(&word.as_str());
            return (known && !counts && word.chars().count() > 2).then_some(1);
        };
        let beside = |range: &[String]| bare(&range.join(" "), self.language);
        let (before, after) = (beside(&self.said[..at]), beside(&self.said[numeral.at.end..]));
        let neighbour = |place: Option<usize>| place.and_then(|place| self.bare.get(place));
        let stands = self.bare.iter().enumerate().any(|(place, word)| {
            *word == numeral.digits
                && (numeral.value >= LARGE
                    || neighbour(place.checked_sub(1)).is_some_and(|word| before.last() == Some(word))
                    || neighbour(Some(place + 1)).is_some_and(|word| after.first() == Some(word)))
        });
        stands.then_some(numeral.at.len())
    }
}

/// The words with numbers in digits, without what an address may leave out.
fn bare(text: &str, language: Language) -> Vec<String> {
    let digits = in_digits(text, language);
    let words = digits.split(' ').filter(|word| !OF_AN_ADDRESS.contains(word));
    words.map(str::to_owned).collect()
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
