//! The names of the figures, what they mean and how finely they are counted.
//!
//! Names end in their unit; `_total` counts up since the start. Labels are few and come from fixed sets: never a call, a
//! number or an order.

/// A figure as it is described to Prometheus.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

/// How a figure counts.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Counter,
    Gauge,
    /// With these upper bounds.
    Histogram(&'static [f64]),
}

/// Bounds of any duration for which nothing finer is set, in seconds: a call's work lies between 5 ms and 10 s.
pub const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Bounds where tenths of a second are what a caller notices: 800 ms is the aim for an answer.
const ANSWER: &[f64] = &[0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0];
/// Bounds against the 20 ms frame.
const FRAME: &[f64] = &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.25, 1.0];
/// Bounds of a call's length.
const CALL: &[f64] = &[5.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1800.0, 3600.0];

/// From the end of the caller's last sound to the first frame of the answer: the figure promised to users.
pub const TURN_LATENCY_SECONDS: &str = "orderline_turn_latency_seconds";
/// How long the recogniser took for a turn.
pub const DECODE_SECONDS: &str = "orderline_decode_seconds";
/// From a completion request to its first word or tool call. Label `engine`.
pub const COMPLETION_FIRST_SECONDS: &str = "orderline_completion_first_seconds";
/// From a synthesis request to its first sound. Label `engine`.
pub const SYNTHESIS_FIRST_SECONDS: &str = "orderline_synthesis_first_seconds";
/// How late the latest 20 ms frame of each second of a call was sent against its schedule.
pub const WAKE_LATE_SECONDS: &str = "orderline_wake_late_seconds";
/// A call from accept to its end.
pub const CALL_SECONDS: &str = "orderline_call_seconds";
/// Calls ended. Label `cause`.
pub const CALLS_TOTAL: &str = "orderline_calls_total";
/// Calls that the dialplan announced as coming back because no person answered.
pub const RETURNS_TOTAL: &str = "orderline_returns_total";
/// Legs that are up now.
pub const LEGS: &str = "orderline_legs";
/// Times that a caller cut the agent short.
pub const BARGE_INS_TOTAL: &str = "orderline_barge_ins_total";
/// Tool calls of the thinker. Label `tool`.
pub const TOOL_CALLS_TOTAL: &str = "orderline_tool_calls_total";
/// Times that a worse engine had to take over. Label `from`.
pub const FALLBACKS_TOTAL: &str = "orderline_fallbacks_total";
/// Requests that found an engine's queue full. Label `engine`.
pub const LAGGED_TOTAL: &str = "orderline_lagged_total";
/// An order action with all its attempts. Labels `action`, `outcome`.
pub const STORE_SECONDS: &str = "orderline_store_seconds";
/// Attempts to reach the store. Label `end`: `answered`, `not_sent`, `lost`.
pub const STORE_ATTEMPTS_TOTAL: &str = "orderline_store_attempts_total";
/// 1 while the store is not asked, 0.5 while it is being probed.
pub const STORE_BREAKER: &str = "orderline_store_breaker";
/// Connections that never became a call. Label `why`.
pub const CALLS_REFUSED_TOTAL: &str = "orderline_calls_refused_total";
/// Calls that went to a person because their number calls too often.
pub const CALLS_OVER_QUOTA_TOTAL: &str = "orderline_calls_over_quota_total";
/// Calls whose task panicked; each is a bug.
pub const CALLS_PANICKED_TOTAL: &str = "orderline_calls_panicked_total";
/// Connections turned away at the door. Label `why`.
pub const CONNECTIONS_REFUSED_TOTAL: &str = "orderline_connections_refused_total";
/// Legs of calls that ended because of what their peer did. Label `why`: `garbage`, `flood`, `messages`, `rates`, `stuck`.
pub const PEER_FAULTS_TOTAL: &str = "orderline_peer_faults_total";
/// AudioSocket messages that were passed over. Label `what`.
pub const ODD_MESSAGES_TOTAL: &str = "orderline_odd_messages_total";
/// Errors that the peer reported (kind 0xff).
pub const PEER_ERRORS_TOTAL: &str = "orderline_peer_errors_total";
/// Calls with mu-law labelled as linear sound: a dialplan without c(slin).
pub const MU_LAW_CALLS_TOTAL: &str = "orderline_mu_law_calls_total";
/// Calls answered in another rate than the configured one.
pub const RATE_SWITCHES_TOTAL: &str = "orderline_rate_switches_total";
/// Times that a caller's sound changed its rate within a call.
pub const RATE_CHANGES_TOTAL: &str = "orderline_rate_changes_total";
/// Sound dropped because it came faster than time.
pub const FLOODED_MESSAGES_TOTAL: &str = "orderline_flooded_messages_total";
/// Callers that are in our Stasis application now.
pub const STASIS_CALLS: &str = "orderline_stasis_calls";
/// Callers who have left our Stasis application. Label `end`: `caller`, `agent`, `transferred`, `connected`, `released`,
/// `unfinished`, `broken`.
pub const STASIS_CALLS_TOTAL: &str = "orderline_stasis_calls_total";
/// From a caller's entry into our Stasis application to the agent's leg in the bridge.
pub const STASIS_SETUP_SECONDS: &str = "orderline_stasis_setup_seconds";
/// Callers who were found in our Stasis application and whom nobody served.
pub const STASIS_ORPHANS_TOTAL: &str = "orderline_stasis_orphans_total";
/// Steps that Asterisk's ARI refused or did not answer. Label `command`.
pub const ARI_COMMANDS_FAILED_TOTAL: &str = "orderline_ari_commands_failed_total";
/// Recordings that ended early because the disk was too slow or full.
pub const TAPES_LOST_TOTAL: &str = "orderline_tapes_lost_total";
/// Steps of order actions that the journal did not take. Label `what`.
pub const UNJOURNALED_TOTAL: &str = "orderline_unjournaled_total";
/// Log lines that nobody took in time.
pub const LOG_LINES_LOST_TOTAL: &str = "orderline_log_lines_lost_total";

/// Every figure that has a name here.
pub const ALL: &[Figure] = &[
    Figure {
        name: TURN_LATENCY_SECONDS,
        kind: Kind::Histogram(ANSWER),
        help: "From the end of the caller's last sound to the first frame of the answer",
    },
    Figure { name: DECODE_SECONDS, kind: Kind::Histogram(ANSWER), help: "Recognition of one turn" },
    Figure {
        name: COMPLETION_FIRST_SECONDS,
        kind: Kind::Histogram(ANSWER),
        help: "From a completion request to its first word or tool call",
    },
    Figure {
        name: SYNTHESIS_FIRST_SECONDS,
        kind: Kind::Histogram(SECONDS),
        help: "From a synthesis request to its first sound",
    },
    Figure {
        name: WAKE_LATE_SECONDS,
        kind: Kind::Histogram(FRAME),
        help: "How late the latest 20 ms frame of each second of a call was against its schedule",
    },
    Figure { name: CALL_SECONDS, kind: Kind::Histogram(CALL), help: "A call from accept to its end" },
    Figure { name: CALLS_TOTAL, kind: Kind::Counter, help: "Calls ended, by cause" },
    Figure { name: LEGS, kind: Kind::Gauge, help: "Legs that are up now" },
    Figure {
        name: CALLS_OVER_QUOTA_TOTAL,
        kind: Kind::Counter,
        help: "Calls that went to a person because their number calls too often",
    },
    Figure { name: BARGE_INS_TOTAL, kind: Kind::Counter, help: "Times that a caller cut the agent short" },
    Figure { name: TOOL_CALLS_TOTAL, kind: Kind::Counter, help: "Tool calls of the thinker, by tool" },
    Figure { name: FALLBACKS_TOTAL, kind: Kind::Counter, help: "Times that a worse engine had to take over" },
    Figure { name: LAGGED_TOTAL, kind: Kind::Counter, help: "Requests that found an engine's queue full" },
    Figure {
        name: STORE_SECONDS,
        kind: Kind::Histogram(SECONDS),
        help: "An order action with all its attempts, by action and outcome",
    },
    Figure {
        name: STORE_ATTEMPTS_TOTAL,
        kind: Kind::Counter,
        help: "Attempts to reach the store, by their end",
    },
    Figure {
        name: STORE_BREAKER,
        kind: Kind::Gauge,
        help: "1 while the store is not asked, 0.5 while it is being probed",
    },
    Figure {
        name: CALLS_REFUSED_TOTAL,
        kind: Kind::Counter,
        help: "Connections that never became a call, by reason",
    },
    Figure {
        name: CALLS_PANICKED_TOTAL,
        kind: Kind::Counter,
        help: "Calls whose task panicked; each is a bug",
    },
    Figure {
        name: CONNECTIONS_REFUSED_TOTAL,
        kind: Kind::Counter,
        help: "Connections turned away at the door, by reason",
    },
    Figure {
        name: PEER_FAULTS_TOTAL,
        kind: Kind::Counter,
        help: "Legs of calls that ended because of what their peer did, by reason",
    },
    Figure {
        name: ODD_MESSAGES_TOTAL,
        kind: Kind::Counter,
        help: "AudioSocket messages that were passed over, by what was wrong",
    },
    Figure { name: PEER_ERRORS_TOTAL, kind: Kind::Counter, help: "Errors that the peer reported" },
    Figure {
        name: MU_LAW_CALLS_TOTAL,
        kind: Kind::Counter,
        help: "Calls with mu-law labelled as linear sound: a dialplan without c(slin)",
    },
    Figure { name: RETURNS_TOTAL, kind: Kind::Counter, help: "Calls taken back because no person answered" },
    Figure {
        name: RATE_SWITCHES_TOTAL,
        kind: Kind::Counter,
        help: "Calls answered in another rate than the configured one",
    },
    Figure {
        name: RATE_CHANGES_TOTAL,
        kind: Kind::Counter,
        help: "Times that a caller's sound changed its rate within a call",
    },
    Figure {
        name: FLOODED_MESSAGES_TOTAL,
        kind: Kind::Counter,
        help: "Messages of sound dropped because they came faster than time",
    },
    Figure { name: STASIS_CALLS, kind: Kind::Gauge, help: "Callers that are in our Stasis application now" },
    Figure {
        name: STASIS_CALLS_TOTAL,
        kind: Kind::Counter,
        help: "Callers who have left our Stasis application, by how",
    },
    Figure {
        name: STASIS_SETUP_SECONDS,
        kind: Kind::Histogram(SECONDS),
        help: "From a caller's entry into our Stasis application to the agent's leg in the bridge",
    },
    Figure {
        name: STASIS_ORPHANS_TOTAL,
        kind: Kind::Counter,
        help: "Callers who were found in our Stasis application and whom nobody served",
    },
    Figure {
        name: ARI_COMMANDS_FAILED_TOTAL,
        kind: Kind::Counter,
        help: "Steps that Asterisk's ARI refused or did not answer, by step",
    },
    Figure {
        name: TAPES_LOST_TOTAL,
        kind: Kind::Counter,
        help: "Recordings that ended early because the disk was too slow or full",
    },
    Figure {
        name: UNJOURNALED_TOTAL,
        kind: Kind::Counter,
        help: "Steps of order actions that the journal did not take, by step",
    },
    Figure { name: LOG_LINES_LOST_TOTAL, kind: Kind::Counter, help: "Log lines that nobody took in time" },
];

/// Tells the recorder what the figures mean.
pub(super) fn describe() {
    for figure in ALL {
        match figure.kind {
            Kind::Counter => metrics::describe_counter!(figure.name, figure.help),
            Kind::Gauge => metrics::describe_gauge!(figure.name, figure.help),
            Kind::Histogram(_) => metrics::describe_histogram!(figure.name, figure.help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_in_their_unit_and_bounds_rise() {
        for figure in ALL {
            assert!(figure.name.starts_with("orderline_"), "{}", figure.name);
            match figure.kind {
                Kind::Counter => assert!(figure.name.ends_with("_total"), "{}", figure.name),
                Kind::Gauge => assert!(!figure.name.ends_with("_total"), "{}", figure.name),
                Kind::Histogram(bounds) => {
                    assert!(figure.name.ends_with("_seconds"), "{}", figure.name);
                    assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{}", figure.name);
                }
            }
        }
    }
}
