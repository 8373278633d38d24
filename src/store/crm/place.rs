//! T5 for the CRM's callers: an order made whole in one step, its lines and its materials in the same transaction.

use axum::http::StatusCode;
use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use super::lines::{self, Basket, NewItem, Wrong};
use super::orders::Order;
use crate::store::api::next_number;
use crate::store::email::email;
use crate::store::idempotency::Answer;
use crate::store::money::Amount;
use crate::store::mutation::Effect;
use crate::store::phone::phone;
use crate::store::problem::{Fault, Problem};
use crate::store::state::Event;
use crate::store::transition::{self, Context, Opening};

/// A new order, whoever sends it.
#[derive(Default)]
pub(super) struct Placing {
    /// `website` or `crm`.
    pub(super) source: &'static str,
    /// The manager whose order it is; none for one that waits in the pool.
    pub(super) manager: Option<Uuid>,
    pub(super) customer_name: Option<String>,
    pub(super) customer_phone: Option<String>,
    pub(super) customer_email: Option<String>,
    pub(super) customer_id: Option<Uuid>,
    pub(super) prepayment: Option<Amount>,
    pub(super) planned_on: Option<NaiveDate>,
    pub(super) items: Vec<NewItem>,
    pub(super) must_have_items: bool,
}

masked!(Placing);

impl Placing {
    /// Everything about it that can be wrong without looking at the shop, all at once; texts are trimmed and the
    /// telephone number is brought to E.164.
    pub(super) fn checked(mut self) -> Result<Self, Problem> {
        let mut wrong = Wrong::default();
        self.customer_name = wrong.text("/customerName", self.customer_name, 200);
        self.customer_phone = wrong.text("/customerPhone", self.customer_phone, 40);
        self.customer_email = wrong.text("/customerEmail", self.customer_email, 254);
        if self.customer_name.is_none() && self.customer_phone.is_none() {
            wrong.at("/customerName", "expected customerName or customerPhone, found neither");
        }
        if let Some(given) = &self.customer_phone {
            match phone(given) {
                Some(number) => self.customer_phone = Some(number),
                None => wrong.at("/customerPhone", "expected a number such as +375291234567"),
            }
        }
        if let Some(given) = &self.customer_email {
            match email(given) {
                Some(address) => self.customer_email = Some(address),
                None => wrong.at("/customerEmail", "expected an address such as anna@example.org"),
            }
        }
        if self.planned_on.is_some_and(|day| !is_plausible(day)) {
            wrong.at("/date", "expected a day from 2000-01-01 to 2099-12-31");
        }
        if self.must_have_items && self.items.is_empty() {
            wrong.at("/items", "expected at least one line, found none");
        }
        lines::check(&mut wrong, &mut self.items);
        wrong.refuse()?;
        Ok(self)
    }

    /// The order's customer: the one that is named, else the one with this telephone number, made if need be. Only of a
    /// customer who is named does the order take what it does not say itself: whoever knows a number need not know more.
    async fn customer(&mut self, conn: &mut PgConnection) -> Result<(), Fault> {
        if let Some(id) = self.customer_id {
            let known: Option<(Option<String>, Option<String>, Option<String>)> =
                sqlx::query_as("select name, phone_e164, email from identity.customers where id = $1")
                    .bind(id)
                    .fetch_optional(conn)
                    .await?;
            let message = format!("expected a customer, found none with the id {id}");
            let (name, number, email) = known.ok_or_else(|| Problem::field("/customer_id", message))?;
            self.customer_name = self.customer_name.take().or(name);
            self.customer_phone = self.customer_phone.take().or(number);
            self.customer_email = self.customer_email.take().or(email);
        } else if let Some(number) = &self.customer_phone {
            let id = sqlx::query_scalar(
                "insert into identity.customers (id, phone_e164, name) values ($1, $2, $3) \
                 on conflict (phone_e164) do update set name = coalesce(customers.name, excluded.name) returning id",
            );
            let id = id.bind(Uuid::now_v7()).bind(number).bind(&self.customer_name).fetch_one(conn).await?;
            self.customer_id = Some(id);
        }
        Ok(())
    }
}

/// Whether a day is one of this trade's; beyond it are days that PostgreSQL does not know.
pub(super) fn is_plausible(day: NaiveDate) -> bool {
    use chrono::Datelike;
    (2000..2100).contains(&day.year())
}

impl Effect for Placing {
    async fn carry_out(mut self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let (origin_key, known) = transition::origin(conn, context).await?;
        if let Some(id) = known {
            return answer(conn, id).await;
        }
        self.customer(conn).await?;
        let items = std::mem::take(&mut self.items);
        let basket = Basket::price(conn, items, &context.settings.crm.currency).await?;
        // Before the number: the day's row of numbers is held as short as can be.
        basket.needs.lock(conn).await?;
        let id = Uuid::now_v7();
        let order_number = next_number(conn, context.today()).await?;
        let opening = Opening {
            id,
            order_number: &order_number,
            source: self.source,
            customer_id: self.customer_id,
            customer_name: self.customer_name.as_deref(),
            customer_phone: self.customer_phone.as_deref(),
            customer_email: self.customer_email.as_deref(),
            currency: &basket.currency,
            subtotal: basket.subtotal,
            origin_key: origin_key.as_deref(),
            manager: self.manager,
            prepayment: self.prepayment.unwrap_or_default(),
            planned_on: self.planned_on,
            ..Opening::default()
        };
        transition::begin(conn, context, &Event::Placed, &opening).await?;
        basket.write(conn, id).await?;
        basket.needs.take(conn, context, id).await?;
        // Of an order without lines the sum is not known yet: a manager speaks with the customer first.
        if !basket.is_empty() {
            transition::announce(conn, context, &Event::Placed, id).await?;
        }
        answer(conn, id).await
    }
}

async fn answer(conn: &mut PgConnection, id: Uuid) -> Result<Answer, Fault> {
    let (order, version) = Order::read(conn, id).await?;
    Ok(Answer::json(StatusCode::CREATED, &order)?.of_order(id, version))
}
