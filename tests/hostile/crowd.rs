//! Many at once.

use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use orderline::call::Settings;
use orderline::telephone::hostile::{Attack, Report};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::cast::{id, message};
use super::{SOON, WORST, attacked, descriptors, descriptors_are_back, resident_bytes, start};

/// Lets this process have so many file descriptors, and tells how many it may have.
fn allow_descriptors(wanted: u64) -> u64 {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let allowed = soft.max(wanted.min(hard));
    setrlimit(Resource::RLIMIT_NOFILE, allowed, hard).unwrap();
    allowed
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_half_open_sockets_take_their_cap_and_no_more() {
    // Both ends of each connection are ours.
    let allowed = allow_descriptors(8_000);
    let crowd = usize::try_from(allowed - 1_000).unwrap().min(6_000) / 2;
    assert!(crowd >= 1_000, "expected 3000 file descriptors or more (ulimit -Hn), found {allowed}");
    let settings = Settings { handshake_ms: 3_000, ..Settings::default() };
    let server = start(settings, |own| {
        own.max_calls = 200;
        own.max_half_open = 100;
    })
    .await;
    let healthy = server.call(1).await;
    server.only(&[&healthy]).await;
    let before = descriptors();

    let since = Instant::now();
    let mut sockets = Vec::new();
    for _ in 0..crowd {
        sockets.push(timeout(SOON, TcpStream::connect(server.address)).await.unwrap().unwrap());
    }
    // Who is taken in hears silence; who is not hears goodbye, or nothing.
    let mut taken = 0;
    for socket in &mut sockets {
        let mut first = [0xee];
        let read = timeout(SOON, socket.read(&mut first)).await.unwrap();
        taken += u64::from(matches!(read, Ok(1)) && first == [0x10]);
    }
    println!("{taken} of {crowd} half-open connections were taken in");
    // A place that is given back after the handshake's time goes to the next, as often as that time went by.
    let most = 100 * (2 + since.elapsed().as_secs() / 3);
    assert!((100..=most).contains(&taken), "{taken}");
    // The deadline frees them while the other side still holds on.
    for socket in &mut sockets {
        let mut sink = Vec::new();
        let _ = timeout(SOON, socket.read_to_end(&mut sink)).await.unwrap();
    }
    let next = server.call(2).await;
    while !server.cast.calls.registry.is_live(next.call) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(sockets);
    next.hang_up().await;
    server.only(&[&healthy]).await;
    descriptors_are_back(before).await;
    let spacing = healthy.hang_up().await;
    println!("a healthy call: {spacing:?}");
    assert!(spacing.worst < WORST, "{spacing:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_resets_leaves_nothing_behind() {
    let server = start(Settings::default(), |_| ()).await;
    let healthy = server.call(1).await;
    server.only(&[&healthy]).await;
    let before = descriptors();
    let enough = |report: &Report| report.connections() > 500;
    let report = attacked(&server, &[Attack::Reset, Attack::Torn], 16, Duration::from_secs(3), enough).await;
    println!("{} connections", report.connections());
    assert!(report.connections() > 500, "{report:?}");
    server.only(&[&healthy]).await;
    descriptors_are_back(before).await;
    let spacing = healthy.hang_up().await;
    println!("a healthy call: {spacing:?}");
    assert!(spacing.worst < WORST, "{spacing:?}");
    server.stop().await;
}

/// What one connection may make the server hold: its input buffer with the longest message in it (64 KiB), grown to the
/// next power of two, and everything else that a call has, the detector's memory included, in this unoptimised build.
const MOST_BYTES: usize = 384 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn no_stream_makes_a_call_hold_more_than_its_bound() {
    let server = start(Settings::default(), |own| {
        own.max_calls = 200;
        own.max_half_open = 200;
    })
    .await;
    // What the first call makes for all.
    server.call(9_999).await.hang_up().await;
    server.only(&[]).await;
    let before = resident_bytes();
    let mut peers = Vec::new();
    for n in 0..100u128 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&id(n)).await.unwrap();
        // Whole messages of every length, then the longest without its last byte.
        for length in [1, 1_000, 10_000, 30_000, 65_535] {
            stream.write_all(&message(0x77, &vec![1; length])).await.unwrap();
        }
        let longest = message(0x77, &vec![1; 65_535]);
        stream.write_all(&longest[..longest.len() - 1]).await.unwrap();
        peers.push(stream);
    }
    let live = async {
        while server.cast.calls.registry.live().len() < peers.len() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, live).await.unwrap();
    // What was sent is taken off the sockets before the next frame comes back.
    for stream in &mut peers {
        timeout(SOON, stream.read_exact(&mut [0; 3_000])).await.unwrap().unwrap();
    }
    let held = resident_bytes().saturating_sub(before) / peers.len();
    println!("{} KiB for each of {} connections with an unfinished message", held / 1024, peers.len());
    assert!(held < MOST_BYTES, "{held} bytes");
    drop(peers);
    server.only(&[]).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_the_half_open_places_of_another() {
    let settings = Settings { handshake_ms: 60_000, ..Settings::default() };
    let server = start(settings, |own| {
        own.max_half_open = 8;
        own.max_half_open_per_peer = 3;
    })
    .await;
    let mut sockets = Vec::new();
    let mut taken = 0;
    for _ in 0..20 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.67:0".parse().unwrap()).unwrap();
        let mut socket = socket.connect(server.address).await.unwrap();
        let mut first = [0xee];
        timeout(SOON, socket.read_exact(&mut first)).await.unwrap().unwrap();
        taken += usize::from(first == [0x10]);
        sockets.push(socket);
    }
    assert_eq!(taken, 3, "the others heard goodbye");
    let healthy = server.call(1).await;
    server.only(&[&healthy]).await;
    healthy.hang_up().await;
    server.stop().await;
}
