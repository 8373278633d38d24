//! The materials of a shop, and what its goods take of them.

use serde::Deserialize;
use sqlx::PgConnection;

use super::{SeedError, Shop, id};
use crate::store::materials::Measure;

/// A material.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Material {
    name: String,
    /// In which it is counted: `pcs`, `m`.
    unit: String,
    /// How much there is when it is loaded first; afterwards orders and managers decide.
    on_hand: Measure,
}

/// Loads them, after the goods.
pub(super) async fn load(conn: &mut PgConnection, shop: &Shop) -> Result<(), SeedError> {
    for material in &shop.materials {
        sqlx::query(
            "with added as (insert into crm.materials (id, name, unit, on_hand_milli) values ($1, $2, $3, $4) \
                 on conflict (id) do nothing returning id, on_hand_milli) \
             insert into crm.material_movements (material_id, delta_milli, reason) \
             select id, on_hand_milli, 'loaded' from added",
        )
        .bind(id("material", &material.name))
        .bind(&material.name)
        .bind(&material.unit)
        .bind(material.on_hand)
        .execute(&mut *conn)
        .await?;
    }
    for item in &shop.products {
        let product = id("product", &item.sku);
        sqlx::query("delete from crm.product_materials where product_id = $1")
            .bind(product)
            .execute(&mut *conn)
            .await?;
        for (name, quantity) in &item.materials {
            if !shop.materials.iter().any(|material| material.name == *name) {
                return Err(SeedError::Missing { what: "the material", name: name.clone() });
            }
            sqlx::query(
                "insert into crm.product_materials (product_id, material_id, quantity_milli) values ($1, $2, $3)",
            )
            .bind(product)
            .bind(id("material", name))
            .bind(quantity)
            .execute(&mut *conn)
            .await?;
        }
    }
    Ok(())
}
