//! The marketplace: six services of one shop, each of which can run in a process of its own.

use axum::Router;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

use super::App;
use super::auth::Role;
use super::http::Face;
use super::settings::{Service, System};

mod catalog;
mod identity;
mod notifications;
mod orders;
mod pan;
mod payments;
mod refusals;
mod reservations;

pub(crate) use identity::{Argon2id, Passwords, forget};

/// The routes of those services that run here.
pub(crate) fn face(services: &[Service]) -> Face {
    let mut own = Router::new();
    let mut contested = Router::new();
    let mut shared: Vec<&'static str> = Vec::new();
    let mut document = Document::openapi();
    for service in services {
        let part = match service {
            Service::Identity => identity::part(),
            Service::Orders => orders::part(),
            Service::Catalog => catalog::part(),
            Service::Reservations => reservations::part(),
            Service::Payments => payments::part(),
            Service::Notifications => notifications::part(),
            Service::Store | Service::Lightbulb | Service::Crm => continue,
        };
        own = own.merge(part.own);
        contested = contested.merge(part.contested);
        shared.extend(part.shared);
        document.merge(part.document);
    }
    Face { system: System::Market, own, shared, contested, document }
}

/// Who may ask for what is no buyer's business: the shop's own programmes and its administrators.
const OFFICE: &[Role] = &[Role::Service, Role::Admin];

/// One service of the marketplace.
struct Part {
    own: Router<App>,
    /// Paths that the Store API has too.
    shared: Vec<&'static str>,
    contested: Router<App>,
    document: utoipa::openapi::OpenApi,
}

#[derive(OpenApi)]
#[openapi(info(title = "Marketplace"))]
struct Document;

/// Starts what works beside the requests.
pub(crate) fn start(app: &App, stop: &CancellationToken, tasks: &mut JoinSet<()>) {
    payments::start(app, stop, tasks);
}
