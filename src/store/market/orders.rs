//! ProductOrderApi: orders, as those who buy make and follow them.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use super::payments::body::{WordStatus, outcome};
use super::payments::notice::Notice;
use super::payments::source::{self, Means, Source};
use super::payments::{self, StartedPayment, signature};
use super::refusals::{Bearer, Missing, Read, Written};
use super::{OFFICE, Part, pan};
use crate::store::App;
use crate::store::auth::{Credential, Principal, Role};
use crate::store::catalog::read_cursor;
use crate::store::http::{Asked, asked, json, limit, path_id};
use crate::store::idempotency::Answer;
use crate::store::mutation::Mutation;
use crate::store::problem::{Code, Fault, Problem, ProblemDocument};

mod buyer;
mod place;
mod steps;
mod view;

use place::NewOrder;
use steps::{Buyers, Deed, Heard, Payment};
use view::{OrderView, Owner, PageView, PlacedView};

/// The routes.
pub(crate) fn part() -> Part {
    Part {
        own: Router::new()
            .route("/api/v1/orders/me", get(mine))
            .route("/api/v1/orders/{id}/reserve", post(reserve))
            .route("/api/v1/orders/{id}/pay", post(pay))
            .route("/api/v1/orders/{id}/payment-status", post(payment_status)),
        shared: vec![
            "/api/v1/orders",
            "/api/v1/orders/{id}",
            "/api/v1/orders/{id}/confirm",
            "/api/v1/orders/{id}/cancel",
        ],
        contested: Router::new()
            .route("/api/v1/orders", post(place))
            .route("/api/v1/orders/{id}", get(order))
            .route("/api/v1/orders/{id}/confirm", post(confirm))
            .route("/api/v1/orders/{id}/cancel", post(cancel)),
        document: Document::openapi(),
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "ProductOrderApi"),
    paths(place, mine, order, reserve, pay, confirm, cancel, payment_status),
    components(schemas(ProblemDocument)),
    modifiers(&Bearer)
)]
struct Document;

/// Whoever buys.
fn buyer(principal: &Principal) -> Result<Uuid, Problem> {
    principal.must_be(&[Role::Customer])?;
    let nobody = || Problem::new(Code::Forbidden, "expected the token of a user");
    principal.user.ok_or_else(nobody)
}

/// Orders. What is in stock is only held once the order is reserved.
#[utoipa::path(post, path = "/api/v1/orders", request_body = NewOrder, security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = PlacedView), Written))]
async fn place(State(app): State<App>, principal: Principal, request: Mutation) -> Result<Answer, Fault> {
    let user = buyer(&principal)?;
    pan::refuse(&request)?;
    let order: NewOrder = request.body()?;
    let order = order.checked(user)?;
    request.carry_out(&app, &principal, order).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OrdersAsked {
    /// 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// The `nextCursor` of an earlier answer.
    cursor: Option<String>,
}

/// A buyer's own orders, the newest first; those too that were made by telephone under their verified number.
#[utoipa::path(get, path = "/api/v1/orders/me", params(OrdersAsked), security(("bearer" = [])), responses(
    (status = 200, body = PageView),
    (status = 422, description = "A wrong limit or cursor", body = ProblemDocument, content_type = "application/problem+json"),
    Read,
))]
async fn mine(
    State(app): State<App>,
    principal: Principal,
    query: Asked<OrdersAsked>,
) -> Result<Response, Fault> {
    let user = buyer(&principal)?;
    let question = asked(query)?;
    let limit = limit(question.limit, 20)?;
    let wrong = || Problem::new(Code::Invalid, "cursor: expected the nextCursor of an earlier answer");
    let after = question.cursor.map(|cursor| read_cursor(&cursor).ok_or_else(wrong)).transpose()?;
    let mut conn = app.pool.acquire().await?;
    let owner = Owner::of(&mut conn, user).await?;
    json(&owner.page(&mut conn, after, limit).await?)
}

/// One of a buyer's own orders.
#[utoipa::path(get, path = "/api/v1/orders/{id}", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = 200, body = OrderView), Missing, Read))]
async fn order(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let user = buyer(&principal)?;
    let id = path_id(&id)?;
    // One snapshot for the order, its lines and its side axes.
    let mut transaction = app.pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *transaction)
        .await?;
    Owner::of(&mut transaction, user).await?.must_own(&mut transaction, id).await?;
    let order = OrderView::read(&mut transaction, id).await?;
    let mut response = json(&order)?;
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", order.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

async fn carry_out(
    app: &App,
    principal: &Principal,
    id: &str,
    request: &Mutation,
    deed: Deed,
) -> Result<Answer, Fault> {
    let buyers = Buyers { user: buyer(principal)?, order: path_id(id)?, deed };
    request.carry_out(app, principal, buyers).await
}

/// Nothing: only an empty object or no body at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Holds the goods of an order, all or none, for a while.
#[utoipa::path(post, path = "/api/v1/orders/{id}/reserve", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = OrderView), Missing, Written))]
async fn reserve(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    buyer(&principal)?;
    pan::refuse(&request)?;
    let Nothing {} = request.body()?;
    carry_out(&app, &principal, &id, &request, Deed::Reserve).await
}

/// How to pay; the card or number of the order when nothing is said.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PayBody {
    method: Option<Means>,
    /// A provider's token, never a card's number.
    #[schema(min_length = 1, max_length = 200)]
    card_token: Option<String>,
    phone: Option<String>,
}

masked!(PayBody);

/// Pays a reserved order. What becomes of it is seen in the order.
#[utoipa::path(post, path = "/api/v1/orders/{id}/pay", request_body = PayBody, security(("bearer" = [])),
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 202, body = StartedPayment), Missing, Written))]
async fn pay(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    buyer(&principal)?;
    pan::refuse(&request)?;
    let body: PayBody = request.body()?;
    let card = ("/cardToken", body.card_token.as_deref());
    // A method alone means the card or number of the order.
    let source = match (card.1, &body.phone) {
        (None, None) => None,
        _ => Source::of(body.method, card, body.phone.as_deref())?,
    };
    source::must_be_taken(&app.settings)?;
    carry_out(&app, &principal, &id, &request, Deed::Pay(Payment { means: body.method, source })).await
}

/// Accepts an order that is paid: its goods leave the shelf.
#[utoipa::path(post, path = "/api/v1/orders/{id}/confirm", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = OrderView), Missing, Written))]
async fn confirm(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    buyer(&principal)?;
    pan::refuse(&request)?;
    let Nothing {} = request.body()?;
    carry_out(&app, &principal, &id, &request, Deed::Confirm).await
}

/// Why an order is cancelled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CancelBody {
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

masked!(CancelBody);

/// Cancels an order: its goods and its money go back.
#[utoipa::path(post, path = "/api/v1/orders/{id}/cancel", request_body = CancelBody, security(("bearer" = [])),
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = OrderView), Missing, Written))]
async fn cancel(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    buyer(&principal)?;
    pan::refuse(&request)?;
    let CancelBody { reason } = request.body()?;
    let reason = reason.trim().to_owned();
    if !(1..=500).contains(&reason.chars().count()) || reason.contains('\0') {
        return Err(Problem::field("/reason", "expected 1 to 500 characters").into());
    }
    carry_out(&app, &principal, &id, &request, Deed::Cancel(reason)).await
}

/// What became of a payment of this order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PaymentStatusBody {
    payment_id: Uuid,
    status: WordStatus,
    failure_code: Option<String>,
    failure_message: Option<String>,
}

/// What became of the payment of an order, from a programme of the shop, or signed as at `/payments/{id}/notify` with the
/// order's id. No buyer may say so.
#[utoipa::path(post, path = "/api/v1/orders/{id}/payment-status", request_body = PaymentStatusBody,
    security(("bearer" = [])),
    params(("id" = Uuid, Path), ("X-Orderline-Timestamp" = Option<String>, Header),
        ("X-Orderline-Signature" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = OrderView), Missing, Written))]
async fn payment_status(
    State(app): State<App>,
    credential: Credential,
    headers: HeaderMap,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    let id = path_id(&id)?;
    let principal = match credential {
        _ if signature::is_shown(&headers) => payments::signed(&app, &headers, id, &request)?,
        credential => {
            let principal = credential.principal()?;
            principal.must_be(OFFICE)?;
            principal.clone()
        }
    };
    let body: PaymentStatusBody = request.body()?;
    let outcome = outcome(body.status, body.failure_code.as_deref(), body.failure_message.as_deref());
    let notice = Notice { order: Some(id), ..Notice::about(body.payment_id, outcome) };
    request.carry_out(&app, &principal, Heard(notice)).await
}
