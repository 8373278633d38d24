//! One telephone: its connection, what it says and what it makes of what it hears. The clock is its thread's.

use std::io::{ErrorKind, Read, Write};

use audiosocket::{HEADER_BYTES, SampleRate, kind};
use mio::net::TcpStream;
use uuid::Uuid;

use super::tally::Tally;

/// One telephone.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) stream: TcpStream,
    pub(super) stage: Stage,
    /// When the caller hangs up, on the thread's clock.
    pub(super) hangs_up_us: Option<u64>,
    /// The beginning of a message whose rest is still to come.
    carry: Vec<u8>,
    /// What the server has not read yet.
    unsent: Vec<u8>,
    heard_us: Option<u64>,
    number: u16,
    /// When the last marks left, by their number.
    marked_us: [u64; MARKS],
    talk: Talk,
    /// Packets held back by a busy Asterisk.
    held: u32,
}

/// Where a telephone stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The connection is on its way.
    Connecting,
    /// The UUID is said; the first frame is awaited.
    Ringing,
    /// Frames come.
    Up,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Before the first frame.
    Refused,
    /// In the middle of the call.
    Lost,
}

/// Where a caller with something to say stands.
#[derive(Clone, Copy, Debug)]
enum Talk {
    /// Listens until the agent has been quiet for so many frames.
    Listening { quiet: u32 },
    /// Has said so many samples.
    Saying { said: usize },
    /// Has said it; the last sound left then.
    Asked { at_us: u64 },
}

/// Marks that are remembered: more than a second of them.
const MARKS: usize = 64;
/// What a marked frame begins with; no telephone's sound does so by chance twice.
const MARK: [u8; 2] = [0xa5, 0x5a];
/// Agent's quiet before the caller speaks, in frames: half a second.
const QUIET_FRAMES: u32 = 25;
/// A caller who gets no answer says it again.
const PATIENCE_US: u64 = 10_000_000;
/// Samples above this are sound (the quietest syllable of the sample lines is ten times as loud).
const SOUND: i16 = 200;
/// The noise of a line that is quiet, about 75 dB under full scale: what mu-law's idle channel makes.
const NOISE: [i16; 31] = [
    3, -5, 8, 0, -8, 5, 2, -2, 7, -7, 0, 4, -4, 8, -3, -6, 6, 1, -1, 5, -8, 3, 0, -5, 7, -2, 8, -8, 4, -3, 2,
];
/// Packets of a burst: 100 ms at 20 ms, the longest hole seen on a real Asterisk.
const BURST: u32 = 5;

impl Leg {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            stage: Stage::Connecting,
            hangs_up_us: None,
            carry: Vec::new(),
            unsent: Vec::new(),
            heard_us: None,
            number: 0,
            marked_us: [0; MARKS],
            talk: Talk::Listening { quiet: 0 },
            held: 0,
        }
    }

    /// The connection is there: says which call this is.
    pub(super) fn connected(&mut self, call: Uuid) -> Result<(), Ended> {
        if self.stream.peer_addr().is_err() || matches!(self.stream.take_error(), Ok(Some(_)) | Err(_)) {
            return Err(Ended::Refused);
        }
        // Without it the second small message would wait for the first one's acknowledgement.
        let _ = self.stream.set_nodelay(true);
        self.stage = Stage::Ringing;
        let mut message = [0; HEADER_BYTES + 16];
        message[..HEADER_BYTES].copy_from_slice(&[kind::ID, 0, 16]);
        message[HEADER_BYTES..].copy_from_slice(call.as_bytes());
        self.send(&message).map(drop)
    }

    /// Sends, and keeps what the server does not take; false where it still has not taken what was sent before.
    fn send(&mut self, bytes: &[u8]) -> Result<bool, Ended> {
        if !self.unsent.is_empty() {
            let rest = std::mem::take(&mut self.unsent);
            self.unsent = rest[self.write(&rest)?..].to_vec();
            if !self.unsent.is_empty() {
                return Ok(false);
            }
        }
        let written = self.write(bytes)?;
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok(true)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, Ended> {
        match self.stream.write(bytes) {
            Ok(written) => Ok(written),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(_) => Err(self.ended()),
        }
    }

    fn ended(&self) -> Ended {
        if self.stage == Stage::Up { Ended::Lost } else { Ended::Refused }
    }

    /// It is time for a packet. `message` is a buffer to build it in.
    pub(super) fn speak(
        &mut self,
        ask: &Packet<'_>,
        tally: &mut Tally,
        message: &mut Vec<u8>,
    ) -> Result<(), Ended> {
        if ask.begins_burst && self.held == 0 {
            self.held = BURST;
        }
        if self.held > 0 {
            self.held -= 1;
            if self.held > 0 {
                return Ok(());
            }
            for _ in 1..BURST {
                self.send_packet(ask, tally, message)?;
            }
        }
        self.send_packet(ask, tally, message)
    }

    fn send_packet(
        &mut self,
        ask: &Packet<'_>,
        tally: &mut Tally,
        message: &mut Vec<u8>,
    ) -> Result<(), Ended> {
        let bytes = ask.samples * 2;
        message.clear();
        message.push(ask.rate.kind());
        // At most 60 ms of 192 kHz: 23,040 bytes.
        message.extend_from_slice(&u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes());
        message.resize(HEADER_BYTES + bytes, 0);
        let payload = &mut message[HEADER_BYTES..];
        match ask.line {
            None => {
                self.number = self.number.wrapping_add(1);
                // A second of sound, a second of silence that is not sent.
                if ask.dtx && self.number / 50 % 2 == 1 {
                    return Ok(());
                }
                payload[..2].copy_from_slice(&MARK);
                payload[2..4].copy_from_slice(&self.number.to_le_bytes());
                self.marked_us[usize::from(self.number) % MARKS] = ask.now_us;
            }
            Some(line) => {
                let speaks = self.say(line, payload, ask, tally);
                if ask.dtx && !speaks {
                    return Ok(());
                }
            }
        }
        tally.sent += u64::from(ask.counts);
        if !self.send(message)? {
            tally.unread += u64::from(ask.counts);
        }
        Ok(())
    }

    /// Fills in the next of the caller's words; false where the caller is silent.
    fn say(&mut self, line: &[i16], payload: &mut [u8], ask: &Packet<'_>, tally: &mut Tally) -> bool {
        match self.talk {
            Talk::Listening { quiet } if quiet >= QUIET_FRAMES => self.talk = Talk::Saying { said: 0 },
            Talk::Asked { at_us } if ask.now_us > at_us + PATIENCE_US => {
                tally.unanswered += u64::from(ask.counts);
                self.talk = Talk::Saying { said: 0 };
            }
            _ => {}
        }
        let Talk::Saying { said } = self.talk else {
            // No line is digitally silent, and an ear may be quicker with one that is.
            for (place, noise) in
                payload.chunks_exact_mut(2).zip(NOISE.iter().cycle().skip(usize::from(self.number)))
            {
                place.copy_from_slice(&noise.to_le_bytes());
            }
            self.number = (self.number + 17) % 64;
            return false;
        };
        let rest = line.get(said..).unwrap_or_default();
        let now = &rest[..rest.len().min(ask.samples)];
        for (place, sample) in payload.chunks_exact_mut(2).zip(now) {
            place.copy_from_slice(&sample.to_le_bytes());
        }
        self.talk = if now.len() < rest.len() {
            Talk::Saying { said: said + now.len() }
        } else {
            // The packet's sound is over when the packet is: Asterisk sends what a telephone has already said.
            Talk::Asked { at_us: ask.now_us }
        };
        true
    }

    /// Reads all that has come. `scratch` is a buffer to read into; frames count where `counts`.
    pub(super) fn hear(
        &mut self,
        now_us: u64,
        scratch: &mut [u8],
        counts: bool,
        tally: &mut Tally,
    ) -> Result<u32, Ended> {
        let mut frames = 0;
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(self.ended()),
                Ok(read) => {
                    frames += self.understand(&scratch[..read], now_us, counts, tally)?;
                    // Less than there was room for: nothing more is there.
                    if read < scratch.len() {
                        return Ok(frames);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(frames),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(self.ended()),
            }
        }
    }

    fn understand(
        &mut self,
        bytes: &[u8],
        now_us: u64,
        counts: bool,
        tally: &mut Tally,
    ) -> Result<u32, Ended> {
        if !self.carry.is_empty() {
            let mut whole = std::mem::take(&mut self.carry);
            whole.extend_from_slice(bytes);
            return self.take_messages(&whole, now_us, counts, tally);
        }
        self.take_messages(bytes, now_us, counts, tally)
    }

    fn take_messages(
        &mut self,
        bytes: &[u8],
        now_us: u64,
        counts: bool,
        tally: &mut Tally,
    ) -> Result<u32, Ended> {
        let (mut rest, mut frames) = (bytes, 0);
        while let [kind, high, low, tail @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some((payload, later)) = tail.split_at_checked(length) else { break };
            rest = later;
            if SampleRate::from_kind(*kind).is_none() {
                // The hangup message, or what would make Asterisk end the call.
                return Err(self.ended());
            }
            self.stage = Stage::Up;
            frames += 1;
            self.heard_frame(payload, now_us, counts, tally);
        }
        self.carry.extend_from_slice(rest);
        Ok(frames)
    }

    fn heard_frame(&mut self, payload: &[u8], now_us: u64, counts: bool, tally: &mut Tally) {
        if let Some(before) = self.heard_us.replace(now_us).filter(|_| counts) {
            let apart = now_us.saturating_sub(before);
            tally.heard += 1;
            tally.spacing.saturating_record(apart.max(1));
            tally.gaps += u64::from(apart > 40_000);
        }
        if payload.first_chunk() == Some(&MARK) {
            if let Some(&[low, high]) = payload.get(2..4) {
                let left = self.marked_us[usize::from(u16::from_le_bytes([low, high])) % MARKS];
                if counts {
                    tally.echo.saturating_record(now_us.saturating_sub(left).max(1));
                }
            }
            return;
        }
        if matches!(self.talk, Talk::Saying { .. }) {
            return;
        }
        let loud = |pair: &[u8]| matches!(pair, [low, high] if i16::from_le_bytes([*low, *high]).saturating_abs() > SOUND);
        let sound = payload.chunks_exact(2).any(loud);
        self.talk = match self.talk {
            Talk::Asked { at_us } if sound => {
                if counts {
                    tally.answer.saturating_record(now_us.saturating_sub(at_us).max(1));
                }
                Talk::Listening { quiet: 0 }
            }
            Talk::Listening { .. } if sound => Talk::Listening { quiet: 0 },
            Talk::Listening { quiet } => Talk::Listening { quiet: quiet + 1 },
            talk => talk,
        };
    }
}

/// What a packet is made of.
pub(super) struct Packet<'a> {
    pub(super) now_us: u64,
    pub(super) rate: SampleRate,
    pub(super) samples: usize,
    /// The caller's sentence; none for marks.
    pub(super) line: Option<&'a [i16]>,
    pub(super) dtx: bool,
    pub(super) begins_burst: bool,
    /// Within the measured window.
    pub(super) counts: bool,
}
