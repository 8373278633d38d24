//! What a shop sells and where it delivers, from the file that the reference store is loaded with.
//!
//! The reference store is a foreign room, so its rules are written down a second time here, each beside the name of the file
//! that it is taken from. `tests/rehearsal.rs` asks both the same questions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use uuid::{Uuid, uuid};

use crate::engines::llm::rules::Lexicon;
use crate::ids::PhoneNumber;
use crate::orders::{Currency, Money, OrderStatus, PickupPoint, Product};

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
    lexicon: Arc<Lexicon>,
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

/// The namespace of the ids of loaded things (`store/seed.rs`), so that a rehearsed shop's ids are the store's own.
const NAMESPACE: Uuid = uuid!("6f1d3b52-8c64-4a1b-9d0e-3f6f3c1b7a55");

fn id(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{kind}:{name}").as_bytes())
}

impl Catalogue {
    /// Reads a shop's TOML file. What of it a call never sees (materials) is passed over.
    ///
    /// # Errors
    /// A file that cannot be read or is no shop.
    pub fn load(path: &Path) -> Result<Self, CatalogueError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| CatalogueError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
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

    /// The words of the goods that the built-in rules know from the start: learnt, as the voice server learns them, from the
    /// first page of the list (`orders/client.rs`: ten products).
    pub fn lexicon(&self) -> Arc<Lexicon> {
        Arc::clone(&self.lexicon)
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

// === The file ===

#[derive(Deserialize)]
struct Seed {
    currency: Currency,
    #[serde(default)]
    forms: BTreeMap<String, String>,
    cities: Vec<SeedCity>,
    #[serde(default)]
    pickup_points: Vec<SeedPoint>,
    products: Vec<SeedItem>,
    #[serde(default)]
    customers: Vec<SeedCustomer>,
    #[serde(default)]
    orders: Vec<SeedOrder>,
}

#[derive(Deserialize)]
struct SeedCity {
    name: String,
    #[serde(default)]
    also: Vec<String>,
    cost: Amount,
    days: (u32, u32),
}

#[derive(Deserialize)]
struct SeedPoint {
    city: String,
    name: String,
    address: String,
    hours: String,
    days: (u32, u32),
}

#[derive(Deserialize)]
struct SeedItem {
    sku: String,
    name: String,
    #[serde(default)]
    description: String,
    price: Amount,
    stock: u32,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct SeedCustomer {
    phone: String,
    name: String,
}

#[derive(Deserialize)]
struct SeedOrder {
    phone: String,
    number: u32,
    state: String,
    days_ago: u32,
    expected_in_days: i32,
    lines: Vec<SeedLine>,
    city: String,
    address: Option<String>,
}

#[derive(Deserialize)]
struct SeedLine {
    sku: String,
    quantity: u32,
}

/// What was expected, and what stands there instead.
type Wrong = (&'static str, String);

impl Seed {
    fn open(self) -> Result<Catalogue, Wrong> {
        let mut items = Vec::with_capacity(self.products.len());
        for item in &self.products {
            items.push(self.item(item)?);
        }
        let mut cities = Vec::with_capacity(self.cities.len());
        for city in &self.cities {
            cities.push(City {
                name: city.name.clone(),
                names: city.names(),
                cost: city.cost.minor()?,
                days: city.days,
            });
        }
        let mut points = Vec::with_capacity(self.pickup_points.len());
        for point in &self.pickup_points {
            let city = self.cities.iter().find(|city| city.name == point.city);
            let city = city.ok_or_else(|| ("a city of the file", point.city.clone()))?;
            points.push(Point {
                point: PickupPoint {
                    id: id("pickup-point", &format!("{}/{}", point.city, point.name)),
                    name: tidy(&point.name),
                    city: tidy(&point.city),
                    address: tidy(&point.address),
                    working_hours: tidy(&point.hours),
                },
                names: city.names(),
                days: point.days,
            });
        }
        let customers = self
            .customers
            .iter()
            .map(|customer| Ok(Customer { phone: number(&customer.phone)?, name: customer.name.clone() }))
            .collect::<Result<Vec<_>, Wrong>>()?;
        let mut past = Vec::with_capacity(self.orders.len());
        for order in &self.orders {
            past.push(past_order(order, &items, &cities, &points)?);
        }
        let mut listed: Vec<usize> = (0..items.len()).collect();
        listed.sort_by_key(|at| items[*at].product.id);
        let first: Vec<Product> =
            listed.iter().take(super::PRODUCT_LIMIT).map(|at| items[*at].product.clone()).collect();
        let lexicon = Arc::new(Lexicon::of(&first));
        Ok(Catalogue { currency: self.currency, items, cities, points, customers, past, listed, lexicon })
    }

    fn item(&self, item: &SeedItem) -> Result<Item, Wrong> {
        let attributes = self.attributes(item);
        let texts = [item.name.as_str(), item.description.as_str()];
        let texts = texts.into_iter().chain(attributes.values().map(String::as_str));
        let terms = texts.flat_map(words).collect();
        let attributes = attributes.iter().map(|(name, value)| (tidy(name), tidy(value))).collect();
        let product = Product {
            id: id("product", &item.sku),
            name: tidy(&item.name),
            price: Money { minor: item.price.minor()?, currency: self.currency },
            stock: item.stock,
            attributes,
        };
        Ok(Item { sku: item.sku.clone(), product, terms })
    }

    /// The attributes of an item with the words under which it is found (`store/seed.rs`).
    fn attributes(&self, item: &SeedItem) -> BTreeMap<String, String> {
        let mut attributes = item.attributes.clone();
        let own = attributes.remove("keywords");
        let known: Vec<String> = attributes.values().flat_map(|value| words(value)).collect();
        let forms = known.iter().filter_map(|word| self.forms.get(word).map(String::as_str));
        let mut keywords: Vec<&str> = Vec::new();
        for word in own.as_deref().into_iter().chain(forms).flat_map(str::split_whitespace) {
            if !keywords.contains(&word) {
                keywords.push(word);
            }
        }
        if !keywords.is_empty() {
            attributes.insert("keywords".to_owned(), keywords.join(" "));
        }
        attributes
    }
}

impl SeedCity {
    fn names(&self) -> BTreeSet<String> {
        std::iter::once(&self.name).chain(&self.also).map(|name| fold(name)).collect()
    }
}

fn past_order(
    order: &SeedOrder,
    items: &[Item],
    cities: &[City],
    points: &[Point],
) -> Result<PastOrder, Wrong> {
    let status = match order.state.as_str() {
        "new" => OrderStatus::Confirmed,
        "pending_payment" => OrderStatus::PendingPayment,
        "processing" => OrderStatus::Processing,
        "shipped" => OrderStatus::Shipped,
        "delivered" => OrderStatus::Delivered,
        "cancelled" => OrderStatus::Cancelled,
        other => return Err(("a state such as processing", other.to_owned())),
    };
    let lines = order.lines.iter().map(|line| {
        let at = items.iter().position(|item| item.sku == line.sku);
        Ok((at.ok_or_else(|| ("a product's sku", line.sku.clone()))?, line.quantity))
    });
    let lines = lines.collect::<Result<Vec<_>, Wrong>>()?;
    let city = cities.iter().find(|city| city.name == order.city);
    let city = city.ok_or_else(|| ("a city of the file", order.city.clone()))?;
    let point = match order.address {
        Some(_) => None,
        None => {
            let point = points.iter().position(|point| point.point.city == order.city);
            Some(point.ok_or_else(|| ("a city with a pick-up point", order.city.clone()))?)
        }
    };
    Ok(PastOrder {
        id: id("order", &format!("{}/{}", order.phone, order.number)),
        phone: number(&order.phone)?,
        number: order.number,
        status,
        days_ago: order.days_ago,
        expected_in_days: order.expected_in_days,
        lines,
        city: order.city.clone(),
        address: order.address.clone(),
        point,
        cost: if point.is_some() { 0 } else { city.cost },
        days: point.map_or(city.days, |point| points[point].days),
    })
}

fn number(text: &str) -> Result<PhoneNumber, Wrong> {
    PhoneNumber::try_from(text.to_owned()).map_err(|error| ("a telephone number in E.164", error.found))
}

/// An amount, as `"8990.00"` or as whole units.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Units(u32),
    Text(String),
}

impl Amount {
    fn minor(&self) -> Result<i64, Wrong> {
        let text = match self {
            Self::Units(units) => return Ok(i64::from(*units) * 100),
            Self::Text(text) => text,
        };
        let wrong = || ("an amount such as \"7490.00\"", text.clone());
        let (units, cents) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if units.is_empty() || cents.len() > 2 || !digits(units) || !digits(cents) || text.ends_with('.') {
            return Err(wrong());
        }
        let units: i64 = units.parse().map_err(|_| wrong())?;
        let cents: i64 = format!("{cents:0<2}").parse().map_err(|_| wrong())?;
        units.checked_mul(100).and_then(|minor| minor.checked_add(cents)).ok_or_else(wrong)
    }
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
