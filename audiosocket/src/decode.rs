//! Bytes to messages, in pieces of any size.

use bytes::{Buf, BytesMut};

use crate::HEADER_BYTES;
use crate::message::{IdLength, Message};

/// Takes messages off a growing buffer.
///
/// It holds no bytes of its own: what is not yet a whole message stays in the buffer. Payloads share the buffer's
/// memory; copy what is kept for long.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    failed: Option<DecodeError>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next message off the buffer's front. `None`: not all of it is here yet; the buffer then has room for
    /// the rest.
    ///
    /// # Errors
    /// [`DecodeError::IdLength`]: the peer does not speak AudioSocket. Final: every later call says the same.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Message>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let [kind, high, low, ..] = *buffer.as_ref() else {
            buffer.reserve(HEADER_BYTES);
            return Ok(None);
        };
        let payload_bytes = usize::from(u16::from_be_bytes([high, low]));
        let whole = HEADER_BYTES + payload_bytes;
        if buffer.len() < whole {
            buffer.reserve(whole - buffer.len());
            return Ok(None);
        }
        buffer.advance(HEADER_BYTES);
        let payload = buffer.split_to(payload_bytes).freeze();
        match Message::parse(kind, payload) {
            Ok(message) => Ok(Some(message)),
            Err(IdLength(bytes)) => {
                let error = DecodeError::IdLength { bytes };
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    /// The stream has ended and this is left in the buffer, after [`decode`](Self::decode) gave `None`.
    ///
    /// # Errors
    /// [`DecodeError::Torn`] where it ended within a message.
    pub fn finish(&self, rest: &BytesMut) -> Result<(), DecodeError> {
        match *rest.as_ref() {
            [] => Ok(()),
            [_, high, low, ..] => {
                let needed = HEADER_BYTES + usize::from(u16::from_be_bytes([high, low]));
                Err(DecodeError::Torn { needed, found: rest.len() })
            }
            _ => Err(DecodeError::Torn { needed: HEADER_BYTES, found: rest.len() }),
        }
    }
}

/// Why there are no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The call id has a length that no UUID has.
    #[error("a call id of {bytes} bytes: expected 16; this is not AudioSocket")]
    IdLength {
        /// Its length.
        bytes: usize,
    },
    /// The stream ended within a message.
    #[error("the stream ended within a message: expected {needed} bytes, found {found}")]
    Torn {
        /// Bytes of the message, or of its header where that is torn.
        needed: usize,
        /// Bytes that came.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digit, ErrorCode, Fault};

    fn decode_all(bytes: &[u8]) -> Vec<Message> {
        let mut decoder = Decoder::new();
        let mut buffer = BytesMut::from(bytes);
        let mut messages = Vec::new();
        while let Some(message) = decoder.decode(&mut buffer).expect("the bytes hold no bad id") {
            messages.push(message);
        }
        assert_eq!(decoder.finish(&buffer), Ok(()));
        messages
    }

    #[test]
    fn a_call_as_asterisk_sends_it_is_understood() {
        let mut bytes = vec![0x01, 0x00, 0x10];
        bytes.extend_from_slice(&[0x55, 0x0e, 0x84, 0x00, 0xe2, 0x9b, 0x41, 0xd4]);
        bytes.extend_from_slice(&[0xa7, 0x16, 0x44, 0x66, 0x55, 0x44, 0x00, 0x00]);
        bytes.extend_from_slice(&[0x10, 0x00, 0x04, 0x01, 0x00, 0xff, 0xff]);
        bytes.extend_from_slice(&[0x03, 0x00, 0x01, b'#']);
        bytes.extend_from_slice(&[0xff, 0x00, 0x01, 0x04]);
        bytes.extend_from_slice(&[0x00, 0x00, 0x00]);
        let messages = decode_all(&bytes);
        let [
            Message::Id(id),
            Message::Audio(audio),
            Message::Dtmf(key),
            Message::Error(code),
            Message::Hangup,
        ] = messages.as_slice()
        else {
            panic!("{messages:?}");
        };
        assert_eq!(id.to_string(), "550e8400-e29b-41d4-a716-446655440000");
        assert_eq!(audio.rate().hz(), 8_000);
        assert_eq!(audio.samples().collect::<Vec<_>>(), [1, -1]);
        assert_eq!(Some(*key), Digit::new('#'));
        assert_eq!(*code, ErrorCode::MEMORY);
    }

    #[test]
    fn a_torn_header_waits_for_the_rest() {
        let mut decoder = Decoder::new();
        let mut buffer = BytesMut::new();
        for byte in [0x00, 0x00] {
            buffer.extend_from_slice(&[byte]);
            assert_eq!(decoder.decode(&mut buffer), Ok(None));
        }
        assert_eq!(decoder.finish(&buffer), Err(DecodeError::Torn { needed: 3, found: 2 }));
        buffer.extend_from_slice(&[0x00]);
        assert_eq!(decoder.decode(&mut buffer), Ok(Some(Message::Hangup)));
        assert_eq!(decoder.finish(&buffer), Ok(()));
    }

    #[test]
    fn an_unknown_kind_is_kept_and_the_stream_goes_on() {
        let messages = decode_all(&[0x77, 0x00, 0x02, 0xaa, 0xbb, 0x19, 0x00, 0x00, 0x00, 0x00, 0x00]);
        let [Message::Unknown(first), Message::Unknown(second), Message::Hangup] = messages.as_slice() else {
            panic!("{messages:?}");
        };
        assert_eq!((first.kind(), first.payload().as_ref()), (0x77, &[0xaa, 0xbb][..]));
        assert_eq!((second.kind(), second.payload().len()), (0x19, 0));
    }

    #[test]
    fn a_malformed_message_names_its_fault_and_the_stream_goes_on() {
        let cases: [(&[u8], Fault); 7] = [
            (&[0x10, 0, 0], Fault::EmptyAudio),
            (&[0x12, 0, 1, 9], Fault::OddAudio { bytes: 1 }),
            (&[0x03, 0, 0], Fault::DtmfLength { bytes: 0 }),
            (&[0x03, 0, 2, b'1', b'2'], Fault::DtmfLength { bytes: 2 }),
            (&[0x03, 0, 1, b'a'], Fault::NotAKey { byte: b'a' }),
            (&[0x00, 0, 1, 9], Fault::HangupPayload { bytes: 1 }),
            (&[0xff, 0, 0], Fault::ErrorLength { bytes: 0 }),
        ];
        for (bytes, fault) in cases {
            let mut stream = bytes.to_vec();
            stream.extend_from_slice(&[0x00, 0x00, 0x00]);
            let messages = decode_all(&stream);
            let [Message::Malformed(malformed), Message::Hangup] = messages.as_slice() else {
                panic!("{messages:?}");
            };
            assert_eq!(malformed.fault(), fault);
            assert_eq!(malformed.kind(), bytes[0]);
        }
    }

    #[test]
    fn the_longest_payload_is_accepted() {
        let mut bytes = vec![0x18, 0xff, 0xfe];
        bytes.resize(3 + 0xfffe, 0);
        let messages = decode_all(&bytes);
        assert!(matches!(messages.as_slice(), [Message::Audio(audio)] if audio.payload().len() == 65_534));
        let mut bytes = vec![0x42, 0xff, 0xff];
        bytes.resize(3 + 0xffff, 0);
        assert!(matches!(decode_all(&bytes).as_slice(), [Message::Unknown(_)]));
    }

    #[test]
    fn a_call_id_that_is_no_uuid_is_final() {
        let mut decoder = Decoder::new();
        let mut buffer = BytesMut::from(&[0x01, 0x00, 0x01, 0x41, 0x00, 0x00, 0x00][..]);
        let error = DecodeError::IdLength { bytes: 1 };
        assert_eq!(decoder.decode(&mut buffer), Err(error));
        assert_eq!(decoder.decode(&mut buffer), Err(error));
        assert_eq!(error.to_string(), "a call id of 1 bytes: expected 16; this is not AudioSocket");
    }
}
