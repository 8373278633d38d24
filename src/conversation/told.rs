//! Products and pick-up points keep their reference for the whole call: a thinker that found two things in two searches
//! means each by its own number, and a number that nobody gave out means nothing.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::conversation::event::Briefing;
use crate::orders::{PickupPoint, Product};

/// How the references of a list that grows over the call are counted, and which of them the last answer held.
///
/// The entry at place `n` (from 0) has the reference `forgotten + n + 1`. What is seen again keeps its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// So many entries were dropped, the oldest ones; their references are never given to others.
    #[serde(default, skip_serializing_if = "is_zero")]
    forgotten: u32,
    /// References of what the last answer held, in its order. None: everything that is kept, as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Vec<u32>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field by reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Told {
    /// Whether the last answer held everything that is kept, and nothing was dropped.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    fn reference(&self, place: usize) -> u32 {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        self.forgotten.saturating_add(place).saturating_add(1)
    }

    fn refs(&self, kept: usize) -> RangeInclusive<u32> {
        self.reference(0)..=self.reference(kept) - 1
    }

    fn get<'a, T>(&self, kept: &'a [T], reference: u32) -> Option<&'a T> {
        let place = reference.checked_sub(self.forgotten)?.checked_sub(1)?;
        kept.get(usize::try_from(place).ok()?)
    }

    fn last<'a, T>(&self, kept: &'a [T]) -> Vec<(u32, &'a T)> {
        match &self.last {
            None => kept.iter().enumerate().map(|(place, entry)| (self.reference(place), entry)).collect(),
            Some(last) => last.iter().filter_map(|n| Some((*n, self.get(kept, *n)?))).collect(),
        }
    }

    /// An answer has come: what is new is added, what is known is brought up to date.
    fn take<T>(&mut self, kept: &mut Vec<T>, mut answer: Vec<T>, id: impl Fn(&T) -> Uuid) {
        answer.truncate(KEPT);
        let place = |kept: &[T], entry: &T| kept.iter().position(|known| id(known) == id(entry));
        let new = answer.iter().filter(|entry| place(kept, entry).is_none()).count();
        let dropped = (kept.len() + new).saturating_sub(KEPT).min(kept.len());
        kept.drain(..dropped);
        self.forgotten = self.forgotten.saturating_add(u32::try_from(dropped).unwrap_or(u32::MAX));
        let mut last = Vec::with_capacity(answer.len());
        for entry in answer {
            let at = match place(kept, &entry) {
                Some(at) => {
                    kept[at] = entry;
                    at
                }
                None => {
                    kept.push(entry);
                    kept.len() - 1
                }
            };
            let reference = self.reference(at);
            if !last.contains(&reference) {
                last.push(reference);
            }
        }
        let all = last.iter().copied().eq(self.refs(kept.len()));
        self.last = (!all).then_some(last);
    }
}

/// So many products, and so many pick-up points, are kept of a call (up to twice as many where old ones are found again);
/// then the oldest are dropped. Chosen: a long call finds a tenth of it, and a shop that answers a search with its whole
/// catalogue fills no memory.
const KEPT: usize = 200;

impl Briefing {
    /// A search has found these.
    pub fn take_products(&mut self, found: Vec<Product>) {
        self.found.take(&mut self.products, found, |product| product.id);
    }

    /// These pick-up points were listed.
    pub fn take_points(&mut self, listed: Vec<PickupPoint>) {
        self.listed.take(&mut self.pickup_points, listed, |point| point.id);
    }

    /// What the last search found, each with its `product_ref`, in the shop's order.
    pub fn found_products(&self) -> Vec<(u32, &Product)> {
        self.found.last(&self.products)
    }

    /// The pick-up points that were listed last, each with its `pickup_point_ref`.
    pub fn listed_points(&self) -> Vec<(u32, &PickupPoint)> {
        self.listed.last(&self.pickup_points)
    }

    /// The references of the first product and the first pick-up point that are kept.
    pub fn first_refs(&self) -> (u32, u32) {
        (self.found.reference(0), self.listed.reference(0))
    }

    /// The product of this `product_ref`, from whichever search of the call.
    pub fn product(&self, product_ref: u32) -> Option<&Product> {
        self.found.get(&self.products, product_ref)
    }

    /// The pick-up point of this `pickup_point_ref`, from whichever list of the call.
    pub fn pickup_point(&self, pickup_point_ref: u32) -> Option<&PickupPoint> {
        self.listed.get(&self.pickup_points, pickup_point_ref)
    }

    /// The `product_ref` of a product that was found in this call.
    pub fn product_ref(&self, id: Uuid) -> Option<u32> {
        let place = self.products.iter().position(|product| product.id == id)?;
        Some(self.found.reference(place))
    }

    /// All products of the call that are kept, each with its `product_ref`, the oldest first.
    pub fn all_products(&self) -> impl DoubleEndedIterator<Item = (u32, &Product)> {
        self.products.iter().enumerate().map(|(place, product)| (self.found.reference(place), product))
    }

    /// All pick-up points of the call that are kept, each with its `pickup_point_ref`, the oldest first.
    pub fn all_points(&self) -> impl DoubleEndedIterator<Item = (u32, &PickupPoint)> {
        self.pickup_points.iter().enumerate().map(|(place, point)| (self.listed.reference(place), point))
    }

    /// Which references mean a product: those of the products that are kept. Empty before the first search.
    pub fn product_refs(&self) -> RangeInclusive<u32> {
        self.found.refs(self.products.len())
    }

    /// Which references mean a pick-up point.
    pub fn pickup_point_refs(&self) -> RangeInclusive<u32> {
        self.listed.refs(self.pickup_points.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::orders::{Currency, Money};

    fn product(n: u128, minor: i64) -> Product {
        Product {
            id: Uuid::from_u128(n),
            name: format!("product {n}"),
            price: Money { minor, currency: Currency::Rub },
            stock: 1,
            attributes: std::collections::BTreeMap::new(),
        }
    }

    fn found(briefing: &Briefing) -> Vec<(u32, u128)> {
        briefing.found_products().iter().map(|(n, product)| (*n, product.id.as_u128())).collect()
    }

    #[test]
    fn a_product_keeps_the_reference_of_its_first_sighting_and_is_brought_up_to_date() {
        let mut briefing = Briefing::default();
        assert!(briefing.product_refs().is_empty());
        briefing.take_products(vec![product(10, 100), product(11, 100)]);
        assert_eq!(found(&briefing), [(1, 10), (2, 11)]);
        assert!(briefing.found.is_plain(), "one search needs no second list");
        briefing.take_products(vec![product(12, 100), product(11, 250)]);
        assert_eq!(found(&briefing), [(3, 12), (2, 11)], "in the shop's order");
        assert_eq!(briefing.product(1).unwrap().id, Uuid::from_u128(10));
        assert_eq!(briefing.product(2).unwrap().price.minor, 250);
        assert_eq!((briefing.product(0), briefing.product(4)), (None, None));
        assert_eq!(briefing.product_refs(), 1..=3);
        briefing.take_products(Vec::new());
        assert_eq!(found(&briefing), []);
        assert_eq!(briefing.product_ref(Uuid::from_u128(12)), Some(3));
    }

    #[test]
    fn what_is_dropped_is_an_error_and_its_reference_nobody_elses() {
        let mut briefing = Briefing::default();
        for n in 0..300 {
            briefing.take_products(vec![product(n, 100)]);
        }
        assert_eq!(briefing.product_refs(), 101..=300);
        assert_eq!(briefing.product(100), None);
        assert_eq!(briefing.product(101).unwrap().id, Uuid::from_u128(100));
        // Of a whole catalogue the first ones count, which fit best; what was dropped comes as new.
        briefing.take_products((0..1000).map(|n| product(n, 100)).collect());
        let last = found(&briefing);
        assert_eq!(last.len(), 200);
        assert!(last.iter().all(|(n, id)| briefing.product(*n).unwrap().id.as_u128() == *id));
        assert_eq!(last[0].1, 0);
        assert!(briefing.products.len() <= 400);
        let told: Briefing = serde_json::from_str(&serde_json::to_string(&briefing).unwrap()).unwrap();
        assert_eq!(found(&told), last);
    }
}
