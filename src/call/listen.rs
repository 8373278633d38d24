//! The caller's sound: from whatever the wire carries to 20 ms frames of 16 kHz with a verdict on each.

use audiosocket::{Audio, SampleRate};

use crate::audio::reframe::Reframer;
use crate::audio::resample::Streaming;
use crate::audio::{Activity, Frame, Rate};

/// What listens on one line.
#[derive(Debug)]
pub(crate) struct Listener {
    rate: Option<SampleRate>,
    resampler: Option<Streaming>,
    reframer: Reframer,
    warned_mu_law: bool,
}

impl Listener {
    pub(crate) fn new() -> Self {
        Self { rate: None, resampler: None, reframer: Reframer::new(Rate::HZ_16000), warned_mu_law: false }
    }

    /// Takes one audio message and gives the frames that it completes.
    pub(crate) fn hear(&mut self, audio: &Audio, mut full: impl FnMut(Frame, Activity)) {
        self.warn_of_mu_law(audio);
        let rate = audio.rate();
        if self.rate != Some(rate) {
            if let Some(before) = self.rate {
                tracing::warn!(
                    before_hz = before.hz(),
                    now_hz = rate.hz(),
                    "the caller's sound changed its rate within the call"
                );
                metrics::counter!("orderline_rate_changes_total").increment(1);
            }
            self.rate = Some(rate);
            self.resampler = match rate {
                SampleRate::Hz16000 => None,
                _ => Streaming::new(rate.hz(), Rate::HZ_16000.0).ok(),
            };
        }
        let samples: Vec<i16> = audio.samples().collect();
        let samples = match &mut self.resampler {
            Some(resampler) => resampler.push(&samples),
            None => samples,
        };
        self.reframer.push(&samples, |frame| full(frame, Activity::default()));
    }

    /// 160 bytes under 0x10 are 20 ms of mu-law, mislabelled: what `Dial(AudioSocket/…)` without a codec sends
    /// (seen with Asterisk 22.10.1).
    fn warn_of_mu_law(&mut self, audio: &Audio) {
        if self.warned_mu_law || audio.rate() != SampleRate::Hz8000 || audio.payload().len() != 160 {
            return;
        }
        self.warned_mu_law = true;
        metrics::counter!("orderline_mu_law_calls_total").increment(1);
        tracing::warn!(
            "expected 320 bytes of 16-bit sound in a 0x10 message, found 160: this is mu-law, which will not be \
             understood; write Dial(AudioSocket/host:port/uuid/c(slin)) in the dialplan"
        );
    }
}
