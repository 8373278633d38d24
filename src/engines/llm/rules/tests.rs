use crate::language::Language::{English, Russian};

use super::*;

pub(super) mod desk;
mod dialogues;
mod trouble;

use desk::Call;

/// A dialogue: what the caller says, and what the answer or the calls it makes must contain.
fn talk(call: &mut Call, lines: &[(&str, &[&str])]) {
    for (said, expected) in lines {
        let calls = call.calls.len();
        let answer = call.say(said);
        let all = format!("{answer} || {}", call.calls[calls..].join(" ; "));
        println!("> {said}\n< {all}");
        for part in *expected {
            assert!(all.contains(part), "after {said:?} expected {part:?} in\n{all}");
        }
    }
}

#[test]
fn a_whole_order_in_russian() {
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[
            ("здравствуйте", &["оформить заказ"]),
            (
                "мне нужны четыре шины нокиан двести пять пятьдесят пять шестнадцать",
                &[
                    r#"find_products{"query":"205 55 16 шины нокиан"}"#,
                    "три варианта",
                    "первый",
                    "Какой вариант",
                ],
            ),
            ("зимние", &["два варианта"]),
            (
                "один",
                &[
                    // Of the first search, and called so in the second one, too.
                    r#"create_order_draft{"items":[{"product_ref":2,"quantity":4}]}"#,
                    "Записала: Нокиан зимняя",
                    "четыре штуки",
                    "тридцать пять тысяч девятьсот шестьдесят рублей",
                    "доставка или самовывоз",
                ],
            ),
            ("нужна доставка в москву", &["улицу и дом"]),
            (
                "улица ленина дом двенадцать квартира пять",
                &[
                    r#""address":"улица Ленина, дом 12, квартира 5","city":"Москва","delivery_type":"delivery""#,
                    "от двух до четырёх дней",
                    "Как будете платить",
                ],
            ),
            ("оплачу картой при получении", &["На чьё имя"]),
            (
                "меня зовут иван петров",
                &[
                    r#"confirm_order{"customer_name":"Иван Петров","payment_method":"card_on_delivery"}"#,
                    "ЗАЧИТЫВАЮ",
                ],
            ),
            ("да все верно", &["ОФОРМЛЕН"]),
            ("нет спасибо", &["До свидания"]),
        ],
    );
    assert!(call.briefing.placed.is_some());
}

#[test]
fn a_whole_order_in_english() {
    let mut call = Call::new(English);
    talk(
        &mut call,
        &[
            (
                "i need four michelin tires two oh five fifty five sixteen",
                &[
                    r#"find_products{"query":"205 55 16 michelin tires"}"#,
                    "create_order_draft",
                    "\"quantity\":4",
                    "Delivery or pickup",
                ],
            ),
            ("deliver it to boston", &["street and house"]),
            (
                "twelve main street",
                &[r#""address":"12 Main Street","city":"Boston""#, "two to four days", "pay"],
            ),
            ("by card", &["What name"]),
            ("my name is john smith", &[r#""customer_name":"John Smith""#, "card_on_delivery"]),
            ("yes that's right", &["ОФОРМЛЕН"]),
            ("that's all", &["Goodbye"]),
        ],
    );
}

#[test]
fn everything_said_at_once_is_used() {
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[(
            "здравствуйте хочу заказать комплект летних шин кама доставка в казань улица мира дом пять оплата наличными",
            &["find_products", r#""quantity":4"#, r#""city":"Казань""#, "улица Мира, дом 5", "На чьё имя"],
        )],
    );
    talk(&mut call, &[("на имя анна смирнова", &["cash_on_delivery", "Анна Смирнова"])]);
    let mut call = Call::new(English);
    talk(
        &mut call,
        &[(
            "hello i want to order two sets of kama tires delivered to new york fifteen twenty oak street cash on delivery",
            &[r#""quantity":8"#, r#""city":"New York""#, "1520 Oak Street", "What name"],
        )],
    );
}

#[test]
fn slots_come_one_by_one() {
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[
            ("хочу сделать заказ", &["Что хотите заказать"]),
            ("зимние шины", &["размер"]),
            (
                "двести пять на пятьдесят пять на шестнадцать",
                &[r#""query":"205 55 16 зимние шины"#, "вариант"],
            ),
            ("давайте мишлен", &["Сколько штук", "одиннадцать тысяч двести девяносто рублей"]),
            ("комплект", &[r#""quantity":4"#, "самовывоз"]),
            ("самовывоз", &["город"]),
            ("москва", &[r#"{"city":"Москва","delivery_type":"pickup"}"#, "Проспект Мира", "пункт"]),
            ("второй", &[r#""pickup_point_ref":2"#, "платить"]),
            ("при получении", &["наличными или картой"]),
            ("наличными", &["имя"]),
            ("нет", &["confirm_order", "cash_on_delivery"]),
            ("подтверждаю", &["ОФОРМЛЕН"]),
        ],
    );
}

#[test]
fn one_pickup_point_leaves_nothing_to_choose() {
    let mut call = Call::new(English);
    talk(
        &mut call,
        &[
            ("i want to order four kama tires", &["create_order_draft"]),
            ("i'll pick it up", &["city"]),
            ("boston", &[r#""delivery_type":"pickup""#, "pay"]),
            ("pay online", &["name"]),
            ("john", &[r#""customer_name":"John""#, r#""payment_method":"online""#]),
        ],
    );
}

#[test]
fn the_caller_corrects_themselves() {
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[
            ("мне нужно четыре шины кама нет шесть", &[r#""quantity":6"#]),
            ("доставка в москву ой нет в казань", &["улицу"]),
            ("улица ленина дом пять нет дом семь", &["дом 7", r#""city":"Казань""#]),
            ("наличными нет картой", &["имя"]),
            ("анна", &["card_on_delivery"]),
            ("нет не четыре а восемь", &[r#""quantity":8"#, "Доставка пятьсот рублей", "ЗАЧИТЫВАЮ"]),
            ("да только другой адрес", &["улицу"]),
            ("улица мира дом один", &["улица Мира, дом 1", "ЗАЧИТЫВАЮ"]),
            ("да", &["ОФОРМЛЕН"]),
        ],
    );
    let mut call = Call::new(English);
    talk(
        &mut call,
        &[
            ("i need four kama tires", &[r#""quantity":4"#]),
            ("make it six not four", &[r#""quantity":6"#]),
            ("add two more", &[r#""quantity":8"#]),
            ("remove one tire", &[r#""quantity":7"#]),
        ],
    );
}

#[test]
fn after_a_no_to_the_read_back_anything_can_be_changed() {
    for (change, expected) in [
        ("адрес", &["улицу"][..]),
        ("измените количество", &["Сколько"]),
        ("другие шины", &["размер"]),
        ("лучше мишлен двести пять пятьдесят пять шестнадцать", &["find_products", "create_order_draft"]),
        ("самовывоз", &["pickup"]),
        ("оплата наличными", &["cash_on_delivery", "ЗАЧИТЫВАЮ"]),
        ("все верно", &["ЗАЧИТЫВАЮ"]),
        ("имя", &["имя"]),
        ("добавьте еще две штуки", &[r#""quantity":6"#, "ЗАЧИТЫВАЮ"]),
    ] {
        let mut call = Call::new(Russian);
        talk(
            &mut call,
            &[
                ("четыре шины кама доставка в казань улица мира дом пять оплата картой", &["имя"]),
                ("иван", &["ЗАЧИТЫВАЮ"]),
                ("нет", &["Что изменить"]),
                (change, expected),
            ],
        );
    }
}

#[test]
fn a_shop_that_makes_a_new_draft_is_told_the_delivery_again() {
    let mut call = Call::new(Russian);
    call.remakes = true;
    talk(
        &mut call,
        &[
            ("четыре шины кама доставка в казань улица мира дом пять оплата картой", &["имя"]),
            ("иван", &["ЗАЧИТЫВАЮ"]),
            ("нет не четыре а две", &[r#""quantity":2"#, "улица Мира, дом 5", "ЗАЧИТЫВАЮ"]),
            ("да", &["ОФОРМЛЕН"]),
        ],
    );
}

#[test]
fn who_starts_over_is_asked_for_the_delivery_again() {
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[
            ("четыре шины кама доставка в казань улица мира дом пять оплата картой", &["имя"]),
            ("давайте сначала", &[]),
            ("две шины кама", &[r#""quantity":2"#, "доставка или самовывоз"]),
        ],
    );
}

#[test]
fn a_change_behind_a_no_is_made_at_once() {
    for (change, expected) in [
        ("нет не четыре а две", &[r#""quantity":2"#, "Доставка пятьсот рублей", "ЗАЧИТЫВАЮ"][..]),
        ("Нет, шесть.", &[r#""quantity":6"#, "ЗАЧИТЫВАЮ"]),
        ("нет улица ленина дом семь", &["улица Ленина, дом 7", "ЗАЧИТЫВАЮ"]),
        ("нет дом не пять а четырнадцать", &["улица Мира, дом 14", "ЗАЧИТЫВАЮ"]),
        ("нет, наличными", &["cash_on_delivery", "ЗАЧИТЫВАЮ"]),
        ("нет лучше самовывоз", &["pickup"]),
    ] {
        let mut call = Call::new(Russian);
        talk(
            &mut call,
            &[
                ("четыре шины кама доставка в казань улица мира дом пять оплата картой", &["имя"]),
                ("иван", &["ЗАЧИТЫВАЮ"]),
                (change, expected),
            ],
        );
    }
}

#[test]
fn another_order_is_not_cancelled_with_this_one() {
    for said in
        ["отмените старый заказ", "отмените мой прошлый заказ а этот оставьте", "отмените заказ номер 4521"]
    {
        let mut call = Call::new(Russian);
        talk(
            &mut call,
            &[
                ("четыре шины кама доставка в казань улица мира дом пять оплата картой", &["имя"]),
                (said, &["отменит оператор"]),
            ],
        );
        assert!(call.briefing.draft.is_some(), "{said}");
    }
}

#[test]
fn a_cancel_is_heard_at_every_step() {
    let steps = [
        "хочу заказать шины",
        "нокиан двести пять пятьдесят пять шестнадцать",
        "третий",
        "четыре",
        "доставка",
        "москва",
        "улица ленина дом пять",
        "картой",
        "меня зовут иван",
    ];
    for upto in 0..=steps.len() {
        let mut call = Call::new(Russian);
        for step in &steps[..upto] {
            call.say(step);
        }
        let answer = call.say("отмена");
        assert!(call.briefing.draft.is_none(), "after {upto} steps");
        assert!(!call.calls.iter().any(|c| c.starts_with("confirm")) || upto == steps.len(), "{answer}");
        // And a new order begins afresh.
        let answer = call.say("хочу сделать заказ");
        assert!(answer.contains("Что хотите заказать"), "after {upto} steps: {answer}");
    }
}

#[test]
fn orders_are_told() {
    let mut call = Call::new(Russian);
    talk(&mut call, &[("где мой заказ", &["get_order_status{}", "заказов не нашлось"])]);
    call.orders = vec![("ORD-20261120-4521", "отправлен", true)];
    talk(
        &mut call,
        &[("где мой заказ", &["четыре пять два один", "отправлен", "Ожидается завтра", "Чем ещё"])],
    );
    call.orders.push(("ORD-20261119-0017", "в обработке", true));
    talk(
        &mut call,
        &[
            ("когда придет мой заказ", &["два заказа", "первый — шины один, отправлен", "О каком"]),
            ("второй", &["ноль ноль один семь", "в обработке"]),
            ("заказ номер четыре пять два один", &[r#"{"order_number":"4521"}"#, "отправлен"]),
            ("номер четыре пять два два", &[r#"{"order_number":"4522"}"#, "не нашлось"]),
            ("что с моим заказом", &["О каком"]),
            ("четыре пять два один", &["четыре пять два один", "отправлен"]),
            ("спасибо до свидания", &["До свидания"]),
        ],
    );
    let mut call = Call::new(English);
    call.orders = vec![("ORD-20261120-4521", "shipped", true), ("ORD-20261119-3107", "shipped", true)];
    talk(
        &mut call,
        &[
            ("where is my order", &["two orders", "the first", "Which one"]),
            ("three one oh seven", &["three one zero seven", "shipped"]),
            ("order number forty five twenty one", &[r#"{"order_number":"4521"}"#]),
        ],
    );
}

#[test]
fn an_unknown_caller_is_offered_a_person() {
    let mut call = Call::new(Russian);
    call.briefing.identified = false;
    talk(&mut call, &[("где мой заказ", &["не определился", "оператором"]), ("нет", &["До свидания"])]);
    let mut call = Call::new(English);
    call.briefing.identified = false;
    talk(
        &mut call,
        &[("i want to order four tires", &["can't see your number", "operator"]), ("yes", &["СОЕДИНЯЮ"])],
    );
    let mut call = Call::new(Russian);
    call.briefing.identified = false;
    call.briefing.can_transfer = false;
    talk(&mut call, &[("статус заказа", &["перезвоните"])]);
}

#[test]
fn prices_are_told_before_an_order() {
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[
            ("сколько стоят шины кама", &["две тысячи восемьсот девяносто рублей", "Оформить заказ"]),
            ("да", &["Сколько штук"]),
            ("две", &[r#""quantity":2"#]),
        ],
    );
    let mut call = Call::new(English);
    talk(&mut call, &[("how much are kama tires", &["each", "order it"]), ("no", &["anything else"])]);
}

#[test]
fn the_cheapest_is_found() {
    let mut call = Call::new(Russian);
    talk(
        &mut call,
        &[
            ("нужны шины двести пять пятьдесят пять шестнадцать", &["четыре варианта"]),
            ("подешевле", &["семь тысяч девятьсот девяносто", "Сколько"]),
        ],
    );
    let mut call = Call::new(English);
    talk(
        &mut call,
        &[
            ("four tires two oh five fifty five sixteen", &["four options"]),
            ("the cheapest", &[r#""quantity":4"#, "product_ref\":1"]),
        ],
    );
}

#[tokio::test]
async fn the_engine_gives_words_then_the_call_then_done() {
    let (inbox, mut answers) = tokio::sync::mpsc::channel(1);
    let request = Completion {
        id: crate::ids::RequestId(7),
        language: Russian,
        briefing: crate::conversation::event::Briefing::default(),
        history: vec![crate::conversation::event::Message::Caller {
            text: "сколько стоят шины кама".into()
        }],
        tools: vec![ToolName::FindProducts],
    };
    Rules::default().complete(request, CancellationToken::new(), inbox).expect("room");
    let mut pieces = Vec::new();
    while let Some(Input::Completed { piece, .. }) = answers.recv().await {
        pieces.push(piece);
    }
    assert!(
        matches!(&pieces[..], [Thought::ToolCall { tool, .. }, Thought::Done] if tool == "find_products")
    );
}
