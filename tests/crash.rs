//! The proof that no order action is lost, doubled or announced wrongly, whatever dies, and whenever.
//!
//! The child is the voice server without sound: journal, drain, reconciler and order desk over HTTP, put together as
//! `orderline serve` does it. It is this same program, started again with `ORDERLINE_PROOF` set, and says each outcome
//! on its standard output: that counts as told to the caller. The shop is the reference store on a real PostgreSQL, and
//! between them stands a proxy that can be down, slow, or lose the answers. What must hold afterwards is asked of the
//! two databases (`invariants.rs`):
//!
//! - **I1** every change that the store made for the agent has an intent with its key in the audit, and an earlier one;
//! - **I2** a key and a call's basket made at most one order;
//! - **I3** every intent has exactly one terminal outcome soon after the recovery: 30 s are the aim, and what it took is printed;
//! - **I4** `audit verify` passes over journal and database, and every call is closed;
//! - **I5** nothing was told as done without a durable outcome that says so, nor as not done that was done;
//! - **I6** no order that is over holds goods.
//!
//! `cargo test --test crash -- --nocapture` prints the tables.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

// The first to run: a minute of it is waiting.
#[path = "crash/away.rs"]
mod away;
#[path = "crash/child.rs"]
mod child;
#[path = "crash/clock.rs"]
mod clock;
#[path = "crash/disk.rs"]
mod disk;
#[path = "crash/invariants.rs"]
mod invariants;
#[path = "crash/kills.rs"]
mod kills;
#[path = "crash/matrix.rs"]
mod matrix;
#[path = "crash/operator.rs"]
mod operator;
#[path = "crash/power.rs"]
mod power;
#[path = "crash/process.rs"]
mod process;
#[path = "crash/proxy.rs"]
mod proxy;
#[path = "crash/shop.rs"]
mod shop;
