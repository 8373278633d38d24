//! Products: how they are found by words and numbers, and how they are shown.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use super::money::Amount;
use super::problem::{Code, Fault, Problem};

/// A product on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub(crate) struct ProductView {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price: Amount,
    pub(crate) currency: String,
    /// How many can be ordered now.
    pub(crate) stock: i32,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) is_active: bool,
}

#[derive(FromRow)]
struct ProductRow {
    id: Uuid,
    name: String,
    description: String,
    price_minor: Amount,
    currency: String,
    available: i32,
    attributes: Json<BTreeMap<String, String>>,
    is_active: bool,
    created_at: DateTime<Utc>,
}

impl From<ProductRow> for ProductView {
    fn from(row: ProductRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            price: row.price_minor,
            currency: row.currency,
            stock: row.available,
            attributes: row.attributes.0,
            is_active: row.is_active,
        }
    }
}

/// A page of products.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Products {
    pub(crate) items: Vec<ProductView>,
    /// Where the next page begins; none on the last and on a search.
    pub(crate) next_cursor: Option<String>,
}

/// The words and numbers of a text, folded: lower case, ё as е, letters apart from digits (`R16` is `r` and `16`).
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut last: Option<bool> = None;
    for c in text.chars().flat_map(char::to_lowercase) {
        let c = if c == 'ё' { 'е' } else { c };
        let kind = c.is_alphanumeric().then_some(c.is_ascii_digit());
        match (kind, found.last_mut()) {
            (Some(_), Some(word)) if kind == last => word.push(c),
            (Some(_), _) => found.push(c.to_string()),
            (None, _) => {}
        }
        last = kind;
    }
    found
}

/// Under which words a product is found.
pub(crate) fn terms(name: &str, description: &str, attributes: &BTreeMap<String, String>) -> Vec<String> {
    let texts = [name, description].into_iter().chain(attributes.values().map(String::as_str));
    texts.flat_map(words).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What a caller's words ask of the catalogue.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    /// Rank by how many of these match.
    tokens: Vec<String>,
    /// Numbers of a size as it is read off a tyre (`205 55 16`): each must match, known or not.
    size: Vec<String>,
    /// Other numbers of two digits and more: each must match if any product has it. Without a size only; beside one
    /// they are quantities.
    numbers: Vec<String>,
}

impl Question {
    fn of(query: &str) -> Self {
        let mut tokens = words(query);
        tokens.truncate(MAX_TOKENS);
        let numeric = |token: &&String| token.len() > 1 && token.bytes().all(|b| b.is_ascii_digit());
        // The letter of `R16` and the `на` of `205 на 55` stand between the numbers and do not part them.
        let numbers: Vec<String> = tokens.iter().filter(numeric).cloned().collect();
        let size = numbers
            .iter()
            .position(|number| number.len() == 3)
            .map(|width| {
                let rest = numbers[width + 1..].iter().take_while(|number| number.len() == 2).take(2);
                std::iter::once(&numbers[width]).chain(rest).cloned().collect::<Vec<_>>()
            })
            .filter(|size| size.len() > 1)
            .unwrap_or_default();
        let numbers = if size.is_empty() { numbers } else { Vec::new() };
        Self { tokens, size, numbers }
    }
}

/// A sentence has fewer; a longer query is cut.
const MAX_TOKENS: usize = 40;

const COLUMNS: &str = "p.id, p.name, p.description, p.price_minor, p.currency, p.attributes, p.is_active, \
    p.created_at, coalesce(s.on_hand - s.reserved, 0) as available";

/// The active products that match best come first; words that no product has count for nothing.
pub(crate) async fn search(pool: &PgPool, query: &str, limit: i64) -> Result<Products, Fault> {
    let question = Question::of(query);
    let statement = format!(
        "with asked as (select distinct token from unnest($1::text[]) token), \
         strict as (select token from unnest($3::text[]) token \
             where exists (select from catalog.products where is_active and terms && array[token])) \
         select {COLUMNS} from catalog.products p left join stock.stock_items s on s.product_id = p.id \
         where p.is_active and p.terms && $1 and p.terms @> $2 \
             and p.terms @> (select coalesce(array_agg(token), '{{}}') from strict) \
         order by (select count(*) from asked where token = any (p.terms)) desc, \
             (coalesce(s.on_hand - s.reserved, 0) > 0) desc, p.price_minor, p.id limit $4"
    );
    // Only constants of this file went into the statement.
    let rows: Vec<ProductRow> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(&question.tokens)
        .bind(&question.size)
        .bind(&question.numbers)
        .bind(limit)
        .fetch_all(pool)
        .await?;
    Ok(Products { items: rows.into_iter().map(ProductView::from).collect(), next_cursor: None })
}

/// All active products, the oldest first, a page at a time.
pub(crate) async fn list(pool: &PgPool, cursor: Option<&str>, limit: i64) -> Result<Products, Fault> {
    let (after, id) = match cursor {
        None => (DateTime::UNIX_EPOCH, Uuid::nil()),
        Some(cursor) => read_cursor(cursor).ok_or_else(|| {
            Problem::new(Code::Invalid, "cursor: expected the next_cursor of an earlier answer")
        })?,
    };
    let statement = format!(
        "select {COLUMNS} from catalog.products p left join stock.stock_items s on s.product_id = p.id \
         where p.is_active and (p.created_at, p.id) > ($1, $2) order by p.created_at, p.id limit $3"
    );
    let mut rows: Vec<ProductRow> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(after)
        .bind(id)
        .bind(limit + 1)
        .fetch_all(pool)
        .await?;
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > page;
    rows.truncate(page);
    let next_cursor = rows.last().filter(|_| more).map(|row| write_cursor(row.created_at, row.id));
    Ok(Products { items: rows.into_iter().map(ProductView::from).collect(), next_cursor })
}

/// One product, active or not.
pub(crate) async fn product(pool: &PgPool, id: Uuid) -> Result<ProductView, Fault> {
    let statement = format!(
        "select {COLUMNS} from catalog.products p left join stock.stock_items s on s.product_id = p.id where p.id = $1"
    );
    let row: Option<ProductRow> =
        sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(id).fetch_optional(pool).await?;
    row.map(ProductView::from).ok_or_else(|| {
        Problem::new(Code::NotFound, format!("expected a product, found none with the id {id}")).into()
    })
}

/// What an order line takes from the catalogue.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Offer {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) price_minor: Amount,
    pub(crate) currency: String,
    pub(crate) available: i32,
}

/// The active products among `ids`.
pub(crate) async fn offers(conn: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Offer>> {
    sqlx::query_as(
        "select p.id, p.name, p.price_minor, p.currency, coalesce(s.on_hand - s.reserved, 0) as available \
         from catalog.products p left join stock.stock_items s on s.product_id = p.id \
         where p.id = any ($1) and p.is_active",
    )
    .bind(ids)
    .fetch_all(conn)
    .await
}

/// Where the next page begins, after a row made at `at`.
pub(crate) fn write_cursor(at: DateTime<Utc>, id: Uuid) -> String {
    format!("{:x}-{}", at.timestamp_micros(), id.simple())
}

/// The row after which a page begins; none for what [`write_cursor`] never wrote.
pub(crate) fn read_cursor(cursor: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (at, id) = cursor.split_once('-')?;
    let at = DateTime::from_timestamp_micros(i64::from_str_radix(at, 16).ok()?)?;
    Some((at, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_digits_stand_alone() {
        assert_eq!(words("Нокиан ЗИМНЯЯ 205/55 R16"), ["нокиан", "зимняя", "205", "55", "r", "16"]);
        assert_eq!(words("всё; winter-tires"), ["все", "winter", "tires"]);
        assert!(words(" … ").is_empty());
    }

    #[test]
    fn a_size_is_a_width_and_what_follows_it() {
        assert_eq!(Question::of("4 зимние 205/55 R16 нокиан").size, ["205", "55", "16"]);
        assert_eq!(Question::of("двести 205 на 55").size, ["205", "55"]);
        let loose = Question::of("шины на 16");
        assert_eq!((loose.size.len(), loose.numbers), (0, vec!["16".to_owned()]));
        assert!(Question::of("205 55 16, 12 штук").numbers.is_empty());
    }

    #[test]
    fn a_cursor_that_is_none_is_refused() {
        let at = DateTime::from_timestamp_micros(1_771_027_200_123_456).unwrap_or_default();
        let id = Uuid::from_u128(7);
        assert_eq!(read_cursor(&write_cursor(at, id)), Some((at, id)));
        for bad in ["", "-", "zz-zz", "1-2", "ffffffffffffffffff-0"] {
            assert_eq!(read_cursor(bad), None, "{bad}");
        }
    }
}
