//! A voice server that does what none should, byte by byte, and sees what Asterisk makes of it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use socket2::SockRef;
use uuid::Uuid;

use super::child::PATIENCE;

/// A listening rogue.
pub(crate) struct Rogue {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Rogue {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        Self { listener, address }
    }

    /// As [`Rogue::listen`], with as little room for unread bytes as the kernel gives.
    pub(crate) fn narrow() -> Self {
        let rogue = Self::listen();
        // Accepted connections inherit it.
        SockRef::from(&rogue.listener).set_recv_buffer_size(1024).expect("a socket option");
        rogue
    }

    /// The next call, once its UUID has come.
    pub(crate) fn leg(&self) -> Leg {
        // An accept knows no deadline of its own.
        self.listener.set_nonblocking(true).expect("a socket option");
        let begun = Instant::now();
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) => {
                    assert!(begun.elapsed() < PATIENCE, "expected a call of Asterisk's, found {error}")
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        stream.set_nonblocking(false).expect("a socket option");
        stream.set_nodelay(true).expect("a socket option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        let mut first = [0; 19];
        (&stream).read_exact(&mut first).expect("the UUID");
        assert_eq!(first[..3], [1, 0, 16], "the first message is the UUID");
        Leg { stream, uuid: Uuid::from_slice(&first[3..]).expect("16 bytes") }
    }
}

/// One call's connection.
pub(crate) struct Leg {
    pub(crate) stream: TcpStream,
    pub(crate) uuid: Uuid,
}

/// A message from Asterisk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

impl Leg {
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        // The connection may be gone: then the test sees it elsewhere.
        let _ = (&self.stream).write_all(bytes);
    }

    pub(crate) fn message(&self, kind: u8, payload: &[u8]) {
        self.bytes(&message(kind, payload));
    }

    /// Sound in frames of so many samples, each when it is due.
    pub(crate) fn paced(&self, kind: u8, samples: &[i16], frame: usize, frame_ms: u64) {
        let begun = Instant::now();
        for (n, part) in samples.chunks(frame).enumerate() {
            self.message(kind, &bytes_of(part));
            let due = begun + Duration::from_millis(frame_ms) * (n as u32 + 1);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    /// Half a second of silence in good order: Asterisk joins the two legs meanwhile.
    pub(crate) fn behave(&self) {
        self.paced(0x10, &[0; 25 * 160], 160, 20);
    }

    /// Reads along in a thread of its own until Asterisk ends the connection; what came is sent on.
    pub(crate) fn listen(&self) -> Receiver<Heard> {
        let mut stream = self.stream.try_clone().expect("a second handle");
        stream.set_read_timeout(None).expect("a socket option");
        let (sender, heard) = channel();
        std::thread::spawn(move || {
            let mut head = [0; 3];
            while stream.read_exact(&mut head).is_ok() {
                let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
                if stream.read_exact(&mut payload).is_err() {
                    return;
                }
                let _ = sender.send(Heard { at: Instant::now(), kind: head[0], payload });
            }
        });
        heard
    }

    /// Reads until Asterisk ends the connection: everything that came after the UUID.
    pub(crate) fn rest(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end like any other.
        let _ = (&self.stream).read_to_end(&mut bytes);
        bytes
    }

    /// Ends our direction only.
    pub(crate) fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection as a crash does: with a reset, whatever waits unread or unsent.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("a socket option");
    }
}

/// A message's bytes.
pub(crate) fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(u16::try_from(payload.len()).expect("a payload of the protocol").to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Little endian, as Asterisk on a usual machine speaks.
pub(crate) fn bytes_of(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// The other way.
pub(crate) fn samples_of(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}
