//! The bodies of PayServiceApi.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use super::notice::{Notice, Outcome};
use super::source::{Means, Source};
use crate::store::market::pan;
use crate::store::money::Amount;
use crate::store::problem::{Code, Fault, Problem};

/// Money to be taken.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewPayment {
    pub(crate) order_id: Uuid,
    /// The order's total.
    pub(crate) amount: Amount,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub(crate) currency: String,
    method: Means,
    /// A provider's token, never a card's number; for `card`.
    #[schema(min_length = 1, max_length = 200)]
    card_token: Option<String>,
    /// For `phone`.
    phone: Option<String>,
}

masked!(NewPayment);

impl NewPayment {
    /// Where the money comes from.
    pub(crate) fn source(&self) -> Result<Source, Problem> {
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(Problem::field("/currency", "expected three capital letters such as RUB"));
        }
        let card = ("/cardToken", self.card_token.as_deref());
        let source = Source::of(Some(self.method), card, self.phone.as_deref())?;
        source.ok_or_else(|| Problem::field("/method", "expected a source of the money"))
    }
}

/// A payment that has begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartedPayment {
    pub(crate) payment_id: Uuid,
    /// `pending`, `paid`, `failed`, `cancelled`, `refund_pending`, `refunded`, `on_delivery`.
    pub(crate) status: String,
}

/// A payment.
#[derive(Debug, FromRow, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Payment)]
pub(crate) struct PaymentView {
    #[sqlx(rename = "id")]
    pub(crate) payment_id: Uuid,
    pub(crate) order_id: Uuid,
    /// `pending`, `paid`, `failed`, `cancelled`, `refund_pending`, `refunded`, `on_delivery`.
    pub(crate) status: String,
    #[sqlx(rename = "amount_minor")]
    pub(crate) amount: Amount,
    /// ISO 4217.
    pub(crate) currency: String,
    /// `card`, `phone`, `online`, `cash_on_delivery`, `card_on_delivery`.
    pub(crate) method: String,
    /// What has gone back, or is on its way.
    #[sqlx(rename = "refunded_minor")]
    refunded_amount: Amount,
    failure_code: Option<String>,
    failure_message: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl PaymentView {
    /// The payment as this transaction sees it.
    pub(crate) async fn read(conn: &mut PgConnection, id: Uuid) -> Result<Self, Fault> {
        let row: Option<Self> = sqlx::query_as(
            "select id, order_id, status, amount_minor, currency, method, refunded_minor, failure_code, \
             failure_message, created_at, updated_at from pay.payments where id = $1",
        )
        .bind(id)
        .fetch_optional(conn)
        .await?;
        let missing =
            || Problem::new(Code::NotFound, format!("expected a payment, found none with the id {id}"));
        Ok(row.ok_or_else(missing)?)
    }
}

/// What became of a payment or refund.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WordStatus {
    Succeeded,
    Failed,
}

/// A provider's word.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WordBody {
    status: WordStatus,
    failure_code: Option<String>,
    failure_message: Option<String>,
    /// Must be the payment's.
    order_id: Option<Uuid>,
    /// The refund, when the word is about one.
    refund_id: Option<Uuid>,
    /// Must be what was asked for.
    amount: Option<Amount>,
    currency: Option<String>,
}

impl WordBody {
    pub(crate) fn notice(self, payment: Uuid, order: Option<Uuid>) -> Notice {
        let outcome = outcome(self.status, self.failure_code.as_deref(), self.failure_message.as_deref());
        Notice {
            order: order.or(self.order_id),
            refund: self.refund_id,
            amount: self.amount,
            currency: self.currency,
            ..Notice::about(payment, outcome)
        }
    }
}

/// A status with the provider's reasons. A word about money is never refused for its wording: what would be too long, not
/// storable, or a card number is cut and struck out.
pub(crate) fn outcome(status: WordStatus, code: Option<&str>, message: Option<&str>) -> Outcome {
    let kept = |text: &str, most: usize| {
        let plain: String = text.chars().filter(|c| !c.is_control()).collect();
        pan::struck(&plain).chars().take(most).collect()
    };
    match status {
        WordStatus::Succeeded => Outcome::Succeeded,
        WordStatus::Failed => Outcome::Failed {
            code: code.map(|code| kept(code, 100)),
            message: message.map(|message| kept(message, 500)),
        },
    }
}

/// What a provider is told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeardWord {
    pub(crate) payment_id: Uuid,
    pub(crate) order_id: Uuid,
    /// The payment's status now.
    pub(crate) status: String,
}
