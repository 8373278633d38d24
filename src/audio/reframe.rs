//! Sound in pieces of any size to frames of 20 ms.
//!
//! Asterisk passes the telephone's packet time through: 10, 30, 40 and 60 ms are all seen, and an AudioSocket peer may
//! send what it likes.

use std::fmt;

use super::{Frame, Frames, Rate};

/// Cuts a stream of samples into frames.
pub struct Reframer {
    pending: Vec<i16>,
    frame_samples: usize,
    frames: Frames,
}

impl Reframer {
    /// Frames of 20 ms at this rate.
    pub fn new(rate: Rate) -> Self {
        let frame_samples = rate.frame_samples().max(1);
        Self { pending: Vec::with_capacity(frame_samples), frame_samples, frames: Frames::default() }
    }

    /// Takes samples, and hands on each frame that they fill.
    pub fn push(&mut self, samples: &[i16], mut full: impl FnMut(Frame)) {
        let mut rest = samples;
        if !self.pending.is_empty() {
            let missing = self.frame_samples - self.pending.len();
            let (head, tail) = rest.split_at(missing.min(rest.len()));
            self.pending.extend_from_slice(head);
            rest = tail;
            if self.pending.len() < self.frame_samples {
                return;
            }
            full(self.frames.make(&self.pending));
            self.pending.clear();
        }
        let mut frames = rest.chunks_exact(self.frame_samples);
        for frame in &mut frames {
            full(self.frames.make(frame));
        }
        self.pending.extend_from_slice(frames.remainder());
    }

    /// The frame that has begun, filled up with silence; none where none has.
    pub fn finish(&mut self) -> Option<Frame> {
        if self.pending.is_empty() {
            return None;
        }
        self.pending.resize(self.frame_samples, 0);
        let frame = self.frames.make(&self.pending);
        self.pending.clear();
        Some(frame)
    }

    /// Samples that wait for the rest of their frame.
    pub fn pending_samples(&self) -> usize {
        self.pending.len()
    }
}

impl fmt::Debug for Reframer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reframer")
            .field("frame_samples", &self.frame_samples)
            .field("pending_samples", &self.pending.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packets_of_any_size_give_the_same_frames(sizes in vec(0usize..2_000, 0..30)) {
            let total: usize = sizes.iter().sum();
            let sound: Vec<i16> = (0..total).map(|n| n as i16).collect();
            let mut reframer = Reframer::new(Rate::HZ_8000);
            let mut frames = Vec::new();
            let mut rest = sound.as_slice();
            for size in sizes {
                let (packet, later) = rest.split_at(size);
                reframer.push(packet, |frame| frames.push(frame));
                rest = later;
            }
            prop_assert_eq!(frames.len(), total / 160);
            prop_assert_eq!(reframer.pending_samples(), total % 160);
            let heard: Vec<i16> = frames.iter().flat_map(|frame| frame.0.iter().copied()).collect();
            prop_assert_eq!(&heard[..], &sound[..heard.len()]);
        }
    }

    #[test]
    fn a_packet_of_ten_milliseconds_waits_for_its_other_half() {
        let mut reframer = Reframer::new(Rate::HZ_8000);
        reframer.push(&[1; 80], |_| panic!("half a frame was handed on"));
        let mut frames = 0;
        reframer.push(&[1; 80], |frame| {
            frames += 1;
            assert_eq!(frame.0.len(), 160);
        });
        assert_eq!(frames, 1);
        assert_eq!(reframer.finish(), None);
    }

    #[test]
    fn the_last_frame_is_filled_up_with_silence() {
        let mut reframer = Reframer::new(Rate::HZ_16000);
        reframer.push(&[7; 3], |_| panic!("three samples are no frame"));
        let frame = reframer.finish().expect("a frame has begun");
        assert_eq!(frame.0.len(), 320);
        assert_eq!(&frame.0[..4], [7, 7, 7, 0]);
        assert_eq!(reframer.finish(), None);
    }
}
