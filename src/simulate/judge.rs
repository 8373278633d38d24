//! What came of a call, against what its caller wanted.

use std::collections::BTreeMap;

use crate::language::Language;
use crate::orders::{Delivery, Order, PaymentMethod};
use crate::rehearsal::shop::{Catalogue, Placed};

use super::ear;
use super::goal::{Basket, Handover, Kind, Temper};
use super::market::Market;
use super::readback::address_told;

/// What came of a call.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    pub seed: u64,
    pub kind: Kind,
    pub temper: Temper,
    /// Why it is no success; none: it is one.
    pub failure: Option<String>,
    /// Why an order that stands is wrong.
    pub wrong: Option<String>,
    /// Noise turned a no into a yes.
    pub no_to_yes: bool,
    /// Noise turned a yes into a no.
    pub yes_to_no: bool,
    pub figures: Figures,
    pub transcript: Vec<String>,
}

masked!(Outcome);

/// Counts of one call, or of many together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub turns: u64,
    pub speech_ms: u64,
    pub call_ms: u64,
    pub longest_ms: u64,
    pub read_backs: u64,
    /// The agent did not understand.
    pub repairs: u64,
    /// The agent offered a person.
    pub persons_offered: u64,
    /// The same was asked three times.
    pub thrice: bool,
    pub asides: u64,
    /// Questions of the caller that were answered by the sentence before, or as not understood.
    pub asides_lost: u64,
    /// The order stands under another name than was told, or under none.
    pub name_lost: bool,
    /// The agent said the very same twice running.
    pub echoes: u64,
}

/// What is known at the end of a call.
#[derive(Debug)]
pub struct End<'a> {
    pub kind: Kind,
    pub temper: Temper,
    pub basket: &'a Basket,
    pub changed: bool,
    pub status_told: bool,
    pub cancelled: bool,
    pub wanted_person: bool,
    pub person: bool,
    /// The caller left in the middle, as its temper is.
    pub left: bool,
    /// An order came to stand in a turn that was no yes to it.
    pub without_yes: bool,
    pub placed: Vec<&'a Placed>,
}

/// Why the call is no success, and why an order is wrong.
pub fn judge(
    end: &End<'_>,
    market: &Market,
    catalogue: &Catalogue,
    language: Language,
) -> (Option<String>, Option<String>) {
    let differs: Vec<Option<String>> = end
        .placed
        .iter()
        .map(|placed| difference(&placed.order, placed.payment, end.basket, market, catalogue, language))
        .collect();
    let wrong = if end.without_yes {
        Some("placed without the caller's yes".to_owned())
    } else if end.kind == Kind::Status && !end.placed.is_empty() {
        Some("placed, and nothing was to be ordered".to_owned())
    } else if end.cancelled && !end.placed.is_empty() {
        Some("placed, and was cancelled".to_owned())
    } else if end.placed.len() > 1 {
        Some("placed twice".to_owned())
    } else {
        differs.into_iter().flatten().next()
    };
    if let Some(wrong) = &wrong {
        return (Some(format!("wrong order: {wrong}")), Some(wrong.clone()));
    }
    let ordered = !end.placed.is_empty();
    let failure = if end.left {
        None
    } else if end.wanted_person {
        (!end.person).then(|| "no person".to_owned())
    } else if end.person {
        Some("given to a person".to_owned())
    } else {
        match end.kind {
            Kind::Cancel => (!end.cancelled).then(|| "not cancelled".to_owned()),
            Kind::Status => (!end.status_told).then(|| "status not told".to_owned()),
            Kind::StatusAndOrder if !end.status_told => Some("status not told".to_owned()),
            _ if !ordered => Some("nothing ordered".to_owned()),
            _ if !end.changed => Some("ordered before the change".to_owned()),
            _ => None,
        }
    };
    (failure, None)
}

/// What of an order is not as it was wanted.
pub fn difference(
    order: &Order,
    payment: Option<PaymentMethod>,
    wanted: &Basket,
    market: &Market,
    catalogue: &Catalogue,
    language: Language,
) -> Option<String> {
    let mut goods: BTreeMap<&str, i64> = BTreeMap::new();
    for line in &wanted.lines {
        *goods.entry(&market.items[line.item].sku).or_default() += i64::from(line.n);
    }
    for line in &order.lines {
        let sku = line.product_id.and_then(|id| catalogue.sku(id)).unwrap_or("?");
        *goods.entry(sku).or_default() -= i64::from(line.quantity);
    }
    let off: Vec<String> = goods
        .iter()
        .filter(|(_, n)| **n != 0)
        .map(|(sku, n)| if *n > 0 { format!("{n} {sku} too few") } else { format!("{} {sku} too many", -n) })
        .collect();
    if !off.is_empty() {
        return Some(off.join(", "));
    }
    if payment != Some(wanted.payment) {
        return Some(format!("paid {payment:?}, not {:?}", wanted.payment));
    }
    let Some(terms) = &order.delivery else { return Some("no delivery".to_owned()) };
    match (&terms.delivery, &wanted.handover) {
        (Delivery::Delivery { city, address }, Handover::Delivery(wanted)) => {
            let tokens = ear::tokens(&address.reveal().replace([',', '.'], " "), language);
            let is_right = address_told(&tokens, &wanted.key, wanted.house, wanted.flat, language)
                == Some(true)
                || written(&tokens, &wanted.key, wanted.house, wanted.flat);
            (*city != wanted.city || !is_right).then(|| {
                format!(
                    "to {city}, {}, not {}, {} {} {:?}",
                    address.reveal(),
                    wanted.city,
                    wanted.key,
                    wanted.house,
                    wanted.flat
                )
            })
        }
        (Delivery::Pickup { .. }, Handover::Pickup(at)) => {
            let point = &market.points[*at];
            (terms.pickup_address.as_deref() != Some(&point.address))
                .then(|| "another pick-up point".to_owned())
        }
        (Delivery::Delivery { .. }, _) => Some("delivered, not fetched".to_owned()),
        (Delivery::Pickup { .. }, _) => Some("fetched, not delivered".to_owned()),
    }
}

/// Whether an address holds the street, the house and the flat and no other number, in whatever order.
fn written(tokens: &[String], key: &str, house: u32, flat: Option<u32>) -> bool {
    let mut numbers: Vec<u32> = tokens.iter().filter_map(|token| token.parse().ok()).collect();
    let mut wanted: Vec<u32> = std::iter::once(house).chain(flat).collect();
    numbers.sort_unstable();
    wanted.sort_unstable();
    ear::speaks_of(tokens, key).is_some() && numbers == wanted
}
