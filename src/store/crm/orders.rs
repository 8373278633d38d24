//! `POST /api/orders` in its three forms, and what there is of materials.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use super::STAFF;
use super::document::{Reading, Writing};
use super::lines::NewItem;
use super::place::Placing;
use crate::store::App;
use crate::store::auth::{Principal, bearer, same};
use crate::store::http::json;
use crate::store::idempotency::Answer;
use crate::store::materials::{self, Material, Measure};
use crate::store::money::Amount;
use crate::store::mutation::Mutation;
use crate::store::order::OrderRow;
use crate::store::problem::{Code, Fault, Problem, ProblemDocument};

/// An order from the website.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WebsiteOrder {
    /// This or `customerPhone` is needed.
    #[schema(max_length = 200)]
    customer_name: Option<String>,
    /// With country code.
    #[schema(max_length = 40, example = "+375291234567")]
    customer_phone: Option<String>,
    #[schema(max_length = 254, example = "anna@example.org")]
    customer_email: Option<String>,
    prepayment_amount: Option<Amount>,
    /// A customer whom the shop knows.
    #[serde(rename = "customer_id")]
    customer_id: Option<Uuid>,
    /// With lines their materials are taken too; without, the order waits for a manager to fill it.
    #[schema(max_items = 50)]
    items: Option<Vec<NewItem>>,
}

masked!(WebsiteOrder);

/// An order that a manager writes down.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CrmOrder {
    /// This or `customerPhone` is needed.
    #[schema(max_length = 200)]
    customer_name: Option<String>,
    /// With country code.
    #[schema(max_length = 40, example = "+375291234567")]
    customer_phone: Option<String>,
    #[schema(max_length = 254, example = "anna@example.org")]
    customer_email: Option<String>,
    prepayment_amount: Option<Amount>,
    /// A customer whom the shop knows.
    #[serde(rename = "customer_id")]
    customer_id: Option<Uuid>,
    /// The day for which it is planned.
    date: Option<NaiveDate>,
    /// `crm`, the default, is the manager's own; `website` waits in the pool as if the website had sent it.
    source: Option<Source>,
    #[schema(max_items = 50)]
    items: Option<Vec<NewItem>>,
}

masked!(CrmOrder);

/// The same with at least one line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
pub(crate) struct DeductedOrder(CrmOrder);

/// Where a manager's order comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    #[default]
    Crm,
    Website,
}

impl CrmOrder {
    fn placing(self, principal: &Principal, must_have_items: bool) -> Placing {
        let source = self.source.unwrap_or_default();
        Placing {
            source: if source == Source::Crm { "crm" } else { "website" },
            manager: principal.user.filter(|_| source == Source::Crm),
            customer_name: self.customer_name,
            customer_phone: self.customer_phone,
            customer_email: self.customer_email,
            customer_id: self.customer_id,
            prepayment: self.prepayment_amount,
            planned_on: self.date,
            items: self.items.unwrap_or_default(),
            must_have_items,
        }
    }
}

/// The website, which has shown its key.
#[derive(Debug)]
pub(crate) struct Website(Principal);

impl FromRequestParts<App> for Website {
    type Rejection = Problem;

    /// A store that was told no key answers 503 before anything else.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(key) = &app.settings.crm.website_api_key else {
            let detail =
                "expected WEBSITE_ORDER_API_KEY or shop.crm.website_api_key to be set, found neither";
            return Err(Problem::new(Code::NotConfigured, detail));
        };
        let [own, authorization] = shown(&parts.headers);
        // Both are compared, whatever the first one says.
        if own.is_some_and(|given| same(key, given)) | authorization.is_some_and(|given| same(key, given)) {
            return Ok(Self(Principal {
                subject: "website".to_owned(),
                roles: Vec::new(),
                user: None,
                signed_in: false,
            }));
        }
        let detail = "expected the website's key in X-API-Key or in Authorization: Bearer";
        Err(Problem::new(Code::Unauthorized, detail))
    }
}

/// What stands in either header.
fn shown(headers: &HeaderMap) -> [Option<&str>; 2] {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    [text("x-api-key"), text(header::AUTHORIZATION.as_str()).and_then(bearer)]
}

/// Makes an order that waits in the pool, without a sign-in to the CRM.
#[utoipa::path(
    post, path = "/api/orders/from-website", tag = "orders", request_body = WebsiteOrder,
    params(("Idempotency-Key" = Option<String>, Header, description = "A request that is sent again under its key makes no second order.")),
    security(("websiteKey" = []), ("websiteBearer" = [])),
    responses(
        (status = 201, description = "It waits in the pool.", body = Order),
        (status = 409, description = "Not enough material: nothing was taken and there is no order. Or the same request is still running.", body = ProblemDocument, content_type = "application/problem+json"),
        Writing,
    ),
)]
pub(crate) async fn from_website(
    Website(website): Website,
    State(app): State<App>,
    request: Mutation,
) -> Result<Answer, Fault> {
    let body: WebsiteOrder = request.body()?;
    let order = Placing {
        source: "website",
        customer_name: body.customer_name,
        customer_phone: body.customer_phone,
        customer_email: body.customer_email,
        customer_id: body.customer_id,
        prepayment: body.prepayment_amount,
        items: body.items.unwrap_or_default(),
        ..Placing::default()
    };
    request.carry_out(&app, &website, order.checked()?).await
}

/// Makes an order in the CRM.
#[utoipa::path(
    post, path = "/api/orders", tag = "orders", request_body = CrmOrder,
    params(("Idempotency-Key" = Option<String>, Header, description = "A request that is sent again under its key makes no second order.")),
    security(("staff" = [])),
    responses(
        (status = 201, description = "The order.", body = Order),
        (status = 409, description = "Not enough material: nothing was taken and there is no order. Or the same request is still running.", body = ProblemDocument, content_type = "application/problem+json"),
        Writing,
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    principal: Principal,
    request: Mutation,
) -> Result<Answer, Fault> {
    principal.must_be(STAFF)?;
    let body: CrmOrder = request.body()?;
    request.carry_out(&app, &principal, body.placing(&principal, false).checked()?).await
}

/// Makes an order with lines, and takes the materials that they need in the same transaction.
#[utoipa::path(
    post, path = "/api/orders/with-auto-deduction", tag = "orders", request_body = DeductedOrder,
    params(("Idempotency-Key" = Option<String>, Header, description = "A request that is sent again under its key makes no second order.")),
    security(("staff" = [])),
    responses(
        (status = 201, description = "The order, and in `materials` what it took.", body = Order),
        (status = 409, description = "Not enough material: `errors` lists all that are short, nothing was taken and there is no order. Or the same request is still running.", body = ProblemDocument, content_type = "application/problem+json"),
        Writing,
    ),
)]
pub(crate) async fn with_auto_deduction(
    State(app): State<App>,
    principal: Principal,
    request: Mutation,
) -> Result<Answer, Fault> {
    principal.must_be(STAFF)?;
    let DeductedOrder(body) = request.body()?;
    request.carry_out(&app, &principal, body.placing(&principal, true).checked()?).await
}

/// All materials.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Materials {
    items: Vec<Material>,
}

/// What there is of materials.
#[utoipa::path(
    get, path = "/api/materials", tag = "materials", security(("staff" = [])),
    responses((status = 200, description = "All of them, by name.", body = Materials), Reading),
)]
pub(crate) async fn materials(State(app): State<App>, principal: Principal) -> Result<Response, Fault> {
    principal.must_be(STAFF)?;
    let mut conn = app.pool.acquire().await?;
    json(&Materials { items: materials::list(&mut conn).await? })
}

/// An order as the CRM shows it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    /// The CRM's own number of it, from 1.
    id: i64,
    uuid: Uuid,
    order_number: String,
    /// 1 new, 2 being worked on, 3 sent, 4 delivered, 5 cancelled, 6 waits for its money.
    status: i16,
    status_name: String,
    source: String,
    /// The manager; none while nobody has taken it.
    user_id: Option<Uuid>,
    #[serde(rename = "customer_id")]
    customer_id: Option<Uuid>,
    customer_name: Option<String>,
    customer_phone: Option<String>,
    customer_email: Option<String>,
    prepayment_amount: Amount,
    date: Option<NaiveDate>,
    items: Vec<Line>,
    /// What it has taken of materials.
    materials: Vec<Used>,
    total: Amount,
    currency: String,
    created_at: DateTime<Utc>,
}

masked!(Order);

/// A line of an order.
#[derive(Debug, FromRow, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    product_id: Option<Uuid>,
    name: String,
    quantity: i32,
    #[sqlx(rename = "unit_minor")]
    price: Amount,
    #[sqlx(rename = "total_minor")]
    total: Amount,
    #[schema(value_type = Object)]
    params: Value,
}

/// A material that an order has taken.
#[derive(Debug, FromRow, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Used {
    material_id: Uuid,
    name: String,
    unit: String,
    quantity: Measure,
}

impl Order {
    /// The order as this transaction sees it, and its version.
    pub(super) async fn read(conn: &mut PgConnection, id: Uuid) -> Result<(Self, i32), Fault> {
        let order = OrderRow::read(conn, id).await?;
        let (status, status_name, date): (i16, String, Option<NaiveDate>) = sqlx::query_as(
            "select s.crm_id, s.name, o.planned_on from orders.orders o \
             join orders.order_statuses s on s.id = o.status_id where o.id = $1",
        )
        .bind(id)
        .fetch_one(&mut *conn)
        .await?;
        let items = sqlx::query_as(
            "select product_id, name, quantity, unit_minor, total_minor, params from orders.order_items \
             where order_id = $1 order by position",
        )
        .bind(id)
        .fetch_all(&mut *conn)
        .await?;
        let materials = sqlx::query_as(
            "select m.id as material_id, m.name, m.unit, (-sum(v.delta_milli))::bigint as quantity \
             from crm.material_movements v join crm.materials m on m.id = v.material_id \
             where v.order_id = $1 group by m.id having sum(v.delta_milli) < 0 order by m.name, m.id",
        )
        .bind(id)
        .fetch_all(conn)
        .await?;
        let shown = Self {
            id: order.seq,
            uuid: id,
            order_number: order.order_number,
            status,
            status_name,
            source: order.source,
            user_id: order.user_id,
            customer_id: order.customer_id,
            customer_name: order.customer_name,
            customer_phone: order.customer_phone,
            customer_email: order.customer_email,
            prepayment_amount: order.prepayment_minor,
            date,
            items,
            materials,
            total: order.total_minor,
            currency: order.currency,
            created_at: order.created_at,
        };
        Ok((shown, order.version))
    }
}
