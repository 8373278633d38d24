//! The caller's sound: from whatever the wire carries to 20 ms frames, judged or as they are.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use audiosocket::SampleRate;
use tracing::Span;

use crate::audio::reframe::Reframer;
use crate::audio::{Activity, Ear, Frame, Rate};
use crate::call::core::Hears;
use crate::conversation::CallTime;
use crate::telemetry::figures;

thread_local! {
    /// A message's samples on their way into the ear. One for all calls of a thread: it stays in the processor's nearest
    /// cache, where each call's own would have left it by the next frame.
    static SAMPLES: RefCell<Vec<i16>> = const { RefCell::new(Vec::new()) };
}

/// What listens on one line. It allocates nothing once its buffers have grown to the packets' size.
#[derive(Debug)]
pub(crate) struct Listener {
    hears: Hears,
    ear: Option<(SampleRate, Hearing)>,
    /// Frames that are complete, with what is to be said of them.
    pub(crate) heard: VecDeque<(Frame, Activity)>,
    /// Messages of 160 bytes at 8 kHz so far, and when the first came; none once they are understood.
    short: Option<(u32, CallTime)>,
    rate_changes: u32,
    /// The call's, for what is to be warned of.
    span: Span,
}

#[derive(Debug)]
enum Hearing {
    Judged(Box<Ear>),
    Wire(Reframer),
}

impl Listener {
    pub(crate) fn new(hears: Hears, span: Span) -> Self {
        Self {
            hears,
            ear: None,
            heard: VecDeque::new(),
            short: Some((0, CallTime::default())),
            rate_changes: 0,
            span,
        }
    }

    /// How often the sound changed its rate.
    pub(crate) fn rate_changes(&self) -> u32 {
        self.rate_changes
    }

    /// Takes one audio message's payload; the frames that it completes are then in `heard`.
    pub(crate) fn hear(&mut self, now: CallTime, rate: SampleRate, payload: &[u8]) {
        self.warn_of_mu_law(now, rate, payload);
        let before = self.ear.as_ref().map(|(before, _)| *before);
        if before != Some(rate) && !self.tune(before, rate) {
            return;
        }
        let Some((_, hearing)) = &mut self.ear else { return };
        let heard = &mut self.heard;
        SAMPLES.with_borrow_mut(|samples| {
            samples.resize(payload.len() / 2, 0);
            for (sample, pair) in samples.iter_mut().zip(payload.chunks_exact(2)) {
                // `chunks_exact(2)` gives two.
                *sample = i16::from_le_bytes([pair[0], pair[1]]);
            }
            match hearing {
                Hearing::Judged(ear) => {
                    ear.push(samples, |frame, activity| heard.push_back((frame, activity)))
                }
                Hearing::Wire(reframer) => {
                    reframer.push(samples, |frame| heard.push_back((frame, Activity::default())));
                }
            }
        });
    }

    /// Listens at this rate from now on; false where nobody can.
    fn tune(&mut self, before: Option<SampleRate>, rate: SampleRate) -> bool {
        let _call = self.span.enter();
        if let Some(before) = before {
            tracing::warn!(
                before_hz = before.hz(),
                now_hz = rate.hz(),
                "the caller's sound changed its rate within the call"
            );
            metrics::counter!(figures::RATE_CHANGES_TOTAL).increment(1);
            self.rate_changes += 1;
        }
        let hearing = match self.hears {
            Hears::Wire => Hearing::Wire(Reframer::new(Rate(rate.hz()))),
            Hears::Judged => match Ear::new(Rate(rate.hz())) {
                Ok(ear) => Hearing::Judged(Box::new(ear)),
                Err(error) => {
                    tracing::warn!(%error, "sound that cannot be brought to 16 kHz is passed over");
                    return false;
                }
            },
        };
        self.ear = Some((rate, hearing));
        true
    }

    /// 160 bytes under 0x10 every 20 ms are mu-law, mislabelled: what `Dial(AudioSocket/…)` without a codec sends (seen
    /// with Asterisk 22.10.1). Every 10 ms they are sound in packets of 10 ms, and in order.
    fn warn_of_mu_law(&mut self, now: CallTime, rate: SampleRate, payload: &[u8]) {
        let Some((count, since)) = &mut self.short else { return };
        if rate != SampleRate::Hz8000 || payload.len() != 160 {
            return;
        }
        if *count == 0 {
            *since = now;
        }
        *count += 1;
        if *count <= SHORT_MESSAGES {
            return;
        }
        let took = now.since(*since);
        self.short = None;
        if took < SHORT_PACKET * SHORT_MESSAGES {
            return;
        }
        metrics::counter!(figures::MU_LAW_CALLS_TOTAL).increment(1);
        let _call = self.span.enter();
        tracing::warn!(
            "expected 320 bytes of 16-bit sound every 20 ms in a 0x10 message, found 160: this is mu-law, which will not \
             be understood; write Dial(AudioSocket/host:port/uuid/c(slin)) in the dialplan"
        );
    }
}

/// Short messages that are timed before they are judged: half a second of mu-law.
const SHORT_MESSAGES: u32 = 25;
/// Between packets of 10 ms and mislabelled ones of 20 ms.
const SHORT_PACKET: Duration = Duration::from_millis(15);
