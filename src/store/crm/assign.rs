//! A manager takes an order out of the pool. Of two who take one, the unique row of `crm.user_order_page_orders` decides;
//! the order moves in the same transaction.

use std::fmt;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, Utc};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::STAFF;
use super::document::Writing;
use super::lines::Wrong;
use super::place::is_plausible;
use super::pool::{self, Assignee, Entry, must_be_own};
use crate::store::App;
use crate::store::auth::Principal;
use crate::store::idempotency::Answer;
use crate::store::mutation::{Effect, Mutation};
use crate::store::order::OrderRow;
use crate::store::problem::{Code, Fault, Problem, ProblemDocument};
use crate::store::state::Event;
use crate::store::transition::{Context, Step};

/// Who takes which order.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Assign {
    pub(super) order_id: OrderRef,
    pub(super) order_type: OrderType,
    /// The token's own user; an administrator may name another.
    pub(super) user_id: Uuid,
    /// How colleagues are told who has it.
    #[schema(min_length = 1, max_length = 200)]
    pub(super) user_name: String,
    /// The day on whose page it goes.
    pub(super) date: NaiveDate,
}

masked!(Assign);

/// An order by its number in the CRM, or by its UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderRef {
    Number(i64),
    Id(Uuid),
}

impl fmt::Display for OrderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Id(id) => id.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for OrderRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = OrderRef;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an order's number or its UUID")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OrderRef, E> {
                let number = text.parse().ok().filter(|number| *number > 0).map(OrderRef::Number);
                let named = number.or_else(|| text.parse().ok().map(OrderRef::Id));
                named.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<OrderRef, E> {
                let fits = i64::try_from(number).ok().filter(|number| *number > 0).map(OrderRef::Number);
                fits.ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl utoipa::PartialSchema for OrderRef {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
        OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)))
            .item(
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .format(Some(utoipa::openapi::SchemaFormat::Custom("uuid".to_owned()))),
            )
            .description(Some("The order's number in the CRM (`orderId` of the pool), or its UUID."))
            .into()
    }
}

impl ToSchema for OrderRef {}

/// From which half of the pool an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrderType {
    /// From the website or the marketplace.
    Website,
    /// A photograph from Telegram.
    Telegram,
    /// Taken by the voice server on the telephone.
    Phone,
    /// Written down by a manager.
    Crm,
}

impl OrderType {
    /// The name in the database and in the pool.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Website => "website",
            Self::Telegram => "telegram",
            Self::Phone => "phone",
            Self::Crm => "crm",
        }
    }

    /// The type with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Website, Self::Telegram, Self::Phone, Self::Crm].into_iter().find(|kind| kind.name() == name)
    }
}

/// What has been taken, and the order as it is now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Assigned {
    assignment: Assignment,
    order: Entry,
}

/// An order on a manager's page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assignment {
    order_id: i64,
    order_type: OrderType,
    user_id: Uuid,
    user_name: String,
    date: NaiveDate,
    assigned_at: DateTime<Utc>,
}

masked!(Assignment);

/// Takes an order out of the pool, onto a manager's page. Whoever has it already gets the same answer again.
#[utoipa::path(
    post, path = "/api/order-management/assign", tag = "pool", request_body = Assign, security(("staff" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A request that is sent again gets the first answer again.")),
    responses(
        (status = 200, description = "It is taken, and being worked on.", body = Assigned),
        (status = 404, description = "The pool has no such order.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "`already-assigned`: somebody else has it, `assignee` says who. `invalid-transition`: it does not wait any more. Or the same request is still running.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 412, description = "The order's version is not the one of If-Match.", body = ProblemDocument, content_type = "application/problem+json"),
        Writing,
    ),
)]
pub(crate) async fn assign(
    State(app): State<App>,
    principal: Principal,
    request: Mutation,
) -> Result<Answer, Fault> {
    principal.must_be(STAFF)?;
    let wanted: Assign = request.body()?;
    let wanted = wanted.checked()?;
    must_be_own(&principal, wanted.user_id)?;
    request.carry_out(&app, &principal, wanted).await
}

impl Assign {
    /// Everything about it that can be wrong without looking at the shop.
    pub(super) fn checked(mut self) -> Result<Self, Problem> {
        let mut wrong = Wrong::default();
        match wrong.text("/userName", Some(std::mem::take(&mut self.user_name)), 200) {
            Some(name) => self.user_name = name,
            None => wrong.at("/userName", "expected a name, found none"),
        }
        if !is_plausible(self.date) {
            wrong.at("/date", "expected a day from 2000-01-01 to 2099-12-31");
        }
        wrong.refuse()?;
        Ok(self)
    }

    fn unknown(&self) -> Problem {
        let (kind, order) = (self.order_type.name(), self.order_id);
        Problem::new(
            Code::NotFound,
            format!("expected a {kind} order of the pool, found none that is {order}"),
        )
    }

    /// The order's id, whether it is in the pool or was.
    async fn find(&self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Uuid, Fault> {
        let (number, id) = match self.order_id {
            OrderRef::Number(number) => (Some(number), None),
            OrderRef::Id(id) => (None, Some(id)),
        };
        let found: Option<Uuid> = sqlx::query_scalar(
            "select uuid from crm.pool_entries where order_type = $1 and (order_id = $2 or uuid = $3) \
             and (source = any ($4) or user_id is not null)",
        )
        .bind(self.order_type.name())
        .bind(number)
        .bind(id)
        .bind(pool::sources(context.settings))
        .fetch_optional(conn)
        .await?;
        Ok(found.ok_or_else(|| self.unknown())?)
    }

    /// Puts the order onto the page of that day; whether it was on none.
    async fn put_on_page(
        &self,
        conn: &mut PgConnection,
        context: &Context<'_>,
        id: Uuid,
    ) -> Result<bool, Fault> {
        let page: Uuid = sqlx::query_scalar(
            "insert into crm.user_order_pages (id, user_id, user_name, date, created_at) values ($1, $2, $3, $4, $5) \
             on conflict (user_id, date) do update set user_name = excluded.user_name returning id",
        )
        .bind(Uuid::now_v7())
        .bind(self.user_id)
        .bind(&self.user_name)
        .bind(self.date)
        .bind(context.now)
        .fetch_one(&mut *conn)
        .await?;
        let put = sqlx::query(
            "insert into crm.user_order_page_orders (page_id, order_type, order_id, assigned_at) \
             values ($1, $2, $3, $4) on conflict (order_type, order_id) do nothing",
        )
        .bind(page)
        .bind(self.order_type.name())
        .bind(id)
        .bind(context.now)
        .execute(conn)
        .await?;
        Ok(put.rows_affected() == 1)
    }

    async fn answer(&self, conn: &mut PgConnection, id: Uuid) -> Result<Answer, Fault> {
        let order = pool::entry(conn, id).await?;
        let assigned_at: DateTime<Utc> = sqlx::query_scalar(
            "select assigned_at from crm.user_order_page_orders where order_type = $1 and order_id = $2",
        )
        .bind(self.order_type.name())
        .bind(id)
        .fetch_one(&mut *conn)
        .await?;
        let present = order.assignee.clone().ok_or_else(|| self.unknown())?;
        let assignment = Assignment {
            order_id: order.order_id,
            order_type: self.order_type,
            user_id: present.user_id,
            user_name: present.user_name,
            date: present.date,
            assigned_at,
        };
        let answer = Answer::json(StatusCode::OK, &Assigned { assignment, order })?;
        if self.order_type == OrderType::Telegram {
            return Ok(answer);
        }
        Ok(answer.of_order(id, OrderRow::read(conn, id).await?.version))
    }
}

/// Who has the order now.
async fn present(conn: &mut PgConnection, kind: OrderType, id: Uuid) -> sqlx::Result<Option<Assignee>> {
    sqlx::query_as(
        "select p.user_id, p.user_name, p.date from crm.user_order_page_orders o \
         join crm.user_order_pages p on p.id = o.page_id where o.order_type = $1 and o.order_id = $2",
    )
    .bind(kind.name())
    .bind(id)
    .fetch_optional(conn)
    .await
}

fn taken(by: &Assignee) -> Problem {
    let detail =
        format!("expected an order that nobody has, found it on {}'s page of {}", by.user_name, by.date);
    let assignee = json!({"userId": by.user_id, "userName": by.user_name, "date": by.date});
    Problem::new(Code::AlreadyAssigned, detail).with("assignee", assignee)
}

impl Effect for Assign {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let id = self.find(conn, context).await?;
        // Whoever comes second waits here, and then sees what the first one did.
        let photo = self.order_type == OrderType::Telegram;
        if photo {
            sqlx::query("select from crm.photo_orders where id = $1 for update")
                .bind(id)
                .execute(&mut *conn)
                .await?;
        } else {
            OrderRow::lock(conn, id).await?;
        }
        match present(conn, self.order_type, id).await? {
            Some(present) if present.user_id == self.user_id => return self.answer(conn, id).await,
            Some(present) => return Err(taken(&present).into()),
            None => {}
        }
        let step = match photo {
            true => None,
            false => Some(Step::plan(conn, context, id, Event::Assigned).await?),
        };
        if !self.put_on_page(conn, context, id).await? {
            let present = present(conn, self.order_type, id).await?;
            return Err(present.map_or_else(|| self.unknown(), |present| taken(&present)).into());
        }
        match step {
            None => begin_work(conn, context, id).await?,
            Some(mut step) => {
                step.note.actor_details = Some(self.user_name.clone());
                step.carry_out(conn, context).await?;
                sqlx::query("update orders.orders set user_id = $2 where id = $1")
                    .bind(id)
                    .bind(self.user_id)
                    .execute(&mut *conn)
                    .await?;
            }
        }
        self.answer(conn, id).await
    }
}

/// What the table of transitions is for an order, for a photograph: it must be waiting.
async fn begin_work(conn: &mut PgConnection, context: &Context<'_>, id: Uuid) -> Result<(), Fault> {
    let begun = sqlx::query(
        "update crm.photo_orders set status = 'in_work', version = version + 1, updated_at = $2 \
         where id = $1 and status in ('pending', 'ready_for_approval')",
    );
    if begun.bind(id).bind(context.now).execute(conn).await?.rows_affected() == 1 {
        return Ok(());
    }
    Err(Problem::new(Code::InvalidTransition, "expected a photograph that waits, found one that does not")
        .into())
}
