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

    /// The state that a row of `orders.order_statuses` stands for.
    pub(crate) fn from_status_id(id: Uuid) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state != Self::Draft && state.status_id() == id)
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
    /// T2: its lines were replaced by others; its delivery stays, both at today's prices.
    LinesChanged,
    /// T3: confirmed, to be paid when it is handed over. T4: to be paid online before the reservation runs out.
    Confirmed(Method),
    /// T5: made whole in one step, by the website, the CRM or the marketplace.
    Placed,
    /// T6: its goods are held for a while.
    Reserved,
    /// T6 back: its goods are held no longer, because somebody said so.
    ReservationReleased,
    /// T6 back: its goods are held no longer, because their time is over.
    ReservationExpired,
    /// Its goods were taken off the shelf for good.
    ReservationConfirmed,
    /// T7: the provider is asked for the money.
    PaymentStarted(Method),
    /// T8: the provider has the money of this payment. After a cancellation it goes back at once.
    PaymentSucceeded { payment: Uuid },
    /// T10: the provider does not get the money of this payment.
    PaymentFailed { payment: Uuid, code: Option<String>, message: Option<String> },
    /// T9: paid and accepted by the shop.
    Accepted,
    /// T11: taken by a manager.
    Assigned,
    /// T11 to T15: moved by an administrator of the light bulb store, forward or to the end.
    MovedTo(State),
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
            Self::LinesChanged => "lines_changed",
            Self::Confirmed(_) => "confirmed",
            Self::Placed => "placed",
            Self::Reserved => "reserved",
            Self::ReservationReleased => "reservation_released",
            Self::ReservationExpired => "reservation_expired",
            Self::ReservationConfirmed => "reservation_confirmed",
            Self::PaymentStarted(_) => "payment_started",
            Self::PaymentSucceeded { .. } => "payment_succeeded",
            Self::PaymentFailed { .. } => "payment_failed",
            Self::Accepted => "accepted",
            Self::Assigned => "assigned",
            Self::MovedTo(_) => "moved",
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
    /// By a link, in whichever way the provider offers.
    Online,
    /// By a card's token; the marketplace's.
    #[serde(skip_deserializing)]
    Card,
    /// From the account of a telephone number; the marketplace's.
    #[serde(skip_deserializing)]
    Phone,
}

impl Method {
    /// The name on the wire and in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CashOnDelivery => "cash_on_delivery",
            Self::CardOnDelivery => "card_on_delivery",
            Self::Online => "online",
            Self::Card => "card",
            Self::Phone => "phone",
        }
    }

    /// Whether the money is taken when the goods are handed over.
    pub(crate) fn on_delivery(self) -> bool {
        matches!(self, Self::CashOnDelivery | Self::CardOnDelivery)
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
    /// Whether its goods are held.
    pub(crate) reserved: bool,
    /// Whether its goods are off the shelf already.
    pub(crate) taken: bool,
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
    /// What is held does not run out any more; held now if it was not.
    Hold,
    /// Off the shelf for good, held before or not.
    Take,
    /// Gives back what is reserved or taken, if anything is.
    Release,
    /// Gives back what is reserved, because its time is over.
    Expire,
}

/// What happens to the money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Payment {
    Untouched,
    /// A payment of the whole total is awaited.
    Await(Method),
    /// This payment has arrived.
    Receive(Uuid),
    /// This payment has arrived, too late: it goes back.
    ReceiveAndRefund(Uuid),
    /// This payment will not arrive.
    Fail {
        payment: Uuid,
        code: Option<String>,
        message: Option<String>,
    },
    /// What was to be paid at the door has been paid there.
    Collect,
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
    Paid,
    Confirmed,
    Cancelled,
}

impl Template {
    /// The name in the outbox.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "order_created",
            Self::PaymentLink => "order_payment_link",
            Self::Paid => "order_paid",
            Self::Confirmed => "order_confirmed",
            Self::Cancelled => "order_cancelled",
        }
    }
}

/// An order that moves and does nothing else.
fn plain(to: State) -> Effects {
    Effects {
        to,
        reason: None,
        stock: Stock::Untouched,
        payment: Payment::Untouched,
        message: None,
        lift_expiry: false,
    }
}

/// The table of transitions: what `event` makes of `order` at `now`, or the shop's no. `None` is an order that does not
/// exist yet.
pub(crate) fn apply(order: Option<Facts<'_>>, event: &Event, now: DateTime<Utc>) -> Result<Effects, Problem> {
    let Some(order) = order else {
        return match event {
            Event::Drafted => Ok(plain(State::Draft)),
            Event::Placed => Ok(Effects { message: Some(Template::Created), ..plain(State::New) }),
            other => Err(Problem::new(Code::NotFound, format!("there is no order to be {}", other.name()))),
        };
    };
    let expired = order.expires_at.is_some_and(|at| at <= now);
    match (order.state, event) {
        (State::Draft, Event::DeliverySet | Event::LinesChanged | Event::Confirmed(_)) if expired => {
            order.refuse(Code::Expired, "the draft has expired; make a new one")
        }
        (State::Draft, Event::DeliverySet | Event::LinesChanged) => Ok(plain(State::Draft)),
        (State::Draft, Event::Confirmed(_)) if !order.has_delivery => {
            order.refuse(Code::DeliveryMissing, "expected a delivery to be set before confirmation")
        }
        (State::Draft, Event::Confirmed(method)) => {
            let later = method.on_delivery();
            Ok(Effects {
                stock: Stock::Reserve { timed: !later },
                payment: Payment::Await(*method),
                message: Some(if later { Template::Created } else { Template::PaymentLink }),
                lift_expiry: true,
                ..plain(if later { State::New } else { State::PendingPayment })
            })
        }
        (State::Draft, Event::CancelledByCustomer { reason }) => {
            Ok(Effects { reason: Some(reason.clone()), ..plain(State::Cancelled) })
        }
        (State::Draft, Event::MovedTo(State::Cancelled)) => Ok(plain(State::Cancelled)),
        (State::Draft, Event::DraftExpired) if expired => {
            Ok(Effects { reason: Some(DRAFT_EXPIRED.to_owned()), ..plain(State::Cancelled) })
        }
        (State::New | State::PendingPayment | State::Processing, Event::CancelledByCustomer { reason }) => {
            Ok(Effects { reason: Some(reason.clone()), ..called_off(&order) })
        }
        (State::Cancelled, Event::Confirmed(_) | Event::DeliverySet | Event::LinesChanged) if order.swept => {
            order.refuse(Code::Expired, "the draft has expired; make a new one")
        }
        (
            State::New | State::PendingPayment | State::Processing | State::Shipped | State::Delivered,
            Event::Confirmed(_),
        ) => order
            .refuse(Code::AlreadyConfirmed, &format!("order {} is confirmed already", order.order_number)),
        (State::New, Event::Assigned) => Ok(plain(State::Processing)),
        (from, Event::MovedTo(to)) => moved(&order, from, *to),
        (
            _,
            Event::Reserved
            | Event::ReservationReleased
            | Event::ReservationExpired
            | Event::ReservationConfirmed,
        ) => reservation(&order, event),
        _ => payment(&order, event),
    }
}

impl Facts<'_> {
    fn refuse<T>(&self, code: Code, detail: &str) -> Result<T, Problem> {
        let problem = Problem::new(code, detail);
        Err(problem.with("order_number", self.order_number).with("order_status", self.state.store_status()))
    }

    fn impossible<T>(&self, event: &Event) -> Result<T, Problem> {
        let (state, event) = (self.state.name(), event.name());
        self.refuse(Code::InvalidTransition, &format!("an order that is {state} cannot be {event}"))
    }
}

/// T13: the goods come back, and the money, if it came.
fn called_off(order: &Facts<'_>) -> Effects {
    Effects {
        stock: Stock::Release,
        payment: if order.paid { Payment::Refund } else { Payment::Drop },
        message: Some(Template::Cancelled),
        ..plain(State::Cancelled)
    }
}

/// T11 to T15, by an administrator: forward, over steps too, whose effects then run; to the end from everywhere. The same
/// status again changes nothing but is noted.
fn moved(order: &Facts<'_>, from: State, to: State) -> Result<Effects, Problem> {
    use State::{Cancelled, Delivered, Draft, New, PendingPayment, Processing, Shipped};
    match (from, to) {
        (from, to) if from == to && from != Draft => Ok(plain(to)),
        (New | PendingPayment | Processing, Cancelled) => Ok(called_off(order)),
        // T14: what is under way comes back by itself or not at all: the shelf is not touched.
        (Shipped, Cancelled) => Ok(Effects { stock: Stock::Untouched, ..called_off(order) }),
        (New, PendingPayment) => Ok(Effects { stock: Stock::Hold, ..plain(to) }),
        (New | PendingPayment, Processing) => Ok(Effects {
            stock: if order.paid { Stock::Take } else { Stock::Hold },
            message: Some(Template::Confirmed),
            ..plain(to)
        }),
        (New | PendingPayment | Processing, Shipped) => Ok(Effects { stock: Stock::Take, ..plain(to) }),
        (New | PendingPayment | Processing, Delivered) => {
            Ok(Effects { stock: Stock::Take, payment: Payment::Collect, ..plain(to) })
        }
        (Shipped, Delivered) => Ok(Effects { payment: Payment::Collect, ..plain(to) }),
        _ => {
            let detail = format!("an order that is {} cannot become {}", from.name(), to.name());
            order.refuse(Code::InvalidTransition, &detail)
        }
    }
}

/// T6 and its way back.
fn reservation(order: &Facts<'_>, event: &Event) -> Result<Effects, Problem> {
    let stock = match (order.state, event) {
        // What was taken is not held a second time.
        (State::New, Event::Reserved) if !order.reserved && !order.taken => Stock::Reserve { timed: true },
        (State::New, Event::ReservationReleased) if order.reserved => Stock::Release,
        (State::New, Event::ReservationExpired) if order.reserved => Stock::Expire,
        (State::New | State::PendingPayment | State::Processing, Event::ReservationConfirmed)
            if order.reserved =>
        {
            Stock::Take
        }
        _ => return order.impossible(event),
    };
    Ok(Effects { stock, ..plain(order.state) })
}

/// T7 to T10, and what comes too late for them.
fn payment(order: &Facts<'_>, event: &Event) -> Result<Effects, Problem> {
    match (order.state, event) {
        (State::New, Event::PaymentStarted(_)) if !order.reserved && !order.taken => {
            order.refuse(Code::ReservationMissing, "expected the order to be reserved before it is paid")
        }
        (State::New, Event::PaymentStarted(method)) => {
            Ok(Effects { payment: Payment::Await(*method), ..plain(State::PendingPayment) })
        }
        (State::PendingPayment, Event::PaymentSucceeded { payment }) if !order.paid => Ok(Effects {
            stock: Stock::Hold,
            payment: Payment::Receive(*payment),
            message: Some(Template::Paid),
            ..plain(State::PendingPayment)
        }),
        // An administrator did not wait for the money; whether it comes or not, the order stays where it is.
        (State::Processing | State::Shipped | State::Delivered, Event::PaymentSucceeded { payment })
            if !order.paid =>
        {
            Ok(Effects {
                payment: Payment::Receive(*payment),
                message: Some(Template::Paid),
                ..plain(order.state)
            })
        }
        (
            State::Processing | State::Shipped | State::Delivered,
            Event::PaymentFailed { payment, code, message },
        ) => Ok(Effects {
            payment: Payment::Fail { payment: *payment, code: code.clone(), message: message.clone() },
            ..plain(order.state)
        }),
        // The money arrived after all; nothing is owed for it any more.
        (State::Cancelled, Event::PaymentSucceeded { payment }) => {
            Ok(Effects { payment: Payment::ReceiveAndRefund(*payment), ..plain(State::Cancelled) })
        }
        (State::PendingPayment, Event::PaymentFailed { payment, code, message }) if !order.paid => {
            Ok(Effects {
                reason: Some("payment_failed".to_owned()),
                stock: Stock::Release,
                payment: Payment::Fail { payment: *payment, code: code.clone(), message: message.clone() },
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
        (State::PendingPayment, Event::Accepted) if !order.paid => {
            order.refuse(Code::PaymentMissing, "expected the order to be paid before it is accepted")
        }
        (State::PendingPayment, Event::Accepted) => {
            Ok(Effects { stock: Stock::Take, message: Some(Template::Confirmed), ..plain(State::Processing) })
        }
        _ => order.impossible(event),
    }
}

#[cfg(test)]
mod tests;
