//! The CRM: orders from the website and from managers, the pool in which they wait, and the page of a manager who takes
//! one. Orders are the shop's own (one table for all systems); the CRM adds who has taken which.

use axum::Router;
use axum::routing::{get, post};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

use super::App;
use super::auth::Role;
use super::http::Face;
use super::settings::{Service, System};

mod assign;
mod document;
mod lines;
mod live;
mod orders;
mod page;
mod photos;
mod place;
mod pool;

pub(crate) use live::Pulse;

/// Who works with the pool.
const STAFF: &[Role] = &[Role::Manager, Role::Admin];

/// The routes.
pub(crate) fn face(app: &App) -> Face {
    let own = Router::new()
        .route("/api/orders/from-website", post(orders::from_website))
        .route("/api/orders", post(orders::create))
        .route("/api/orders/with-auto-deduction", post(orders::with_auto_deduction))
        .route("/api/order-management/pool", get(pool::pool))
        .route("/api/order-management/assign", post(assign::assign))
        .route("/api/order-management/pages", get(pool::page_of_a_day))
        .route("/api/photo-orders", post(photos::create))
        .route("/api/materials", get(orders::materials))
        .merge(page::routes(app));
    Face {
        system: System::Crm,
        own,
        shared: Vec::new(),
        contested: Router::new(),
        document: document::Document::openapi(),
    }
}

/// Starts what works beside the requests.
pub(crate) fn start(app: &App, stop: &CancellationToken, tasks: &mut JoinSet<()>) {
    if app.settings.services.contains(&Service::Crm) {
        tasks.spawn(live::listen(app.clone(), stop.clone()));
    }
}
