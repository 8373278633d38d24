//! Where orders go: cities, what delivery there costs, and pick-up points.

use serde::Serialize;
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::money::Amount;
use super::problem::{Code, Fault, Problem};

/// A place's name as it is compared: lower case, ё as е, words by single spaces, hyphens as spaces.
pub(crate) fn fold(name: &str) -> String {
    let lower: String = name.chars().flat_map(char::to_lowercase).collect();
    let plain = lower.replace('ё', "е").replace(['-', '.', ','], " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What it takes to bring an order somewhere.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Rate {
    /// The city as the shop spells it.
    pub(crate) city: String,
    pub(crate) cost_minor: Amount,
    pub(crate) currency: String,
    pub(crate) days_min: i32,
    pub(crate) days_max: i32,
}

/// The rate of a city under any of its names.
pub(crate) async fn rate(conn: &mut PgConnection, city: &str) -> Result<Rate, Fault> {
    let row: Option<Rate> = sqlx::query_as(
        "select c.name as city, r.cost_minor, r.currency, r.days_min, r.days_max \
         from catalog.cities c join catalog.delivery_rates r on r.city_id = c.id \
         where c.names @> array[$1] order by c.name limit 1",
    )
    .bind(fold(city))
    .fetch_optional(conn)
    .await?;
    row.ok_or_else(|| {
        Problem::new(Code::CityNotServed, format!("expected a city of the shop's list, found {city:?}"))
            .with("city", city)
            .into()
    })
}

/// A pick-up point with its terms; `currency` is the shop's for its city.
pub(crate) async fn pickup(conn: &mut PgConnection, id: Uuid, currency: &str) -> Result<Rate, Fault> {
    let row: Option<Rate> = sqlx::query_as(
        "select c.name as city, p.cost_minor, $2::text as currency, p.days_min, p.days_max \
         from catalog.pickup_points p join catalog.cities c on c.id = p.city_id where p.id = $1 and p.is_active",
    )
    .bind(id)
    .bind(currency)
    .fetch_optional(conn)
    .await?;
    row.ok_or_else(|| {
        Problem::new(
            Code::PickupPointUnknown,
            format!("expected a pick-up point, found none with the id {id}"),
        )
        .into()
    })
}

/// A pick-up point on the wire.
#[derive(Debug, FromRow, Serialize, ToSchema)]
#[schema(as = PickupPoint)]
pub(crate) struct PointView {
    id: Uuid,
    name: String,
    city: String,
    address: String,
    working_hours: String,
    phone: Option<String>,
}

/// The pick-up points of a city, or all; none for a city without any.
pub(crate) async fn pickup_points(pool: &PgPool, city: Option<&str>) -> sqlx::Result<Vec<PointView>> {
    sqlx::query_as(
        "select p.id, p.name, c.name as city, p.address, p.working_hours, p.phone \
         from catalog.pickup_points p join catalog.cities c on c.id = p.city_id \
         where p.is_active and ($1::text is null or c.names @> array[$1::text]) order by c.name, p.name, p.id",
    )
    .bind(city.map(fold))
    .fetch_all(pool)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_is_found_however_it_is_written() {
        for spelling in ["Санкт-Петербург", "санкт петербург", " САНКТ  ПЕТЕРБУРГ."]
        {
            assert_eq!(fold(spelling), "санкт петербург");
        }
        assert_eq!(fold("Орёл"), "орел");
    }
}
