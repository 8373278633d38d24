//! Orderline: a telephone order desk for Asterisk.

pub mod ari;
pub mod audio;
pub mod audit;
pub mod call;
pub mod cli;
pub mod config;
pub mod conversation;
pub mod engines;
pub mod http;
pub mod ids;
pub mod language;
pub mod orders;
pub mod postgres;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod telephone;
