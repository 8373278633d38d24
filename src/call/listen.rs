//! The caller's sound: from whatever the wire carries to 20 ms frames of 16 kHz with a verdict on each.

use audiosocket::{Audio, SampleRate};

use crate::audio::{Activity, Ear, Frame, Rate};
use crate::telemetry::figures;

/// What listens on one line.
#[derive(Debug)]
pub(crate) struct Listener {
    ear: Option<(SampleRate, Ear)>,
    samples: Vec<i16>,
    warned_mu_law: bool,
}

impl Listener {
    pub(crate) fn new() -> Self {
        Self { ear: None, samples: Vec::new(), warned_mu_law: false }
    }

    /// Takes one audio message and gives the frames that it completes.
    pub(crate) fn hear(&mut self, audio: &Audio, full: impl FnMut(Frame, Activity)) {
        self.warn_of_mu_law(audio);
        let rate = audio.rate();
        let before = self.ear.as_ref().map(|(before, _)| *before);
        if before != Some(rate) {
            if let Some(before) = before {
                tracing::warn!(
                    before_hz = before.hz(),
                    now_hz = rate.hz(),
                    "the caller's sound changed its rate within the call"
                );
                metrics::counter!(figures::RATE_CHANGES_TOTAL).increment(1);
            }
            match Ear::new(Rate(rate.hz())) {
                Ok(ear) => self.ear = Some((rate, ear)),
                Err(error) => {
                    tracing::warn!(%error, "sound that cannot be brought to 16 kHz is passed over");
                    return;
                }
            }
        }
        let Some((_, ear)) = &mut self.ear else { return };
        self.samples.clear();
        self.samples.extend(audio.samples());
        ear.push(&self.samples, full);
    }

    /// 160 bytes under 0x10 are 20 ms of mu-law, mislabelled: what `Dial(AudioSocket/…)` without a codec sends
    /// (seen with Asterisk 22.10.1).
    fn warn_of_mu_law(&mut self, audio: &Audio) {
        if self.warned_mu_law || audio.rate() != SampleRate::Hz8000 || audio.payload().len() != 160 {
            return;
        }
        self.warned_mu_law = true;
        metrics::counter!(figures::MU_LAW_CALLS_TOTAL).increment(1);
        tracing::warn!(
            "expected 320 bytes of 16-bit sound in a 0x10 message, found 160: this is mu-law, which will not be \
             understood; write Dial(AudioSocket/host:port/uuid/c(slin)) in the dialplan"
        );
    }
}
