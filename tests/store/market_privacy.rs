//! What must never be kept: card numbers, and the tokens of cards once the provider has them.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt;

use crate::market_desk::Market;

const PHONE: &str = "+79051112233";
const PAN: &str = "4111111111111111";

thread_local! {
    /// Where this thread's log goes, if its test wants it.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// All that is logged on this thread, which is where a test's store runs.
///
/// One subscriber serves the whole binary. One for each thread (`set_default`) may hear nothing: which lines anybody wants
/// is kept per line of code, and decided anew at a moment when another test has no subscriber.
struct Log;

impl Log {
    fn listen() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // Asked at each line, and so never remembered for another thread.
            let wanted = dynamic_filter_fn(|_, _| LOG.with_borrow(Option::is_some));
            let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Self);
            let subscriber = tracing_subscriber::registry().with(lines).with(wanted);
            tracing::subscriber::set_global_default(subscriber).expect("the only subscriber of the binary");
        });
        LOG.set(Some(Vec::new()));
        Self
    }

    fn text(&self) -> String {
        LOG.with_borrow(|log| String::from_utf8_lossy(log.as_deref().unwrap_or_default()).into_owned())
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The tables in which a text stands, as text or as bytes, its spaces and hyphens aside.
async fn tables_with(market: &Market, text: &str) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables \
         where schemaname not in ('pg_catalog', 'information_schema')",
    )
    .fetch_all(&market.desk.pool)
    .await
    .unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let statement = format!(
            "select exists (select from {table} t where strpos(translate(t::text, ' -', ''), $1) > 0 \
             or strpos(t::text, encode(convert_to($1, 'utf8'), 'hex')) > 0)"
        );
        let holds: bool = sqlx::query_scalar(AssertSqlSafe(statement))
            .bind(text)
            .fetch_one(&market.desk.pool)
            .await
            .unwrap();
        if holds {
            found.push(table);
        }
    }
    found
}

/// Every body of this with the value put into one place.
fn everywhere(body: &Value, value: &Value) -> Vec<Value> {
    let mut bodies = Vec::new();
    for name in body.as_object().unwrap().keys() {
        let mut changed = body.clone();
        changed[name] = value.clone();
        bodies.push(changed);
    }
    let mut extra = body.clone();
    extra["extra"] = json!({"deep": [value]});
    bodies.push(extra);
    bodies
}

#[tokio::test]
async fn a_card_number_in_any_field_is_refused_and_found_nowhere() {
    let log = Log::listen();
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let order = market.reserved(&buyer).await;
    let mut place = market.body(1).await;
    place["card"] = json!("tok_ok");
    let line = json!({"productId": place["items"][0]["productId"], "quantity": 2});
    let payment = json!({"orderId": order, "amount": 1, "currency": "RUB", "method": "card", "cardToken": "t", "phone": PHONE});
    let refund = json!({"orderId": order, "paymentId": order, "amount": 1});
    let reservation = json!({"orderId": order, "items": [line]});
    let deed = |name: &str| format!("/api/v1/orders/{order}/{name}");
    let mut asked = 0;
    for (token, path, body) in [
        (&buyer.token, "/api/v1/orders".to_owned(), place),
        (&buyer.token, deed("reserve"), json!({})),
        (&buyer.token, deed("pay"), json!({"method": "card", "cardToken": "t", "phone": PHONE})),
        (&buyer.token, deed("confirm"), json!({})),
        (&buyer.token, deed("cancel"), json!({"reason": "x"})),
        (&market.service, "/api/v1/payments".to_owned(), payment),
        (&market.service, "/api/v1/refunds".to_owned(), refund),
        (&market.service, "/api/v1/reservations".to_owned(), reservation),
    ] {
        for value in [
            json!(PAN),
            json!(format!("card {PAN} exp 12/29")),
            json!("4111 1111 1111 1111"),
            json!("4111-1111-1111-1111"),
            json!(4_111_111_111_111_111_i64),
        ] {
            for body in everywhere(&body, &value) {
                let refused = market.post(token, &path, body).await;
                // Four digits alone may be a request's own id.
                let shown =
                    ["41111111", "4111 1111", "4111-1111"].iter().any(|pan| refused.text.contains(pan));
                assert!(!shown, "{path}: {}", refused.text);
                refused.refused(422, "pan-not-accepted");
                asked += 1;
            }
        }
    }
    assert!(asked > 100, "{asked}");
    // A provider's word counts, whatever its wording; the number is struck out.
    market.does(&buyer, &order, "pay", json!({"cardToken": "tok_timeout"})).await.expect(202);
    let payment = market.see(&buyer, &order).await["paymentId"].as_str().unwrap().to_owned();
    let message = format!("no money on {PAN}");
    let word = json!({"status": "failed", "failureCode": PAN, "failureMessage": message});
    market.call_back(&format!("/api/v1/payments/{payment}/notify"), &payment, &word).await.expect(200);
    assert_eq!(market.see(&buyer, &order).await["status"], "CANCELLED");

    assert_eq!(tables_with(&market, PAN).await, Vec::<String>::new());
    assert!(!tables_with(&market, "payment_failed").await.is_empty(), "the search finds what is there");
    market.close().await;
    let logged = log.text();
    assert!(logged.contains("answered"), "the log was listened to");
    assert!(!logged.replace([' ', '-'], "").contains(PAN));
}

#[tokio::test]
async fn a_cards_token_is_forgotten_with_its_use_and_never_logged() {
    let log = Log::listen();
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let mut body = market.body(1).await;
    body["card"] = json!("tok_ok_zebra");
    let order = async |body: &Value| {
        let placed = market.post(&buyer.token, "/api/v1/orders", body.clone()).await.expect(201);
        placed["orderId"].as_str().unwrap().to_owned()
    };
    let (paid, cancelled) = (order(&body).await, order(&body).await);
    assert_eq!(tables_with(&market, "tok_ok_zebra").await, ["pay.chosen"]);
    market.does(&buyer, &paid, "reserve", json!({})).await.expect(200);
    market.does(&buyer, &paid, "pay", json!({})).await.expect(202);
    market.until(&buyer, &paid, "PAID").await;
    market.does(&buyer, &cancelled, "cancel", json!({"reason": "x"})).await.expect(200);
    market.desk.count("select count(*) from pay.provider_calls where source is not null").await;
    assert_eq!(tables_with(&market, "tok_ok_zebra").await, Vec::<String>::new());
    market.close().await;
    assert!(!log.text().contains("zebra"));
}
