//! The systems' OpenAPI documents, for programmes and for people; public, as the paths in them are no secret.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::openapi::OpenApi;

use super::App;
use super::settings::System;

/// `openapi.json` of a system, under its prefix.
pub(crate) fn pages(_: System, document: &OpenApi) -> Router<App> {
    let json = document.to_json().unwrap_or_default();
    Router::new().route(
        "/openapi.json",
        get(|| async move {
            ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
        }),
    )
}
