//! Many telephones at once: what a busy Asterisk puts on the voice server, and what comes back.
//!
//! Each thread is one epoll loop on a clock of 1 ms, as cheap as a bare echo, so that the machine's time goes to the
//! server under test. Calls are spread over the 20 ms, as those of a PBX are. What is measured is what Asterisk would
//! see: when each frame arrives.
//!
//! The frames of [`Sound::Marks`] carry a number, by which an echo is known again; [`Sound::Line`] is a caller's
//! sentence, said again and again, each time when the agent has answered.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket::SampleRate;

mod leg;
mod process;
mod report;
mod tally;
mod thread_loop;

pub use process::Usage;
pub use report::{Delays, Report, Spacing};
use tally::Tally;
use thread_loop::Loop;

/// What to put on the server.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where it listens.
    pub server: SocketAddr,
    /// Calls at the same time.
    pub calls: usize,
    /// How long the full load is held and measured, after all calls have begun.
    pub hold: Duration,
    /// Calls that begin in a second, while they are placed.
    pub begin_per_s: u32,
    /// The rate of the sound, both ways.
    pub rate: SampleRate,
    /// Milliseconds of sound in a message: what the telephone's packet time makes of it, 10 to 60.
    pub packet_ms: u32,
    /// What the callers say.
    pub sound: Sound,
    /// Now and then frames are held back for 100 ms and then come at once, as Asterisk does when it is busy.
    pub bursts: bool,
    /// Silence suppression: half of the time nothing is sent at all.
    pub dtx: bool,
    /// A caller hangs up after this long in the mean, and another one calls.
    pub hang_up_after: Option<Duration>,
    /// Ends when so many calls have been placed, instead of after `hold`.
    pub placed: Option<u64>,
    /// Threads that play telephones; one does for 2,000.
    pub threads: usize,
    /// The server's process, where it cannot be found by its port.
    pub pid: Option<u32>,
    /// What chance begins with.
    pub seed: u64,
}

/// What callers say.
#[derive(Clone, Debug)]
pub enum Sound {
    /// Numbered frames, to know an echo by.
    Marks,
    /// One sentence at the plan's rate.
    Line(Arc<[i16]>),
}

/// How it goes.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Since the beginning.
    pub elapsed: Duration,
    /// Calls that are up.
    pub live: u64,
    /// Calls placed so far.
    pub placed: u64,
    /// Of those, refused.
    pub refused: u64,
    /// Of those, ended by the server or broken.
    pub lost: u64,
    /// Frames that came back.
    pub heard: u64,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The system gave no sockets, no epoll or no thread.
    #[error("cannot play {calls} telephones: {source}")]
    System {
        /// As many as were asked for.
        calls: usize,
        #[source]
        source: io::Error,
    },
    /// Nobody is there.
    #[error("cannot reach the voice server at {server}: {source}")]
    Unreachable {
        /// Where it should be.
        server: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// What the threads share.
#[derive(Debug, Default)]
struct Shared {
    live: AtomicU64,
    placed: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
    heard: AtomicU64,
    /// The full load is up: what happens now counts.
    measuring: AtomicBool,
    stop: AtomicBool,
}

/// How long the calls may take to be up before what is up is measured anyway.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between the last call's beginning and the first measurement: greetings, buffers that grow to their size.
const SETTLING: Duration = Duration::from_secs(2);
/// After the last hang-up, for the server to let go of what it held.
const LETTING_GO: Duration = Duration::from_secs(3);

/// Places the calls, holds them, hangs up, and reports. Blocks; `progress` hears of it every second.
///
/// # Errors
/// [`LoadError`].
pub fn run(plan: &Plan, mut progress: impl FnMut(Progress)) -> Result<Report, LoadError> {
    let system = |source| LoadError::System { calls: plan.calls, source };
    drop(
        std::net::TcpStream::connect_timeout(&plan.server, Duration::from_secs(2))
            .map_err(|source| LoadError::Unreachable { server: plan.server, source })?,
    );
    let server = plan.pid.or_else(|| process::listening_on(plan.server));
    let before = server.and_then(Usage::of);
    let shared = Arc::new(Shared::default());
    let start = Instant::now();
    let mut threads = Vec::new();
    for n in 0..plan.threads.max(1) {
        let worker = Loop::new(plan.clone(), n, start, shared.clone()).map_err(system)?;
        let name = format!("telephones-{n}");
        threads.push(thread::Builder::new().name(name).spawn(move || worker.run()).map_err(system)?);
    }
    let mut told = Instant::now();
    let mut wait = |until: &dyn Fn(Instant) -> bool| {
        while !until(Instant::now()) {
            thread::sleep(Duration::from_millis(20));
            if told.elapsed() >= Duration::from_secs(1) {
                told += Duration::from_secs(1);
                progress(shared.progress(start));
            }
        }
    };
    let ramp = Duration::from_secs_f64(plan.calls as f64 / f64::from(plan.begin_per_s.max(1)));
    let latest = start + ramp + PATIENCE;
    let calls = plan.calls as u64;
    wait(&|now| now >= latest || start.elapsed() >= ramp && shared.live.load(Ordering::Relaxed) >= calls);
    let settled = Instant::now() + SETTLING;
    wait(&|now| now >= settled);
    let (used_before, own_before) = (server.and_then(Usage::of), Usage::of(std::process::id()));
    let measured = Instant::now();
    shared.measuring.store(true, Ordering::Relaxed);
    let over = measured + plan.hold;
    wait(&|now| match plan.placed {
        Some(placed) => shared.placed.load(Ordering::Relaxed) >= placed,
        None => now >= over,
    });
    shared.measuring.store(false, Ordering::Relaxed);
    let window = measured.elapsed();
    let (used_after, own_after) = (server.and_then(Usage::of), Usage::of(std::process::id()));
    let live = shared.live.load(Ordering::Relaxed);
    shared.stop.store(true, Ordering::Relaxed);
    let mut tally = Tally::default();
    for thread in threads {
        // A thread that panicked has told so on standard error; the others' figures still count.
        if let Ok(own) = thread.join() {
            tally.add(&own);
        }
    }
    let gone = Instant::now() + LETTING_GO;
    wait(&|now| now >= gone);
    let after = server.and_then(Usage::of);
    Ok(Report::new(
        plan,
        &tally,
        shared.progress(start),
        live,
        window,
        &report::Measured {
            before,
            used: used_before.zip(used_after),
            own: own_before.zip(own_after),
            after,
        },
    ))
}

impl Shared {
    fn progress(&self, start: Instant) -> Progress {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Progress {
            elapsed: start.elapsed(),
            live: of(&self.live),
            placed: of(&self.placed),
            refused: of(&self.refused),
            lost: of(&self.lost),
            heard: of(&self.heard),
        }
    }
}
