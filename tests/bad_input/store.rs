//! The store, or the PostgreSQL behind it, goes away in the middle of a call.

use std::time::Duration;

use orderline::call::Happening;
use orderline::conversation::event::Note;
use orderline::orders::client::BreakerState;
use orderline::postgres::Cluster;
use tokio::time::timeout;

use crate::caller::{hang_up, say};
use crate::house::{House, Shop, orders};
use crate::model::{Asked, FIND, Model, Reply, TOTAL, order};

/// Orders in the first turn; later it looks for goods, and says what the desk says of it.
fn order_then_look(asked: &Asked) -> Reply {
    match (asked.turn, asked.results.last()) {
        (1, _) => order(asked),
        (_, None) => Reply::call("find_products", FIND),
        (_, Some(result)) => Reply::say(result["say"].as_str().unwrap_or("Нашла на складе.")),
    }
}

/// Resolves when an order has been read back whole.
async fn read_back(house: &House) {
    let mut events = house.voice.observer.listen();
    while let Ok(event) = events.recv().await {
        if matches!(&event.what, Happening::Noted { note: Note::ReadBack { .. } }) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_goes_away_before_the_yes_is_told_and_nothing_is_ordered() {
    let model = Model::start(order_then_look).await;
    let shop = Shop::open().await;
    let house = House::open(&model.url, &shop.base, |_| ()).await;
    let steps = vec![say("ru_nokian"), say("ru_yes"), say("ru_winter"), say("ru_michelin"), hang_up()];
    let goes_away = async {
        read_back(&house).await;
        shop.stop().await
    };
    let (told, pool) = tokio::join!(house.call(steps), goes_away);
    told.check();
    for turn in [2, 3, 4] {
        assert!(
            told.answer(turn).contains("база заказов недоступна, ничего не изменилось"),
            "{turn}\n{told}"
        );
    }
    assert_eq!(told.agreed(), 1, "{told}");
    assert_ne!(house.voice.store.breaker(), BreakerState::Closed, "{told}");
    let orders = orders(&pool, told.call).await;
    assert!(matches!(&orders[..], [(state, _)] if state == "draft"), "it expires: {orders:?}\n{told}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_goes_away_before_the_yes_leaves_the_order_unknown_until_it_is_found_out() {
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let folder = place.path().join("pg");
    let cluster = Cluster::start(&folder).await.unwrap();
    let model = Model::start(order_then_look).await;
    let shop = Shop::open_on(&cluster).await;
    let mut house = House::open(&model.url, &shop.base, |config| {
        config.audit.database_url = Some(shop.database_url.clone().into());
    })
    .await;
    // After the yes the agent asks for a moment, and has the store's answer after four seconds at most.
    house.quiet_ms = 8_000;
    let steps = vec![say("ru_nokian"), say("ru_yes"), say("ru_winter"), hang_up()];
    let goes_away = async {
        read_back(&house).await;
        cluster.stop().await;
    };
    let (told, ()) = tokio::join!(house.call(steps), goes_away);
    told.check();
    assert!(told.answer(2).contains("Магазин пока не ответил"), "{told}");
    assert!(told.answer(2).contains("второй раз оформлять не нужно"), "{told}");
    assert!(told.answer(3).contains("недоступна"), "{told}");
    assert_eq!(told.agreed(), 1, "{told}");

    // It is found out when PostgreSQL is back: the order is still what the caller has just agreed to.
    let cluster = Cluster::start(&folder).await.unwrap();
    let found_out = async {
        while shop.orders(told.call).await != [("new".to_owned(), TOTAL)] {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let late = timeout(Duration::from_secs(30), found_out).await.is_err();
    assert!(!late, "{:?}\n{told}", shop.orders(told.call).await);
    house.close().await;
    shop.close().await;
    cluster.stop().await;
}
