//! An order written down: `4 x SKU, 2 x SKU; delivery Москва, улица Ленина, дом 5; cash; name Иван`.

use chrono::{DateTime, Utc};

use crate::ids::{PhoneNumber, Pii};
use crate::orders::{Delivery, DraftLine, Order, PaymentMethod};
use crate::rehearsal::shop::{Catalogue, Placed, Shop};

/// What an order must be. What is left out may be anything, but for the goods, which are always all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OrderForm {
    /// Short names and pieces, sorted.
    lines: Vec<(String, u32)>,
    delivery: Option<Way>,
    payment: Option<PaymentMethod>,
    /// One of these.
    name: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// City and address; without one, any.
    Door(String, Option<String>),
    Pickup(String, Option<String>),
}

impl OrderForm {
    pub(super) fn read(text: &str, shop: &Catalogue) -> Result<Self, String> {
        let mut form = Self::default();
        let mut parts = text.split(';').map(str::trim);
        for line in parts.next().unwrap_or("").split(',').map(str::trim) {
            let wrong = || format!("expected a line such as 4 x SKU, found {line:?}");
            let (count, sku) = line.split_once(" x ").ok_or_else(wrong)?;
            let count: u32 = count.trim().parse().map_err(|_| wrong())?;
            let sku = sku.trim();
            if shop.product(sku).is_none() {
                return Err(format!("expected a product of the shop, found {sku:?}"));
            }
            form.lines.push((sku.to_owned(), count));
        }
        form.lines.sort();
        for part in parts {
            let (key, value) = part.split_once(' ').unwrap_or((part, ""));
            let place = |value: &str| match value.split_once(',') {
                Some((city, address)) => (city.trim().to_owned(), Some(address.trim().to_owned())),
                None => (value.trim().to_owned(), None),
            };
            match (key, value) {
                ("delivery" | "pickup", value) if !value.is_empty() => {
                    let (city, address) = place(value);
                    if !shop.cities().any(|known| known == city) {
                        return Err(format!("expected a city as the shop spells it, found {city:?}"));
                    }
                    form.delivery = Some(match key {
                        "delivery" => Way::Door(city, address),
                        _ => Way::Pickup(city, address),
                    });
                }
                ("cash", "") => form.payment = Some(PaymentMethod::CashOnDelivery),
                ("card", "") => form.payment = Some(PaymentMethod::CardOnDelivery),
                ("online", "") => form.payment = Some(PaymentMethod::Online),
                ("name", name) if !name.is_empty() => {
                    form.name = Some(name.split('|').map(str::to_owned).collect())
                }
                _ => {
                    return Err(format!(
                        "expected delivery CITY, ADDRESS or pickup CITY, or cash, card, online, or name NAME, \
                         found {part:?}"
                    ));
                }
            }
        }
        Ok(form)
    }

    /// Whether an order is not as it must be.
    pub(super) fn differs(&self, placed: &Placed, shop: &Catalogue) -> bool {
        let order = &placed.order;
        let goods = self.lines == placed.goods(shop);
        let payment = self.payment.is_none_or(|payment| placed.payment == Some(payment));
        let own = placed.name.as_deref().unwrap_or("");
        let name = self.name.as_ref().is_none_or(|names| names.iter().any(|name| same(own, name)));
        let delivery = self.delivery.as_ref().is_none_or(|way| way.is_that_of(order));
        !(goods && payment && name && delivery)
    }

    /// Places it in the shop, as if it had been placed then. Goods that are not at hand are not placed.
    pub(super) fn place_before(&self, shop: &mut Shop, phone: &PhoneNumber, at: DateTime<Utc>) {
        let line = |(sku, quantity): &(String, u32)| {
            Some(DraftLine { product_id: shop.catalogue().product(sku)?.id, quantity: *quantity })
        };
        let lines: Vec<DraftLine> = self.lines.iter().filter_map(line).collect();
        let (city, address) = match &self.delivery {
            Some(Way::Door(city, Some(address))) => (city.clone(), address.clone()),
            Some(Way::Door(city, None) | Way::Pickup(city, _)) => (city.clone(), "1".to_owned()),
            None => (shop.catalogue().cities().next().unwrap_or_default().to_owned(), "1".to_owned()),
        };
        let delivery = Delivery::Delivery { city, address: Pii::new(address) };
        let payment = self.payment.unwrap_or(PaymentMethod::CashOnDelivery);
        shop.place_before(&lines, phone, &delivery, payment, at);
    }
}

impl Way {
    fn is_that_of(&self, order: &Order) -> bool {
        let Some(terms) = &order.delivery else { return false };
        let at = |address: &Option<String>, own: &str| {
            address.as_ref().is_none_or(|one| one.split('|').any(|address| street(address) == street(own)))
        };
        match (self, &terms.delivery) {
            (Self::Door(city, address), Delivery::Delivery { city: own_city, address: own }) => {
                same(city, own_city) && at(address, own.reveal())
            }
            (Self::Pickup(city, address), Delivery::Pickup { city: own_city, .. }) => {
                same(city, own_city) && at(address, terms.pickup_address.as_deref().unwrap_or(""))
            }
            _ => false,
        }
    }
}

/// The same words, whatever their case.
fn same(a: &str, b: &str) -> bool {
    words(a) == words(b)
}

fn words(text: &str) -> Vec<String> {
    let folded = text.to_lowercase().replace('ё', "е");
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The words of an address that tell it from another: `ул. Ленина, д. 5, кв. 3` is `улица Ленина 5 3`.
fn street(address: &str) -> Vec<String> {
    let mut words = words(address);
    words.retain(|word| {
        !matches!(word.as_str(), "улица" | "ул" | "дом" | "д" | "квартира" | "кв" | "apartment" | "apt")
    });
    for word in &mut words {
        if word == "st" {
            *word = "street".to_owned();
        }
    }
    words
}
