//! The states of an order and the one table of transitions between them. Pure: the database is told what to do by the
//! [`Effects`] that come out (see [`super::transition`]).

use chrono::{DateTime, Utc};
use uuid::{Uuid, uuid};

use super::problem::{Code, Problem};

/// The canonical state of an order. Payment and reservation are axes of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(crate) enum State {
    Draft,
    New,
    PendingPayment,
    Processing,
    Shipped,
    Delivered,
    Cancelled,
}

impl State {
    /// The name in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::New => "new",
            Self::PendingPayment => "pending_payment",
            Self::Processing => "processing",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
        }
    }

    /// The Store API's `status`: its `new` is called `confirmed`.
    pub(crate) fn store_status(self) -> &'static str {
        match self {
            Self::New => "confirmed",
            other => other.name(),
        }
    }

    /// The state behind the Store API's `status`.
    pub(crate) fn from_store_status(status: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.store_status() == status)
    }

    /// The Store API's `status_label`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Draft => "Черновик",
            Self::New => "Подтверждён",
            Self::PendingPayment => "Ожидает оплаты",
            Self::Processing => "В обработке",
            Self::Shipped => "Отправлен",
            Self::Delivered => "Доставлен",
            Self::Cancelled => "Отменён",
        }
    }

    /// The row of `orders.order_statuses`; a draft is shown as new.
    pub(crate) fn status_id(self) -> Uuid {
        match self {
            Self::Draft | Self::New => uuid!("f7661699-0081-4b93-b227-f51c2a188936"),
            Self::PendingPayment => uuid!("d5ee11b3-2dc2-4eeb-81fd-ebeeb7fa35cd"),
            Self::Processing => uuid!("e87d2783-d80f-4a42-a7e4-a7302f6b7510"),
            Self::Shipped => uuid!("823f3c37-200e-4a7c-9466-84ea031e3af3"),
            Self::Delivered => uuid!("823d75db-b9c6-4f58-a2f0-1bbc294cc910"),
            Self::Cancelled => uuid!("0a455718-3182-4366-a857-94ada249ed11"),
        }
    }

    pub(crate) const ALL: [Self; 7] = [
        Self::Draft,
        Self::New,
        Self::PendingPayment,
        Self::Processing,
        Self::Shipped,
        Self::Delivered,
        Self::Cancelled,
    ];
}

/// What happens to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// T1: an agent made a draft.
    Drafted,
    /// T2: its delivery was set; prices are taken anew.
    DeliverySet,
    /// T3: confirmed, to be paid when it is handed over. T4: to be paid online before the reservation runs out.
    Confirmed(Method),
    /// T13: called off by the customer, through whichever face.
    CancelledByCustomer { reason: String },
    /// T13: a draft outlived its time.
    DraftExpired,
    /// T13: the money did not come in time.
    PaymentExpired,
}

impl Event {
    /// The name in `orders.events`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Drafted => "drafted",
            Self::DeliverySet => "delivery_set",
            Self::Confirmed(_) => "confirmed",
            Self::CancelledByCustomer { .. } => "cancelled_by_customer",
            Self::DraftExpired => "draft_expired",
            Self::PaymentExpired => "payment_expired",
        }
    }
}

/// How an order is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    CashOnDelivery,
    CardOnDelivery,
    Online,
}

impl Method {
    /// The name on the wire and in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CashOnDelivery => "cash_on_delivery",
            Self::CardOnDelivery => "card_on_delivery",
            Self::Online => "online",
        }
    }
}

/// What the table needs to know of an order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) state: State,
    pub(crate) order_number: &'a str,
    /// When a draft's time is over; none once it has been confirmed.
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// Whether it was cancelled because its time was over.
    pub(crate) swept: bool,
    pub(crate) has_delivery: bool,
    pub(crate) paid: bool,
}

/// What a transition does besides writing the state, in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effects {
    pub(crate) to: State,
    /// `state_reason` and the history's notes.
    pub(crate) reason: Option<String>,
    pub(crate) stock: Stock,
    pub(crate) payment: Payment,
    /// Which message the customer gets.
    pub(crate) message: Option<Template>,
    /// Whether the draft's end of life is lifted.
    pub(crate) lift_expiry: bool,
}

/// What happens to the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stock {
    Untouched,
    /// All lines or none.
    Reserve {
        /// Whether the reservation runs out (an online order's does).
        timed: bool,
    },
    /// Gives back what is reserved, if anything is.
    Release,
    /// Gives back what is reserved, because its time is over.
    Expire,
}

/// What happens to the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payment {
    Untouched,
    /// A payment of the whole total is awaited.
    Await(Method),
    /// Nobody has paid: nothing is owed any more.
    Drop,
    /// The money goes back.
    Refund,
}

/// The reason of a draft that outlived its time.
pub(crate) const DRAFT_EXPIRED: &str = "draft_expired";

/// The messages to customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    Created,
    PaymentLink,
    Cancelled,
}

impl Template {
    /// The name in the outbox.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "order_created",
            Self::PaymentLink => "order_payment_link",
            Self::Cancelled => "order_cancelled",
        }
    }
}

/// The table of transitions: what `event` makes of `order` at `now`, or the shop's no. `None` is an order that does not
/// exist yet.
pub(crate) fn apply(order: Option<Facts<'_>>, event: &Event, now: DateTime<Utc>) -> Result<Effects, Problem> {
    let plain = |to| Effects {
        to,
        reason: None,
        stock: Stock::Untouched,
        payment: Payment::Untouched,
        message: None,
        lift_expiry: false,
    };
    let Some(order) = order else {
        return match event {
            Event::Drafted => Ok(plain(State::Draft)),
            other => Err(Problem::new(Code::NotFound, format!("there is no order to be {}", other.name()))),
        };
    };
    let refuse = |code, detail: String| {
        let problem = Problem::new(code, detail);
        Err(problem.with("order_number", order.order_number).with("order_status", order.state.store_status()))
    };
    let expired = order.expires_at.is_some_and(|at| at <= now);
    match (order.state, event) {
        (State::Draft, Event::DeliverySet | Event::Confirmed(_)) if expired => {
            refuse(Code::Expired, "the draft has expired; make a new one".to_owned())
        }
        (State::Draft, Event::DeliverySet) => Ok(plain(State::Draft)),
        (State::Draft, Event::Confirmed(_)) if !order.has_delivery => {
            refuse(Code::DeliveryMissing, "expected a delivery to be set before confirmation".to_owned())
        }
        (State::Draft, Event::Confirmed(method)) => {
            let online = *method == Method::Online;
            Ok(Effects {
                stock: Stock::Reserve { timed: online },
                payment: Payment::Await(*method),
                message: Some(if online { Template::PaymentLink } else { Template::Created }),
                lift_expiry: true,
                ..plain(if online { State::PendingPayment } else { State::New })
            })
        }
        (State::Draft, Event::CancelledByCustomer { reason }) => {
            Ok(Effects { reason: Some(reason.clone()), ..plain(State::Cancelled) })
        }
        (State::Draft, Event::DraftExpired) if expired => {
            Ok(Effects { reason: Some(DRAFT_EXPIRED.to_owned()), ..plain(State::Cancelled) })
        }
        (State::New | State::PendingPayment | State::Processing, Event::CancelledByCustomer { reason }) => {
            Ok(Effects {
                reason: Some(reason.clone()),
                stock: Stock::Release,
                payment: if order.paid { Payment::Refund } else { Payment::Drop },
                message: Some(Template::Cancelled),
                ..plain(State::Cancelled)
            })
        }
        (State::PendingPayment, Event::PaymentExpired) if !order.paid => Ok(Effects {
            reason: Some("payment_expired".to_owned()),
            stock: Stock::Expire,
            payment: Payment::Drop,
            message: Some(Template::Cancelled),
            ..plain(State::Cancelled)
        }),
        (State::Cancelled, Event::Confirmed(_) | Event::DeliverySet) if order.swept => {
            refuse(Code::Expired, "the draft has expired; make a new one".to_owned())
        }
        (
            State::New | State::PendingPayment | State::Processing | State::Shipped | State::Delivered,
            Event::Confirmed(_),
        ) => refuse(Code::AlreadyConfirmed, format!("order {} is confirmed already", order.order_number)),
        (state, event) => refuse(
            Code::InvalidTransition,
            format!("an order that is {} cannot be {}", state.name(), event.name()),
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use chrono::TimeDelta;

    use super::*;

    fn all_events() -> [Event; 7] {
        [
            Event::Drafted,
            Event::DeliverySet,
            Event::Confirmed(Method::CardOnDelivery),
            Event::Confirmed(Method::Online),
            Event::CancelledByCustomer { reason: "changed my mind".to_owned() },
            Event::DraftExpired,
            Event::PaymentExpired,
        ]
    }

    fn facts(state: State) -> Facts<'static> {
        let order_number = "ORD-20260214-0017";
        Facts { state, order_number, expires_at: None, swept: false, has_delivery: true, paid: false }
    }

    #[test]
    fn these_are_all_the_transitions_and_no_others() {
        let now = Utc::now();
        let mut allowed = BTreeSet::new();
        for state in State::ALL {
            for event in all_events() {
                let expires_at = (event == Event::DraftExpired).then_some(now);
                if let Ok(effects) = apply(Some(Facts { expires_at, ..facts(state) }), &event, now) {
                    allowed.insert((state.name(), event.name(), effects.to.name()));
                }
            }
        }
        let expected = BTreeSet::from([
            ("draft", "delivery_set", "draft"),
            ("draft", "confirmed", "new"),
            ("draft", "confirmed", "pending_payment"),
            ("draft", "cancelled_by_customer", "cancelled"),
            ("draft", "draft_expired", "cancelled"),
            ("new", "cancelled_by_customer", "cancelled"),
            ("pending_payment", "cancelled_by_customer", "cancelled"),
            ("pending_payment", "payment_expired", "cancelled"),
            ("processing", "cancelled_by_customer", "cancelled"),
        ]);
        assert_eq!(allowed, expected);
    }

    #[test]
    fn an_order_that_becomes_terminal_never_keeps_stock_or_a_debt() {
        let now = Utc::now();
        for state in [State::New, State::PendingPayment, State::Processing] {
            for paid in [false, true] {
                let event = Event::CancelledByCustomer { reason: String::new() };
                let effects = apply(Some(Facts { paid, ..facts(state) }), &event, now).unwrap();
                assert_eq!(effects.stock, Stock::Release);
                assert_eq!(effects.payment, if paid { Payment::Refund } else { Payment::Drop });
            }
        }
    }

    #[test]
    fn a_draft_past_its_time_can_only_be_cancelled() {
        let now = Utc::now();
        let late = Facts { expires_at: Some(now - TimeDelta::seconds(1)), ..facts(State::Draft) };
        for event in [Event::DeliverySet, Event::Confirmed(Method::Online)] {
            assert_eq!(apply(Some(late), &event, now).unwrap_err().code, Code::Expired);
        }
        assert!(apply(Some(late), &Event::DraftExpired, now).is_ok());
        let early = Facts { expires_at: Some(now + TimeDelta::seconds(1)), ..late };
        assert_eq!(apply(Some(early), &Event::DraftExpired, now).unwrap_err().code, Code::InvalidTransition);
        let swept = Facts { state: State::Cancelled, swept: true, ..late };
        assert_eq!(
            apply(Some(swept), &Event::Confirmed(Method::CashOnDelivery), now).unwrap_err().code,
            Code::Expired
        );
    }

    #[test]
    fn every_status_of_the_store_api_names_one_state() {
        for state in State::ALL {
            assert_eq!(State::from_store_status(state.store_status()), Some(state));
        }
        assert_eq!(State::from_store_status("new"), None);
    }
}
