//! Cities.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::language::text::words;

use super::super::act::Act;
use super::super::question::Question;
use super::super::shop::Shop;
use super::phrases::Cue;
use super::word::{capitalised, is_wordy, stem};
use super::{Ear, address, bare};

/// Hears a city of the shop, of the points told, of the world's list.
pub(super) fn hear(ear: &mut Ear<'_>) {
    let points: Vec<(Vec<String>, String)> =
        ear.context.points.iter().map(|point| (stems(&point.city), point.city.clone())).collect();
    let said: Vec<String> = ear.words.iter().map(|word| stem(word)).collect();
    let mut at = 0;
    while at < said.len() {
        let shop = ear.context.shop.lexicon.cities.get(&said[at]).into_iter().flatten();
        let world = KNOWN.get(&said[at]).into_iter().flatten();
        let fits = |parts: &Vec<String>| said.get(at..at + parts.len()) == Some(parts.as_slice());
        let best = shop.chain(&points).chain(world).filter(|(parts, _)| fits(parts));
        // Of equals the shop's own: `max_by_key` gives the last.
        let best = best.collect::<Vec<_>>().into_iter().rev().max_by_key(|(parts, _)| parts.len()).cloned();
        let Some((parts, name)) = best else {
            at += named(ear, at).unwrap_or(1);
            continue;
        };
        let to = at + parts.len();
        let beside = |i: usize| address::is_street_word(ear.word(i));
        let led = at.checked_sub(1).map_or("", |before| ear.word(before));
        // "Boston street" is a street, "в Москву, улица Ленина" is not: there the street's own name comes behind its kind.
        let behind = beside(to)
            && !matches!(led, "в" | "во" | "из" | "город" | "to" | "in" | "from")
            && (ear.word(to).is_ascii() || !is_wordy(ear.word(to + 1)));
        let street = at.checked_sub(1).is_some_and(beside) || behind;
        let free =
            (at..to).all(|i| !ear.is_taken(i) && !matches!(ear.cue(i), Some(cue) if cue != Cue::Filler));
        if !street && free {
            ear.act(at, to, Act::City { city: name });
            for before in (at.saturating_sub(2)..at).rev() {
                if !matches!(
                    ear.word(before),
                    "в" | "во"
                        | "из"
                        | "город"
                        | "города"
                        | "городе"
                        | "по"
                        | "to"
                        | "in"
                        | "from"
                        | "г"
                ) {
                    break;
                }
                ear.take(before, before + 1);
            }
        }
        at = to;
    }
}

/// The city of this name, where the shop or the world's list knows it.
pub(super) fn city_of(shop: &Shop, said: &str) -> Option<String> {
    let stems = stems(said);
    let first = stems.first()?;
    let shop = shop.lexicon.cities.get(first).into_iter().flatten();
    let world = KNOWN.get(first).into_iter().flatten();
    shop.chain(world).find(|(parts, _)| *parts == stems).map(|(_, name)| name.clone())
}

/// A city named as one ("город Гатчина"): how many words.
fn named(ear: &mut Ear<'_>, at: usize) -> Option<usize> {
    let lead = matches!(ear.word(at), "город" | "городе" | "города")
        || ear.word(at) == "city" && ear.word(at + 1) == "of";
    let from = at + 1 + usize::from(ear.word(at) == "city");
    let plain =
        lead && ear.is_unknown(from) && is_wordy(ear.word(from)) && !address::is_street_word(ear.word(from));
    plain.then(|| {
        let located = ear.word(at) == "городе";
        let city = nominative(ear.word(from), if located { "в" } else { "" });
        ear.act(at, from + 1, Act::City { city });
        from + 1 - at
    })
}

/// Hears a city of no list as the answer to the question for it.
pub(super) fn hear_answer(ear: &mut Ear<'_>) {
    if !ear.asked(|q| *q == Question::City) || ear.any(|act| matches!(act, Act::City { .. })) {
        return;
    }
    let unknown: Vec<usize> = (0..ear.words.len())
        .filter(|at| {
            ear.is_unknown(*at)
                && !matches!(ear.word(*at), "живу" | "живем" | "живёт" | "live" | "город" | "city")
        })
        .collect();
    let (Some(&first), Some(&last)) = (unknown.first(), unknown.last()) else { return };
    let located = first.checked_sub(1).is_some_and(|at| matches!(ear.word(at), "в" | "из" | "in" | "from"));
    let steered = ear.any(|act| !matches!(act, Act::Affirm | Act::Method { .. }))
        || ear.has_cue(|cue| cue == Cue::Pickup) && !located;
    if last - first > 2
        || unknown.len() != last - first + 1
        || steered
        || !(first..=last).all(|at| is_wordy(ear.word(at)))
    {
        return;
    }
    let led = first.checked_sub(1).map_or("", |at| ear.word(at));
    let city: Vec<String> = ear.words[first..=last].iter().map(|word| nominative(word, led)).collect();
    let words = ear.words.len();
    ear.act(first, last + 1, Act::City { city: city.join(" ") });
    for at in 0..words {
        if matches!(ear.word(at), "живу" | "живем" | "live" | "город" | "city" | "в" | "из" | "in")
        {
            ear.take(at, at + 1);
        }
    }
}

/// A town's name in its nominative, by the endings that most have; `led` is the word before it.
fn nominative(word: &str, led: &str) -> String {
    let body = |cut: usize| word.chars().take(word.chars().count().saturating_sub(cut)).collect::<String>();
    let ends = |list: &[&str]| list.iter().any(|end| word.ends_with(end));
    let plain = match led {
        "в" | "во" if word.ends_with('у') => body(1) + "а",
        "в" | "во" if word.ends_with('ю') => body(1) + "я",
        "в" | "во" if ends(&["ске", "ове", "еве", "граде", "бурге", "ере", "ензе"]) && !ends(&["ензе"]) => {
            body(1)
        }
        "в" | "во" if word.ends_with('е') => body(1) + "а",
        "в" | "во" if ends(&["ни", "ри", "ли", "ми", "ви"]) => body(1) + "ь",
        "из" if ends(&["ги", "ки", "хи", "ы"]) => body(1) + "а",
        "из" if ends(&["ска", "ова", "ева", "града", "бурга"]) => body(1),
        "из" if word.ends_with('и') => body(1) + "ь",
        _ => word.to_owned(),
    };
    capitalised(&plain)
}

fn stems(name: &str) -> Vec<String> {
    words(name).iter().map(|word| stem(&bare(word))).collect()
}

/// Cities by the stem of their first word: the stems of all words, the name.
type Cities = BTreeMap<String, Vec<(Vec<String>, String)>>;

/// The listed cities by the stem of their first word.
static KNOWN: LazyLock<Cities> = LazyLock::new(|| {
    let mut known: Cities = BTreeMap::new();
    let names = CITIES.split(',').map(|name| (name.trim(), name.trim()));
    for (said, name) in names.chain(ALIASES.iter().copied()) {
        let stems = stems(said);
        if let Some(first) = stems.first() {
            known.entry(first.clone()).or_default().push((stems, name.to_owned()));
        }
    }
    known
});

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
const CITIES: &str = "Москва, Санкт-Петербург, Казань, Самара, Екатеринбург, Новосибирск, Нижний Новгород, Ростов, Краснодар, \
    Воронеж, Пермь, Уфа, Челябинск, Омск, Тюмень, Сочи, Тула, Красноярск, Волгоград, Саратов, Минск, Гомель, Гродно, Брест, \
    Витебск, Могилёв, Тверь, Рязань, Калуга, Ярославль, Владивосток, Хабаровск, Иркутск, Барнаул, Ижевск, Ульяновск, Оренбург, \
    Томск, Кемерово, Астрахань, Пенза, Липецк, Чебоксары, Калининград, Курск, Ставрополь, Магнитогорск, Мурманск, Архангельск, \
    Смоленск, Вологда, Брянск, Белгород, Тамбов, Кострома, Псков, Великий Новгород, Набережные Челны, Тольятти, \
    London, Boston, Chicago, Dallas, Houston, Denver, Seattle, Miami, Atlanta, Austin, Phoenix, New York, Los Angeles, San Diego, \
    San Francisco, Portland, Detroit, Philadelphia, Manchester, Birmingham, Liverpool, Glasgow, Edinburgh, Leeds, Las Vegas";
