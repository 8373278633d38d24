//! Codes and reset tokens: what proves that an address or number is its owner's.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::User;
use crate::store::market::identity::rules::Login;

/// How long a code is good. Ten minutes, by the design.
pub(crate) const CODE_TTL: TimeDelta = TimeDelta::minutes(10);
/// Tries of one code, by the design.
const TRIES: i32 = 5;
/// How long a reset token is good. Chosen: a letter may be late, and is read when there is time.
pub(crate) const RESET_TTL: TimeDelta = TimeDelta::hours(1);
/// Between two messages to one account, and how many a day. Chosen: whoever asks in another's name fills no mailbox and
/// costs the shop no SMS to speak of, and a guesser of codes gets at most fifty tries a day out of a million.
const PAUSE: TimeDelta = TimeDelta::minutes(1);
const MOST_A_DAY: i64 = 10;

/// Whether an account may be sent one more code or reset token. The account is locked.
pub(crate) async fn may_send(conn: &mut PgConnection, user: Uuid, now: DateTime<Utc>) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "with sent as (select created_at from identity.verification_codes where user_id = $1 \
         union all select created_at from identity.password_reset_tokens where user_id = $1) \
         select count(*) filter (where created_at > $2) = 0 and count(*) filter (where created_at > $3) < $4 from sent",
    )
    .bind(user)
    .bind(now - PAUSE)
    .bind(now - TimeDelta::days(1))
    .bind(MOST_A_DAY)
    .fetch_one(conn)
    .await
}

/// The column's word for it.
fn channel(login: &Login) -> &'static str {
    match login {
        Login::Email(_) => "email",
        Login::Phone(_) => "phone",
    }
}

/// Keeps a code's hash. Only the newest code of an account and an address is good.
pub(crate) async fn add_code(
    conn: &mut PgConnection,
    id: Uuid,
    user: Uuid,
    login: &Login,
    hash: &[u8],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into identity.verification_codes (id, user_id, channel, recipient, code_hash, created_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(user)
    .bind(channel(login))
    .bind(login.text())
    .bind(hash)
    .bind(now)
    .bind(now + CODE_TTL)
    .execute(conn)
    .await?;
    Ok(())
}

/// Counts a try of the newest code, if it is still good for one; its id and hash.
pub(crate) async fn try_code(
    conn: &mut PgConnection,
    user: Uuid,
    login: &Login,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<(Uuid, Vec<u8>)>> {
    sqlx::query_as(
        "update identity.verification_codes set attempts = attempts + 1 where id = \
         (select id from identity.verification_codes where user_id = $1 and channel = $2 and recipient = $3 \
          order by created_at desc, id desc limit 1) \
         and used_at is null and expires_at > $4 and attempts < $5 returning id, code_hash",
    )
    .bind(user)
    .bind(channel(login))
    .bind(login.text())
    .bind(now)
    .bind(TRIES)
    .fetch_optional(conn)
    .await
}

/// The code was right: it is used, and the address or number is the account's own, proven.
pub(crate) async fn verify(
    conn: &mut PgConnection,
    code: Uuid,
    user: Uuid,
    login: &Login,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query("update identity.verification_codes set used_at = $2 where id = $1")
        .bind(code)
        .bind(now)
        .execute(&mut *conn)
        .await?;
    let statement = match login {
        Login::Email(_) => {
            "update identity.users set email = $2, email_verified = true, updated_at = $3 where id = $1"
        }
        Login::Phone(_) => {
            "update identity.users set phone_e164 = $2, phone_verified = true, updated_at = $3 where id = $1"
        }
    };
    sqlx::query(statement).bind(user).bind(login.text()).bind(now).execute(conn).await?;
    Ok(())
}

/// The number is proven: what was ordered with it by telephone is this user's. A customer of another user stays theirs.
pub(crate) async fn link_customer(conn: &mut PgConnection, user: &User, phone: &str) -> sqlx::Result<()> {
    // What the user bought here before the number was proven.
    let own: Option<(Uuid, Option<String>)> =
        sqlx::query_as("select id, phone_e164 from identity.customers where user_id = $1 for update")
            .bind(user.id)
            .fetch_optional(&mut *conn)
            .await?;
    let of_phone: Option<(Uuid, Option<Uuid>)> =
        sqlx::query_as("select id, user_id from identity.customers where phone_e164 = $1 for update")
            .bind(phone)
            .fetch_optional(&mut *conn)
            .await?;
    match (own, of_phone) {
        (Some((own, None)), None) => {
            sqlx::query("update identity.customers set phone_e164 = $2, updated_at = now() where id = $1")
                .bind(own)
                .bind(phone)
                .execute(conn)
                .await?;
        }
        (None, None) => {
            sqlx::query(
                "insert into identity.customers (id, phone_e164, name, email, language, user_id) \
                 values ($1, $2, $3, $4, $5, $6) \
                 on conflict (phone_e164) do update set user_id = coalesce(customers.user_id, excluded.user_id)",
            )
            .bind(Uuid::now_v7())
            .bind(phone)
            .bind(format!("{} {}", user.first_name, user.last_name))
            .bind(user.email.as_ref().filter(|_| user.email_verified))
            .bind(&user.language)
            .bind(user.id)
            .execute(conn)
            .await?;
        }
        (own @ (None | Some((_, None))), Some((customer, None))) => {
            if let Some((own, _)) = own {
                sqlx::query("update orders.orders set customer_id = $2 where customer_id = $1")
                    .bind(own)
                    .bind(customer)
                    .execute(&mut *conn)
                    .await?;
                sqlx::query("delete from identity.customers where id = $1")
                    .bind(own)
                    .execute(&mut *conn)
                    .await?;
            }
            sqlx::query("update identity.customers set user_id = $2, updated_at = now() where id = $1")
                .bind(customer)
                .bind(user.id)
                .execute(conn)
                .await?;
        }
        // Theirs already, or another's.
        _ => {}
    }
    Ok(())
}

/// Keeps a reset token's hash.
pub(crate) async fn add_reset(
    conn: &mut PgConnection,
    user: Uuid,
    hash: &[u8],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into identity.password_reset_tokens (token_hash, user_id, created_at, expires_at) \
         values ($1, $2, $3, $4)",
    )
    .bind(hash)
    .bind(user)
    .bind(now)
    .bind(now + RESET_TTL)
    .execute(conn)
    .await?;
    Ok(())
}

/// Whose reset token it is, if it is good.
pub(crate) async fn reset_owner(
    db: impl PgExecutor<'_>,
    hash: &[u8],
    now: DateTime<Utc>,
) -> sqlx::Result<Option<User>> {
    sqlx::query_as(
        "select u.* from identity.password_reset_tokens t join identity.users u on u.id = t.user_id \
         where t.token_hash = $1 and t.used_at is null and t.expires_at > $2",
    )
    .bind(hash)
    .bind(now)
    .fetch_optional(db)
    .await
}

/// Uses a reset token; whether it was good. Of two at once one uses it.
pub(crate) async fn use_reset(
    conn: &mut PgConnection,
    hash: &[u8],
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let used = sqlx::query(
        "update identity.password_reset_tokens set used_at = $2 \
         where token_hash = $1 and used_at is null and expires_at > $2",
    );
    Ok(used.bind(hash).bind(now).execute(conn).await?.rows_affected() == 1)
}
