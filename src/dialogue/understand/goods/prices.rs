//! Prices among the numbers: limits, and the price of the one that is meant.

use super::super::super::question::Question;
use super::super::Ear;
use super::super::phrases::Cue;
use super::sizes::Role;

/// Minor units of one.
const MINOR: i64 = 100;

/// Limits of price, and the price of the one that is meant.
pub(super) fn prices(ear: &Ear<'_>, roles: &mut [Role]) {
    for (number, role) in ear.numbers.iter().zip(roles.iter_mut()) {
        let at = number.at.start;
        if number.ordinal || ear.is_taken(at) {
            continue;
        }
        let money = matches!(ear.cue(number.at.end), Some(Cue::Currency)) && ear.word(number.at.end) != "р";
        let thousands = ear.words[number.at.clone()]
            .iter()
            .any(|w| w.starts_with("тысяч") || w.starts_with("тыщ") || w == "thousand" || w == "hundred");
        let counted = !ear.context.shop.lexicon.units(ear.word(number.at.end)).is_empty();
        let lead = price_lead(ear, at);
        let cue = (lead < at).then(|| ear.cue(lead)).flatten();
        let large = money || thousands || number.value >= 500 && !counted;
        let minor = i64::try_from(number.value).unwrap_or(i64::MAX / MINOR).saturating_mul(MINOR);
        let priced = match cue {
            Some(Cue::PriceMax)
                if large
                    || is_outright(ear.word(lead), ear.word(lead + 1)) && !counted && number.value >= 10 =>
            {
                Role::Most(minor)
            }
            Some(Cue::PriceMin) if large => Role::Least(minor),
            Some(Cue::PriceIs)
                if large
                    || number.value >= 100
                        && ear.word(lead) != "по"
                        && !counted
                        && is_known_price(ear, minor) =>
            {
                Role::Price(minor)
            }
            _ if money || thousands && is_known_price(ear, minor) && !counted => Role::Price(minor),
            _ => continue,
        };
        *role = priced;
    }
    // "за девять четыреста девяносто": thousands and hundreds, with the word left out.
    for index in 1..roles.len() {
        let (first, second) = (&ear.numbers[index - 1], &ear.numbers[index]);
        let minor = i64::try_from(first.value.min(999) * 1000 + second.value.min(999)).unwrap_or(0) * MINOR;
        let lead = price_lead(ear, first.at.start);
        let cue = (lead < first.at.start).then(|| ear.cue(lead)).flatten();
        let joined =
            first.at.end == second.at.start && first.value < 100 && (100..1000).contains(&second.value);
        let free =
            matches!(roles[index - 1], Role::Open) && matches!(roles[index], Role::Open | Role::Price(_));
        if joined && free && cue == Some(Cue::PriceIs) && is_known_price(ear, minor) {
            roles[index - 1] = Role::Price(minor);
            roles[index] = Role::Parts(Vec::new());
        }
    }
    // "от пяти до девяти тысяч": five thousand.
    for index in 1..roles.len() {
        if let (Role::Open, Role::Most(most)) = (&roles[index - 1], &roles[index]) {
            let number = &ear.numbers[index - 1];
            let minor = i64::try_from(number.value).unwrap_or(0).saturating_mul(1000 * MINOR);
            let from = number
                .at
                .start
                .checked_sub(1)
                .is_some_and(|at| matches!(ear.word(at), "от" | "from" | "between"));
            if from && minor < *most {
                roles[index - 1] = Role::Least(minor);
            }
        }
    }
}

fn is_outright(word: &str, next: &str) -> bool {
    matches!(word, "дешевле" | "cheaper" | "under" | "below") || word == "не" && next == "дороже"
}

/// Whether one of the products told costs about so much.
fn is_known_price(ear: &Ear<'_>, minor: i64) -> bool {
    let near = |price: i64| (price - minor).abs() <= minor / 10;
    ear.context.told.iter().any(|product| near(product.price.minor))
        || ear.asked(|q| matches!(q, Question::Choice | Question::OrderIt)) && minor >= 50_000
}

/// Where the phrase begins that leads a price in.
pub(super) fn price_lead(ear: &Ear<'_>, number: usize) -> usize {
    for back in 1..=3 {
        let Some(at) = number.checked_sub(back) else { break };
        match ear.cues[at] {
            Some((from, _, Cue::PriceMax | Cue::PriceMin | Cue::PriceIs)) => return from,
            Some((_, _, Cue::Filler)) if back < 3 => {}
            _ => break,
        }
    }
    number
}

/// Where a price ends: its currency.
pub(super) fn price_end(ear: &Ear<'_>, end: usize) -> usize {
    end + usize::from(ear.cue(end) == Some(Cue::Currency))
}
