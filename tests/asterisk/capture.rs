//! What a real Asterisk writes on the wire, byte for byte: the fuzzers' first inputs, and what the decoder must find
//! nothing odd in.
//!
//! `ORDERLINE_CAPTURE=tests/fuzz/corpus cargo test --test asterisk capture` writes the captures down
//! (tests/fuzz/README.md).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use audiosocket::{Decoder, Message};
use bytes::BytesMut;

use super::child::PATIENCE;
use super::compare::words;
use super::pbx::{Pbx, Plan, free_port};
use super::peers::{self, manifest};
use super::phone::{self, Phone};

/// A peer that keeps the bytes of one connection, and sends silence as a server does.
struct Tap {
    address: SocketAddr,
    began: Receiver<()>,
    bytes: Receiver<Vec<u8>>,
}

impl Tap {
    /// Listens to so many bytes, or to the caller's hang-up.
    fn start(kind: u8, most: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let ((tell, began), (give, bytes)) = (channel(), channel());
        std::thread::spawn(move || {
            let Ok((stream, _)) = listener.accept() else { return };
            let _ = tell.send(());
            let _ = give.send(record(stream, kind, most));
        });
        Self { address, began, bytes }
    }

    fn began(&self) {
        self.began.recv_timeout(PATIENCE).expect("a connection");
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.recv_timeout(PATIENCE).expect("the bytes of a call")
    }
}

fn record(mut stream: TcpStream, kind: u8, most: usize) -> Vec<u8> {
    let payload = if kind == 0x12 { 640u16 } else { 320 };
    let mut silence = vec![kind];
    silence.extend_from_slice(&payload.to_be_bytes());
    silence.resize(3 + usize::from(payload), 0);
    stream.set_read_timeout(Some(Duration::from_millis(5))).expect("a socket");
    let (mut bytes, mut next, mut piece) = (Vec::new(), Instant::now(), [0; 4096]);
    while bytes.len() < most {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::ConnectionReset) => break,
            // Nothing came meanwhile.
            Err(_) => {}
        }
        if Instant::now() >= next {
            next += Duration::from_millis(20);
            if stream.write_all(&silence).is_err() {
                break;
            }
        }
    }
    let _ = stream.write_all(&[0, 0, 0]);
    bytes
}

/// The messages, and whether the bytes end at the border of one.
fn messages(bytes: &[u8]) -> (Vec<Message>, bool) {
    let (mut decoder, mut buffer) = (Decoder::new(), BytesMut::from(bytes));
    let mut messages = Vec::new();
    while let Some(message) = decoder.decode(&mut buffer).expect("Asterisk speaks AudioSocket") {
        messages.push(message);
    }
    audiosocket::fuzz_decode(bytes);
    (messages, buffer.is_empty())
}

/// Writes it down for both fuzzers, where that is asked for.
fn keep(name: &str, bytes: &[u8]) {
    let Some(folder) = std::env::var_os("ORDERLINE_CAPTURE") else { return };
    let folder = manifest().join(folder);
    write(&folder.join("decode").join(format!("asterisk-{name}")), bytes);
    // A call with engines that answer after 150 ms, whose peer sends this as it came: src/call/fuzz/script.rs.
    let mut call = vec![0, 0, 0, 1, 2, 18, 20, 30, 40];
    for part in bytes.chunks(255 * 64) {
        call.extend([8, part.len().div_ceil(64) as u8]);
        call.extend_from_slice(part);
        call.resize(call.len() + part.len().div_ceil(64) * 64 - part.len(), 0);
    }
    write(&folder.join("call").join(format!("asterisk-{name}")), &call);
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a folder that can be written to");
}

/// The UUID first, and then nothing but whole frames of this kind and length.
fn only_frames(messages: &[Message], kind: u8, payload: usize) {
    assert!(matches!(messages.first(), Some(Message::Id(_))), "{:?}", messages.first());
    let frames = &messages[1..];
    assert!(frames.len() > 5, "{} messages", frames.len());
    for frame in frames.iter().filter(|message| !matches!(message, Message::Dtmf(_))) {
        assert_eq!((frame.kind(), frame.payload_bytes()), (kind, payload), "{frame:?}");
    }
}

/// A call that speaks, in one of the ways that a call may take, until the tap has enough.
fn captured(name: &str, plan: Plan, kind: u8, payload: usize, most: usize) {
    let peers = peers::ready();
    let tap = Tap::start(kind, most);
    let pbx = Pbx::start(&peers, tap.address, free_port(), plan);
    let caller = Phone::caller("+375291234567");
    caller.dial("100", pbx.sip);
    tap.began();
    caller.say(&words(7, 2), phone::RATE);
    let bytes = tap.bytes();
    keep(name, &bytes);
    only_frames(&messages(&bytes).0, kind, payload);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_bytes_of_a_dialled_call_hold_the_uuid_and_whole_frames() {
    captured("dial-slin", Plan::default(), 0x10, 320, 12_000);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_bytes_of_a_wideband_call_hold_the_uuid_and_whole_frames() {
    captured("dial-slin16", Plan { codec: "slin16", ..Plan::default() }, 0x12, 640, 14_000);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_bytes_of_the_applications_form_hold_the_uuid_and_whole_frames() {
    captured("app", Plan { context: "orderline-app", ..Plan::default() }, 0x10, 320, 12_000);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_bytes_of_a_call_in_mu_law_hold_the_uuid_and_half_frames_labelled_as_linear() {
    captured("mu-law", Plan { codec: "ulaw", ..Plan::default() }, 0x10, 160, 6_000);
}

#[test]
#[ignore = "needs a real Asterisk and SIP phone: CI=true make test"]
fn the_bytes_of_a_call_end_at_the_border_of_a_message_when_the_caller_hangs_up() {
    let peers = peers::ready();
    let tap = Tap::start(0x10, usize::MAX);
    let pbx = Pbx::start(&peers, tap.address, free_port(), Plan::default());
    let caller = Phone::caller("+375291234567");
    caller.dial("100", pbx.sip);
    tap.began();
    caller.press('5');
    caller.press('#');
    caller.hears("half a second", |heard| heard.len() > 4_000);
    caller.hang_up();
    let bytes = tap.bytes();
    keep("keys-and-hang-up", &bytes);
    let (messages, whole) = messages(&bytes);
    only_frames(&messages, 0x10, 320);
    let keys = messages.iter().filter_map(|message| match message {
        Message::Dtmf(digit) => Some(digit.as_char()),
        _ => None,
    });
    assert_eq!(keys.collect::<String>(), "5#");
    assert!(whole, "Asterisk closes between two messages");
}
