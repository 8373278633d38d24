//! From words to dialogue acts.

use crate::language::Language;
use crate::orders::{PickupPoint, Product};

use super::act::Understood;
use super::question::Question;
use super::shop::Shop;

/// What the words are said into.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The language of the call. Yes, no, stop, cancel, numbers and goods are understood in both.
    pub language: Language,
    /// The shop.
    pub shop: &'a Shop,
    /// What the agent asked last, as far as it is known.
    pub asked: Option<&'a Question>,
    /// The products that were told last, in that order: what "the second", "without studs", "for nine thousand" choose among.
    pub told: &'a [Product],
    /// The pick-up points that were told last, in that order.
    pub points: &'a [PickupPoint],
    /// The line that is being spoken of, if there is one: what "ещё две", "того же размера", "подешевле" refer to.
    pub line: Option<&'a Product>,
    /// Whether an order is being put together.
    pub ordering: bool,
}

/// All acts of an utterance.
pub fn understand(_text: &str, _context: &Context<'_>) -> Understood {
    todo!("grammar")
}
