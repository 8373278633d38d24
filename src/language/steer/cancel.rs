//! Cancelling: what is to be dropped, and who only speaks of it.

use crate::language::phrase::{has_any, has_stem};
use crate::language::text::words;
use crate::language::{Language, dictated, numerals};

/// The caller wants to drop what is being ordered, or an order that was made: `отмена`, `cancel my order`. A change of
/// mind alone (`я передумал`) is no cancellation; it may be about the size. Nor is a wish not to cancel (`не надо ничего
/// отменять`), a question about it, or a wish to cancel something else than an order (`отмените доставку`).
pub fn wants_cancel(text: &str, language: Language) -> bool {
    cancels(text, language).is_some()
}

/// The caller wants to drop the very order that is being made: no other one is named, by number or as the old one.
pub fn cancels_this(text: &str, language: Language) -> bool {
    cancels(text, language) == Some(Cancelled::This)
}

/// Which order is to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cancelled {
    /// The one at hand, or any: none was named.
    This,
    /// One that was named.
    Another,
}

fn cancels(text: &str, language: Language) -> Option<Cancelled> {
    let words = words(text);
    let [stems, objects, beside, wishes, doubts]: [&[&str]; 5] = match language {
        Language::Russian => [
            &["отмен", "аннулир"],
            &["заказ", "оформлен", "покупк", "его", "ее", "это", "все"],
            RUSSIAN_BESIDE_CANCEL,
            RUSSIAN_CANCEL_WISHES,
            RUSSIAN_CANCEL_DOUBTS,
        ],
        Language::English => [
            &["cancel", "scrap"],
            &["order", "purchase", "it", "that", "this", "them", "everything", "all"],
            ENGLISH_BESIDE_CANCEL,
            ENGLISH_CANCEL_WISHES,
            ENGLISH_CANCEL_DOUBTS,
        ],
    };
    if has_any(&words, doubts) {
        return None;
    }
    if has_any(&words, wishes) {
        return Some(Cancelled::This);
    }
    let is_verb = |word: &String| stems.iter().any(|stem| word.starts_with(stem));
    let at = (0..words.len()).find(|at| is_verb(&words[*at]) && !is_denied(&words, *at, language))?;
    if text.contains('?') && words.len() > 3 {
        // "А отменить потом можно?" is asked; "отменить?" may be a voice that rises.
        return None;
    }
    let rest = &words[at + 1..];
    let object = rest.iter().position(|word| !beside.contains(&word.as_str()));
    let named = |word: &String| objects.iter().any(|object| word.starts_with(object));
    match object.map(|at| (&rest[at], &rest[at + 1..])) {
        None => Some(Cancelled::This),
        Some((word, after)) if named(word) => {
            // A number of one or two digits is what a recogniser makes of "please", or a count.
            let numbered = after
                .first()
                .is_some_and(|next| matches!(next.as_str(), "номер" | "number" | "с" | "от" | "from"))
                || dictated(text, language).iter().any(|digits| digits.len() >= 3);
            Some(if numbered { Cancelled::Another } else { Cancelled::This })
        }
        Some((word, after)) => {
            let another = numerals(std::slice::from_ref(word), language).iter().any(|n| n.ordinal)
                || has_stem(std::slice::from_ref(word), OTHER_ORDERS);
            // "Отмените старый", "отмените старый заказ"; what else is named is a part of an order, or no order.
            let of_order = after.first().is_none_or(|next| {
                named(next)
                    || matches!(next.as_str(), "а" | "и" | "пожалуйста" | "but" | "one" | "and" | "please")
            });
            (another && of_order).then_some(Cancelled::Another)
        }
    }
}

/// Whether the verb at this place is one that is not to be done: `не отменяйте`, `не надо ничего отменять`, `отменять не
/// нужно`, `don't cancel`.
fn is_denied(words: &[String], at: usize, language: Language) -> bool {
    let near = |from: usize, to: usize, list: &[&str]| {
        words[from.min(words.len())..to.min(words.len())].iter().any(|word| list.contains(&word.as_str()))
    };
    let before = at.saturating_sub(4);
    match language {
        Language::Russian => {
            let verb = &words[at];
            // An order to do it follows a "не" only directly: "ничего не надо, отменяйте" is one.
            let told = ["те", "й", "и"].iter().any(|end| verb.ends_with(end));
            near(at.saturating_sub(1), at, &["не", "без"])
                || !told && near(before, at, &["не", "без"])
                || has_any(
                    &words[at + 1..(at + 4).min(words.len())],
                    &["не надо", "не нужно", "не буду", "не хочу", "не стану"],
                )
        }
        Language::English => {
            near(before, at, &["don't", "dont", "not", "never", "won't", "wouldn't", "no", "without"])
                && !has_any(&words[before..at], &["no just", "no please", "no i want to"])
        }
    }
}

const OTHER_ORDERS: &[&str] = &[
    "стар",
    "прошл",
    "предыдущ",
    "перв",
    "втор",
    "трет",
    "последн",
    "друг",
    "вчераш",
    "сегодняш",
    "тот",
    "old",
    "previous",
    "last",
    "first",
    "second",
    "third",
    "other",
    "earlier",
    "yesterday",
];

/// Words between "cancel" and what is cancelled.
const RUSSIAN_BESIDE_CANCEL: &[&str] = &[
    "пожалуйста",
    "мне",
    "мой",
    "моего",
    "этот",
    "этого",
    "наш",
    "весь",
    "давайте",
    "тогда",
    "уже",
    "лучше",
    "вообще",
    "тут",
    "там",
    "нафиг",
    "сейчас",
    "теперь",
    "скорее",
    "я",
    "передумал",
    "передумала",
    "спасибо",
    "девушка",
    "и",
    "да",
    "нет",
];
const ENGLISH_BESIDE_CANCEL: &[&str] = &[
    "please", "the", "my", "whole", "entire", "just", "now", "then", "thanks", "thank", "you", "i",
    "changed", "mind", "and", "yes", "no", "right", "away",
];

const RUSSIAN_CANCEL_WISHES: &[&str] = &[
    "не надо ничего оформлять",
    "ничего не надо оформлять",
    "не буду заказывать",
    "не буду ничего заказывать",
    "не буду брать",
    "не буду ничего брать",
    "брать не буду",
    "заказывать не буду",
    "не хочу заказывать",
    "не хочу ничего заказывать",
    "забудьте про заказ",
    "забудьте о заказе",
    "удалите заказ",
    "снимите заказ",
    "все отбой",
    "отбой",
];
/// Somebody asks about cancelling, or tells of it.
const RUSSIAN_CANCEL_DOUBTS: &[&str] = &[
    "если",
    "смогу",
    "сможем",
    "можно ли",
    "можно будет",
    "потом можно",
    "можно потом",
    "можно отменить",
    "отменить можно",
    "как отменить",
    "когда отменить",
    "отменили",
    "отменился",
    "отменилась",
    "отменился ли",
    "отменен",
    "отменял",
    "отменяла",
    "отменял ли",
    "отменяли",
];
const ENGLISH_CANCEL_WISHES: &[&str] = &[
    "forget it",
    "forget the order",
    "forget about the order",
    "forget about it",
    "never mind the order",
    "i don't want to order",
    "i don't want it any more",
    "i don't want it anymore",
    "i don't want them any more",
    "i don't want them anymore",
    "i'm not buying",
    "i am not buying",
    "i won't buy it",
    "delete the order",
    "drop the order",
    "drop the whole order",
    "call it off",
];
const ENGLISH_CANCEL_DOUBTS: &[&str] = &[
    "if",
    "how do i cancel",
    "how can i cancel",
    "can i cancel",
    "could i cancel",
    "may i cancel",
    "cancel later",
    "cancelled",
    "canceled",
    "cancellation policy",
    "said cancel",
    "say cancel",
];
