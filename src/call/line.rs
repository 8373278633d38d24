//! The telephone line: one AudioSocket connection, read and written without ever waiting for the other side.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use audiosocket::{Audio, DecodeError, Decoder, Message, SampleRate};
use bytes::{Buf, BytesMut};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

use crate::audio::Frame;
use crate::call::pace::Pace;

/// What came off the line.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Bytes; take the messages with [`Line::message`].
    Bytes,
    /// The peer closed its side; what was left in the buffer tells whether within a message.
    Closed(Result<(), DecodeError>),
    /// The connection broke.
    Broken(io::Error),
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Line<R, W> {
    reader: R,
    writer: W,
    input: BytesMut,
    decoder: Decoder,
    /// Bytes on their way out: normally one frame, for less than one poll.
    outbox: BytesMut,
    /// Frames that the pace holds back.
    held: VecDeque<Frame>,
    pace: Pace,
    rate: SampleRate,
    reading: bool,
    /// Frames dropped in a row because the peer does not read.
    stuck: usize,
    pub(crate) frames_played: u64,
    pub(crate) frames_dropped: u64,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Line<R, W> {
    /// Bytes that may wait for the peer to read: three frames of this wire, header included.
    const BACKLOG_FRAMES: usize = 3;
    /// Frames that the pace may hold back: 200 ms. Only a core that runs faster than time gets here.
    const HELD_FRAMES: usize = 10;
    /// How long after our hangup message the peer's close is awaited (`design`: rules for our server).
    pub(crate) const GOODBYE: Duration = Duration::from_secs(1);

    pub(crate) fn new(reader: R, writer: W, rate: SampleRate) -> Self {
        Self {
            reader,
            writer,
            input: BytesMut::with_capacity(4096),
            decoder: Decoder::new(),
            outbox: BytesMut::with_capacity(4096),
            held: VecDeque::new(),
            pace: Pace::new(Instant::now()),
            rate,
            reading: true,
            stuck: 0,
            frames_played: 0,
            frames_dropped: 0,
        }
    }

    pub(crate) fn rate(&self) -> SampleRate {
        self.rate
    }

    pub(crate) fn set_rate(&mut self, rate: SampleRate) {
        self.rate = rate;
    }

    pub(crate) fn stuck(&self) -> usize {
        self.stuck
    }

    pub(crate) fn schedule_moves(&self) -> u32 {
        self.pace.moves()
    }

    /// Sends a frame now, or as soon as the pace allows. Never waits.
    pub(crate) fn play(&mut self, frame: Frame) {
        self.held.push_back(frame);
        if self.held.len() > Self::HELD_FRAMES {
            self.held.pop_front();
            self.frames_dropped += 1;
        }
        self.release(Instant::now());
    }

    fn release(&mut self, now: Instant) {
        while self.pace.earliest() <= now {
            let Some(frame) = self.held.pop_front() else { return };
            self.pace.left(now);
            self.put(&frame);
        }
    }

    /// One frame, one contiguous write.
    fn put(&mut self, frame: &Frame) {
        let frame_bytes = audiosocket::HEADER_BYTES + self.rate.frame_bytes();
        if self.outbox.len() + frame_bytes > Self::BACKLOG_FRAMES * frame_bytes {
            self.stuck += 1;
            self.frames_dropped += 1;
            self.write_now();
            return;
        }
        let samples = &frame.0;
        let fits = samples.len() == self.rate.frame_samples();
        let done = if fits {
            Audio::encode_samples(self.rate, samples, &mut self.outbox)
        } else if samples.iter().all(|sample| *sample == 0) {
            // Silence made before the wire's rate was known.
            Audio::encode_samples(self.rate, &vec![0; self.rate.frame_samples()], &mut self.outbox)
        } else {
            let own = SampleRate::ALL.into_iter().find(|rate| rate.frame_samples() == samples.len());
            Audio::encode_samples(own.unwrap_or(self.rate), samples, &mut self.outbox)
        };
        match done {
            Ok(()) => self.frames_played += 1,
            Err(fault) => {
                self.frames_dropped += 1;
                tracing::warn!(%fault, "a frame could not be sent");
            }
        }
        self.write_now();
    }

    /// Writes what the socket takes at once.
    fn write_now(&mut self) {
        if self.outbox.is_empty() {
            return;
        }
        // An error shows itself again to whoever waits in `arrival`.
        if let Some(Ok(written)) = self.writer.write(&self.outbox).now_or_never() {
            self.wrote(written);
        }
    }

    fn wrote(&mut self, written: usize) {
        self.outbox.advance(written.min(self.outbox.len()));
        if self.outbox.is_empty() {
            self.stuck = 0;
        }
    }

    /// Queues the hangup message; frames that the pace still holds are dropped.
    pub(crate) fn hang_up(&mut self) {
        self.held.clear();
        self.outbox.extend_from_slice(&HANGUP);
        self.write_now();
    }

    /// Waits for the peer, and meanwhile sends what is due. Cancel-safe.
    pub(crate) async fn arrival(&mut self) -> Arrival {
        loop {
            let slot = self.pace.earliest();
            if self.input.capacity() - self.input.len() < READ_BYTES {
                // The messages that were taken off have given their memory back, so this rarely allocates.
                self.input.reserve(2 * READ_BYTES);
            }
            tokio::select! {
                biased;
                written = self.writer.write(&self.outbox), if !self.outbox.is_empty() => match written {
                    Ok(0) => return Arrival::Broken(io::ErrorKind::WriteZero.into()),
                    Ok(written) => self.wrote(written),
                    Err(error) => return Arrival::Broken(error),
                },
                () = sleep_until(slot), if !self.held.is_empty() => self.release(Instant::now()),
                read = self.reader.read_buf(&mut self.input), if self.reading => match read {
                    Ok(0) => {
                        self.reading = false;
                        return Arrival::Closed(self.decoder.finish(&self.input));
                    }
                    Ok(_) => return Arrival::Bytes,
                    Err(error) => {
                        self.reading = false;
                        return Arrival::Broken(error);
                    }
                },
                else => return std::future::pending().await,
            }
        }
    }

    /// The next whole message that has arrived.
    pub(crate) fn message(&mut self) -> Result<Option<Message>, DecodeError> {
        self.decoder.decode(&mut self.input)
    }

    /// Forgets what has arrived.
    pub(crate) fn discard(&mut self) {
        self.input.clear();
    }

    /// Ends a leg that no session looks after any more (refused, or its task panicked): hangup message, then the peer's
    /// close for up to a second.
    pub(crate) async fn goodbye(&mut self) {
        self.hang_up();
        let farewell = async {
            let mut drop_all = [0; 4096];
            while !self.outbox.is_empty() {
                let written = self.writer.write(&self.outbox).await?;
                if written == 0 {
                    return Ok(());
                }
                self.wrote(written);
            }
            while self.reading && self.reader.read(&mut drop_all).await? > 0 {}
            io::Result::Ok(())
        };
        // The peer may be gone, silent or flooding: all the same now.
        let _ = timeout(Self::GOODBYE, farewell).await;
        let _ = self.writer.shutdown().now_or_never();
    }

    /// Closes our side.
    pub(crate) fn close(&mut self) {
        self.reading = false;
        self.held.clear();
        self.outbox.clear();
        let _ = self.writer.shutdown().now_or_never();
    }
}

/// Least room for a read: six frames of 8 kHz.
const READ_BYTES: usize = 2048;

/// 0x00 with an empty payload: the only end that every version of Asterisk understands.
const HANGUP: [u8; 3] = [0, 0, 0];
