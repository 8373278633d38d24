//! Cities in a caller's words.

use std::ops::Range;
use std::sync::LazyLock;

use crate::language::text::words;
use crate::language::{Language, numerals};

use super::address::{is_other_matter, is_street};
use super::lexicon::stem;

/// The city that is named, and where it stands among the words. `known` are the shop's own (its pick-up points').
pub(super) fn city(said: &[String], known: &[String], language: Language) -> Option<(String, Range<usize>)> {
    let own: Vec<(Vec<String>, &str)> = known.iter().map(|name| (stems(name), name.as_str())).collect();
    let said_stems: Vec<String> = said.iter().map(|w| stem(w)).collect();
    // The last one named counts ("не в москву, в казань" may have lost its comma); of equals the longest.
    let mut found: Option<(String, Range<usize>)> = None;
    for (parts, name) in own.iter().chain(KNOWN.iter()) {
        for at in 0..said.len() {
            let Some(window) = said_stems.get(at..at + parts.len()) else { break };
            let same = window == parts.as_slice();
            // "Boston Avenue", "улица Самарская" are no cities.
            let beside = match language {
                Language::Russian => at.checked_sub(1),
                Language::English => Some(at + parts.len()),
            };
            let street = beside.and_then(|i| said.get(i)).is_some_and(|w| is_street(w, language));
            if !same || street {
                continue;
            }
            let better = found.as_ref().is_none_or(|(_, range)| {
                at >= range.end || range.start >= at && range.end < at + parts.len()
            });
            if better {
                found = Some(((*name).to_owned(), at..at + parts.len()));
            }
        }
    }
    found
}

/// A city that is on no list, when the city was asked for: the whole answer, but for the words around it.
pub(super) fn answered_city(said: &[String], language: Language) -> Option<String> {
    let around: &[&str] = match language {
        Language::Russian => &[
            "город",
            "городе",
            "города",
            "в",
            "во",
            "из",
            "я",
            "мы",
            "это",
            "пожалуйста",
            "доставка",
            "доставьте",
            "нужна",
            "у",
            "нас",
            "ну",
            "самовывоз",
        ],
        Language::English => &[
            "in", "to", "the", "city", "is", "of", "i'm", "i", "live", "it's", "please", "deliver", "from",
            "we", "are",
        ],
    };
    let located = said.iter().any(|w| matches!(w.as_str(), "в" | "во"));
    let rest: Vec<&String> = said.iter().filter(|w| !around.contains(&w.as_str())).collect();
    let plain = numerals(said, language).is_empty()
        && (1..=3).contains(&rest.len())
        && rest.iter().all(|w| w.chars().all(char::is_alphabetic) && w.chars().count() > 1);
    plain.then(|| {
        let named: Vec<String> = rest
            .iter()
            .map(|word| match located && language == Language::Russian {
                // "в Калугу" is Калуга; other cases are left as they were said.
                true => word.strip_suffix('у').map_or_else(|| (*word).clone(), |w| format!("{w}а")),
                false => (*word).clone(),
            })
            .map(|word| capitalised(&word))
            .collect();
        named.join(" ")
    })
}

/// A city named as one ("город Гатчина"), on a list or not.
pub(super) fn named_city(said: &[String], language: Language) -> Option<(String, Range<usize>)> {
    let leads: &[&str] = match language {
        Language::Russian => &["город", "городе", "города"],
        Language::English => &["city"],
    };
    let lead = said.iter().position(|w| leads.contains(&w.as_str()))?;
    let at = match (language, said.get(lead + 1).map(String::as_str)) {
        (Language::English, Some("of" | "is")) => lead + 2,
        _ => lead + 1,
    };
    let word = said.get(at)?;
    let fits = word.chars().count() > 2
        && word.chars().all(char::is_alphabetic)
        && !is_street(word, language)
        && !is_other_matter(word)
        && numerals(&said[at..=at], language).is_empty()
        && (language == Language::Russian || at > lead + 1);
    fits.then(|| (capitalised(word), lead..at + 1))
}

/// `ленина` as `Ленина`.
pub(super) fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// The listed cities by the stems of their names.
static KNOWN: LazyLock<Vec<(Vec<String>, &str)>> = LazyLock::new(|| {
    let names = CITIES.iter().map(|name| (stems(name), *name));
    names.chain(ALIASES.iter().map(|(alias, name)| (stems(alias), *name))).collect()
});

fn stems(name: &str) -> Vec<String> {
    words(name).iter().map(|w| stem(w)).collect()
}

/// Names for cities that are no form of their name.
const ALIASES: &[(&str, &str)] = &[
    ("питер", "Санкт-Петербург"),
    ("петербург", "Санкт-Петербург"),
    ("спб", "Санкт-Петербург"),
    ("екб", "Екатеринбург"),
    ("нижний", "Нижний Новгород"),
    ("ростов на дону", "Ростов-на-Дону"),
    ("new york city", "New York"),
];

/// Large cities, so that one is known as such wherever it is said; a shop's other cities are taken when asked for.
const CITIES: &[&str] = &[
    "Москва",
    "Санкт-Петербург",
    "Казань",
    "Самара",
    "Екатеринбург",
    "Новосибирск",
    "Нижний Новгород",
    "Ростов",
    "Краснодар",
    "Воронеж",
    "Пермь",
    "Уфа",
    "Челябинск",
    "Омск",
    "Тюмень",
    "Сочи",
    "Тула",
    "Красноярск",
    "Волгоград",
    "Саратов",
    "Минск",
    "Гомель",
    "Гродно",
    "Брест",
    "Витебск",
    "Могилёв",
    "London",
    "Boston",
    "Chicago",
    "Dallas",
    "Houston",
    "Denver",
    "Seattle",
    "Miami",
    "Atlanta",
    "Austin",
    "Phoenix",
    "New York",
    "Los Angeles",
    "San Diego",
    "San Francisco",
    "Portland",
    "Detroit",
    "Philadelphia",
];

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, Russian};

    fn city_in(text: &str, language: Language) -> Option<String> {
        city(&words(text), &["Гатчина".to_owned()], language).map(|(name, _)| name)
    }

    #[test]
    fn cities_are_known_in_any_case() {
        for (text, language, expected) in [
            ("москва", Russian, Some("Москва")),
            ("нужна доставка в москву", Russian, Some("Москва")),
            ("доставьте в санкт петербург", Russian, Some("Санкт-Петербург")),
            ("в питер", Russian, Some("Санкт-Петербург")),
            ("я из города казань", Russian, Some("Казань")),
            ("в уфу пожалуйста", Russian, Some("Уфа")),
            ("в нижнем новгороде", Russian, Some("Нижний Новгород")),
            ("в гатчину", Russian, Some("Гатчина")),
            ("улица московская", Russian, None),
            ("московский проспект", Russian, None),
            ("boston", English, Some("Boston")),
            ("deliver it to new york", English, Some("New York")),
            ("twelve boston street", English, None),
            ("hello", English, None),
        ] {
            assert_eq!(city_in(text, language).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_city_of_no_list_is_taken_when_it_was_asked_for() {
        assert_eq!(answered_city(&words("калуга"), Russian).as_deref(), Some("Калуга"));
        assert_eq!(answered_city(&words("в калугу пожалуйста"), Russian).as_deref(), Some("Калуга"));
        assert_eq!(answered_city(&words("великие луки"), Russian).as_deref(), Some("Великие Луки"));
        assert_eq!(answered_city(&words("in salt lake city"), English).as_deref(), Some("Salt Lake"));
        assert_eq!(answered_city(&words("дом пять"), Russian), None);
    }
}
