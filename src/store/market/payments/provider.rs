//! The payment provider: what it is asked, and the outbox from which it is asked.
//!
//! A question is written in the transaction that wants it ([`crate::store::payments`], [`ask_for`]) and leaves afterwards,
//! at least once, under the id of its payment or refund, by which a provider knows a repetition. The answer is only that
//! the question was taken; what became of it comes as a callback.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{BoxFuture, join_all};
use sqlx::{Connection, FromRow, PgConnection};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::notice::{self, Notice, Outcome};
use crate::store::App;
use crate::store::money::Amount;
use crate::store::outbox::pause;
use crate::store::problem::Fault;
use crate::store::transition::Context;

/// Somebody who takes money and gives it back.
pub(crate) trait Provider: fmt::Debug + Send + Sync {
    /// Asks for the money of a payment; the provider's own reference. A payment asked for twice is charged once.
    fn charge<'a>(&'a self, charge: &'a Charge) -> BoxFuture<'a, Result<String, ProviderError>>;

    /// Asks that money goes back; the provider's own reference. A refund asked for twice is given once.
    fn refund<'a>(&'a self, refund: &'a Refund) -> BoxFuture<'a, Result<String, ProviderError>>;
}

/// Why a provider did not take a question.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    /// It may later.
    #[error("the payment provider is not available: {0}")]
    Unavailable(&'static str),
    /// It never will.
    #[error("the payment provider refuses: {0}")]
    Refused(&'static str),
}

/// Money to be taken.
pub(crate) struct Charge {
    pub(crate) payment: Uuid,
    pub(crate) order: Uuid,
    pub(crate) amount: Amount,
    pub(crate) currency: String,
    /// A card's token or a telephone number.
    pub(crate) source: String,
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The source is nobody's business but the provider's.
        f.debug_struct("Charge").field("payment", &self.payment).finish_non_exhaustive()
    }
}

/// Money to be given back.
#[derive(Debug)]
pub(crate) struct Refund {
    pub(crate) refund: Uuid,
    pub(crate) payment: Uuid,
    pub(crate) order: Uuid,
    pub(crate) amount: Amount,
    pub(crate) currency: String,
}

/// Writes that the provider is to be asked for the money of a payment; whether nobody had asked before.
pub(crate) async fn ask_for(
    conn: &mut PgConnection,
    context: &Context<'_>,
    payment: Uuid,
    source: &str,
) -> Result<bool, Fault> {
    let asked = sqlx::query(
        "insert into pay.provider_calls (id, kind, payment_id, source, next_attempt_at, created_at) \
         values ($1, 'charge', $2, $3, $4, $4) on conflict (payment_id) where kind = 'charge' do nothing",
    )
    .bind(Uuid::now_v7())
    .bind(payment)
    .bind(source)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(asked.rows_affected() == 1)
}

/// Questions taken at once, and asked at the same time.
const BATCH: i64 = 16;
/// How long a taken question stays out of others' hands. Longer than a provider may take to answer, so that a process that
/// was killed loses a question for this long and no longer.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// After which a refund that the provider has taken and not reported is asked for again. Chosen: callbacks come within
/// seconds, and asking again gives nothing twice.
const REPORT_WITHIN: TimeDelta = TimeDelta::seconds(600);
/// Between looks when nothing has announced itself: another process may have written a row.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Asks what is due until told to stop; questions under way are finished.
pub(crate) async fn dispatch(app: App, provider: Box<dyn Provider>, stop: CancellationToken) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.provider.notified() => {}
            _ = look.tick() => {}
        }
        loop {
            match ask_due(&app, provider.as_ref(), Utc::now()).await {
                Ok(0) => break,
                Ok(_) if stop.is_cancelled() => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the provider's outbox cannot be read; trying again");
                    break;
                }
            }
        }
    }
}

#[derive(FromRow)]
struct Due {
    id: Uuid,
    source: Option<String>,
    attempts: i32,
    payment_id: Uuid,
    order_id: Uuid,
    payment_status: String,
    currency: String,
    amount_minor: Amount,
    refund_id: Option<Uuid>,
}

/// Takes one batch and asks; how many were taken.
async fn ask_due(app: &App, provider: &dyn Provider, now: DateTime<Utc>) -> sqlx::Result<usize> {
    // The lease is committed before anything is asked: no transaction stays open while a provider thinks.
    let taken: Vec<Due> = sqlx::query_as(
        "with due as (select c.id from pay.provider_calls c left join pay.refunds r on r.id = c.refund_id \
             where c.next_attempt_at <= $1 and (c.status = 'queued' or c.status = 'sent' and r.status = 'pending') \
             order by c.next_attempt_at, c.id limit $3 for update of c skip locked), \
         taken as (update pay.provider_calls c set attempts = attempts + 1, next_attempt_at = $1 + $2 \
             from due where c.id = due.id returning c.*) \
         select t.id, t.source, t.attempts, p.id as payment_id, p.order_id, p.status as payment_status, p.currency, \
             coalesce(r.amount_minor, p.amount_minor) as amount_minor, r.id as refund_id \
         from taken t join pay.payments p on p.id = t.payment_id left join pay.refunds r on r.id = t.refund_id",
    )
    .bind(now)
    .bind(LEASE)
    .bind(BATCH)
    .fetch_all(&app.pool)
    .await?;
    let outcomes = join_all(taken.iter().map(|due| ask(provider, due))).await;
    for (due, outcome) in taken.iter().zip(outcomes) {
        if let Err(error) = settle(app, due, outcome).await {
            // `into_problem` says in the log what it was; the lease runs out and the question is asked again.
            error.into_problem();
        }
    }
    Ok(taken.len())
}

async fn ask(provider: &dyn Provider, due: &Due) -> Result<String, ProviderError> {
    let (payment, order, amount) = (due.payment_id, due.order_id, due.amount_minor);
    let currency = due.currency.clone();
    match (due.refund_id, &due.source) {
        (Some(refund), _) => provider.refund(&Refund { refund, payment, order, amount, currency }).await,
        // The order was cancelled before anybody asked.
        (None, _) if due.payment_status != "pending" => Err(ProviderError::Refused("not wanted any more")),
        (None, Some(source)) => {
            let source = source.clone();
            provider.charge(&Charge { payment, order, amount, currency, source }).await
        }
        (None, None) => Err(ProviderError::Refused("no source")),
    }
}

/// Notes what the provider said. What it refuses has failed, as if it had called back.
async fn settle(app: &App, due: &Due, outcome: Result<String, ProviderError>) -> Result<(), Fault> {
    let now = Utc::now();
    let attempts = u32::try_from(due.attempts).unwrap_or(u32::MAX);
    let (status, next, error) = match &outcome {
        Ok(_) => ("sent", now + REPORT_WITHIN, None),
        Err(error @ ProviderError::Unavailable(_)) => ("queued", now + pause(attempts), Some(error)),
        Err(error @ ProviderError::Refused(_)) => ("failed", now, Some(error)),
    };
    if let Some(error) = error {
        tracing::warn!(payment.id = %due.payment_id, attempts, status, %error, "the provider was asked in vain");
    }
    let mut transaction = app.pool.begin().await?;
    sqlx::query(
        "update pay.provider_calls set status = $2, next_attempt_at = $3, error_message = $4, \
         source = case when $2 = 'queued' then source end where id = $1",
    )
    .bind(due.id)
    .bind(status)
    .bind(next)
    .bind(error.map(ToString::to_string))
    .execute(&mut *transaction)
    .await?;
    if let Ok(reference) = &outcome {
        let statement = match due.refund_id {
            Some(_) => "update pay.refunds set provider_ref = $2 where id = $1",
            None => "update pay.payments set provider_ref = $2 where id = $1",
        };
        let about = due.refund_id.unwrap_or(due.payment_id);
        sqlx::query(statement).bind(about).bind(reference).execute(&mut *transaction).await?;
    }
    if let (Err(ProviderError::Refused(_)), true) =
        (&outcome, due.refund_id.is_some() || due.payment_status == "pending")
    {
        let request_id = Uuid::now_v7().to_string();
        let context = Context {
            settings: &app.settings,
            now,
            actor: notice::ACTOR,
            key: None,
            request_id: &request_id,
            expected_version: None,
        };
        let outcome = Outcome::Failed { code: Some("refused".to_owned()), message: None };
        let refused = Notice { refund: due.refund_id, ..Notice::about(due.payment_id, outcome) };
        let mut savepoint = transaction.begin().await?;
        match notice::take(&mut savepoint, &context, refused).await {
            Ok(_) => savepoint.commit().await?,
            // Somebody else ended the payment between the look and the lock.
            Err(Fault::No(problem)) => {
                savepoint.rollback().await?;
                tracing::warn!(payment.id = %due.payment_id, ?problem, "a refusal came late");
            }
            Err(fault) => return Err(fault),
        }
    }
    transaction.commit().await?;
    app.wake();
    Ok(())
}
