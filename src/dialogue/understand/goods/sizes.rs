//! Which number is a size, which an amount, which a price: by what the catalogue really has, by the words beside it, by
//! where it stands.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::super::question::Question;
use super::super::super::shop::{KIND, keys};
use super::super::Ear;
use super::super::phrases::Cue;
use super::prices;
use super::token::{Token, What};
use crate::dialogue::act::{Description, Term};

/// What a number is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dialogue::understand) enum Role {
    /// Values of attributes.
    Parts(Vec<(String, String)>),
    /// How many.
    Amount,
    /// Both in one English number: "four fifteen inch tires".
    AmountAnd(u32, String, String),
    /// Prices in minor units.
    Most(i64),
    Least(i64),
    Price(i64),
    /// Which one.
    Nth,
    /// Nobody knows yet.
    Open,
}

/// Whether these words hold a whole size that the catalogue has.
pub(in crate::dialogue::understand) fn has_known(ear: &Ear<'_>, at: &Range<usize>) -> bool {
    let mut roles = vec![Role::Open; ear.numbers.len()];
    windows(ear, &mut roles, true);
    ear.numbers.iter().zip(&roles).any(|(n, role)| at.contains(&n.at.start) && matches!(role, Role::Parts(_)))
}

/// The part of each number.
pub(super) fn roles(ear: &Ear<'_>, tokens: &[Token]) -> Vec<Role> {
    let mut roles = vec![Role::Open; ear.numbers.len()];
    prices::prices(ear, &mut roles);
    windows(ear, &mut roles, true);
    windows(ear, &mut roles, false);
    marked(ear, &mut roles);
    for token in 0..tokens.len() {
        if let What::Number(index) = tokens[token].what
            && roles[index] == Role::Open
        {
            roles[index] = lone(ear, tokens, token, index, &roles);
        }
    }
    roles
}

/// Sizes said in one breath: numbers in the order of an attribute's parts.
fn windows(ear: &Ear<'_>, roles: &mut [Role], known_only: bool) {
    let lexicon = &ear.context.shop.lexicon;
    for attribute in &ear.context.shop.profile.attributes {
        let parts = keys(attribute);
        let known: Vec<&BTreeMap<u64, String>> =
            parts.iter().filter_map(|part| lexicon.numbers.get(*part)).collect();
        if known.len() < 2 || known.len() != parts.len() {
            continue;
        }
        let mut first = 0;
        while first < ear.numbers.len() {
            let run = run_from(ear, roles, first, &parts);
            match fit(ear, first, run, &known, known_only) {
                Some((values, used)) => {
                    let named = parts.iter().zip(&known).zip(&values).map(|((part, known), value)| {
                        let text = known.get(value).cloned().unwrap_or_else(|| value.to_string());
                        ((*part).to_owned(), text)
                    });
                    roles[first] = Role::Parts(named.collect());
                    for role in &mut roles[first + 1..first + used] {
                        *role = Role::Parts(Vec::new());
                    }
                    first += used;
                }
                None => first += 1,
            }
        }
    }
}

/// How many open numbers follow one another from here, with nothing between but what joins a size.
fn run_from(ear: &Ear<'_>, roles: &[Role], first: usize, parts: &[&str]) -> usize {
    let lexicon = &ear.context.shop.lexicon;
    let mut count = 0;
    for (index, (number, role)) in ear.numbers.iter().zip(roles).enumerate().skip(first) {
        let free = *role == Role::Open && !number.at.clone().any(|at| ear.is_taken(at));
        let linked = count == 0 || {
            let end = ear.numbers[index - 1].at.end;
            (end..number.at.start).all(|at| {
                let word = ear.word(at);
                LINKS.contains(&word) || lexicon.marked(word).iter().any(|key| parts.contains(&key.as_str()))
            })
        };
        if !free || !linked {
            break;
        }
        count += 1;
    }
    count
}

/// The values of the parts that a run begins with, and how many numbers they use.
fn fit(
    ear: &Ear<'_>,
    first: usize,
    run: usize,
    known: &[&BTreeMap<u64, String>],
    known_only: bool,
) -> Option<(Vec<u64>, usize)> {
    let n = known.len();
    let numbers = &ear.numbers[first..first + run];
    let all_known = |values: &[u64]| values.iter().zip(known).all(|(value, known)| known.contains_key(value));
    let shaped = |values: &[u64]| values.iter().zip(known).all(|(value, known)| is_like(*value, known));
    let good = |values: &[u64]| if known_only { all_known(values) } else { shaped(values) };
    if run >= n {
        let values: Vec<u64> = numbers[..n].iter().map(|number| number.value).collect();
        if good(&values) {
            return Some((values, n));
        }
    }
    // Dictated digit by digit, or written without a space.
    let lengths: Option<Vec<usize>> = known.iter().map(|known| uniform_length(known)).collect();
    if let Some(lengths) = lengths {
        let whole: usize = lengths.iter().sum();
        let mut digits = String::new();
        for (used, number) in numbers.iter().enumerate().filter(|(_, n)| !n.ordinal) {
            digits.push_str(&number.digits);
            if digits.len() > whole {
                break;
            }
            if digits.len() == whole && used + 1 != n && digits.bytes().all(|b| b.is_ascii_digit()) {
                let mut rest = digits.as_str();
                let values: Option<Vec<u64>> = lengths
                    .iter()
                    .map(|length| {
                        let (part, left) = rest.split_at(*length);
                        rest = left;
                        part.parse().ok()
                    })
                    .collect();
                if let Some(values) = values.filter(|values| good(values)) {
                    return Some((values, used + 1));
                }
            }
        }
    }
    // The first parts of a size, where they are surely such.
    if known_only && n > 2 && run >= n - 1 {
        let values: Vec<u64> = numbers[..n - 1].iter().map(|number| number.value).collect();
        if all_known(&values) && !ear.numbers[first..first + n - 1].iter().any(|number| number.ordinal) {
            return Some((values, n - 1));
        }
    }
    None
}

/// Whether a number might be a value of an attribute that has these: as many digits.
fn is_like(value: u64, known: &BTreeMap<u64, String>) -> bool {
    let digits = |value: u64| value.to_string().len();
    known.keys().any(|known| digits(*known) == digits(value))
}

fn uniform_length(known: &BTreeMap<u64, String>) -> Option<usize> {
    let mut lengths = known.keys().map(|value| value.to_string().len());
    let first = lengths.next()?;
    lengths.all(|length| length == first).then_some(first)
}

const LINKS: &[&str] = &["на", "дробь", "by", "slash", "x", "х", "эр", "р", "r", "zr"];

/// Numbers with a mark beside them: "радиус 16", "20 mg", "шестнадцатого радиуса".
fn marked(ear: &Ear<'_>, roles: &mut [Role]) {
    let lexicon = &ear.context.shop.lexicon;
    let mut used: Vec<usize> = Vec::new();
    for known_only in [true, false] {
        for (number, own) in ear.numbers.iter().zip(roles.iter_mut()) {
            if *own != Role::Open || ear.is_taken(number.at.start) {
                continue;
            }
            let after = number.at.end;
            let mut places = vec![after];
            if known_only || lexicon.units(ear.word(after)).is_empty() {
                places.extend(number.at.start.checked_sub(1));
                // "радиус у них 16", "размер 16-й".
                places.extend(number.at.start.checked_sub(2).filter(|at| ear.is_filler(at + 1)));
            }
            let counted = !lexicon.units(ear.word(after)).is_empty();
            for place in places.into_iter().filter(|place| !used.contains(place)) {
                let mark = ear.word(place);
                let weak = ear.is_filler(place);
                let unit = place < number.at.start && counted && !known_only;
                let found = lexicon.marked(mark).iter().find_map(|key| {
                    let known = lexicon.numbers.get(key)?;
                    let text = known.get(&number.value);
                    let takes = text.is_some() && !(weak && place > number.at.start)
                        || !known_only && !weak && !unit && is_like(number.value, known);
                    if takes {
                        return Some(Role::Parts(vec![(
                            key.clone(),
                            text.cloned().unwrap_or_else(|| number.value.to_string()),
                        )]));
                    }
                    let (count, value) = (number.value / 100, number.value % 100);
                    // "пятьсот двадцать таблеток": a dose and a pack.
                    let (hundreds, rest) = (number.value - number.value % 100, number.value % 100);
                    let other = lexicon
                        .numbers
                        .iter()
                        .find(|(own, known)| *own != key && known.contains_key(&hundreds));
                    if let (Some((own, values)), Some(text)) =
                        (other.filter(|_| place == after), known.get(&rest))
                    {
                        let first = (own.clone(), values.get(&hundreds).cloned().unwrap_or_default());
                        return Some(Role::Parts(vec![first, (key.clone(), text.clone())]));
                    }
                    let english = ear.word(number.at.start).bytes().all(|b| b.is_ascii_alphabetic());
                    let both = english
                        && place == after
                        && (1..=9).contains(&count)
                        && known.contains_key(&value)
                        && !ear.word(number.at.start).bytes().all(|b| b.is_ascii_digit());
                    let count = u32::try_from(count).ok().filter(|_| both)?;
                    Some(Role::AmountAnd(count, key.clone(), known.get(&value).cloned().unwrap_or_default()))
                });
                if let Some(role) = found {
                    *own = role;
                    used.push(place);
                    break;
                }
            }
        }
    }
}

/// A number with nothing that tells it: by where it stands and what was asked.
fn lone(ear: &Ear<'_>, tokens: &[Token], at: usize, index: usize, roles: &[Role]) -> Role {
    let number = &ear.numbers[index];
    let lexicon = &ear.context.shop.lexicon;
    if let Some(Question::Attribute { key }) = ear.context.asked {
        let attribute = ear.context.shop.profile.attributes.iter().find(|a| a.key == *key);
        let parts = attribute.map(keys).unwrap_or_default();
        let text = |part: &&str| {
            lexicon.numbers.get(*part)?.get(&number.value).map(|text| ((*part).to_owned(), text.clone()))
        };
        if let Some(found) = parts.iter().rev().find_map(text) {
            return Role::Parts(vec![found]);
        }
        if let [only] = parts.as_slice()
            && lexicon.numbers.get(*only).is_some_and(|known| is_like(number.value, known))
            && !number.ordinal
        {
            return Role::Parts(vec![((*only).to_owned(), number.value.to_string())]);
        }
    }
    if at > 0
        && matches!(
            tokens[..at].iter().rev().find(|t| t.what != What::Filler).map(|t| &t.what),
            Some(What::Cue(Cue::Instead))
        )
    {
        // "вместо четырёх две": what it was counts for nothing.
        return Role::Parts(Vec::new());
    }
    if number.ordinal {
        let listed = ear.context.told.len().max(ear.context.points.len()).max(5);
        if number.value > u64::try_from(listed).unwrap_or(5)
            && let Some(found) = valued(ear, tokens, index)
        {
            return Role::Parts(vec![found]);
        }
        return Role::Nth;
    }
    let right = reach(tokens, at, roles);
    let counts = matches!(right.first(), Some(What::Unit(_) | What::Count(_)))
        || right
            .iter()
            .any(|what| matches!(what, What::Unit(_) | What::Term(_) | What::Cue(Cue::Same | Cue::SameAll)));
    let weightless = |what: &What| matches!(what, What::Filler | What::Cue(Cue::PriceIs | Cue::NameIs));
    let left = tokens[..at].iter().rev().map(|token| &token.what).find(|what| !weightless(what));
    let of_nth = tokens[at + 1..].iter().find(|t| t.what != What::Filler).is_some_and(
        |t| matches!(t.what, What::Number(i) if ear.numbers[i].ordinal && roles[i] == Role::Open),
    );
    let counts = counts || of_nth && ear.word(number.at.end) != "на";
    let direct_unit = matches!(right.first(), Some(What::Unit(_) | What::Count(_)));
    let after_term = matches!(left, Some(What::Term(_) | What::Number(_) | What::Mark));
    if !direct_unit
        && (after_term && !matches!(left, Some(What::Number(i)) if roles[*i] == Role::Amount)
            || number.value >= 100)
        && let Some(found) = valued(ear, tokens, index)
        && (!counts || number.value >= 100 || after_term && !counts_kind(&right))
    {
        return Role::Parts(vec![found]);
    }
    if counts || matches!(left, Some(What::Term(_) | What::Unit(_))) {
        return Role::Amount;
    }
    let nothing_else = ear
        .numbers
        .iter()
        .zip(roles)
        .filter(|(n, role)| **role == Role::Open && !n.ordinal && !ear.is_taken(n.at.start))
        .count()
        == 1;
    let asked = ear.asked(|q| matches!(q, Question::Quantity));
    let corrected = ear
        .asked(|q| matches!(q, Question::Change | Question::ReadBack | Question::OrderIt | Question::Method))
        || ear.context.line.is_some()
            && ear.asked(|q| {
                !matches!(
                    q,
                    Question::Choice
                        | Question::Point
                        | Question::WhichOrder
                        | Question::Phone
                        | Question::Code
                        | Question::House
                        | Question::Street
                        | Question::City
                        | Question::Name
                        | Question::Extra { .. }
                )
            });
    let cued = ear.has_cue(|cue| {
        matches!(cue, Cue::Add | Cue::Remove | Cue::Replace | Cue::More | Cue::Fewer | Cue::Want)
    }) || ear.retracted > 0;
    let after_size = matches!(left, Some(What::Number(i)) if matches!(roles[*i], Role::Parts(_)));
    let twice = ear.numbers.windows(2).all(|pair| pair[0].value == pair[1].value);
    let chosen = ear.asked(|q| matches!(q, Question::Choice | Question::Point | Question::WhichOrder));
    let likely = asked && (nothing_else || twice)
        || nothing_else && (corrected || ear.context.asked.is_none() && ear.context.line.is_some());
    let beyond = number.value > u64::try_from(ear.context.told.len()).unwrap_or(u64::MAX);
    if likely || nothing_else && cued && (!chosen || beyond) || after_size && nothing_else {
        return Role::Amount;
    }
    Role::Open
}

fn counts_kind(right: &[&What]) -> bool {
    right.iter().any(|what| match what {
        What::Term(meanings) => meanings.iter().any(|(key, _)| key == KIND),
        What::Unit(_) => true,
        _ => false,
    })
}

/// What a number may count: the next few tokens, up to another number or a word of joining.
fn reach<'t>(tokens: &'t [Token], at: usize, roles: &[Role]) -> Vec<&'t What> {
    let mut found = Vec::new();
    let mut unknown = 0;
    for token in tokens[at + 1..].iter().take(6) {
        match &token.what {
            What::Term(_) | What::Unit(_) | What::Count(_) | What::Cue(Cue::Same | Cue::SameAll) => {
                found.push(&token.what)
            }
            // A size between: "four two oh five fifty five sixteen tires".
            What::Number(index) if found.is_empty() && matches!(roles.get(*index), Some(Role::Parts(_))) => {}
            What::Filler
            | What::Mark
            | What::Attribute(_)
            | What::Cue(Cue::Extreme(_) | Cue::More | Cue::NameIs | Cue::Add | Cue::Any) => {}
            What::Unknown if unknown == 0 => unknown += 1,
            _ => break,
        }
    }
    found
}

/// The attribute that really has this number among the products that the rest of the sentence allows; one only.
fn valued(ear: &Ear<'_>, tokens: &[Token], index: usize) -> Option<(String, String)> {
    let value = ear.numbers[index].value;
    let lexicon = &ear.context.shop.lexicon;
    let spoken: Vec<Term> = tokens
        .iter()
        .filter_map(|token| match &token.what {
            What::Term(meanings) => meanings.first(),
            _ => None,
        })
        .map(|(key, value)| Term { key: key.clone(), value: value.clone(), said: String::new() })
        .collect();
    let mut found = None;
    for (key, known) in &lexicon.numbers {
        let Some(text) = known.get(&value) else { continue };
        let own = Term { key: key.clone(), value: text.clone(), said: String::new() };
        let possible = spoken.is_empty()
            || spoken.iter().any(|term| {
                let what = Description { with: vec![term.clone(), own.clone()], ..Description::default() };
                ear.context.shop.products.iter().any(|product| ear.context.shop.fits(product, &what))
            });
        if possible {
            if found.is_some() {
                return None;
            }
            found = Some((key.clone(), text.clone()));
        }
    }
    found
}
