//! What must hold for any bytes at all: the body of the fuzz target, and of a property test.

use bytes::BytesMut;

use crate::{DecodeError, Decoder, HEADER_BYTES, MAX_PAYLOAD_BYTES, Message};

/// What a buffer may hold that is read into piece by piece: the longest message and the piece, and as much again, which is
/// how a growing buffer grows.
const MOST_BYTES: usize = 2 * (HEADER_BYTES + MAX_PAYLOAD_BYTES + PIECE_BYTES);
/// The largest piece.
const PIECE_BYTES: usize = 97;

/// Decodes the bytes whole, byte by byte, and in pieces whose sizes the bytes themselves choose, and asserts that all give
/// the same messages, that these encode to the very bytes they came from, that what is salvaged is no longer malformed,
/// that an error is final, and that no more than the longest message is ever held.
///
/// # Panics
/// Where one of these does not hold: a defect of this crate.
#[doc(hidden)]
pub fn fuzz_decode(data: &[u8]) {
    let (messages, error, rest) = decode_in_pieces(data, |_| data.len());
    let pieces =
        decode_in_pieces(data, |at| 1 + data.get(at).map_or(0, |byte| usize::from(*byte) % PIECE_BYTES));
    assert_eq!((&messages, error), (&pieces.0, pieces.1));
    let bytewise = decode_in_pieces(data, |_| 1);
    assert_eq!((&messages, error), (&bytewise.0, bytewise.1));

    let mut encoded = BytesMut::new();
    for message in &messages {
        message.encode(&mut encoded);
        assert!(message.encoded_bytes() <= HEADER_BYTES + MAX_PAYLOAD_BYTES);
        if let Message::Malformed(malformed) = message {
            assert!(!matches!(malformed.salvage(), Some(Message::Malformed(_))));
        }
    }
    if error.is_none() {
        encoded.extend_from_slice(&rest);
        assert_eq!(encoded, data);
    } else {
        assert!(data.starts_with(&encoded));
    }
}

fn decode_in_pieces(
    data: &[u8],
    piece_bytes: impl Fn(usize) -> usize,
) -> (Vec<Message>, Option<DecodeError>, BytesMut) {
    let mut decoder = Decoder::new();
    let mut buffer = BytesMut::new();
    let mut messages = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(piece_bytes(data.len() - rest.len()).clamp(1, rest.len()));
        buffer.extend_from_slice(piece);
        rest = later;
        loop {
            match decoder.decode(&mut buffer) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => {
                    // Whatever comes later, and however good it looks.
                    buffer.clear();
                    buffer.extend_from_slice(&[0, 0, 0]);
                    assert_eq!(decoder.decode(&mut buffer), Err(error));
                    assert_eq!(buffer.as_ref(), [0, 0, 0]);
                    return (messages, Some(error), buffer);
                }
            }
        }
        if piece.len() <= PIECE_BYTES {
            assert!(buffer.capacity() <= MOST_BYTES, "{} bytes held", buffer.capacity());
        }
        assert_eq!(decoder.finish(&buffer).is_ok(), buffer.is_empty());
    }
    (messages, None, buffer)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{Audio, Digit, ErrorCode, SampleRate, Unknown};

    fn any_message() -> impl Strategy<Value = Message> {
        prop_oneof![
            Just(Message::Hangup),
            any::<u128>().prop_map(|id| Message::Id(Uuid::from_u128(id))),
            "[0-9*#A-D]".prop_filter_map("a key", |key| key
                .chars()
                .next()
                .and_then(Digit::new)
                .map(Message::Dtmf)),
            any::<u8>().prop_map(|code| Message::Error(ErrorCode(code))),
            (prop::sample::select(&SampleRate::ALL[..]), vec(any::<i16>(), 1..1_000))
                .prop_filter_map("sound", |(rate, samples)| {
                    Audio::from_samples(rate, &samples).ok().map(Message::Audio)
                }),
            (any::<u8>(), vec(any::<u8>(), 0..1_000))
                .prop_filter_map("an unspecified kind", |(kind, payload)| {
                    Unknown::new(kind, Bytes::from(payload)).map(Message::Unknown)
                }),
        ]
    }

    /// Bytes that look like AudioSocket often enough to get past the header.
    fn plausible_bytes() -> impl Strategy<Value = Vec<u8>> {
        let kinds = prop_oneof![Just(0u8), Just(1), Just(2), Just(3), 0x0fu8..0x1a, Just(0xff), any::<u8>()];
        let message = (kinds, vec(any::<u8>(), 0..40), 0u8..20).prop_map(|(kind, payload, lie)| {
            let length = payload.len() as u8;
            // Now and then the length field lies.
            let length = if lie == 0 { length.wrapping_add(3) } else { length };
            [&[kind, 0, length][..], &payload].concat()
        });
        vec(message, 0..20).prop_map(|messages| messages.concat())
    }

    proptest! {
        #[test]
        fn every_message_survives_the_wire_however_it_is_cut(
            messages in vec(any_message(), 0..12),
            cuts in vec(1usize..700, 1..40),
        ) {
            let mut bytes = BytesMut::new();
            for message in &messages {
                message.encode(&mut bytes);
            }
            let (decoded, error, rest) = decode_in_pieces(&bytes, |at| cuts[at % cuts.len()]);
            prop_assert_eq!(decoded, messages);
            prop_assert_eq!(error, None);
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn random_bytes_never_panic_and_encode_to_themselves(bytes in vec(any::<u8>(), 0..4_000)) {
            fuzz_decode(&bytes);
        }

        #[test]
        fn plausible_bytes_never_panic_and_encode_to_themselves(bytes in plausible_bytes()) {
            fuzz_decode(&bytes);
        }
    }
}
