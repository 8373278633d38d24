//! The protocol for `tokio_util::codec::Framed`.

use std::io;

use bytes::BytesMut;

use crate::{DecodeError, Decoder, Message};

/// Messages over a byte stream. A [`DecodeError`] is an [`io::Error`] of the kind `InvalidData`, a stream that ends
/// within a message one of the kind `UnexpectedEof`; both carry the error itself.
#[derive(Clone, Debug, Default)]
pub struct Codec {
    decoder: Decoder,
}

impl Codec {
    /// A codec at the start of a connection.
    pub fn new() -> Self {
        Self::default()
    }
}

impl tokio_util::codec::Decoder for Codec {
    type Item = Message;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, io::Error> {
        self.decoder.decode(src).map_err(io::Error::from)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Message>, io::Error> {
        match self.decoder.decode(src)? {
            Some(message) => Ok(Some(message)),
            None => {
                self.decoder.finish(src)?;
                Ok(None)
            }
        }
    }
}

impl tokio_util::codec::Encoder<Message> for Codec {
    type Error = io::Error;

    fn encode(&mut self, message: Message, dst: &mut BytesMut) -> Result<(), io::Error> {
        message.encode(dst);
        Ok(())
    }
}

impl From<DecodeError> for io::Error {
    fn from(error: DecodeError) -> Self {
        let kind = match error {
            DecodeError::IdLength { .. } => io::ErrorKind::InvalidData,
            DecodeError::Torn { .. } => io::ErrorKind::UnexpectedEof,
        };
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::codec::{Decoder as _, Encoder as _};

    use super::*;

    #[test]
    fn a_stream_that_ends_within_a_message_is_an_unexpected_end() {
        let mut codec = Codec::new();
        let mut buffer = BytesMut::new();
        codec.encode(Message::Hangup, &mut buffer).expect("encoding does not fail");
        buffer.extend_from_slice(&[0x10, 0x01, 0x40, 0x00]);
        assert_eq!(codec.decode_eof(&mut buffer).expect("whole"), Some(Message::Hangup));
        let error = codec.decode_eof(&mut buffer).expect_err("a torn frame is left");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(error.to_string(), "the stream ended within a message: expected 323 bytes, found 4");
    }
}
