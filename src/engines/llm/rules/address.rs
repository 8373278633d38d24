//! Streets and houses in a caller's words.

use std::ops::Range;

use crate::language::{Language, numerals};

use super::places::capitalised;

/// What was said of an address.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct AddressPart {
    /// `улица Ленина`, `Main Street`.
    pub(super) street: Option<String>,
    /// `дом 12, квартира 5`; in English the number alone.
    pub(super) house: Option<String>,
    /// `apartment 5`; Russian has it in `house`.
    pub(super) flat: Option<String>,
}

masked!(AddressPart);

impl AddressPart {
    /// The whole address, once street and house are known.
    pub(super) fn whole(&self, language: Language) -> Option<String> {
        let (street, house) = (self.street.as_ref()?, self.house.as_ref()?);
        let mut text = match language {
            Language::Russian => format!("{street}, {house}"),
            Language::English => format!("{house} {street}"),
        };
        if let Some(flat) = &self.flat {
            text.push_str(", ");
            text.push_str(flat);
        }
        Some(text)
    }

    /// Takes over what a later sentence says.
    pub(super) fn merge(&mut self, later: Self) {
        if later.street.is_some() {
            // Another street: its house is not the old one's.
            *self = later;
            return;
        }
        self.house = later.house.or_else(|| self.house.take());
        self.flat = later.flat.or_else(|| self.flat.take());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.street.is_none() && self.house.is_none() && self.flat.is_none()
    }
}

/// The address in the words and where it stands; `asked`: an address was asked for, so that words without "street" are
/// one too.
pub(super) fn address(said: &[String], asked: bool, language: Language) -> (AddressPart, Range<usize>) {
    match language {
        Language::Russian => russian(said, asked),
        Language::English => english(said, asked),
    }
}

fn russian(said: &[String], asked: bool) -> (AddressPart, Range<usize>) {
    let numbers = numerals(said, Language::Russian);
    let number_at = |at: usize| numbers.iter().find(|n| n.at.start == at && !n.ordinal);
    let marker = said.iter().position(|w| street_name(w).is_some());
    let house_at =
        said.iter().position(|w| matches!(w.as_str(), "дом" | "д" | "дома" | "квартира" | "кв" | "корпус"));
    if marker.is_none() && house_at.is_none() && !asked {
        return (AddressPart::default(), 0..0);
    }
    // The street's own words: after its kind, or before the house where only the name was said.
    let begin = match (marker, house_at) {
        (Some(at), _) => at + 1,
        // "дом пять" in a longer sentence: what stands before it may be anything.
        (None, Some(at)) if !asked => at,
        _ => 0,
    };
    let mut at = begin;
    let mut name: Vec<&str> = Vec::new();
    while at < said.len()
        && number_at(at).is_none()
        && !is_house_word(&said[at])
        && !is_other_matter(&said[at])
    {
        if !RUSSIAN_AROUND.contains(&said[at].as_str()) {
            name.push(&said[at]);
        }
        at += 1;
    }
    // "Невский проспект": the name may also stand before its kind.
    let mut from = marker.unwrap_or(begin);
    if let Some(marker) = marker
        && name.is_empty()
        && marker > 0
        && !RUSSIAN_AROUND.contains(&said[marker - 1].as_str())
    {
        name.push(&said[marker - 1]);
        from = marker - 1;
    }
    let named = !name.is_empty()
        && name.len() <= 4
        && (marker.is_some() || number_at(at).is_some() || house_at.is_some() || asked);
    let street = named.then(|| {
        let name: Vec<String> = name.iter().map(|w| capitalised(w)).collect();
        let kind = marker.and_then(|at| street_name(&said[at])).unwrap_or("улица");
        format!("{kind} {}", name.join(" "))
    });
    let mut parts: Vec<String> = Vec::new();
    let mut label = "дом";
    let mut dangling = false;
    while at < said.len() {
        if let Some(number) = number_at(at) {
            // "дом двенадцать дробь три", "дом 12 а".
            if dangling && let Some(last) = parts.last_mut() {
                last.push('/');
                last.push_str(&number.digits);
            } else {
                parts.push(format!("{label} {}", number.digits));
            }
            dangling = false;
            // A second number without a name is the flat: "ленина двенадцать пять".
            label = "квартира";
            at = number.at.end;
            continue;
        }
        match said[at].as_str() {
            "дом" | "д" | "дома" => label = "дом",
            "квартира" | "квартиру" | "кв" | "квартире" => label = "квартира",
            "корпус" | "корп" | "к" => label = "корпус",
            "строение" | "стр" => label = "строение",
            "подъезд" => label = "подъезд",
            "этаж" => label = "этаж",
            "офис" => label = "офис",
            "дробь" => dangling = true,
            "литер" | "литера" | "номер" => {}
            letter
                if letter.chars().count() == 1
                    && !parts.is_empty()
                    && !matches!(letter, "и" | "в" | "с" | "у" | "я" | "к" | "о") =>
            {
                if let Some(last) = parts.last_mut() {
                    last.push_str(&letter.to_uppercase());
                }
            }
            _ => break,
        }
        at += 1;
    }
    let house = (!parts.is_empty()).then(|| parts.join(", "));
    let range = if street.is_some() || house.is_some() { from..at } else { 0..0 };
    (AddressPart { street, house, flat: None }, range)
}

fn english(said: &[String], asked: bool) -> (AddressPart, Range<usize>) {
    let numbers = numerals(said, Language::English);
    let flat_at =
        said.iter().position(|w| matches!(w.as_str(), "apartment" | "apt" | "unit" | "suite" | "flat"));
    let joined_from = |from: usize| -> Option<(String, Range<usize>)> {
        let mut digits = String::new();
        let mut range: Option<Range<usize>> = None;
        for number in numbers.iter().filter(|n| n.at.start >= from && !n.ordinal) {
            match &mut range {
                None => range = Some(number.at.clone()),
                Some(range) if range.end == number.at.start => range.end = number.at.end,
                Some(_) => break,
            }
            digits.push_str(&number.digits);
        }
        range.map(|range| (digits, range))
    };
    let flat = flat_at.and_then(|at| {
        let (digits, range) = joined_from(at)?;
        let kind = if said[at] == "apt" { "apartment" } else { &said[at] };
        (range.start == at + 1).then(|| (format!("{kind} {digits}"), at..range.end))
    });
    let end = flat_at.unwrap_or(said.len());
    let marker = said[..end].iter().rposition(|w| is_street(w, Language::English));
    // The house is the number nearest before the street's kind; other numbers in the sentence are other matters.
    let near = marker.map_or(0, |at| {
        let mut from = at;
        while from > 0 && !numbers.iter().any(|n| n.at.end == from && !n.ordinal) && at - from < 4 {
            from -= 1;
        }
        let mut run = from;
        while let Some(number) = numbers.iter().find(|n| n.at.end == run && !n.ordinal) {
            run = number.at.start;
        }
        run
    });
    let house = joined_from(near).filter(|(_, range)| range.end <= marker.unwrap_or(end));
    let flat_range = flat.as_ref().map(|(_, range)| range.clone());
    let flat_text = flat.map(|(text, _)| text);
    if marker.is_none() && !asked {
        let range = flat_range.unwrap_or(0..0);
        return (AddressPart { flat: flat_text, ..AddressPart::default() }, range);
    }
    let (house, from, street_from) = match house {
        Some((digits, range)) => (Some(digits), range.start, range.end),
        None => (None, near, near),
    };
    let street_to = marker.map_or(end, |at| at + 1);
    let name: Vec<String> = said
        .get(street_from..street_to)
        .unwrap_or_default()
        .iter()
        .filter(|w| !ENGLISH_AROUND.contains(&w.as_str()))
        .map(|w| capitalised(w))
        .collect();
    let named = (1..=4).contains(&name.len()) && (marker.is_some() || house.is_some());
    let part = AddressPart { street: named.then(|| name.join(" ")), house, flat: flat_text };
    let range =
        if part.is_empty() { 0..0 } else { from..flat_range.map_or(street_to, |r| r.end.max(street_to)) };
    (part, range)
}

/// A kind of street, in the form in which it stands in an address.
fn street_name(word: &str) -> Option<&'static str> {
    Some(match word {
        "улица" | "улицу" | "улице" | "улицы" | "ул" => "улица",
        "проспект" | "проспекте" | "проспекта" | "пр" => "проспект",
        "переулок" | "переулке" | "пер" => "переулок",
        "бульвар" | "бульваре" => "бульвар",
        "шоссе" => "шоссе",
        "площадь" | "площади" => "площадь",
        "набережная" | "набережную" | "набережной" => "набережная",
        "проезд" | "проезде" => "проезд",
        "микрорайон" | "микрорайоне" => "микрорайон",
        "аллея" | "аллею" => "аллея",
        "тракт" => "тракт",
        _ => return None,
    })
}

pub(super) fn is_street(word: &str, language: Language) -> bool {
    match language {
        Language::Russian => street_name(word).is_some(),
        Language::English => matches!(
            word,
            "street"
                | "avenue"
                | "road"
                | "lane"
                | "drive"
                | "boulevard"
                | "court"
                | "way"
                | "place"
                | "square"
                | "terrace"
                | "highway"
                | "parkway"
                | "st"
                | "ave"
                | "rd"
                | "blvd"
        ),
    }
}

fn is_house_word(word: &str) -> bool {
    matches!(
        word,
        "дом"
            | "д"
            | "дома"
            | "квартира"
            | "квартиру"
            | "кв"
            | "корпус"
            | "корп"
            | "строение"
            | "подъезд"
            | "этаж"
            | "офис"
    )
}

/// Words that end an address: it goes on about something else.
pub(super) fn is_other_matter(word: &str) -> bool {
    [
        "оплат",
        "налич",
        "картой",
        "онлайн",
        "достав",
        "самовывоз",
        "спасибо",
        "телефон",
        "завтра",
        "сегодня",
        "штук",
    ]
    .iter()
    .any(|stem| word.starts_with(stem))
}

const RUSSIAN_AROUND: &[&str] = &[
    "адрес",
    "мой",
    "на",
    "по",
    "адресу",
    "пишите",
    "записывайте",
    "доставьте",
    "доставка",
    "доставку",
    "в",
    "во",
    "город",
    "пожалуйста",
    "это",
    "ну",
    "так",
    "да",
    "нет",
    "тогда",
    "нужна",
    "нужно",
    "другой",
    "измените",
    "лучше",
    "давайте",
    "запишите",
    "там",
    "живу",
    "я",
    "у",
    "меня",
    "а",
    "и",
    "будет",
    "ой",
    "не",
];

const ENGLISH_AROUND: &[&str] = &[
    "my", "the", "address", "is", "it's", "deliver", "to", "at", "on", "please", "i", "live", "it", "number",
    "house", "yes", "no", "and", "that's", "in", "change", "make",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::text::words;
    use Language::{English, Russian};

    #[test]
    fn addresses_are_written_as_on_a_letter() {
        for (text, asked, language, expected) in [
            ("улица ленина дом двенадцать", false, Russian, Some("улица Ленина, дом 12")),
            (
                "улица ленина дом двенадцать квартира пять",
                false,
                Russian,
                Some("улица Ленина, дом 12, квартира 5"),
            ),
            ("на улицу садовая дом сто двадцать три", false, Russian, Some("улица Садовая, дом 123")),
            ("проспект мира дом семь корпус два", false, Russian, Some("проспект Мира, дом 7, корпус 2")),
            ("невский проспект двадцать", false, Russian, Some("проспект Невский, дом 20")),
            ("адрес улица гагарина сорок пять", false, Russian, Some("улица Гагарина, дом 45")),
            ("ленина двенадцать", true, Russian, Some("улица Ленина, дом 12")),
            ("ленина двенадцать пять", true, Russian, Some("улица Ленина, дом 12, квартира 5")),
            ("улица Мира, дом 12 дробь 3", false, Russian, Some("улица Мира, дом 12/3")),
            ("улица мира дом 12 а", false, Russian, Some("улица Мира, дом 12А")),
            ("улица ленина дом пять оплата картой", false, Russian, Some("улица Ленина, дом 5")),
            ("ленина двенадцать", false, Russian, None),
            ("улица ленина", false, Russian, None),
            ("twelve main street", false, English, Some("12 Main Street")),
            ("my address is fifteen twenty oak street", false, English, Some("1520 Oak Street")),
            (
                "one twenty three park avenue apartment five",
                false,
                English,
                Some("123 Park Avenue, apartment 5"),
            ),
            ("deliver to 15 first avenue", false, English, Some("15 First Avenue")),
            ("twelve broadway", true, English, Some("12 Broadway")),
            ("main street", true, English, None),
        ] {
            assert_eq!(
                address(&words(text), asked, language).0.whole(language).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn an_address_may_come_in_pieces() {
        let mut part = address(&words("улица ленина"), true, Russian).0;
        assert_eq!(part.whole(Russian), None);
        part.merge(address(&words("дом двенадцать квартира семь"), true, Russian).0);
        assert_eq!(part.whole(Russian).as_deref(), Some("улица Ленина, дом 12, квартира 7"));
        let mut part = address(&words("main street"), true, English).0;
        part.merge(address(&words("number twelve"), true, English).0);
        assert_eq!(part.whole(English).as_deref(), Some("12 Main Street"));
    }
}
