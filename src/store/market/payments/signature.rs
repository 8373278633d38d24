//! The signature of a payment provider's callback.
//!
//! `X-Orderline-Timestamp` is the time in seconds since 1970, `X-Orderline-Signature` is `v1=` and, in hexadecimal, the
//! HMAC-SHA256 with `shop.pay.callback_secret` over `TIMESTAMP.ID.BODY`, where ID is the one in the path (of the payment,
//! or of the order) in its hyphenated lower-case form. A signed body says what happened but not to what: with the id in
//! the signature, the word about one payment is none about another. What is repeated within the five minutes does no harm:
//! a payment and a refund end once, and the same word again changes nothing.

use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::store::problem::{Code, Problem};

/// When it was signed.
pub(crate) const TIMESTAMP: &str = "x-orderline-timestamp";
/// The signature.
pub(crate) const SIGNATURE: &str = "x-orderline-signature";
/// How far the two clocks may differ, in seconds.
const WINDOW_S: u64 = 300;

/// The value of the signature's header.
pub(crate) fn sign(secret: &SecretString, at: i64, about: Uuid, body: &[u8]) -> String {
    let tag = hmac::sign(&key(secret), &signed(at, about, body));
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={hex}")
}

/// Whether a request shows a signature at all.
pub(crate) fn is_shown(headers: &HeaderMap) -> bool {
    headers.contains_key(SIGNATURE) || headers.contains_key(TIMESTAMP)
}

/// Checks the signature of a callback, in constant time.
///
/// # Errors
/// `not-configured` without a secret; `wrong-signature`, in the same words for a missing, forged or stale one.
pub(crate) fn verify(
    secret: Option<&SecretString>,
    headers: &HeaderMap,
    about: Uuid,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let missing = || Problem::new(Code::NotConfigured, "shop.pay.callback_secret is not set");
    let secret = secret.ok_or_else(missing)?;
    let good = || {
        let at = one(headers, TIMESTAMP)?.parse::<i64>().ok()?;
        let tag = unhex(one(headers, SIGNATURE)?.strip_prefix("v1=")?)?;
        hmac::verify(&key(secret), &signed(at, about, body), &tag).ok()?;
        (now.timestamp().abs_diff(at) <= WINDOW_S).then_some(())
    };
    good().ok_or_else(|| {
        let detail = "expected a signature of this body and path that is no older than five minutes";
        Problem::new(Code::WrongSignature, detail)
    })
}

fn key(secret: &SecretString) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes())
}

fn signed(at: i64, about: Uuid, body: &[u8]) -> Vec<u8> {
    let mut signed = format!("{at}.{about}.").into_bytes();
    signed.extend_from_slice(body);
    signed
}

/// The value of a header that stands there exactly once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_signature_is_good_for_its_own_body_path_secret_and_time() {
        let secret = SecretString::from("0123456789abcdef0123456789abcdef");
        let (about, now) = (Uuid::from_u128(7), Utc::now());
        let at = now.timestamp();
        let checked = |at: i64, signature: &str, about, body: &[u8], secret| {
            let mut headers = HeaderMap::new();
            headers.insert(TIMESTAMP, at.to_string().parse().unwrap());
            headers.insert(SIGNATURE, signature.parse().unwrap());
            verify(secret, &headers, about, body, now).map_err(|problem| problem.code)
        };
        let signature = sign(&secret, at, about, b"{}");
        assert_eq!(checked(at, &signature, about, b"{}", Some(&secret)), Ok(()));
        let other = SecretString::from("0123456789abcdef0123456789abcdeF");
        let wrong = Err(Code::WrongSignature);
        assert_eq!(checked(at, &signature, about, b"{} ", Some(&secret)), wrong);
        assert_eq!(checked(at, &signature, Uuid::from_u128(8), b"{}", Some(&secret)), wrong);
        assert_eq!(checked(at, &signature, about, b"{}", Some(&other)), wrong);
        assert_eq!(checked(at + 1, &signature, about, b"{}", Some(&secret)), wrong);
        for age in [-301, 301] {
            let stale = sign(&secret, at + age, about, b"{}");
            assert_eq!(checked(at + age, &stale, about, b"{}", Some(&secret)), wrong);
        }
        for nonsense in ["", "v1=", "v1=zz", &signature[3..], &format!("{signature}00"), "v2=00"] {
            assert_eq!(checked(at, nonsense, about, b"{}", Some(&secret)), wrong, "{nonsense}");
        }
        assert_eq!(checked(at, &signature, about, b"{}", None), Err(Code::NotConfigured));
        let bare = verify(Some(&secret), &HeaderMap::new(), about, b"", now);
        assert_eq!(bare.map_err(|problem| problem.code), wrong);
    }
}
