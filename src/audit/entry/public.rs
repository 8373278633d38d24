//! The public part of the orders' nouns: ids, codes, amounts, masked numbers. Free text has its long digit runs
//! taken out, and names, addresses, transcripts and pay links stay out altogether.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Entry;
use crate::orders::{
    ActionOutcome, Assent, Delivery, DeliveryTerms, DraftLine, Evidence, Money, Order, OrderAction,
    Unavailable,
};

/// The order that an action names.
pub(super) fn order_id(action: &OrderAction) -> Option<Uuid> {
    match action {
        OrderAction::OrderDetails { order_id }
        | OrderAction::ChangeLines { order_id, .. }
        | OrderAction::SetDelivery { order_id, .. }
        | OrderAction::Confirm { order_id, .. }
        | OrderAction::Cancel { order_id, .. } => Some(*order_id),
        OrderAction::SearchOrders { .. }
        | OrderAction::FindProducts { .. }
        | OrderAction::CreateDraft { .. }
        | OrderAction::DeliveryQuote { .. }
        | OrderAction::PickupPoints { .. } => None,
    }
}

/// What was asked for.
pub(super) fn arguments(action: &OrderAction) -> Value {
    match action {
        OrderAction::SearchOrders { phone, order_number } => json!({
            "phone": phone.as_ref().map(ToString::to_string),
            "order_number": order_number.as_deref().map(short),
        }),
        OrderAction::OrderDetails { .. } => json!({}),
        OrderAction::FindProducts { query } => json!({ "query": scrubbed(query) }),
        OrderAction::CreateDraft { lines, phone, name } => json!({
            "lines": lines_of(lines),
            "phone": phone.to_string(),
            "name_given": name.is_some(),
        }),
        OrderAction::ChangeLines { version, lines, .. } => {
            json!({ "version": version, "lines": lines_of(lines) })
        }
        OrderAction::PickupPoints { city } => json!({ "city": city.as_deref().map(scrubbed) }),
        OrderAction::DeliveryQuote { city } => json!({ "city": scrubbed(city) }),
        OrderAction::SetDelivery { delivery, .. } => json!({ "delivery": delivery_of(delivery) }),
        OrderAction::Confirm { payment, name, .. } => {
            json!({ "payment": payment, "name_given": name.is_some() })
        }
        // The reason is somebody's own words: sealed.
        OrderAction::Cancel { .. } => json!({}),
    }
}

/// How the caller agreed: digests and times. The words themselves are sealed.
pub(super) fn evidence(evidence: &Evidence) -> Value {
    json!({
        "order_digest": evidence.order_digest,
        "read_back_digest": evidence.read_back_digest,
        "assent": match evidence.assent {
            Assent::Spoken { .. } => "spoken",
            Assent::Keyed => "keyed",
        },
        "read_back_ended_ms": evidence.read_back_ended_ms,
        "assent_began_ms": evidence.assent_began_ms,
    })
}

/// What came of it.
pub(crate) fn outcome(outcome: &ActionOutcome) -> Value {
    match outcome {
        ActionOutcome::Orders { orders } => json!({
            "outcome": "orders",
            "orders": orders
                .iter()
                .map(|order| json!({
                    "id": order.id,
                    "order_number": order.order_number,
                    "status": order.status,
                    "total": money(order.total),
                }))
                .collect::<Vec<_>>(),
        }),
        ActionOutcome::Details { order } => json!({ "outcome": "details", "order": order_of(order) }),
        ActionOutcome::Products { products } => json!({
            "outcome": "products",
            "products": products.iter().map(|product| product.id).collect::<Vec<_>>(),
        }),
        ActionOutcome::PickupPoints { points } => json!({
            "outcome": "pickup_points",
            "points": points.iter().map(|point| point.id).collect::<Vec<_>>(),
        }),
        ActionOutcome::Quoted { quote } => json!({
            "outcome": "quoted",
            "cost": money(quote.cost),
            "days": [quote.days_min, quote.days_max],
        }),
        ActionOutcome::Drafted { order } => json!({ "outcome": "drafted", "order": order_of(order) }),
        ActionOutcome::LinesChanged { order } => {
            json!({ "outcome": "lines_changed", "order": order_of(order) })
        }
        ActionOutcome::DeliverySet { order } => {
            json!({ "outcome": "delivery_set", "order": order_of(order) })
        }
        ActionOutcome::Confirmed { confirmation } => json!({
            "outcome": "confirmed",
            "status": confirmation.status,
            "total": money(confirmation.total),
            "estimated_delivery": confirmation.estimated_delivery,
            "sms_sent": confirmation.sms_sent,
            "pay_url_given": confirmation.pay_url.is_some(),
        }),
        ActionOutcome::Cancelled { .. } => json!({ "outcome": "cancelled" }),
        ActionOutcome::Rejected { rejection } => json!({
            "outcome": "rejected",
            "detail": scrubbed(&rejection.detail),
        }),
        ActionOutcome::Unknown => json!({ "outcome": "unknown" }),
        ActionOutcome::Unavailable { reason } => json!({
            "outcome": "unavailable",
            "reason": match reason {
                Unavailable::Store => "store",
                Unavailable::Journal => "journal",
            },
        }),
    }
}

/// What an outcome says in columns of its own.
pub(super) fn columns(entry: &mut Entry, outcome: &ActionOutcome) {
    match outcome {
        ActionOutcome::Details { order }
        | ActionOutcome::Drafted { order }
        | ActionOutcome::LinesChanged { order }
        | ActionOutcome::DeliverySet { order } => {
            entry.order_id = Some(order.id);
            entry.order_number = Some(short(&order.order_number));
        }
        ActionOutcome::Confirmed { confirmation } => {
            entry.order_id = Some(confirmation.order_id);
            entry.order_number = Some(short(&confirmation.order_number));
        }
        ActionOutcome::Cancelled { order_id } => entry.order_id = Some(*order_id),
        ActionOutcome::Rejected { rejection } => {
            let code = serde_json::to_value(rejection.code).ok();
            entry.problem = code.and_then(|code| code.as_str().map(str::to_owned));
            if rejection.order_number.is_some() {
                entry.order_number = rejection.order_number.as_deref().map(short);
            }
        }
        ActionOutcome::Orders { .. }
        | ActionOutcome::Products { .. }
        | ActionOutcome::PickupPoints { .. }
        | ActionOutcome::Quoted { .. }
        | ActionOutcome::Unknown
        | ActionOutcome::Unavailable { .. } => {}
    }
}

fn lines_of(lines: &[DraftLine]) -> Value {
    lines.iter().map(|line| json!({ "product_id": line.product_id, "quantity": line.quantity })).collect()
}

fn order_of(order: &Order) -> Value {
    json!({
        "order_number": order.order_number,
        "status": order.status,
        "version": order.version,
        "lines": order
            .lines
            .iter()
            .map(|line| json!({
                "product_id": line.product_id,
                "quantity": line.quantity,
                "total": money(line.total),
            }))
            .collect::<Vec<_>>(),
        "total": money(order.total),
        "delivery": order.delivery.as_ref().map(terms_of),
    })
}

fn terms_of(terms: &DeliveryTerms) -> Value {
    let mut value = delivery_of(&terms.delivery);
    if let Value::Object(fields) = &mut value {
        fields.insert("cost".to_owned(), money(terms.cost));
    }
    value
}

fn delivery_of(delivery: &Delivery) -> Value {
    match delivery {
        Delivery::Delivery { city, .. } => json!({ "type": "delivery", "city": scrubbed(city) }),
        Delivery::Pickup { pickup_point_id, city } => {
            json!({ "type": "pickup", "pickup_point_id": pickup_point_id, "city": scrubbed(city) })
        }
    }
}

fn money(money: Money) -> Value {
    json!({ "minor": money.minor, "currency": money.currency.code() })
}

/// An order number, but no novel: the store's longest is 20 characters.
fn short(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(64).collect()
}

/// Text of a stranger, with every run of nine or more digits (spaces, brackets, dots and hyphens between them count
/// as part of the run) replaced by its length. Nine: the shortest national number of the countries served (Belarus)
/// without its trunk prefix; tyre sizes and prices are shorter. At most 500 characters are kept.
pub(crate) fn scrubbed(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    let close = |run: &mut String, out: &mut String| {
        let digits = run.chars().filter(|c| c.is_numeric()).count();
        if digits > LONGEST_DIGITS_SHOWN {
            // What follows the last digit belongs to the text.
            let tail = run.trim_end_matches(|c: char| !c.is_numeric()).len();
            out.push_str(&format!("<{digits} digits>{}", &run[tail..]));
        } else {
            out.push_str(run);
        }
        run.clear();
    };
    for c in text.chars().take(500) {
        if c.is_numeric() || (!run.is_empty() && matches!(c, ' ' | '-' | '(' | ')' | '.' | '\u{a0}')) {
            run.push(c);
        } else {
            close(&mut run, &mut out);
            out.push(c);
        }
    }
    close(&mut run, &mut out);
    out
}

const LONGEST_DIGITS_SHOWN: usize = 8;
