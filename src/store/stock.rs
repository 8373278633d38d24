//! What an order does to the shelf: holds its goods, takes them off, gives them back. Called by the table's transitions
//! ([`super::transition`]) and by nobody else.

use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::problem::{Code, Fault, Part, Problem};
use super::state::Stock;
use super::transition::Context;

/// Does to the stock what the table says.
pub(crate) async fn carry_out(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order_id: Uuid,
    stock: Stock,
) -> Result<(), Fault> {
    match stock {
        Stock::Untouched => Ok(()),
        Stock::Reserve { timed } => reserve(conn, context, order_id, timed).await,
        Stock::Hold => hold(conn, context, order_id).await,
        Stock::Take => take(conn, context, order_id).await,
        Stock::Release => give_back(conn, context, order_id, "released").await,
        Stock::Expire => give_back(conn, context, order_id, "expired").await,
    }
}

#[derive(sqlx::FromRow)]
struct Wanted {
    position: i32,
    product_id: Uuid,
    name: String,
    quantity: i32,
    available: i32,
}

/// Takes every line out of what is available, or says which lines are short and takes nothing.
async fn reserve(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order_id: Uuid,
    timed: bool,
) -> Result<(), Fault> {
    lock(conn, order_id).await?;
    let wanted: Vec<Wanted> = sqlx::query_as(
        "select i.position, i.product_id, i.name, i.quantity, \
         case when p.is_active then coalesce(s.on_hand - s.reserved, 0) else 0 end as available \
         from orders.order_items i join catalog.products p on p.id = i.product_id \
         left join stock.stock_items s on s.product_id = i.product_id where i.order_id = $1 order by i.position",
    )
    .bind(order_id)
    .fetch_all(&mut *conn)
    .await?;
    let short: Vec<Part> = wanted
        .iter()
        .filter(|line| line.available < line.quantity)
        .map(|line| short_line(line.position, line.product_id, &line.name, line.quantity, line.available))
        .collect();
    if !short.is_empty() {
        return Err(out_of_stock(short).into());
    }
    let reservation = Uuid::now_v7();
    let lifetime = TimeDelta::seconds(i64::from(context.settings.payment_ttl_s));
    sqlx::query(
        "insert into stock.reservations (id, order_id, status, expires_at) values ($1, $2, 'active', $3)",
    )
    .bind(reservation)
    .bind(order_id)
    .bind(timed.then(|| context.now + lifetime))
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "insert into stock.reservation_items (reservation_id, product_id, quantity) \
         select $1, product_id, sum(quantity) from orders.order_items \
         where order_id = $2 and product_id is not null group by product_id",
    )
    .bind(reservation)
    .bind(order_id)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update stock.stock_items s set reserved = reserved + i.quantity, updated_at = $2 \
         from stock.reservation_items i where i.reservation_id = $1 and i.product_id = s.product_id",
    )
    .bind(reservation)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(())
}

/// A line of which there is not enough.
pub(crate) fn short_line(position: i32, product: Uuid, name: &str, requested: i32, available: i32) -> Part {
    let facts = json!({
        "product_id": product, "name": name, "requested": requested, "available": available,
    });
    Part {
        pointer: format!("/items/{position}"),
        code: "out-of-stock",
        message: format!("{name}: expected {requested} in stock, found {available}"),
        facts: facts.as_object().cloned().unwrap_or_else(Map::<String, Value>::new),
    }
}

/// The no of a shelf.
pub(crate) fn out_of_stock(short: Vec<Part>) -> Problem {
    let said: Vec<&str> = short.iter().map(|part| part.message.as_str()).collect();
    let detail = said.join("; ");
    Problem::new(Code::OutOfStock, detail).with_parts(short)
}

/// Lifts the end of what is held; holds it now if it was not.
async fn hold(conn: &mut PgConnection, context: &Context<'_>, order_id: Uuid) -> Result<(), Fault> {
    let held = sqlx::query(
        "update stock.reservations set expires_at = null, updated_at = $2 \
         where order_id = $1 and status in ('active', 'confirmed')",
    )
    .bind(order_id)
    .bind(context.now)
    .execute(&mut *conn)
    .await?;
    if held.rows_affected() == 0 { reserve(conn, context, order_id, false).await } else { Ok(()) }
}

/// Takes the goods off the shelf: what is held is neither there nor held any more.
async fn take(conn: &mut PgConnection, context: &Context<'_>, order_id: Uuid) -> Result<(), Fault> {
    hold(conn, context, order_id).await?;
    lock(conn, order_id).await?;
    let reservation: Option<Uuid> = sqlx::query_scalar(
        "update stock.reservations set status = 'confirmed', updated_at = $2 \
         where order_id = $1 and status = 'active' returning id",
    )
    .bind(order_id)
    .bind(context.now)
    .fetch_optional(&mut *conn)
    .await?;
    // Nothing when it was taken before.
    sqlx::query(
        "update stock.stock_items s set reserved = reserved - i.quantity, on_hand = on_hand - i.quantity, \
         updated_at = $2 from stock.reservation_items i where i.reservation_id = $1 and i.product_id = s.product_id",
    )
    .bind(reservation)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives back what is held, and puts back what was taken; nothing when there is neither.
async fn give_back(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order_id: Uuid,
    status: &str,
) -> Result<(), Fault> {
    lock(conn, order_id).await?;
    let before: Option<(Uuid, bool)> = sqlx::query_as(
        "with live as (select id, status from stock.reservations \
             where order_id = $1 and status in ('active', 'confirmed') for update) \
         update stock.reservations r set status = $2, updated_at = $3 from live where r.id = live.id \
         returning r.id, live.status = 'confirmed'",
    )
    .bind(order_id)
    .bind(status)
    .bind(context.now)
    .fetch_optional(&mut *conn)
    .await?;
    let Some((reservation, taken)) = before else { return Ok(()) };
    sqlx::query(
        "update stock.stock_items s set updated_at = $3, \
         reserved = reserved - case when $2 then 0 else i.quantity end, \
         on_hand = on_hand + case when $2 then i.quantity else 0 end \
         from stock.reservation_items i where i.reservation_id = $1 and i.product_id = s.product_id",
    )
    .bind(reservation)
    .bind(taken)
    .bind(context.now)
    .execute(conn)
    .await?;
    Ok(())
}

/// One order of locking for everybody, so that two orders with the same goods cannot wait for each other.
async fn lock(conn: &mut PgConnection, order_id: Uuid) -> Result<(), Fault> {
    sqlx::query(
        "select 1 from stock.stock_items where product_id in \
         (select product_id from orders.order_items where order_id = $1) order by product_id for update",
    )
    .bind(order_id)
    .execute(conn)
    .await?;
    Ok(())
}
