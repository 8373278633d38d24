//! What a shop sells and where it delivers, from the file that the reference store is loaded with.
//!
//! The reference store is a foreign room, so its rules are written down a second time here, each beside the name of the file
//! that it is taken from. `tests/rehearsal.rs` asks both the same questions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use crate::ids::PhoneNumber;
use crate::orders::{Currency, OrderStatus, PickupPoint, Product};

mod seed;

use seed::Seed;

/// A shop's goods and terms, which no call changes: one is shared by all calls that are rehearsed.
#[derive(Debug)]
pub struct Catalogue {
    pub(super) currency: Currency,
    pub(super) items: Vec<Item>,
    cities: Vec<City>,
    pub(super) points: Vec<Point>,
    pub(super) customers: Vec<Customer>,
    pub(super) past: Vec<PastOrder>,
    /// The items by their ids, as the store lists them.
    listed: Vec<usize>,
    /// The goods and the profile, as the dialogue knows them.
    dialogue: Arc<crate::dialogue::Shop>,
}

/// A product and the words under which it is found.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) sku: String,
    pub(super) product: Product,
    terms: BTreeSet<String>,
}

/// A city that the shop delivers to.
#[derive(Debug)]
pub(super) struct City {
    pub(super) name: String,
    names: BTreeSet<String>,
    pub(super) cost: i64,
    pub(super) days: (u32, u32),
}

/// A place to fetch an order.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) point: PickupPoint,
    names: BTreeSet<String>,
    pub(super) days: (u32, u32),
}

/// Who has ordered before.
pub(super) struct Customer {
    pub(super) phone: PhoneNumber,
    pub(super) name: String,
}

masked!(Customer);

/// An order from before, its days counted from the day of the call.
pub(super) struct PastOrder {
    pub(super) id: Uuid,
    pub(super) phone: PhoneNumber,
    pub(super) number: u32,
    pub(super) status: OrderStatus,
    pub(super) days_ago: u32,
    pub(super) expected_in_days: i32,
    /// Indices of items, and how many.
    pub(super) lines: Vec<(usize, u32)>,
    pub(super) city: String,
    /// To the door when given, else to the city's first pick-up point.
    pub(super) address: Option<String>,
    /// Index of the pick-up point.
    pub(super) point: Option<usize>,
    pub(super) cost: i64,
    pub(super) days: (u32, u32),
}

masked!(PastOrder);

/// Why a shop's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The file cannot be read.
    #[error("while reading {path:?}")]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is no shop.
    #[error("{path:?}: expected a shop")]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    /// One part names another that is not there, or a value is none.
    #[error("{path:?}: expected {what}, found {found:?}")]
    Wrong { path: PathBuf, what: &'static str, found: String },
}

impl Catalogue {
    /// Reads a shop's TOML file. What of it a call never sees (materials) is passed over.
    ///
    /// # Errors
    /// A file that cannot be read or is no shop.
    pub fn load(path: &Path) -> Result<Self, CatalogueError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| CatalogueError::Read { path: path.to_owned(), source })?;
        let mut catalogue = Self::parse(&text, path)?;
        // A shop's profile lies beside it.
        let beside = path.with_file_name(format!(
            "{}-profile.toml",
            path.file_stem().unwrap_or_default().to_string_lossy()
        ));
        if let Ok(text) = std::fs::read_to_string(&beside) {
            let profile = toml::from_str(&text)
                .map_err(|source| CatalogueError::Parse { path: beside, source: Box::new(source) })?;
            catalogue.dialogue = Arc::new(crate::dialogue::Shop::new(profile, catalogue.products()));
        }
        Ok(catalogue)
    }

    fn products(&self) -> Vec<Product> {
        self.items.iter().map(|item| item.product.clone()).collect()
    }

    /// Reads a shop from a text; `path` is named in errors.
    ///
    /// # Errors
    /// A text that is no shop.
    pub fn parse(text: &str, path: &Path) -> Result<Self, CatalogueError> {
        let seed: Seed = toml::from_str(text)
            .map_err(|source| CatalogueError::Parse { path: path.to_owned(), source: Box::new(source) })?;
        seed.open().map_err(|(what, found)| CatalogueError::Wrong { path: path.to_owned(), what, found })
    }

    /// What the built-in rules know of the shop from the start: its profile, and its catalogue as the voice server reads it.
    pub fn dialogue(&self) -> Arc<crate::dialogue::Shop> {
        Arc::clone(&self.dialogue)
    }

    /// The currency of all prices.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The product with the shop's own short name.
    pub fn product(&self, sku: &str) -> Option<&Product> {
        self.items.iter().find(|item| item.sku == sku).map(|item| &item.product)
    }

    /// The shop's own short name of a product.
    pub fn sku(&self, product: Uuid) -> Option<&str> {
        self.items.iter().find(|item| item.product.id == product).map(|item| item.sku.as_str())
    }

    /// The short names of all products, in the file's order.
    pub fn skus(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| item.sku.as_str())
    }

    /// The names of all cities, in the file's order.
    pub fn cities(&self) -> impl Iterator<Item = &str> {
        self.cities.iter().map(|city| city.name.as_str())
    }

    pub(super) fn index(&self, product: Uuid) -> Option<usize> {
        self.items.iter().position(|item| item.product.id == product)
    }

    /// The city with this name among its names (`store/places.rs`).
    pub(super) fn city(&self, name: &str) -> Option<&City> {
        let name = fold(name);
        self.cities.iter().filter(|city| city.names.contains(&name)).min_by(|a, b| a.name.cmp(&b.name))
    }

    /// The pick-up points of a city, or all.
    pub(super) fn pickup_points(&self, city: Option<&str>) -> Vec<PickupPoint> {
        let city = city.filter(|city| !city.trim().is_empty()).map(fold);
        let fits = |point: &&Point| city.as_ref().is_none_or(|city| point.names.contains(city));
        let mut points: Vec<&PickupPoint> =
            self.points.iter().filter(fits).map(|point| &point.point).collect();
        points.sort_by(|a, b| (&a.city, &a.name, a.id).cmp(&(&b.city, &b.name, b.id)));
        points.into_iter().cloned().collect()
    }

    /// The items that match a caller's words best, the best first (`store/catalog.rs`, `search`); without words, the list.
    pub(super) fn search(&self, query: &str, available: impl Fn(usize) -> i64, limit: usize) -> Vec<usize> {
        if query.trim().is_empty() {
            return self.listed.iter().copied().take(limit).collect();
        }
        let question = Question::of(query);
        let known = |number: &&String| self.items.iter().any(|item| item.terms.contains(*number));
        let strict: Vec<&String> = question.numbers.iter().filter(known).chain(&question.size).collect();
        let mut found: Vec<_> = self
            .items
            .iter()
            .enumerate()
            .filter(|(_, item)| strict.iter().all(|number| item.terms.contains(*number)))
            .filter_map(|(at, item)| {
                let matches = question.tokens.iter().filter(|token| item.terms.contains(*token)).count();
                let rank = (
                    std::cmp::Reverse(matches),
                    available(at) <= 0,
                    item.product.price.minor,
                    item.product.id,
                );
                (matches > 0).then_some((rank, at))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, at)| at).take(limit).collect()
    }
}

/// What a caller's words ask of the catalogue (`store/catalog.rs`).
#[derive(Debug, PartialEq, Eq)]
struct Question {
    /// Rank by how many of these match.
    tokens: BTreeSet<String>,
    /// Numbers of a size as it is read off a tyre: each must match, known or not.
    size: Vec<String>,
    /// Other numbers of two digits and more: each must match if any product has it. Without a size only.
    numbers: Vec<String>,
}

impl Question {
    fn of(query: &str) -> Self {
        let mut tokens = words(query);
        tokens.truncate(MAX_TOKENS);
        let numeric = |token: &&String| token.len() > 1 && token.bytes().all(|b| b.is_ascii_digit());
        let numbers: Vec<String> = tokens.iter().filter(numeric).cloned().collect();
        let size = numbers
            .iter()
            .position(|number| number.len() == 3)
            .map(|width| {
                let rest = numbers[width + 1..].iter().take_while(|number| number.len() == 2).take(2);
                std::iter::once(&numbers[width]).chain(rest).cloned().collect::<Vec<_>>()
            })
            .filter(|size| size.len() > 1)
            .unwrap_or_default();
        let numbers = if size.is_empty() { numbers } else { Vec::new() };
        Self { tokens: tokens.into_iter().collect(), size, numbers }
    }
}

/// A longer query is cut (`store/catalog.rs`).
const MAX_TOKENS: usize = 40;

/// The words and numbers of a text, folded: lower case, ё as е, letters apart from digits (`store/catalog.rs`).
fn words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut last: Option<bool> = None;
    for c in text.chars().flat_map(char::to_lowercase) {
        let c = if c == 'ё' { 'е' } else { c };
        let kind = c.is_alphanumeric().then_some(c.is_ascii_digit());
        match (kind, found.last_mut()) {
            (Some(_), Some(word)) if kind == last => word.push(c),
            (Some(_), _) => found.push(c.to_string()),
            (None, _) => {}
        }
        last = kind;
    }
    found
}

/// A place's name as it is compared: lower case, ё as е, words by single spaces, hyphens as spaces (`store/places.rs`).
fn fold(name: &str) -> String {
    let lower: String = name.chars().flat_map(char::to_lowercase).collect();
    let plain = lower.replace('ё', "е").replace(['-', '.', ','], " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text of the store as the voice server takes it: one line of at most 300 characters (`orders/client/forms.rs`).
pub(super) fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str) -> Vec<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/shop/tyres.toml");
        let shop = Catalogue::load(&path).expect("the sample shop");
        let stock = |at: usize| i64::from(shop.items[at].product.stock);
        shop.search(query, stock, 10).into_iter().map(|at| shop.items[at].sku.clone()).collect()
    }

    #[test]
    fn goods_are_found_by_words_and_sizes_the_best_and_cheapest_first() {
        let nokian = found("205 55 16 зимние нокиан");
        assert_eq!(nokian[..2], ["nokian-winter-205-55-16", "nokian-winter-studded-205-55-16"]);
        assert!(nokian.iter().all(|sku| sku.ends_with("205-55-16")), "{nokian:?}");
        assert_eq!(found("kama tires 175 70 13"), ["kama-summer-175-70-13"]);
        assert!(found("205 55 99").is_empty(), "a size that nobody has");
        assert!(found("чайник").is_empty());
        assert_eq!(found("").len(), 10);
    }
}
