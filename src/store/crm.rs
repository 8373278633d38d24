//! To be built.

use axum::Router;
use utoipa::OpenApi;

use super::App;
use super::http::Face;
use super::settings::System;

/// The routes.
pub(crate) fn face(_: &App) -> Face {
    Face {
        system: System::Crm,
        own: Router::new(),
        shared: Vec::new(),
        contested: Router::new(),
        document: Document::openapi(),
    }
}

#[derive(OpenApi)]
#[openapi(info(title = "CRM: order pool"))]
struct Document;
