//! The lines of an order as the CRM's callers write them: priced by them or by the catalogue, with the materials that
//! they take.

use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::catalog;
use crate::store::materials::{self, Measure, Needs};
use crate::store::money::Amount;
use crate::store::problem::{Code, Fault, Part, Problem};

/// Lines of one order, materials of one line. Chosen: the largest real order is below half of it.
const MAX_LINES: usize = 50;
/// Pieces in one line.
const MAX_QUANTITY: i32 = 999;
/// The size of a line's parameters, as JSON.
const MAX_PARAMS_BYTES: usize = 4096;

/// One line of a new order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewItem {
    /// A product of the catalogue; gives name, price and materials where the line has none of its own.
    product_id: Option<Uuid>,
    /// Needed without `productId`.
    #[schema(max_length = 300)]
    name: Option<String>,
    #[schema(minimum = 1, maximum = 999)]
    quantity: i32,
    /// Of one piece.
    price: Option<Amount>,
    /// Whatever describes the piece: size, colour, a link to a layout.
    #[schema(value_type = Option<Object>)]
    params: Option<Map<String, Value>>,
    /// What one piece takes, in place of the product's own list.
    #[schema(max_items = 50)]
    materials: Option<Vec<NewMaterial>>,
}

/// A material of a line.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewMaterial {
    material_id: Uuid,
    quantity: Measure,
}

/// What is wrong with a request, gathered before anything is done.
#[derive(Debug, Default)]
pub(super) struct Wrong(Vec<Part>);

impl Wrong {
    pub(super) fn at(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        let (pointer, message) = (pointer.into(), message.into());
        self.0.push(Part { pointer, code: "invalid", message, ..Part::default() });
    }

    /// A text, trimmed and not longer than that; none when it is blank.
    pub(super) fn text(&mut self, pointer: &str, text: Option<String>, most: usize) -> Option<String> {
        let text = text?.trim().to_owned();
        if text.chars().count() > most {
            self.at(pointer, format!("expected at most {most} characters"));
        }
        Some(text).filter(|text| !text.is_empty())
    }

    /// Refuses the request if anything was wrong.
    pub(super) fn refuse(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let said: Vec<String> =
            self.0.iter().map(|part| format!("{}: {}", part.pointer, part.message)).collect();
        Err(Problem::new(Code::Invalid, said.join("; ")).with_parts(self.0))
    }
}

/// Looks at the lines for everything that can be wrong without looking at the shop.
pub(super) fn check(wrong: &mut Wrong, items: &mut [NewItem]) {
    if items.len() > MAX_LINES {
        wrong.at("/items", format!("expected at most {MAX_LINES} lines, found {}", items.len()));
        return;
    }
    for (n, item) in items.iter_mut().enumerate() {
        let at = |field: &str| format!("/items/{n}/{field}");
        item.name = wrong.text(&at("name"), item.name.take(), 300);
        if item.name.is_none() && item.product_id.is_none() {
            wrong.at(at("name"), "expected a name or a productId, found neither");
        }
        if !(1..=MAX_QUANTITY).contains(&item.quantity) {
            let message = format!("expected 1 to {MAX_QUANTITY} pieces, found {}", item.quantity);
            wrong.at(at("quantity"), message);
        }
        if let Some(params) = &item.params {
            let text = serde_json::to_string(params).unwrap_or_default();
            if text.len() > MAX_PARAMS_BYTES {
                wrong.at(at("params"), format!("expected at most {MAX_PARAMS_BYTES} bytes of JSON"));
            }
        }
        let materials = item.materials.as_ref().map_or(0, Vec::len);
        if materials > MAX_LINES {
            wrong.at(at("materials"), format!("expected at most {MAX_LINES}, found {materials}"));
        }
    }
}

/// A line with its name and price.
#[derive(Debug)]
pub(super) struct Priced {
    product_id: Option<Uuid>,
    name: String,
    quantity: i32,
    price: Amount,
    params: Value,
}

/// The lines of an order before there is one.
#[derive(Debug)]
pub(super) struct Basket {
    lines: Vec<Priced>,
    pub(super) subtotal: Amount,
    pub(super) currency: String,
    pub(super) needs: Needs,
}

impl Basket {
    /// Takes names, prices and materials from the catalogue where the lines have none. `currency` is that of an order
    /// without products.
    ///
    /// # Errors
    /// `unknown-product`; products of two currencies; a total that no `bigint` holds.
    pub(super) async fn price(
        conn: &mut PgConnection,
        items: Vec<NewItem>,
        currency: &str,
    ) -> Result<Self, Fault> {
        let ids: Vec<Uuid> = items.iter().filter_map(|item| item.product_id).collect();
        let offers = catalog::offers(conn, &ids).await?;
        let recipes = materials::recipes(conn, &ids).await?;
        let mut unknown = Vec::new();
        let mut currency_of_goods: Option<&str> = None;
        let (mut lines, mut subtotal, mut needs) = (Vec::with_capacity(items.len()), 0_i64, Needs::default());
        for (n, item) in items.into_iter().enumerate() {
            let offer = offers.iter().find(|offer| Some(offer.id) == item.product_id);
            if let (Some(id), None) = (item.product_id, offer) {
                unknown.push(Part {
                    pointer: format!("/items/{n}/productId"),
                    code: "unknown-product",
                    message: format!("expected an active product, found none with the id {id}"),
                    ..Part::default()
                });
                continue;
            }
            if let Some(offer) = offer {
                let first = *currency_of_goods.get_or_insert(&offer.currency);
                if first != offer.currency {
                    let found = format!("expected one currency, found {first} and {}", offer.currency);
                    return Err(Problem::field(&format!("/items/{n}/productId"), found).into());
                }
            }
            let price = item.price.or(offer.map(|offer| offer.price_minor)).unwrap_or_default();
            let sum =
                price.0.checked_mul(i64::from(item.quantity)).and_then(|line| subtotal.checked_add(line));
            let too_large = || Problem::field(&format!("/items/{n}/price"), "the order's total is too large");
            subtotal = sum.ok_or_else(too_large)?;
            match item.materials {
                Some(own) => {
                    for (m, material) in own.iter().enumerate() {
                        let pointer = format!("/items/{n}/materials/{m}");
                        needs.add(material.material_id, material.quantity, item.quantity, &pointer);
                    }
                }
                None => {
                    for part in recipes.iter().filter(|part| Some(part.product_id) == item.product_id) {
                        let pointer = format!("/items/{n}");
                        needs.add(part.material_id, part.quantity_milli, item.quantity, &pointer);
                    }
                }
            }
            let name = item.name.or(offer.map(|offer| offer.name.clone())).unwrap_or_default();
            let params = Value::Object(item.params.unwrap_or_default());
            lines.push(Priced { product_id: item.product_id, name, quantity: item.quantity, price, params });
        }
        if !unknown.is_empty() {
            let said: Vec<&str> = unknown.iter().map(|part| part.message.as_str()).collect();
            return Err(Problem::new(Code::UnknownProduct, said.join("; ")).with_parts(unknown).into());
        }
        let currency = currency_of_goods.unwrap_or(currency).to_owned();
        Ok(Self { lines, subtotal: Amount(subtotal), currency, needs })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Writes the lines of the order, which is there by now.
    pub(super) async fn write(&self, conn: &mut PgConnection, order_id: Uuid) -> Result<(), Fault> {
        for (position, line) in (0_i32..).zip(&self.lines) {
            sqlx::query(
                "insert into orders.order_items \
                 (order_id, position, product_id, name, quantity, unit_minor, total_minor, params) \
                 values ($1, $2, $3, $4, $5, $6, $5::bigint * $6, $7)",
            )
            .bind(order_id)
            .bind(position)
            .bind(line.product_id)
            .bind(&line.name)
            .bind(line.quantity)
            .bind(line.price)
            .bind(&line.params)
            .execute(&mut *conn)
            .await?;
        }
        Ok(())
    }
}
