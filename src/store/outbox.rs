//! The outbox: messages are written in the transaction of what they tell of, and delivered afterwards, at least once.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection, PgPool};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::App;
use super::gateway::{DeliveryError, Gateway, Message};
use super::money::Amount;
use super::problem::Fault;
use super::state::Template;
use super::text::{Subject, Tongue, compose, is_secret};
use super::transition::Context;
use crate::telemetry::impersonal;

#[derive(FromRow)]
struct Told {
    order_number: String,
    total_minor: Amount,
    currency: String,
    customer_phone: Option<String>,
    customer_email: Option<String>,
    language: Option<String>,
    estimated_on: Option<NaiveDate>,
    pickup: Option<String>,
    pay_url: Option<String>,
}

/// Writes the messages about an order, as this transaction sees it: an SMS, and an e-mail where the customer has an
/// address and the shop can send.
pub(crate) async fn enqueue(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order_id: Uuid,
    template: Template,
) -> Result<(), Fault> {
    let told: Told = sqlx::query_as(
        "select o.order_number, o.total_minor, o.currency, o.customer_phone, o.customer_email, c.language, \
         d.estimated_on, p.address as pickup, \
         (select pay_url from pay.payments where order_id = o.id order by created_at desc limit 1) as pay_url \
         from orders.orders o left join identity.customers c on c.id = o.customer_id \
         left join orders.order_delivery d on d.order_id = o.id \
         left join catalog.pickup_points p on p.id = d.pickup_point_id where o.id = $1",
    )
    .bind(order_id)
    .fetch_one(&mut *conn)
    .await?;
    let tongue = Tongue::of(told.language.as_deref(), told.customer_phone.as_deref().unwrap_or_default());
    let about = Subject {
        order_number: &told.order_number,
        total: told.total_minor,
        currency: &told.currency,
        expected_on: told.estimated_on,
        pickup: told.pickup.as_deref(),
        pay_url: told.pay_url.as_deref(),
    };
    let (subject, body) = compose(template, tongue, &about);
    let variables = json!({
        "order_number": told.order_number, "total": told.total_minor.to_string(), "currency": told.currency,
        "estimated_delivery": told.estimated_on,
    });
    let email = told.customer_email.filter(|_| context.settings.email.is_some());
    for (channel, recipient) in [("sms", &told.customer_phone), ("email", &email)] {
        let Some(recipient) = recipient else { continue };
        let letter = Letter {
            order_id: Some(order_id),
            channel,
            recipient,
            tongue,
            template: template.name(),
            variables: &variables,
            subject: &subject,
            body: &body,
        };
        post(conn, &letter, context.now).await?;
    }
    Ok(())
}

/// A message to be delivered.
pub(crate) struct Letter<'a> {
    pub(crate) order_id: Option<Uuid>,
    /// `sms` or `email`.
    pub(crate) channel: &'a str,
    pub(crate) recipient: &'a str,
    pub(crate) tongue: Tongue,
    pub(crate) template: &'a str,
    /// What the text was made of. Not kept where it is a secret.
    pub(crate) variables: &'a Value,
    pub(crate) subject: &'a str,
    pub(crate) body: &'a str,
}

masked!(Letter<'a>);

/// Writes a message into the outbox, in the transaction of what it tells of. Whoever commits wakes the dispatcher.
pub(crate) async fn post(
    conn: &mut PgConnection,
    letter: &Letter<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<Uuid> {
    let id = Uuid::now_v7();
    let nothing = json!({});
    sqlx::query(
        "insert into notify.notifications (id, order_id, channel, recipient, language, template, variables, \
         subject, body, next_attempt_at, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
    )
    .bind(id)
    .bind(letter.order_id)
    .bind(letter.channel)
    .bind(letter.recipient)
    .bind(letter.tongue.code())
    .bind(letter.template)
    .bind(if is_secret(letter.template) { &nothing } else { letter.variables })
    .bind(letter.subject)
    .bind(letter.body)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(id)
}

/// Messages taken at once.
const BATCH: i64 = 16;
/// How long a taken message stays out of others' hands. Longer than any gateway's timeout, so that a dispatcher that
/// was killed loses a message for this long and no longer.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Between looks at the outbox when nothing has announced itself: another process may have written a row.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The gateways by channel.
#[derive(Debug)]
pub(crate) struct Gateways {
    pub(crate) sms: Box<dyn Gateway>,
    pub(crate) email: Option<Box<dyn Gateway>>,
}

/// Delivers what is due until told to stop; a message under way is finished.
pub(crate) async fn dispatch(app: App, gateways: Gateways, stop: CancellationToken) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.outbox.notified() => {}
            _ = look.tick() => {}
        }
        loop {
            match deliver_due(&app.pool, &gateways, app.settings.max_delivery_attempts, Utc::now()).await {
                Ok(0) => break,
                Ok(_) if stop.is_cancelled() => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read; trying again");
                    break;
                }
            }
        }
    }
}

/// Takes one batch and delivers it; how many were taken.
async fn deliver_due(
    pool: &PgPool,
    gateways: &Gateways,
    most: u32,
    now: DateTime<Utc>,
) -> sqlx::Result<usize> {
    // The lease is committed before anything is sent: no transaction stays open while a gateway thinks.
    let taken: Vec<Message> = sqlx::query_as(
        "update notify.notifications set attempts = attempts + 1, next_attempt_at = $1 + $2 where id in \
         (select id from notify.notifications where status = 'queued' and next_attempt_at <= $1 \
          order by next_attempt_at, id limit $3 for update skip locked) \
         returning id, channel, recipient, template, subject, body, attempts",
    )
    .bind(now)
    .bind(LEASE)
    .bind(BATCH)
    .fetch_all(pool)
    .await?;
    for message in &taken {
        let gateway = match message.channel.as_str() {
            "email" => gateways.email.as_deref(),
            _ => Some(gateways.sms.as_ref()),
        };
        let outcome = match gateway {
            Some(gateway) => gateway.deliver(message).await,
            None => Err(DeliveryError::Unavailable(format!("no gateway for {}", message.channel))),
        };
        let attempts = u32::try_from(message.attempts).unwrap_or(u32::MAX);
        let (status, error) = match outcome {
            Ok(()) => ("sent", None),
            Err(error @ DeliveryError::Refused(_)) => ("failed", Some(error)),
            Err(error) if attempts >= most => ("failed", Some(error)),
            Err(error) => ("queued", Some(error)),
        };
        if let Some(error) = &error {
            // A gateway may repeat the number or the address.
            let error = impersonal(&error.to_string(), 300);
            tracing::warn!(message.id = %message.id, attempts, status, error, "a message has not left");
        }
        sqlx::query(
            "update notify.notifications set status = $2, error_message = $3, next_attempt_at = $4, \
             sent_at = case when $2 = 'sent' then now() end, \
             body = case when $5 and $2 <> 'queued' then '' else body end where id = $1",
        )
        .bind(message.id)
        .bind(status)
        .bind(error.map(|error| error.to_string()))
        .bind(Utc::now() + pause(attempts))
        // What has left, or never will, need not stay readable.
        .bind(is_secret(&message.template))
        .execute(pool)
        .await?;
    }
    Ok(taken.len())
}

/// After the n-th failed attempt: 2 s doubled each time, at most an hour. Twelve attempts span
/// about an hour.
pub(crate) fn pause(attempts: u32) -> TimeDelta {
    let doubled = 2_i64.checked_shl(attempts.saturating_sub(1)).filter(|seconds| *seconds > 0);
    TimeDelta::seconds(doubled.unwrap_or(i64::MAX).min(3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let seconds: Vec<i64> = [1, 2, 3, 11, 12, 40, 200].map(|n| pause(n).num_seconds()).into();
        assert_eq!(seconds, [2, 4, 8, 2048, 3600, 3600, 3600]);
    }
}
