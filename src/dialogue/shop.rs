//! What the agent knows of a shop's goods: the profile and the catalogue, as words to products.

use crate::orders::Product;

use super::act::Description;
use super::profile::Profile;

/// A shop as the dialogue knows it.
#[derive(Clone, Debug, Default)]
pub struct Shop {
    /// What its owner wrote.
    pub profile: Profile,
    /// Its whole catalogue as far as it is known; prices and stock may be old.
    pub products: Vec<Product>,
}

impl Shop {
    /// A shop with these goods.
    pub fn new(profile: Profile, products: Vec<Product>) -> Self {
        Self { profile, products }
    }

    /// Whether all that was said of goods is true of this product. Prices are compared, extremes are not looked at.
    pub fn fits(&self, _product: &Product, _what: &Description) -> bool {
        todo!("grammar")
    }
    pub fn query(&self, _what: &Description, _l: crate::language::Language) -> String {
        todo!()
    }
    pub fn name<'a>(&self, _p: &'a Product, _l: crate::language::Language) -> &'a str {
        todo!()
    }
    pub fn value_name(&self, _v: &str, _l: crate::language::Language) -> String {
        todo!()
    }
    pub fn attribute_differs(&self, _p: &[&Product], _w: &Description) -> Option<&super::profile::Attribute> {
        todo!()
    }
}
