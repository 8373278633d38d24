//! The CRM's OpenAPI document.

use std::collections::BTreeMap;

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::{assign, lines, orders, photos, pool};
use crate::store::materials::Material;
use crate::store::problem::{PROBLEM_JSON, ProblemDocument};

#[derive(OpenApi)]
#[openapi(
    info(title = "CRM: order pool", description = "Orders from the website and from managers, and who has taken them."),
    paths(
        orders::from_website,
        orders::create,
        orders::with_auto_deduction,
        orders::materials,
        pool::pool,
        pool::page_of_a_day,
        assign::assign,
        photos::create,
    ),
    components(schemas(
        ProblemDocument,
        Material,
        lines::NewItem,
        lines::NewMaterial,
        orders::WebsiteOrder,
        orders::CrmOrder,
        orders::DeductedOrder,
        orders::Order,
        orders::Line,
        orders::Used,
        orders::Materials,
        pool::Entry,
        pool::Assignee,
        pool::Pool,
        pool::DayPage,
        assign::Assign,
        assign::Assigned,
        assign::Assignment,
        photos::PhotoOrder,
    )),
    modifiers(&Schemes),
)]
pub(super) struct Document;

/// How callers show who they are.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = |words: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(words));
            SecurityScheme::Http(scheme.build())
        };
        let staff = bearer("A token made by `orderline store token`, or a sign-in.");
        components.add_security_scheme("staff", staff);
        components.add_security_scheme("websiteBearer", bearer("The website's key."));
        let key = ApiKeyValue::with_description("X-API-Key", "The website's key.");
        components.add_security_scheme("websiteKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
    }
}

/// The refusals of every request that reads.
pub(super) struct Reading;

impl IntoResponses for Reading {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals(&[
            (401, "No token, or one that is not good."),
            (403, "The token's role does not allow this."),
            (422, "A part of the question is wrong; `errors` names it."),
            (429, "Too many requests."),
            (500, "The store failed."),
            (503, "The store cannot answer now."),
        ])
    }
}

/// The refusals of every request that changes something.
pub(super) struct Writing;

impl IntoResponses for Writing {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals(&[
            (400, "The request cannot be read, or its Idempotency-Key."),
            (401, "No token or key, or one that is not good."),
            (403, "The token's role does not allow this."),
            (413, "The request is larger than 1 MiB."),
            (415, "The request is not JSON."),
            (
                422,
                "A part of the request is wrong; `errors` names it. Or the Idempotency-Key belongs to another request.",
            ),
            (429, "Too many requests."),
            (500, "The store failed; nothing was changed."),
            (503, "The store cannot answer now, or has not been told the website's key."),
        ])
    }
}

fn refusals(known: &[(u16, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let problem = || ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response =
        |words: &str| ResponseBuilder::new().description(words).content(PROBLEM_JSON, problem()).build();
    known.iter().map(|(status, words)| (status.to_string(), response(words).into())).collect()
}
