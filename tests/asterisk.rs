//! Asterisk's side: the configuration that is shipped, and calls through a real Asterisk with real telephones.
//!
//! The calls are ignored unless somebody wants them, for they need real peers, which `tests/asterisk/prepare.sh` installs:
//! `CI=true make test` does both, `cargo test --test asterisk -- --include-ignored` runs them where the peers are.

#[path = "asterisk/agent.rs"]
mod agent;
#[path = "asterisk/capture.rs"]
mod capture;
#[path = "asterisk/child.rs"]
mod child;
#[path = "asterisk/compare.rs"]
mod compare;
#[path = "asterisk/config.rs"]
mod config;
#[path = "asterisk/doctor.rs"]
mod doctor;
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
#[path = "asterisk/rogue.rs"]
mod rogue;
#[path = "asterisk/stack.rs"]
mod stack;
#[path = "asterisk/stasis.rs"]
mod stasis;
#[path = "asterisk/stasis_lost.rs"]
mod stasis_lost;
#[path = "asterisk/stasis_transfer.rs"]
mod stasis_transfer;
#[path = "asterisk/tap.rs"]
mod tap;
#[path = "asterisk/torture.rs"]
mod torture;
#[path = "asterisk/torture_server.rs"]
mod torture_server;
#[path = "asterisk/torture_sound.rs"]
mod torture_sound;
#[path = "asterisk/torture_told.rs"]
mod torture_told;
#[path = "asterisk/transfer.rs"]
mod transfer;
#[path = "asterisk/wire.rs"]
mod wire;
