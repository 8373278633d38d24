//! Russian streets: the kind before or behind the name, numbers in names, the house behind.

use super::super::super::act::AddressPart;
use super::super::super::question::Question;
use super::super::Ear;
use super::super::phrases::Cue;
use super::super::word::capitalised;
use super::{house_tail, is_name_word, joined, label};

const MONTHS: &[&str] = &[
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];

/// A kind of street in its nominative, and whether it is feminine.
fn kind(word: &str) -> Option<(&'static str, bool)> {
    Some(match word {
        "улица" | "улицу" | "улице" | "улицы" | "ул" => ("улица", true),
        "проспект" | "проспекте" | "проспекта" | "проспекту" | "пр" | "просп" => {
            ("проспект", false)
        }
        "переулок" | "переулке" | "переулка" | "пер" => ("переулок", false),
        "бульвар" | "бульваре" | "бульвара" => ("бульвар", false),
        "шоссе" => ("шоссе", false),
        "площадь" | "площади" => ("площадь", true),
        "набережная" | "набережную" | "набережной" => ("набережная", true),
        "проезд" | "проезде" | "проезда" => ("проезд", false),
        "микрорайон" | "микрорайоне" => ("микрорайон", false),
        "аллея" | "аллею" | "аллее" => ("аллея", true),
        "тупик" | "тупике" => ("тупик", false),
        "тракт" | "тракте" => ("тракт", false),
        "авеню" => ("авеню", true),
        _ => return None,
    })
}

/// Whether the word is a kind of street, in either language.
pub(in crate::dialogue::understand) fn is_street_word(word: &str) -> bool {
    kind(word).is_some()
        || matches!(
            word,
            "street"
                | "avenue"
                | "road"
                | "lane"
                | "boulevard"
                | "terrace"
                | "highway"
                | "parkway"
                | "ave"
                | "rd"
                | "blvd"
        )
}

/// Hears a street and the house behind it.
pub(super) fn hear(ear: &mut Ear<'_>, text: &str, part: &mut AddressPart, begin: &mut Option<usize>) {
    let marker = (0..ear.words.len()).find(|at| kind(ear.word(*at)).is_some() && !ear.is_taken(*at));
    let asked = ear.asked(|q| *q == Question::Street);
    let found = match marker {
        Some(at) => named_by_kind(ear, at),
        None => named_before_house(ear, asked, *begin),
    };
    let Some((street, from, to)) = found else { return };
    ear.take(from, to);
    for before in (from.saturating_sub(2)..from).rev() {
        if !matches!(ear.word(before), "на" | "по" | "адрес" | "адресу" | "это" | "в") {
            break;
        }
        ear.take(before, before + 1);
    }
    part.street = Some(street);
    *begin = Some(begin.map_or(from, |b| b.min(from)));
    // The house without its label, and then the flat: "ленина двенадцать пять".
    let Some(number) = ear.number_at(to).filter(|n| !n.ordinal && !ear.is_taken(to)).cloned() else { return };
    if part.house.is_some() {
        return;
    }
    let (house, end) = house_tail(ear, text, number.digits.clone(), number.at.end);
    part.house = Some(house);
    ear.take(to, end);
    if let Some(flat) = ear.number_at(end).filter(|n| !n.ordinal && !ear.is_taken(end)).cloned()
        && part.flat.is_none()
        && flat.at.end == ear.words.len()
    {
        ear.take(end, flat.at.end);
        part.flat = Some(flat.digits);
    }
}

/// `улица Ленина`, `Невский проспект`, `улица 8 Марта`, `1-я Тверская улица`.
fn named_by_kind(ear: &Ear<'_>, marker: usize) -> Option<(String, usize, usize)> {
    let (kind_name, feminine) = kind(ear.word(marker))?;
    let (mut name, end) = name_from(ear, marker + 1, feminine);
    if !name.is_empty() {
        if let [only] = name.as_mut_slice() {
            *only = nominative(only, feminine, false);
        }
        return Some((format!("{kind_name} {}", name.join(" ")), marker, end));
    }
    // The name before its kind.
    let mut from = marker;
    while from > 0 && marker - from < 2 && is_name_word(ear, from - 1) {
        from -= 1;
    }
    if from == marker {
        // "Пятая авеню": an ordinal alone is a name.
        let number = ear.numbers.iter().find(|n| n.ordinal && n.at.end == marker)?;
        let name = nominative(&ear.words[number.at.clone()].join(" "), feminine, true);
        return Some((format!("{} {kind_name}", capitalised(&name)), number.at.start, marker + 1));
    }
    let mut name: Vec<String> =
        ear.words[from..marker].iter().map(|w| nominative(w, feminine, true)).collect();
    for word in &mut name {
        *word = capitalised(word);
    }
    let mut prefix = String::new();
    if let Some((said, start)) = ordinal_before(ear, from, feminine) {
        (prefix, from) = (said, start);
    }
    Some((format!("{kind_name} {prefix}{}", name.join(" ")), from, marker + 1))
}

/// The street's own words from here: plain words, with a number that is part of a name.
fn name_from(ear: &Ear<'_>, from: usize, feminine: bool) -> (Vec<String>, usize) {
    let mut name: Vec<String> = Vec::new();
    let mut at = from;
    while name.len() < 4 {
        if let Some(number) = ear.number_at(at).filter(|_| name.is_empty()) {
            let next = ear.word(number.at.end);
            if MONTHS.contains(&next) {
                name.push(number.value.to_string());
                name.push(capitalised(next));
                return (name, number.at.end + 1);
            }
            if matches!(next, "лет" | "летия") {
                name.extend([number.value.to_string(), capitalised(next)]);
                at = number.at.end + 1;
                continue;
            }
            // "1-я Тверская", "первая Тверская".
            if matches!(next, "я" | "й" | "ая" | "ый" | "ой") && is_name_word(ear, number.at.end + 1)
            {
                name.push(format!("{}-{}", number.digits, if feminine { "я" } else { "й" }));
                at = number.at.end + 1;
                continue;
            }
            if number.ordinal && is_name_word(ear, number.at.end) {
                let said = ear.words[number.at.clone()].join(" ");
                name.push(capitalised(&nominative(&said, feminine, true)));
                at = number.at.end;
                continue;
            }
            break;
        }
        if !is_name_word(ear, at) {
            break;
        }
        name.push(capitalised(ear.word(at)));
        at += 1;
    }
    (name, at)
}

/// An ordinal that belongs to the name behind it: "первая", "1-я".
fn ordinal_before(ear: &Ear<'_>, from: usize, feminine: bool) -> Option<(String, usize)> {
    if let Some(number) = ear.numbers.iter().find(|n| n.ordinal && n.at.end == from) {
        let said = nominative(&ear.words[number.at.clone()].join(" "), feminine, true);
        return Some((capitalised(&said) + " ", number.at.start));
    }
    typed_ordinal_before(ear, from).map(|(typed, start)| (format!("{typed} "), start))
}

fn typed_ordinal_before(ear: &Ear<'_>, from: usize) -> Option<(String, usize)> {
    let suffix = ear.word(from.checked_sub(1)?);
    let number = ear.numbers.iter().find(|n| n.at.end + 1 == from)?;
    matches!(suffix, "я" | "й").then(|| (format!("{}-{suffix}", number.digits), number.at.start))
}

/// A street without its kind: before "дом", or as the answer to the question for it.
fn named_before_house(ear: &Ear<'_>, asked: bool, begin: Option<usize>) -> Option<(String, usize, usize)> {
    let house = (0..ear.words.len()).find(|at| matches!(ear.word(*at), "дом" | "д") && ear.is_taken(*at));
    if let (Some(house), Some(_)) = (house, begin) {
        let (from, to) = ending_at(ear, house)?;
        let named = ear.words[from..to]
            .iter()
            .all(|w| ear.context.shop.lexicon.term_at(std::slice::from_ref(w), 0).is_none());
        if let Some((prefix, start)) = ordinal_before(ear, from, true) {
            let name = joined(&ear.words[from..to]);
            return named.then(|| (format!("улица {prefix}{name}"), start, to));
        }
        return named.then(|| (street_of(&ear.words[from..to]), from, to));
    }
    // "1-я Тверская", "восьмого марта двенадцать", "ленина".
    if !asked || ear.has_cue(|cue| matches!(cue, Cue::Cancel | Cue::Person | Cue::Pickup | Cue::Withhold)) {
        return None;
    }
    if let Some(number) = ear.numbers.first() {
        let (name, end) = name_from(ear, number.at.start, true);
        if name.len() > 1 {
            return Some((format!("улица {}", name.join(" ")), number.at.start, end));
        }
    }
    let from = (0..ear.words.len()).find(|at| is_name_word(ear, *at))?;
    let to = (from..ear.words.len()).find(|at| !is_name_word(ear, *at)).unwrap_or(ear.words.len());
    let cyrillic = !ear.word(from).is_ascii();
    // What stands before a name is of no weight, or the answer is none.
    let lead = (0..from)
        .all(|at| ear.is_filler(at) || ear.is_taken(at) || ear.cue(at).is_some() || ear.word(at) == "адрес");
    (cyrillic && to - from <= 3 && lead).then(|| (street_of(&ear.words[from..to]), from, to))
}

fn ending_at(ear: &Ear<'_>, house: usize) -> Option<(usize, usize)> {
    let mut from = house;
    while from > 0 && house - from < 3 && is_name_word(ear, from - 1) {
        from -= 1;
    }
    (from < house && label(ear.word(from)).is_none()).then_some((from, house))
}

fn street_of(words: &[String]) -> String {
    let name: Vec<String> = words.iter().map(|w| capitalised(&nominative(w, true, false))).collect();
    let name = name.join(" ");
    if name.ends_with("ий") || name.ends_with("ый") { name } else { format!("улица {name}") }
}

/// An adjective of a street's name in its nominative; other words stay as they are.
fn nominative(word: &str, feminine: bool, before: bool) -> String {
    let cut = |n: usize| word.chars().take(word.chars().count().saturating_sub(n)).collect::<String>();
    let body = cut(2);
    let long = body.chars().count() > 2;
    match () {
        () if long && feminine && word.ends_with("ую") => body + "ая",
        () if long && feminine && word.ends_with("юю") => body + "яя",
        () if long && feminine && before && word.ends_with("ой") => body + "ая",
        () if long && !feminine && before && word.ends_with("ом") => {
            let soft = body.ends_with(['к', 'г', 'х']);
            body + if soft { "ий" } else { "ый" }
        }
        () => word.to_owned(),
    }
}
