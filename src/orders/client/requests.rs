//! The requests of the Store API: an [`OrderAction`] in, what is sent for it out.

use serde_json::{Value, json};
use uuid::Uuid;

use super::exchange::StoreRequest;
use crate::ids::CallId;
use crate::orders::{Delivery, DraftLine, OrderAction};

// Chosen: the requirement lets the agent handle several orders of one caller; more than five cannot be told by voice.
const SEARCH_LIMIT: u32 = 5;
// Chosen: how many products a search brings; the dialogue offers three of them.
const PRODUCT_LIMIT: u32 = 10;

/// The order that an action is about; none for one that names none.
pub(super) fn order_of(action: &OrderAction) -> Option<Uuid> {
    match action {
        OrderAction::ChangeLines { order_id, .. }
        | OrderAction::SetDelivery { order_id, .. }
        | OrderAction::Confirm { order_id, .. }
        | OrderAction::Cancel { order_id, .. }
        | OrderAction::OrderDetails { order_id } => Some(*order_id),
        _ => None,
    }
}

/// `GET /orders/{id}`.
pub(super) fn details(order_id: Uuid) -> StoreRequest {
    StoreRequest::get(format!("orders/{order_id}"), Vec::new())
}

/// `GET /products`: the catalogue, or what fits the words.
pub(super) fn products(query: Option<&str>) -> StoreRequest {
    let mut parameters = vec![("limit", PRODUCT_LIMIT.to_string())];
    parameters.extend(query.map(|q| ("q", q.to_owned())));
    StoreRequest::get("products", parameters)
}

/// One page of the whole catalogue.
pub(super) fn page(cursor: Option<&str>) -> StoreRequest {
    let mut parameters = vec![("limit", PAGE.to_string())];
    parameters.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
    StoreRequest::get("products", parameters)
}

/// Products of a page. The Store API allows 100.
const PAGE: u32 = 100;
/// Products that are known of a shop. Chosen: their words fit into some megabytes; of a larger shop the rest is found by
/// searching.
pub(super) const CATALOGUE: usize = 5_000;

/// The request of an action that reads.
pub(super) fn question(action: &OrderAction) -> Option<StoreRequest> {
    Some(match action {
        OrderAction::SearchOrders { phone, order_number } => {
            let mut query = vec![("limit", SEARCH_LIMIT.to_string())];
            // The number leaves its mask here: it is how the store knows whose orders these are.
            query.extend(phone.as_ref().map(|phone| ("phone", phone.e164().to_owned())));
            query.extend(order_number.as_ref().map(|number| ("order_number", number.clone())));
            StoreRequest::get("orders/search", query)
        }
        OrderAction::OrderDetails { order_id } => details(*order_id),
        OrderAction::FindProducts { query } => products(Some(query)),
        OrderAction::PickupPoints { city } => {
            StoreRequest::get("pickup-points", city.iter().map(|city| ("city", city.clone())).collect())
        }
        OrderAction::DeliveryQuote { city } => {
            let query = vec![("delivery_type", "delivery".to_owned()), ("city", city.clone())];
            StoreRequest::get("delivery/calculate", query)
        }
        OrderAction::CreateDraft { .. }
        | OrderAction::ChangeLines { .. }
        | OrderAction::SetDelivery { .. }
        | OrderAction::Confirm { .. }
        | OrderAction::Cancel { .. } => return None,
    })
}

/// The request of an action that changes something. Names, addresses and the telephone number leave their masks here: the
/// store delivers by them.
pub(super) fn change(action: &OrderAction, key: Option<Uuid>, call: CallId) -> Option<StoreRequest> {
    let (method, path, mut body) = match action {
        OrderAction::CreateDraft { lines, phone, name } => (
            "POST",
            "orders".to_owned(),
            json!({
                "items": items(lines),
                "customer_phone": phone.e164(),
                "customer_name": name.as_ref().map(|name| name.reveal()),
                "source": "ai_agent",
                "call_id": call,
            }),
        ),
        OrderAction::ChangeLines { order_id, lines, .. } => {
            ("PUT", format!("orders/{order_id}/lines"), json!({ "lines": items(lines) }))
        }
        OrderAction::SetDelivery { order_id, delivery } => (
            "PATCH",
            format!("orders/{order_id}/delivery"),
            match delivery {
                Delivery::Delivery { city, address } => {
                    json!({"delivery_type": "delivery", "city": city, "address": address.reveal()})
                }
                Delivery::Pickup { pickup_point_id, city } => {
                    json!({"delivery_type": "pickup", "city": city, "pickup_point_id": pickup_point_id})
                }
            },
        ),
        OrderAction::Confirm { order_id, payment, name } => (
            "POST",
            format!("orders/{order_id}/confirm"),
            json!({
                "payment_method": payment,
                "customer_name": name.as_ref().map(|name| name.reveal()),
                "send_sms_confirmation": true,
            }),
        ),
        OrderAction::Cancel { order_id, reason } => {
            ("POST", format!("orders/{order_id}/cancel"), json!({"reason": reason}))
        }
        OrderAction::SearchOrders { .. }
        | OrderAction::OrderDetails { .. }
        | OrderAction::FindProducts { .. }
        | OrderAction::DeliveryQuote { .. }
        | OrderAction::PickupPoints { .. } => return None,
    };
    if let Some(fields) = body.as_object_mut() {
        // What is not known is left out rather than sent empty.
        fields.retain(|_, value| !value.is_null() && value != "");
    }
    Some(StoreRequest {
        method,
        path,
        query: Vec::new(),
        body: Some(body.to_string().into()),
        key,
        // What was seen and nothing else.
        version: match action {
            OrderAction::ChangeLines { version, .. } => Some(*version).filter(|version| *version > 0),
            _ => None,
        },
        again: false,
        // The one request that was not there from the beginning.
        optional: matches!(action, OrderAction::ChangeLines { .. }),
    })
}

fn items(lines: &[DraftLine]) -> Vec<Value> {
    lines.iter().map(|line| json!({"product_id": line.product_id, "quantity": line.quantity})).collect()
}
