//! A payment provider without money, in this process: it decides by the card's token and really calls back over HTTP,
//! signed, as a provider outside would.
//!
//! `tok_ok…` and telephone numbers succeed; `tok_declined…` and `tok_insufficient_funds…` fail; `tok_timeout…` is never
//! answered; every other token is unknown and fails. Refunds succeed. What it has in hand is forgotten when the process
//! ends: a charge then runs out as if it had never been answered, a refund is asked for again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use futures_util::future::BoxFuture;
use reqwest::header::CONTENT_TYPE;
use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::provider::{Charge, Provider, ProviderError, Refund};
use super::signature;
use crate::store::money::Amount;

/// Questions in hand at once; one more is told to come again.
const IN_HAND: usize = 256;
/// How often a callback is tried.
const ATTEMPTS: u32 = 8;
/// How long one attempt may take.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// The provider.
pub(crate) struct Sandbox {
    client: reqwest::Client,
    callback_url: String,
    secret: SecretString,
    think: Duration,
    in_hand: Arc<Semaphore>,
    stop: CancellationToken,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("callback_url", &self.callback_url).finish_non_exhaustive()
    }
}

/// The body of a callback.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Word {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_message: Option<&'static str>,
    order_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<Uuid>,
    amount: Amount,
    currency: String,
}

impl Sandbox {
    /// A provider that calls back under `callback_url`, until `stop`.
    pub(crate) fn new(
        callback_url: &str,
        secret: SecretString,
        think: Duration,
        stop: CancellationToken,
    ) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(CALL_LIMIT)
            // The address comes from the settings; where it points on to does not.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let callback_url = callback_url.trim_end_matches('/').to_owned();
        Ok(Self { client, callback_url, secret, think, in_hand: Arc::new(Semaphore::new(IN_HAND)), stop })
    }

    /// Thinks, and then says what became of it. `None` is never said.
    fn answer(&self, payment: Uuid, word: Option<Word>) -> Result<String, ProviderError> {
        let Ok(permit) = self.in_hand.clone().try_acquire_owned() else {
            return Err(ProviderError::Unavailable("too many questions at once"));
        };
        let reference = format!("sandbox-{}", Uuid::now_v7().simple());
        let Some(word) = word else { return Ok(reference) };
        let body = serde_json::to_vec(&word).map_err(|_| ProviderError::Refused("no word for it"))?;
        let (client, secret, think) = (self.client.clone(), self.secret.clone(), self.think);
        let url = format!("{}/api/v1/payments/{payment}/notify", self.callback_url);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let said = async {
                tokio::time::sleep(think).await;
                call_back(&client, &url, &secret, payment, body).await;
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = said => {}
            }
        });
        Ok(reference)
    }
}

/// Says it until it is heard, or refused for good.
async fn call_back(client: &reqwest::Client, url: &str, secret: &SecretString, payment: Uuid, body: Vec<u8>) {
    let mut pause = Duration::from_millis(100);
    for attempt in 1..=ATTEMPTS {
        let at = Utc::now().timestamp();
        let call = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(signature::TIMESTAMP, at)
            .header(signature::SIGNATURE, signature::sign(secret, at, payment, &body))
            .body(body.clone());
        // The answer's body is not read: its size is the other side's, and its status says all.
        match call.send().await.map(|response| response.status().as_u16()) {
            Ok(200..=299) => return,
            Ok(status @ (300..=407 | 410..=428 | 430..=499)) => {
                tracing::warn!(payment.id = %payment, status, "the sandbox's callback was refused");
                return;
            }
            Ok(status) => tracing::debug!(payment.id = %payment, attempt, status, "calling back again"),
            Err(error) => {
                let error = error.without_url();
                tracing::debug!(payment.id = %payment, attempt, %error, "calling back again");
            }
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2);
    }
    tracing::warn!(payment.id = %payment, "the sandbox's callback was not heard");
}

/// What the sandbox makes of a token or number: `None` is no answer.
fn decide(source: &str) -> Option<Result<(), (&'static str, &'static str)>> {
    match source {
        number if number.starts_with('+') => Some(Ok(())),
        token if token.starts_with("tok_ok") => Some(Ok(())),
        token if token.starts_with("tok_declined") => Some(Err(("declined", "the bank declines"))),
        token if token.starts_with("tok_insufficient_funds") => {
            Some(Err(("insufficient_funds", "there is not enough money")))
        }
        token if token.starts_with("tok_timeout") => None,
        _ => Some(Err(("unknown_token", "the sandbox does not know this token"))),
    }
}

impl Provider for Sandbox {
    fn charge<'a>(&'a self, charge: &'a Charge) -> BoxFuture<'a, Result<String, ProviderError>> {
        let word = decide(&charge.source).map(|decision| Word {
            status: if decision.is_ok() { "succeeded" } else { "failed" },
            failure_code: decision.err().map(|(code, _)| code),
            failure_message: decision.err().map(|(_, message)| message),
            order_id: charge.order,
            refund_id: None,
            amount: charge.amount,
            currency: charge.currency.clone(),
        });
        Box::pin(async move { self.answer(charge.payment, word) })
    }

    fn refund<'a>(&'a self, refund: &'a Refund) -> BoxFuture<'a, Result<String, ProviderError>> {
        let word = Word {
            status: "succeeded",
            failure_code: None,
            failure_message: None,
            order_id: refund.order,
            refund_id: Some(refund.refund),
            amount: refund.amount,
            currency: refund.currency.clone(),
        };
        Box::pin(async move { self.answer(refund.payment, Some(word)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_decides_by_the_token() {
        assert_eq!(decide("tok_ok_visa"), Some(Ok(())));
        assert_eq!(decide("+79161234567"), Some(Ok(())));
        assert_eq!(decide("tok_timeout"), None);
        let code = |source| decide(source).and_then(Result::err).map(|(code, _)| code);
        assert_eq!(code("tok_declined"), Some("declined"));
        assert_eq!(code("tok_insufficient_funds_1"), Some("insufficient_funds"));
        assert_eq!(code("tok_something"), Some("unknown_token"));
    }
}
