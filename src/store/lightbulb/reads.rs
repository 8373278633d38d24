//! The statuses, and where an order has been.

use axum::extract::{Path, State};
use axum::response::Response;

use super::views::{self, ChangeView, StatusView};
use crate::store::App;
use crate::store::auth::{Principal, Role};
use crate::store::documents::answers::{Asked, Missing, NotAllowed, Unreadable};
use crate::store::http::{json, path_id};
use crate::store::order::no_such_order;
use crate::store::problem::Fault;

/// The six statuses.
///
/// For everybody who has a token, in the order in which an order goes through them.
#[utoipa::path(
    get,
    path = "/api/v1/orders/statuses",
    operation_id = "list_order_statuses",
    tag = "statuses",
    responses((status = 200, description = "The statuses.", body = Vec<StatusView>), Asked)
)]
pub(super) async fn statuses(State(app): State<App>, _: Principal) -> Result<Response, Fault> {
    let mut conn = app.pool.acquire().await?;
    json(&views::statuses(&mut conn).await?)
}

/// Where an order has been, the oldest first.
///
/// For administrators and managers; for a customer whose order it is, by their account or by their verified telephone
/// number. Of everybody else's order a customer hears that it is not there.
#[utoipa::path(
    get,
    path = "/api/v1/orders/{id}/history",
    operation_id = "list_order_history",
    tag = "statuses",
    params(("id" = Uuid, Path, description = "The order's id.")),
    responses(
        (status = 200, description = "One row for each update, also for one to the same status.", body = Vec<ChangeView>),
        Asked, Unreadable, NotAllowed, Missing,
    )
)]
pub(super) async fn history(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let id = path_id(&id)?;
    let works_here = principal.is(Role::Admin) || principal.is(Role::Manager);
    let changes: Vec<ChangeView> = sqlx::query_as(
        "select h.id, h.order_id, h.status_id, s.code as status_code, s.name as status_name, h.changed_at, \
         h.actor_details, h.notes \
         from orders.order_status_history h join orders.order_statuses s on s.id = h.status_id \
         where h.order_id = $1 and ($2 or exists (select from orders.orders o where o.id = $1 and ( \
             exists (select from identity.customers c where c.id = o.customer_id and c.user_id = $3) \
             or exists (select from identity.users u \
                 where u.id = $3 and u.phone_verified and u.phone_e164 = o.customer_phone)))) \
         order by h.id",
    )
    .bind(id)
    .bind(works_here)
    .bind(principal.user)
    .fetch_all(&app.pool)
    .await?;
    // An order has a row from its first moment: none means no order, or none of this customer's.
    if changes.is_empty() { Err(no_such_order(id)) } else { json(&changes) }
}
