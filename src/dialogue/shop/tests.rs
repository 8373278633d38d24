use super::super::understand::tests::{FLOWERS, PHARMACY, TYRES};
use super::*;
use crate::dialogue::act::Act;
use crate::dialogue::understand::{Context, understand};

fn described(shop: &Shop, text: &str) -> Description {
    let context = Context {
        language: Language::Russian,
        shop,
        asked: None,
        told: &[],
        points: &[],
        line: None,
        ordering: false,
    };
    let acts = understand(text, &context).acts;
    acts.into_iter()
        .find_map(|act| match act {
            Act::Goods { goods } => Some(goods.what),
            _ => None,
        })
        .unwrap_or_default()
}

fn named(shop: &Shop, text: &str) -> (Vec<String>, bool) {
    let (found, exact) = shop.candidates(&described(shop, text), &shop.products);
    (found.into_iter().map(|at| shop.products[at].name.clone()).collect(), exact)
}

#[test]
fn candidates_have_all_that_was_said() {
    let (found, exact) = named(&TYRES, "зимние нокиан двести пять пятьдесят пять шестнадцать без шипов");
    assert_eq!((found, exact), (vec!["Нокиан зимняя 205/55 R16".to_owned()], true));
    let (found, exact) = named(&PHARMACY, "нурофен четыреста");
    assert_eq!((found, exact), (vec!["Нурофен 400 мг №12".to_owned()], true));
    let (found, exact) = named(&FLOWERS, "красные розы шестьдесят сантиметров");
    assert_eq!((found, exact), (vec!["Роза красная 60 см".to_owned()], true));
}

#[test]
fn what_there_is_not_gives_the_nearest_and_says_so() {
    let (found, exact) = named(&TYRES, "зимние нокиан двести тридцать пять сорок девятнадцать");
    assert!(!exact && found.iter().all(|name| name.starts_with("Нокиан зимняя")), "{found:?}");
    assert_eq!(named(&TYRES, "сепульки"), (named(&TYRES, "").0, true));
}

#[test]
fn the_next_question_is_for_what_differs() {
    let all: Vec<&Product> = TYRES.products.iter().collect();
    let key = |text: &str, products: &[&Product]| {
        TYRES.attribute_differs(&described(&TYRES, text), products).map(|attribute| attribute.key.clone())
    };
    assert_eq!(key("шины", &all).as_deref(), Some("season"));
    assert_eq!(key("зимние шины", &all).as_deref(), Some("size"));
    assert_eq!(key("зимние нокиан 205 55 16", &all[..2]).as_deref(), Some("studs"));
    assert_eq!(key("зимние нокиан 205 55 16", &all[..1]), None);
}

#[test]
fn a_query_has_the_words_as_they_were_said() {
    let what = described(&TYRES, "зимние нокиан двести пять пятьдесят пять шестнадцать");
    assert_eq!(TYRES.query(&what), "зимние нокиан 205 55 16");
    assert_eq!(TYRES.name(&TYRES.products[0], Language::English), "Nokian winter tire 205/55 R16");
}

#[test]
fn same_gives_the_terms_of_the_line() {
    let terms = TYRES.terms_of(&TYRES.products[0], &["size".to_owned()]);
    let said: Vec<(&str, &str)> = terms.iter().map(|term| (term.key.as_str(), term.value.as_str())).collect();
    assert_eq!(said, [("diameter", "16"), ("profile", "55"), ("width", "205")]);
}
