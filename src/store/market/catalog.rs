//! To be built.

use axum::Router;
use utoipa::OpenApi;

use super::Part;

/// The routes.
pub(crate) fn part() -> Part {
    Part { own: Router::new(), shared: Vec::new(), contested: Router::new(), document: Document::openapi() }
}

#[derive(OpenApi)]
#[openapi(info(title = "catalog"))]
struct Document;
