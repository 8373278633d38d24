//! English streets: the house before the name, the kind behind it.

use super::super::super::act::AddressPart;
use super::super::super::question::Question;
use super::super::Ear;
use super::{is_name_word, joined};

/// Kinds that are words of everyday speech too: with a house before them only.
const WEAK: &[&str] = &["drive", "court", "way", "place", "square", "st"];

/// Hears a street, its house before it.
pub(super) fn hear(ear: &mut Ear<'_>, part: &mut AddressPart, begin: &mut Option<usize>) {
    let strong = |word: &str| super::is_street_word(word) && word.is_ascii();
    let marker = (0..ear.words.len())
        .find(|at| !ear.is_taken(*at) && (strong(ear.word(*at)) || WEAK.contains(&ear.word(*at))));
    if let Some(marker) = marker {
        let mut from = marker;
        let mut name: Vec<String> = Vec::new();
        if let Some(number) = ear.numbers.iter().find(|n| n.ordinal && n.at.end == marker) {
            from = number.at.start;
            name = ear.words[number.at.clone()].to_vec();
            if name.len() == 2 && matches!(name[1].as_str(), "st" | "nd" | "rd" | "th") {
                name = vec![name.concat()];
            }
        } else {
            while from > 0 && marker - from < 3 && is_name_word(ear, from - 1) {
                from -= 1;
            }
            name.extend_from_slice(&ear.words[from..marker]);
        }
        let house = house_ending_at(ear, from);
        if name.is_empty() || house.is_none() && WEAK.contains(&ear.word(marker)) {
            return;
        }
        name.push(ear.word(marker).to_owned());
        put(ear, part, begin, joined(&name), (from, marker + 1), house);
        return;
    }
    if !ear.asked(|q| matches!(q, Question::Street)) {
        return;
    }
    // "twelve broadway" where an address was asked for.
    let from = (0..ear.words.len()).find(|at| is_name_word(ear, *at) && ear.word(*at).is_ascii());
    let Some(from) = from else { return };
    let to = (from..ear.words.len()).find(|at| !is_name_word(ear, *at)).unwrap_or(ear.words.len());
    let house = house_ending_at(ear, from);
    if to - from <= 3 && (house.is_some() || to == ear.words.len()) {
        let name = joined(&ear.words[from..to]);
        put(ear, part, begin, name, (from, to), house);
    }
}

fn put(
    ear: &mut Ear<'_>,
    part: &mut AddressPart,
    begin: &mut Option<usize>,
    street: String,
    (from, to): (usize, usize),
    house: Option<(String, usize)>,
) {
    part.street = Some(street);
    ear.take(from, to);
    let mut start = from;
    if let Some((digits, at)) = house {
        ear.take(at, from);
        start = at;
        part.house = part.house.take().or(Some(digits));
    } else if let Some(number) = ear.number_at(to).filter(|n| !n.ordinal && !ear.is_taken(to)).cloned()
        && part.house.is_none()
    {
        ear.take(to, number.at.end);
        part.house = Some(number.digits);
    }
    if matches!(ear.before(start), "to" | "at" | "on" | "is") {
        ear.take(start - 1, start);
    }
    *begin = Some(begin.map_or(start, |b| b.min(start)));
}

/// The run of numbers that ends here, joined as a door has them.
fn house_ending_at(ear: &Ear<'_>, end: usize) -> Option<(String, usize)> {
    let mut at = end;
    let mut digits = String::new();
    while let Some(number) =
        ear.numbers.iter().find(|n| n.at.end == at && !n.ordinal && !ear.is_taken(n.at.start))
    {
        digits = format!("{}{digits}", number.digits);
        at = number.at.start;
    }
    (!digits.is_empty() && digits.len() <= 6).then_some((digits, at))
}
