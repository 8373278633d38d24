//! One question to the store with its retries, its deadline and the breaker, and what is then certain about it.

use std::hash::BuildHasher;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::breaker::{Breaker, BreakerState, Permit, SLOW};
use super::forms::Problem;
use super::settings::{Idempotency, Settings};
use crate::orders::{ProblemCode, Rejection};

// Specified: at most three attempts, a random pause of 100 to 800 ms between them.
const ATTEMPTS: u32 = 3;
const PAUSE_LEAST_MS: u64 = 100;
const PAUSE_MOST_MS: u64 = 800;
// Chosen: an attempt that has less than this left of the deadline could only be lost.
const ATTEMPT_LEAST: Duration = Duration::from_millis(50);

/// One HTTP request to the store.
#[derive(Clone, Debug)]
pub struct StoreRequest {
    /// `GET`, `POST`, `PUT` or `PATCH`.
    pub method: &'static str,
    /// Below `/api/v1/`, made only of fixed words and UUIDs.
    pub path: String,
    /// Query parameters, not yet encoded.
    pub query: Vec<(&'static str, String)>,
    /// A JSON body.
    pub body: Option<Bytes>,
    /// Sent as `Idempotency-Key`.
    pub key: Option<Uuid>,
    /// Sent as `If-Match`: the version that the order must still have.
    pub version: Option<u32>,
    /// An earlier run may have sent it, and nobody knows what came of it.
    pub again: bool,
    /// A shop's Store API may be without it: then that is found out, and no sign of a store that is ill.
    pub optional: bool,
}

impl StoreRequest {
    pub(super) fn get(path: impl Into<String>, query: Vec<(&'static str, String)>) -> Self {
        Self {
            method: "GET",
            path: path.into(),
            query,
            body: None,
            key: None,
            version: None,
            again: false,
            optional: false,
        }
    }

    /// Whether it may change something in the store.
    pub fn mutates(&self) -> bool {
        self.method != "GET"
    }
}

/// One HTTP answer of the store, its body whole.
#[derive(Clone, Debug, Default)]
pub struct StoreResponse {
    pub status: u16,
    /// `Retry-After` in seconds; a date there counts as none.
    pub retry_after: Option<Duration>,
    /// `Location`, as it came.
    pub location: Option<String>,
    /// `Idempotent-Replayed: true`: the answer to an earlier request with this key.
    pub replayed: bool,
    pub body: Bytes,
}

/// Why an attempt brought no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// Not a byte of the request reached the store.
    #[error("the store was not reached: {0}")]
    NotSent(String),
    /// The request may have reached the store.
    #[error("the answer was lost: {0}")]
    Lost(String),
}

/// What carries one attempt; HTTP in earnest, a script in tests of time.
pub trait Transport: Send + Sync {
    /// Sends the request and reads the whole answer. The time limit is the caller's.
    fn send(&self, request: &StoreRequest) -> impl Future<Output = Result<StoreResponse, Loss>> + Send;
}

/// What became of one attempt, for the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    pub took_ms: u64,
    pub end: AttemptEnd,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum AttemptEnd {
    /// The store answered, well or ill.
    Answered {
        status: u16,
        /// The answer to an earlier request with the same key.
        replayed: bool,
        /// SHA-256 of the body, in hex.
        body_sha256: String,
    },
    /// Certainly nothing reached the store.
    NotSent { detail: String },
    /// The request may have reached the store.
    Lost { detail: String },
}

impl AttemptEnd {
    /// `answered`, `not_sent` or `lost`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::NotSent { .. } => "not_sent",
            Self::Lost { .. } => "lost",
        }
    }
}

/// What is certain after the last attempt.
#[derive(Debug)]
pub(super) enum Ending {
    /// A 2xx.
    Answered(StoreResponse),
    /// The store understood and said no.
    Refused(Rejection),
    /// Only of an optional request: the store has no such path or method, so nothing was done. With a rejection it may as
    /// well be the order that it does not find.
    Absent(Option<Rejection>),
    /// It was certainly not carried out: not asked, not reached, or turned away before it was looked at.
    NotDone,
    /// It may or may not have been carried out.
    Doubtful,
}

/// What one attempt teaches.
enum Lesson {
    Final(Ending),
    Retry { after: Option<Duration> },
}

/// The memory of an exchange over its attempts.
struct Course<'a> {
    request: &'a StoreRequest,
    /// Some attempt may have been carried out.
    doubtful: bool,
    /// The store is ill: for the breaker.
    failed: bool,
}

pub(super) async fn exchange<T: Transport>(
    transport: &T,
    breaker: &Breaker,
    settings: &Settings,
    request: &StoreRequest,
    deadline: Instant,
    on_attempt: &mut (dyn FnMut(Attempt) + Send),
) -> Ending {
    let Some(permit) = breaker.admit(request.mutates()) else {
        return Ending::NotDone;
    };
    let attempts = match settings.idempotency {
        _ if permit.is_probe() => 1,
        _ if !request.mutates() => ATTEMPTS,
        Idempotency::Keyed if request.key.is_some() => ATTEMPTS,
        _ => 1,
    };
    let limit = settings.attempt_timeout(request.mutates());
    let mut course = Course { request, doubtful: false, failed: false };
    for number in 1..=attempts {
        let began = Instant::now();
        let left = deadline.saturating_duration_since(began);
        if left < ATTEMPT_LEAST || (number > 1 && breaker_shut(breaker, &permit)) {
            if number == 1 {
                // Never asked: no verdict on the store.
                return Ending::NotDone;
            }
            break;
        }
        let limit = limit.min(left);
        let result = timeout(limit, transport.send(request)).await.unwrap_or_else(|_| {
            Err(Loss::Lost(format!("expected an answer within {} ms, found none", limit.as_millis())))
        });
        let took = began.elapsed();
        course.failed = took > SLOW;
        on_attempt(Attempt { number, took_ms: took.as_millis() as u64, end: end_of(&result) });
        match course.learn(result) {
            Lesson::Final(ending) => {
                permit.settle(course.failed);
                return ending;
            }
            Lesson::Retry { after } => {
                let pause = after.unwrap_or_else(|| pause(number));
                // `Retry-After` may be any number, so the sum is checked.
                let next = Instant::now().checked_add(pause.saturating_add(ATTEMPT_LEAST));
                if number == attempts || next.is_none_or(|next| next > deadline) {
                    break;
                }
                sleep(pause).await;
            }
        }
    }
    permit.settle(course.failed);
    course.unanswered()
}

fn breaker_shut(breaker: &Breaker, permit: &Permit<'_>) -> bool {
    !permit.is_probe() && breaker.state() != BreakerState::Closed
}

impl Course<'_> {
    fn learn(&mut self, result: Result<StoreResponse, Loss>) -> Lesson {
        let response = match result {
            Ok(response) => response,
            Err(loss) => {
                tracing::debug!(path = self.request.path, %loss, "no answer from the store");
                self.doubtful |= matches!(loss, Loss::Lost(_));
                self.failed = true;
                return Lesson::Retry { after: None };
            }
        };
        let after = response.retry_after;
        // After an attempt that may have been carried out, a proxy's word is no proof that it was not.
        if self.request.optional
            && !self.doubtful
            && let Some(ending) = absent(&response)
        {
            return Lesson::Final(ending);
        }
        match response.status {
            200..=299 => Lesson::Final(Ending::Answered(response)),
            502..=504 => {
                self.doubtful = true;
                self.failed = true;
                Lesson::Retry { after }
            }
            500..=599 => {
                self.doubtful = true;
                self.failed = true;
                Lesson::Final(self.unanswered())
            }
            400..=499 => self.refused(&response),
            // Redirects are not followed, and nothing else is an answer of a Store API.
            status => {
                tracing::error!(
                    status,
                    path = self.request.path,
                    "expected a Store API, found another answer"
                );
                Lesson::Final(self.unanswered())
            }
        }
    }

    fn refused(&mut self, response: &StoreResponse) -> Lesson {
        let problem = Problem::read(response);
        match response.status {
            // Another request with this key is being carried out right now: ours or an earlier one.
            409 if problem.in_progress => {
                self.doubtful = true;
                return Lesson::Retry { after: response.retry_after };
            }
            429 if problem.rejection.code != ProblemCode::TooManyOrders => {
                return Lesson::Retry { after: response.retry_after };
            }
            401 | 403 => {
                tracing::error!(
                    status = response.status,
                    path = self.request.path,
                    "the store refuses our token"
                );
                return Lesson::Final(self.unanswered());
            }
            // A page: whatever stands before the store does not find the store.
            404 if !problem.is_document => {
                tracing::error!(
                    status = response.status,
                    path = self.request.path,
                    "expected a problem document of a Store API, found another answer"
                );
                return Lesson::Final(self.unanswered());
            }
            _ => {}
        }
        if (self.doubtful || self.request.again) && !problem.is_decided(response) {
            return Lesson::Final(Ending::Doubtful);
        }
        Lesson::Final(Ending::Refused(problem.rejection))
    }

    fn unanswered(&self) -> Ending {
        if self.doubtful { Ending::Doubtful } else { Ending::NotDone }
    }
}

/// What is no answer to an optional request but the lack of one.
fn absent(response: &StoreResponse) -> Option<Ending> {
    match response.status {
        405 | 501 => Some(Ending::Absent(None)),
        404 => Some(Ending::Absent(Some(Problem::read(response).rejection))),
        _ => None,
    }
}

fn end_of(result: &Result<StoreResponse, Loss>) -> AttemptEnd {
    match result {
        Ok(response) => AttemptEnd::Answered {
            status: response.status,
            replayed: response.replayed,
            body_sha256: sha256_hex(&response.body),
        },
        Err(Loss::NotSent(detail)) => AttemptEnd::NotSent { detail: detail.clone() },
        Err(Loss::Lost(detail)) => AttemptEnd::Lost { detail: detail.clone() },
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    use sha2::Digest;
    let mut hex = String::with_capacity(64);
    for byte in sha2::Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// A random pause after the n-th attempt, so that many callers do not come back together: 100 to 400 ms, then 100 to 800.
fn pause(number: u32) -> Duration {
    let most = (PAUSE_LEAST_MS << (2 * number.min(8))).min(PAUSE_MOST_MS);
    // The standard library's per-process random hasher, keyed anew each time: no generator needed for a pause.
    let random = std::hash::RandomState::new().hash_one(number);
    Duration::from_millis(PAUSE_LEAST_MS + random % (most - PAUSE_LEAST_MS + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_within_their_bounds_and_differ() {
        for (number, most) in [(1, 400), (2, 800), (3, 800), (30, 800)] {
            let pauses: std::collections::BTreeSet<_> = (0..200).map(|_| pause(number).as_millis()).collect();
            assert!(pauses.iter().all(|ms| (100..=most).contains(ms)), "{number}: {pauses:?}");
            assert!(pauses.len() > 20, "{number}: {pauses:?}");
        }
    }
}
