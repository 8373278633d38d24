//! The handlers that change orders: each reads its request into a [`Command`] and runs it.

use axum::extract::{Path, State};

use super::App;
use super::command::{Command, Mutation};
use super::draft::NewOrder;
use super::http::path_id;
use super::idempotency::Answer;
use super::problem::{Code, Fault, Problem};

/// `POST /orders`.
pub(crate) async fn create(State(app): State<App>, request: Mutation) -> Result<Answer, Fault> {
    request.must_have_key()?;
    let order: NewOrder = request.body()?;
    Command::Draft(order.checked()?).run(&app, &request).await
}

/// `PATCH /orders/{id}/delivery`.
pub(crate) async fn set_delivery(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    Command::SetDelivery(path_id(&id)?, request.body()?).run(&app, &request).await
}

/// `POST /orders/{id}/confirm`.
pub(crate) async fn confirm(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    request.must_have_key()?;
    Command::Confirm(path_id(&id)?, request.body()?).run(&app, &request).await
}

/// `POST /orders/{id}/cancel`.
pub(crate) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Cancellation {
        reason: Option<String>,
    }
    let body: Cancellation = request.body()?;
    let reason = body.reason.unwrap_or_else(|| "cancelled by the customer".to_owned());
    if reason.chars().count() > 500 {
        return Err(Problem::new(Code::Invalid, "reason: expected at most 500 characters").into());
    }
    Command::Cancel(path_id(&id)?, reason).run(&app, &request).await
}
