//! A signed-in user as the shop's customer.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::store::problem::{Code, Fault, Problem};
use crate::store::transition::Context;

/// Who orders, and where the shop reaches them.
pub(crate) struct Profile {
    /// The row among the customers.
    pub(crate) customer: Uuid,
    pub(crate) name: String,
    /// The profile's number. One that is not verified counts only as long as the shop knows nobody else by it: else an
    /// order could be laid at another's door.
    pub(crate) phone: Option<String>,
    pub(crate) email: Option<String>,
}

masked!(Profile);

#[derive(FromRow)]
struct User {
    first_name: String,
    last_name: String,
    email: Option<String>,
    phone_e164: Option<String>,
    phone_verified: bool,
    language: Option<String>,
    known_phone: bool,
}

impl Profile {
    /// The user's profile and row among the customers, which is made if there is none. A verified number brings the row
    /// that telephone orders under it have made.
    pub(crate) async fn of(
        conn: &mut PgConnection,
        context: &Context<'_>,
        user: Uuid,
    ) -> Result<Self, Fault> {
        // Of two first orders at once the second finds the row that the first made.
        let found: Option<User> = sqlx::query_as(
            "select first_name, last_name, email, phone_e164, phone_verified, language, \
             exists (select from identity.customers c where c.phone_e164 = u.phone_e164 \
                     and c.user_id is distinct from u.id) as known_phone \
             from identity.users u where u.id = $1 for update",
        )
        .bind(user)
        .fetch_optional(&mut *conn)
        .await?;
        let gone =
            || Problem::new(Code::Unauthorized, "expected the token of an account that is still there");
        let found = found.ok_or_else(gone)?;
        let name = format!("{} {}", found.first_name, found.last_name).trim().to_owned();
        let verified = found.phone_e164.clone().filter(|_| found.phone_verified);
        let own: Option<Uuid> = sqlx::query_scalar("select id from identity.customers where user_id = $1")
            .bind(user)
            .fetch_optional(&mut *conn)
            .await?;
        let taken_over = match own {
            Some(id) => Some(id),
            None => {
                sqlx::query_scalar(
                    "update identity.customers set user_id = $1, name = coalesce(name, $3), \
                     email = coalesce(email, $4), updated_at = $5 \
                     where phone_e164 = $2 and user_id is null returning id",
                )
                .bind(user)
                .bind(&verified)
                .bind(&name)
                .bind(&found.email)
                .bind(context.now)
                .fetch_optional(&mut *conn)
                .await?
            }
        };
        let customer = match taken_over {
            Some(id) => id,
            None => {
                let free = verified.as_ref().filter(|_| !found.known_phone);
                insert(conn, user, free, &name, &found).await?
            }
        };
        let phone = found.phone_e164.filter(|_| found.phone_verified || !found.known_phone);
        Ok(Self { customer, name, phone, email: found.email })
    }

    /// Refuses one more order of a buyer who has too many that nobody has paid; a number is counted elsewhere, but a buyer
    /// need not have one.
    pub(crate) async fn refuse_too_many(
        &self,
        conn: &mut PgConnection,
        context: &Context<'_>,
    ) -> Result<(), Fault> {
        let open: i64 = sqlx::query_scalar(
            "select count(*) from orders.orders o where customer_id = $1 and state in ('new', 'pending_payment') \
             and not exists (select from pay.payments p where p.order_id = o.id and p.status = 'paid')",
        )
        .bind(self.customer)
        .fetch_one(conn)
        .await?;
        let most = context.settings.max_unpaid_orders;
        if open < i64::from(most) {
            return Ok(());
        }
        let detail = format!("expected fewer than {most} unpaid orders of this buyer, found {open}");
        Err(Problem::new(Code::TooManyOrders, detail).into())
    }
}

async fn insert(
    conn: &mut PgConnection,
    user: Uuid,
    phone: Option<&String>,
    name: &str,
    found: &User,
) -> Result<Uuid, Fault> {
    // The number may have been taken by a telephone order since we looked; it is the buyer's all the same.
    for phone in [phone, None] {
        let id: Option<Uuid> = sqlx::query_scalar(
            "insert into identity.customers (id, phone_e164, name, email, language, user_id) \
             values ($1, $2, $3, $4, $5, $6) on conflict (phone_e164) do nothing returning id",
        )
        .bind(Uuid::now_v7())
        .bind(phone)
        .bind(name)
        .bind(&found.email)
        .bind(&found.language)
        .bind(user)
        .fetch_optional(&mut *conn)
        .await?;
        if let Some(id) = id {
            return Ok(id);
        }
    }
    Err(sqlx::Error::RowNotFound.into())
}
