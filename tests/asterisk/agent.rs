//! The simplest voice server there is: it plays one sound and writes down what it hears. It stands in where a test is
//! about the telephone network and not about Orderline.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use uuid::Uuid;

/// What happened on one connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// The UUID, the first message.
    Began(Uuid),
    /// Everything heard, at the call's end.
    Ended { kind: u8, heard: Vec<i16> },
}

/// How the peer behaves once its sound is played.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Ending {
    /// Goes on with silence until the caller hangs up.
    Stays,
    /// Hangs up as the protocol wants it.
    Leaves,
    /// Breaks the connection with unread sound in it, which the caller's side sees as a reset.
    Breaks,
}

/// A listening peer. Its threads end with their connections.
pub(crate) struct Agent {
    pub(crate) address: SocketAddr,
    pub(crate) events: Receiver<Event>,
}

impl Agent {
    /// Serves calls with this sound, in frames of `kind` (0x10: 8 kHz, 0x12: 16 kHz).
    pub(crate) fn start(kind: u8, sound: Vec<i16>, ending: Ending) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (sender, sound) = (sender.clone(), sound.clone());
                let speaking = stream.try_clone().expect("a second handle");
                let listening = std::thread::spawn(move || listen(&stream, &sender));
                std::thread::spawn(move || speak(speaking, kind, &sound, ending, listening));
            }
        });
        Self { address, events }
    }
}

/// Reads messages until the peer is gone, or the reading is shut down.
fn listen(stream: &TcpStream, sender: &Sender<Event>) {
    let mut heard = Vec::new();
    let mut heard_kind = 0;
    while let Some((kind, payload)) = message(stream) {
        if kind == 1 {
            let _ = sender.send(Event::Began(Uuid::from_slice(&payload).expect("16 bytes")));
        } else {
            heard_kind = kind;
            heard.extend(payload.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
        }
    }
    let _ = sender.send(Event::Ended { kind: heard_kind, heard });
}

fn message(mut stream: &TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 3];
    stream.read_exact(&mut head).ok()?;
    let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
    stream.read_exact(&mut payload).ok()?;
    Some((head[0], payload))
}

/// One frame each 20 ms, by absolute time.
fn speak(mut stream: TcpStream, kind: u8, sound: &[i16], ending: Ending, listening: JoinHandle<()>) {
    let samples = if kind == 0x12 { 320 } else { 160 };
    let begun = Instant::now();
    let silence = vec![0; samples];
    let mut frames = sound.chunks_exact(samples);
    for n in 0.. {
        let frame = match frames.next() {
            Some(frame) => frame,
            None if ending == Ending::Stays => &silence,
            None => break,
        };
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&u16::try_from(samples * 2).expect("small").to_be_bytes());
        bytes.extend(frame.iter().flat_map(|sample| sample.to_le_bytes()));
        if stream.write_all(&bytes).is_err() {
            return;
        }
        let due = begun + Duration::from_millis(20) * (n + 1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    match ending {
        Ending::Stays => {}
        Ending::Leaves => drop(stream.write_all(&[0, 0, 0])),
        Ending::Breaks => {
            // The listener's next read times out between two bursts of frames and ends it; then sound piles up unread,
            // and closing a socket with unread bytes makes the kernel answer with a reset (RFC 1122 4.2.2.13), as a
            // killed process's is.
            let _ = stream.set_read_timeout(Some(Duration::from_millis(1)));
            let _ = listening.join();
            let mut unread = [0; 1];
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            let _ = stream.peek(&mut unread);
        }
    }
}
