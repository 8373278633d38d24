//! The figures of a demonstration, from the callers' side.

use std::time::Duration;

use serde_json::json;

use super::scene::Outcome;

/// What was measured.
#[derive(Debug)]
pub(super) struct Figures {
    ready_after: Duration,
    /// Per turn: from the caller's last sound to the agent's first, at the caller's ear.
    answers_ms: Vec<i64>,
    /// Per turn: from the caller's last sound to the decision that the turn is over.
    endpoint_ms: Vec<u64>,
    decode_ms: Vec<u32>,
    greeted_ms: Vec<u64>,
    idle_kib: u64,
    peak_kib: u64,
}

impl Figures {
    pub(super) fn new(ready_after: Duration) -> Self {
        Self {
            ready_after,
            answers_ms: Vec::new(),
            endpoint_ms: Vec::new(),
            decode_ms: Vec::new(),
            greeted_ms: Vec::new(),
            idle_kib: resident_kib().unwrap_or_default(),
            peak_kib: 0,
        }
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.answers_ms.extend(outcome.report.turns.iter().filter_map(|turn| turn.answer_after_ms));
        self.greeted_ms.extend(outcome.report.greeted_after_ms);
        self.endpoint_ms.extend(&outcome.endpoint_ms);
        self.decode_ms.extend(&outcome.decode_ms);
        self.peak_kib = self.peak_kib.max(resident_kib().unwrap_or_default());
    }

    pub(super) fn print(&self) {
        println!("\n== Figures");
        let line = |name: &str, what: String| println!("{name:<58} {what}");
        line("start-up to accepting calls", format!("{} ms", self.ready_after.as_millis()));
        let answers = quantiles(&self.answers_ms);
        line("answer after the caller's last sound, at the caller's ear", answers);
        line("  of which: deciding that the turn is over", quantiles(&self.endpoint_ms));
        line("decoding one utterance", quantiles(&self.decode_ms));
        line("greeting after the connection", quantiles(&self.greeted_ms));
        line(
            "resident memory (voice server, store and callers together)",
            format!("{} MiB idle, {} MiB at most in a call", self.idle_kib / 1024, self.peak_kib / 1024),
        );
    }

    pub(super) fn json(&self) -> String {
        let figures = json!({
            "ready_after_ms": u64::try_from(self.ready_after.as_millis()).unwrap_or(u64::MAX),
            "answers_ms": self.answers_ms,
            "endpoint_ms": self.endpoint_ms,
            "decode_ms": self.decode_ms,
            "greeted_ms": self.greeted_ms,
            "idle_kib": self.idle_kib,
            "peak_kib": self.peak_kib,
        });
        format!("{figures:#}\n")
    }
}

/// Median, 95th percentile (nearest rank) and count of milliseconds.
fn quantiles<T: Copy + Ord + std::fmt::Display>(values: &[T]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1));
    match (rank(50), rank(95)) {
        (Some(median), Some(p95)) => {
            format!("median {median} ms, p95 {p95} ms ({} values)", sorted.len())
        }
        _ => "no values".to_owned(),
    }
}

/// This process's resident memory (`VmRSS` of proc(5)).
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::quantiles;

    #[test]
    fn quantiles_are_nearest_ranks() {
        assert_eq!(quantiles(&[5]), "median 5 ms, p95 5 ms (1 values)");
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!(quantiles(&hundred), "median 50 ms, p95 95 ms (100 values)");
        assert_eq!(quantiles::<u32>(&[]), "no values");
    }
}
