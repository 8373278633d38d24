//! The Store API: what the voice server asks of a shop. Search, details, drafts and their lines, delivery, confirmation,
//! cancellation, products, pick-up points.

use axum::Router;
use axum::middleware;
use axum::routing::{get, patch, post, put};
use utoipa::OpenApi;

use super::App;
use super::auth::Role;
use super::http::{Face, only};
use super::settings::System;

mod command;
mod draft;
mod fulfil;
mod lines;
mod reads;
mod writes;

pub(crate) use draft::{next_number, refuse_too_many};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Store API",
        description = "What the voice server asks of a shop: orders of a caller, drafts and their lines, delivery, confirmation, \
            products and pick-up points. For the token of the settings, and for tokens with the role `agent`, `service`, \
            `manager` or `admin`."
    ),
    paths(
        reads::search,
        reads::order,
        writes::create,
        writes::change_lines,
        writes::set_delivery,
        writes::confirm,
        writes::cancel,
        reads::calculate,
        reads::pickup_points,
        reads::products,
        reads::product,
    ),
    security(("bearer" = []))
)]
struct Document;

/// Who may ask: the voice server and other programmes of the shop, and whoever works there.
const ROLES: &[Role] = &[Role::Agent, Role::Service, Role::Manager, Role::Admin];

/// The routes.
pub(crate) fn face() -> Face {
    let own = Router::new()
        .route("/api/v1/orders/search", get(reads::search))
        .route("/api/v1/orders/{id}/lines", put(writes::change_lines))
        .route("/api/v1/orders/{id}/delivery", patch(writes::set_delivery))
        .route("/api/v1/delivery/calculate", get(reads::calculate))
        .route("/api/v1/pickup-points", get(reads::pickup_points));
    let contested = Router::new()
        .route("/api/v1/orders", post(writes::create))
        .route("/api/v1/orders/{id}", get(reads::order))
        .route("/api/v1/orders/{id}/confirm", post(writes::confirm))
        .route("/api/v1/orders/{id}/cancel", post(writes::cancel))
        .route("/api/v1/products", get(reads::products))
        .route("/api/v1/products/{id}", get(reads::product));
    let guard = |routes: Router<App>| {
        routes.route_layer(middleware::from_fn(|request, next| only(ROLES, request, next)))
    };
    Face {
        system: System::Store,
        own: guard(own),
        shared: vec![
            "/api/v1/orders",
            "/api/v1/orders/{id}",
            "/api/v1/orders/{id}/confirm",
            "/api/v1/orders/{id}/cancel",
            "/api/v1/products",
            "/api/v1/products/{id}",
        ],
        contested: guard(contested),
        document: Document::openapi(),
    }
}
