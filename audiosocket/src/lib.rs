//! Asterisk's [AudioSocket] protocol: bytes to messages and back, without I/O.
//!
//! AudioSocket carries one telephone call over one TCP connection. Asterisk is the client: it connects, says which
//! call this is, and then both sides send sound. Every message is a kind, a length and a payload:
//!
//! ```text
//!   byte 0     bytes 1..3            bytes 3..3+length
//! +--------+---------------------+------------------------- - -
//! |  kind  | length, big endian  |  payload
//! +--------+---------------------+------------------------- - -
//!
//! 00 00 00                       hangup: the leg ends (server to Asterisk; Asterisk itself just closes)
//! 01 00 10  <16 bytes>           the call's UUID, big endian; Asterisk's first message
//! 03 00 01  35                   the caller pressed key 5; 0-9 * # A-D in ASCII
//! 10 01 40  <320 bytes>          20 ms of sound at 8 kHz: signed 16 bit, little endian, mono
//! 12 02 80  <640 bytes>          the same at 16 kHz; 10 to 18 are the nine rates of `SampleRate`
//! ff 00 01  04                   an error code; specified, never seen sent
//! ```
//!
//! Kinds and codes are those of Asterisk 22 and 23 (`res/res_audiosocket.c`, `include/asterisk/res_audiosocket.h`).
//! Asterisk before 22.7 knows the audio kind 0x10 only. **A server sends [`Message::Audio`] and [`Message::Hangup`],
//! nothing else:** Asterisk ends the call for every other kind.
//!
//! # Decoding
//! [`Decoder`] takes bytes as they arrive, in pieces of any size, and never panics:
//!
//! ```
//! use audiosocket::{Decoder, Message};
//! use bytes::BytesMut;
//!
//! let mut decoder = Decoder::new();
//! let mut buffer = BytesMut::from(&[0x03, 0x00][..]);
//! assert_eq!(decoder.decode(&mut buffer)?, None); // a torn header waits for the rest
//! buffer.extend_from_slice(&[0x01, b'5', 0x00, 0x00]);
//! assert!(matches!(decoder.decode(&mut buffer)?, Some(Message::Dtmf(digit)) if digit.as_char() == '5'));
//! assert_eq!(decoder.decode(&mut buffer)?, None);
//! # Ok::<(), audiosocket::DecodeError>(())
//! ```
//!
//! What a peer may get wrong is kept apart by what it costs:
//!
//! * a kind that nobody specified is [`Message::Unknown`], skipped by its length;
//! * a known kind with a payload that it cannot have (an odd number of audio bytes, a key that no telephone has) is
//!   [`Message::Malformed`], which names the [`Fault`], keeps the bytes and offers what can be saved of them
//!   ([`Malformed::salvage`]); the stream goes on;
//! * a call id that is not 16 bytes is a [`DecodeError`] and final: this peer does not speak AudioSocket.
//!
//! # Encoding
//! [`Message::encode`] appends one whole message, header and payload together. Give the buffer to *one* write:
//! Asterisk 22.4 to 22.8 misreads a header that arrives in two segments, and later versions give up on a payload that
//! trails its header by more than 5 ms.
//!
//! # Feature flags
//! * `codec` (default): [`Codec`], the same as a `tokio_util::codec` decoder and encoder.
//!
//! [AudioSocket]: https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/

#![deny(missing_docs)]

mod audio;
#[cfg(feature = "codec")]
mod codec;
mod decode;
mod encode;
mod fuzz;
mod message;

pub use audio::{Audio, SampleRate};
#[cfg(feature = "codec")]
pub use codec::Codec;
pub use decode::{DecodeError, Decoder};
#[doc(hidden)]
pub use fuzz::fuzz_decode;
pub use message::{Digit, ErrorCode, Fault, Malformed, Message, Unknown, kind};

/// Bytes of a message's header: the kind and the length.
pub const HEADER_BYTES: usize = 3;

/// The longest payload that the length field can announce.
pub const MAX_PAYLOAD_BYTES: usize = u16::MAX as usize;
