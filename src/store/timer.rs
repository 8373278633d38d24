//! What time alone does: drafts and unpaid orders run out, old keys are forgotten.

use std::time::Duration;

use chrono::Utc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::App;
use super::market;
use super::problem::Fault;
use super::state::Event;
use super::transition::{Context, Step};

/// Between looks. Chosen: an order that has run out is refused at once anyway; this only gives the goods back.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Orders looked at in one go.
const BATCH: i64 = 100;

/// Looks until told to stop.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = look.tick() => {}
        }
        if let Err(fault) = sweep(&app).await {
            // `into_problem` says in the log what it was.
            fault.into_problem();
        }
    }
}

/// One look.
async fn sweep(app: &App) -> Result<(), Fault> {
    let now = Utc::now();
    let drafts: Vec<Uuid> = sqlx::query_scalar(
        "select id from orders.orders where state = 'draft' and expires_at <= $1 order by expires_at limit $2",
    )
    .bind(now)
    .bind(BATCH)
    .fetch_all(&app.pool)
    .await?;
    let held: Vec<(Uuid, bool)> = sqlx::query_as(
        "select r.order_id, o.state = 'pending_payment' from stock.reservations r \
         join orders.orders o on o.id = r.order_id where r.status = 'active' and r.expires_at <= $1 \
         order by r.expires_at limit $2",
    )
    .bind(now)
    .bind(BATCH)
    .fetch_all(&app.pool)
    .await?;
    let expired = drafts.into_iter().map(|id| (id, Event::DraftExpired));
    let ended = |awaited| if awaited { Event::PaymentExpired } else { Event::ReservationExpired };
    let expired = expired.chain(held.into_iter().map(|(id, awaited)| (id, ended(awaited))));
    for (id, event) in expired {
        let request_id = Uuid::now_v7().to_string();
        let context = Context {
            settings: &app.settings,
            now,
            actor: "timer",
            key: None,
            request_id: &request_id,
            expected_version: None,
        };
        let mut transaction = app.pool.begin().await?;
        match Step::plan(&mut transaction, &context, id, event).await {
            Ok(step) => {
                step.carry_out(&mut transaction, &context).await?;
                transaction.commit().await?;
                app.wake();
            }
            // Somebody confirmed, paid or cancelled it between the look and the lock.
            Err(Fault::No(_)) => transaction.rollback().await?,
            Err(fault) => return Err(fault),
        }
    }
    app.limits.forget();
    market::forget(&mut *app.pool.acquire().await?, now).await?;
    sqlx::query("delete from orders.idempotency_keys where expires_at <= $1")
        .bind(now)
        .execute(&app.pool)
        .await?;
    Ok(())
}
