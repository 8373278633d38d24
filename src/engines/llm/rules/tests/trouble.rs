//! Nothing found, nothing left, nothing understood, and a store that says no.

use super::desk::Call;
use super::talk;
use crate::conversation::event::Message;
use crate::engines::llm::rules::Lexicon;
use crate::language::Language::{English, Russian};
use crate::orders::ToolName;

#[test]
fn too_little_stock_is_said() {
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[
            ("четыре шины мишлен летние двести двадцать пять сорок пять семнадцать", &["только две штуки"]),
            ("да", &[r#""quantity":2"#]),
        ],
    );
    let mut call = Call::new(Russian);
    talk(&mut call, &[("хочу шины тойо", &["нет в наличии"])]);
}

#[test]
fn what_the_shop_has_not_got_is_said() {
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[
            ("хочу заказать аккумулятор", &["find_products", "не нашла"]),
            ("тогда шины кама", &["find_products", "Сколько"]),
        ],
    );
    let mut call = Call::new(Russian);
    talk(&mut call, &[("мне нужны шины двести пять восемьдесят пять шестнадцать", &["не нашла"])]);
}

#[test]
fn a_store_that_refuses_is_lived_with() {
    let mut call = Call::new(Russian);
    call.fails = Some((ToolName::CreateOrderDraft, "out_of_stock"));
    talk(
        &mut call,
        &[("четыре шины кама", &["Магазин не может"]), ("две штуки", &[r#""quantity":2"#, "самовывоз"])],
    );
    let mut call = Call::new(Russian);
    call.fails = Some((ToolName::FindProducts, "store_unavailable"));
    talk(
        &mut call,
        &[("четыре шины кама", &["Магазин не может"]), ("да", &["find_products", "create_order_draft"])],
    );
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[
            ("четыре шины кама", &["самовывоз"]),
            ("доставка в город гатчина", &["улиц"]),
            ("улица мира дом пять", &["не доставляем", "город"]),
            ("казань", &["улиц"]),
            ("самовывоз", &["pickup", "платить"]),
        ],
    );
    let mut call = Call::new(Russian);
    talk(&mut call, &[("четыре шины кама самовывоз сочи", &["нет пункта", "город"]), ("тула", &["платить"])]);
    let mut call = Call::new(Russian);
    call.fails = Some((ToolName::CreateOrderDraft, "too_many_orders"));
    talk(&mut call, &[("четыре шины кама", &["оператор"]), ("да", &["СОЕДИНЯЮ"])]);
}

#[test]
fn what_is_not_understood_is_asked_again_and_then_handed_over() {
    for (language, first, second) in
        [(Russian, "не поняла", "оператором"), (English, "didn't understand", "operator")]
    {
        let mut call = Call::new(language);
        talk(&mut call, &[("абракадабра blah", &[first]), ("ещё blah чепуха", &[second])]);
        let yes = if language == Russian { "да" } else { "yes" };
        talk(&mut call, &[(yes, &["СОЕДИНЯЮ"])]);
    }
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[("четыре шины кама", &["самовывоз"]), ("бе ме", &["не поняла", "доставка или самовывоз"])],
    );
}

#[test]
fn the_last_words_are_repeated_and_small_talk_is_answered() {
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[
            ("четыре шины кама", &["доставка или самовывоз"]),
            ("повторите пожалуйста", &["Записала", "доставка или самовывоз"]),
            ("спасибо", &["Пожалуйста", "доставка или самовывоз"]),
            ("одну минуту", &["подожду"]),
            ("вы робот", &["помощник", "самовывоз"]),
            ("какие способы оплаты", &["наличными", "самовывоз"]),
            ("сколько стоит доставка", &["город", "самовывоз"]),
            ("до скольки вы работаете", &["оператор"]),
            ("нет", &["самовывоз"]),
            ("курьером", &["город"]),
        ],
    );
}

#[test]
fn an_order_already_made_is_changed_by_a_person() {
    for said in [
        "отмените мой заказ",
        "отменить заказ номер четыре пять два один",
        "хочу изменить заказ",
        "хочу вернуть шины",
        "нужен шиномонтаж",
    ] {
        let mut call = Call::new(Russian);
        talk(&mut call, &[(said, &["оператор"]), ("да", &["СОЕДИНЯЮ"])]);
    }
    for said in [
        "cancel order number four five two one",
        "i want to change my order",
        "i want a refund",
        "i need tire fitting",
    ] {
        let mut call = Call::new(English);
        talk(&mut call, &[(said, &["operator"]), ("yes please", &["СОЕДИНЯЮ"])]);
    }
}

#[test]
fn a_draft_made_by_a_model_is_gone_on_with() {
    let mut call = Call::new(Russian);
    talk(&mut call, &[("четыре шины кама", &["самовывоз"])]);
    // The model used other words and its own questions, and then failed.
    let history = std::mem::take(&mut call.history);
    call.history = history
        .into_iter()
        .map(|m| match m {
            Message::Agent { text } if text.contains("Записала") => Message::Agent {
                text: "Отлично! Куда привезти шины? Назовите город.".into(),
            },
            m => m,
        })
        .collect();
    talk(&mut call, &[("доставка в казань улица мира пять", &["update_order_delivery", "платить"])]);
}

#[test]
fn an_empty_lexicon_works_too() {
    let mut call = Call::new(Russian);
    call.lexicon = Lexicon::default();
    talk(
        &mut call,
        &[
            ("хочу заказать четыре шины нокиан двести пять пятьдесят пять шестнадцать", &["три варианта"]),
            ("летние", &["create_order_draft", "самовывоз"]),
        ],
    );
}
