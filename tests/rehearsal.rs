//! The shop of a rehearsal against the reference store, asked over HTTP by the real client: both must answer the same.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use chrono::{FixedOffset, Utc};
use orderline::ids::{CallId, PhoneNumber, Pii, RequestId};
use orderline::orders::client::{self, Http, StoreClient};
use orderline::orders::{
    ActionOutcome, ActionRequest, Assent, Delivery, DraftLine, Evidence, Order, OrderAction, PaymentMethod,
};
use orderline::postgres::Cluster;
use orderline::rehearsal::shop::{Catalogue, Shop};
use orderline::store::{self, Settings};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const TYRES: &str = "samples/shop/tyres.toml";

/// What is looked for in the catalogue.
const QUERIES: &[&str] = &[
    "205 55 16 зимние нокиан",
    "четыре зимние шины 205/55 R16",
    "шины тойо",
    "тойо",
    "шипованная 205 55 16",
    "зимние 16",
    "R16 летняя мишлен",
    "kama tires 175 70 13",
    "winter tires one 185 65 15",
    "всесезонная",
    "205 55 99",
    "резина на 17",
    "чайник",
    "колёса",
    "шины за 4000",
    "",
    "  ",
    "!?",
    "all season",
    "nokian michelin 205 55 16 12 штук",
];

/// The reference store and the rehearsal's, and what each calls the order that they both made last.
struct Both {
    client: StoreClient<Http>,
    shop: Shop,
    orders: [Option<Order>; 2],
    keys: u128,
    /// What they answered differently.
    differences: Vec<String>,
}

impl Both {
    /// Asks both, and notes where they differ. The action is made for each from its own last order.
    async fn ask(&mut self, what: &str, action: impl Fn(&Order) -> OrderAction) {
        self.keys += 1;
        let no_order = order();
        let requests = self.orders.each_ref().map(|order| {
            let order = order.as_ref().unwrap_or(&no_order);
            let action = action(order);
            let evidence = matches!(action, OrderAction::Confirm { .. }).then(|| evidence(order.version));
            let key = action.mutates().then(|| Uuid::from_u128(self.keys));
            ActionRequest { id: RequestId(1), action, key, evidence }
        });
        let call = CallId(Uuid::nil());
        let real = self.client.perform(&requests[0], call, self.client.deadline(), |_| ()).await;
        let rehearsed = self.shop.perform(&requests[1], Utc::now());
        for (order, outcome) in self.orders.iter_mut().zip([&real, &rehearsed]) {
            if let ActionOutcome::Drafted { order: new } | ActionOutcome::DeliverySet { order: new } = outcome
            {
                *order = Some(new.clone());
            }
        }
        let (expected, found) = (told(&real), told(&rehearsed));
        if expected != found {
            self.differences.push(format!("{what}\n  expected {expected}\n  found    {found}"));
        }
    }
}

/// An outcome without what each shop makes up for itself: ids, numbers and times of new orders.
fn told(outcome: &ActionOutcome) -> Value {
    let mut value = serde_json::to_value(outcome).unwrap();
    scrub(&mut value);
    value
}

fn scrub(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in ["created_at", "pay_url", "order_id", "order_number"] {
                fields.entry(name).and_modify(|value| *value = Value::from(!value.is_null()));
            }
            if fields.contains_key("version") || fields.contains_key("items_summary") {
                fields.remove("id");
            }
            // The client's own words stand before the store's; an id and a number are in some of them.
            if fields.contains_key("code") {
                fields.remove("detail");
            }
            fields.values_mut().for_each(scrub);
        }
        Value::Array(items) => items.iter_mut().for_each(scrub),
        _ => {}
    }
}

fn order() -> Order {
    serde_json::from_value(serde_json::json!({
        "id": Uuid::from_u128(404), "order_number": "none", "status": "draft", "version": 1, "lines": [],
        "subtotal": {"minor": 0, "currency": "RUB"}, "total": {"minor": 0, "currency": "RUB"},
    }))
    .unwrap()
}

fn evidence(order_version: u32) -> Evidence {
    Evidence {
        order_digest: String::new(),
        order_version,
        read_back_digest: String::new(),
        assent: Assent::Keyed,
        read_back_ended_ms: 1,
        assent_began_ms: 2,
    }
}

fn phone(text: &str) -> PhoneNumber {
    text.to_owned().try_into().unwrap()
}

#[tokio::test]
async fn the_shop_in_memory_answers_as_the_reference_store_does() {
    let cluster = Cluster::temporary().await.unwrap();
    let settings = Settings {
        database_url: cluster.create_database("rehearsal").await.unwrap().into(),
        token: TOKEN.into(),
        max_connections: 4,
        pay_url: Some("https://pay.example/{payment_id}".to_owned()),
        ..Settings::default()
    };
    let zone = FixedOffset::east_opt(settings.utc_offset_min * 60).unwrap();
    let pool = store::connect(&settings).await.unwrap();
    let seed = store::Shop::load(Path::new(TYRES)).unwrap();
    store::seed(&pool, &seed, settings.utc_offset_min).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(store::serve(settings, listener, pool.clone(), stop.clone()));

    let catalogue = Arc::new(Catalogue::load(Path::new(TYRES)).unwrap());
    let client =
        StoreClient::new(client::Settings { base_url, token: Some(TOKEN.into()), ..Default::default() })
            .unwrap();
    let today = Utc::now().with_timezone(&zone).date_naive();
    let shop = Shop::open(Arc::clone(&catalogue), today, 1);
    let mut both = Both { client, shop, orders: [None, None], keys: 0, differences: Vec::new() };
    read_everything(&mut both).await;
    order_everything(&mut both, &catalogue).await;
    let differences = std::mem::take(&mut both.differences);
    stop.cancel();
    serving.await.unwrap().unwrap();
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

async fn read_everything(both: &mut Both) {
    for query in QUERIES {
        both.ask(query, |_| OrderAction::FindProducts { query: (*query).to_owned() }).await;
    }
    for city in
        [None, Some("москве"), Some("Казань"), Some("Тула"), Some("boston"), Some("Калуга"), Some(" ")]
    {
        let city = city.map(str::to_owned);
        both.ask("points", |_| OrderAction::PickupPoints { city: city.clone() }).await;
    }
    for (number, order_number) in [
        ("+375291234567", None),
        ("+79161234567", None),
        ("+79035550101", Some("6204")),
        ("+375291234567", Some("4521")),
        ("+375291234567", Some("ORD-4521")),
        ("+79161234567", Some("4521")),
        ("+375291234567", Some("none")),
    ] {
        let action = OrderAction::SearchOrders {
            phone: Some(phone(number)),
            order_number: order_number.map(str::to_owned),
        };
        both.ask("orders", |_| action.clone()).await;
    }
    both.ask("no such order", |order| OrderAction::OrderDetails { order_id: order.id }).await;
}

async fn order_everything(both: &mut Both, shop: &Catalogue) {
    let product = |sku: &str| shop.product(sku).unwrap().id;
    let draft = |lines: &[(Uuid, u32)], name: Option<&str>| OrderAction::CreateDraft {
        lines: lines
            .iter()
            .map(|(product_id, quantity)| DraftLine { product_id: *product_id, quantity: *quantity })
            .collect(),
        phone: phone("+79165550199"),
        name: name.map(|name| Pii::new(name.to_owned())),
    };
    let deliver = |order: &Order, city: &str, address: &str| OrderAction::SetDelivery {
        order_id: order.id,
        delivery: Delivery::Delivery { city: city.to_owned(), address: Pii::new(address.to_owned()) },
    };
    let confirm = |order: &Order, payment| OrderAction::Confirm { order_id: order.id, payment, name: None };
    let cancel = |order: &Order| OrderAction::Cancel { order_id: order.id, reason: "test".to_owned() };
    let (nokian, kama) = (product("nokian-winter-205-55-16"), product("kama-summer-175-70-13"));

    both.ask("nothing", |_| draft(&[], None)).await;
    both.ask("an unknown product", |_| draft(&[(Uuid::from_u128(1), 1)], None)).await;
    both.ask("more than there is", |_| draft(&[(nokian, 41)], None)).await;
    both.ask("none of it", |_| draft(&[(nokian, 0)], None)).await;
    both.ask("two lines of one product", |_| draft(&[(nokian, 2), (kama, 4), (nokian, 2)], Some("Иван")))
        .await;
    both.ask("confirmed too early", |order| confirm(order, PaymentMethod::CashOnDelivery)).await;
    both.ask("a city far away", |order| deliver(order, "Калуга", "Мира 1")).await;
    both.ask("no address", |order| deliver(order, "Москва", " ")).await;
    both.ask("a delivery", |order| deliver(order, "питер", "Невский  проспект, дом 1")).await;
    let point = |order: &Order, id| OrderAction::SetDelivery {
        order_id: order.id,
        delivery: Delivery::Pickup { pickup_point_id: id, city: "Москва".to_owned() },
    };
    both.ask("an unknown point", |order| point(order, Uuid::from_u128(2))).await;
    let known = match both.shop.perform(
        &ActionRequest {
            id: RequestId(1),
            action: OrderAction::PickupPoints { city: Some("Казань".to_owned()) },
            key: None,
            evidence: None,
        },
        Utc::now(),
    ) {
        ActionOutcome::PickupPoints { points } => points[0].id,
        other => panic!("{other:?}"),
    };
    both.ask("a point", |order| point(order, known)).await;
    both.ask("the whole order", |order| OrderAction::OrderDetails { order_id: order.id }).await;
    both.ask("a draft is not found", |_| OrderAction::SearchOrders {
        phone: Some(phone("+79165550199")),
        order_number: None,
    })
    .await;
    both.ask("a confirmation", |order| confirm(order, PaymentMethod::CashOnDelivery)).await;
    both.ask("once more", |order| confirm(order, PaymentMethod::CashOnDelivery)).await;
    both.ask("changed too late", |order| deliver(order, "Москва", "Мира 1")).await;
    both.ask("what is held", |_| OrderAction::FindProducts {
        query: "нокиан зимняя 205 55 16".to_owned()
    })
    .await;
    both.ask("one paid online", |_| draft(&[(nokian, 36)], None)).await;
    both.ask("its delivery", |order| deliver(order, "Boston", "12 Main Street")).await;
    both.ask("its confirmation", |order| confirm(order, PaymentMethod::Online)).await;
    both.ask("sold out", |_| draft(&[(nokian, 1)], None)).await;
    both.ask("sold out comes last", |_| OrderAction::FindProducts {
        query: "нокиан зимняя 205 55 16".to_owned(),
    })
    .await;
    both.ask("called off", cancel).await;
    both.ask("called off again", cancel).await;
    both.ask("found as called off", |_| OrderAction::SearchOrders {
        phone: Some(phone("+79165550199")),
        order_number: None,
    })
    .await;
    for n in 0..3 {
        both.ask("one of many", |_| draft(&[(kama, n + 1)], None)).await;
        both.ask("delivered", |order| deliver(order, "Тула", "Мира 1")).await;
        both.ask("placed", |order| confirm(order, PaymentMethod::CardOnDelivery)).await;
    }
    both.ask("a draft that is dropped", |_| draft(&[(kama, 1)], None)).await;
}
