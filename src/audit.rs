//! The audit: what was done with orders, in a form that cannot be changed unseen.
//!
//! The rule is *no audit, no action*: an intent is on the disk before its request leaves, an outcome before it is
//! spoken. [`Journal`] is the only way in: append-only segment files written by one thread, many calls sharing one
//! `fdatasync`. Each call's entries form a hash chain ([`chain`]). [`drain`] copies the journal to PostgreSQL; there
//! is no other path into the database, so that an outage of it is no special case. [`verify`] checks both,
//! [`reconcile`] finds out what became of intents whose outcome nobody knows.
//!
//! Values about a person are not written in clear: the public part of an entry carries masked telephone numbers and
//! a commitment (HMAC-SHA256 with a random salt of its own), and the values themselves stand sealed (AES-256-GCM) under
//! a key of the person's own, because resolving an open intent after a crash needs the request as it was. See [`seal`].
//! [`erase`] makes a person's values unreadable, [`retain`] gives up the oldest months; both leave the chains whole.
//!
//! [`heads`] signs where all chains stand, so that a history made anew as a whole shows, too.

mod canonical;
pub mod chain;
pub mod compare;
pub mod crash;
pub mod database;
pub mod drain;
mod entry;
pub mod erase;
pub mod export;
mod frame;
pub mod heads;
mod journal;
pub(crate) mod keyfile;
pub mod office;
mod open_intent;
pub mod queue;
pub mod reconcile;
pub mod retain;

pub mod seal;
mod settings;
pub mod show;
pub mod storage;
pub(crate) mod subjects;
pub mod verify;

pub use chain::{Digest, Record};
pub use entry::{Entry, EntryKind};
pub use journal::{Clock, Journal, JournalError, Position, ReadOnly, Receipt, Recovered};
pub use open_intent::OpenIntent;
pub use settings::{HeadSinks, Settings};

/// Makes the audit's tables, in the schema `audit` of their own, or brings them up to date.
///
/// # Errors
/// The database is not there, this role may not, or a migration that was applied has changed since.
pub async fn migrate(pool: &sqlx::PgPool) -> Result<(), sqlx::migrate::MigrateError> {
    // A session of its own: the migrator's lock is the session's, and after an error it would be held for as long as the
    // pool keeps the session, with everybody else's migration waiting for it.
    let own = sqlx::postgres::PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with((*pool.connect_options()).clone());
    let mut migrator = migrations();
    // Beside the tables, so that another schema's migrations in the same database stay apart.
    migrator.create_schema("audit");
    migrator.dangerous_set_table_name("audit.migrations");
    let result = migrator.run(&own).await;
    own.close().await;
    result
}

/// The version of the tables that this program writes.
pub(crate) fn tables_version() -> i64 {
    migrations().iter().map(|migration| migration.version).max().unwrap_or(0)
}

fn migrations() -> sqlx::migrate::Migrator {
    sqlx::migrate!("migrations/audit")
}
