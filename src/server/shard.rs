//! Threads that carry calls.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::call::Calls;
use crate::telemetry::figures;

/// An accepted connection with its permits.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) stream: TcpStream,
    pub(super) call: OwnedSemaphorePermit,
    pub(super) half_open: OwnedSemaphorePermit,
}

/// All threads.
#[derive(Debug)]
pub(super) struct Shards(Vec<Shard>);

#[derive(Debug)]
struct Shard {
    legs: mpsc::Sender<Leg>,
    load: Arc<AtomicUsize>,
    ended: oneshot::Receiver<()>,
}

/// Connections that may wait for a thread; each takes microseconds to pick up.
const WAITING: usize = 64;

impl Shards {
    /// Starts so many threads, or one per processor core.
    pub(super) fn start(count: usize, calls: &Arc<Calls>) -> io::Result<Self> {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let count = if count == 0 { cores() } else { count };
        (0..count).map(|n| Shard::start(n, calls.clone())).collect::<io::Result<_>>().map(Self)
    }

    /// Gives a connection to the thread with the fewest calls.
    pub(super) fn take(&mut self, leg: Leg) -> Result<(), Leg> {
        let Some(shard) = self.0.iter().min_by_key(|shard| shard.load.load(Ordering::Relaxed)) else {
            return Err(leg);
        };
        match shard.legs.try_send(leg) {
            Ok(()) => {
                shard.load.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(leg) | mpsc::error::TrySendError::Closed(leg)) => Err(leg),
        }
    }

    /// No more connections come. Resolves when all calls are over.
    pub(super) fn finish(self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let ended: Vec<_> = self.0.into_iter().map(|shard| shard.ended).collect();
        Box::pin(async move {
            for shard in ended {
                // An error is a thread that is gone: ended too.
                let _ = shard.await;
            }
        })
    }
}

impl Shard {
    fn start(n: usize, calls: Arc<Calls>) -> io::Result<Self> {
        let (legs, mut taken) = mpsc::channel::<Leg>(WAITING);
        let (tell, ended) = oneshot::channel();
        let load = Arc::new(AtomicUsize::new(0));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shard_load = load.clone();
        let work = async move {
            let live = TaskTracker::new();
            while let Some(leg) = taken.recv().await {
                let calls = calls.clone();
                let load = Load(shard_load.clone());
                live.spawn(async move {
                    carry(leg, calls).await;
                    drop(load);
                });
            }
            live.close();
            live.wait().await;
            // Nobody waits only when the server has given up on this thread.
            let _ = tell.send(());
        };
        thread::Builder::new().name(format!("calls-{n}")).spawn(move || runtime.block_on(work))?;
        Ok(Self { legs, load, ended })
    }
}

async fn carry(leg: Leg, calls: Arc<Calls>) {
    let Leg { stream, call, half_open } = leg;
    // The socket was accepted on another runtime; its readiness must be watched by this thread's.
    let stream = match stream.into_std().and_then(TcpStream::from_std) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(%error, "a connection could not be taken over");
            return;
        }
    };
    metrics::gauge!(figures::LEGS).increment(1);
    let (reader, writer) = stream.into_split();
    calls.carry(reader, writer, half_open).await;
    metrics::gauge!(figures::LEGS).decrement(1);
    drop(call);
}

/// Counts down when the call's task is gone, however it went.
struct Load(Arc<AtomicUsize>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
