//! The voice server among hostile peers, over real TCP: each ends alone, what it took is given back, and the calls beside
//! it go on.

#![allow(clippy::unwrap_used)]

#[path = "driver/cast.rs"]
mod cast;
#[path = "hostile/crowd.rs"]
mod crowd;
#[path = "hostile/told.rs"]
mod told;

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use cast::{Cast, cast, id, message, silence};
use nix::sys::resource::{UsageWho, getrusage};
use orderline::audio::Rate;
use orderline::call::Settings;
use orderline::ids::CallId;
use orderline::server;
use orderline::telephone::hostile::{Attack, Report, Tally, attack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Nothing here takes long; what does, hangs.
const SOON: Duration = Duration::from_secs(30);

/// No healthy call may fall silent for longer while this process works: nobody is starved, in a debug build. What other
/// programs take of the machine is not the server's doing, so a gap counts only as far as this process had the processor
/// in it. How even the frames are is a figure, which `orderline load` prints.
const WORST: Duration = Duration::from_millis(800);

/// How much of the processor this process has had.
fn worked() -> Duration {
    let used = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    [used.user_time(), used.system_time()]
        .iter()
        .map(|time| Duration::from_micros((time.tv_sec() * 1_000_000 + time.tv_usec()) as u64))
        .sum()
}

/// File descriptors and memory are the process's: one test at a time.
static TURN: Mutex<()> = Mutex::const_new(());

struct Server {
    cast: Cast,
    address: SocketAddr,
    task: JoinHandle<io::Result<()>>,
    _turn: MutexGuard<'static, ()>,
}

async fn start(settings: Settings, server: impl FnOnce(&mut server::Settings)) -> Server {
    let turn = TURN.lock().await;
    let mut own =
        server::Settings { listen: ([127, 0, 0, 1], 0).into(), shards: 1, ..server::Settings::default() };
    server(&mut own);
    let cast = cast(settings);
    let listener = server::Listener::bind(&own).unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(listener.serve(cast.calls.clone()));
    Server { cast, address, task, _turn: turn }
}

impl Server {
    /// A call that goes well, and stays.
    async fn call(&self, n: u128) -> Healthy {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&id(n)).await.unwrap();
        stream.write_all(&message(0x10, &silence(Rate::HZ_8000))).await.unwrap();
        let over = CancellationToken::new();
        let heard = Arc::new(AtomicU32::new(0));
        let task = tokio::spawn(talk(stream, over.clone(), heard.clone()));
        Healthy { task, over, call: CallId(Uuid::from_u128(n)), heard }
    }

    /// Waits until these calls are live, and no other.
    async fn only(&self, calls: &[&Healthy]) {
        let wanted: Vec<_> = calls.iter().map(|healthy| healthy.call).collect();
        let live = || self.cast.calls.registry.live().into_iter().map(|live| live.call).collect::<Vec<_>>();
        let rest = async {
            while live() != wanted {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if timeout(SOON, rest).await.is_err() {
            panic!("expected {wanted:?}, found {:?}", live());
        }
    }

    async fn stop(self) {
        self.cast.calls.stopping.cancel();
        timeout(SOON, self.task).await.unwrap().unwrap().unwrap();
    }
}

/// A well-behaved caller.
struct Healthy {
    task: JoinHandle<Spacing>,
    over: CancellationToken,
    call: CallId,
    /// The frames that it has heard so far.
    heard: Arc<AtomicU32>,
}

/// What a caller lives through.
#[derive(Debug)]
struct Spacing {
    frames: u32,
    /// The longest gap, as far as this process had the processor in it.
    worst: Duration,
}

impl Healthy {
    async fn hang_up(self) -> Spacing {
        self.over.cancel();
        timeout(SOON, self.task).await.unwrap().unwrap()
    }
}

/// Sends a frame every 20 ms as Asterisk does, and measures those that come back.
async fn talk(stream: TcpStream, over: CancellationToken, heard: Arc<AtomicU32>) -> Spacing {
    let (mut reader, mut writer) = stream.into_split();
    let frame = message(0x10, &silence(Rate::HZ_8000));
    let speaking = async {
        let mut clock = tokio::time::interval(Duration::from_millis(20));
        loop {
            clock.tick().await;
            writer.write_all(&frame).await.unwrap();
        }
    };
    let mut spacing = Spacing { frames: 0, worst: Duration::ZERO };
    let hearing = async {
        let mut last = (Instant::now(), worked());
        loop {
            let mut header = [0; 3];
            reader.read_exact(&mut header).await.unwrap();
            assert_eq!(header[0], 0x10, "the call goes on");
            let mut payload = vec![0; usize::from(u16::from_be_bytes([header[1], header[2]]))];
            reader.read_exact(&mut payload).await.unwrap();
            spacing.frames += 1;
            heard.store(spacing.frames, Ordering::Relaxed);
            let now = (Instant::now(), worked());
            spacing.worst = spacing.worst.max((now.0 - last.0).min(now.1 - last.1));
            last = now;
        }
    };
    tokio::select! {
        () = speaking => {}
        () = hearing => {}
        () = over.cancelled() => {}
    }
    spacing
}

/// The TCP sockets that this process holds: its runtimes have descriptors of other kinds, and other tests have runtimes.
fn descriptors() -> usize {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let inodes: HashSet<&str> =
        table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(9)).collect();
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = links.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    links
        .filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned))
        .filter(|inode| inodes.contains(inode.as_str()))
        .count()
}

/// Waits until there are no more of them than before.
async fn descriptors_are_back(before: usize) {
    let back = async {
        while descriptors() > before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if timeout(SOON, back).await.is_err() {
        panic!("expected {before} descriptors, found {}", descriptors());
    }
}

/// Resident memory of this process.
fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Attacks for this time, and where the machine is too busy for it to be `enough`, again and again. What is enough must be
/// asserted by whoever asks.
async fn attacked(
    server: &Server,
    attacks: &'static [Attack],
    count: usize,
    time: Duration,
    enough: impl Fn(&Report) -> bool,
) -> Report {
    let mut report = Report::default();
    for _ in 0..20 {
        let until = CancellationToken::new();
        let attacking = tokio::spawn(attack(server.address, attacks, count, until.clone()));
        tokio::time::sleep(time).await;
        until.cancel();
        for (attack, tally) in timeout(SOON, attacking).await.unwrap().unwrap().0 {
            let sum = report.0.entry(attack).or_default();
            sum.connections += tally.connections;
            sum.farewells += tally.farewells;
            sum.ended += tally.ended;
        }
        if enough(&report) {
            break;
        }
    }
    report
}

/// Whether connections of this kind ended as they must.
fn ends_as_it_must(attack: Attack, tally: &Tally) -> bool {
    let ended = tally.farewells + tally.ended;
    let well = match attack {
        // They leave by themselves.
        Attack::Reset | Attack::Torn | Attack::OneByte => true,
        // A byte each second is slow, and no more: the peer is a caller who says nothing.
        Attack::SlowCall | Attack::Unfinished => ended == 0,
        Attack::Deaf => ended > 0,
        _ => tally.farewells > 0,
    };
    well && tally.connections > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_hostile_peer_ends_alone_and_the_calls_beside_it_go_on() {
    let settings = Settings { handshake_ms: 1_000, stuck_frames: 25, ..Settings::default() };
    let server = start(settings, |_| ()).await;
    let (first, second) = (server.call(1).await, server.call(2).await);
    server.only(&[&first, &second]).await;
    let before = descriptors();
    let enough = |report: &Report| {
        let ended = report.0.iter().all(|(attack, tally)| ends_as_it_must(*attack, tally));
        ended && [&first, &second].iter().all(|healthy| healthy.heard.load(Ordering::Relaxed) > 150)
    };
    let report = attacked(&server, &Attack::ALL, Attack::ALL.len(), Duration::from_secs(6), enough).await;
    server.only(&[&first, &second]).await;
    descriptors_are_back(before).await;
    for (attack, tally) in &report.0 {
        println!("{:<15} {tally:?}", attack.name());
    }
    for attack in Attack::ALL {
        let tally = &report.0[&attack];
        assert!(ends_as_it_must(attack, tally), "{attack:?}: {tally:?}");
    }
    for healthy in [first, second] {
        let spacing = healthy.hang_up().await;
        println!("a healthy call: {spacing:?}");
        assert!(spacing.frames > 150, "half of what six seconds hold: {spacing:?}");
        assert!(spacing.worst < WORST, "{spacing:?}");
    }
    assert_eq!(server.cast.desk.closed.lock().unwrap().iter().filter(|(_, s)| s.cause.is_none()).count(), 0);
    server.stop().await;
}
