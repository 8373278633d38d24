//! What the rules say: short, polite, one question at a time, in both languages. What was asked is found again in the
//! agent's last words, so that the rules need no memory and can go on where a model stopped.

use crate::language::text::{fold, words};
use crate::language::{self, Language, Noun};
use crate::orders::{Money, Product};

use Language::{English, Russian};

/// What the caller is being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// What they want to order.
    Product,
    /// Which size, of goods that come in many.
    Size,
    /// Which of the products told.
    Choice,
    Quantity,
    /// Whether to order what was asked about.
    OrderIt,
    /// Delivery or pick-up.
    Method,
    City,
    Address,
    /// The house, once the street is known.
    House,
    /// Which pick-up point.
    Point,
    Payment,
    Name,
    /// Which of several orders.
    WhichOrder,
    /// What is to be different.
    Change,
    /// Whether all is right, before it is read back again.
    Right,
    /// Whether a person is wanted.
    Operator,
    /// What else there is.
    More,
    /// Whether to try again.
    Retry,
}

/// The question as it is put.
pub(super) fn ask(what: Ask, language: Language) -> &'static str {
    match (language, what) {
        (Russian, Ask::Product) => "Что хотите заказать?",
        (English, Ask::Product) => "What would you like to order?",
        (Russian, Ask::Size) => "Какой нужен размер?",
        (English, Ask::Size) => "What size do you need?",
        (Russian, Ask::Choice) => "Какой вариант выбираете?",
        (English, Ask::Choice) => "Which one would you like?",
        (Russian, Ask::Quantity) => "Сколько штук?",
        (English, Ask::Quantity) => "How many would you like?",
        (Russian, Ask::OrderIt) => "Оформить заказ?",
        (English, Ask::OrderIt) => "Would you like to order it?",
        (Russian, Ask::Method) => "Вам доставка или самовывоз?",
        (English, Ask::Method) => "Delivery or pickup?",
        (Russian, Ask::City) => "Какой город?",
        (English, Ask::City) => "Which city?",
        (Russian, Ask::Address) => "Назовите, пожалуйста, улицу и дом.",
        (English, Ask::Address) => "What is the street and house number?",
        (Russian, Ask::House) => "Назовите, пожалуйста, номер дома.",
        (English, Ask::House) => "What is the house number?",
        (Russian, Ask::Point) => "Какой пункт выдачи вам удобен?",
        (English, Ask::Point) => "Which pickup point suits you?",
        (Russian, Ask::Payment) => {
            "Как будете платить: наличными или картой при получении, или по ссылке из СМС?"
        }
        (English, Ask::Payment) => {
            "How would you like to pay: cash or card on delivery, or online with a link in a text message?"
        }
        (Russian, Ask::Name) => "На чьё имя оформить заказ?",
        (English, Ask::Name) => "What name should I put on the order?",
        (Russian, Ask::WhichOrder) => "О каком из них рассказать?",
        (English, Ask::WhichOrder) => "Which one are you asking about?",
        (Russian, Ask::Change) => "Что изменить в заказе?",
        (English, Ask::Change) => "What should I change in the order?",
        (Russian, Ask::Right) => "Остальное верно?",
        (English, Ask::Right) => "Is the rest correct?",
        (Russian, Ask::Operator) => "Соединить вас с оператором?",
        (English, Ask::Operator) => "Shall I put you through to an operator?",
        (Russian, Ask::More) => "Чем ещё могу помочь?",
        (English, Ask::More) => "Is there anything else I can help with?",
        (Russian, Ask::Retry) => "Попробовать ещё раз?",
        (English, Ask::Retry) => "Shall I try again?",
    }
}

/// What was asked, by the agent's last words, whoever composed them.
pub(super) fn asked(agent: &str) -> Option<Ask> {
    // The last question decides; what was said before it may name anything.
    let sentences: Vec<&str> =
        agent.split_inclusive(['.', '?', '!']).filter(|s| !fold(s).is_empty()).collect();
    let last = sentences.last()?;
    by_words(&fold(last)).or_else(|| {
        let question = sentences.iter().rev().find(|s| s.trim_end().ends_with('?'))?;
        by_words(&fold(question))
    })
}

fn by_words(said: &str) -> Option<Ask> {
    // In this order: the more special question first.
    let table: &[(&[&str], Ask)] = &[
        (
            &["остальное верно", "is the rest correct", "все верно", "is that right", "is that correct"],
            Ask::Right,
        ),
        (&["оператор", "operator"], Ask::Operator),
        (&["попробовать еще раз", "попробуем еще раз", "try again"], Ask::Retry),
        (&["что изменить", "what should i change", "what would you like to change"], Ask::Change),
        (&["на чье имя", "как вас зовут", "ваше имя", "what name", "your name"], Ask::Name),
        (&["платить", "оплат", "наличными", "to pay", "payment", "cash"], Ask::Payment),
        (&["пункт", "pickup point", "pick up point"], Ask::Point),
        (
            &[
                "доставка или самовывоз",
                "самовывоз",
                "delivery or pickup",
                "pickup or delivery",
                "pick it up",
            ],
            Ask::Method,
        ),
        (&["какой город", "в какой город", "городе", "город", "city"], Ask::City),
        (&["номер дома", "какой дом", "house number is", "what is the house number"], Ask::House),
        (&["улиц", "адрес", "street", "address"], Ask::Address),
        (&["сколько", "количеств", "how many", "quantity"], Ask::Quantity),
        (
            &[
                "о каком",
                "какой заказ",
                "каком заказе",
                "номер заказа",
                "which order",
                "asking about",
                "order number",
            ],
            Ask::WhichOrder,
        ),
        (&["оформить заказ", "оформляем", "заказать его", "order it"], Ask::OrderIt),
        (&["размер", "size"], Ask::Size),
        (
            &[
                "чем еще",
                "что нибудь еще",
                "чем могу помочь",
                "anything else",
                "help with",
                "can i help",
                "how can i help",
            ],
            Ask::More,
        ),
        (
            &[
                "что хотите заказать",
                "что вас интересует",
                "what would you like to order",
                "что подобрать",
                "looking for",
            ],
            Ask::Product,
        ),
        (
            &[
                "какой вариант",
                "какой выб",
                "какую",
                "какие",
                "какой из",
                "который",
                "вариант",
                "which one",
                "which of",
                "which",
            ],
            Ask::Choice,
        ),
    ];
    table.iter().find(|(marks, _)| marks.iter().any(|mark| said.contains(mark))).map(|(_, ask)| *ask)
}

/// Nothing was made of the caller's words; what stands behind it is the question again.
pub(super) fn not_understood(language: Language) -> &'static str {
    match language {
        Russian => "Простите, не поняла.",
        English => "Sorry, I didn't understand.",
    }
}

/// Whether the agent's words were [`not_understood`].
pub(super) fn was_not_understood(agent: &str) -> bool {
    [Russian, English].iter().any(|language| agent.starts_with(not_understood(*language)))
}

/// A product's name in the caller's language, where the catalogue has one.
pub(super) fn name(product: &Product, language: Language) -> &str {
    let key = match language {
        Russian => "name_ru",
        English => "name_en",
    };
    product.attributes.get(key).map_or(product.name.as_str(), String::as_str)
}

pub(super) fn money(amount: Money, language: Language) -> String {
    language::money(amount.minor, amount.currency.code(), language)
}

/// What tells these products apart: their names without the words that all of them share.
pub(super) fn distinct_names(products: &[&Product], language: Language) -> Vec<String> {
    let names: Vec<Vec<&str>> =
        products.iter().map(|p| name(p, language).split_whitespace().collect()).collect();
    let shared =
        |word: &str| names.iter().all(|name| name.iter().any(|w| w.to_lowercase() == word.to_lowercase()));
    let without = |keep: fn(&str) -> bool| -> Vec<String> {
        let left = |name: &Vec<&str>| {
            name.iter().filter(|w| keep(w) || !shared(w)).copied().collect::<Vec<_>>().join(" ")
        };
        names.iter().map(left).collect()
    };
    if products.len() < 2 {
        return names.iter().map(|name| name.join(" ")).collect();
    }
    let apart = without(|_| false);
    if apart.iter().all(|name| !words(name).is_empty()) {
        return apart;
    }
    // One of them has nothing of its own ("зимняя", "зимняя шипованная"): then only the shared sizes go.
    without(|word| !word.chars().any(|c| c.is_ascii_digit()))
}

/// `первый`, `the first`: the place in a list that is told.
pub(super) fn place(n: usize, language: Language) -> String {
    let n = u64::try_from(n).unwrap_or_default();
    let word = language::ordinal(n, language::Gender::Masculine, language);
    match language {
        Russian => word,
        English => format!("the {word}"),
    }
}

/// Several products with their prices, and the question which.
pub(super) fn choice(products: &[&Product], all: usize, language: Language) -> String {
    let names = distinct_names(products, language);
    let listed: Vec<String> = products
        .iter()
        .zip(names)
        .zip(1..)
        .map(|((product, name), n)| {
            format!("{} — {name}, {}", place(n, language), money(product.price, language))
        })
        .collect();
    let count = u64::try_from(all).unwrap_or_default();
    let head = match language {
        Russian => format!("Есть {}", language::count(count, Noun::Variant, language)),
        English => format!("There are {}", language::count(count, Noun::Variant, language)),
    };
    let some = match language {
        _ if all == products.len() => "",
        Russian => ", например",
        English => ", for example",
    };
    format!("{head}{some}: {}. {}", listed.join("; "), ask(Ask::Choice, language))
}

/// One product with its price; the stock only when there's little of it.
pub(super) fn offer(product: &Product, language: Language) -> String {
    let price = money(product.price, language);
    match language {
        Russian => format!("{}, {price} за штуку.", name(product, language)),
        English => format!("{}, {price} each.", name(product, language)),
    }
}

/// How many are left.
pub(super) fn only_left(stock: u32, language: Language) -> String {
    let count = language::count(u64::from(stock), Noun::Piece, language);
    match (language, stock) {
        (Russian, 0) => "К сожалению, этого товара сейчас нет в наличии.".to_owned(),
        (English, 0) => "I'm sorry, this is out of stock right now.".to_owned(),
        (Russian, _) => format!("В наличии только {count}."),
        (English, _) => format!("There are only {count} in stock."),
    }
}

/// Fixed sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Hello,
    Listening,
    Welcome,
    Wait,
    Farewell,
    NotIdentified,
    NothingFound,
    NotExactly,
    NoOrders,
    NoSuchOrder,
    OperatorCancels,
    OperatorHelps,
    NoOperator,
    Scope,
    NothingToCancel,
    PaymentWays,
    NoCards,
    DeliveryTold,
    NoDayChoice,
    NoDiscounts,
    Robot,
    Taken,
    AllRight,
    NoPoints,
    NoCity,
    NotNow,
}

/// A fixed sentence in a language.
pub(super) fn line(which: Line, language: Language) -> &'static str {
    match (language, which) {
        (Russian, Line::Hello) => "Здравствуйте! Могу оформить заказ или рассказать о вашем заказе.",
        (English, Line::Hello) => "Hello! I can take an order or tell you about yours.",
        (Russian, Line::Listening) => "Слушаю вас.",
        (English, Line::Listening) => "I'm listening.",
        (Russian, Line::Welcome) => "Пожалуйста!",
        (English, Line::Welcome) => "You're welcome!",
        (Russian, Line::Wait) => "Хорошо, я подожду.",
        (English, Line::Wait) => "Sure, take your time.",
        (Russian, Line::Farewell) => "Спасибо за звонок. До свидания!",
        (English, Line::Farewell) => "Thank you for calling. Goodbye!",
        (Russian, Line::NotIdentified) => {
            "Ваш номер не определился, без него я не могу найти или оформить заказ."
        }
        (English, Line::NotIdentified) => {
            "I can't see your number, and without it I can't look up or place an order."
        }
        (Russian, Line::NothingFound) => "Такого товара я не нашла. Назовите другой размер или другую марку.",
        (English, Line::NothingFound) => "I could not find that. Please try another size or brand.",
        (Russian, Line::NotExactly) => "Точно такого нет, но есть похожее.",
        (English, Line::NotExactly) => "I don't have exactly that, but something close.",
        (Russian, Line::NoOrders) => "На ваш номер заказов не нашлось.",
        (English, Line::NoOrders) => "There are no orders for your number.",
        (Russian, Line::NoSuchOrder) => "Заказа с таким номером у вас не нашлось.",
        (English, Line::NoSuchOrder) => "I could not find an order of yours with that number.",
        (Russian, Line::OperatorCancels) => "Оформленный заказ изменит или отменит оператор.",
        (English, Line::OperatorCancels) => {
            "An operator can change or cancel an order that is already placed."
        }
        (Russian, Line::OperatorHelps) => "С этим лучше поможет оператор.",
        (English, Line::OperatorHelps) => "An operator can help you better with that.",
        (Russian, Line::NoOperator) => "Оператор сейчас недоступен, перезвоните, пожалуйста, позже.",
        (English, Line::NoOperator) => "No operator is available right now; please call again later.",
        (Russian, Line::Scope) => "Я принимаю заказы и рассказываю, где они.",
        (English, Line::Scope) => "I take orders and tell you where they are.",
        (Russian, Line::NothingToCancel) => "Хорошо, ничего не оформляю.",
        (English, Line::NothingToCancel) => "All right, nothing is being ordered.",
        (Russian, Line::PaymentWays) => {
            "Можно наличными или картой при получении, или онлайн по ссылке из СМС."
        }
        (English, Line::PaymentWays) => {
            "You can pay in cash or by card on delivery, or online with a link in a text message."
        }
        (Russian, Line::NoCards) => "Пожалуйста, не называйте данные карты. Ссылка на оплату придёт в СМС.",
        (English, Line::NoCards) => {
            "Please don't tell me any card details. A payment link comes in a text message."
        }
        (Russian, Line::DeliveryTold) => "Стоимость и срок доставки назову, когда узнаю город и адрес.",
        (English, Line::DeliveryTold) => {
            "I'll tell you the delivery cost and time once I know the city and address."
        }
        (Russian, Line::NoDayChoice) => "День выбрать я не могу, но срок назову.",
        (English, Line::NoDayChoice) => "I can't choose the day, but I'll tell you how long it takes.",
        (Russian, Line::NoDiscounts) => {
            "О скидках мне ничего не известно, но могу найти самый недорогой вариант."
        }
        (English, Line::NoDiscounts) => "I don't know of any discounts, but I can find the cheapest option.",
        (Russian, Line::Robot) => "Я автоматический помощник магазина.",
        (English, Line::Robot) => "I'm the shop's automatic assistant.",
        (Russian, Line::Taken) => "Записала:",
        (English, Line::Taken) => "I've put down",
        (Russian, Line::AllRight) => "Хорошо.",
        (English, Line::AllRight) => "All right.",
        (Russian, Line::NoPoints) => "В этом городе нет пункта выдачи.",
        (English, Line::NoPoints) => "There is no pickup point in that city.",
        (Russian, Line::NoCity) => "В этот город мы пока не доставляем.",
        (English, Line::NoCity) => "We don't deliver to that city yet.",
        (Russian, Line::NotNow) => "Сейчас новый заказ оформить не получится.",
        (English, Line::NotNow) => "A new order can't be placed right now.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_known_again_by_its_words() {
        for language in [Russian, English] {
            for what in [
                Ask::Product,
                Ask::Size,
                Ask::Choice,
                Ask::Quantity,
                Ask::OrderIt,
                Ask::Method,
                Ask::City,
                Ask::Address,
                Ask::House,
                Ask::Point,
                Ask::Payment,
                Ask::Name,
                Ask::WhichOrder,
                Ask::Change,
                Ask::Right,
                Ask::Operator,
                Ask::More,
                Ask::Retry,
            ] {
                let text = ask(what, language);
                assert_eq!(asked(text), Some(what), "{text}");
                assert_eq!(asked(&format!("Записала: шины, 4 штуки. {text}")), Some(what), "{text}");
                assert_eq!(asked(&language::spoken(text, language)), Some(what), "{text}");
            }
        }
    }

    #[test]
    fn the_cores_own_questions_are_known_too() {
        for (text, what) in [
            ("Хорошо, не оформляю. Что изменить?", Ask::Change),
            ("All right, I won't place it. What should I change?", Ask::Change),
            ("Хорошо, оформление отменено. Могу помочь чем-нибудь ещё?", Ask::More),
            ("Здравствуйте! Это магазин шин. Чем могу помочь?", Ask::More),
            ("Hello! This is the tire shop. How can I help you?", Ask::More),
        ] {
            let found = asked(text);
            assert!(found == Some(what) || what == Ask::More && found.is_none(), "{text} {found:?}");
        }
    }
}
