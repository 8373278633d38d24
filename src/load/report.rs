//! What came of it, for people and for machines.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::process::Usage;
use super::tally::Tally;
use super::{Plan, Progress};

/// The figures of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Calls that were to be up.
    pub calls: usize,
    /// Hertz of the sound.
    pub rate_hz: u32,
    /// Milliseconds of sound in a message.
    pub packet_ms: u32,
    /// The measured window in seconds.
    pub seconds: f64,
    /// Calls placed, over the whole run.
    pub placed: u64,
    /// Calls that were up at the end of the window.
    pub established: u64,
    /// Connections that never got a frame.
    pub refused: u64,
    /// Calls that the server ended or broke.
    pub lost: u64,
    /// Packets sent in the window.
    pub frames_sent: u64,
    /// Frames that came back in the window.
    pub frames_heard: u64,
    /// Packets that the server had not read when the next was due.
    pub frames_unread: u64,
    /// Between two frames of a call, as they came.
    pub spacing: Spacing,
    /// From a marked frame's leaving to its return; none where nothing echoes.
    pub echo: Option<Delays>,
    /// From the last sound of a caller's sentence to the first of the answer; none where nobody spoke.
    pub answer: Option<Delays>,
    /// Sentences that nobody answered within ten seconds.
    pub unanswered: u64,
    /// How late the telephones themselves were: what is beyond this is the server's.
    pub telephones_late: Delays,
    /// Processor milliseconds of the server for a second of a call; none where its process is not to be seen.
    pub server_cpu_ms_per_call_second: Option<f64>,
    /// The same of the telephones.
    pub telephones_cpu_ms_per_call_second: Option<f64>,
    /// What the server's memory grew by, for each call, in KiB.
    pub server_kib_per_call: Option<f64>,
    /// The server before the first call.
    pub server_before: Option<Usage>,
    /// The server at the end of the window.
    pub server_loaded: Option<Usage>,
    /// The server some seconds after the last hang-up.
    pub server_after: Option<Usage>,
}

/// Intervals between frames, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spacing {
    /// Half of them are at most this.
    pub p50_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// 999 of 1,000.
    pub p999_ms: f64,
    /// The shortest of 999 of 1,000: a frame that comes early is as bad as one that comes late.
    pub p001_ms: f64,
    /// The longest.
    pub worst_ms: f64,
    /// Longer than 40 ms.
    pub gaps_over_40_ms: u64,
}

/// Delays in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Delays {
    /// How many were measured.
    pub count: u64,
    /// Half of them are at most this.
    pub p50_ms: f64,
    /// 95 of 100.
    pub p95_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// The longest.
    pub worst_ms: f64,
}

/// What processes used.
pub(super) struct Measured {
    pub(super) before: Option<Usage>,
    pub(super) used: Option<(Usage, Usage)>,
    pub(super) own: Option<(Usage, Usage)>,
    pub(super) after: Option<Usage>,
}

fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

impl Delays {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |share| ms(histogram.value_at_quantile(share));
        Self {
            count: histogram.len(),
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            worst_ms: ms(histogram.max()),
        }
    }

    fn of_any(histogram: &Histogram<u64>) -> Option<Self> {
        (!histogram.is_empty()).then(|| Self::of(histogram))
    }
}

impl Report {
    pub(super) fn new(
        plan: &Plan,
        tally: &Tally,
        progress: Progress,
        live: u64,
        window: Duration,
        measured: &Measured,
    ) -> Self {
        let call_seconds = tally.call_us as f64 / 1e6;
        let per_call_second = |used: Option<(Usage, Usage)>| {
            let (from, to) = used?;
            (call_seconds > 0.0).then(|| to.cpu.saturating_sub(from.cpu).as_secs_f64() * 1e3 / call_seconds)
        };
        let loaded = measured.used.map(|(_, loaded)| loaded);
        let at = |share| ms(tally.spacing.value_at_quantile(share));
        Self {
            calls: plan.calls,
            rate_hz: plan.rate.hz(),
            packet_ms: plan.packet_ms,
            seconds: window.as_secs_f64(),
            placed: progress.placed,
            established: live,
            refused: progress.refused,
            lost: progress.lost,
            frames_sent: tally.sent,
            frames_heard: tally.heard,
            frames_unread: tally.unread,
            spacing: Spacing {
                p50_ms: at(0.5),
                p99_ms: at(0.99),
                p999_ms: at(0.999),
                p001_ms: at(0.001),
                worst_ms: ms(tally.spacing.max()),
                gaps_over_40_ms: tally.gaps,
            },
            echo: Delays::of_any(&tally.echo),
            answer: Delays::of_any(&tally.answer),
            unanswered: tally.unanswered,
            telephones_late: Delays::of(&tally.late),
            server_cpu_ms_per_call_second: per_call_second(measured.used),
            telephones_cpu_ms_per_call_second: per_call_second(measured.own),
            server_kib_per_call: measured.before.zip(loaded).filter(|_| live > 0).map(|(before, loaded)| {
                (loaded.resident_kib as f64 - before.resident_kib as f64) / live as f64
            }),
            server_before: measured.before,
            server_loaded: loaded,
            server_after: measured.after,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, placed, established, refused, lost, .. } = self;
        writeln!(
            f,
            "{calls} calls at {} Hz in packets of {} ms, measured for {:.1} s",
            self.rate_hz, self.packet_ms, self.seconds
        )?;
        writeln!(
            f,
            "calls       {established} up at the end, {placed} placed, {refused} refused, {lost} lost"
        )?;
        writeln!(
            f,
            "frames      {} sent, {} not read in time, {} heard",
            self.frames_sent, self.frames_unread, self.frames_heard
        )?;
        let Spacing { p50_ms, p99_ms, p999_ms, p001_ms, worst_ms, gaps_over_40_ms } = self.spacing;
        writeln!(
            f,
            "spacing     p50 {p50_ms:.2} ms, p99 {p99_ms:.2}, p99.9 {p999_ms:.2} (p0.1 {p001_ms:.2}), worst {worst_ms:.2}; \
             {gaps_over_40_ms} gaps over 40 ms"
        )?;
        for (name, delays) in [("echo", self.echo), ("answer", self.answer)] {
            if let Some(Delays { count, p50_ms, p95_ms, p99_ms, worst_ms }) = delays {
                writeln!(
                    f,
                    "{name:11} p50 {p50_ms:.2} ms, p95 {p95_ms:.2}, p99 {p99_ms:.2}, worst {worst_ms:.2} of {count}"
                )?;
            }
        }
        if self.unanswered > 0 {
            writeln!(f, "unanswered  {} sentences", self.unanswered)?;
        }
        if let Some(cpu) = self.server_cpu_ms_per_call_second {
            writeln!(f, "server      {cpu:.3} ms of processor time for a second of a call")?;
        }
        if let (Some(kib), Some(before), Some(loaded), Some(after)) =
            (self.server_kib_per_call, self.server_before, self.server_loaded, self.server_after)
        {
            writeln!(
                f,
                "memory      {} KiB before, {} under load ({kib:.1} a call), {} after; descriptors {}, {}, {}",
                before.resident_kib,
                loaded.resident_kib,
                after.resident_kib,
                before.descriptors,
                loaded.descriptors,
                after.descriptors
            )?;
        }
        write!(
            f,
            "telephones  {:.3} ms for a second of a call; late by p50 {:.2} ms, p99 {:.2}, worst {:.2}",
            self.telephones_cpu_ms_per_call_second.unwrap_or(0.0),
            self.telephones_late.p50_ms,
            self.telephones_late.p99_ms,
            self.telephones_late.worst_ms
        )
    }
}
