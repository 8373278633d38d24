//! What each kind of hostile peer does with one connection.

use std::io;
use std::time::Duration;

use audiosocket::{Decoder, Message, SampleRate};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::sleep;
use uuid::Uuid;

use super::{Attack, Deed, End};

/// One byte each second: the pace of a slow-loris.
const SLOW: Duration = Duration::from_secs(1);
/// The longest payload, and its header's length field.
const LONGEST: usize = audiosocket::MAX_PAYLOAD_BYTES;

/// Does it, until the server ends the connection or the deed is done.
pub(super) async fn done(attack: Attack, stream: TcpStream, round: u64) -> Deed {
    if attack == Attack::Reset {
        // Lingering for no time makes the close a reset.
        let _ = stream.set_zero_linger();
        return Deed::default();
    }
    let (reader, writer) = stream.into_split();
    let mut voice = Voice { writer, sent_bytes: 0 };
    let end = if attack == Attack::Deaf {
        let _ = voice.do_it(attack, round).await;
        drop(reader);
        End::Closed
    } else {
        tokio::select! {
            biased;
            end = listen(reader) => end,
            end = async {
                match voice.do_it(attack, round).await {
                    Ok(()) => End::Own,
                    // The server has closed; whether it said so first is what the reader finds out.
                    Err(_) => std::future::pending().await,
                }
            } => end,
        }
    };
    Deed { sent_bytes: voice.sent_bytes, end }
}

/// Reads until the server ends the connection.
async fn listen(mut reader: OwnedReadHalf) -> End {
    let (mut decoder, mut buffer) = (Decoder::new(), BytesMut::with_capacity(4_096));
    let mut end = End::Closed;
    loop {
        match reader.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return end,
            Ok(_) => {}
        }
        while let Ok(Some(message)) = decoder.decode(&mut buffer) {
            if message == Message::Hangup {
                end = End::Farewell;
            }
        }
    }
}

struct Voice {
    writer: OwnedWriteHalf,
    sent_bytes: u64,
}

impl Voice {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes).await?;
        self.sent_bytes += bytes.len() as u64;
        Ok(())
    }

    async fn send_slowly(&mut self, bytes: &[u8], pause: Duration) -> io::Result<()> {
        for byte in bytes {
            self.send(&[*byte]).await?;
            sleep(pause).await;
        }
        Ok(())
    }

    /// What every call begins with.
    async fn begin(&mut self) -> io::Result<()> {
        self.send(&id()).await?;
        self.send(&sound(SampleRate::Hz8000, 0)).await
    }

    async fn do_it(&mut self, attack: Attack, round: u64) -> io::Result<()> {
        match attack {
            // Done before anything is said.
            Attack::Reset => Ok(()),
            Attack::Torn => {
                let call =
                    [id(), sound(SampleRate::Hz8000, 7), key(), sound(SampleRate::Hz16000, 7)].concat();
                let cut = usize::try_from(round % call.len() as u64).unwrap_or(0);
                self.send(&call[..cut]).await
            }
            Attack::OneByte => {
                let call = [id(), sound(SampleRate::Hz8000, 7), key()].concat();
                for byte in call {
                    self.send(&[byte]).await?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Attack::Deaf => {
                self.send(&id()).await?;
                // The answer comes in this rate, which fills the buffers soonest.
                loop {
                    self.send(&sound(SampleRate::Hz192000, 0)).await?;
                    sleep(Duration::from_millis(20)).await;
                }
            }
            Attack::SlowHandshake => self.send_slowly(&id(), SLOW).await,
            Attack::SlowCall => {
                self.begin().await?;
                self.send_slowly(&sound(SampleRate::Hz8000, 7), SLOW).await
            }
            Attack::Longest => {
                self.begin().await?;
                loop {
                    // Audio of every rate, keys, errors, hangups with a payload (the end), kinds that nobody knows.
                    for kind in (0x10..=0x18).chain([0x03, 0xff, 0x02, 0x77]) {
                        self.send(&message(kind, &vec![1; LONGEST])).await?;
                    }
                }
            }
            Attack::Unfinished => {
                self.begin().await?;
                let longest = message(0x77, &vec![1; LONGEST]);
                self.send(&longest[..LONGEST]).await?;
                sleep(SLOW * 30).await;
                Ok(())
            }
            Attack::HalfOpen => std::future::pending().await,
            Attack::Flood => {
                self.begin().await?;
                loop {
                    // Two seconds of sound every 20 ms.
                    self.send(&message(0x10, &vec![1; 32_000])).await?;
                    sleep(Duration::from_millis(20)).await;
                }
            }
            Attack::Tiny => {
                self.begin().await?;
                let many = message(0x77, &[]).repeat(1_000);
                loop {
                    self.send(&many).await?;
                }
            }
            Attack::Rates => {
                self.begin().await?;
                loop {
                    for rate in SampleRate::ALL {
                        self.send(&message(rate.kind(), &[1, 0])).await?;
                    }
                }
            }
            Attack::Garbage => {
                let foreign: [&[u8]; 5] = [
                    b"GET / HTTP/1.1\r\nHost: pbx\r\n\r\n",
                    // The start of a TLS 1.2 ClientHello.
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                    &message(0x01, &[7; 15]),
                    &message(0x01, &[7; 17]),
                    &[0xff; 2_000],
                ];
                let which = usize::try_from(round % foreign.len() as u64).unwrap_or(0);
                self.send(foreign[which]).await?;
                // Some of it looks like the start of a long message: the deadline is for those.
                std::future::pending().await
            }
        }
    }
}

fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
    debug_assert!(payload.len() <= LONGEST);
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[kind, length[0], length[1]], payload].concat()
}

fn id() -> Vec<u8> {
    message(0x01, Uuid::new_v4().as_bytes())
}

fn key() -> Vec<u8> {
    message(0x03, b"5")
}

fn sound(rate: SampleRate, byte: u8) -> Vec<u8> {
    message(rate.kind(), &vec![byte; rate.frame_bytes()])
}
