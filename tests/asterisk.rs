//! Asterisk's side: the configuration that is shipped, and calls through a real Asterisk with real telephones.
//!
//! `tests/asterisk/prepare.sh` installs the peers; without them (and outside CI) the calls are skipped with a word.

#[path = "asterisk/agent.rs"]
mod agent;
#[path = "asterisk/child.rs"]
mod child;
#[path = "asterisk/compare.rs"]
mod compare;
#[path = "asterisk/config.rs"]
mod config;
#[path = "asterisk/network.rs"]
mod network;
#[path = "asterisk/order.rs"]
mod order;
#[path = "asterisk/pbx.rs"]
mod pbx;
#[path = "asterisk/peers.rs"]
mod peers;
#[path = "asterisk/phone.rs"]
mod phone;
#[path = "asterisk/stack.rs"]
mod stack;
