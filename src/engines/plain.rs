//! Engines for agents that do not talk: a voice with one sound, and ears and minds that take no request.

use std::f64::consts::TAU;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::port::deliver;
use super::{Full, Hearing, Inbox, Speaking, Thinking};
use crate::audio::Rate;
use crate::conversation::Input;
use crate::conversation::event::{Completion, Recognition, Speech, Synthesis};

/// Takes no request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Hearing for Nobody {
    fn recognize(&self, _: Recognition, _: CancellationToken, _: Inbox) -> Result<(), Full> {
        Err(Full)
    }
}

impl Thinking for Nobody {
    fn complete(&self, _: Completion, _: CancellationToken, _: Inbox) -> Result<(), Full> {
        Err(Full)
    }
}

/// A voice that knows one sound, a chime of two notes, whatever it is to say. Each rate's is made once.
#[derive(Debug)]
pub struct Chime {
    runtime: Handle,
    made: [OnceLock<Arc<[i16]>>; RATES.len()],
}

/// The rates of the telephone side, in hertz.
const RATES: [u32; 9] = [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];
/// Each note's length in seconds and pitch in hertz (chosen: a falling third in the middle of the telephone band).
const NOTES: [(f64, f64); 2] = [(0.4, 880.0), (0.6, 740.0)];
/// A tenth of full scale, -20 dBFS: as loud as speech on a telephone.
const LOUDNESS: f64 = 0.1 * 32_767.0;

impl Chime {
    /// A voice whose answers are delivered from this runtime.
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, made: Default::default() }
    }

    fn at(&self, rate: Rate) -> Arc<[i16]> {
        let place = RATES.iter().position(|hz| *hz == rate.0).unwrap_or(0);
        self.made[place].get_or_init(|| chime(RATES[place]).into()).clone()
    }
}

fn chime(hz: u32) -> Vec<i16> {
    let hz = f64::from(hz);
    NOTES
        .iter()
        .flat_map(|(seconds, pitch)| {
            let samples = (seconds * hz).round() as u32;
            (0..samples).map(move |n| {
                let at = f64::from(n) / hz;
                // Swells and dies away without a click.
                let swell = (TAU / 2.0 * at / seconds).sin().powi(2);
                (LOUDNESS * swell * (TAU * pitch * at).sin()) as i16
            })
        })
        .collect()
}

impl Speaking for Chime {
    fn synthesize(&self, request: Synthesis, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        let samples = self.at(request.rate);
        self.runtime.spawn(async move {
            let id = request.id;
            for piece in [Speech::Chunk { samples }, Speech::Done] {
                // Nobody wants it any more: the call is over, or the caller speaks.
                if deliver(&inbox, &cancel, Input::Synthesized { id, piece }).await.is_err() {
                    return;
                }
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chime_lasts_a_second_at_every_rate_and_begins_and_ends_in_silence() {
        for hz in RATES {
            let sound = chime(hz);
            assert_eq!(sound.len(), hz as usize);
            assert!(
                sound.first().is_some_and(|s| s.abs() < 10) && sound.last().is_some_and(|s| s.abs() < 40)
            );
            assert!(sound.iter().any(|s| *s > 3_000), "{hz}");
        }
    }
}
