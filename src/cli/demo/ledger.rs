//! What the calls left behind: orders, messages, audit, as tables.

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Row};

use super::house::House;

/// Prints the tables; true when the audit verifies.
pub(super) async fn print(house: &House) -> anyhow::Result<bool> {
    let pool = house.pool();
    println!("\n== Orders in the database (newest first)");
    table(&["number", "state", "items", "total", "delivery", "customer", "call"], &orders(pool).await?);
    println!("\n== SMS outbox");
    table(&["to", "status", "text"], &messages(pool).await?);
    println!("\n== Audit entries of the calls");
    table(&["call", "seq", "at", "kind", "action", "order", "status"], &entries(pool).await?);
    println!("\n== orderline audit verify");
    house.verify().await
}

async fn orders(pool: &PgPool) -> sqlx::Result<Vec<Vec<String>>> {
    let rows = sqlx::query(
        "select o.order_number, o.state, o.total_minor, o.currency, o.customer_phone, o.call_id,
                (select string_agg(i.quantity || ' × ' || i.name, ', ' order by i.position)
                   from orders.order_items i where i.order_id = o.id) as items,
                (select d.type || ', ' || d.city || coalesce(', ' || d.address, '')
                   from orders.order_delivery d where d.order_id = o.id) as delivery
           from orders.orders o order by o.seq desc limit 12",
    )
    .fetch_all(pool)
    .await?;
    let cells = |row: sqlx::postgres::PgRow| -> sqlx::Result<Vec<String>> {
        let minor: i64 = row.try_get("total_minor")?;
        let text = |name: &str| row.try_get::<Option<String>, _>(name).map(Option::unwrap_or_default);
        Ok(vec![
            text("order_number")?,
            text("state")?,
            text("items")?,
            format!("{}.{:02} {}", minor / 100, minor % 100, text("currency")?),
            text("delivery")?,
            masked(&text("customer_phone")?),
            text("call_id")?.chars().take(8).collect(),
        ])
    };
    rows.into_iter().map(cells).collect()
}

async fn messages(pool: &PgPool) -> sqlx::Result<Vec<Vec<String>>> {
    let rows = sqlx::query(
        "select recipient, status, body from notify.notifications where channel = 'sms' order by created_at",
    )
    .fetch_all(pool)
    .await?;
    let cells = |row: sqlx::postgres::PgRow| -> sqlx::Result<Vec<String>> {
        Ok(vec![
            masked(&row.try_get::<String, _>("recipient")?),
            row.try_get("status")?,
            row.try_get("body")?,
        ])
    };
    rows.into_iter().map(cells).collect()
}

async fn entries(pool: &PgPool) -> sqlx::Result<Vec<Vec<String>>> {
    let rows = sqlx::query(
        "select call_id::text as call_id, seq, at, kind, coalesce(action, '') as action,
                coalesce(order_number, left(order_id::text, 8), '') as order_ref,
                coalesce(problem, http_status::text, body ->> 'outcome', '') as status
           from audit.entries order by at, call_id, seq",
    )
    .fetch_all(pool)
    .await?;
    let cells = |row: sqlx::postgres::PgRow| -> sqlx::Result<Vec<String>> {
        Ok(vec![
            row.try_get::<String, _>("call_id")?.chars().take(8).collect(),
            row.try_get::<i32, _>("seq")?.to_string(),
            row.try_get::<DateTime<Utc>, _>("at")?.format("%H:%M:%S%.3f").to_string(),
            row.try_get("kind")?,
            row.try_get("action")?,
            row.try_get("order_ref")?,
            row.try_get("status")?,
        ])
    };
    rows.into_iter().map(cells).collect()
}

/// Country code and last four digits, as everywhere on a screen.
fn masked(phone: &str) -> String {
    crate::ids::PhoneNumber::try_from(phone.to_owned())
        .map_or_else(|_| phone.to_owned(), |number| number.to_string())
}

/// Columns as wide as their widest cell.
fn table(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        println!("  {}", padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(head.to_vec());
    rows.iter().for_each(|row| line(row.iter().map(String::as_str).collect()));
    if rows.is_empty() {
        println!("  (none)");
    }
}
