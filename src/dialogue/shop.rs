//! What the agent knows of a shop's goods: the profile and the catalogue, as words to products.

use crate::language::Language;
use crate::language::text::words;
use crate::orders::Product;

use super::act::{Description, Extreme, Term};
use super::profile::{Attribute, Profile};
use super::understand::word::stem;

pub(super) mod lexicon;

use lexicon::Lexicon;

/// The key of a term that is a word of the product's name and no attribute.
pub const NAME: &str = "name";
/// The attribute that says what a thing is; its values are what units count and what sentences share.
pub const KIND: &str = "kind";

/// A shop as the dialogue knows it.
#[derive(Clone, Debug, Default)]
pub struct Shop {
    /// What its owner wrote.
    pub profile: Profile,
    /// Its whole catalogue as far as it is known; prices and stock may be old.
    pub products: Vec<Product>,
    /// The words of both, learnt once.
    pub(super) lexicon: Lexicon,
}

impl Shop {
    /// A shop with these goods.
    pub fn new(profile: Profile, products: Vec<Product>) -> Self {
        let lexicon = Lexicon::new(&profile, &products);
        Self { profile, products, lexicon }
    }

    /// Whether all that was said of goods is true of this product. Prices are compared, extremes are not looked at.
    pub fn fits(&self, product: &Product, what: &Description) -> bool {
        what.with.iter().all(|term| has(product, term))
            && what.without.iter().all(|term| !has(product, term))
            && priced(product, what)
    }

    /// Which of these products are meant, best first, and whether all that was said is true of them. Where it is true of
    /// none, those of which most is true; never another kind, nor what was said not to be wanted. Within equals what can
    /// be had comes first, then by price where the price was spoken of.
    pub fn candidates(&self, what: &Description, products: &[Product]) -> (Vec<usize>, bool) {
        let mut found: Vec<usize> =
            (0..products.len()).filter(|at| self.fits(&products[*at], what)).collect();
        let exact = !found.is_empty();
        if !exact {
            let score = |at: &usize| what.with.iter().filter(|term| has(&products[*at], term)).count();
            let kinds: Vec<&Term> = what.with.iter().filter(|term| term.key == KIND).collect();
            let possible = (0..products.len()).filter(|at| {
                kinds.iter().all(|term| has(&products[*at], term))
                    && what.without.iter().all(|term| !has(&products[*at], term))
            });
            let possible: Vec<usize> = possible.collect();
            let best = possible.iter().map(score).max().unwrap_or(0);
            found = possible.into_iter().filter(|at| best > 0 && score(at) == best).collect();
        }
        match what.extreme {
            Some(Extreme::Cheapest | Extreme::Cheaper) => {
                found.sort_by_key(|at| (products[*at].stock == 0, products[*at].price.minor));
            }
            Some(Extreme::Dearest | Extreme::Dearer) => {
                found.sort_by_key(|at| {
                    (products[*at].stock == 0, std::cmp::Reverse(products[*at].price.minor))
                });
            }
            Some(Extreme::Any) | None => found.sort_by_key(|at| products[*at].stock == 0),
        }
        (found, exact)
    }

    /// Words for the store's search: sizes as numbers, the rest as it was said, at most 200 characters.
    pub fn query(&self, what: &Description) -> String {
        let mut query: Vec<&str> = Vec::new();
        for term in &what.with {
            let digits = term.value.bytes().next().is_some_and(|b| b.is_ascii_digit());
            let said = if digits || term.said.is_empty() { &term.value } else { &term.said };
            if !query.contains(&said.as_str()) {
                query.push(said);
            }
        }
        // Words that nothing in the shop is called would only keep the store from finding what the others say.
        if query.is_empty() {
            query.extend(what.unknown.iter().map(String::as_str));
        }
        query.join(" ").chars().take(200).collect()
    }

    /// What a product is called in this language.
    pub fn name<'p>(&self, product: &'p Product, language: Language) -> &'p str {
        let key = match language {
            Language::Russian => "name_ru",
            Language::English => "name_en",
        };
        product.attributes.get(key).map_or(product.name.as_str(), String::as_str)
    }

    /// The next attribute that is worth asking for: in the profile's order the first that has a question, of which nothing
    /// was said, and in which these products differ.
    pub fn attribute_differs(&self, what: &Description, products: &[&Product]) -> Option<&Attribute> {
        self.profile.attributes.iter().find(|attribute| {
            let keys = keys(attribute);
            let spoken = |key: &str| {
                what.with.iter().chain(&what.without).any(|term| term.key == key)
                    || what.same.contains(&attribute.key)
            };
            let value = |product: &&Product| {
                keys.iter().map(|key| product.attributes.get(*key).cloned()).collect::<Vec<_>>()
            };
            let asked = !attribute.ask.ru.is_empty() || !attribute.ask.en.is_empty();
            let mut values = products.iter().map(value);
            let first = values.next();
            asked && !keys.iter().all(|key| spoken(key)) && values.any(|value| Some(value) != first)
        })
    }

    /// The terms that describe this product by the attributes of the profile, or by these keys of it (`*`: all).
    pub fn terms_of(&self, product: &Product, same: &[String]) -> Vec<Term> {
        let all = same.iter().any(|key| key == "*");
        let mut terms = Vec::new();
        for (key, value) in &product.attributes {
            let of = self.profile.attributes.iter().find(|a| keys(a).contains(&key.as_str()));
            let wanted = same.contains(key) || of.is_some_and(|a| same.contains(&a.key));
            if (all || wanted) && !lexicon::is_free_text(key) {
                terms.push(Term { key: key.clone(), value: value.clone(), said: value.clone() });
            }
        }
        terms
    }

    /// A city that stands at the beginning or the end of what was taken for a street, and the street without it.
    pub fn without_city(&self, street: &str) -> (Option<String>, String) {
        let words: Vec<&str> = street.split(' ').collect();
        let known = |said: &str| super::understand::city_of(self, said);
        for length in (1..=2).filter(|length| words.len() > length + usize::from(words.len() > 2)) {
            let (head, rest) = words.split_at(length);
            if let Some(city) = known(&head.join(" ")) {
                return (Some(city), rest.join(" "));
            }
            let (rest, tail) = words.split_at(words.len() - length);
            if let Some(city) = known(&tail.join(" ")) {
                return (Some(city), rest.join(" "));
            }
        }
        (None, street.to_owned())
    }

    /// A value of an attribute as the profile says it first ("winter": "зимняя"); the value itself where nothing is known.
    pub fn value_name(&self, value: &str, language: crate::language::Language) -> String {
        let forms = self.profile.forms.get(value).map_or("", String::as_str);
        let own = forms.split_whitespace().find(|form| crate::language::Language::of(form) == Some(language));
        own.unwrap_or(value).replace('_', " ")
    }
}

/// The catalogue's attributes that this attribute of the profile is made of.
pub(super) fn keys(attribute: &Attribute) -> Vec<&str> {
    match attribute.parts.is_empty() {
        true => vec![attribute.key.as_str()],
        false => attribute.parts.iter().map(String::as_str).collect(),
    }
}

/// Whether a product is what a term says.
pub(super) fn has(product: &Product, term: &Term) -> bool {
    if term.key == NAME {
        return lexicon::texts(product)
            .flat_map(words)
            .any(|word| stem(&word) == term.value || word == term.value);
    }
    let Some(value) = product.attributes.get(&term.key) else { return false };
    value.eq_ignore_ascii_case(&term.value)
        || value.to_lowercase() == term.value.to_lowercase()
        || matches!((lexicon::number(value), lexicon::number(&term.value)), (Some(a), Some(b)) if a == b)
}

fn priced(product: &Product, what: &Description) -> bool {
    what.price_max.is_none_or(|most| product.price.minor <= most)
        && what.price_min.is_none_or(|least| product.price.minor >= least)
}

#[cfg(test)]
mod tests;
