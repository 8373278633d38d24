//! Numbers that name: telephones, codes, orders, cards.

use std::ops::Range;

use super::super::act::{Act, Choice};
use super::super::question::Question;
use super::phrases::Cue;
use super::{Ear, goods};

/// Hears them.
pub(super) fn hear(ear: &mut Ear<'_>) {
    let runs = runs(ear);
    let mut named = false;
    for (digits, at) in &runs {
        if (at.start..at.end).any(|at| ear.is_taken(at)) {
            continue;
        }
        let lead = lead(ear, at.start);
        let led = |cue: Cue| lead.is_some_and(|(_, _, own)| own == cue);
        let from = lead.map_or(at.start, |(from, ..)| from);
        let length = digits.len();
        let sized = goods::sizes::has_known(ear, at);
        if led(Cue::Card) && length > 3 || (13..=19).contains(&length) && !sized && !led(Cue::Phone) {
            ear.act(from, at.end, Act::CardNumber);
        } else if ear.asked(|q| *q == Question::Code) && (3..=8).contains(&length) {
            ear.act(at.start, at.end, Act::Code { digits: digits.clone() });
        } else if let Some(number) = lead
            .filter(|(_, _, cue)| matches!(cue, Cue::OrderNumber | Cue::Status))
            .and_then(|_| order_number(ear, digits, at, lead))
            .filter(|_| digits.len() != 11 && !ear.has_cue(|cue| matches!(cue, Cue::Placed | Cue::Cancel)))
        {
            named = true;
            ear.act(from, at.end, Act::Status { number: Some(number) });
        } else if !sized && (10..=12).contains(&length)
            || (7..=15).contains(&length) && (led(Cue::Phone) || ear.asked(|q| *q == Question::Phone))
        {
            let from = if led(Cue::Phone) { from } else { at.start };
            ear.act(from, at.end, Act::Phone { digits: digits.clone() });
        } else if let Some(number) = order_number(ear, digits, at, lead) {
            named = true;
            let placed = ear.has_cue(|cue| cue == Cue::Placed);
            let cancels = placed || ear.has_cue(|cue| matches!(cue, Cue::Cancel));
            let number = Some(number);
            let from =
                if led(Cue::OrderNumber) || led(Cue::Cancel) || led(Cue::Placed) { from } else { at.start };
            ear.act(
                from,
                at.end,
                if cancels { Act::ChangePlaced { number } } else { Act::Status { number } },
            );
        }
    }
    if named {
        // The number belongs to what was said of the order: one act, not two.
        for at in 0..ear.words.len() {
            let told =
                |cue| matches!(cue, Cue::Status | Cue::Placed | Cue::OrderNumber | Cue::Cancel | Cue::When);
            if let Some((end, cue)) = ear.cue_at(at)
                && told(cue)
            {
                ear.take(at, end);
            }
        }
    }
    if ear.asked(|q| *q == Question::WhichOrder) && !named {
        let [(digits, at)] = runs.as_slice() else { return };
        if let (1, Ok(nth)) = (digits.len(), digits.parse()) {
            ear.act(at.start, at.end, Act::Choose { choice: Choice::Nth(nth) });
        }
    }
}

/// Unbroken runs of numbers, with the digits as they would be typed.
fn runs(ear: &Ear<'_>) -> Vec<(String, Range<usize>)> {
    let mut runs: Vec<(String, Range<usize>)> = Vec::new();
    for number in ear.numbers.iter().filter(|n| !n.ordinal) {
        let joins = |end: usize| {
            (end..number.at.start).all(|at| matches!(ear.word(at), "тире" | "дефис" | "dash" | "hyphen"))
        };
        match runs.last_mut() {
            Some((digits, range)) if joins(range.end) => {
                digits.push_str(&number.digits);
                range.end = number.at.end;
            }
            _ => runs.push((number.digits.clone(), number.at.clone())),
        }
    }
    runs
}

/// The phrase that leads a number in, with at most three words of no weight between.
fn lead(ear: &Ear<'_>, number: usize) -> Option<(usize, usize, Cue)> {
    let mut at = number;
    for _ in 0..5 {
        at = at.checked_sub(1)?;
        match ear.cues[at] {
            Some((from, end, cue))
                if matches!(cue, Cue::Card | Cue::Phone | Cue::OrderNumber | Cue::Placed | Cue::Status)
                    || cue == Cue::Cancel
                        && ear.words[from..end].iter().any(|w| w.starts_with("заказ") || w == "order") =>
            {
                return Some((from, end, cue));
            }
            Some((_, _, Cue::Filler | Cue::Nth | Cue::NameIs | Cue::PriceIs | Cue::Add)) => {}
            None if matches!(ear.word(at), "ord" | "плюс" | "plus") => {}
            _ => return None,
        }
    }
    None
}

/// The digits of an order's number, where one was asked for or named.
fn order_number(
    ear: &Ear<'_>,
    digits: &str,
    at: &Range<usize>,
    lead: Option<(usize, usize, Cue)>,
) -> Option<String> {
    let asked = ear.asked(|q| *q == Question::WhichOrder);
    let explicit = lead.is_some_and(|(from, end, _)| {
        ear.words[from..end].iter().any(|w| w.starts_with("номер") || w == "number" || w == "no")
    }) || (at.start.saturating_sub(2)..at.start)
        .any(|i| matches!(ear.word(i), "номер" | "number"));
    let least = match (lead.map(|(_, _, cue)| cue), asked) {
        (Some(Cue::OrderNumber | Cue::Cancel | Cue::Placed | Cue::Status), _) => {
            if explicit {
                1
            } else {
                3
            }
        }
        (_, true) => 2,
        _ => return None,
    };
    // "ORD-20260214-0017": the day is the same for everybody.
    let dated = digits.len() > 9 && digits.starts_with("20");
    let digits = if dated { &digits[8..] } else { digits };
    (digits.len() >= least && digits.len() <= 16).then(|| digits.to_owned())
}
