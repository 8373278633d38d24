//! What orders use up besides goods (CRM): materials, how much there is, what an order takes of them, and how they come
//! back when it is called off. Every change leaves a row in `crm.material_movements`.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::problem::{Code, Fault, Part, Problem};
use super::transition::Context;

/// An amount of a material in thousandths of its unit; on the wire a number with at most three decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub(crate) struct Measure(pub(crate) i64);

/// The largest amount in a request, in units: a thousand pieces of it still fit into a `bigint` a billion times.
const MAX_UNITS: i64 = 1_000_000;

impl fmt::Display for Measure {
    /// `2.5`, `3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let milli = self.0.unsigned_abs();
        let rest = format!("{:03}", milli % 1000);
        let rest = rest.trim_end_matches('0');
        let point = if rest.is_empty() { "" } else { "." };
        write!(f, "{sign}{}{point}{rest}", milli / 1000)
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Measure {
    /// A number or a text with at most three decimals, above zero. As with money, a number with a point is what its
    /// shortest decimal form says.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Measure;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount above 0 such as 2.5 or \"0.125\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Measure, E> {
                parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Measure, E> {
                parse(&number.to_string())
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
            }
            fn visit_u64<E: de::Error>(self, units: u64) -> Result<Measure, E> {
                parse(&units.to_string())
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(units), &self))
            }
            fn visit_i64<E: de::Error>(self, units: i64) -> Result<Measure, E> {
                Err(E::invalid_value(de::Unexpected::Signed(units), &self))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

fn parse(text: &str) -> Option<Measure> {
    let (units, rest) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(units) || !digits(rest) || rest.len() > 3 {
        return None;
    }
    let units: i64 = units.parse().ok().filter(|units| *units <= MAX_UNITS)?;
    let milli = units * 1000 + format!("{rest:0<3}").parse::<i64>().ok()?;
    (milli > 0).then_some(Measure(milli))
}

impl utoipa::PartialSchema for Measure {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::Number)
            .description(Some(
                "An amount of a material with at most three decimals; in a request also a text.",
            ))
            .minimum(Some(0.0))
            .examples([json!(2.5)])
            .into()
    }
}

impl utoipa::ToSchema for Measure {}

/// A material on the wire.
#[derive(Debug, FromRow, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Material {
    id: Uuid,
    name: String,
    unit: String,
    /// How much there is.
    #[sqlx(rename = "on_hand_milli")]
    on_hand: Measure,
    updated_at: DateTime<Utc>,
}

/// All of them, by name.
pub(crate) async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<Material>> {
    sqlx::query_as("select id, name, unit, on_hand_milli, updated_at from crm.materials order by name, id")
        .fetch_all(conn)
        .await
}

/// What one piece of a product takes.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct Ingredient {
    pub(crate) product_id: Uuid,
    pub(crate) material_id: Uuid,
    pub(crate) quantity_milli: Measure,
}

/// What these products are made with.
pub(crate) async fn recipes(conn: &mut PgConnection, products: &[Uuid]) -> sqlx::Result<Vec<Ingredient>> {
    sqlx::query_as(
        "select product_id, material_id, quantity_milli from crm.product_materials where product_id = any ($1)",
    )
    .bind(products)
    .fetch_all(conn)
    .await
}

/// What an order needs, by material; where in the request each was first named.
#[derive(Debug, Default)]
pub(crate) struct Needs(BTreeMap<Uuid, (Measure, String)>);

impl Needs {
    /// So much for each of `pieces`.
    pub(crate) fn add(&mut self, material: Uuid, each: Measure, pieces: i32, pointer: &str) {
        let amount = each.0.saturating_mul(i64::from(pieces));
        let (sum, _) = self.0.entry(material).or_insert_with(|| (Measure(0), pointer.to_owned()));
        sum.0 = sum.0.saturating_add(amount);
    }

    /// Locks the materials until the transaction ends, in the order of their ids for everybody, so that two orders with
    /// the same materials cannot wait for each other.
    ///
    /// # Errors
    /// `unknown-material`; `not-enough-material` with all that are short. Nothing is taken yet in any case.
    pub(crate) async fn lock(&self, conn: &mut PgConnection) -> Result<(), Fault> {
        if self.0.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = self.0.keys().copied().collect();
        let found: Vec<(Uuid, String, String, Measure)> = sqlx::query_as(
            "select id, name, unit, on_hand_milli from crm.materials where id = any ($1) order by id for update",
        )
        .bind(&ids)
        .fetch_all(conn)
        .await?;
        let (mut unknown, mut short) = (Vec::new(), Vec::new());
        for (id, (needed, pointer)) in &self.0 {
            match found.iter().find(|material| material.0 == *id) {
                None => unknown.push(Part {
                    pointer: pointer.clone(),
                    code: "unknown-material",
                    message: format!("expected a material, found none with the id {id}"),
                    ..Part::default()
                }),
                Some((_, name, unit, there)) if there < needed => {
                    short.push(short_of(*id, name, unit, *needed, *there, pointer));
                }
                Some(_) => {}
            }
        }
        for (parts, code) in [(unknown, Code::UnknownMaterial), (short, Code::NotEnoughMaterial)] {
            if !parts.is_empty() {
                let said: Vec<&str> = parts.iter().map(|part| part.message.as_str()).collect();
                return Err(Problem::new(code, said.join("; ")).with_parts(parts).into());
            }
        }
        Ok(())
    }

    /// Takes them for an order that has them locked.
    pub(crate) async fn take(
        &self,
        conn: &mut PgConnection,
        context: &Context<'_>,
        order_id: Uuid,
    ) -> Result<(), Fault> {
        let taken: Vec<(Uuid, i64)> = self.0.iter().map(|(id, (amount, _))| (*id, -amount.0)).collect();
        book(conn, context, order_id, &taken, "order").await
    }
}

fn short_of(id: Uuid, name: &str, unit: &str, needed: Measure, there: Measure, pointer: &str) -> Part {
    // A number, as the request had it; any that `Measure` shows is JSON.
    let number = |amount: Measure| serde_json::from_str::<Value>(&amount.to_string()).unwrap_or_default();
    let facts = json!({
        "materialId": id, "name": name, "unit": unit, "requested": number(needed), "available": number(there),
    });
    Part {
        pointer: pointer.to_owned(),
        code: "not-enough-material",
        message: format!("{name}: expected {needed} {unit}, found {there}"),
        facts: facts.as_object().cloned().unwrap_or_else(Map::new),
    }
}

/// Puts back what an order that is called off has taken, if it has taken anything. The order is locked.
pub(crate) async fn put_back(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order_id: Uuid,
) -> Result<(), Fault> {
    let taken: Vec<(Uuid, i64)> = sqlx::query_as(
        "select material_id, (-sum(delta_milli))::bigint from crm.material_movements where order_id = $1 \
         group by material_id having sum(delta_milli) < 0 order by material_id",
    )
    .bind(order_id)
    .fetch_all(&mut *conn)
    .await?;
    if taken.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = taken.iter().map(|(id, _)| *id).collect();
    sqlx::query("select from crm.materials where id = any ($1) order by id for update")
        .bind(&ids)
        .execute(&mut *conn)
        .await?;
    book(conn, context, order_id, &taken, "cancelled").await
}

async fn book(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order_id: Uuid,
    changes: &[(Uuid, i64)],
    reason: &str,
) -> Result<(), Fault> {
    let (ids, deltas): (Vec<Uuid>, Vec<i64>) = changes.iter().copied().unzip();
    sqlx::query(
        "with change as (select * from unnest($1::uuid[], $2::bigint[]) as c (id, delta)), \
         moved as (update crm.materials m set on_hand_milli = on_hand_milli + c.delta, updated_at = $5 \
             from change c where m.id = c.id) \
         insert into crm.material_movements (material_id, order_id, delta_milli, reason, at) \
         select id, $3, delta, $4, $5 from change",
    )
    .bind(&ids)
    .bind(&deltas)
    .bind(order_id)
    .bind(reason)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_amount_of_a_material_has_at_most_three_decimals() {
        for (json, milli) in [("2.5", 2500), ("3", 3000), ("\"0.125\"", 125), ("0.001", 1), ("1e0", 1000)] {
            assert_eq!(serde_json::from_str::<Measure>(json).unwrap(), Measure(milli), "{json}");
        }
        for bad in ["0", "-1", "0.0001", "\"\"", "\"1.\"", "\".5\"", "1000001", "1e30", "null", "\"1e3\""] {
            assert!(serde_json::from_str::<Measure>(bad).is_err(), "{bad}");
        }
        let shown: Vec<String> = [0, 1, 500, 3000, 12_345].map(|milli| Measure(milli).to_string()).into();
        assert_eq!(shown, ["0", "0.001", "0.5", "3", "12.345"]);
    }
}
