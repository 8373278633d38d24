//! Messages to bytes.

use bytes::{BufMut, BytesMut};

use crate::message::Message;

impl Message {
    /// Appends the whole message, header and payload, for one write.
    pub fn encode(&self, out: &mut BytesMut) {
        let payload_bytes = self.payload_bytes();
        // No payload is longer than the field can say: `Audio`, `Unknown` and the decoder see to it.
        let length = u16::try_from(payload_bytes).unwrap_or(u16::MAX);
        debug_assert_eq!(usize::from(length), payload_bytes);
        out.reserve(self.encoded_bytes());
        out.put_u8(self.kind());
        out.put_u16(length);
        match self {
            Self::Hangup => {}
            Self::Id(id) => out.put_slice(id.as_bytes()),
            Self::Dtmf(digit) => out.put_u8(digit.byte()),
            Self::Error(code) => out.put_u8(code.0),
            Self::Audio(audio) => out.put_slice(audio.payload()),
            Self::Unknown(unknown) => out.put_slice(unknown.payload()),
            Self::Malformed(malformed) => out.put_slice(malformed.payload()),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use uuid::uuid;

    use super::*;
    use crate::{Audio, Digit, ErrorCode, SampleRate, Unknown};

    fn bytes_of(message: &Message) -> Vec<u8> {
        let mut out = BytesMut::new();
        message.encode(&mut out);
        assert_eq!(out.len(), message.encoded_bytes());
        out.to_vec()
    }

    #[test]
    fn messages_have_the_bytes_of_the_specification() {
        // A hangup is three bytes: on a single 0x00 Asterisk's thread waits for two more.
        assert_eq!(bytes_of(&Message::Hangup), [0, 0, 0]);
        assert_eq!(
            bytes_of(&Message::Id(uuid!("550e8400-e29b-41d4-a716-446655440000"))),
            b"\x01\x00\x10\x55\x0e\x84\x00\xe2\x9b\x41\xd4\xa7\x16\x44\x66\x55\x44\x00\x00"
        );
        let key = Digit::new('*').expect("a key");
        assert_eq!(bytes_of(&Message::Dtmf(key)), b"\x03\x00\x01*");
        assert_eq!(bytes_of(&Message::Error(ErrorCode::HANGUP)), [0xff, 0, 1, 1]);
        let unknown = Unknown::new(0x42, Bytes::from_static(b"hi")).expect("0x42 is no kind");
        assert_eq!(bytes_of(&Message::Unknown(unknown)), b"\x42\x00\x02hi");
    }

    #[test]
    fn a_frame_is_one_contiguous_message_from_either_door() {
        let samples: Vec<i16> = (0..320).collect();
        let audio = Audio::from_samples(SampleRate::Hz16000, &samples).expect("a frame");
        let through_message = bytes_of(&Message::Audio(audio));
        let mut direct = BytesMut::new();
        Audio::encode_samples(SampleRate::Hz16000, &samples, &mut direct).expect("a frame");
        assert_eq!(through_message, direct);
        assert_eq!(&direct[..7], [0x12, 0x02, 0x80, 0, 0, 1, 0]);
        assert_eq!(direct.len(), 643);
    }

    #[test]
    fn a_specified_kind_cannot_hide_as_unknown() {
        for kind in [0x00, 0x01, 0x03, 0x10, 0x18, 0xff] {
            assert_eq!(Unknown::new(kind, Bytes::new()), None);
        }
        assert_eq!(Unknown::new(0x02, Bytes::from(vec![0; 65_536])), None);
    }
}
