//! What only a person can decide: the operator's queue, by the commands that a shop uses.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use chrono::Utc;
use orderline::audit::drain::Drain;
use orderline::audit::{Entry, Journal, Settings};
use orderline::ids::{CallId, PhoneNumber, RequestId};
use orderline::orders::client::{self, StoreClient};
use orderline::orders::{ActionOutcome, ActionRequest, DraftLine, OrderAction};
use uuid::Uuid;

use crate::shop::{RUNTIME, Shop, TOKEN, shop};

/// The command as a user of the machine runs it.
fn orderline(config: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orderline"));
    command.arg("--config").arg(config).args(arguments).env("USER", "olga").output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn creation(shop: &Shop, id: u64) -> ActionRequest {
    let phone = PhoneNumber::try_from("+375291112233".to_owned()).unwrap();
    let lines = vec![DraftLine { product_id: shop.product, quantity: 4 }];
    let action = OrderAction::CreateDraft { lines, phone, name: None };
    ActionRequest { id: RequestId(id), action, key: Some(Uuid::new_v4()), evidence: None }
}

/// A call that the reconciler has given up on: this request was journaled and nobody knows what became of it.
async fn left_over(journal: &Journal, request: &ActionRequest) -> CallId {
    let call = CallId(Uuid::new_v4());
    journal.open_call(call, None, Utc::now()).await.unwrap();
    journal.append(call, Entry::intent(request, 1)).await.unwrap();
    journal.append(call, Entry::needs_operator_of(request, "older than a day")).await.unwrap();
    journal.close_call(call).await.unwrap();
    call
}

async fn orders_under(shop: &Shop, key: Option<Uuid>) -> Vec<(Uuid, String)> {
    sqlx::query_as(
        "SELECT o.id, o.state FROM orders.orders o
           JOIN orders.events e ON e.order_id = o.id AND e.version = 1
          WHERE e.idem_key = $1",
    )
    .bind(key.unwrap().to_string())
    .fetch_all(&shop.pool)
    .await
    .unwrap()
}

#[test]
fn a_person_works_off_what_nobody_else_can_decide_and_every_decision_is_audited() {
    RUNTIME.block_on(async {
        let shop = shop().await;
        let url = shop._cluster.create_database("queue").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            journal: folder.path().join("journal"),
            database_url: Some(url.clone().into()),
            free_space_floor_bytes: 0,
            ..Settings::default()
        };
        let config = folder.path().join("orderline.toml");
        let text = format!(
            "[audit]\njournal = {:?}\ndatabase_url = {url:?}\nfree_space_floor_bytes = 0\n\
             [store]\nbase_url = \"http://{}\"\ntoken = \"{TOKEN}\"\n",
            settings.journal, shop.address
        );
        std::fs::write(&config, text).unwrap();

        let store = client::Settings {
            base_url: format!("http://{}", shop.address),
            token: Some(TOKEN.into()),
            ..Default::default()
        };
        let store = StoreClient::new(store).unwrap();
        // The server keeps its journal while people decide.
        let (journal, _) = Journal::open(&settings).unwrap();
        let drain = Drain::spawn(&journal, &settings).unwrap().unwrap();
        let never_sent = creation(shop, 1);
        let done = creation(shop, 2);
        let told = store.perform(&done, CallId(Uuid::nil()), store.deadline(), |_| ()).await;
        let ActionOutcome::Drafted { order } = told else { panic!("{told:?}") };
        let reason = "the caller was cut off".to_owned();
        let action = OrderAction::Cancel { order_id: order.id, reason };
        let cancel = ActionRequest { id: RequestId(3), action, key: Some(Uuid::new_v4()), evidence: None };
        let resent = left_over(&journal, &never_sent).await;
        let placed = left_over(&journal, &done).await;
        let cancelled = left_over(&journal, &cancel).await;
        assert!(journal.flush_to_database(Duration::from_secs(30)).await);

        let list = orderline(&config, &["orders", "list"]);
        assert!(list.status.success(), "{}", said(&list));
        for call in [resent, placed, cancelled] {
            assert!(said(&list).contains(&call.to_string()), "{}", said(&list));
        }
        let decide = |call: CallId, how: &str| {
            orderline(
                &config,
                &["orders", "resolve", &call.to_string(), "--as", how, "--note", "rang Anna Petrova"],
            )
        };
        assert!(orders_under(shop, never_sent.key).await.is_empty());
        for (call, how) in [(resent, "resend"), (placed, "placed"), (cancelled, "cancel")] {
            let output = decide(call, how);
            assert!(output.status.success(), "{how}: {}", said(&output));
        }
        let sent = orders_under(shop, never_sent.key).await;
        assert_eq!(sent.len(), 1, "sent again under its own key");
        assert_eq!(orders_under(shop, done.key).await, [(order.id, "cancelled".to_owned())]);
        assert!(said(&orderline(&config, &["orders", "list"])).contains("nothing waits"));
        let again = decide(resent, "resend");
        assert!(!again.status.success() && said(&again).contains("none with that id"), "{}", said(&again));
        assert_eq!(orders_under(shop, never_sent.key).await.len(), 1);

        // Each decision stands in the audit, without the words of the note; the database's own queue is empty too.
        let audit = sqlx::PgPool::connect(&url).await.unwrap();
        let acts: Vec<(String, String)> = sqlx::query_as(
            "SELECT body ->> 'as', body ->> 'by' FROM audit.entries WHERE kind = 'resolved' ORDER BY 1",
        )
        .fetch_all(&audit)
        .await
        .unwrap();
        let acts: Vec<_> = acts.iter().map(|(how, by)| (how.as_str(), by.as_str())).collect();
        assert_eq!(acts, [("cancelled", "olga"), ("placed", "olga"), ("resent", "olga")]);
        let waiting: i64 =
            sqlx::query_scalar("SELECT count(*) FROM audit.operator_queue").fetch_one(&audit).await.unwrap();
        assert_eq!(waiting, 0);
        let leaked: i64 =
            sqlx::query_scalar("SELECT count(*) FROM audit.entries e WHERE e::text LIKE '%Petrova%'")
                .fetch_one(&audit)
                .await
                .unwrap();
        assert_eq!(leaked, 0);
        audit.close().await;
        drain.stop().await;
        journal.shutdown().await.unwrap();
        let verified = orderline(&config, &["audit", "verify"]);
        assert!(verified.status.success(), "{}", said(&verified));
    });
}
