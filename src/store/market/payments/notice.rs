//! What a payment provider says became of a payment or a refund. It may say so twice, late, in the wrong order, or after
//! the order is gone; money that came is always either kept for a live order or sent back.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::money::Amount;
use crate::store::order::OrderRow;
use crate::store::problem::{Code, Fault, Problem};
use crate::store::state::{Event, State};
use crate::store::transition::{Context, Step};

/// Who speaks: the actor in an order's history, and the owner of the callbacks' idempotency keys.
pub(crate) const ACTOR: &str = "provider";

/// A provider's word.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) payment: Uuid,
    /// The order that it names; its payment's order must be this one.
    pub(crate) order: Option<Uuid>,
    /// The refund, when it is about one.
    pub(crate) refund: Option<Uuid>,
    pub(crate) outcome: Outcome,
    /// The money that it names; must be what was asked for.
    pub(crate) amount: Option<Amount>,
    pub(crate) currency: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    Failed { code: Option<String>, message: Option<String> },
}

impl Notice {
    /// A word about a payment that names nothing else.
    pub(crate) fn about(payment: Uuid, outcome: Outcome) -> Self {
        Self { payment, order: None, refund: None, outcome, amount: None, currency: None }
    }
}

/// Takes a provider's word; the order that it is about.
///
/// # Errors
/// `not-found` for a payment or refund that is not the order's, `amount-mismatch` for other money than was asked for.
pub(crate) async fn take(
    conn: &mut PgConnection,
    context: &Context<'_>,
    notice: Notice,
) -> Result<Uuid, Fault> {
    let id = notice.payment;
    let of: Option<Uuid> = sqlx::query_scalar("select order_id from pay.payments where id = $1")
        .bind(id)
        .fetch_optional(&mut *conn)
        .await?;
    let of = of.filter(|of| notice.order.is_none_or(|order| order == *of));
    let missing = || {
        let place = notice.order.map_or_else(String::new, |order| format!(" of the order {order}"));
        Problem::new(Code::NotFound, format!("expected a payment{place}, found none with the id {id}"))
    };
    let order = OrderRow::lock(conn, of.ok_or_else(missing)?).await?;
    let (status, amount, currency): (String, Amount, String) =
        sqlx::query_as("select status, amount_minor, currency from pay.payments where id = $1 for update")
            .bind(id)
            .fetch_one(&mut *conn)
            .await?;
    if let Some(refund) = notice.refund {
        settle_refund(conn, context, &order, &notice, refund).await?;
        return Ok(order.id);
    }
    same_money(&notice, amount, &currency)?;
    let event = match (status.as_str(), notice.outcome) {
        ("pending" | "cancelled" | "failed", Outcome::Succeeded) => Event::PaymentSucceeded { payment: id },
        ("pending", Outcome::Failed { code, message }) => Event::PaymentFailed { payment: id, code, message },
        // Said before, or a failure after the success: the money is here, whatever is said of it later.
        (_, outcome) => {
            tracing::info!(payment.id = %id, status, ?outcome, "a provider's word changes nothing");
            return Ok(order.id);
        }
    };
    let arrived = matches!(event, Event::PaymentSucceeded { .. });
    let context = &unversioned(context);
    Step::plan(conn, context, order.id, event).await?.carry_out(conn, context).await?;
    // At the marketplace the buyer accepts; what was ordered elsewhere has been agreed upon already.
    if arrived && order.state == State::PendingPayment && order.source != "market" {
        Step::plan(conn, context, order.id, Event::Accepted).await?.carry_out(conn, context).await?;
    }
    Ok(order.id)
}

/// A provider knows no versions, and its word may take two steps.
fn unversioned<'a>(context: &Context<'a>) -> Context<'a> {
    Context { expected_version: None, ..*context }
}

fn same_money(notice: &Notice, amount: Amount, currency: &str) -> Result<(), Problem> {
    let other_amount = notice.amount.filter(|found| *found != amount);
    let other_currency = notice.currency.as_deref().filter(|found| *found != currency);
    if other_amount.is_none() && other_currency.is_none() {
        return Ok(());
    }
    tracing::error!(payment.id = %notice.payment, "the provider speaks of other money than it was asked for");
    let found = format!("{} {}", notice.amount.unwrap_or(amount), other_currency.unwrap_or(currency));
    let detail = format!("expected {amount} {currency}, found {found}");
    Err(Problem::new(Code::AmountMismatch, detail))
}

/// A refund ends. What did not go back is owed still: the shop's people are told by the log, and ask for it anew.
async fn settle_refund(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order: &OrderRow,
    notice: &Notice,
    id: Uuid,
) -> Result<(), Fault> {
    let found: Option<(String, Amount, String)> = sqlx::query_as(
        "select status, amount_minor, currency from pay.refunds where id = $1 and payment_id = $2 for update",
    )
    .bind(id)
    .bind(notice.payment)
    .fetch_optional(&mut *conn)
    .await?;
    let missing = || {
        let detail = format!("expected a refund of this payment, found none with the id {id}");
        Problem::new(Code::NotFound, detail)
    };
    let (status, amount, currency) = found.ok_or_else(missing)?;
    same_money(notice, amount, &currency)?;
    if status != "pending" {
        return Ok(());
    }
    let (status, code) = match &notice.outcome {
        Outcome::Succeeded => ("succeeded", None),
        Outcome::Failed { code, .. } => {
            tracing::error!(refund.id = %id, order.id = %order.id, code, "money did not go back and is still owed");
            ("failed", code.as_deref())
        }
    };
    sqlx::query("update pay.refunds set status = $2, failure_code = $3, updated_at = $4 where id = $1")
        .bind(id)
        .bind(status)
        .bind(code)
        .bind(context.now)
        .execute(&mut *conn)
        .await?;
    follow(conn, context, order, notice.payment).await
}

/// Brings a payment's status in line with its refunds: all of it asked back, all of it gone back, or still the shop's.
pub(crate) async fn follow(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order: &OrderRow,
    payment: Uuid,
) -> Result<(), Fault> {
    sqlx::query(
        "update pay.payments p set updated_at = $3, status = case \
           when captured_minor = (select coalesce(sum(amount_minor), 0) from pay.refunds r \
                                  where r.payment_id = p.id and r.status = 'succeeded') then 'refunded' \
           when captured_minor = refunded_minor or $2 then 'refund_pending' else 'paid' end \
         where id = $1 and status in ('paid', 'refund_pending', 'refunded') and captured_minor > 0",
    )
    .bind(payment)
    .bind(order.state == State::Cancelled)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(())
}
