//! The arguments of each tool as they stand in JSON, and the way from there to [`ToolRequest`].

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{OrderScope, RequestedDelivery, RequestedItem, ToolError, ToolName, ToolRequest};
use crate::ids::Pii;
use crate::orders::PaymentMethod;

// Chosen: the longest honest call (twenty lines and a name) is under 1 KiB; escapes may make it six times as long.
pub(super) const MAX_BYTES: usize = 8 * 1024;
// Chosen: enough of what came to recognise it, too little to fill a prompt.
pub(super) const MAX_FOUND: usize = 160;
// Chosen, in characters: well above real ones (`ORD-20260214-017` has 16; the longest Russian city name has 25).
const MAX_ORDER_NUMBER: usize = 40;
const MAX_QUERY: usize = 200;
const MAX_NAME: usize = 80;
const MAX_CITY: usize = 80;
const MAX_ADDRESS: usize = 200;
const MAX_REASON: usize = 200;
// Chosen: nobody dictates more lines by telephone; the store allows 50.
const MAX_ITEMS: usize = 20;
// Specified with the tools: 1 to 99 by voice.
const MAX_QUANTITY: u32 = 99;
// Chosen: references count over the whole call, and no call comes to as many; the conversation knows which were given out.
const MAX_REF: u32 = 99_999;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetOrderStatus {
    /// The order number as the caller said it, if they did. Digits alone are enough.
    #[serde(default)]
    #[schemars(length(min = 1, max = MAX_ORDER_NUMBER))]
    order_number: Option<String>,
    /// Which of the caller's own orders, when no number was said: the newest, those not yet received, or all.
    #[serde(default)]
    which: Option<OrderScope>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FindProducts {
    /// Words and numbers of the wish, numbers as digits. For example: 205 55 16 winter nokian.
    #[schemars(length(min = 1, max = MAX_QUERY))]
    query: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetDeliveryTerms {
    /// The city, as the caller named it.
    #[schemars(length(min = 1, max = MAX_CITY))]
    city: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateOrderDraft {
    /// What to order: one entry per product.
    #[schemars(length(min = 1, max = MAX_ITEMS))]
    items: Vec<Item>,
    /// The caller's name, only if they said it.
    #[serde(default)]
    #[schemars(length(min = 1, max = MAX_NAME))]
    customer_name: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Item {
    /// The product_ref of the product, as any result of find_products in this call gave it.
    #[schemars(range(min = 1, max = MAX_REF))]
    product_ref: u32,
    /// How many pieces.
    #[schemars(range(min = 1, max = MAX_QUANTITY))]
    quantity: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DeliveryType {
    /// To the caller's door.
    Delivery,
    /// The caller fetches it at a pick-up point.
    Pickup,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateOrderDelivery {
    delivery_type: DeliveryType,
    /// The city, as the caller named it.
    #[serde(default)]
    #[schemars(length(min = 1, max = MAX_CITY))]
    city: Option<String>,
    /// Street, house and flat, for delivery.
    #[serde(default)]
    #[schemars(length(min = 1, max = MAX_ADDRESS))]
    address: Option<String>,
    /// The pickup_point_ref of the pick-up point, as a list of them in this call gave it, for pickup.
    #[serde(default)]
    #[schemars(range(min = 1, max = MAX_REF))]
    pickup_point_ref: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmOrder {
    /// How the caller wants to pay: cash or card when the goods are handed over, or a payment link by SMS.
    payment_method: PaymentMethod,
    /// The caller's name, only if they said it.
    #[serde(default)]
    #[schemars(length(min = 1, max = MAX_NAME))]
    customer_name: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelOrderDraft {}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferToOperator {
    /// In a few words, what the person should know.
    #[serde(default)]
    #[schemars(length(min = 1, max = MAX_REASON))]
    reason: Option<String>,
}

pub(super) fn parse(tool: ToolName, arguments: &str) -> Result<ToolRequest, ToolError> {
    if arguments.len() > MAX_BYTES {
        return Err(ToolError::TooLong { found_bytes: arguments.len() });
    }
    let json = match arguments.trim() {
        "" | "null" => "{}",
        json => json,
    };
    let field = Field { tool };
    Ok(match tool {
        ToolName::GetOrderStatus => {
            let a: GetOrderStatus = read(tool, json)?;
            let order_number = field.optional("order_number", a.order_number, MAX_ORDER_NUMBER)?;
            ToolRequest::GetOrderStatus { order_number, which: a.which }
        }
        ToolName::FindProducts => {
            let a: FindProducts = read(tool, json)?;
            ToolRequest::FindProducts { query: field.required("query", &a.query, MAX_QUERY)? }
        }
        ToolName::GetDeliveryTerms => {
            let a: GetDeliveryTerms = read(tool, json)?;
            ToolRequest::GetDeliveryTerms { city: field.required("city", &a.city, MAX_CITY)? }
        }
        ToolName::CreateOrderDraft => {
            let a: CreateOrderDraft = read(tool, json)?;
            if !(1..=MAX_ITEMS).contains(&a.items.len()) {
                return Err(field.out(
                    "items",
                    format!("1 to {MAX_ITEMS} entries"),
                    a.items.len().to_string(),
                ));
            }
            let items = a
                .items
                .iter()
                .map(|item| {
                    Ok(RequestedItem {
                        product_ref: field.within("product_ref", item.product_ref, 1..=MAX_REF)?,
                        quantity: field.within("quantity", item.quantity, 1..=MAX_QUANTITY)?,
                    })
                })
                .collect::<Result<_, ToolError>>()?;
            ToolRequest::CreateOrderDraft { items, customer_name: field.name(a.customer_name)? }
        }
        ToolName::UpdateOrderDelivery => {
            let a: UpdateOrderDelivery = read(tool, json)?;
            let city = field.optional("city", a.city, MAX_CITY)?;
            let address = field.optional("address", a.address, MAX_ADDRESS)?.map(Pii::new);
            let point =
                a.pickup_point_ref.map(|n| field.within("pickup_point_ref", n, 1..=MAX_REF)).transpose()?;
            let delivery = match (a.delivery_type, point) {
                (DeliveryType::Delivery, None) => RequestedDelivery::Delivery { city, address },
                (DeliveryType::Delivery, Some(_)) => {
                    return Err(ToolError::Contradiction {
                        expected: "either delivery_type delivery or a pickup_point_ref",
                    });
                }
                // Models like to repeat the pick-up point's own address; it changes nothing, so it is let go.
                (DeliveryType::Pickup, pickup_point_ref) => {
                    RequestedDelivery::Pickup { city, pickup_point_ref }
                }
            };
            ToolRequest::UpdateOrderDelivery { delivery }
        }
        ToolName::ConfirmOrder => {
            let a: ConfirmOrder = read(tool, json)?;
            let customer_name = field.name(a.customer_name)?;
            ToolRequest::ConfirmOrder { payment_method: a.payment_method, customer_name }
        }
        ToolName::CancelOrderDraft => {
            let CancelOrderDraft {} = read(tool, json)?;
            ToolRequest::CancelOrderDraft
        }
        ToolName::TransferToOperator => {
            let a: TransferToOperator = read(tool, json)?;
            ToolRequest::TransferToOperator { reason: field.optional("reason", a.reason, MAX_REASON)? }
        }
    })
}

fn read<T: DeserializeOwned>(tool: ToolName, json: &str) -> Result<T, ToolError> {
    // serde reads a struct from an array too; the schema does not allow that.
    if json.starts_with('[') {
        return Err(ToolError::WrongArguments { tool, detail: "an array instead of an object".to_owned() });
    }
    serde_json::from_str(json).map_err(|error| {
        let detail = cut(&error.to_string(), MAX_FOUND);
        if error.is_data() {
            ToolError::WrongArguments { tool, detail }
        } else {
            ToolError::NotJson { tool, detail }
        }
    })
}

/// At most so many characters of what came, without control characters.
pub(super) fn cut(text: &str, max_chars: usize) -> String {
    let mut out: String = text.chars().filter(|c| !c.is_control()).take(max_chars).collect();
    if text.chars().count() > max_chars {
        out.push('…');
    }
    out
}

/// The bounds of one tool's fields.
#[derive(Clone, Copy)]
struct Field {
    tool: ToolName,
}

impl Field {
    fn out(self, field: &'static str, expected: String, found: String) -> ToolError {
        ToolError::OutOfBounds { tool: self.tool, field, expected, found }
    }

    fn within(self, field: &'static str, n: u32, bounds: RangeInclusive<u32>) -> Result<u32, ToolError> {
        if bounds.contains(&n) {
            Ok(n)
        } else {
            Err(self.out(field, format!("{} to {}", bounds.start(), bounds.end()), n.to_string()))
        }
    }

    fn name(self, text: Option<String>) -> Result<Option<Pii<String>>, ToolError> {
        Ok(self.optional("customer_name", text, MAX_NAME)?.map(Pii::new))
    }

    /// Models fill an optional text with `""` as often as they leave it out.
    fn optional(
        self,
        field: &'static str,
        text: Option<String>,
        max: usize,
    ) -> Result<Option<String>, ToolError> {
        let text = text.as_deref().map(tidy).filter(|text| !text.is_empty());
        text.map(|text| self.bounded(field, text, max)).transpose()
    }

    fn required(self, field: &'static str, text: &str, max: usize) -> Result<String, ToolError> {
        self.bounded(field, tidy(text), max)
    }

    fn bounded(self, field: &'static str, text: String, max: usize) -> Result<String, ToolError> {
        let chars = text.chars().count();
        if (1..=max).contains(&chars) {
            Ok(text)
        } else {
            Err(self.out(field, format!("1 to {max} characters"), chars.to_string()))
        }
    }
}

/// One line: control characters are spaces, runs of spaces are one.
fn tidy(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
