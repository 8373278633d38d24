//! NotificationApi: other programmes of the shop have messages sent, and ask what became of them.
//!
//! A message goes through the same outbox as those that orders bring about, so `queued` is durable. One by e-mail in a
//! shop without a mail server is refused at once (`not-configured`): it could only fail later, when nobody asks.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{FromRow, PgConnection};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use super::Part;
use super::identity::Refused;
use crate::store::App;
use crate::store::auth::{Principal, Role};
use crate::store::documents::answers::{Asked, Missing, NotAllowed};
use crate::store::email;
use crate::store::http::{json, path_id};
use crate::store::idempotency::Answer;
use crate::store::mutation::{Effect, Mutation};
use crate::store::outbox::{self, Letter};
use crate::store::phone;
use crate::store::problem::{Code, Fault, Problem, ProblemDocument};
use crate::store::text::Tongue;
use crate::store::transition::Context;

mod templates;

/// Who may have messages sent: messages cost money, and say what the shop says.
const ROLES: &[Role] = &[Role::Service, Role::Admin];

/// The routes.
pub(crate) fn part() -> Part {
    let own = Router::new()
        .route("/api/v1/notifications/send", post(send))
        .route("/api/v1/notifications/{id}", get(notification));
    Part { own, shared: Vec::new(), contested: Router::new(), document: Document::openapi() }
}

#[derive(OpenApi)]
#[openapi(info(title = "notifications"), paths(send, notification))]
struct Document;

/// By which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Channel {
    Email,
    Sms,
}

/// A message to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewNotification {
    channel: Channel,
    /// An e-mail address, or a telephone number in E.164.
    #[schema(max_length = 254, example = "+79161234567")]
    to: String,
    /// `order_created`, `order_payment_link`, `order_paid`, `order_confirmed`, `order_cancelled`, `verification_code` or
    /// `password_reset`.
    #[schema(example = "order_cancelled")]
    template: String,
    /// What the template's text is made of, texts all but `total`, and `language` (`ru`, `en`) for any template:
    /// `order_created` and `order_paid` need `orderNumber`, `total`, `currency`; `order_payment_link` these and `payUrl`;
    /// `order_confirmed` and `order_cancelled` `orderNumber`; `verification_code` `code`; `password_reset` `token`.
    /// `order_created`, `order_payment_link` and `order_confirmed` take `estimatedDelivery` (a day) and `pickupPoint`.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"orderNumber": "ORD-20260214-4521", "language": "ru"}))]
    variables: Map<String, Value>,
}

masked!(NewNotification);

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
enum Status {
    /// It will leave, or is being tried again.
    Queued,
    /// The gateway has taken it.
    Sent,
    /// It will not leave any more.
    Failed,
}

/// A message is written down.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Queued {
    notification_id: Uuid,
    status: Status,
}

/// A message and what became of it.
#[derive(FromRow, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Notification {
    notification_id: Uuid,
    status: Status,
    channel: String,
    to: String,
    template: String,
    created_at: DateTime<Utc>,
    /// Why it has not left yet, or never will.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

masked!(Notification);

/// The header of a message that must not be sent twice.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
struct KeyHeader {
    /// A name for this message, best a UUID: sent again, it brings the first answer again and no second message.
    #[param(rename = "Idempotency-Key", nullable = false, pattern = "^[!#-~]{1,255}$")]
    key: Option<String>,
}

/// Has a message sent.
#[utoipa::path(post, path = "/api/v1/notifications/send", tag = "notifications", security(("bearer" = [])),
    params(KeyHeader),
    request_body = NewNotification, responses(
    (status = 202, description = "Written down; it leaves within seconds.", body = Queued),
    (status = 409, description = "The same request is still running.", body = ProblemDocument,
        content_type = "application/problem+json"),
    Asked,
    NotAllowed,
    Refused,
))]
async fn send(State(app): State<App>, principal: Principal, request: Mutation) -> Result<Answer, Fault> {
    principal.must_be(ROLES)?;
    let new: NewNotification = request.body()?;
    let recipient = match new.channel {
        Channel::Email => email::email(&new.to).ok_or("expected an e-mail address in ASCII"),
        Channel::Sms if new.to.len() > 64 => Err("expected a telephone number in E.164"),
        Channel::Sms => phone::phone(&new.to).ok_or("expected a telephone number in E.164"),
    };
    let recipient = recipient.map_err(|message| Problem::field("/to", message))?;
    let written = templates::write(&new.template, &new.variables, &recipient)?;
    if new.channel == Channel::Email && app.settings.email.is_none() {
        let detail = "expected shop.email in the store's settings; no e-mail can be sent";
        return Err(Problem::new(Code::NotConfigured, detail).into());
    }
    let message =
        Outgoing { channel: new.channel, recipient, variables: Value::Object(new.variables), written };
    request.carry_out(&app, &principal, message).await
}

/// A message that can be written down.
struct Outgoing {
    channel: Channel,
    recipient: String,
    variables: Value,
    written: templates::Written,
}

impl Effect for Outgoing {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let letter = Letter {
            order_id: None,
            channel: if self.channel == Channel::Email { "email" } else { "sms" },
            recipient: &self.recipient,
            tongue: self.written.tongue,
            template: self.written.template,
            variables: &self.variables,
            subject: &self.written.subject,
            body: &self.written.body,
        };
        let notification_id = outbox::post(conn, &letter, context.now).await?;
        let queued = Queued { notification_id, status: Status::Queued };
        let answer = Answer::json(StatusCode::ACCEPTED, &queued)?;
        Ok(answer.at(format!("/api/v1/notifications/{notification_id}")))
    }
}

/// What became of a message, one that an order brought about too.
#[utoipa::path(get, path = "/api/v1/notifications/{notificationId}", tag = "notifications", security(("bearer" = [])),
    params(("notificationId" = Uuid, Path)), responses(
    (status = 200, description = "The message.", body = Notification),
    Missing,
    Asked,
    NotAllowed,
))]
async fn notification(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    principal.must_be(ROLES)?;
    let found: Option<Notification> = sqlx::query_as(
        "select id as notification_id, status, channel, recipient as \"to\", template, created_at, error_message \
         from notify.notifications where id = $1",
    )
    .bind(path_id(&id)?)
    .fetch_optional(&app.pool)
    .await?;
    json(&found.ok_or_else(|| Problem::new(Code::NotFound, "expected the id of a message"))?)
}
