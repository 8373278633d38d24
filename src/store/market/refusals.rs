//! What a request may be refused with, for the OpenAPI documents.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use crate::store::problem::PROBLEM_JSON;

type Responses = BTreeMap<String, RefOr<Response>>;

fn problems(statuses: &[(&str, &str)]) -> Responses {
    statuses
        .iter()
        .map(|(status, description)| {
            let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let response = ResponseBuilder::new().description(*description).content(PROBLEM_JSON, content);
            ((*status).to_owned(), RefOr::T(response.build()))
        })
        .collect()
}

/// Of what anybody may ask.
pub(crate) struct Open;

impl IntoResponses for Open {
    fn responses() -> Responses {
        problems(&[("429", "Too many requests"), ("503", "The store cannot answer now")])
    }
}

/// Of what only some may ask.
pub(crate) struct Read;

impl IntoResponses for Read {
    fn responses() -> Responses {
        let mut all = Open::responses();
        all.extend(problems(&[("401", "No good token"), ("403", "The token's role does not allow this")]));
        all
    }
}

/// Of what may not be there.
pub(crate) struct Missing;

impl IntoResponses for Missing {
    fn responses() -> Responses {
        problems(&[("404", "There is no such thing, or it is somebody else's")])
    }
}

/// Of what changes something.
pub(crate) struct Written;

impl IntoResponses for Written {
    fn responses() -> Responses {
        let mut all = Read::responses();
        all.extend(problems(&[
            ("400", "The request cannot be read"),
            ("409", "The state of the order, payment or reservation does not allow this"),
            ("412", "The order has another version than If-Match says"),
            ("413", "The request is too large"),
            ("415", "The request is not JSON"),
            ("422", "The request is not valid, or holds a card number"),
        ]));
        all
    }
}

/// Adds the bearer's token to a document.
pub(crate) struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("bearer", scheme);
    }
}
