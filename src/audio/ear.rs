//! What a call hears: the wire's packets in, judged frames of 16 kHz out.

use super::reframe::Reframer;
use super::resample::{Streaming, UnsupportedRates};
use super::vad::Detector;
use super::{Activity, Frame, Rate};

/// The hearing of one call. It allocates nothing once its buffers have grown to the packets' size.
#[derive(Debug)]
pub struct Ear {
    resampler: Streaming,
    reframer: Reframer,
    detector: Detector,
    resampled: Vec<i16>,
}

impl Ear {
    /// An ear for sound at the wire's rate.
    ///
    /// # Errors
    /// [`UnsupportedRates`] for a rate that no telephone has; each of AudioSocket's nine is supported.
    pub fn new(wire: Rate) -> Result<Self, UnsupportedRates> {
        Ok(Self {
            resampler: Streaming::new(wire.0, Rate::HZ_16000.0)?,
            reframer: Reframer::new(Rate::HZ_16000),
            detector: Detector::new(),
            resampled: Vec::new(),
        })
    }

    /// Takes a packet of any length, and hands on each whole 20 ms (320 samples at 16 kHz) with what is to be said of
    /// it. A packet of 20 ms gives its frame at once, 2 ms of it still in the filter.
    pub fn push(&mut self, wire: &[i16], mut heard: impl FnMut(Frame, Activity)) {
        self.resampled.clear();
        self.resampler.push_into(wire, &mut self.resampled);
        self.reframer.push(&self.resampled, |frame| {
            let activity = self.detector.judge(&frame);
            heard(frame, activity);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_of_twenty_milliseconds_is_one_frame_at_any_rate() {
        for hz in [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000] {
            let wire = Rate(hz);
            let mut ear = Ear::new(wire).expect("a rate of AudioSocket");
            let mut frames = 0;
            for packet in 1..=5 {
                ear.push(&vec![0; wire.frame_samples()], |frame, activity| {
                    frames += 1;
                    assert_eq!(frame.0.len(), 320);
                    assert_eq!(
                        activity,
                        Activity { speech_permille: activity.speech_permille, level_dbfs: -100 }
                    );
                    assert!(!activity.is_speech());
                });
                assert_eq!(frames, packet, "{hz} Hz");
            }
        }
    }

    #[test]
    fn a_rate_that_no_telephone_has_is_refused() {
        assert!(Ear::new(Rate(0)).is_err());
    }
}
