//! What must be so at a place of a script.

use crate::language::{Language, dictated, in_digits, numbers};
use crate::orders::OrderAction;
use crate::rehearsal::script::order::OrderForm;
use crate::rehearsal::script::seconds;
use crate::rehearsal::shop::{Catalogue, Placed};
use crate::rehearsal::{End, Heard, Rehearsal};

/// What a line expects of the call so far, or of the answer to the last step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expectation {
    /// The answer has one of these in it.
    Says(Vec<String>),
    /// The answer has none of these in it.
    SaysNot(Vec<String>),
    /// The products looked for in the last step: one of these is in the words.
    Searched(Vec<String>),
    SearchedNot(Vec<String>),
    /// The answer lasts no longer, in milliseconds.
    Within(u64),
    /// The agent has spoken no longer in the whole call, in milliseconds.
    Speech(u64),
    /// The agent has not said a word to the last step.
    Silent,
    /// The last step was understood as so many turns.
    Turns(usize),
    /// This call has placed one order that stands, and it is this.
    Order(OrderForm),
    /// So many orders of this call stand.
    Orders(usize),
    /// The call's draft is this.
    Draft(OrderForm),
    NoDraft,
    /// So many read-backs were played whole.
    ReadBacks(usize),
    /// A person takes over.
    Person,
    NoPerson,
    /// The agent has said goodbye and hung up.
    Ended,
    /// The call goes on.
    GoesOn,
}

impl Expectation {
    /// An expectation, if the line is one.
    ///
    /// # Errors
    /// One that cannot be.
    pub(super) fn read(line: &str, shop: &Catalogue) -> Result<Option<Self>, String> {
        let count =
            |text: &str| text.trim().parse().map_err(|_| format!("expected a number, found {text:?}"));
        Ok(Some(match line {
            "no order" => Self::Orders(0),
            "no draft" => Self::NoDraft,
            "one read-back" => Self::ReadBacks(1),
            "person" => Self::Person,
            "no person" => Self::NoPerson,
            "one turn" => Self::Turns(1),
            "silent" => Self::Silent,
            "ended" => Self::Ended,
            "goes on" => Self::GoesOn,
            _ => {
                if let Some(text) = line.strip_prefix("!<") {
                    return Ok(Some(Self::SaysNot(alternatives(text)?)));
                }
                if let Some(text) = line.strip_prefix('<') {
                    return Ok(Some(Self::Says(alternatives(text)?)));
                }
                let Some((key, value)) = line.split_once(':') else { return Ok(None) };
                match key.trim() {
                    "searched" => Self::Searched(alternatives(value)?),
                    "!searched" => Self::SearchedNot(alternatives(value)?),
                    "within" => Self::Within(seconds(value.trim())?),
                    "speech" => Self::Speech(seconds(value.trim())?),
                    "turns" => Self::Turns(count(value)?),
                    "order" => Self::Order(OrderForm::read(value, shop)?),
                    "orders" => Self::Orders(count(value)?),
                    "draft" => Self::Draft(OrderForm::read(value, shop)?),
                    "read-backs" => Self::ReadBacks(count(value)?),
                    _ => return Ok(None),
                }
            }
        }))
    }

    /// What was found instead; none when it is as expected.
    pub(super) fn fails(&self, call: &Rehearsal, answer: &Heard, language: Language) -> Option<String> {
        let shop = call.shop();
        let text = || answer.text();
        let spoken = || Spoken::of(&text(), language);
        let show = |placed: &Placed| placed.shown(shop.catalogue());
        match self {
            Self::Says(words) => (!spoken().has_any(words)).then(text),
            Self::SaysNot(words) => spoken().has_any(words).then(text),
            Self::Searched(words) => (!searched(answer, language).has_any(words)).then(|| queries(answer)),
            Self::SearchedNot(words) => searched(answer, language).has_any(words).then(|| queries(answer)),
            Self::Within(ms) => longer(answer.speech_ms, *ms),
            Self::Speech(ms) => longer(call.speech_ms(), *ms),
            Self::Silent => (answer.speech_ms > 0).then(text),
            Self::Turns(count) => {
                let turns = &answer.turns;
                (turns.len() != *count).then(|| format!("{} turns: {}", turns.len(), turns.join(" / ")))
            }
            Self::Order(form) => {
                let placed: Vec<&Placed> = shop.placed().collect();
                match placed.as_slice() {
                    [order] if !form.differs(order, shop.catalogue()) => None,
                    [] => Some("no order".to_owned()),
                    orders => Some(orders.iter().map(|order| show(order)).collect::<Vec<_>>().join(" and ")),
                }
            }
            Self::Orders(count) => {
                let placed: Vec<String> = shop.placed().map(show).collect();
                (placed.len() != *count)
                    .then(|| if placed.is_empty() { "no order".to_owned() } else { placed.join(" and ") })
            }
            Self::Draft(form) => match shop.draft() {
                Some(draft) if !form.differs(draft, shop.catalogue()) => None,
                Some(draft) => Some(show(draft)),
                None => Some("no draft".to_owned()),
            },
            Self::NoDraft => shop.draft().map(show),
            Self::ReadBacks(count) => {
                let found = call.read_backs();
                (found != *count).then(|| format!("{found} whole read-backs"))
            }
            Self::Person => match call.over() {
                Some(End::Person(_)) => None,
                other => Some(end(other).to_owned()),
            },
            Self::NoPerson => match call.over() {
                Some(End::Person(_)) => Some("a person takes over".to_owned()),
                _ => None,
            },
            Self::Ended => match call.over() {
                Some(End::Agent) => None,
                other => Some(end(other).to_owned()),
            },
            Self::GoesOn => call.over().map(|over| end(Some(over)).to_owned()),
        }
    }
}

/// The words between bars, folded.
pub(super) fn alternatives(text: &str) -> Result<Vec<String>, String> {
    let words: Vec<String> = text.split('|').map(|word| fold(word.trim())).collect();
    if words.iter().any(String::is_empty) {
        return Err(format!("expected words between |, found {:?}", text.trim()));
    }
    Ok(words)
}

fn longer(found: u64, most: u64) -> Option<String> {
    (found > most).then(|| format!("{}.{} s of speech", found / 1000, found % 1000 / 100))
}

fn end(over: Option<&End>) -> &'static str {
    match over {
        None => "a call that goes on",
        Some(End::Agent) => "the agent hung up",
        Some(End::Person(_)) => "a person takes over",
        Some(End::Caller) => "the caller hung up",
    }
}

/// What was said as words and as digits, so that `35960` finds "тридцать пять тысяч девятьсот шестьдесят", and `4521` what
/// was said in groups.
pub(super) struct Spoken {
    text: String,
    digits: String,
}

impl Spoken {
    pub(super) fn of(text: &str, language: Language) -> Self {
        let values = numbers(text, language).into_iter().map(|value| value.to_string());
        let runs = dictated(text, language);
        let digits = std::iter::once(in_digits(text, language)).chain(values).chain(runs);
        Self { text: fold(text), digits: fold(&digits.collect::<Vec<_>>().join(" | ")) }
    }

    pub(super) fn has_any(&self, words: &[String]) -> bool {
        words.iter().any(|word| holds(&self.text, word) || holds(&self.digits, word))
    }
}

/// Whether a text holds these words; digits at their ends are whole numbers.
fn holds(text: &str, sought: &str) -> bool {
    text.match_indices(sought).any(|(at, _)| {
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let (before, after) = (text[..at].chars().next_back(), text[at + sought.len()..].chars().next());
        let begins = is_digit(sought.chars().next()) && is_digit(before);
        let ends = is_digit(sought.chars().next_back()) && is_digit(after);
        !begins && !ends
    })
}

fn fold(text: &str) -> String {
    text.to_lowercase().replace('ё', "е")
}

fn queries(answer: &Heard) -> String {
    let query = |(act, _): &(crate::orders::ActionRequest, _)| match &act.action {
        OrderAction::FindProducts { query } => Some(query.clone()),
        _ => None,
    };
    answer.acts.iter().filter_map(query).collect::<Vec<_>>().join(" / ")
}

fn searched(answer: &Heard, language: Language) -> Spoken {
    Spoken::of(&queries(answer), language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_words_and_only_whole() {
        let spoken = Spoken::of("Итого тридцать пять тысяч девятьсот шестьдесят рублей.", Language::Russian);
        assert!(spoken.has_any(&["35960".to_owned()]));
        assert!(spoken.has_any(&["рубл".to_owned()]));
        assert!(!spoken.has_any(&["596".to_owned(), "5960".to_owned()]));
    }
}
