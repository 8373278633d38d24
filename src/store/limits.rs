//! How often somebody may ask: requests in all, and orders looked up that are not there.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::App;
use super::auth::Credential;
use super::problem::{Code, Problem};

/// The counters of one kind, by who asks.
#[derive(Debug)]
pub(crate) struct Limit(Option<DefaultKeyedRateLimiter<String>>);

impl Limit {
    /// So many at once, and so many a minute; no limit when 0.
    pub(crate) fn per_minute(most: u32) -> Self {
        Self(NonZeroU32::new(most).map(|most| RateLimiter::keyed(Quota::per_minute(most))))
    }

    /// Counts one more of `who`.
    ///
    /// # Errors
    /// `too-many-requests`, with when to ask again.
    pub(crate) fn count(&self, who: &str) -> Result<(), Problem> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        limiter.check_key(&who.to_owned()).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Problem::new(Code::TooManyRequests, "expected fewer requests").after(seconds.max(1))
        })
    }

    /// Forgets whoever has not asked for a while.
    pub(crate) fn forget(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// All counters.
#[derive(Debug)]
pub(crate) struct Limits {
    requests: Limit,
    misses: Limit,
    /// Sign-ins, registrations and codes, by address and by account.
    pub(crate) guesses: Limit,
}

impl Limits {
    pub(crate) fn new(settings: &super::settings::LimitSettings) -> Self {
        Self {
            requests: Limit::per_minute(settings.requests_per_min),
            misses: Limit::per_minute(settings.misses_per_min),
            guesses: Limit::per_minute(settings.guesses_per_min),
        }
    }

    /// Forgets whoever has been quiet; called now and then, so that addresses do not pile up.
    pub(crate) fn forget(&self) {
        for limit in [&self.requests, &self.misses, &self.guesses] {
            limit.forget();
        }
    }
}

/// Whoever asks: the owner of the credential, else the network they come from.
fn who(request: &Request) -> String {
    if let Some(Credential::Good(principal)) = request.extensions().get::<Credential>() {
        return principal.subject.clone();
    }
    network(request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip()))
}

/// An address as it is counted: an IPv6 network is one subscriber (RFC 6177).
pub(crate) fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(address)) => {
            let s = address.segments();
            format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
        }
        Some(address) => address.to_string(),
        None => "unknown".to_owned(),
    }
}

/// The layer: refuses whoever asks too often, and whoever looks for too many orders that are not there, so that nobody
/// finds other people's orders by trying.
pub(crate) async fn within(State(app): State<App>, request: Request, next: Next) -> Response {
    let who = who(&request);
    if let Err(problem) = app.limits.requests.count(&who) {
        return problem.into_response();
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND
        && let Err(problem) = app.limits.misses.count(&who)
    {
        return problem.into_response();
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn one_who_asks_too_often_waits_and_nobody_else_does() {
        let limit = Limit::per_minute(3);
        for _ in 0..3 {
            limit.count("one").unwrap();
        }
        assert_eq!(limit.count("one").unwrap_err().code, Code::TooManyRequests);
        assert!(limit.count("another").is_ok());
        let none = Limit::per_minute(0);
        assert!((0..1000).all(|_| none.count("one").is_ok()));
    }

    #[test]
    fn an_address_is_counted_by_its_network() {
        let network = |text: &str| network(Some(text.parse().unwrap()));
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::9"), network("2001:db8:1:3::9"));
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
