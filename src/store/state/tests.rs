#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::*;

fn all_events() -> Vec<Event> {
    let payment = Uuid::nil();
    let mut events = vec![
        Event::Drafted,
        Event::DeliverySet,
        Event::LinesChanged,
        Event::Confirmed(Method::CardOnDelivery),
        Event::Confirmed(Method::Online),
        Event::Placed,
        Event::Reserved,
        Event::ReservationReleased,
        Event::ReservationExpired,
        Event::ReservationConfirmed,
        Event::PaymentStarted(Method::Card),
        Event::PaymentSucceeded { payment },
        Event::PaymentFailed { payment, code: None, message: None },
        Event::Accepted,
        Event::Assigned,
        Event::CancelledByCustomer { reason: "changed my mind".to_owned() },
        Event::DraftExpired,
        Event::PaymentExpired,
    ];
    events.extend(State::ALL.map(Event::MovedTo));
    events
}

fn facts(state: State) -> Facts<'static> {
    let order_number = "ORD-20260214-0017";
    Facts {
        state,
        order_number,
        expires_at: None,
        swept: false,
        has_delivery: true,
        paid: false,
        reserved: false,
        taken: false,
    }
}

#[test]
fn these_are_all_the_transitions_and_no_others() {
    let now = Utc::now();
    let mut allowed = BTreeSet::new();
    for state in State::ALL {
        for event in all_events() {
            for (reserved, paid) in [(false, false), (true, false), (false, true), (true, true)] {
                let expires_at = (event == Event::DraftExpired).then_some(now);
                let order = Facts { expires_at, reserved, paid, ..facts(state) };
                if let Ok(effects) = apply(Some(order), &event, now) {
                    allowed.insert((state.name(), event.name(), effects.to.name()));
                }
            }
        }
    }
    let expected = BTreeSet::from([
        ("draft", "delivery_set", "draft"),
        ("draft", "lines_changed", "draft"),
        ("draft", "confirmed", "new"),
        ("draft", "confirmed", "pending_payment"),
        ("draft", "cancelled_by_customer", "cancelled"),
        ("draft", "moved", "cancelled"),
        ("draft", "draft_expired", "cancelled"),
        ("new", "reserved", "new"),
        ("new", "reservation_released", "new"),
        ("new", "reservation_expired", "new"),
        ("new", "reservation_confirmed", "new"),
        ("new", "payment_started", "pending_payment"),
        ("new", "assigned", "processing"),
        ("new", "cancelled_by_customer", "cancelled"),
        ("pending_payment", "reservation_confirmed", "pending_payment"),
        ("pending_payment", "payment_succeeded", "pending_payment"),
        ("processing", "payment_succeeded", "processing"),
        ("processing", "payment_failed", "processing"),
        ("shipped", "payment_succeeded", "shipped"),
        ("shipped", "payment_failed", "shipped"),
        ("delivered", "payment_succeeded", "delivered"),
        ("delivered", "payment_failed", "delivered"),
        ("pending_payment", "payment_failed", "cancelled"),
        ("pending_payment", "payment_expired", "cancelled"),
        ("pending_payment", "accepted", "processing"),
        ("pending_payment", "cancelled_by_customer", "cancelled"),
        ("processing", "reservation_confirmed", "processing"),
        ("processing", "cancelled_by_customer", "cancelled"),
        ("cancelled", "payment_succeeded", "cancelled"),
        // An administrator: the same again, any later one, and the end.
        ("new", "moved", "new"),
        ("new", "moved", "pending_payment"),
        ("new", "moved", "processing"),
        ("new", "moved", "shipped"),
        ("new", "moved", "delivered"),
        ("new", "moved", "cancelled"),
        ("pending_payment", "moved", "pending_payment"),
        ("pending_payment", "moved", "processing"),
        ("pending_payment", "moved", "shipped"),
        ("pending_payment", "moved", "delivered"),
        ("pending_payment", "moved", "cancelled"),
        ("processing", "moved", "processing"),
        ("processing", "moved", "shipped"),
        ("processing", "moved", "delivered"),
        ("processing", "moved", "cancelled"),
        ("shipped", "moved", "shipped"),
        ("shipped", "moved", "delivered"),
        ("shipped", "moved", "cancelled"),
        ("delivered", "moved", "delivered"),
        ("cancelled", "moved", "cancelled"),
    ]);
    let unexpected: Vec<_> = allowed.symmetric_difference(&expected).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}

#[test]
fn what_an_administrator_skips_happens_all_the_same() {
    let now = Utc::now();
    let moved =
        |from, to, paid| apply(Some(Facts { paid, ..facts(from) }), &Event::MovedTo(to), now).unwrap();
    let shipped = moved(State::New, State::Shipped, false);
    assert_eq!((shipped.stock, shipped.payment), (Stock::Take, Payment::Untouched));
    let delivered = moved(State::New, State::Delivered, false);
    assert_eq!((delivered.stock, delivered.payment), (Stock::Take, Payment::Collect));
    let accepted = moved(State::PendingPayment, State::Processing, true);
    assert_eq!((accepted.stock, accepted.message), (Stock::Take, Some(Template::Confirmed)));
    // What is under way comes back by itself or not at all.
    let turned_back = moved(State::Shipped, State::Cancelled, true);
    assert_eq!((turned_back.stock, turned_back.payment), (Stock::Untouched, Payment::Refund));
    let again = moved(State::Processing, State::Processing, false);
    assert_eq!((again.stock, again.payment, again.message), (Stock::Untouched, Payment::Untouched, None));
}

#[test]
fn money_for_a_cancelled_order_goes_back_and_a_failure_cancels() {
    let now = Utc::now();
    let payment = Uuid::from_u128(7);
    let late = apply(Some(facts(State::Cancelled)), &Event::PaymentSucceeded { payment }, now).unwrap();
    assert_eq!((late.to, late.payment), (State::Cancelled, Payment::ReceiveAndRefund(payment)));
    let failed = Event::PaymentFailed { payment, code: Some("declined".into()), message: None };
    let failed = apply(Some(facts(State::PendingPayment)), &failed, now).unwrap();
    assert_eq!((failed.to, failed.stock), (State::Cancelled, Stock::Release));
    assert_eq!(failed.message, Some(Template::Cancelled));
    let unreserved = apply(Some(facts(State::New)), &Event::PaymentStarted(Method::Card), now);
    assert_eq!(unreserved.unwrap_err().code, Code::ReservationMissing);
    let unpaid = apply(Some(facts(State::PendingPayment)), &Event::Accepted, now);
    assert_eq!(unpaid.unwrap_err().code, Code::PaymentMissing);
}

#[test]
fn goods_that_were_taken_are_not_held_again_and_may_be_paid_for() {
    let now = Utc::now();
    let taken = Facts { taken: true, ..facts(State::New) };
    assert_eq!(apply(Some(taken), &Event::Reserved, now).unwrap_err().code, Code::InvalidTransition);
    let paying = apply(Some(taken), &Event::PaymentStarted(Method::Card), now).unwrap();
    assert_eq!((paying.to, paying.payment), (State::PendingPayment, Payment::Await(Method::Card)));
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
    for event in [Event::DeliverySet, Event::LinesChanged, Event::Confirmed(Method::Online)] {
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
fn every_status_of_the_store_api_and_every_id_names_one_state() {
    for state in State::ALL {
        assert_eq!(State::from_store_status(state.store_status()), Some(state));
    }
    assert_eq!(State::from_store_status("new"), None);
    for state in State::ALL.into_iter().filter(|state| *state != State::Draft) {
        assert_eq!(State::from_status_id(state.status_id()), Some(state));
    }
    assert_eq!(State::from_status_id(Uuid::nil()), None);
}
