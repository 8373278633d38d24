//! Asterisk's side: the configuration that is shipped, and calls through a real Asterisk with real telephones.

#[path = "asterisk/config.rs"]
mod config;
