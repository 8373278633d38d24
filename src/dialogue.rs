//! The dialogue of an order: what the caller's words do, what is known and wanted, what comes next, and how it is said.

pub mod act;
pub mod profile;
pub mod question;
pub mod shop;
pub mod understand;

pub use question::Question;
pub use shop::Shop;
pub use understand::{Context, understand};
