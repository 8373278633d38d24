//! The audit: what was done with orders, in a form that cannot be changed unseen.
//!
//! The rule is *no audit, no action*: an intent is on the disk before its request leaves, an outcome before it is
//! spoken. [`Journal`] is the only way in: append-only segment files written by one thread, many calls sharing one
//! `fdatasync`. Each call's entries form a hash chain ([`chain`]). [`drain`] copies the journal to PostgreSQL; there
//! is no other path into the database, so that an outage of it is no special case. [`verify`] checks both,
//! [`reconcile`] finds out what became of intents whose outcome nobody knows.
//!
//! Values about a person are not written in clear: the public part of an entry carries masked telephone numbers and
//! a commitment (HMAC-SHA256 with a random salt of its own), and the values themselves stand sealed (AES-256-GCM) in
//! the journal only, because resolving an open intent after a crash needs the request as it was. See [`seal`].
//! Keys per person, erasure and signed heads are not built yet.

pub mod chain;
mod entry;
mod frame;
mod journal;
mod open_intent;
pub mod seal;
mod settings;
pub mod storage;

pub use chain::{Digest, Record};
pub use entry::{Entry, EntryKind};
pub use journal::{Journal, JournalError, Position, ReadOnly, Receipt, Recovered};
pub use open_intent::OpenIntent;
pub use settings::Settings;
