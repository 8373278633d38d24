//! The page behind the link that a customer gets by SMS: with the sandbox as provider, a click pays or declines.
//!
//! A real provider has a page of its own, and `shop.pay_url` leads there.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::notice::ACTOR;
use super::provider::ask_for;
use crate::store::App;
use crate::store::http::path_id;
use crate::store::money::Amount;
use crate::store::problem::{Code, Fault, Problem};
use crate::store::settings::ProviderSettings;
use crate::store::text::Tongue;
use crate::store::transition::Context;

#[derive(FromRow)]
struct Bill {
    order_number: String,
    amount_minor: Amount,
    currency: String,
    status: String,
    asked: bool,
    language: Option<String>,
    customer_phone: Option<String>,
}

impl Bill {
    /// An online payment.
    async fn read(conn: &mut PgConnection, id: Uuid) -> Result<Self, Fault> {
        let bill: Option<Self> = sqlx::query_as(
            "select o.order_number, p.amount_minor, p.currency, p.status, c.language, o.customer_phone, \
             exists (select from pay.provider_calls a where a.payment_id = p.id and a.kind = 'charge') as asked \
             from pay.payments p join orders.orders o on o.id = p.order_id \
             left join identity.customers c on c.id = o.customer_id \
             where p.id = $1 and p.method = 'online'",
        )
        .bind(id)
        .fetch_optional(conn)
        .await?;
        let missing = || {
            let detail = format!("expected an online payment, found none with the id {id}");
            Problem::new(Code::NotFound, detail)
        };
        Ok(bill.ok_or_else(missing)?)
    }

    fn tongue(&self) -> Tongue {
        Tongue::of(self.language.as_deref(), self.customer_phone.as_deref().unwrap_or("+7"))
    }

    fn waits(&self) -> bool {
        self.status == "pending"
    }
}

/// What the customer clicked.
#[derive(Debug, Deserialize)]
pub(crate) struct Click {
    decision: Decision,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Pay,
    Decline,
}

/// `GET /pay/{paymentId}`.
pub(crate) async fn show(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    let id = here(&app, &id)?;
    let mut conn = app.pool.acquire().await?;
    Ok(page(&Bill::read(&mut conn, id).await?))
}

/// `POST /pay/{paymentId}`: asks the provider, with a token that makes it do what was clicked, and shows the page again.
pub(crate) async fn decide(
    State(app): State<App>,
    Path(id): Path<String>,
    click: Result<Form<Click>, FormRejection>,
) -> Result<Response, Fault> {
    let id = here(&app, &id)?;
    let wrong = |rejection: FormRejection| Problem::new(Code::Invalid, rejection.body_text());
    let Form(Click { decision }) = click.map_err(wrong)?;
    let token = match decision {
        Decision::Pay => "tok_ok_page",
        Decision::Decline => "tok_declined_page",
    };
    let request_id = Uuid::now_v7().to_string();
    let context = Context {
        settings: &app.settings,
        now: Utc::now(),
        actor: ACTOR,
        key: None,
        request_id: &request_id,
        expected_version: None,
    };
    let mut transaction = app.pool.begin().await?;
    // Of two clicks the second changes nothing: a payment is asked for once, and only while it is awaited.
    if Bill::read(&mut transaction, id).await?.waits() {
        ask_for(&mut transaction, &context, id, token).await?;
    }
    transaction.commit().await?;
    app.wake();
    // Relative: the page may stand under the marketplace's prefix.
    let place =
        HeaderValue::from_str(&id.to_string()).map_err(|_| Problem::new(Code::Internal, "no place"))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response())
}

/// The payment of the path, where this page is the provider's.
fn here(app: &App, id: &str) -> Result<Uuid, Problem> {
    match &app.settings.pay.provider {
        Some(ProviderSettings::Sandbox { .. }) => path_id(id),
        None => Err(Problem::new(Code::NotFound, "expected a path of this store")),
    }
}

struct Words {
    title: &'static str,
    sum: &'static str,
    pay: &'static str,
    decline: &'static str,
    state: &'static str,
    sandbox: &'static str,
}

fn words(bill: &Bill) -> Words {
    let state = match (bill.status.as_str(), bill.asked) {
        ("pending", false) => ("", ""),
        ("pending", true) => ("Платёж обрабатывается…", "The payment is being processed…"),
        ("paid", _) => ("Оплачено. Спасибо!", "Paid. Thank you!"),
        ("failed", _) => ("Оплата не прошла, заказ отменён.", "The payment failed, the order is cancelled."),
        ("refund_pending", _) => {
            ("Заказ отменён, деньги возвращаются.", "Cancelled, the money is on its way back.")
        }
        ("refunded", _) => ("Заказ отменён, деньги возвращены.", "Cancelled, the money has gone back."),
        _ => ("Заказ отменён, оплата не нужна.", "The order is cancelled, nothing is to be paid."),
    };
    match bill.tongue() {
        Tongue::Russian => Words {
            title: "Оплата заказа",
            sum: "К оплате",
            pay: "Оплатить",
            decline: "Отказаться",
            state: state.0,
            sandbox: "Учебная оплата: деньги не списываются.",
        },
        Tongue::English => Words {
            title: "Payment of order",
            sum: "To pay",
            pay: "Pay",
            decline: "Decline",
            state: state.1,
            sandbox: "A sandbox: no money is taken.",
        },
    }
}

fn page(bill: &Bill) -> Response {
    let words = words(bill);
    let markup: Markup = html! {
        (DOCTYPE)
        html lang=(bill.tongue().code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if bill.waits() && bill.asked { meta http-equiv="refresh" content="1"; }
                title { (words.title) " " (bill.order_number) }
                style { "body{font:18px/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}"
                        "button{font:inherit;padding:.6rem 1.4rem;margin:0 .6rem .6rem 0}" }
            }
            body {
                h1 { (words.title) " " (bill.order_number) }
                p { (words.sum) ": " strong { (bill.amount_minor) " " (bill.currency) } }
                @if bill.waits() && !bill.asked {
                    form method="post" {
                        button name="decision" value="pay" { (words.pay) }
                        button name="decision" value="decline" { (words.decline) }
                    }
                } @else {
                    p role="status" { (words.state) }
                }
                p { small { (words.sandbox) } }
            }
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("content-security-policy"),
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ];
    (headers, markup.into_string()).into_response()
}
