//! What a buyer does with an order: reserve, pay, confirm, cancel. Each call may come again: in the state that it leads
//! to, it is answered alike and changes nothing.

use axum::http::StatusCode;
use sqlx::PgConnection;
use uuid::Uuid;

use super::view::{OrderView, Owner};
use crate::store::idempotency::Answer;
use crate::store::market::payments::notice::{self, Notice};
use crate::store::market::payments::source::{Means, Source};
use crate::store::market::payments::{self, StartedPayment, provider};
use crate::store::mutation::Effect;
use crate::store::order::OrderRow;
use crate::store::problem::{Code, Fault, Problem};
use crate::store::state::{Event, State};
use crate::store::transition::{Context, Step};

/// One of the things a buyer does with an order of theirs.
#[derive(Debug)]
pub(crate) struct Buyers {
    pub(crate) user: Uuid,
    pub(crate) order: Uuid,
    pub(crate) deed: Deed,
}

#[derive(Debug)]
pub(crate) enum Deed {
    Reserve,
    Pay(Payment),
    Confirm,
    Cancel(String),
}

/// How a buyer pays; what the order said when nothing is said here.
#[derive(Debug)]
pub(crate) struct Payment {
    pub(crate) means: Option<Means>,
    pub(crate) source: Option<Source>,
}

impl Effect for Buyers {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let Self { user, order: id, deed } = self;
        Owner::of(conn, user).await?.must_own(conn, id).await?;
        // Of two calls at once the second sees what the first did.
        let order = OrderRow::lock(conn, id).await?;
        let live = order.state != State::Cancelled;
        let event = match deed {
            Deed::Pay(payment) => return pay(conn, context, &order, payment).await,
            Deed::Reserve if live && is_held(conn, id).await? => None,
            Deed::Reserve => Some(Event::Reserved),
            Deed::Confirm if matches!(order.state, State::Processing | State::Shipped | State::Delivered) => {
                None
            }
            Deed::Confirm => Some(Event::Accepted),
            Deed::Cancel(_) if !live => None,
            Deed::Cancel(reason) => Some(Event::CancelledByCustomer { reason }),
        };
        if let Some(event) = event {
            Step::plan(conn, context, id, event).await?.carry_out(conn, context).await?;
        }
        whole(conn, id).await
    }
}

/// The order, as the answer to what was done with it.
async fn whole(conn: &mut PgConnection, id: Uuid) -> Result<Answer, Fault> {
    let order = OrderView::read(conn, id).await?;
    Ok(Answer::json(StatusCode::OK, &order)?.of_order(id, order.version))
}

async fn is_held(conn: &mut PgConnection, order: Uuid) -> Result<bool, Fault> {
    let statement = "select exists (select from stock.reservations \
         where order_id = $1 and status in ('active', 'confirmed'))";
    Ok(sqlx::query_scalar(statement).bind(order).fetch_one(conn).await?)
}

/// T7. A payment that is under way or done is the answer to every further attempt; one that waits for a customer to follow
/// a link is taken up here instead.
async fn pay(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order: &OrderRow,
    payment: Payment,
) -> Result<Answer, Fault> {
    let live: Option<(Uuid, String, String)> = sqlx::query_as(
        "select id, status, method from pay.payments where order_id = $1 and status in ('pending', 'paid')",
    )
    .bind(order.id)
    .fetch_optional(&mut *conn)
    .await?;
    let id = match live {
        Some((id, status, method)) => {
            if status == "pending" && method == "online" {
                let source = source(conn, order.id, payment).await?;
                provider::ask_for(conn, context, id, &source.value).await?;
            }
            id
        }
        None if order.state == State::New => {
            let source = source(conn, order.id, payment).await?;
            payments::begin(conn, context, order.id, source.means.method(), &source.value).await?
        }
        None => {
            let detail = format!("an order that is {} cannot be paid", order.state.name());
            return Err(Problem::new(Code::InvalidTransition, detail).into());
        }
    };
    let status: String = sqlx::query_scalar("select status from pay.payments where id = $1")
        .bind(id)
        .fetch_one(&mut *conn)
        .await?;
    let version = OrderRow::read(conn, order.id).await?.version;
    let started = StartedPayment { payment_id: id, status };
    Ok(Answer::json(StatusCode::ACCEPTED, &started)?.of_order(order.id, version))
}

/// What pays: named by the request, else by the order.
async fn source(conn: &mut PgConnection, order: Uuid, payment: Payment) -> Result<Source, Fault> {
    if let Some(source) = payment.source {
        return Ok(source);
    }
    let chosen: Option<(String, String)> =
        sqlx::query_as("select method, source from pay.chosen where order_id = $1")
            .bind(order)
            .fetch_optional(conn)
            .await?;
    let chosen = chosen.and_then(|(name, value)| Some(Source { means: Means::named(&name)?, value }));
    let chosen = chosen.filter(|chosen| payment.means.is_none_or(|means| means == chosen.means));
    let at = if payment.means == Some(Means::Phone) { "/phone" } else { "/cardToken" };
    let none = || Problem::field(at, "expected cardToken or phone, here or in the order, found neither");
    Ok(chosen.ok_or_else(none)?)
}

/// The word of the provider, or of a programme of the shop that has it from there, about the payment of an order.
#[derive(Debug)]
pub(crate) struct Heard(pub(crate) Notice);

impl Effect for Heard {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let order = notice::take(conn, context, self.0).await?;
        whole(conn, order).await
    }
}
