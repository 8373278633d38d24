//! News of the pool for the managers' pages: PostgreSQL's `NOTIFY`, heard on one connection per process and passed on to
//! every open page as a server-sent event that says no more than "look again".

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::store::App;
use crate::store::problem::{Code, Problem};

/// The channel of the triggers in `0002_systems.sql`.
const CHANNEL: &str = "orderline_pool";
/// Pages open at once. Chosen: far more than a shop has managers.
const MAX_PAGES: usize = 256;
/// Between two events to one page: a burst of orders is one look.
const QUIET: Duration = Duration::from_millis(250);
/// After this long without a word the connection is tried: one that died silently would never say so.
const PROBE_AFTER: Duration = Duration::from_secs(30);
/// How long connecting and trying may take.
const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// Between attempts to connect.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the open pages wait for. It holds one number, whatever happens: a page that is slow misses no change, only the
/// count of them.
#[derive(Debug)]
pub(crate) struct Pulse {
    beats: watch::Sender<u64>,
    pages: Arc<Semaphore>,
    over: CancellationToken,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            beats: watch::Sender::new(0),
            pages: Arc::new(Semaphore::new(MAX_PAGES)),
            over: CancellationToken::new(),
        }
    }
}

impl Pulse {
    fn beat(&self) {
        self.beats.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Listens until told to stop, through every loss of the database; then all pages' streams end, so that no open page
/// holds the process.
pub(super) async fn listen(app: App, stop: CancellationToken) {
    let pulse = Arc::clone(&app.pool_pulse);
    tokio::select! {
        () = stop.cancelled() => {}
        () = hear(&app, &pulse) => {}
    }
    pulse.over.cancel();
}

async fn hear(app: &App, pulse: &Pulse) {
    // A connection of its own, that no request waits for.
    let own = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(PROBE_LIMIT)
        .connect_lazy_with((*app.pool.connect_options()).clone());
    let mut told = false;
    loop {
        if let Err(error) = hear_once(&own, pulse, &mut told).await
            && !told
        {
            tracing::warn!(%error, "the pool's pages hear no news: no connection to listen on; trying again");
            told = true;
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

/// Until the connection is lost.
async fn hear_once(own: &sqlx::PgPool, pulse: &Pulse, told: &mut bool) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(own).await?;
    listener.listen(CHANNEL).await?;
    if std::mem::take(told) {
        tracing::info!("the pool's pages hear news again");
    }
    loop {
        // At the start and after a loss too: what was said meanwhile, nobody heard.
        pulse.beat();
        loop {
            match tokio::time::timeout(PROBE_AFTER, listener.try_recv()).await {
                Ok(heard) => break drop(heard?),
                Err(_silence) => {
                    let probe = sqlx::query("select 1").execute(&mut listener);
                    tokio::time::timeout(PROBE_LIMIT, probe)
                        .await
                        .map_err(|_| sqlx::Error::PoolTimedOut)??;
                }
            }
        }
    }
}

/// A page's stream of events.
///
/// # Errors
/// `unavailable` when too many pages are open.
pub(super) fn events(pulse: &Pulse) -> Result<Response, Problem> {
    struct Page {
        beats: watch::Receiver<u64>,
        over: CancellationToken,
        /// Given back when the page goes away.
        _place: OwnedSemaphorePermit,
    }
    let full = |_| Problem::new(Code::Unavailable, "too many pages of the pool are open");
    let place = Arc::clone(&pulse.pages).try_acquire_owned().map_err(full)?;
    let page = Page { beats: pulse.beats.subscribe(), over: pulse.over.clone(), _place: place };
    let news = stream::unfold(page, |mut page| async move {
        let changed = async {
            page.beats.changed().await.ok()?;
            tokio::time::sleep(QUIET).await;
            Some(*page.beats.borrow_and_update())
        };
        let count = tokio::select! {
            () = page.over.cancelled() => None,
            count = changed => count,
        }?;
        let event = Event::default().event("pool").data(count.to_string());
        Some((Ok::<_, Infallible>(event), page))
    });
    Ok(Sse::new(news).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}
