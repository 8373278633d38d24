//! The voice server over real TCP, with a scripted Asterisk on the other end.

#![allow(clippy::unwrap_used)]

#[path = "driver/cast.rs"]
mod cast;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cast::{Cast, cast, id, message, silence};
use orderline::audio::Rate;
use orderline::call::{CallEvent, Happening, Peer, Settings, Summary};
use orderline::conversation::event::{HangupCause, Identity, Leave};
use orderline::conversation::{Input, Output};
use orderline::ids::{CallId, PresentedNumber};
use orderline::server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

/// Nothing here takes long; what does, hangs.
const SOON: Duration = Duration::from_secs(20);

struct Server {
    cast: Cast,
    address: SocketAddr,
    events: Receiver<Arc<CallEvent>>,
    task: JoinHandle<io::Result<()>>,
}

async fn start(settings: Settings, server: impl FnOnce(&mut server::Settings)) -> Server {
    let mut own =
        server::Settings { listen: ([127, 0, 0, 1], 0).into(), shards: 1, ..server::Settings::default() };
    server(&mut own);
    let cast = cast(settings);
    let listener = server::Listener::bind(&own).unwrap();
    let address = listener.local_addr().unwrap();
    let events = cast.calls.observer.listen();
    let task = tokio::spawn(listener.serve(cast.calls.clone()));
    Server { cast, address, events, task }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// The next event of this kind.
    async fn event<T>(&mut self, wanted: impl Fn(&CallEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                if let Some(found) = wanted(&self.events.recv().await.unwrap()) {
                    return found;
                }
            }
        };
        timeout(SOON, search).await.unwrap()
    }

    async fn began(&mut self) -> CallId {
        self.event(|event| matches!(event.what, Happening::Began { .. }).then_some(event.call)).await
    }

    async fn ended(&mut self) -> Summary {
        self.event(|event| match &event.what {
            Happening::Ended { summary } => Some(summary.clone()),
            _ => None,
        })
        .await
    }

    async fn stop(self) {
        self.cast.calls.stopping.cancel();
        timeout(SOON, self.task).await.unwrap().unwrap().unwrap();
    }
}

/// Reads to the end of the stream: the kinds that came. A reset counts as an end.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut bytes)).await.unwrap();
    let mut kinds = Vec::new();
    let mut rest = &bytes[..];
    while let [kind, high, low, tail @ ..] = rest {
        kinds.push(*kind);
        rest = tail.get(usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default();
    }
    kinds
}

fn sound() -> Vec<u8> {
    message(0x10, &silence(Rate::HZ_8000))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_torn_at_every_byte_is_understood() {
    let mut server = start(Settings::default(), |_| ()).await;
    let mut stream = server.connect().await;
    let mut bytes = id(1);
    bytes.extend(sound());
    bytes.extend(message(0x03, b"#"));
    for byte in bytes {
        stream.write_all(&[byte]).await.unwrap();
    }
    assert_eq!(server.began().await, CallId(Uuid::from_u128(1)));
    stream.shutdown().await.unwrap();
    let summary = server.ended().await;
    assert_eq!((summary.cause, summary.odd_messages), (Some(HangupCause::Caller), 0));
    assert!(server.cast.inputs().contains(&Input::Keyed { digit: '#' }));
    assert_eq!(server.cast.heard(), 1);
    // Half-closed: the peer still reads, and is told.
    assert_eq!(rest(&mut stream).await.last(), Some(&0x00));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_ends_within_a_message_is_a_hangup() {
    let mut server = start(Settings::default(), |_| ()).await;
    let mut stream = server.connect().await;
    stream.write_all(&id(1)).await.unwrap();
    stream.write_all(&sound()).await.unwrap();
    server.began().await;
    stream.write_all(&sound()[..100]).await.unwrap();
    drop(stream);
    let summary = server.ended().await;
    assert!(matches!(summary.cause, Some(HangupCause::Caller | HangupCause::Reset)), "{summary:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_impossible_messages_are_passed_over_and_counted() {
    let mut server = start(Settings::default(), |_| ()).await;
    let mut stream = server.connect().await;
    let mut bytes = id(1);
    bytes.extend(sound());
    bytes.extend(message(0x02, &[]));
    bytes.extend(message(0x77, &[1; 65_535]));
    bytes.extend(message(0x03, b"Q"));
    bytes.extend(message(0x03, b""));
    bytes.extend(message(0x10, &[]));
    bytes.extend(id(2));
    bytes.extend(message(0xff, &[0x04]));
    bytes.extend(message(0x10, &[0; 321]));
    bytes.extend(message(0x03, b"1"));
    stream.write_all(&bytes).await.unwrap();
    server.began().await;
    stream.shutdown().await.unwrap();
    let summary = server.ended().await;
    assert_eq!(summary.cause, Some(HangupCause::Caller));
    assert_eq!(summary.odd_messages, 7);
    assert_eq!(server.cast.heard(), 2, "the odd byte costs half a sample and no more");
    assert!(server.cast.inputs().contains(&Input::Keyed { digit: '1' }));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_audiosocket_end_with_the_hangup_message() {
    let server = start(Settings::default(), |_| ()).await;
    for garbage in [&b"\x01\x47\x45 / HTTP/1.1\r\n\r\n"[..], &message(0x01, &[0; 17])] {
        let mut stream = server.connect().await;
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let kinds = rest(&mut stream).await;
        assert_eq!(kinds.last(), Some(&0x00), "{kinds:?}");
    }
    assert!(server.cast.calls.registry.live().is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_say_a_uuid_is_let_go() {
    let server = start(Settings { handshake_ms: 100, ..Settings::default() }, |_| ()).await;
    let mut stream = server.connect().await;
    stream.write_all(&sound()).await.unwrap();
    let kinds = rest(&mut stream).await;
    assert_eq!(kinds.last(), Some(&0x00));
    assert!(kinds.len() > 3, "silence meanwhile: {kinds:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_uuid_that_is_or_was_in_use_is_refused() {
    let mut server = start(Settings::default(), |_| ()).await;
    let mut first = server.connect().await;
    first.write_all(&id(1)).await.unwrap();
    first.write_all(&sound()).await.unwrap();
    server.began().await;
    let mut second = server.connect().await;
    second.write_all(&id(1)).await.unwrap();
    assert_eq!(rest(&mut second).await.last(), Some(&0x00));
    assert!(server.cast.calls.registry.is_live(CallId(Uuid::from_u128(1))), "the first goes on");
    drop(first);
    server.ended().await;
    let mut third = server.connect().await;
    third.write_all(&id(1)).await.unwrap();
    assert_eq!(rest(&mut third).await.last(), Some(&0x00), "one call, one UUID");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_announced_calls_are_taken_where_that_is_asked_for() {
    let mut server = start(Settings { registration_required: true, ..Settings::default() }, |_| ()).await;
    let mut stranger = server.connect().await;
    stranger.write_all(&id(1)).await.unwrap();
    assert_eq!(rest(&mut stranger).await.last(), Some(&0x00));
    let caller =
        Identity { number: PresentedNumber::Withheld, dialled: Some("100".to_owned()), language: None };
    server.cast.calls.registry.announce(CallId(Uuid::from_u128(2)), caller.clone()).unwrap();
    let mut known = server.connect().await;
    known.write_all(&id(2)).await.unwrap();
    known.write_all(&sound()).await.unwrap();
    server.began().await;
    drop(known);
    server.ended().await;
    assert!(server.cast.inputs().contains(&Input::Identified { caller }));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_a_hangup() {
    let mut server = start(Settings::default(), |_| ()).await;
    let mut stream = server.connect().await;
    stream.write_all(&id(1)).await.unwrap();
    stream.write_all(&sound()).await.unwrap();
    server.began().await;
    // Unread bytes at the close make the kernel send a reset, as when Asterisk dies.
    stream.readable().await.unwrap();
    drop(stream);
    let summary = server.ended().await;
    assert!(matches!(summary.cause, Some(HangupCause::Caller | HangupCause::Reset)), "{summary:?}");
    assert!(server.cast.has(|input| matches!(input, Input::HungUp { .. })));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_never_reads_ends_its_own_call_and_no_other() {
    let mut server = start(Settings { stuck_frames: 5, ..Settings::default() }, |_| ()).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1024).unwrap();
    let mut deaf = socket.connect(server.address).await.unwrap();
    deaf.write_all(&id(1)).await.unwrap();
    // 192 kHz fills the buffers soon.
    deaf.write_all(&message(0x18, &silence(Rate(192_000)))).await.unwrap();
    server.began().await;
    let mut other = server.connect().await;
    other.write_all(&id(2)).await.unwrap();
    other.write_all(&sound()).await.unwrap();
    let summary = server.ended().await;
    assert_eq!(summary.cause, Some(HangupCause::Reset));
    assert!(server.cast.calls.registry.is_live(CallId(Uuid::from_u128(2))));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_among_the_peers_gets_no_byte() {
    let server = start(Settings::default(), |own| own.peers = vec!["192.0.2.0/24".parse().unwrap()]).await;
    let mut stream = server.connect().await;
    assert!(rest(&mut stream).await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_above_the_limits_are_let_go_properly() {
    let mut server = start(Settings::default(), |own| own.max_calls = 1).await;
    let mut first = server.connect().await;
    first.write_all(&id(1)).await.unwrap();
    first.write_all(&sound()).await.unwrap();
    server.began().await;
    let mut second = server.connect().await;
    second.write_all(&id(2)).await.unwrap();
    second.shutdown().await.unwrap();
    assert_eq!(rest(&mut second).await, [0x00]);
    server.stop().await;

    let server =
        start(Settings { handshake_ms: 60_000, ..Settings::default() }, |own| own.max_half_open = 1).await;
    let mut silent = server.connect().await;
    silent.read_exact(&mut [0; 3]).await.unwrap();
    let mut second = server.connect().await;
    second.shutdown().await.unwrap();
    assert_eq!(rest(&mut second).await, [0x00]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_closes_the_port_and_lets_calls_finish() {
    let mut server = start(Settings::default(), |_| ()).await;
    server.cast.script.lock().unwrap().leave_when_draining = true;
    let mut stream = server.connect().await;
    stream.write_all(&id(1)).await.unwrap();
    stream.write_all(&sound()).await.unwrap();
    server.began().await;
    server.cast.calls.draining.cancel();
    assert_eq!(rest_and_close(stream).await.last(), Some(&0x00));
    assert_eq!(server.ended().await.left, Some(Leave::HangUp));
    timeout(SOON, server.task).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

/// Reads up to the hangup message and closes, as Asterisk does.
async fn rest_and_close(mut stream: TcpStream) -> Vec<u8> {
    let mut kinds = Vec::new();
    while kinds.last() != Some(&0x00) {
        let mut header = [0; 3];
        timeout(SOON, stream.read_exact(&mut header)).await.unwrap().unwrap();
        let mut payload = vec![0; usize::from(u16::from_be_bytes([header[1], header[2]]))];
        stream.read_exact(&mut payload).await.unwrap();
        kinds.push(header[0]);
    }
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_is_one_whole_message() {
    let mut server = start(Settings::default(), |_| ()).await;
    let mut stream = server.connect().await;
    stream.write_all(&id(1)).await.unwrap();
    stream.write_all(&sound()).await.unwrap();
    server.began().await;
    server.cast.will(Output::Leave { how: Leave::HangUp });
    for kind in rest_and_close(stream).await {
        assert!(matches!(kind, 0x10 | 0x00), "only sound and hangup are ever sent, never {kind:#04x}");
    }
    server.stop().await;
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged of a call whose messages of 160 bytes come so far apart.
async fn log_of_short_messages(every: Duration) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    // On this thread alone, where the log is kept.
    let cast = cast(Settings::default());
    let (mut line, ours) = tokio::io::duplex(64 * 1024);
    let (reader, writer) = tokio::io::split(ours);
    let call = cast.calls.clone().carry(reader, writer, Peer::default(), ());
    let peer = async {
        line.write_all(&id(1)).await.unwrap();
        for _ in 0..60 {
            line.write_all(&message(0x10, &[0x7f; 160])).await.unwrap();
            tokio::time::sleep(every).await;
        }
        line.shutdown().await.unwrap();
        let mut sink = Vec::new();
        line.read_to_end(&mut sink).await.unwrap();
    };
    timeout(SOON, async { tokio::join!(call, peer) }).await.unwrap();
    let text = log.0.lock().unwrap().clone();
    String::from_utf8(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn sound_in_packets_of_10_ms_is_not_taken_for_mu_law() {
    let text = log_of_short_messages(Duration::from_millis(10)).await;
    assert!(text.contains("call over") && !text.contains("mu-law"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn mu_law_by_mistake_is_warned_of_once_with_the_dialplans_fix() {
    let text = log_of_short_messages(Duration::from_millis(20)).await;
    assert_eq!(text.matches("mu-law").count(), 1, "{text}");
    assert!(text.contains("c(slin)"), "{text}");
    assert!(text.contains(&Uuid::from_u128(1).to_string()), "the line says which call: {text}");
}

#[test]
fn a_wrong_configuration_is_told_whole_and_no_port_is_bound() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("orderline.toml");
    // A port that is taken: binding it would be another error.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let text =
        format!("[server]\nlisten = \"{listen}\"\nmax_calls = 0\ncolour = \"red\"\n[call]\nrate = 11025\n");
    std::fs::write(&file, text).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_orderline"))
        .args(["serve", "--config"])
        .arg(&file)
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let told = String::from_utf8(output.stderr).unwrap();
    for part in ["3 problems", "server.max_calls", "colour", "call.rate"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("in use"), "{told}");
    let usage = std::process::Command::new(env!("CARGO_BIN_EXE_orderline")).arg("sing").output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}
