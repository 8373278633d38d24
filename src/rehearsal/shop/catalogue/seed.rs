//! The file that the reference store is loaded with (`store/seed.rs`). What of it a call never sees is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use uuid::{Uuid, uuid};

use super::{Catalogue, City, Customer, Item, PastOrder, Point, fold, tidy, words};
use crate::ids::PhoneNumber;
use crate::orders::{Currency, Money, OrderStatus, PickupPoint, Product};

/// The namespace of the ids of loaded things (`store/seed.rs`), so that a rehearsed shop's ids are the store's own.
const NAMESPACE: Uuid = uuid!("6f1d3b52-8c64-4a1b-9d0e-3f6f3c1b7a55");

fn id(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{kind}:{name}").as_bytes())
}

#[derive(Deserialize)]
pub(super) struct Seed {
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
pub(super) type Wrong = (&'static str, String);

impl Seed {
    pub(super) fn open(self) -> Result<Catalogue, Wrong> {
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
        let products = items.iter().map(|item| item.product.clone()).collect();
        let profile = crate::dialogue::Profile { forms: self.forms.clone(), ..Default::default() };
        let dialogue = Arc::new(crate::dialogue::Shop::new(profile, products));
        Ok(Catalogue { currency: self.currency, items, cities, points, customers, past, listed, dialogue })
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
