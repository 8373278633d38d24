//! Tables of utterances and the acts that they are to give. They stand in text files: `CONTEXT | TEXT | ACTS`.
//!
//! The context is the shop (`t` tyres, `f` flowers, `p` pharmacy) and any of `?question`, `told` (the first three products),
//! `points` (two), `line` (the first product), `ordering`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use uuid::Uuid;

use super::*;
use crate::dialogue::profile::Profile;

mod show;

use show::show;

/// A seed of the reference store, as far as the dialogue sees it.
#[derive(Deserialize)]
struct Seed {
    #[serde(default)]
    forms: BTreeMap<String, String>,
    products: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    sku: String,
    name: String,
    price: String,
    stock: u32,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// A shop as it stands behind the store: with the keywords that the store derives.
pub(in crate::dialogue) fn shop(seed: &str, profile: &str) -> Shop {
    let seed: Seed = toml::from_str(seed).unwrap();
    let profile = Profile::parse(profile).unwrap();
    let products = seed.products.into_iter().map(|item| {
        let mut attributes = item.attributes;
        let forms: Vec<&str> =
            attributes.values().filter_map(|value| seed.forms.get(value)).map(String::as_str).collect();
        if !forms.is_empty() {
            attributes.insert("keywords".to_owned(), forms.join(" "));
        }
        let minor: i64 = item.price.replace('.', "").parse().unwrap();
        Product {
            id: Uuid::new_v5(&Uuid::NAMESPACE_OID, item.sku.as_bytes()),
            name: item.name,
            price: serde_json::from_value(serde_json::json!({ "minor": minor, "currency": "RUB" })).unwrap(),
            stock: item.stock,
            attributes,
        }
    });
    Shop::new(profile, products.collect())
}

pub(in crate::dialogue) static TYRES: LazyLock<Shop> = LazyLock::new(|| {
    shop(
        include_str!("../../../samples/shop/tyres.toml"),
        include_str!("../../../samples/shop/tyres-profile.toml"),
    )
});
pub(in crate::dialogue) static FLOWERS: LazyLock<Shop> = LazyLock::new(|| {
    shop(
        include_str!("../../../samples/shop/flowers.toml"),
        include_str!("../../../samples/shop/flowers-profile.toml"),
    )
});
pub(in crate::dialogue) static PHARMACY: LazyLock<Shop> = LazyLock::new(|| {
    shop(
        include_str!("../../../samples/shop/pharmacy.toml"),
        include_str!("../../../samples/shop/pharmacy-profile.toml"),
    )
});

/// What an utterance gives in a context, as a line of text.
fn acts(context: &str, text: &str) -> (String, Understood) {
    let flags: Vec<&str> = context.split_whitespace().collect();
    let shop: &Shop = match flags.first() {
        Some(&"f") => &FLOWERS,
        Some(&"p") => &PHARMACY,
        _ => &TYRES,
    };
    let asked = flags.iter().find_map(|flag| flag.strip_prefix('?')).map(question);
    let has = |flag: &str| flags.contains(&flag);
    let points: Vec<PickupPoint> = ["Ленина", "Мира"]
        .into_iter()
        .map(|name| PickupPoint {
            id: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()),
            name: name.to_owned(),
            city: "Москва".to_owned(),
            address: name.to_owned(),
            working_hours: String::new(),
        })
        .collect();
    let context = Context {
        language: Language::of(text).unwrap_or(Language::Russian),
        shop,
        asked: asked.as_ref(),
        told: if has("told") { &shop.products[..3] } else { &[] },
        points: if has("points") { &points } else { &[] },
        line: has("line").then(|| &shop.products[0]),
        ordering: has("ordering"),
    };
    let understood = understand(text, &context);
    (understood.acts.iter().map(show).collect::<Vec<_>>().join(" / "), understood)
}

fn question(name: &str) -> Question {
    let (tag, value) = name.split_once(':').unwrap_or((name, ""));
    let mut json = serde_json::json!({ "question": tag });
    json["key"] = value.into();
    json["slot"] = value.into();
    serde_json::from_value(json).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// The lines of a table that go wrong, and how many there are.
fn failures(table: &str) -> (Vec<String>, usize) {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let [context, text, expected] = line.splitn(3, '|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        count += 1;
        let (got, _) = acts(context, text);
        if got != expected {
            wrong.push(format!("{context} | {text}\n    is   {expected}\n    gave {got}"));
        }
    }
    (wrong, count)
}

fn all_right(table: &str) {
    let (wrong, count) = failures(table);
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn goods_are_heard_with_their_amounts() {
    all_right(include_str!("tests/goods.txt"));
}

#[test]
fn answers_are_heard_by_what_was_asked() {
    all_right(include_str!("tests/answers.txt"));
}

#[test]
fn questions_and_wishes_are_heard() {
    all_right(include_str!("tests/talk.txt"));
}

/// The share of utterances that were never tuned on; prints what fails.
#[test]
fn utterances_held_out_are_mostly_right() {
    let (wrong, count) = failures(include_str!("tests/held_out.txt"));
    println!("held out: {} of {count} right\n{}", count - wrong.len(), wrong.join("\n"));
    assert!((count - wrong.len()) * 100 >= count * 60, "{} of {count} wrong", wrong.len());
}

#[test]
fn no_utterance_is_too_strange() {
    let all: Vec<String> = ["goods", "answers", "talk"]
        .iter()
        .zip([
            include_str!("tests/goods.txt"),
            include_str!("tests/answers.txt"),
            include_str!("tests/talk.txt"),
        ])
        .flat_map(|(_, table)| table.lines())
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .chain(
            ["٣", "\u{301}", "¿", "99999999999999999999", "0", "-", "'", "205/55R16", "ß", "İ"]
                .map(str::to_owned),
        )
        .collect();
    let contexts = [
        "t",
        "t ?quantity line ordering",
        "t ?choice told",
        "f ?extra:note ordering",
        "p ?attribute:dose",
        "t ?street ordering",
        "t ?house ordering",
        "t ?name ordering",
        "t ?which_order",
        "t ?phone",
        "t ?code",
        "t ?point points",
        "t ?city ordering",
        "t ?change ordering",
        "f ?name",
        "p",
    ];
    // A walk through all words in an order that is always the same.
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    for round in 0..1500 {
        let count = next(14);
        let text: Vec<&str> = (0..count).map(|_| all[next(all.len())].as_str()).collect();
        let (_, understood) = acts(contexts[round % contexts.len()], &text.join(" "));
        assert!(understood.explained <= understood.words, "{text:?}");
    }
}

#[test]
fn what_goes_on_for_ever_is_bounded() {
    for word in ["ну ", "да ", "четыре ", "шины ", "не ", "улица ", "слон "] {
        let (_, understood) = acts("t ?street ordering", &word.repeat(10_000));
        assert!(
            understood.acts.len() < 250 && understood.coverage_permille() < 100,
            "{word}: {}",
            understood.acts.len()
        );
    }
}

#[test]
fn words_that_nothing_explains_lower_the_coverage() {
    for (text, least, most) in [
        ("мне нужны четыре зимние шины нокиан", 1000, 1000),
        ("здравствуйте девушка скажите пожалуйста до скольки вы работаете", 1000, 1000),
        ("абракадабра сепульки", 0, 0),
        ("нет, девушка, вы послушайте", 1000, 1000),
        ("позвонили компанию рога копыта наш менеджер свяжется", 0, 500),
        ("доставка в москву на улицу ленина дом пять квартира три", 1000, 1000),
        ("i need four winter nokian tires", 1000, 1000),
    ] {
        let (_, understood) = acts("t", text);
        let share = understood.coverage_permille();
        assert!((least..=most).contains(&share), "{text}: {share} {understood:?}");
    }
}

#[test]
fn utterances_of_every_kind_are_heard() {
    all_right(include_str!("tests/mixed.txt"));
}
