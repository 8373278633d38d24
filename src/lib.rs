//! Orderline: a telephone order desk for Asterisk.

pub mod audio;
pub mod conversation;
pub mod engines;
pub mod ids;
pub mod language;
pub mod orders;
