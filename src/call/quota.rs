//! How often one number may call: whoever keeps the agent busy without end costs recognition, a language model and other
//! callers their places.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::ids::PhoneNumber;

/// Calls of the last hour, by number.
#[derive(Debug, Default)]
pub struct Quota(Mutex<HashMap<PhoneNumber, VecDeque<Instant>>>);

const HOUR: Duration = Duration::from_secs(3600);
/// Numbers that are remembered; beyond them those of the last hour are looked through for old ones, and then new ones pass
/// uncounted (chosen: more callers an hour than one server can talk to).
const NUMBERS: usize = 50_000;

impl Quota {
    /// Counts a call of this number, and whether it is within so many an hour; 0 is no limit. One that is not counts as
    /// well as one that is, but no number is counted further than its limit.
    pub(crate) fn takes(&self, number: &PhoneNumber, most: u32, now: Instant) -> bool {
        let most = most as usize;
        if most == 0 {
            return true;
        }
        let old = |at: &Instant| now.saturating_duration_since(*at) >= HOUR;
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if numbers.len() >= NUMBERS && !numbers.contains_key(number) {
            numbers.retain(|_, calls| calls.back().is_some_and(|last| !old(last)));
            if numbers.len() >= NUMBERS {
                return true;
            }
        }
        let calls = numbers.entry(number.clone()).or_default();
        while calls.front().is_some_and(old) {
            calls.pop_front();
        }
        let within = calls.len() < most;
        if !within {
            calls.pop_front();
        }
        calls.push_back(now);
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_calls_too_often_waits_and_no_other_does() {
        let number = |text: &str| PhoneNumber::try_from(text.to_owned()).expect("a number");
        let (one, other) = (number("+79161234567"), number("+375291234567"));
        let quota = Quota::default();
        let began = Instant::now();
        let at = |s| began + Duration::from_secs(s);
        assert!((0..3).all(|n| quota.takes(&one, 3, at(n))));
        assert!(!quota.takes(&one, 3, at(10)));
        assert!(quota.takes(&other, 3, at(10)));
        assert!(!quota.takes(&one, 3, at(3599)), "the one that was not taken counts too");
        assert!(quota.takes(&one, 3, at(3610)));
        assert!(quota.takes(&one, 0, at(3610)), "no limit");
    }
}
