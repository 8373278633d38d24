//! The tables of the accounts. No rule stands here beyond what one statement can hold at once.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{FromRow, PgConnection, PgExecutor};
use uuid::Uuid;

use super::rules::Login;

pub(crate) mod proofs;

/// An account.
#[derive(Clone, FromRow)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: Option<String>,
    pub(crate) phone_e164: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) phone_verified: bool,
    pub(crate) roles: Vec<String>,
    pub(crate) language: Option<String>,
}

masked!(User);

impl User {
    /// What a new password must not contain.
    pub(crate) fn logins(&self) -> Vec<&str> {
        self.email.iter().chain(&self.phone_e164).map(String::as_str).collect()
    }
}

/// An account to be opened.
pub(crate) struct NewUser<'a> {
    pub(crate) first_name: &'a str,
    pub(crate) last_name: &'a str,
    pub(crate) login: &'a Login,
    pub(crate) language: Option<&'a str>,
    pub(crate) password_phc: &'a str,
}

masked!(NewUser<'a>);

/// The account of an address or number. An address has a sign that no number has: one placeholder serves both columns.
pub(crate) async fn find(db: impl PgExecutor<'_>, login: &Login) -> sqlx::Result<Option<User>> {
    sqlx::query_as("select * from identity.users where email = $1 or phone_e164 = $1")
        .bind(login.text())
        .fetch_optional(db)
        .await
}

/// An account by its id.
pub(crate) async fn read(db: impl PgExecutor<'_>, id: Uuid) -> sqlx::Result<Option<User>> {
    sqlx::query_as("select * from identity.users where id = $1").bind(id).fetch_optional(db).await
}

/// An account, locked until the transaction ends: of two requests about its codes or tokens one waits.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<User>> {
    sqlx::query_as("select * from identity.users where id = $1 for update")
        .bind(id)
        .fetch_optional(conn)
        .await
}

/// Opens an account; none when the address or number has one. Of two at once the second waits for the first.
pub(crate) async fn add(conn: &mut PgConnection, new: &NewUser<'_>) -> sqlx::Result<Option<User>> {
    let (email, phone) = match new.login {
        Login::Email(email) => (Some(email), None),
        Login::Phone(phone) => (None, Some(phone)),
    };
    let user: Option<User> = sqlx::query_as(
        "insert into identity.users (id, first_name, last_name, email, phone_e164, language) \
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning *",
    )
    .bind(Uuid::now_v7())
    .bind(new.first_name)
    .bind(new.last_name)
    .bind(email)
    .bind(phone)
    .bind(new.language)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(user) = &user {
        sqlx::query("insert into identity.user_credentials (user_id, password_phc) values ($1, $2)")
            .bind(user.id)
            .bind(new.password_phc)
            .execute(conn)
            .await?;
    }
    Ok(user)
}

/// Gives an account other names, those that are given.
pub(crate) async fn rename(
    db: impl PgExecutor<'_>,
    id: Uuid,
    first_name: Option<&str>,
    last_name: Option<&str>,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<User>> {
    sqlx::query_as(
        "update identity.users set first_name = coalesce($2, first_name), last_name = coalesce($3, last_name), \
         updated_at = $4 where id = $1 returning *",
    )
    .bind(id)
    .bind(first_name)
    .bind(last_name)
    .bind(now)
    .fetch_optional(db)
    .await
}

// === Passwords =======================================================================================================

/// What an attempt at a password may do.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// Compare with this.
    Of(Box<User>, String),
    /// Nothing until then.
    LockedUntil(DateTime<Utc>),
    /// There is no such account.
    OfNobody,
}

/// Wrong passwords before an account is locked. Chosen: above what a forgetful owner tries, and with the lock's doubling
/// far below what a guesser needs.
const FREE_FAILURES: i32 = 5;
/// How long it is locked first, and at most; doubled in between with every further failure.
const FIRST_LOCK: TimeDelta = TimeDelta::minutes(1);
const LONGEST_LOCK: TimeDelta = TimeDelta::hours(1);

#[derive(FromRow)]
struct Counted {
    #[sqlx(flatten)]
    user: User,
    password_phc: String,
}

/// Counts an attempt as failed, before the password is looked at: of many at once none is free. [`forgive`] takes it
/// back. A count that a crash of PostgreSQL loses is not worth waiting for the disk, and would tell by its time that the
/// account exists.
pub(crate) async fn attempt(
    conn: &mut PgConnection,
    who: Who<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<Attempt> {
    let (login, id) = match who {
        Who::Login(login) => (Some(login.text()), None),
        Who::User(id) => (None, Some(id)),
    };
    let counted: Option<Counted> = sqlx::query_as(
        "with relaxed as (select set_config('synchronous_commit', 'off', true)) \
         update identity.user_credentials c set failed = c.failed + 1, locked_until = case when c.failed + 1 >= $4 \
         then $3::timestamptz + least($5::interval * power(2, least(c.failed + 1 - $4, 20)), $6::interval) end \
         from identity.users u, relaxed where u.id = c.user_id and (u.id = $2 or u.email = $1 or u.phone_e164 = $1) \
         and (c.locked_until is null or c.locked_until <= $3) returning u.*, c.password_phc",
    )
    .bind(login)
    .bind(id)
    .bind(now)
    .bind(FREE_FAILURES)
    .bind(FIRST_LOCK)
    .bind(LONGEST_LOCK)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(Counted { user, password_phc }) = counted {
        return Ok(Attempt::Of(Box::new(user), password_phc));
    }
    let until: Option<DateTime<Utc>> = sqlx::query_scalar(
        "select c.locked_until from identity.user_credentials c join identity.users u on u.id = c.user_id \
         where (u.id = $2 or u.email = $1 or u.phone_e164 = $1) and c.locked_until is not null",
    )
    .bind(login)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(until.map_or(Attempt::OfNobody, Attempt::LockedUntil))
}

/// Whose password is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who<'a> {
    Login(&'a Login),
    User(Uuid),
}

/// The password was right: earlier failures do not count any more.
pub(crate) async fn forgive(conn: &mut PgConnection, user: Uuid) -> sqlx::Result<()> {
    sqlx::query("update identity.user_credentials set failed = 0, locked_until = null where user_id = $1")
        .bind(user)
        .execute(conn)
        .await?;
    Ok(())
}

/// A new password; whatever was granted under the old one ends.
pub(crate) async fn set_password(
    conn: &mut PgConnection,
    user: Uuid,
    phc: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update identity.user_credentials set password_phc = $2, failed = 0, locked_until = null, changed_at = $3 \
         where user_id = $1",
    )
    .bind(user)
    .bind(phc)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    sqlx::query("update identity.user_tokens set revoked_at = $2 where user_id = $1 and revoked_at is null")
        .bind(user)
        .bind(now)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "update identity.password_reset_tokens set used_at = $2 where user_id = $1 and used_at is null",
    )
    .bind(user)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

// === Refresh tokens ==================================================================================================

/// A refresh token.
#[derive(Debug, FromRow)]
pub(crate) struct Refresh {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) family: Uuid,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) used_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// Keeps a refresh token's hash.
pub(crate) async fn add_refresh(
    conn: &mut PgConnection,
    user: Uuid,
    family: Uuid,
    hash: &[u8],
    now: DateTime<Utc>,
    ttl: TimeDelta,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into identity.user_tokens (id, user_id, family, token_hash, created_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(Uuid::now_v7())
    .bind(user)
    .bind(family)
    .bind(hash)
    .bind(now)
    .bind(now + ttl)
    .execute(conn)
    .await?;
    Ok(())
}

/// The refresh token of a hash, locked: of two who show it at once the second finds it used.
pub(crate) async fn lock_refresh(conn: &mut PgConnection, hash: &[u8]) -> sqlx::Result<Option<Refresh>> {
    sqlx::query_as(
        "select id, user_id, family, expires_at, used_at, revoked_at from identity.user_tokens \
         where token_hash = $1 for update",
    )
    .bind(hash)
    .fetch_optional(conn)
    .await
}

/// A refresh token has been exchanged.
pub(crate) async fn use_refresh(conn: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query("update identity.user_tokens set used_at = $2 where id = $1")
        .bind(id)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends all refresh tokens of a family.
pub(crate) async fn end_family(
    conn: &mut PgConnection,
    family: Uuid,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query("update identity.user_tokens set revoked_at = $2 where family = $1 and revoked_at is null")
        .bind(family)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Drops what has been good for nothing for a day.
pub(crate) async fn forget(conn: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<()> {
    // Whole statements, because each names its table.
    for statement in [
        "delete from identity.user_tokens where expires_at < $1",
        "delete from identity.password_reset_tokens where expires_at < $1",
        "delete from identity.verification_codes where expires_at < $1",
    ] {
        sqlx::query(statement).bind(now - TimeDelta::days(1)).execute(&mut *conn).await?;
    }
    Ok(())
}
