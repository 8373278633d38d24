//! Photographs of orders that come to the shop's Telegram bot: the other half of the pool.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::document::Writing;
use super::lines::Wrong;
use super::pool::{self, Entry};
use crate::store::App;
use crate::store::auth::{Principal, Role};
use crate::store::idempotency::Answer;
use crate::store::mutation::{Effect, Mutation};
use crate::store::phone::phone;
use crate::store::problem::{Fault, Problem, ProblemDocument};
use crate::store::transition::Context;

/// A photograph that came to the bot.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PhotoOrder {
    /// Who sent it, as Telegram names them.
    #[schema(min_length = 1, max_length = 100, example = "@anna")]
    telegram_user: String,
    /// Where managers can look at it.
    #[schema(max_length = 2000, format = "uri", example = "https://files.example/1.jpg")]
    photo_url: String,
    #[schema(max_length = 200)]
    customer_name: Option<String>,
    #[schema(max_length = 40, example = "+375291234567")]
    customer_phone: Option<String>,
    /// What was written under it.
    #[schema(max_length = 1000)]
    caption: Option<String>,
    /// `pending` by default.
    status: Option<Readiness>,
}

masked!(PhotoOrder);

/// How far the bot has come with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Readiness {
    #[default]
    Pending,
    ReadyForApproval,
}

/// Takes a photograph in; it waits in the pool.
#[utoipa::path(
    post, path = "/api/photo-orders", tag = "pool", request_body = PhotoOrder, security(("staff" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A request that is sent again under its key makes no second order.")),
    responses(
        (status = 201, description = "It waits in the pool.", body = Entry),
        (status = 409, description = "The same request is still running.", body = ProblemDocument, content_type = "application/problem+json"),
        Writing,
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    principal: Principal,
    request: Mutation,
) -> Result<Answer, Fault> {
    principal.must_be(&[Role::Service, Role::Admin])?;
    let photo: PhotoOrder = request.body()?;
    request.carry_out(&app, &principal, photo.checked()?).await
}

impl PhotoOrder {
    fn checked(mut self) -> Result<Self, Problem> {
        let mut wrong = Wrong::default();
        let sender = wrong.text("/telegramUser", Some(std::mem::take(&mut self.telegram_user)), 100);
        match sender {
            Some(sender) => self.telegram_user = sender,
            None => wrong.at("/telegramUser", "expected a name, found none"),
        }
        // It becomes a link on the managers' page: no other scheme may.
        let web = url::Url::parse(&self.photo_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !web || self.photo_url.len() > 2000 {
            wrong.at("/photoUrl", "expected an http or https address of at most 2000 characters");
        }
        self.customer_name = wrong.text("/customerName", self.customer_name, 200);
        self.caption = wrong.text("/caption", self.caption, 1000);
        if let Some(given) = self.customer_phone.take().filter(|given| !given.trim().is_empty()) {
            match phone(&given) {
                Some(number) => self.customer_phone = Some(number),
                None => wrong.at("/customerPhone", "expected a number such as +375291234567"),
            }
        }
        wrong.refuse()?;
        Ok(self)
    }
}

impl Effect for PhotoOrder {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let id = Uuid::now_v7();
        let status = match self.status.unwrap_or_default() {
            Readiness::Pending => "pending",
            Readiness::ReadyForApproval => "ready_for_approval",
        };
        sqlx::query(
            "insert into crm.photo_orders (id, status, telegram_user, customer_name, customer_phone, photo_url, \
             caption, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        )
        .bind(id)
        .bind(status)
        .bind(&self.telegram_user)
        // Somebody must be shown: who sent it, where nobody is named.
        .bind(self.customer_name.as_ref().unwrap_or(&self.telegram_user))
        .bind(&self.customer_phone)
        .bind(&self.photo_url)
        .bind(&self.caption)
        .bind(context.now)
        .execute(&mut *conn)
        .await?;
        Answer::json(StatusCode::CREATED, &pool::entry(conn, id).await?)
    }
}
