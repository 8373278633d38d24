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
pub mod compare;
pub mod crash;
pub mod database;
pub mod drain;
mod entry;
mod frame;
mod journal;
pub mod office;
mod open_intent;
pub mod queue;
pub mod reconcile;
pub mod seal;
mod settings;
pub mod show;
pub mod storage;
pub mod verify;

pub use chain::{Digest, Record};
pub use entry::{Entry, EntryKind};
pub use journal::{Journal, JournalError, Position, ReadOnly, Receipt, Recovered};
pub use open_intent::OpenIntent;
pub use settings::Settings;

/// Makes the audit's tables, in the schema `audit` of their own.
///
/// # Errors
/// The database is not there, or a migration that was applied has changed since.
pub async fn migrate(pool: &sqlx::PgPool) -> Result<(), sqlx::migrate::MigrateError> {
    let mut migrator = sqlx::migrate!("migrations/audit");
    // Beside the tables, so that another schema's migrations in the same database stay apart.
    migrator.create_schema("audit");
    migrator.dangerous_set_table_name("audit.migrations");
    migrator.run(pool).await
}
