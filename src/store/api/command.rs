//! The four requests of the Store API that change an order.

use axum::http::StatusCode;
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::draft;
use super::fulfil;
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
    SetDelivery(Uuid, fulfil::Destination),
    Confirm(Uuid, Confirmation),
    Cancel(Uuid, String),
}

/// The body of a confirmation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    pub(crate) payment_method: Method,
    pub(crate) customer_name: Option<String>,
    #[serde(default = "yes")]
    pub(crate) send_sms_confirmation: bool,
}

fn yes() -> bool {
    true
}

impl Effect for Command {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        match self {
            Self::Draft(order) => {
                let id = draft::create(conn, context, order).await?;
                answer(StatusCode::CREATED, OrderView::read(conn, id).await?)
            }
            Self::SetDelivery(id, destination) => {
                fulfil::set_delivery(conn, context, id, destination).await?;
                answer(StatusCode::OK, OrderView::read(conn, id).await?)
            }
            Self::Confirm(id, confirmation) => {
                let sms_sent = fulfil::confirm(conn, context, id, confirmation).await?;
                let order = OrderView::read(conn, id).await?;
                answer_with(StatusCode::OK, order, Some(sms_sent))
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
    answer_with(status, order, None)
}

fn answer_with(status: StatusCode, order: OrderView, sms_sent: Option<bool>) -> Result<Answer, Fault> {
    #[derive(serde::Serialize)]
    struct Reply<'a> {
        #[serde(flatten)]
        order: &'a OrderView,
        #[serde(skip_serializing_if = "Option::is_none")]
        sms_sent: Option<bool>,
    }
    let reply = Answer::json(status, &Reply { order: &order, sms_sent })?.of_order(order.id, order.version);
    let created = status == StatusCode::CREATED;
    Ok(if created { reply.at(format!("/api/v1/orders/{}", order.id)) } else { reply })
}
