//! The five requests of the Store API that change an order.

use axum::http::StatusCode;
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use uuid::Uuid;

use super::draft;
use super::fulfil;
use super::lines;
use crate::store::idempotency::Answer;
use crate::store::mutation::Effect;
use crate::store::order::OrderView;
use crate::store::problem::Fault;
use crate::store::state::{Event, Method};
use crate::store::transition::{Context, Step};

/// One of the changes.
#[derive(Debug)]
pub(crate) enum Command {
    Draft(draft::NewOrder),
    ChangeLines(Uuid, lines::NewLines),
    SetDelivery(Uuid, fulfil::Destination),
    Confirm(Uuid, Confirmation),
    Cancel(Uuid, String),
}

/// The body of a confirmation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    #[schema(schema_with = payment_methods)]
    pub(crate) payment_method: Method,
    #[schema(max_length = 200)]
    pub(crate) customer_name: Option<String>,
    /// Whether the customer gets a message; yes when absent.
    #[serde(default = "yes")]
    pub(crate) send_sms_confirmation: bool,
}

masked!(Confirmation);

fn yes() -> bool {
    true
}

/// Those of the methods that this system takes.
fn payment_methods() -> Object {
    let methods = [Method::CashOnDelivery, Method::CardOnDelivery, Method::Online];
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(methods.map(Method::name))).build()
}

/// The order, and whether an SMS about it is durably queued.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct Confirmed {
    #[serde(flatten)]
    order: OrderView,
    sms_sent: bool,
}

impl Effect for Command {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        match self {
            Self::Draft(order) => {
                let id = draft::create(conn, context, order).await?;
                answer(StatusCode::CREATED, OrderView::read(conn, id).await?)
            }
            Self::ChangeLines(id, new) => {
                lines::change(conn, context, id, new).await?;
                answer(StatusCode::OK, OrderView::read(conn, id).await?)
            }
            Self::SetDelivery(id, destination) => {
                fulfil::set_delivery(conn, context, id, destination).await?;
                answer(StatusCode::OK, OrderView::read(conn, id).await?)
            }
            Self::Confirm(id, confirmation) => {
                let sms_sent = fulfil::confirm(conn, context, id, confirmation).await?;
                let order = OrderView::read(conn, id).await?;
                let (id, version) = (order.id, order.version);
                Ok(Answer::json(StatusCode::OK, &Confirmed { order, sms_sent })?.of_order(id, version))
            }
            Self::Cancel(id, reason) => {
                let step = Step::plan(conn, context, id, Event::CancelledByCustomer { reason }).await?;
                step.carry_out(conn, context).await?;
                answer(StatusCode::OK, OrderView::read(conn, id).await?)
            }
        }
    }
}

fn answer(status: StatusCode, order: OrderView) -> Result<Answer, Fault> {
    let reply = Answer::json(status, &order)?.of_order(order.id, order.version);
    let created = status == StatusCode::CREATED;
    Ok(if created { reply.at(format!("/api/v1/orders/{}", order.id)) } else { reply })
}
