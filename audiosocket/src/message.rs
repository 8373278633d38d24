//! The messages, legal and not.

use std::fmt;

use bytes::Bytes;
use uuid::Uuid;

use crate::audio::{Audio, SampleRate};
use crate::{HEADER_BYTES, MAX_PAYLOAD_BYTES};

/// The kind bytes.
pub mod kind {
    /// The leg ends; no payload.
    pub const HANGUP: u8 = 0x00;
    /// The call's UUID; 16 bytes.
    pub const ID: u8 = 0x01;
    /// A key; one ASCII byte.
    pub const DTMF: u8 = 0x03;
    /// Sound at 8 kHz; the other eight rates follow in the order of [`SampleRate::ALL`](crate::SampleRate::ALL).
    pub const AUDIO_8000: u8 = 0x10;
    /// Sound at 192 kHz, the last of the audio kinds.
    pub const AUDIO_192000: u8 = 0x18;
    /// An error; one byte of code.
    pub const ERROR: u8 = 0xff;
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// The leg ends. From a server: Asterisk lets the call go and, depending on the dialplan, goes on without us.
    Hangup,
    /// Which call this is. Asterisk's first message; fatal for the call when a server sends it.
    Id(Uuid),
    /// The caller pressed a key and let it go. Fatal for the call when a server sends it.
    Dtmf(Digit),
    /// Sound.
    Audio(Audio),
    /// Something went wrong at the peer. Specified, but no code path of Asterisk 22 sends it.
    Error(ErrorCode),
    /// A kind that the specification does not have, kept as it came. (The old Go library sends 0x02 for silence.)
    Unknown(Unknown),
    /// A known kind whose payload cannot be right, kept as it came. The stream stays in step: go on after it.
    Malformed(Malformed),
}

impl Message {
    /// Reads one whole message whose header has been taken off.
    pub(crate) fn parse(kind: u8, payload: Bytes) -> Result<Self, IdLength> {
        let malformed = |fault, payload| Self::Malformed(Malformed { kind, payload, fault });
        Ok(match kind {
            kind::HANGUP if payload.is_empty() => Self::Hangup,
            kind::HANGUP => malformed(Fault::HangupPayload { bytes: payload.len() }, payload),
            kind::ID => match Uuid::from_slice(&payload) {
                Ok(id) => Self::Id(id),
                Err(_) => return Err(IdLength(payload.len())),
            },
            kind::DTMF => match payload.as_ref() {
                [byte] => match Digit::new(char::from(*byte)) {
                    Some(digit) => Self::Dtmf(digit),
                    None => malformed(Fault::NotAKey { byte: *byte }, payload),
                },
                _ => malformed(Fault::DtmfLength { bytes: payload.len() }, payload),
            },
            kind::ERROR => match payload.as_ref() {
                [code] => Self::Error(ErrorCode(*code)),
                _ => malformed(Fault::ErrorLength { bytes: payload.len() }, payload),
            },
            _ => match SampleRate::from_kind(kind) {
                Some(rate) => match Audio::new(rate, payload.clone()) {
                    Ok(audio) => Self::Audio(audio),
                    Err(fault) => malformed(fault, payload),
                },
                None => Self::Unknown(Unknown { kind, payload }),
            },
        })
    }

    /// The kind byte under which this travels.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Hangup => kind::HANGUP,
            Self::Id(_) => kind::ID,
            Self::Dtmf(_) => kind::DTMF,
            Self::Audio(audio) => audio.rate().kind(),
            Self::Error(_) => kind::ERROR,
            Self::Unknown(unknown) => unknown.kind,
            Self::Malformed(malformed) => malformed.kind,
        }
    }

    /// Bytes of payload.
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Hangup => 0,
            Self::Id(_) => 16,
            Self::Dtmf(_) | Self::Error(_) => 1,
            Self::Audio(audio) => audio.payload().len(),
            Self::Unknown(unknown) => unknown.payload.len(),
            Self::Malformed(malformed) => malformed.payload.len(),
        }
    }

    /// Bytes on the wire, header and payload.
    pub fn encoded_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes()
    }
}

/// The call id was this long instead of 16 bytes.
pub(crate) struct IdLength(pub(crate) usize);

/// A key of a telephone: `0` to `9`, `*`, `#`, `A` to `D`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digit(u8);

impl Digit {
    /// The key, or none where no telephone has it. Asterisk writes the letters as capitals; small ones are refused.
    pub fn new(key: char) -> Option<Self> {
        match key {
            '0'..='9' | '*' | '#' | 'A'..='D' => u8::try_from(key).ok().map(Self),
            _ => None,
        }
    }

    /// The key as a character.
    pub fn as_char(self) -> char {
        char::from(self.0)
    }

    pub(crate) fn byte(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_char().fmt(f)
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digit({:?})", self.as_char())
    }
}

/// What a peer says went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub u8);

impl ErrorCode {
    /// No error, or none that is named.
    pub const NONE: Self = Self(0x00);
    /// The called party hung up.
    pub const HANGUP: Self = Self(0x01);
    /// A frame could not be forwarded.
    pub const FRAME: Self = Self(0x02);
    /// Memory ran out.
    pub const MEMORY: Self = Self(0x04);
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NONE => f.write_str("no error named (0x00)"),
            Self::HANGUP => f.write_str("hung up (0x01)"),
            Self::FRAME => f.write_str("a frame could not be forwarded (0x02)"),
            Self::MEMORY => f.write_str("out of memory (0x04)"),
            Self(code) => write!(f, "unspecified error 0x{code:02x}"),
        }
    }
}

/// A message of a kind that is not specified.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unknown {
    kind: u8,
    payload: Bytes,
}

impl Unknown {
    /// A message of this kind; none where the kind is specified or the payload too long for the length field.
    pub fn new(kind: u8, payload: Bytes) -> Option<Self> {
        let specified = matches!(kind, kind::HANGUP | kind::ID | kind::DTMF | kind::ERROR)
            || SampleRate::from_kind(kind).is_some();
        (!specified && payload.len() <= MAX_PAYLOAD_BYTES).then_some(Self { kind, payload })
    }

    /// The kind byte.
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// The payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }
}

/// A message of a known kind with an impossible payload. Made by the decoder alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Malformed {
    kind: u8,
    payload: Bytes,
    fault: Fault,
}

impl Malformed {
    /// The kind byte.
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// The payload as it came.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// What is wrong with it.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// What was surely meant: the sound without its half sample, the hangup without its payload, the error without
    /// (or with the first byte of) its code. None where nothing can be saved: no sound, no key.
    ///
    /// ```
    /// # use audiosocket::{Decoder, Message};
    /// # use bytes::BytesMut;
    /// let mut bytes = BytesMut::from(&[0x10, 0x00, 0x03, 0x01, 0x00, 0x07][..]);
    /// let Some(Message::Malformed(odd)) = Decoder::new().decode(&mut bytes)? else { unreachable!() };
    /// assert_eq!(odd.fault().to_string(), "audio of 3 bytes: expected whole 16-bit samples");
    /// assert!(matches!(odd.salvage(), Some(Message::Audio(audio)) if audio.samples().eq([1])));
    /// # Ok::<(), audiosocket::DecodeError>(())
    /// ```
    pub fn salvage(&self) -> Option<Message> {
        match self.fault {
            Fault::OddAudio { bytes } => {
                let whole = self.payload.slice(..bytes.saturating_sub(1).min(self.payload.len()));
                Audio::new(SampleRate::from_kind(self.kind)?, whole).ok().map(Message::Audio)
            }
            Fault::HangupPayload { .. } => Some(Message::Hangup),
            Fault::ErrorLength { .. } => {
                Some(Message::Error(self.payload.first().map_or(ErrorCode::NONE, |code| ErrorCode(*code))))
            }
            Fault::EmptyAudio
            | Fault::Oversized { .. }
            | Fault::DtmfLength { .. }
            | Fault::NotAKey { .. } => None,
        }
    }
}

/// Why a payload cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// Audio without a sample. Asterisk 22.4 and later ends the call for it.
    #[error("audio of 0 bytes: expected at least one 16-bit sample")]
    EmptyAudio,
    /// Audio that ends in the middle of a sample.
    #[error("audio of {bytes} bytes: expected whole 16-bit samples")]
    OddAudio {
        /// Its length.
        bytes: usize,
    },
    /// Audio that the length field cannot announce. Not from a decoder: only when a message is made.
    #[error("audio of {bytes} bytes: a message carries at most 65534")]
    Oversized {
        /// Its length.
        bytes: usize,
    },
    /// A key message that is not one byte.
    #[error("a key of {bytes} bytes: expected one ASCII byte")]
    DtmfLength {
        /// Its length.
        bytes: usize,
    },
    /// A byte that is no key.
    #[error("key byte 0x{byte:02x}: expected one of 0-9 * # A-D")]
    NotAKey {
        /// What came.
        byte: u8,
    },
    /// A hangup that carries something.
    #[error("a hangup of {bytes} bytes: expected none")]
    HangupPayload {
        /// Its length.
        bytes: usize,
    },
    /// An error that is not one byte of code.
    #[error("an error code of {bytes} bytes: expected one")]
    ErrorLength {
        /// Its length.
        bytes: usize,
    },
}
