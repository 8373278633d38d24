//! A synthesiser's raw sound on its way to the wire: bytes in, chunks at the wire rate out.
//!
//! What a synthesiser sends before the first sound is cut off, so that the first frame the caller gets is speech, and
//! the first chunk leaves as soon as it fills one frame.

use std::sync::Arc;

use crate::audio::Rate;
use crate::audio::resample::{Streaming, UnsupportedRates};

/// Louder than this is sound: -48 dBFS. Chosen: espeak-ng's lead-in is digital silence, and a quiet consonant is above.
const SOUND: i16 = 130;
/// How much is kept before the first sound, in milliseconds, so that a soft onset is not clipped. Chosen.
const LEAD_MS: usize = 5;
/// Chunks after the first hold this much, in milliseconds. Chosen: few messages, and a barge-in throws little away.
const CHUNK_MS: usize = 200;

/// 16-bit little-endian mono at one rate to chunks at another.
#[derive(Debug)]
pub(super) struct Pcm {
    from: u32,
    to: Rate,
    resampler: Streaming,
    /// The low byte of a sample whose high byte has not come.
    half: Option<u8>,
    /// Source samples before the first sound; none once it has come.
    lead: Option<Vec<i16>>,
    pending: Vec<i16>,
    first: bool,
}

impl Pcm {
    /// Sound at `from` hertz for a wire at `to`.
    pub(super) fn new(from: u32, to: Rate) -> Result<Self, UnsupportedRates> {
        let resampler = Streaming::new(from, to.0)?;
        Ok(Self { from, to, resampler, half: None, lead: Some(Vec::new()), pending: Vec::new(), first: true })
    }

    /// Takes bytes, torn anywhere, and gives the chunks that are full.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Arc<[i16]>> {
        let mut samples = Vec::with_capacity(bytes.len() / 2 + 1);
        for &byte in bytes {
            match self.half.take() {
                None => self.half = Some(byte),
                Some(low) => samples.push(i16::from_le_bytes([low, byte])),
            }
        }
        self.push_samples(&samples);
        let mut chunks = Vec::new();
        let frame = self.to.frame_samples();
        if self.first && self.pending.len() >= frame {
            self.first = false;
            chunks.push(self.pending.drain(..frame).collect());
        }
        let full = frame * CHUNK_MS / 20;
        while !self.first && self.pending.len() >= full {
            chunks.push(self.pending.drain(..full).collect());
        }
        chunks
    }

    /// What is left when the source has ended.
    pub(super) fn finish(mut self) -> Option<Arc<[i16]>> {
        if self.lead.is_none() {
            self.pending.extend(self.resampler.finish());
        }
        (!self.pending.is_empty()).then(|| self.pending.into())
    }

    fn push_samples(&mut self, samples: &[i16]) {
        match &mut self.lead {
            None => self.convert(samples),
            Some(lead) => {
                let keep = self.from as usize * LEAD_MS / 1000;
                let onset = samples.iter().position(|s| s.unsigned_abs() > SOUND.unsigned_abs());
                lead.extend_from_slice(&samples[..onset.unwrap_or(samples.len())]);
                lead.drain(..lead.len().saturating_sub(keep));
                if let Some(onset) = onset {
                    let lead = self.lead.take().unwrap_or_default();
                    self.convert(&lead);
                    self.convert(&samples[onset..]);
                }
            }
        }
    }

    fn convert(&mut self, samples: &[i16]) {
        self.resampler.push_into(samples, &mut self.pending);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|s| s.to_le_bytes()).collect()
    }

    #[test]
    fn silence_before_the_first_sound_is_cut_and_the_first_chunk_is_one_frame() {
        let mut sound = vec![0_i16; 4000];
        sound.extend(std::iter::repeat_n(5000_i16, 400));
        let mut pcm = Pcm::new(8000, Rate::HZ_8000).unwrap();
        let chunks = pcm.push(&bytes(&sound));
        assert_eq!(chunks.iter().map(|c| c.len()).collect::<Vec<_>>(), [160]);
        assert_eq!(chunks[0][39], 0);
        assert_eq!(chunks[0][40], 5000);
        assert_eq!(pcm.finish().unwrap().len(), 40 + 400 - 160);
    }

    #[test]
    fn a_sample_torn_between_two_reads_is_put_together() {
        let sound = bytes(&[300_i16, -300, 301, -301]);
        let mut pcm = Pcm::new(8000, Rate::HZ_8000).unwrap();
        for byte in &sound {
            assert!(pcm.push(std::slice::from_ref(byte)).is_empty());
        }
        assert_eq!(*pcm.finish().unwrap(), [300, -300, 301, -301]);
    }

    #[test]
    fn nothing_but_silence_gives_nothing() {
        let mut pcm = Pcm::new(22_050, Rate::HZ_8000).unwrap();
        assert!(pcm.push(&[0; 20_000]).is_empty());
        assert!(pcm.finish().is_none());
    }
}
