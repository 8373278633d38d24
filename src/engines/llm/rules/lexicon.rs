//! The words under which goods are asked for, learnt from the shop's own products. Nothing here knows what a shop sells,
//! but for a few generic words of goods that help while the catalogue is not at hand.

use std::collections::{BTreeMap, BTreeSet};

use crate::language::text::words;
use crate::orders::Product;

/// What each word of the catalogue is about: `нокиан` is a brand, `зимние` a season. Built once per start from the product
/// list and shared; an empty one works too, then words are known only from the products last found.
#[derive(Clone, Debug, Default)]
pub struct Lexicon {
    /// By stem: the attribute that the word names.
    kinds: BTreeMap<String, String>,
}

impl Lexicon {
    /// Learns from products: a word that stands in exactly the products with one value of an attribute is a name of that
    /// value (`нокиан` among the keywords of all products whose brand is `nokian`).
    pub fn of(products: &[Product]) -> Self {
        let products: Vec<&Product> = products.iter().collect();
        Self::with(&products, &products.iter().copied().map(tokens).collect::<Vec<_>>())
    }

    /// The same, where the products' [`tokens`] are known already.
    pub(super) fn with(products: &[&Product], tokens: &[BTreeSet<String>]) -> Self {
        let mut carriers: BTreeMap<&String, BTreeSet<usize>> = BTreeMap::new();
        let mut values: BTreeMap<(String, String), BTreeSet<usize>> = BTreeMap::new();
        for (at, (product, tokens)) in products.iter().zip(tokens).enumerate() {
            for token in tokens {
                carriers.entry(token).or_default().insert(at);
            }
            for (key, value) in &product.attributes {
                if !is_free_text(key) {
                    values.entry((key.clone(), value.to_lowercase())).or_default().insert(at);
                }
            }
        }
        let mut kinds = BTreeMap::new();
        // The words of each value, once.
        let value_stems: Vec<(&str, Vec<String>)> = values
            .keys()
            .map(|(key, value)| (key.as_str(), words(value).iter().map(|w| stem(w)).collect()))
            .collect();
        for (token, by) in carriers {
            if token.bytes().all(|b| b.is_ascii_digit()) {
                continue;
            }
            // A direct value first, then the attribute whose value has the same products; brands before the rest,
            // because a brand that makes one thing only would else be taken for the thing.
            let direct = value_stems.iter().find(|(_, stems)| stems.contains(token)).map(|(key, _)| *key);
            let same = || {
                let mut fitting = values.iter().filter(|(_, products)| **products == by).map(|(kv, _)| kv);
                let first = fitting.clone().find(|(key, _)| key == "brand");
                first.or_else(|| fitting.next())
            };
            let key = direct.or_else(|| same().map(|(key, _)| key.as_str())).unwrap_or(OTHER);
            kinds.insert(token.clone(), key.to_owned());
        }
        Self { kinds }
    }

    /// What a word is about; none when no product has it.
    pub fn kind(&self, word: &str) -> Option<&str> {
        self.kinds.get(&stem(word)).map(String::as_str)
    }

    /// Whether nothing was learnt.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
}

/// What a word is about by general knowledge: goods that people order by telephone in a few forms, and seasons.
pub(super) fn general_kind(word: &str) -> Option<&'static str> {
    let begins = |stems: &[&str]| stems.iter().any(|s| word.starts_with(s));
    if begins(&["шин", "резин", "покрыш", "колес", "диск", "аккумулятор", "tire", "tyre", "wheel", "batter"])
        || matches!(word, "rim" | "rims" | "масло" | "масла" | "oil" | "камера" | "камеру")
    {
        return Some("kind");
    }
    if begins(&["зимн", "летн", "всесезонн"]) || matches!(word, "winter" | "summer" | "season" | "snow")
    {
        return Some("season");
    }
    if begins(&["шипован", "нешипован", "studded", "studless"]) {
        return Some("studs");
    }
    None
}

/// The stems and numbers under which a product is found.
pub(super) fn tokens(product: &Product) -> BTreeSet<String> {
    let texts = std::iter::once(product.name.as_str()).chain(product.attributes.values().map(String::as_str));
    texts.flat_map(words).filter(|w| w.chars().count() > 1).map(|w| stem(&w)).collect()
}

/// A word without its ending, so that `зимнюю` and `зимние` are one. Good for comparing, not for showing.
pub(super) fn stem(word: &str) -> String {
    if word.bytes().all(|b| b.is_ascii_digit()) {
        return word.to_owned();
    }
    if word.is_ascii() {
        // "tires" and "tire"; "glass" stays.
        let singular = word.strip_suffix('s').filter(|w| w.len() > 2 && !w.ends_with('s'));
        return singular.unwrap_or(word).to_owned();
    }
    for ending in ENDINGS {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.chars().count() >= 2
        {
            return stem.to_owned();
        }
    }
    word.to_owned()
}

/// Words of a product list that say nothing about which value is meant.
const OTHER: &str = "other";

fn is_free_text(key: &str) -> bool {
    key == "keywords" || key == "name" || key.starts_with("name_") || key == "description"
}

/// Russian endings of nouns and adjectives, the longer first.
const ENDINGS: &[&str] = &[
    "ыми", "ими", "ого", "его", "ому", "ему", "ами", "ями", "ая", "яя", "ую", "юю", "ые", "ие", "ых", "их",
    "ый", "ий", "ой", "ей", "ое", "ее", "ым", "им", "ом", "ем", "ам", "ям", "ах", "ях", "ов", "ев", "ы", "и",
    "а", "я", "у", "ю", "о", "е", "ь", "й",
];

#[cfg(test)]
mod tests {
    use super::super::tests::desk::shop;
    use super::*;

    #[test]
    fn a_word_is_known_by_the_attribute_it_names() {
        let lexicon = Lexicon::of(&shop());
        for (word, kind) in [
            ("нокиан", Some("brand")),
            ("мишлен", Some("brand")),
            ("nokian", Some("brand")),
            ("зимнюю", Some("season")),
            ("летние", Some("season")),
            ("шипованную", Some("studs")),
            ("шины", Some("kind")),
            ("резину", Some("kind")),
            ("слона", None),
        ] {
            assert_eq!(lexicon.kind(word), kind, "{word}");
        }
    }

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for forms in [
            &["зимние", "зимняя", "зимнюю", "зимних", "зимними"][..],
            &["шина", "шины", "шин", "шину", "шинами"],
            &["резину", "резина", "резины"],
            &["диски", "дисков", "диск"],
            &["москва", "москву", "москве", "москвы"],
            &["tire", "tires"],
        ] {
            for form in forms {
                assert_eq!(stem(form), stem(forms[0]), "{form}");
            }
        }
        assert_ne!(stem("шипованная"), stem("нешипованная"));
    }
}
