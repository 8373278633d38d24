//! ReserverProductApi: what is on the shelf, and for which orders it is held. For the shop's own programmes.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use super::refusals::{Bearer, Missing, Read, Written};
use super::{OFFICE, Part, pan};
use crate::store::App;
use crate::store::auth::Principal;
use crate::store::http::{Asked, asked, json, limit, path_id};
use crate::store::idempotency::Answer;
use crate::store::mutation::{Effect, Mutation};
use crate::store::order::OrderRow;
use crate::store::problem::{Code, Fault, Problem, ProblemDocument};
use crate::store::state::Event;
use crate::store::transition::{Context, Step};

/// The routes.
pub(crate) fn part() -> Part {
    Part {
        own: Router::new()
            .route("/api/v1/stocks", get(stocks))
            .route("/api/v1/reservations", post(create))
            .route("/api/v1/reservations/{id}", get(reservation))
            .route("/api/v1/reservations/{id}/confirm", post(confirm))
            .route("/api/v1/reservations/{id}/release", post(release)),
        shared: Vec::new(),
        contested: Router::new(),
        document: Document::openapi(),
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "ReserverProductApi"),
    paths(stocks, create, reservation, confirm, release),
    components(schemas(ProblemDocument)),
    modifiers(&Bearer)
)]
struct Document;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct StocksAsked {
    /// 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// The `nextCursor` of an earlier answer.
    cursor: Option<Uuid>,
}

/// A product on the shelf.
#[derive(Debug, FromRow, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StockView {
    product_id: Uuid,
    /// On the shelf and not reserved.
    available: i32,
    on_hand: i32,
    reserved: i32,
}

/// Some of the shelf.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StockPage {
    items: Vec<StockView>,
    /// Where the next page begins; none on the last.
    next_cursor: Option<Uuid>,
}

/// The shelf, product by product.
#[utoipa::path(get, path = "/api/v1/stocks", params(StocksAsked), security(("bearer" = [])), responses(
    (status = 200, body = StockPage),
    (status = 422, description = "A wrong limit or cursor", body = ProblemDocument, content_type = "application/problem+json"),
    Read,
))]
async fn stocks(
    State(app): State<App>,
    principal: Principal,
    query: Asked<StocksAsked>,
) -> Result<Response, Fault> {
    principal.must_be(OFFICE)?;
    let question = asked(query)?;
    let limit = limit(question.limit, 20)?;
    let mut items: Vec<StockView> = sqlx::query_as(
        "select product_id, on_hand - reserved as available, on_hand, reserved from stock.stock_items \
         where $1::uuid is null or product_id > $1 order by product_id limit $2",
    )
    .bind(question.cursor)
    .bind(limit + 1)
    .fetch_all(&app.pool)
    .await?;
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > page;
    items.truncate(page);
    let next_cursor = items.last().filter(|_| more).map(|item| item.product_id);
    json(&StockPage { items, next_cursor })
}

/// Goods to be held for an order: all of its lines.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewReservation {
    order_id: Uuid,
    #[schema(min_items = 1, max_items = 50)]
    items: Vec<NewReservationLine>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewReservationLine {
    product_id: Uuid,
    #[schema(minimum = 1, maximum = 999)]
    quantity: i32,
}

/// Lines of one order.
const MAX_LINES: usize = 50;

/// A reservation that has been made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MadeReservation {
    reservation_id: Uuid,
    /// `active`, `confirmed`, `released`, `expired`.
    status: String,
}

/// A reservation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reservation)]
struct ReservationView {
    reservation_id: Uuid,
    order_id: Uuid,
    /// `active`, `confirmed`, `released`, `expired`.
    status: String,
    items: Vec<ReservedLine>,
    created_at: DateTime<Utc>,
    /// When the goods are held no longer; none when they are held without an end.
    expires_at: Option<DateTime<Utc>>,
}

/// What is held of a product.
#[derive(Debug, FromRow, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReservedLine {
    product_id: Uuid,
    #[sqlx(rename = "quantity")]
    reserved_quantity: i32,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    order_id: Uuid,
    status: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

impl Row {
    async fn read(conn: &mut PgConnection, id: Uuid) -> Result<Self, Fault> {
        let statement =
            "select id, order_id, status, created_at, expires_at from stock.reservations where id = $1";
        let row: Option<Self> = sqlx::query_as(statement).bind(id).fetch_optional(conn).await?;
        let missing =
            || Problem::new(Code::NotFound, format!("expected a reservation, found none with the id {id}"));
        Ok(row.ok_or_else(missing)?)
    }

    async fn whole(self, conn: &mut PgConnection) -> Result<ReservationView, Fault> {
        let items = sqlx::query_as(
            "select product_id, quantity from stock.reservation_items where reservation_id = $1 order by product_id",
        )
        .bind(self.id)
        .fetch_all(conn)
        .await?;
        Ok(ReservationView {
            reservation_id: self.id,
            order_id: self.order_id,
            expires_at: self.expires_at.filter(|_| self.status == "active"),
            status: self.status,
            items,
            created_at: self.created_at,
        })
    }
}

/// Holds the goods of an order, which `items` must name completely. An order has one live reservation.
#[utoipa::path(post, path = "/api/v1/reservations", request_body = NewReservation, security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 201, body = MadeReservation), Missing, Written))]
async fn create(State(app): State<App>, principal: Principal, request: Mutation) -> Result<Answer, Fault> {
    principal.must_be(OFFICE)?;
    pan::refuse(&request)?;
    let reservation: NewReservation = request.body()?;
    let found = reservation.items.len();
    if !(1..=MAX_LINES).contains(&found) {
        let message = format!("expected 1 to {MAX_LINES} lines, found {found}");
        return Err(Problem::field("/items", message).into());
    }
    request.carry_out(&app, &principal, reservation).await
}

impl NewReservation {
    /// Refuses lines that are not the order's.
    async fn must_match(&self, conn: &mut PgConnection) -> Result<(), Fault> {
        let lines: Vec<(Uuid, i64)> = sqlx::query_as(
            "select product_id, sum(quantity) from orders.order_items \
             where order_id = $1 and product_id is not null group by product_id",
        )
        .bind(self.order_id)
        .fetch_all(conn)
        .await?;
        let mut open: BTreeMap<Uuid, i64> = lines.into_iter().collect();
        for (n, item) in self.items.iter().enumerate() {
            let left = open.get_mut(&item.product_id);
            let left = left.ok_or_else(|| {
                let message = format!("expected a product of the order, found {}", item.product_id);
                Problem::field(&format!("/items/{n}/productId"), message)
            })?;
            *left -= i64::from(item.quantity);
            if item.quantity < 1 || *left < 0 {
                let message = "expected as many pieces as the order has";
                return Err(Problem::field(&format!("/items/{n}/quantity"), message).into());
            }
        }
        match open.into_iter().find(|(_, left)| *left != 0) {
            None => Ok(()),
            Some((product, left)) => {
                let message = format!("expected all lines of the order, found {left} of {product} missing");
                Err(Problem::field("/items", message).into())
            }
        }
    }
}

impl Effect for NewReservation {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let order = OrderRow::lock(conn, self.order_id).await?;
        let live: Option<Uuid> = sqlx::query_scalar(
            "select id from stock.reservations where order_id = $1 and status in ('active', 'confirmed')",
        )
        .bind(order.id)
        .fetch_optional(&mut *conn)
        .await?;
        if let Some(id) = live {
            let detail = format!("expected an order without a reservation, found the reservation {id}");
            let problem = Problem::new(Code::ReservationExists, detail);
            return Err(problem.with("reservation_id", id.to_string()).into());
        }
        self.must_match(conn).await?;
        Step::plan(conn, context, order.id, Event::Reserved).await?.carry_out(conn, context).await?;
        let (id, status): (Uuid, String) = sqlx::query_as(
            "select id, status from stock.reservations where order_id = $1 and status = 'active'",
        )
        .bind(order.id)
        .fetch_one(&mut *conn)
        .await?;
        let version = OrderRow::read(conn, order.id).await?.version;
        let answer = Answer::json(StatusCode::CREATED, &MadeReservation { reservation_id: id, status })?;
        Ok(answer.of_order(order.id, version).at(format!("/api/v1/reservations/{id}")))
    }
}

/// A reservation.
#[utoipa::path(get, path = "/api/v1/reservations/{id}", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = 200, body = ReservationView), Missing, Read))]
async fn reservation(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    principal.must_be(OFFICE)?;
    let mut conn = app.pool.acquire().await?;
    let row = Row::read(&mut conn, path_id(&id)?).await?;
    json(&row.whole(&mut conn).await?)
}

/// Nothing: only an empty object or no body at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Takes what is held off the shelf for good. Goods of an order that still waits for its money are not taken.
#[utoipa::path(post, path = "/api/v1/reservations/{id}/confirm", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = ReservationView), Missing, Written))]
async fn confirm(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    end(&app, &principal, &id, &request, Event::ReservationConfirmed).await
}

/// Gives back what is held.
#[utoipa::path(post, path = "/api/v1/reservations/{id}/release", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = ReservationView), Missing, Written))]
async fn release(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    end(&app, &principal, &id, &request, Event::ReservationReleased).await
}

async fn end(
    app: &App,
    principal: &Principal,
    id: &str,
    request: &Mutation,
    event: Event,
) -> Result<Answer, Fault> {
    principal.must_be(OFFICE)?;
    pan::refuse(request)?;
    let Nothing {} = request.body()?;
    request.carry_out(app, principal, End { id: path_id(id)?, event }).await
}

/// The end of a reservation, one way or the other.
struct End {
    id: Uuid,
    event: Event,
}

impl Effect for End {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let order = Row::read(conn, self.id).await?.order_id;
        // Of two at once the second sees what the first did.
        let order = OrderRow::lock(conn, order).await?;
        let row = Row::read(conn, self.id).await?;
        match (&self.event, row.status.as_str()) {
            (Event::ReservationConfirmed, "confirmed")
            | (Event::ReservationReleased, "released" | "expired") => {}
            (Event::ReservationConfirmed, "active") if row.expires_at.is_some() => {
                let detail =
                    "expected an order that is paid, or paid at the door; this one still waits for its money";
                return Err(Problem::new(Code::PaymentMissing, detail).into());
            }
            (_, "active") => {
                let step = Step::plan(conn, context, row.order_id, self.event).await?;
                step.carry_out(conn, context).await?;
            }
            (event, status) => {
                let detail = format!("a reservation that is {status} cannot be {}", event.name());
                return Err(Problem::new(Code::InvalidTransition, detail).into());
            }
        }
        let version = OrderRow::read(conn, order.id).await?.version;
        let whole = Row::read(conn, self.id).await?.whole(conn).await?;
        Ok(Answer::json(StatusCode::OK, &whole)?.of_order(order.id, version))
    }
}
