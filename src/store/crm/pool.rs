//! The pool: which orders wait, who has taken which, and what is finished. A read of `crm.pool_entries`.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::STAFF;
use super::document::Reading;
use super::place::is_plausible;
use crate::store::App;
use crate::store::auth::{Principal, Role};
use crate::store::http::{Asked, asked, json, limit};
use crate::store::money::Amount;
use crate::store::order::summary;
use crate::store::problem::{Code, Fault, Problem};
use crate::store::settings::Settings;

/// Where an order of the pool can come from.
pub(super) const SOURCES: [&str; 5] = ["website", "ai_agent", "market", "crm", "telegram"];

/// What is asked of the pool.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PoolQuestion {
    /// Only orders from here: `website`, `ai_agent`, `market`, `crm` or `telegram`.
    pub(super) source: Option<String>,
    /// How many of each list, 1 to 100; 100 by default.
    #[param(minimum = 1, maximum = 100)]
    pub(super) limit: Option<i64>,
}

/// One order of the pool.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    /// The number by which it is assigned.
    pub(super) order_id: i64,
    pub(super) uuid: Uuid,
    /// `website`, `phone`, `crm` or `telegram`.
    pub(super) order_type: String,
    /// None for a photograph from Telegram.
    pub(super) order_number: Option<String>,
    pub(super) source: String,
    /// 1 new, 2 being worked on, 3 sent, 4 delivered, 5 cancelled, 6 waits for its money.
    pub(super) status: i16,
    pub(super) status_name: String,
    pub(super) customer_name: Option<String>,
    pub(super) customer_phone: Option<String>,
    /// The first lines; of a photograph, what was written under it.
    pub(super) items_summary: String,
    pub(super) total: Option<Amount>,
    pub(super) currency: Option<String>,
    /// The day for which it is planned.
    pub(super) date: Option<NaiveDate>,
    pub(super) created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) photo_url: Option<String>,
    /// Who has taken it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) assignee: Option<Assignee>,
}

masked!(Entry);

/// A manager who has taken an order, and the day on whose page it stands.
#[derive(Clone, PartialEq, Eq, FromRow, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assignee {
    pub(super) user_id: Uuid,
    pub(super) user_name: String,
    pub(super) date: NaiveDate,
}

masked!(Assignee);

/// The pool's three lists.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pool {
    /// New orders that nobody has taken, those that wait longest first.
    pub(super) unassigned: Vec<Entry>,
    /// On a manager's page and not finished, those taken last first.
    pub(super) assigned: Vec<Entry>,
    /// Delivered or cancelled, those finished last first.
    pub(super) completed: Vec<Entry>,
}

/// The pool of orders.
#[utoipa::path(
    get, path = "/api/order-management/pool", tag = "pool", params(PoolQuestion), security(("staff" = [])),
    responses((status = 200, description = "The three lists, of one moment.", body = Pool), Reading),
)]
pub(crate) async fn pool(
    State(app): State<App>,
    principal: Principal,
    query: Asked<PoolQuestion>,
) -> Result<Response, Fault> {
    principal.must_be(STAFF)?;
    json(&read(&app, &asked(query)?).await?)
}

/// Reads the lists in one snapshot: no order stands in two of them.
pub(super) async fn read(app: &App, question: &PoolQuestion) -> Result<Pool, Fault> {
    let most = limit(question.limit, 100)?;
    let source = question.source.as_deref().filter(|source| !source.is_empty());
    if let Some(other) = source.filter(|source| !SOURCES.contains(source)) {
        let detail = format!("source: expected one of {}, found {other:?}", SOURCES.join(", "));
        return Err(Problem::new(Code::Invalid, detail).into());
    }
    let mut transaction = app.pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *transaction)
        .await?;
    let conn = &mut *transaction;
    // All three take the same parameters, whether they look at them or not.
    let [waiting, taken, finished] = [
        "state = 'new' and user_id is null and source = any ($1) and ($2::text is null or source = $2) \
         order by created_at, order_id limit $3",
        "user_id is not null and state not in ('delivered', 'cancelled') and ($2::text is null or source = $2) \
         and $1::text[] is not null order by assigned_at desc, order_id desc limit $3",
        "state in ('delivered', 'cancelled') and (source = any ($1) or user_id is not null) \
         and ($2::text is null or source = $2) order by updated_at desc, order_id desc limit $3",
    ];
    let sources = sources(&app.settings);
    Ok(Pool {
        unassigned: entries(conn, waiting, &sources, source, most).await?,
        assigned: entries(conn, taken, &sources, source, most).await?,
        completed: entries(conn, finished, &sources, source, most).await?,
    })
}

/// From where orders come into the pool.
pub(super) fn sources(settings: &Settings) -> Vec<&str> {
    // Photographs from Telegram always do.
    settings.crm.pool_sources.iter().map(String::as_str).chain(["telegram"]).collect()
}

#[derive(FromRow)]
struct Row {
    order_id: i64,
    uuid: Uuid,
    order_type: String,
    order_number: Option<String>,
    source: String,
    status: i16,
    status_name: String,
    customer_name: Option<String>,
    customer_phone: Option<String>,
    total_minor: Option<Amount>,
    currency: Option<String>,
    planned_on: Option<NaiveDate>,
    created_at: DateTime<Utc>,
    photo_url: Option<String>,
    caption: Option<String>,
    user_id: Option<Uuid>,
    user_name: Option<String>,
    date: Option<NaiveDate>,
}

/// The entries for which `condition`, a constant of this module, holds; `$1` to `$3` are sources, a source, how many.
async fn entries(
    conn: &mut PgConnection,
    condition: &'static str,
    sources: &[&str],
    source: Option<&str>,
    most: i64,
) -> sqlx::Result<Vec<Entry>> {
    let statement = format!("select * from crm.pool_entries where {condition}");
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(sources)
        .bind(source)
        .bind(most)
        .fetch_all(&mut *conn)
        .await?;
    shown(conn, rows).await
}

/// The entry of one order, as this transaction sees it.
pub(super) async fn entry(conn: &mut PgConnection, id: Uuid) -> Result<Entry, Fault> {
    let row: Option<Row> = sqlx::query_as("select * from crm.pool_entries where uuid = $1")
        .bind(id)
        .fetch_optional(&mut *conn)
        .await?;
    let entry = shown(conn, row.into_iter().collect()).await?.pop();
    entry.ok_or_else(|| {
        Problem::new(Code::NotFound, format!("expected an order, found none with the id {id}")).into()
    })
}

/// The entry of an order by its type and its number in the CRM, if there is one.
pub(super) async fn entry_of(app: &App, order_type: &str, number: i64) -> Result<Option<Entry>, Fault> {
    let mut conn = app.pool.acquire().await?;
    let statement = "select * from crm.pool_entries where order_type = $1 and order_id = $2";
    let row: Option<Row> =
        sqlx::query_as(statement).bind(order_type).bind(number).fetch_optional(&mut *conn).await?;
    Ok(shown(&mut conn, row.into_iter().collect()).await?.pop())
}

/// Puts the first lines to the orders.
async fn shown(conn: &mut PgConnection, rows: Vec<Row>) -> sqlx::Result<Vec<Entry>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.uuid).collect();
    let lines: Vec<(Uuid, String, i32)> = sqlx::query_as(
        "select order_id, name, quantity from orders.order_items where order_id = any ($1) order by order_id, position",
    )
    .bind(&ids)
    .fetch_all(conn)
    .await?;
    let entry = |row: Row| {
        let from = lines.partition_point(|line| line.0 < row.uuid);
        let own: Vec<(&str, i32)> = lines[from..]
            .iter()
            .take_while(|line| line.0 == row.uuid)
            .map(|line| (line.1.as_str(), line.2))
            .collect();
        let assignee = match (row.user_id, row.user_name, row.date) {
            (Some(user_id), Some(user_name), Some(date)) => Some(Assignee { user_id, user_name, date }),
            _ => None,
        };
        Entry {
            order_id: row.order_id,
            uuid: row.uuid,
            order_type: row.order_type,
            order_number: row.order_number,
            source: row.source,
            status: row.status,
            status_name: row.status_name,
            customer_name: row.customer_name,
            customer_phone: row.customer_phone,
            items_summary: row.caption.unwrap_or_else(|| summary(own.into_iter())),
            total: row.total_minor,
            currency: row.currency,
            date: row.planned_on,
            created_at: row.created_at,
            photo_url: row.photo_url,
            assignee,
        }
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// Whose page is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuestion {
    /// The manager; by default whoever asks. Another manager's page is an administrator's to see.
    user_id: Option<Uuid>,
    /// The day; by default today in the shop's own zone.
    date: Option<NaiveDate>,
}

/// A manager's page of one day.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DayPage {
    user_id: Uuid,
    /// None when nothing has been taken for this day.
    user_name: Option<String>,
    date: NaiveDate,
    /// In the order in which they were taken.
    orders: Vec<Entry>,
}

masked!(DayPage);

/// The orders that a manager has taken for a day.
#[utoipa::path(
    get, path = "/api/order-management/pages", tag = "pool", params(PageQuestion), security(("staff" = [])),
    responses((status = 200, description = "The page; empty when nothing has been taken for that day.", body = DayPage), Reading),
)]
pub(crate) async fn page_of_a_day(
    State(app): State<App>,
    principal: Principal,
    query: Asked<PageQuestion>,
) -> Result<Response, Fault> {
    principal.must_be(STAFF)?;
    let question = asked(query)?;
    let date = question.date.unwrap_or_else(|| today(&app.settings));
    if !is_plausible(date) {
        return Err(Problem::new(Code::Invalid, "date: expected a day from 2000-01-01 to 2099-12-31").into());
    }
    let own = || Problem::new(Code::Invalid, "userId: expected a manager, found none");
    let user_id = question.user_id.or(principal.user).ok_or_else(own)?;
    must_be_own(&principal, user_id)?;
    let mut conn = app.pool.acquire().await?;
    let user_name =
        sqlx::query_scalar("select user_name from crm.user_order_pages where user_id = $1 and date = $2")
            .bind(user_id)
            .bind(date)
            .fetch_optional(&mut *conn)
            .await?;
    let rows: Vec<Row> = sqlx::query_as(
        "select * from crm.pool_entries where user_id = $1 and date = $2 order by assigned_at, order_id limit 1000",
    )
    .bind(user_id)
    .bind(date)
    .fetch_all(&mut *conn)
    .await?;
    let orders = shown(&mut conn, rows).await?;
    json(&DayPage { user_id, user_name, date, orders })
}

/// A manager acts for themselves, an administrator for anybody.
pub(super) fn must_be_own(principal: &Principal, user_id: Uuid) -> Result<(), Problem> {
    if principal.is(Role::Admin) || principal.user == Some(user_id) {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "userId: expected the token's own user; an administrator may name another",
    ))
}

/// Today in the shop's own zone.
pub(super) fn today(settings: &Settings) -> NaiveDate {
    use chrono::FixedOffset;
    let zone = FixedOffset::east_opt(settings.utc_offset_min.saturating_mul(60));
    zone.map_or_else(|| Utc::now().date_naive(), |zone| Utc::now().with_timezone(&zone).date_naive())
}
