//! Orders as the voice server knows them: nouns, the tools a model may call, and the client of the Store API.
//!
//! The nouns here are what the conversation, the audit and the engines share. The store's own tables and wire forms are
//! not: the client translates, so that any shop's store can stand behind it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{PhoneNumber, Pii, RequestId};

pub mod client;
mod money;
pub mod tools;

pub use money::{Currency, Money};
pub use tools::ToolName;

/// What the order desk is asked to do, with everything it needs and nothing that a model chose about money or identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum OrderAction {
    /// `GET /orders/search`: the caller's own orders, or one by number (still only the caller's own).
    SearchOrders { phone: Option<PhoneNumber>, order_number: Option<String> },
    /// `GET /orders/{id}`.
    OrderDetails { order_id: Uuid },
    /// `GET /products?q=`: words and digits as the caller means them (`205 55 16 winter nokian`).
    FindProducts { query: String },
    /// `POST /orders`, keyed.
    CreateDraft { lines: Vec<DraftLine>, phone: PhoneNumber, name: Option<Pii<String>> },
    /// `PUT /orders/{id}/lines`, keyed: these lines instead of all that the draft has; its delivery stays. Only of the draft
    /// at this version (0: of any), so that a change which arrives late never undoes a later one.
    ChangeLines { order_id: Uuid, version: u32, lines: Vec<DraftLine> },
    /// `GET /pickup-points`; all cities when `city` is none.
    PickupPoints { city: Option<String> },
    /// `GET /delivery/calculate`: what delivery to this city costs and how long it takes, before there is an order.
    DeliveryQuote { city: String },
    /// `PATCH /orders/{id}/delivery`, keyed.
    SetDelivery { order_id: Uuid, delivery: Delivery },
    /// `POST /orders/{id}/confirm`, keyed. Only the consent gate makes one.
    Confirm { order_id: Uuid, payment: PaymentMethod, name: Option<Pii<String>> },
    /// `POST /orders/{id}/cancel`, keyed.
    Cancel { order_id: Uuid, reason: String },
}

impl OrderAction {
    /// The name used by the audit, metrics and idempotency keys.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SearchOrders { .. } => "search_orders",
            Self::OrderDetails { .. } => "order_details",
            Self::FindProducts { .. } => "find_products",
            Self::CreateDraft { .. } => "create_order_draft",
            Self::ChangeLines { .. } => "change_order_lines",
            Self::PickupPoints { .. } => "pickup_points",
            Self::DeliveryQuote { .. } => "delivery_quote",
            Self::SetDelivery { .. } => "update_order_delivery",
            Self::Confirm { .. } => "confirm_order",
            Self::Cancel { .. } => "cancel_order",
        }
    }

    /// Whether it changes anything in the store. Such an action is keyed, journaled before it leaves and never cancelled.
    pub fn mutates(&self) -> bool {
        matches!(
            self,
            Self::CreateDraft { .. }
                | Self::ChangeLines { .. }
                | Self::SetDelivery { .. }
                | Self::Confirm { .. }
                | Self::Cancel { .. }
        )
    }
}

/// One order action on its way to the desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRequest {
    /// Its answer carries this.
    pub id: RequestId,
    pub action: OrderAction,
    /// One per logical action, stable over retries and restarts; none for reads.
    pub key: Option<Uuid>,
    /// What the caller agreed to; only for [`OrderAction::Confirm`].
    pub evidence: Option<Evidence>,
}

/// Proof that the caller said yes to this very order (`design`: confirmation evidence).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// SHA-256 over order id, version, total, lines and delivery, in hex: what the read-back was made from.
    pub order_digest: String,
    /// The order's version that was read back; the store refuses to confirm another. 0 where it tells no versions.
    #[serde(default)]
    pub order_version: u32,
    /// SHA-256 of the sentence that was read back, in hex.
    pub read_back_digest: String,
    /// How the caller agreed.
    pub assent: Assent,
    /// Milliseconds since accept at which the read-back had been played whole.
    pub read_back_ended_ms: u64,
    /// Milliseconds since accept at which the caller's yes began.
    pub assent_began_ms: u64,
}

/// How a caller agreed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Assent {
    /// In words, as recognised.
    Spoken { transcript: String },
    /// By the key 1.
    Keyed,
}

masked!(Assent);

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ActionOutcome {
    /// Newest first; empty when the caller has none.
    Orders {
        orders: Vec<OrderSummary>,
    },
    /// One order whole.
    Details {
        order: Order,
    },
    Products {
        products: Vec<Product>,
    },
    PickupPoints {
        points: Vec<PickupPoint>,
    },
    Quoted {
        quote: DeliveryQuote,
    },
    Drafted {
        order: Order,
    },
    /// The draft as it is with its new lines.
    LinesChanged {
        order: Order,
    },
    DeliverySet {
        order: Order,
    },
    Confirmed {
        confirmation: Confirmation,
    },
    Cancelled {
        order_id: Uuid,
    },
    /// The store understood and said no.
    Rejected {
        rejection: Rejection,
    },
    /// Nobody knows whether it happened; the reconciler finds out. Never spoken as a no.
    Unknown,
    /// It certainly did not happen: breaker open, nothing reached the store, or the journal could not be written.
    Unavailable {
        reason: Unavailable,
    },
}

/// Why an action was certainly not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unavailable {
    /// The store did not answer in time or its breaker is open.
    Store,
    /// No audit, no action.
    Journal,
}

/// A definite no of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    pub code: ProblemCode,
    /// For the log and the audit, not for speech.
    pub detail: String,
    /// The number of the order it is about, where the store gave one (an order already confirmed).
    pub order_number: Option<String>,
}

/// The stable reasons a store gives (`code` of its problem document).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    OutOfStock,
    UnknownProduct,
    DeliveryMissing,
    AddressMissing,
    CityNotServed,
    PriceChanged,
    /// The order is not at the version that was read back.
    VersionMismatch,
    Expired,
    AlreadyConfirmed,
    InvalidTransition,
    NotFound,
    TooManyOrders,
    /// The shop's Store API has no such request (a client's finding, not a store's word): nothing was done.
    Unsupported,
    /// Anything else that is a 4xx.
    #[serde(other)]
    Other,
}

/// A line of a draft to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftLine {
    pub product_id: Uuid,
    /// 1 to 99 by voice.
    pub quantity: u32,
}

/// Where an order goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Delivery {
    /// To the customer's door.
    Delivery { city: String, address: Pii<String> },
    /// Fetched at a pick-up point.
    Pickup { pickup_point_id: Uuid, city: String },
}

/// What delivery to a city costs, as the store tells it without an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryQuote {
    /// As the store writes it; as it was asked where it does not.
    #[serde(default)]
    pub city: String,
    pub cost: Money,
    pub days_min: u32,
    pub days_max: u32,
}

/// How an order is paid. A card number is never taken by voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// Cash when it is handed over.
    CashOnDelivery,
    /// Card when it is handed over.
    CardOnDelivery,
    /// A payment link by SMS.
    Online,
}

/// An order's state as the Store API names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    Draft,
    Confirmed,
    PendingPayment,
    Processing,
    Shipped,
    Delivered,
    Cancelled,
}

impl OrderStatus {
    /// Whether the customer still waits for something.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Confirmed | Self::PendingPayment | Self::Processing | Self::Shipped)
    }
}

/// An order in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSummary {
    pub id: Uuid,
    /// `ORD-20260214-017`.
    pub order_number: String,
    pub status: OrderStatus,
    pub total: Money,
    /// What is in it, in a few words of the catalogue's language.
    pub items_summary: String,
    /// The day it is expected, where the store knows one.
    pub estimated_delivery: Option<chrono::NaiveDate>,
    pub created_at: chrono::DateTime<chrono::Utc>,
}

/// A whole order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: Uuid,
    pub order_number: String,
    pub status: OrderStatus,
    /// Rises with every change; a confirmation is bound to it.
    pub version: u32,
    pub lines: Vec<OrderLine>,
    pub subtotal: Money,
    pub total: Money,
    pub delivery: Option<DeliveryTerms>,
    pub estimated_delivery: Option<chrono::NaiveDate>,
}

/// A line of an order, at the price that the order took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    pub product_id: Option<Uuid>,
    pub name: String,
    pub quantity: u32,
    pub unit: Money,
    pub total: Money,
}

/// Delivery as the store priced it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryTerms {
    #[serde(flatten)]
    pub delivery: Delivery,
    /// The pick-up point's street and house, for the read-back.
    pub pickup_address: Option<String>,
    pub cost: Money,
    pub days_min: u32,
    pub days_max: u32,
}

/// A committed order: the only thing from which success is spoken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    pub order_id: Uuid,
    pub order_number: String,
    pub status: OrderStatus,
    pub total: Money,
    pub estimated_delivery: Option<chrono::NaiveDate>,
    /// The store has durably queued the SMS.
    pub sms_sent: bool,
    /// Where to pay, when payment is online; it goes by SMS and is never spoken.
    pub pay_url: Option<String>,
}

/// Something the shop sells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub id: Uuid,
    pub name: String,
    pub price: Money,
    /// How many can be ordered now.
    pub stock: u32,
    /// What the catalogue says of it: `season`, `brand`, `width`, `profile`, `diameter`, `name_ru`, `name_en`,
    /// `keywords` in the sample shop; other shops have their own.
    #[serde(default)]
    pub attributes: std::collections::BTreeMap<String, String>,
}

/// A place to fetch an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickupPoint {
    pub id: Uuid,
    pub name: String,
    pub city: String,
    pub address: String,
    pub working_hours: String,
}
