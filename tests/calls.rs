//! Whole calls: telephone, voice server, real ear and voice, real store on PostgreSQL, and a language model that answers
//! by a script, well or badly. Whatever the model does, the caller hears a sensible next sentence, and nothing is ordered
//! that the caller did not agree to after a whole read-back.

#![allow(clippy::unwrap_used)]

#[path = "support/caller.rs"]
mod caller;
#[path = "support/house.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod house;
#[path = "support/model.rs"]
mod model;
#[path = "calls/privacy.rs"]
mod privacy;
#[path = "support/told.rs"]
mod told;
#[path = "calls/truth.rs"]
mod truth;

use std::sync::Arc;
use std::time::Duration;

use caller::{hang_up, hang_up_at_once, interrupt, press, say};
use house::{House, Shop};
use model::{Asked, CONFIRM, DELIVER, DRAFT, FIND, Model, Reply, TOTAL, order};
use orderline::call::Happening;
use orderline::conversation::event::Note;
use tokio::sync::Notify;

/// A shop, a model that answers so, and a voice server between them.
async fn open(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Shop, Model, House) {
    let model = Model::start(script).await;
    let shop = Shop::open().await;
    let house = House::open(&model.url, &shop.base, |_| ()).await;
    (shop, model, house)
}

/// [`open`] with a store that may take its time: until the caller has said more, on a machine however busy.
async fn open_for_a_slow_store(
    script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Shop, Model, House) {
    let model = Model::start(script).await;
    let shop = Shop::open().await;
    let patient = |config: &mut orderline::config::Config| {
        config.store.write_timeout_ms = 6_500;
        // Under the 8 s that a caller is told to wait.
        config.store.deadline_ms = 7_500;
    };
    let house = House::open(&model.url, &shop.base, patient).await;
    (shop, model, house)
}

async fn close(shop: Shop, house: House) {
    house.close().await;
    shop.close().await;
}

fn placed(total: i64) -> (String, i64) {
    ("new".to_owned(), total)
}

fn cancelled(total: i64) -> (String, i64) {
    ("cancelled".to_owned(), total)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_tool_calls_come_in_single_characters_is_placed_once() {
    let (shop, model, house) = open(order).await;
    let told = house.call(vec![say("ru_let_it_be_nokian"), say("ru_yes_all_right"), hang_up()]).await;
    told.check();
    assert_eq!((told.read_backs(), told.agreed()), (1, 1), "{told}");
    assert!(told.answer(2).contains("оформлен"), "{told}");
    assert_eq!(shop.orders(told.call).await, [placed(TOTAL)], "{told}");
    assert_eq!(model.asked().len(), 4, "the yes is the caller's and the desk's alone\n{told}");
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_disk_is_nearly_full_tells_of_orders_and_politely_takes_none() {
    let model = Model::start(|_| Reply::refuse(500)).await;
    let shop = Shop::open().await;
    let house = House::open(&model.url, &shop.base, |config| {
        config.thinking.engine = orderline::engines::llm::Engine::Rules;
        config.audit.free_space_floor_bytes = u64::MAX;
    })
    .await;
    let steps = vec![
        say("ru_where_is_my_order"),
        say("ru_need_four_nokian_205_55_16"),
        say("ru_the_first"),
        say("ru_deliver_to_moscow"),
        hang_up(),
    ];
    let told = house.call(steps).await;
    assert!(shop.orders(told.call).await.is_empty(), "{told}");
    // Reads are journaled and told; this caller has no order yet.
    assert!(told.answer(1).contains("заказ"), "{told}");
    assert!(told.said().contains("оператор"), "who could not order is offered a person\n{told}");
    let kinds: Vec<_> =
        orderline::audit::show::from_journal(&house.journal(), Some(orderline::ids::CallId(told.call)))
            .unwrap()
            .into_iter()
            .map(|record| record.entry.kind)
            .collect();
    assert!(kinds.contains(&orderline::audit::EntryKind::Read), "{kinds:?}");
    assert!(!kinds.contains(&orderline::audit::EntryKind::Intent), "{kinds:?}");
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_agrees_and_hangs_up_at_once_has_ordered() {
    let (shop, _model, house) = open(order).await;
    let told = house.call_in_english(vec![say("en_nokian"), press('1'), hang_up_at_once()]).await;
    assert_eq!((told.read_backs(), told.agreed()), (1, 1), "{told}");
    assert!(told.answer(1).contains("Nokian winter tire 205/55 R16, four pieces"), "{told}");
    assert_eq!(shop.orders(told.call).await, [placed(TOTAL)], "{told}");
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_slow_or_refuses_leaves_nobody_in_silence() {
    let (shop, model, house) = open(|asked| match asked.turn {
        1 => Reply::say("Это слишком поздно.").after(Duration::from_secs(20)),
        3 => Reply::refuse(429),
        5 => Reply::refuse(500),
        turn => Reply::say(&format!("Отвечаю на вопрос {turn}.")),
    })
    .await;
    let lines = ["ru_hello", "ru_winter", "ru_repeat", "ru_michelin", "ru_hello", "ru_four"];
    let told = house.call(lines.map(say).into_iter().chain([hang_up()]).collect()).await;
    told.check();
    assert_eq!(told.fell_back(), [1, 3, 5], "{told}");
    assert!(!told.said().contains("поздно"), "{told}");
    for turn in [2, 4, 6] {
        assert!(told.answer(turn).contains("Отвечаю"), "the model is asked again\n{told}");
    }
    let asked = |turn| model.asked().iter().filter(|asked| asked.turn == turn).count();
    assert_eq!((asked(1), asked(3), asked(5)), (1, 2, 2), "a refusal is tried once more, slowness is not");
    assert_eq!(shop.orders(told.call).await, []);
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_clause_is_said_while_the_model_still_thinks_of_the_second() {
    let said = Arc::new(Notify::new());
    let held = said.clone();
    let (shop, _model, house) =
        open(move |_| Reply::say("Добрый день. Сейчас посмотрю.").held_after(3, held.clone())).await;
    let mut events = house.voice.observer.listen();
    let listens = async {
        while let Ok(event) = events.recv().await {
            match &event.what {
                Happening::Noted { note: Note::Saying { text, .. } } if text.contains("Добрый") => {
                    said.notify_one()
                }
                Happening::Ended { .. } => break,
                _ => {}
            }
        }
    };
    let (told, ()) = tokio::join!(house.call(vec![say("ru_hello"), hang_up()]), listens);
    told.check();
    assert_eq!(told.fell_back(), [0; 0], "the model goes on when its first clause is heard\n{told}");
    assert_eq!(told.answer(1), "Добрый день. Сейчас посмотрю.", "{told}");
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_answer_that_breaks_off_whole_clauses_are_said_and_calls_are_not_carried_out() {
    let (shop, _model, house) = open(|asked| match asked.turn {
        1 => Reply::say("Добрый день. У нас есть недорогие полосатые слоны.").broken_after(6),
        3 => Reply::call("find_products", FIND).broken_after(20),
        5 => Reply::say("Сейчас. Посмотрю на складе.").stalled_after(1),
        turn => Reply::say(&format!("Отвечаю на вопрос {turn}.")),
    })
    .await;
    let lines = ["ru_hello", "ru_winter", "ru_repeat", "ru_michelin", "ru_hello", "ru_four"];
    let told = house.call(lines.map(say).into_iter().chain([hang_up()]).collect()).await;
    told.check();
    assert!(told.answer(1).contains("Добрый день."), "{told}");
    assert!(!told.said().contains("полосатые"), "{told}");
    assert_eq!(told.fell_back(), [1, 3, 5], "{told}");
    assert!(told.answer(6).contains("Отвечаю"), "{told}");
    assert_eq!(shop.orders(told.call).await, []);
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_that_are_none_and_arguments_that_are_no_json_are_told_to_the_model_and_never_done() {
    let (shop, model, house) = open(|asked| match (asked.turn, asked.results.len()) {
        (1, 0) => Reply::call("drop_all_tables", "{}").and_call("confirm_order", CONFIRM),
        (2, 0) => Reply::call("find_products", r#"{"query": "нокиан"#),
        (2, 1) => Reply::call("find_products", "[1, 2]"),
        (2, 2) => {
            Reply::call("create_order_draft", r#"{"items": [{"product_ref": 1, "quantity": 1000000}]}"#)
        }
        // It never learns.
        (3, _) => Reply::call("drop_all_tables", "{}"),
        (turn, _) => Reply::say(&format!("Отвечаю на вопрос {turn}.")),
    })
    .await;
    let told = house
        .call(vec![say("ru_hello"), say("ru_winter"), say("ru_michelin"), say("ru_four"), hang_up()])
        .await;
    told.check();
    for turn in [1, 2, 4] {
        assert!(told.answer(turn).contains("Отвечаю"), "{told}");
    }
    assert!(told.answer(3).contains("Простите"), "{told}");
    let asked = model.asked();
    let last = |turn| asked.iter().rfind(|asked| asked.turn == turn).unwrap().errors().join(" ");
    assert_eq!(last(1), "unknown_tool no_draft", "{told}");
    assert_eq!(last(2), "arguments_not_json wrong_arguments out_of_bounds", "{told}");
    assert_eq!(shop.orders(told.call).await, []);
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_confirms_again_and_again_orders_nothing_without_the_callers_yes() {
    let (shop, _model, house) = open(|asked| match (asked.turn, asked.results.len()) {
        (1, 2) => Reply::call("update_order_delivery", DELIVER)
            .and_call("confirm_order", CONFIRM)
            .and_call("confirm_order", CONFIRM),
        (1, _) => order(asked),
        _ => Reply::call("confirm_order", CONFIRM).and_call("confirm_order", CONFIRM),
    })
    .await;
    // No to the whole read-back; then a question, which is no yes; then a no into the next read-back.
    let steps = vec![
        say("ru_nokian"),
        say("ru_no"),
        say("ru_when_will_it_come"),
        interrupt(3_000, "ru_no"),
        hang_up(),
    ];
    let told = house.call(steps).await;
    told.check();
    assert!(told.answer(2).contains("не оформляю"), "{told}");
    assert!(told.answer(4).contains("не оформляю"), "{told}");
    assert_eq!((told.read_backs(), told.agreed()), (1, 0), "{told}");
    assert_eq!(shop.orders(told.call).await, [cancelled(TOTAL)], "{told}");
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_to_half_a_read_back_is_none_and_to_the_whole_one_it_is_one_order() {
    let (shop, _model, house) = open(order).await;
    let told = house.call(vec![say("ru_nokian"), interrupt(3_000, "ru_yes"), say("ru_yes"), hang_up()]).await;
    told.check();
    assert_eq!(told.answer(2).matches("Проверьте").count(), 0, "it is read on, not anew\n{told}");
    // The caller waits; after their silence it is the question that comes again.
    assert_eq!(told.answer(2).matches("оформляем заказ?").count(), 2, "{told}");
    assert_eq!((told.read_backs(), told.agreed()), (2, 1), "{told}");
    assert_eq!(shop.orders(told.call).await, [placed(TOTAL)], "{told}");
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_made_again_after_an_interruption_leaves_one_order() {
    let (shop, _model, house) = open(|asked| match (asked.turn, asked.results.len()) {
        (1, 0) => Reply::call("find_products", FIND),
        (1, 1) => Reply::call("create_order_draft", DRAFT),
        (1, _) => Reply::say(
            "Я записала четыре зимние шины и сейчас расскажу о них всё, что знаю, во всех подробностях.",
        ),
        (2, 0) => Reply::call("create_order_draft", DRAFT),
        (2, 1) => Reply::call("update_order_delivery", DELIVER),
        _ => Reply::call("confirm_order", CONFIRM),
    })
    .await;
    let told = house.call(vec![say("ru_nokian"), interrupt(1_000, "ru_four"), press('1'), hang_up()]).await;
    told.check();
    assert_eq!((told.read_backs(), told.agreed()), (1, 1), "{told}");
    assert_eq!(shop.orders(told.call).await, [placed(TOTAL)], "the one draft is changed\n{told}");
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_that_change_after_the_read_back_are_read_back_anew_and_go_where_they_were_to_go() {
    const KAMA: &str = r#"{"query": "кама 175 70 13"}"#;
    let (shop, model, house) = open(|asked| match (asked.turn, asked.results.len()) {
        (1, _) => order(asked),
        (2, 0) => Reply::call("find_products", KAMA),
        // The first product of the call, and one of the second search.
        (2, 1) => {
            let kama = asked.results[0]["products"][0]["product_ref"].clone();
            let items = format!(
                r#"{{"items": [{{"product_ref": 1, "quantity": 6}}, {{"product_ref": {kama}, "quantity": 2}}]}}"#
            );
            Reply::call("create_order_draft", &items)
        }
        _ => Reply::call("confirm_order", CONFIRM),
    })
    .await;
    let told = house.call(vec![say("ru_nokian"), say("ru_four"), press('1'), hang_up()]).await;
    told.check();
    let changed = model.asked().into_iter().find(|asked| asked.turn == 2 && asked.results.len() == 2);
    let changed = changed.unwrap().results[1].clone();
    assert_eq!(
        (&changed["missing"], changed["lines"].as_array().unwrap().len()),
        (&serde_json::json!([]), 2)
    );
    assert!(changed["total_spoken"].is_string() && changed["cost_spoken"].is_string(), "{changed}");
    assert_eq!((told.read_backs(), told.agreed()), (2, 1), "{told}");
    let kama: i64 =
        sqlx::query_scalar("select price_minor from catalog.products where name like 'Кама%175/70%'")
            .fetch_one(&shop.pool)
            .await
            .unwrap();
    let total = 6 * 8990 * 100 + 2 * kama + 390 * 100;
    assert_eq!(shop.orders(told.call).await, [placed(total)], "{told}");
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_was_talked_into_a_price_neither_changes_it_nor_orders_by_its_word() {
    const CHEAP: &str = r#"{"items": [{"product_ref": 1, "quantity": 4, "price": "1.00"}]}"#;
    let (shop, model, house) = open(|asked| match (asked.turn, asked.results.len()) {
        (1, 0) => Reply::call("find_products", FIND),
        (1, 1) => Reply::call("create_order_draft", CHEAP),
        (1, _) => Reply::say("Хорошо, по рублю за штуку."),
        (2, 0) => Reply::call("create_order_draft", DRAFT),
        (2, 1) => Reply::call("update_order_delivery", DELIVER),
        (2, _) => Reply::say("С вас четыре рубля, ваш заказ оформлен."),
        _ => Reply::call("confirm_order", CONFIRM),
    })
    .await;
    let told =
        house.call(vec![say("ru_nokian"), say("ru_yes"), say("ru_yes"), say("ru_yes"), hang_up()]).await;
    told.check();
    let asked = model.asked();
    assert_eq!(asked[2].errors(), ["wrong_arguments"], "{told}");
    assert!(told.answer(3).contains("Итого тридцать шесть тысяч триста пятьдесят рублей"), "{told}");
    assert_eq!((told.read_backs(), told.agreed()), (1, 1), "only the yes to the read-back counts\n{told}");
    assert_eq!(shop.orders(told.call).await, [placed(TOTAL)], "{told}");
    close(shop, house).await;
}

/// Holds the store's orders back until the caller's turn of this number is understood.
async fn hold_orders(shop: &Shop, house: &House, from: impl Fn(&Note) -> bool, turn: usize) {
    let mut events = house.voice.observer.listen();
    let mut held = None;
    let mut turns = 0;
    while let Ok(event) = events.recv().await {
        let Happening::Noted { note } = &event.what else { continue };
        if held.is_none() && from(note) {
            let mut lock = shop.pool.begin().await.unwrap();
            sqlx::raw_sql("lock table orders.orders in exclusive mode").execute(&mut *lock).await.unwrap();
            held = Some(lock);
        }
        turns += usize::from(matches!(note, Note::Understood { .. }));
        if turns == turn {
            break;
        }
    }
    held.expect("it was held").rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn words_while_the_store_is_slow_to_draft_make_no_second_order() {
    let (shop, _model, house) = open_for_a_slow_store(|asked| match (asked.turn, asked.results.len()) {
        (1, 0) => Reply::call("find_products", FIND),
        (_, 2) => Reply::call("update_order_delivery", DELIVER),
        (_, 3) => Reply::call("confirm_order", CONFIRM),
        // In the first turn, and again when it has been interrupted.
        _ => Reply::call("create_order_draft", DRAFT),
    })
    .await;
    let found = |note: &Note| matches!(note, Note::Gave { tool, .. } if tool == "find_products");
    let held = hold_orders(&shop, &house, found, 2);
    let told = house.call(vec![say("ru_nokian"), say("ru_four"), press('1'), hang_up()]);
    let (told, ()) = tokio::join!(told, held);
    told.check();
    assert!(told.answer(1).contains("Одну минуту"), "{told}");
    let orders = shop.orders(told.call).await;
    let kept: Vec<_> = orders.iter().filter(|(state, _)| state != "cancelled").collect();
    assert_eq!(kept, [&placed(TOTAL)], "{orders:?}\n{told}");
    close(shop, house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_said_twice_while_the_store_is_slow_orders_once() {
    let (shop, _model, house) = open_for_a_slow_store(|asked| match asked.turn {
        1 => order(asked),
        _ => Reply::say("Всё готово."),
    })
    .await;
    let read_back = |note: &Note| matches!(note, Note::ReadBack { .. });
    let held = hold_orders(&shop, &house, read_back, 3);
    let told = house.call(vec![say("ru_nokian"), say("ru_yes"), say("ru_yes"), hang_up()]);
    let (told, ()) = tokio::join!(told, held);
    told.check();
    assert!(told.answer(2).contains("Одну минуту"), "{told}");
    assert_eq!(told.said().matches("оформлен.").count(), 1, "{told}");
    assert_eq!(told.agreed(), 1, "{told}");
    assert_eq!(shop.orders(told.call).await, [placed(TOTAL)], "{told}");
    close(shop, house).await;
}
