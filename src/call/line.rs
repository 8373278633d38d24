//! The telephone line: one AudioSocket connection, read and written without ever waiting for the other side.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use audiosocket::{Audio, DecodeError, Decoder, HEADER_BYTES, Message, SampleRate};
use bytes::{Buf, BytesMut};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

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
    /// Our hangup message is out, or on its way.
    hung_up: bool,
    /// Bytes that came after it.
    discarded: usize,
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
    /// What is read and forgotten meanwhile: more than a second of 192 kHz, the fastest sound there is. A peer that sends
    /// more is left unread for the rest of the second, or its flood would cost the calls beside it their frames.
    const GOODBYE_BYTES: usize = 512 * 1024;

    pub(crate) fn new(reader: R, writer: W, rate: SampleRate) -> Self {
        Self {
            reader,
            writer,
            input: BytesMut::with_capacity(INPUT_BYTES),
            decoder: Decoder::new(),
            outbox: BytesMut::new(),
            held: VecDeque::new(),
            pace: Pace::new(Instant::now()),
            rate,
            reading: true,
            hung_up: false,
            discarded: 0,
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
    pub(crate) fn play(&mut self, frame: Frame, now: Instant) {
        if self.held.is_empty() && self.pace.earliest() <= now {
            self.pace.left(now);
            return self.put(&frame);
        }
        self.held.push_back(frame);
        if self.held.len() > Self::HELD_FRAMES {
            self.held.pop_front();
            self.frames_dropped += 1;
        }
        self.release(now);
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
        if self.outbox.is_empty() {
            return MESSAGE.with_borrow_mut(|message| {
                message.clear();
                self.encode(frame, message);
                let written = match self.writer.write(message).now_or_never() {
                    Some(Ok(written)) => written,
                    // An error shows itself again to whoever waits in `arrival`.
                    _ => 0,
                };
                self.outbox.extend_from_slice(message.get(written..).unwrap_or_default());
                if self.outbox.is_empty() {
                    self.stuck = 0;
                }
            });
        }
        let frame_bytes = HEADER_BYTES + self.rate.frame_bytes();
        if self.outbox.len() + frame_bytes > Self::BACKLOG_FRAMES * frame_bytes {
            self.stuck += 1;
            self.frames_dropped += 1;
        } else {
            let mut outbox = std::mem::take(&mut self.outbox);
            self.encode(frame, &mut outbox);
            self.outbox = outbox;
        }
        self.write_now();
    }

    /// Appends the frame's message.
    fn encode(&mut self, frame: &Frame, out: &mut BytesMut) {
        let samples = &frame.0;
        let fits = samples.len() == self.rate.frame_samples();
        let done = if fits {
            Audio::encode_samples(self.rate, samples, out)
        } else if samples.iter().all(|sample| *sample == 0) {
            // Silence made before the wire's rate was known.
            Audio::encode_samples(self.rate, &vec![0; self.rate.frame_samples()], out)
        } else {
            let own = SampleRate::ALL.into_iter().find(|rate| rate.frame_samples() == samples.len());
            Audio::encode_samples(own.unwrap_or(self.rate), samples, out)
        };
        match done {
            Ok(()) => self.frames_played += 1,
            Err(fault) => {
                self.frames_dropped += 1;
                tracing::warn!(%fault, "a frame could not be sent");
            }
        }
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

    /// Queues the hangup message, once; frames that the pace still holds are dropped.
    pub(crate) fn hang_up(&mut self) {
        self.held.clear();
        if std::mem::replace(&mut self.hung_up, true) {
            return;
        }
        self.outbox.extend_from_slice(&HANGUP);
        self.write_now();
    }

    /// When the pace lets the next frame go that it holds back; none where it holds none.
    pub(crate) fn releases_at(&self) -> Option<Instant> {
        (!self.held.is_empty()).then(|| self.pace.earliest())
    }

    /// Sends the frames that the pace has held back and now lets go.
    pub(crate) fn release_due(&mut self, now: Instant) {
        if !self.held.is_empty() {
            self.release(now);
        }
    }

    /// Waits for the peer, and meanwhile sends what it did not take at once. Cancel-safe. Where it does not `read`, what
    /// arrives waits for [`glance`](Self::glance).
    pub(crate) async fn arrival(&mut self, read: bool) -> Arrival {
        poll_fn(|context| match self.poll_unsent(context) {
            Poll::Pending if read => self.poll_read(context),
            broken => broken,
        })
        .await
    }

    /// What has arrived by now, if anything has.
    pub(crate) fn glance(&mut self) -> Option<Arrival> {
        poll_fn(|context| self.poll_read(context)).now_or_never()
    }

    /// Sends what is left; ready where that ends the connection.
    fn poll_unsent(&mut self, context: &mut Context<'_>) -> Poll<Arrival> {
        while !self.outbox.is_empty() {
            match pin!(self.writer.write(&self.outbox)).poll(context) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Arrival::Broken(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.wrote(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Arrival::Broken(error)),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Arrival> {
        if !self.reading {
            return Poll::Pending;
        }
        if self.input.is_empty() {
            // Back to the buffer's front: the same few cache lines for every frame.
            self.input.reserve(INPUT_BYTES);
        } else if self.input.capacity() - self.input.len() < READ_BYTES {
            self.input.reserve(INPUT_BYTES);
        }
        let read = match pin!(self.reader.read_buf(&mut self.input)).poll(context) {
            Poll::Ready(read) => read,
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(match read {
            Ok(0) => {
                self.reading = false;
                Arrival::Closed(self.decoder.finish(&self.input))
            }
            Ok(_) => Arrival::Bytes,
            Err(error) => {
                self.reading = false;
                Arrival::Broken(error)
            }
        })
    }

    /// The sound that stands whole at the front of what has arrived.
    pub(crate) fn front(&self) -> Option<(SampleRate, &[u8])> {
        Audio::peek(&self.input)
    }

    /// Takes the message with so many bytes of payload off the front.
    pub(crate) fn pass(&mut self, payload_bytes: usize) {
        self.input.advance((HEADER_BYTES + payload_bytes).min(self.input.len()));
    }

    /// The next whole message that has arrived.
    pub(crate) fn message(&mut self) -> Result<Option<Message>, DecodeError> {
        self.decoder.decode(&mut self.input)
    }

    /// Forgets what has arrived.
    pub(crate) fn discard(&mut self) {
        self.discarded += self.input.len();
        self.input.clear();
        self.reading &= self.discarded < Self::GOODBYE_BYTES;
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
            while self.reading {
                let read = self.reader.read(&mut drop_all).await?;
                if read == 0 {
                    return Ok(());
                }
                self.discarded += read;
                self.reading = self.discarded < Self::GOODBYE_BYTES;
            }
            std::future::pending::<io::Result<()>>().await
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

/// Room for what arrives: six frames of 8 kHz. Larger messages make it grow to their size.
const INPUT_BYTES: usize = 2048;
/// Least room for a read.
const READ_BYTES: usize = 1024;

thread_local! {
    /// A message on its way out. One for all calls of a thread: it stays in the processor's nearest cache.
    static MESSAGE: RefCell<BytesMut> = RefCell::default();
}

/// 0x00 with an empty payload: the only end that every version of Asterisk understands.
const HANGUP: [u8; 3] = [0, 0, 0];
