//! What an order does to its money: a payment is awaited, arrives, fails, goes back. Called by the table's transitions
//! ([`super::transition`]) and by nobody else.

use sqlx::PgConnection;
use uuid::Uuid;

use super::money::Amount;
use super::order::OrderRow;
use super::problem::{Code, Fault, Problem};
use super::state::{Method, Payment};
use super::transition::Context;

/// Does to the money what the table says.
pub(crate) async fn carry_out(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order: &OrderRow,
    payment: &Payment,
) -> Result<(), Fault> {
    match payment {
        Payment::Untouched => Ok(()),
        Payment::Await(method) => await_payment(conn, context, order, *method).await,
        Payment::Receive(id) => receive(conn, context, order, *id).await,
        Payment::ReceiveAndRefund(id) => {
            receive(conn, context, order, *id).await?;
            tracing::warn!(order.id = %order.id, payment.id = %id, "money came for a cancelled order and goes back");
            refund_all(conn, context, order).await
        }
        Payment::Fail { payment, code, message } => {
            let failed = sqlx::query(
                "update pay.payments set status = 'failed', failure_code = $3, failure_message = $4, updated_at = $5 \
                 where id = $1 and order_id = $2 and status = 'pending'",
            );
            let failed = failed.bind(payment).bind(order.id).bind(code).bind(message).bind(context.now);
            one(failed.execute(conn).await?.rows_affected(), *payment)
        }
        Payment::Collect => {
            let statement = "update pay.payments set status = 'paid', captured_minor = amount_minor, updated_at = $2 \
                 where order_id = $1 and status = 'on_delivery'";
            sqlx::query(statement).bind(order.id).bind(context.now).execute(conn).await?;
            Ok(())
        }
        Payment::Drop => {
            let statement = "update pay.payments set status = 'cancelled', updated_at = $2 \
                 where order_id = $1 and status in ('on_delivery', 'pending')";
            sqlx::query(statement).bind(order.id).bind(context.now).execute(conn).await?;
            Ok(())
        }
        Payment::Refund => refund_all(conn, context, order).await,
    }
}

/// The money of one payment is here. One that was given up when its order was cancelled may still arrive, and so may one
/// that the provider first said had failed.
async fn receive(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order: &OrderRow,
    payment: Uuid,
) -> Result<(), Fault> {
    let received = sqlx::query(
        "update pay.payments set status = 'paid', captured_minor = amount_minor, updated_at = $3 \
         where id = $1 and order_id = $2 and status in ('pending', 'cancelled', 'failed')",
    );
    let received = received.bind(payment).bind(order.id).bind(context.now);
    one(received.execute(conn).await?.rows_affected(), payment)
}

fn one(found: u64, payment: Uuid) -> Result<(), Fault> {
    let detail =
        format!("expected a payment of this order that is under way, found none with the id {payment}");
    if found == 1 { Ok(()) } else { Err(Problem::new(Code::NotFound, detail).into()) }
}

/// Everything that was captured and has not gone back yet goes back: the refund is written here, and the provider is
/// asked from its own outbox.
async fn refund_all(conn: &mut PgConnection, context: &Context<'_>, order: &OrderRow) -> Result<(), Fault> {
    let owed: Vec<(Uuid, Amount, String)> = sqlx::query_as(
        "update pay.payments set status = 'refund_pending', updated_at = $2 \
         where order_id = $1 and status = 'paid' \
         returning id, captured_minor - refunded_minor, currency",
    )
    .bind(order.id)
    .bind(context.now)
    .fetch_all(&mut *conn)
    .await?;
    for (payment, amount, currency) in owed {
        if amount.0 > 0 {
            refund(conn, context, order.id, payment, amount, &currency).await?;
        }
    }
    Ok(())
}

/// Writes one refund and what the provider is to be asked; its id.
pub(crate) async fn refund(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order_id: Uuid,
    payment: Uuid,
    amount: Amount,
    currency: &str,
) -> Result<Uuid, Fault> {
    let id = Uuid::now_v7();
    sqlx::query(
        "insert into pay.refunds (id, payment_id, order_id, amount_minor, currency, created_at, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(id)
    .bind(payment)
    .bind(order_id)
    .bind(amount)
    .bind(currency)
    .bind(context.now)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "insert into pay.provider_calls (id, kind, payment_id, refund_id, next_attempt_at, created_at) \
         values ($1, 'refund', $2, $3, $4, $4)",
    )
    .bind(Uuid::now_v7())
    .bind(payment)
    .bind(id)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(id)
}

async fn await_payment(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order: &OrderRow,
    method: Method,
) -> Result<(), Fault> {
    let id = Uuid::now_v7();
    let (status, pay_url) = match (method, &context.settings.pay_url) {
        (Method::CashOnDelivery | Method::CardOnDelivery, _) => ("on_delivery", None),
        // The provider is asked by whoever started it, who knows the card's token or the number.
        (Method::Card | Method::Phone, _) => ("pending", None),
        (Method::Online, Some(template)) => {
            ("pending", Some(template.replace("{payment_id}", &id.to_string())))
        }
        (Method::Online, None) => {
            let detail = "expected payment on delivery: this shop takes no online payment";
            return Err(Problem::new(Code::PaymentUnavailable, detail).into());
        }
    };
    if matches!(method, Method::Card | Method::Phone) {
        // Who was to pay at the door pays now instead.
        let statement = "update pay.payments set status = 'cancelled', updated_at = $2 \
             where order_id = $1 and status = 'on_delivery'";
        sqlx::query(statement).bind(order.id).bind(context.now).execute(&mut *conn).await?;
    }
    sqlx::query(
        "insert into pay.payments (id, order_id, method, amount_minor, currency, status, pay_url, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id)
    .bind(order.id)
    .bind(method.name())
    .bind(order.total_minor)
    .bind(&order.currency)
    .bind(status)
    .bind(pay_url)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(())
}
