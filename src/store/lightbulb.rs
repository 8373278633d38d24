//! The light bulb store: an administrator moves orders from status to status, everybody sees the statuses, and an order's
//! history is open to those whom it concerns.
//!
//! The requirement documents four refusals, 401, 403, 404 and 422. A move that the table of transitions does not allow,
//! or for which goods are missing, is a 422 here and a 409 everywhere else ([`update`]).

use axum::Router;
use axum::middleware;
use axum::routing::{get, patch, put};
use utoipa::OpenApi;

use super::App;
use super::auth::Role;
use super::http::{Face, only};
use super::settings::System;

mod reads;
mod update;
mod views;

/// Who may move an order.
const MOVERS: &[Role] = &[Role::Admin];
/// Who may read its history; a customer only that of an own order.
const READERS: &[Role] = &[Role::Admin, Role::Manager, Role::Customer];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Light Bulb Store: order statuses",
        description = "Moves orders from status to status and tells where they have been. \
            An order may go forward, over statuses too, whose effects on stock and money then run as well; it may be \
            cancelled until it is delivered. A draft, shown as NEW with `is_draft`, can only be cancelled. The same status \
            again is one more row in the history and nothing else."
    ),
    paths(
        update::put_status,
        update::patch_status,
        reads::history,
        reads::statuses,
    ),
    security(("bearer" = []))
)]
struct Document;

/// The routes.
pub(crate) fn face() -> Face {
    let moves: Router<App> = Router::new()
        .route("/admin/orders/{id}/status", put(update::put_status))
        .route("/api/v1/orders/{id}/status", patch(update::patch_status))
        .route_layer(middleware::from_fn(|request, next| only(MOVERS, request, next)));
    let history: Router<App> = Router::new()
        .route("/api/v1/orders/{id}/history", get(reads::history))
        .route_layer(middleware::from_fn(|request, next| only(READERS, request, next)));
    let statuses = Router::new().route("/api/v1/orders/statuses", get(reads::statuses));
    Face {
        system: System::Lightbulb,
        own: moves.merge(history).merge(statuses),
        shared: Vec::new(),
        contested: Router::new(),
        document: Document::openapi(),
    }
}
