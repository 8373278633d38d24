//! Threads that carry calls.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::call::{Calls, set_crowded};
use crate::server::doors::HalfOpen;
use crate::telemetry::figures;

/// An accepted connection with its permits.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) call: OwnedSemaphorePermit,
    pub(super) half_open: HalfOpen,
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

    /// Gives a connection to the first thread that is not full, and to the one with the fewest calls where all are.
    pub(super) fn take(&mut self, leg: Leg) -> Result<(), Leg> {
        let load = |shard: &&Shard| shard.load.load(Ordering::Relaxed);
        let free = self.0.iter().find(|shard| load(shard) < FULL);
        let Some(shard) = free.or_else(|| self.0.iter().min_by_key(load)) else { return Err(leg) };
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
        let (moderated, began) = (load.clone(), Instant::now());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || {
                let crowded = moderated.load(Ordering::Relaxed) >= MANY_CALLS;
                set_crowded(crowded);
                if crowded {
                    thread::sleep(until_look(began.elapsed()));
                }
            })
            .build()?;
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

/// Calls that fill a thread before the next one gets any. Few threads with many calls cost less than many with few, as each
/// look at the sockets finds more (measured at 400 echoed calls on two processors: 0.33 ms a call-second on one thread,
/// 0.42 on two). Chosen: with an ear, at 1 ms a call-second, this takes two fifths of a processor.
const FULL: usize = 400;
/// A thread with so many calls looks at its sockets and timers together, once every [`LOOK`], instead of whenever one has
/// something, as network cards moderate their interrupts; and its calls take what the caller said when their own frame is
/// due. That costs a caller's words 10 ms in the mean, 21 at most. Chosen: below it the processor has time to spare.
const MANY_CALLS: usize = 50;
/// How often it looks. A whole part of 20 ms, so that frames stay as far apart as they were.
const LOOK: Duration = Duration::from_millis(1);

/// From this moment of the thread's life to its next look.
fn until_look(lived: Duration) -> Duration {
    let into = lived.as_nanos() % LOOK.as_nanos();
    LOOK - Duration::from_nanos(u64::try_from(into).unwrap_or(0))
}

async fn carry(leg: Leg, calls: Arc<Calls>) {
    let Leg { stream, peer, call, half_open } = leg;
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
    calls.carry(reader, writer, peer.into(), half_open).await;
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
