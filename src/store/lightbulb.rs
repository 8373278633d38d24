//! To be built.

use axum::Router;
use utoipa::OpenApi;

use super::http::Face;
use super::settings::System;

/// The routes.
pub(crate) fn face() -> Face {
    Face {
        system: System::Lightbulb,
        own: Router::new(),
        shared: Vec::new(),
        contested: Router::new(),
        document: Document::openapi(),
    }
}

#[derive(OpenApi)]
#[openapi(info(title = "Light Bulb Store: order statuses"))]
struct Document;
