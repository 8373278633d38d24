//! The systems' OpenAPI documents, for programmes and for people; public, as the paths in them are no secret.
//!
//! Each system has `/SYSTEM/openapi.json` and, from the same document, `/SYSTEM/docs`, a page that needs neither script
//! nor anything from elsewhere. `/` tells which systems answer here. All of it is made once, at the start.

use std::collections::BTreeSet;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, Server};
use utoipa::{PartialSchema, ToSchema};

use super::App;
use super::problem::ProblemDocument;
use super::settings::System;

pub(crate) mod answers;
mod page;
mod shape;

/// `openapi.json` and `docs` of a system, under its prefix.
pub(crate) fn pages(system: System, document: &OpenApi) -> Router<App> {
    let document = finished(system, document.clone());
    let json = document.to_json().unwrap_or_default();
    let value = serde_json::to_value(&document).unwrap_or_default();
    let html = page::of_system(system, &value).into_string();
    Router::new()
        .route("/openapi.json", get(|| async move { serve("application/json", json) }))
        .route("/docs", get(|| async move { serve(HTML, html) }))
}

/// `/`: which systems answer here.
pub(crate) fn index<'a>(systems: impl Iterator<Item = (System, &'a OpenApi)>) -> Router<App> {
    let systems: Vec<(System, String, usize)> = systems
        .map(|(system, document)| (system, document.info.title.clone(), document.paths.paths.len()))
        .collect();
    let html = page::of_all(&systems).into_string();
    Router::new().route("/", get(|| async move { serve(HTML, html) }))
}

const HTML: &str = "text/html; charset=utf-8";

/// A text with what keeps a browser from doing anything with it but show it.
fn serve(media: &'static str, text: String) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    if let Ok(policy) = HeaderValue::from_str(&page::policy()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    (headers, text).into_response()
}

/// What every document says alike: where it is asked, how a caller shows who it is, and what a problem looks like.
fn finished(system: System, mut document: OpenApi) -> OpenApi {
    document.servers.get_or_insert_with(|| {
        let mut apart = Server::new(format!("/{}", system.name()));
        apart.description =
            Some("The same under a prefix of its own, where no other system's path can be meant".into());
        vec![Server::new("/"), apart]
    });
    name_apart(&mut document);
    let components = document.components.get_or_insert_default();
    let mut schemas = vec![(ProblemDocument::name().into_owned(), ProblemDocument::schema())];
    ProblemDocument::schemas(&mut schemas);
    for (name, schema) in schemas {
        components.schemas.entry(name).or_insert(schema);
    }
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "The token of the settings, one made by `orderline store token`, or the access token of a sign-in.",
    ));
    let bearer = SecurityScheme::Http(bearer.build());
    components.security_schemes.entry("bearer".to_owned()).or_insert(bearer.into());
    document
}

/// An operation's id is its own in the whole document. It is the name of its function unless it is told, and two modules
/// may have functions of one name: the later one is then named by method and path.
fn name_apart(document: &mut OpenApi) {
    let mut taken = BTreeSet::new();
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let told = operation.operation_id.take().filter(|id| !taken.contains(id));
            let name = told.unwrap_or_else(|| {
                let path = path.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
                format!("{method}{path}")
            });
            operation.operation_id = Some(name.clone());
            taken.insert(name);
        }
    }
}
