//! Sound as it travels: signed 16-bit mono at one of nine rates.

use bytes::{BufMut, Bytes, BytesMut};

use crate::message::{Fault, kind};
use crate::{HEADER_BYTES, MAX_PAYLOAD_BYTES};

/// One of the nine sample rates that have an audio kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleRate {
    /// 8 kHz, kind 0x10: plain telephony, and the only one before Asterisk 20.17, 21.12, 22.7 and 23.1.
    Hz8000,
    /// 12 kHz, kind 0x11.
    Hz12000,
    /// 16 kHz, kind 0x12: wideband telephony.
    Hz16000,
    /// 24 kHz, kind 0x13.
    Hz24000,
    /// 32 kHz, kind 0x14.
    Hz32000,
    /// 44.1 kHz, kind 0x15.
    Hz44100,
    /// 48 kHz, kind 0x16.
    Hz48000,
    /// 96 kHz, kind 0x17.
    Hz96000,
    /// 192 kHz, kind 0x18.
    Hz192000,
}

impl SampleRate {
    /// All nine, slowest first: in the order of their kinds.
    pub const ALL: [Self; 9] = [
        Self::Hz8000,
        Self::Hz12000,
        Self::Hz16000,
        Self::Hz24000,
        Self::Hz32000,
        Self::Hz44100,
        Self::Hz48000,
        Self::Hz96000,
        Self::Hz192000,
    ];

    /// Samples in a second.
    pub const fn hz(self) -> u32 {
        match self {
            Self::Hz8000 => 8_000,
            Self::Hz12000 => 12_000,
            Self::Hz16000 => 16_000,
            Self::Hz24000 => 24_000,
            Self::Hz32000 => 32_000,
            Self::Hz44100 => 44_100,
            Self::Hz48000 => 48_000,
            Self::Hz96000 => 96_000,
            Self::Hz192000 => 192_000,
        }
    }

    /// The rate with this many samples in a second, if it has a kind.
    pub fn from_hz(hz: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|rate| rate.hz() == hz)
    }

    /// The audio kind of this rate, 0x10 to 0x18.
    pub const fn kind(self) -> u8 {
        kind::AUDIO_8000 + self as u8
    }

    /// The rate of an audio kind; none for any other kind.
    pub fn from_kind(kind: u8) -> Option<Self> {
        let place = kind.checked_sub(kind::AUDIO_8000)?;
        Self::ALL.get(usize::from(place)).copied()
    }

    /// Samples in 20 ms, the packet time that Asterisk uses unless the telephone asked for another.
    pub const fn frame_samples(self) -> usize {
        (self.hz() / 50) as usize
    }

    /// Payload bytes in 20 ms: 320 at 8 kHz.
    pub const fn frame_bytes(self) -> usize {
        self.frame_samples() * 2
    }
}

/// Sound of any length: at least one sample, at most 32,767 of them, never half of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Audio {
    rate: SampleRate,
    payload: Bytes,
}

impl Audio {
    /// Wraps little-endian samples as they stand on the wire.
    ///
    /// # Errors
    /// [`Fault::EmptyAudio`], [`Fault::OddAudio`] or [`Fault::Oversized`].
    pub fn new(rate: SampleRate, payload: Bytes) -> Result<Self, Fault> {
        match payload.len() {
            0 => Err(Fault::EmptyAudio),
            bytes if bytes > MAX_PAYLOAD_BYTES => Err(Fault::Oversized { bytes }),
            bytes if bytes % 2 != 0 => Err(Fault::OddAudio { bytes }),
            _ => Ok(Self { rate, payload }),
        }
    }

    /// Takes samples as the machine holds them.
    ///
    /// # Errors
    /// [`Fault::EmptyAudio`] or [`Fault::Oversized`].
    pub fn from_samples(rate: SampleRate, samples: &[i16]) -> Result<Self, Fault> {
        let mut payload = BytesMut::with_capacity(samples.len() * 2);
        put_samples(samples, &mut payload);
        Self::new(rate, payload.freeze())
    }

    /// 20 ms of digital silence.
    pub fn silence(rate: SampleRate) -> Self {
        Self { rate, payload: Bytes::from(vec![0; rate.frame_bytes()]) }
    }

    /// Samples in a second.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The samples as bytes, little endian; their number is even and not 0.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The samples.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = i16> + '_ {
        self.payload.chunks_exact(2).map(|pair| match pair {
            [low, high] => i16::from_le_bytes([*low, *high]),
            // `chunks_exact(2)` gives two; without a panic in the crate, silence stands for what cannot be.
            _ => 0,
        })
    }

    /// How long this sounds, in microseconds.
    pub fn duration_us(&self) -> u64 {
        Self::payload_us(self.rate, self.payload.len())
    }

    /// The rate and payload of the audio message that stands whole at the front of these bytes; none where something else
    /// does, where a part is missing or where [`Audio::new`] would refuse the payload. What a server does fifty times a
    /// second instead of decoding; whatever it leaves is the [`Decoder`](crate::Decoder)'s.
    ///
    /// ```
    /// use audiosocket::{Audio, SampleRate};
    /// let bytes = [0x10, 0x00, 0x02, 0x01, 0x00, 0x03, 0x00];
    /// assert_eq!(Audio::peek(&bytes), Some((SampleRate::Hz8000, &[0x01, 0x00][..])));
    /// assert_eq!(Audio::peek(&bytes[..4]), None);
    /// assert_eq!(Audio::peek(&bytes[5..]), None);
    /// ```
    pub fn peek(bytes: &[u8]) -> Option<(SampleRate, &[u8])> {
        let [kind, high, low, rest @ ..] = bytes else { return None };
        let rate = SampleRate::from_kind(*kind)?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let payload = rest.get(..length)?;
        (length > 0 && length % 2 == 0).then_some((rate, payload))
    }

    /// How long a payload of so many bytes sounds, in microseconds.
    pub fn payload_us(rate: SampleRate, bytes: usize) -> u64 {
        // At most 65,535 bytes: the product fits in 36 bits.
        bytes as u64 / 2 * 1_000_000 / u64::from(rate.hz())
    }

    /// Appends one audio message from samples, without an [`Audio`] in between: what a server does fifty times a
    /// second.
    ///
    /// # Errors
    /// [`Fault::EmptyAudio`] or [`Fault::Oversized`]; nothing is appended then.
    pub fn encode_samples(rate: SampleRate, samples: &[i16], out: &mut BytesMut) -> Result<(), Fault> {
        let bytes = samples.len() * 2;
        let length = match u16::try_from(bytes) {
            Ok(0) => return Err(Fault::EmptyAudio),
            Ok(length) => length,
            Err(_) => return Err(Fault::Oversized { bytes }),
        };
        out.reserve(HEADER_BYTES + bytes);
        out.put_u8(rate.kind());
        out.put_u16(length);
        put_samples(samples, out);
        Ok(())
    }
}

fn put_samples(samples: &[i16], out: &mut BytesMut) {
    // Room first: appending one by one looks for it each time, which took as long as the rest of encoding a frame.
    let start = out.len();
    out.resize(start + samples.len() * 2, 0);
    let room = out.get_mut(start..).unwrap_or_default();
    for (place, sample) in room.chunks_exact_mut(2).zip(samples) {
        place.copy_from_slice(&sample.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_is_found_by_its_kind_and_by_its_hertz() {
        for (place, rate) in (0x10..).zip(SampleRate::ALL) {
            assert_eq!(rate.kind(), place);
            assert_eq!(SampleRate::from_kind(place), Some(rate));
            assert_eq!(SampleRate::from_hz(rate.hz()), Some(rate));
        }
        assert_eq!(SampleRate::from_kind(0x0f), None);
        assert_eq!(SampleRate::from_kind(0x19), None);
        assert_eq!(SampleRate::from_hz(22_050), None);
    }

    #[test]
    fn twenty_milliseconds_have_the_sizes_of_asterisks_table() {
        let sizes = SampleRate::ALL.map(SampleRate::frame_bytes);
        assert_eq!(sizes, [320, 480, 640, 960, 1280, 1764, 1920, 3840, 7680]);
    }

    #[test]
    fn samples_are_little_endian_and_survive_both_ways() {
        let audio =
            Audio::from_samples(SampleRate::Hz8000, &[1, -2, i16::MIN]).expect("three samples are sound");
        assert_eq!(audio.payload().as_ref(), [0x01, 0x00, 0xfe, 0xff, 0x00, 0x80]);
        assert_eq!(audio.samples().collect::<Vec<_>>(), [1, -2, i16::MIN]);
        assert_eq!(audio.duration_us(), 375);
    }

    #[test]
    fn half_a_sample_no_sample_and_too_many_are_refused() {
        let rate = SampleRate::Hz16000;
        assert_eq!(Audio::new(rate, Bytes::new()), Err(Fault::EmptyAudio));
        assert_eq!(Audio::new(rate, Bytes::from_static(&[1, 2, 3])), Err(Fault::OddAudio { bytes: 3 }));
        let mut out = BytesMut::new();
        assert_eq!(
            Audio::encode_samples(rate, &vec![0; 32_768], &mut out),
            Err(Fault::Oversized { bytes: 65_536 })
        );
        assert!(out.is_empty());
        assert_eq!(Audio::encode_samples(rate, &vec![0; 32_767], &mut out), Ok(()));
    }
}
