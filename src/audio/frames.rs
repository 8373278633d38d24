//! Frames without an allocation each: the memory of those that nobody holds any more is used again.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Frame;

/// Makes frames of one stream. A frame that is dropped before the next few are made gives its memory to one of them; one
/// that is kept (a tape's) is left alone.
#[derive(Debug, Default)]
pub struct Frames {
    /// Handed out before.
    made: VecDeque<Arc<[i16]>>,
}

/// Frames whose memory is remembered. Chosen: one on its way into the core, one on its way out, and a few that a line holds
/// back.
const REMEMBERED: usize = 4;

impl Frames {
    /// A frame with these samples.
    pub fn make(&mut self, samples: &[i16]) -> Frame {
        // The newest first: its memory is the likeliest to be in a cache still.
        for made in self.made.iter_mut().rev() {
            if made.len() == samples.len()
                && let Some(free) = Arc::get_mut(made)
            {
                free.copy_from_slice(samples);
                return Frame(Arc::clone(made));
            }
        }
        if self.made.len() == REMEMBERED {
            self.made.pop_front();
        }
        let made: Arc<[i16]> = samples.into();
        self.made.push_back(Arc::clone(&made));
        Frame(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_is_let_go_gives_its_memory_to_a_later_one() {
        let mut frames = Frames::default();
        let first = frames.make(&[1; 160]);
        let place = first.0.as_ptr();
        let second = frames.make(&[2; 160]);
        assert_ne!(second.0.as_ptr(), place, "the first is still held");
        drop(first);
        for n in 3..10 {
            assert_eq!(frames.make(&[n; 160]).0.as_ptr(), place);
        }
        assert!(second.0.iter().all(|sample| *sample == 2));
    }

    #[test]
    fn a_frame_that_is_kept_keeps_its_sound_whatever_comes() {
        let mut frames = Frames::default();
        let kept: Vec<Frame> = (0..20).map(|n| frames.make(&[n; 160])).collect();
        let wider = frames.make(&[9; 320]);
        assert_eq!(wider.0.len(), 320);
        for (n, frame) in (0..).zip(kept) {
            assert!(frame.0.iter().all(|sample| *sample == n));
        }
    }
}
