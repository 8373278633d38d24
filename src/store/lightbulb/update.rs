//! A move to another status: `OrderStatusUpdate`, by either of its two addresses.

use axum::extract::{Path, State as Of};
use axum::http::StatusCode;
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use uuid::{Uuid, Variant};

use super::views::OrderView;
use crate::store::App;
use crate::store::auth::Principal;
use crate::store::documents::answers::{Asked, ChangeHeaders, Changed, Missing, NotAllowed};
use crate::store::http::path_id;
use crate::store::idempotency::Answer;
use crate::store::mutation::{Effect, Mutation};
use crate::store::problem::{Code, Fault, Part, Problem, ProblemDocument};
use crate::store::state::{Event, State};
use crate::store::transition::{Context, Note, Step};

/// Where an order goes, and what the history is to say of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderStatusUpdate)]
struct StatusUpdate {
    /// The new status: one of the ids of `GET /api/v1/orders/statuses`.
    #[schema(schema_with = status_ids)]
    status_id: String,
    /// Who did it, in the words of whoever asks: at most 255 characters, whatever their alphabet.
    #[schema(max_length = 255, example = "Admin: admin@lightbulbstore.com")]
    actor_details: Option<String>,
    /// Why, and what else is to be remembered; as long as a request may be.
    #[schema(example = "Заказ передан в службу доставки. Трек-номер: RU123456789")]
    notes: Option<String>,
}

masked!(StatusUpdate);

/// What the database's column holds; PostgreSQL counts characters, and so does this.
const MAX_ACTOR_CHARS: usize = 255;

fn status_ids() -> Object {
    let ids = State::ALL.into_iter().filter(|state| *state != State::Draft);
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
        .enum_values(Some(ids.map(|state| state.status_id().to_string())))
        .build()
}

impl StatusUpdate {
    /// Everything that is wrong with it, all at once.
    fn checked(self) -> Result<(State, Note), Problem> {
        let mut parts = Vec::new();
        let to = status(&self.status_id).map_err(|part| parts.push(part)).ok();
        let length = self.actor_details.as_ref().map_or(0, |details| details.chars().count());
        if length > MAX_ACTOR_CHARS {
            let message = format!("expected at most {MAX_ACTOR_CHARS} characters, found {length}");
            let pointer = "/actor_details".to_owned();
            parts.push(Part { pointer, code: "too-long", message, ..Part::default() });
        }
        match to {
            Some(to) if parts.is_empty() => {
                Ok((to, Note { actor_details: self.actor_details, notes: self.notes, always: true }))
            }
            _ => {
                let said: Vec<String> =
                    parts.iter().map(|part| format!("{}: {}", part.pointer, part.message)).collect();
                Err(Problem::new(Code::Invalid, said.join("; ")).with_parts(parts))
            }
        }
    }
}

/// The status behind an id, which must be a version-4 UUID in its usual form and one of the six.
fn status(text: &str) -> Result<State, Part> {
    let wrong = |code, message| Part { pointer: "/status_id".to_owned(), code, message, ..Part::default() };
    let id = Some(text).filter(|text| text.len() == 36).and_then(|text| Uuid::try_parse(text).ok());
    match id.filter(|id| id.get_version_num() == 4 && id.get_variant() == Variant::RFC4122) {
        None => {
            let found: String = text.chars().take(80).collect();
            Err(wrong("invalid", format!("expected a version-4 UUID, found {found:?}")))
        }
        Some(id) => State::from_status_id(id)
            .ok_or_else(|| wrong("unknown-status", format!("expected one of the six statuses, found {id}"))),
    }
}

/// A move that is allowed to this caller and well formed.
struct Move {
    id: Uuid,
    to: State,
    note: Note,
}

impl Effect for Move {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        self.run(conn, context).await.map_err(as_documented)
    }
}

impl Move {
    async fn run(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let mut step = Step::plan(conn, context, self.id, Event::MovedTo(self.to)).await?;
        step.note = self.note;
        step.carry_out(conn, context).await?;
        let order = OrderView::read(conn, self.id).await?;
        Ok(Answer::json(StatusCode::OK, &order)?.of_order(order.id, order.version))
    }
}

/// What the shop's state does not allow is 422 on this face, whose requirement knows no 409.
fn as_documented(fault: Fault) -> Fault {
    match fault {
        Fault::No(problem) if problem.status() == StatusCode::CONFLICT => {
            Fault::No(problem.with_status(StatusCode::UNPROCESSABLE_ENTITY))
        }
        other => other,
    }
}

/// Moves an order to another status, or notes the same one again.
///
/// For administrators. The answer is the whole order; `updated_at` moves and the history gets a row, each time.
#[utoipa::path(
    put,
    path = "/admin/orders/{id}/status",
    operation_id = "put_order_status",
    tag = "statuses",
    params(("id" = Uuid, Path, description = "The order's id."), ChangeHeaders),
    request_body = StatusUpdate,
    responses(
        (status = 200, description = "The order as it is now.", body = OrderView, headers(("ETag" = String))),
        (
            status = 409,
            description = "A request with the same Idempotency-Key is still running: `request-in-progress`.",
            body = ProblemDocument,
            content_type = "application/problem+json"
        ),
        (
            status = 422,
            description = "A part of the request is wrong, and `errors` names it (`invalid-request`); or the order cannot \
                go there from where it is (`invalid-transition`), or its goods are not there (`out-of-stock`); or the \
                Idempotency-Key belongs to another request (`idempotency-key-reused`).",
            body = ProblemDocument,
            content_type = "application/problem+json"
        ),
        Asked,
        NotAllowed,
        Missing,
        Changed,
    )
)]
pub(super) async fn put_status(
    app: Of<App>,
    principal: Principal,
    id: Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    update(app, principal, id, request).await
}

/// Moves an order to another status, or notes the same one again.
///
/// For administrators; the order service's own address for what `PUT /admin/orders/{id}/status` does.
#[utoipa::path(
    patch,
    path = "/api/v1/orders/{id}/status",
    operation_id = "patch_order_status",
    tag = "statuses",
    params(("id" = Uuid, Path, description = "The order's id."), ChangeHeaders),
    request_body = StatusUpdate,
    responses(
        (status = 200, description = "The order as it is now.", body = OrderView, headers(("ETag" = String))),
        (
            status = 409,
            description = "A request with the same Idempotency-Key is still running: `request-in-progress`.",
            body = ProblemDocument,
            content_type = "application/problem+json"
        ),
        (
            status = 422,
            description = "A part of the request is wrong, and `errors` names it (`invalid-request`); or the order cannot \
                go there from where it is (`invalid-transition`), or its goods are not there (`out-of-stock`); or the \
                Idempotency-Key belongs to another request (`idempotency-key-reused`).",
            body = ProblemDocument,
            content_type = "application/problem+json"
        ),
        Asked,
        NotAllowed,
        Missing,
        Changed,
    )
)]
pub(super) async fn patch_status(
    app: Of<App>,
    principal: Principal,
    id: Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    update(app, principal, id, request).await
}

async fn update(
    Of(app): Of<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    let id = path_id(&id)?;
    let body: StatusUpdate = request.body()?;
    let (to, note) = body.checked()?;
    request.carry_out(&app, &principal, Move { id, to, note }).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn checked(text: &str) -> Result<(State, Note), Problem> {
        serde_json::from_str::<StatusUpdate>(text).unwrap().checked()
    }

    #[test]
    fn only_the_six_ids_in_their_usual_form_are_statuses() {
        for state in State::ALL {
            let shown = if state == State::Draft { State::New } else { state };
            assert_eq!(status(&state.status_id().to_string()).unwrap(), shown);
        }
        assert_eq!(status("823F3C37-200E-4A7C-9466-84EA031E3AF3").unwrap(), State::Shipped);
        let wrong = |text: &str| status(text).unwrap_err().code;
        assert_eq!(wrong("823f3c37-200e-4a7c-9466-84ea031e3af4"), "unknown-status");
        for bad in [
            "",
            "SHIPPED",
            "823f3c37-200e-1a7c-9466-84ea031e3af3",
            "823f3c37-200e-4a7c-c466-84ea031e3af3",
            "823f3c37200e4a7c946684ea031e3af3",
            "{823f3c37-200e-4a7c-9466-84ea031e3af3}",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(wrong(bad), "invalid", "{bad}");
        }
    }

    #[test]
    fn a_name_is_measured_in_characters_and_everything_wrong_is_said_at_once() {
        let id = State::Shipped.status_id();
        let with = |length: usize, id: &str| {
            checked(&format!(r#"{{"status_id":"{id}","actor_details":"{}"}}"#, "Ж".repeat(length)))
        };
        assert_eq!(with(255, &id.to_string()).unwrap().0, State::Shipped);
        let problem = String::from_utf8(with(256, "x").unwrap_err().body("/", "r")).unwrap();
        assert!(problem.contains("/actor_details") && problem.contains("/status_id"), "{problem}");
    }
}
