//! To be built.

use axum::Router;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

use super::Part;
use crate::store::App;

/// The routes.
pub(crate) fn part() -> Part {
    Part { own: Router::new(), shared: Vec::new(), contested: Router::new(), document: Document::openapi() }
}

#[derive(OpenApi)]
#[openapi(info(title = "payments"))]
struct Document;

/// Starts what works beside the requests: the calls to the payment provider.
pub(crate) fn start(_: &App, _: &CancellationToken, _: &mut JoinSet<()>) {}
