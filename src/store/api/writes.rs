//! The handlers that change orders: each reads its request into a [`Command`] and runs it.

use axum::extract::{Path, State};
use utoipa::ToSchema;

use super::command::{Command, Confirmation, Confirmed};
use super::draft::NewOrder;
use super::fulfil::Destination;
use super::lines::NewLines;
use crate::store::App;
use crate::store::auth::Principal;
use crate::store::documents::answers::{
    Asked, ChangeHeaders, Changed, Conflict, KeyedHeaders, Missing, NotAllowed, Wrong,
};
use crate::store::http::path_id;
use crate::store::idempotency::Answer;
use crate::store::mutation::Mutation;
use crate::store::order::OrderView;
use crate::store::problem::{Code, Fault, Problem};

/// Makes a draft, at today's prices.
///
/// Nothing is held in stock yet, and the draft is dropped after a while. The same request under the same key brings the
/// same draft, again with 201.
#[utoipa::path(
    post,
    path = "/api/v1/orders",
    operation_id = "create_order",
    tag = "orders",
    params(KeyedHeaders),
    request_body = NewOrder,
    responses(
        (status = 201, description = "The draft.", body = OrderView, headers(("ETag" = String), ("Location" = String))),
        Asked, NotAllowed, Wrong, Conflict, Changed,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    principal: Principal,
    request: Mutation,
) -> Result<Answer, Fault> {
    request.must_have_key()?;
    let order: NewOrder = request.body()?;
    let command = Command::Draft(order.checked()?);
    request.carry_out(&app, &principal, command).await
}

/// Replaces all lines of a draft by others; its delivery stays.
///
/// The new lines and the delivery are at today's prices, and everything is added up anew. Nothing is held in stock yet.
/// What cannot be had, or brought where the draft goes, leaves the draft as it was.
#[utoipa::path(
    put,
    path = "/api/v1/orders/{id}/lines",
    operation_id = "change_lines",
    tag = "orders",
    params(("id" = Uuid, Path, description = "The order's id."), ChangeHeaders),
    request_body = NewLines,
    responses(
        (status = 200, description = "The order as it is now.", body = OrderView, headers(("ETag" = String))),
        Asked, NotAllowed, Missing, Wrong, Conflict, Changed,
    )
)]
pub(crate) async fn change_lines(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    let lines: NewLines = request.body()?;
    let command = Command::ChangeLines(path_id(&id)?, lines.checked()?);
    request.carry_out(&app, &principal, command).await
}

/// Says where a draft goes; takes today's prices and adds up anew.
#[utoipa::path(
    patch,
    path = "/api/v1/orders/{id}/delivery",
    operation_id = "set_delivery",
    tag = "orders",
    params(("id" = Uuid, Path, description = "The order's id."), ChangeHeaders),
    request_body = Destination,
    responses(
        (status = 200, description = "The order as it is now.", body = OrderView, headers(("ETag" = String))),
        Asked, NotAllowed, Missing, Wrong, Conflict, Changed,
    )
)]
pub(crate) async fn set_delivery(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    let command = Command::SetDelivery(path_id(&id)?, request.body()?);
    request.carry_out(&app, &principal, command).await
}

/// Makes an order of a draft that has a delivery: its goods are held from now on.
#[utoipa::path(
    post,
    path = "/api/v1/orders/{id}/confirm",
    operation_id = "confirm_order",
    tag = "orders",
    params(("id" = Uuid, Path, description = "The order's id."), KeyedHeaders),
    request_body = Confirmation,
    responses(
        (status = 200, description = "The order as it is now.", body = Confirmed, headers(("ETag" = String))),
        Asked, NotAllowed, Missing, Wrong, Conflict, Changed,
    )
)]
pub(crate) async fn confirm(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    request.must_have_key()?;
    let command = Command::Confirm(path_id(&id)?, request.body()?);
    request.carry_out(&app, &principal, command).await
}

/// Why an order is called off.
#[derive(Default, serde::Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cancellation {
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// Calls an order off, until it is on its way; its goods and its money go back.
#[utoipa::path(
    post,
    path = "/api/v1/orders/{id}/cancel",
    operation_id = "cancel_order",
    tag = "orders",
    params(("id" = Uuid, Path, description = "The order's id."), ChangeHeaders),
    request_body(content = Option<Cancellation>, description = "May be absent."),
    responses(
        (status = 200, description = "The order as it is now.", body = OrderView, headers(("ETag" = String))),
        Asked, NotAllowed, Missing, Wrong, Conflict, Changed,
    )
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    let body: Option<Cancellation> = request.body()?;
    let reason = body.unwrap_or_default().reason.unwrap_or_else(|| "cancelled by the customer".to_owned());
    if reason.chars().count() > 500 {
        return Err(Problem::new(Code::Invalid, "reason: expected at most 500 characters").into());
    }
    let command = Command::Cancel(path_id(&id)?, reason);
    request.carry_out(&app, &principal, command).await
}
