//! What a tool's result says to the thinker: short facts with money, dates and numbers already in words, so that no
//! model has to count (or invents one).

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::conversation::phrases;
use crate::language::{self, Language};
use crate::orders::{DeliveryQuote, Order, OrderLine, OrderSummary, PickupPoint, ProblemCode, Product};

/// `get_order_status`.
pub(super) fn orders(orders: &[OrderSummary], today: NaiveDate, language: Language) -> Value {
    let list: Vec<Value> = orders
        .iter()
        .zip(1..)
        .map(|(order, n)| {
            json!({
                "n": n,
                "order_number": order.order_number,
                "order_number_spoken": language::order_number(&order.order_number, language),
                "status": order.status,
                "status_label": phrases::status(order.status, language),
                "open": order.status.is_open(),
                "total_spoken": phrases::money(order.total, language),
                "items_summary": in_speech(&order.items_summary, language),
                "eta_spoken": order.estimated_delivery.map(|d| language::date(d, today, language)),
            })
        })
        .collect();
    json!({ "count": list.len(), "orders": list })
}

/// `find_products`: what it found, by reference.
pub(super) fn products(found: &[(u32, &Product)], language: Language) -> Value {
    let list: Vec<Value> = found
        .iter()
        .map(|(n, product)| {
            json!({
                "product_ref": n,
                "name": name(product, language),
                "price_spoken": phrases::money(product.price, language),
                "in_stock": product.stock,
            })
        })
        .collect();
    json!({ "count": list.len(), "products": list })
}

/// A product's name in the caller's language, where the catalogue has one.
pub(super) fn name(product: &Product, language: Language) -> &str {
    let key = match language {
        Language::Russian => "name_ru",
        Language::English => "name_en",
    };
    product.attributes.get(key).map_or(product.name.as_str(), String::as_str)
}

/// The same of an order's line: the store's orders are in the catalogue's language, what was found of it has more.
pub(super) fn line_name<'a>(line: &'a OrderLine, found: &'a [Product], language: Language) -> &'a str {
    let product = line.product_id.and_then(|id| found.iter().find(|product| product.id == id));
    product.map_or(line.name.as_str(), |product| name(product, language))
}

/// `create_order_draft`, made or changed: where the delivery is known, with all that `update_order_delivery` tells.
pub(super) fn draft(order: &Order, found: &[Product], language: Language) -> Value {
    let lines: Vec<Value> = order
        .lines
        .iter()
        .map(|line| {
            json!({
                "name": line_name(line, found, language),
                "quantity": line.quantity,
                "total_spoken": phrases::money(line.total, language),
            })
        })
        .collect();
    let missing: &[&str] = if order.delivery.is_some() { &[] } else { &["delivery"] };
    let mut told = json!({
        "draft": true,
        "lines": lines,
        "subtotal_spoken": phrases::money(order.subtotal, language),
        "missing": missing,
    });
    if order.delivery.is_some()
        && let (Value::Object(told), Value::Object(terms)) = (&mut told, delivery(order, language))
    {
        told.extend(terms);
    }
    told
}

/// `update_order_delivery`.
pub(super) fn delivery(order: &Order, language: Language) -> Value {
    let (cost, days) =
        order.delivery.as_ref().map_or_else(Default::default, |terms| phrases::terms(terms, language));
    json!({
        "cost_spoken": cost,
        "days_spoken": days,
        "total_spoken": phrases::money(order.total, language),
    })
}

/// `get_delivery_terms`.
pub(super) fn quote(quote: &DeliveryQuote, language: Language) -> Value {
    json!({
        "city": quote.city,
        "cost_spoken": phrases::cost(quote.cost, language),
        "days_spoken": language::days(quote.days_min, quote.days_max, language),
    })
}

/// `update_order_delivery` with a pick-up still to be chosen.
pub(super) fn pickup_points(points: &[(u32, &PickupPoint)]) -> Value {
    let list: Vec<Value> = points
        .iter()
        .map(|(n, point)| {
            json!({
                "pickup_point_ref": n,
                "name": point.name,
                "city": point.city,
                "address": point.address,
                "working_hours": point.working_hours,
            })
        })
        .collect();
    json!({ "pickup_points": list })
}

/// A tool that could not do it: a stable code and a sentence that may be said.
pub(super) fn error(code: &str, say: &str) -> Value {
    json!({ "error": code, "say": say })
}

/// The code under which a rejection is known to the thinker.
pub(super) fn rejection_code(code: ProblemCode) -> String {
    match serde_json::to_value(code) {
        Ok(Value::String(code)) => code.replace('-', "_"),
        _ => "other".to_owned(),
    }
}

/// A summary as the store writes it ("Nokian 205/55 R16 × 4") as it is said: the multiplication sign is a number of pieces.
pub(super) fn in_speech(summary: &str, language: Language) -> String {
    let mut parts = summary.split(" × ");
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        match number.parse() {
            Ok(n) => {
                said.push_str(", ");
                said.push_str(&language::count(n, language::Noun::Piece, language));
            }
            Err(_) => said.push_str(number),
        }
        said.push_str(rest);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_multiplication_sign_of_a_summary_is_a_number_of_pieces() {
        let summary = "Нокиан зимняя 205/55 R16 × 4, Мишлен × 21";
        let said = "Нокиан зимняя 205/55 R16, четыре штуки, Мишлен, двадцать одна штука";
        assert_eq!(in_speech(summary, Language::Russian), said);
        assert_eq!(in_speech("Nokian", Language::English), "Nokian");
    }
}
