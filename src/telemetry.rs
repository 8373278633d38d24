//! What the process tells of itself: logs on standard error, figures for Prometheus.
//!
//! Both are made so that nobody who carries a call ever waits for them. A log line is handed to a thread of its own
//! through a bounded queue (`lines`); when that is full, because nobody reads standard error, the line is lost and
//! counted. Figures are atomics.

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::TryInitError;

pub mod figures;
mod impersonal;
mod lines;
mod sparing;

pub use impersonal::impersonal;
pub use lines::LogGuard;
pub use sparing::{KeptBack, SPARING_FOR, Sparing};

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What is logged, as directives of `tracing`: `info`, `warn,orderline::call=debug`. The variable RUST_LOG wins.
    pub filter: String,
    /// `text` for people, `json` for machines: one object a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self { filter: "info,whisper_rs=warn,async_openai=off".to_owned(), format: LogFormat::Text }
    }
}

impl Settings {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        match EnvFilter::try_new(&self.filter) {
            Ok(_) => Vec::new(),
            Err(error) => vec![format!("filter: expected directives such as info,orderline=debug: {error}")],
        }
    }
}

/// Why the process cannot tell of itself.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("expected a log filter such as info,orderline=debug")]
    Filter(#[from] ParseError),
    #[error("expected to be the first to set up logging")]
    Logs(#[from] TryInitError),
    #[error("expected to set up the figures")]
    Figures(#[from] BuildError),
    #[error("expected to start the thread that writes the log")]
    Thread(#[from] std::io::Error),
}

/// Starts logging to standard error. Keep the guard until the process ends: dropping it writes out what is queued.
///
/// # Errors
/// A wrong filter, or logging that was already set up.
pub fn start_logs(settings: &Settings) -> Result<LogGuard, TelemetryError> {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => EnvFilter::try_new(directives)?,
        _ => EnvFilter::try_new(&settings.filter)?,
    };
    let (lines, guard) = lines::start(std::io::stderr())?;
    let registry = tracing_subscriber::registry().with(filter);
    match settings.format {
        LogFormat::Text => {
            let colour = std::io::stderr().is_terminal();
            let layer = tracing_subscriber::fmt::layer().with_ansi(colour).with_writer(lines);
            registry.with(layer).try_init()?;
        }
        LogFormat::Json => {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(lines);
            registry.with(layer).try_init()?;
        }
    }
    Ok(guard)
}

/// The process's figures.
#[derive(Clone, Debug)]
pub struct Figures {
    handle: PrometheusHandle,
}

// Chosen: how often samples are folded into their buckets, so that they do not pile up while nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

impl Figures {
    /// Starts collecting for the whole process.
    ///
    /// # Errors
    /// Somebody else already collects.
    pub fn install() -> Result<Self, TelemetryError> {
        let handle = builder()?.install_recorder()?;
        figures::describe();
        Ok(Self { handle })
    }

    /// All figures in Prometheus's text format 0.0.4.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Keeps the figures' memory bounded; runs for ever, so spawn it.
    pub async fn keep_up(self) {
        let mut every = tokio::time::interval(UPKEEP);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            self.handle.run_upkeep();
        }
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let mut builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), figures::SECONDS)?;
    for figure in figures::ALL {
        if let figures::Kind::Histogram(buckets) = figure.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(figure.name.to_owned()), buckets)?;
        }
    }
    Ok(builder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_wrong_filter_is_told() {
        assert!(Settings::default().problems().is_empty());
        let settings = Settings { filter: "orderline=loud".to_owned(), ..Settings::default() };
        assert!(settings.problems()[0].contains("expected directives"), "{:?}", settings.problems());
    }

    #[test]
    fn a_latency_is_rendered_in_buckets_that_a_telephone_needs() {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            figures::describe();
            metrics::histogram!(figures::TURN_LATENCY_SECONDS).record(0.75);
            metrics::histogram!("some_other_seconds").record(0.75);
        });
        let text = recorder.handle().render();
        for line in [
            "# HELP orderline_turn_latency_seconds ",
            "# TYPE orderline_turn_latency_seconds histogram",
            "orderline_turn_latency_seconds_bucket{le=\"0.7\"} 0",
            "orderline_turn_latency_seconds_bucket{le=\"0.8\"} 1",
            "some_other_seconds_bucket{le=\"1\"} 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
