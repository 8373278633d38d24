//! The sentences that the core says itself, composed from facts and never from a model's words: the read-back, what came
//! of an action, and what is said when something fails.

use chrono::NaiveDate;

use crate::conversation::consent::Matter;
use crate::conversation::facts::{self, line_name};
use crate::language::{self, Language};
use crate::orders::{
    Confirmation, Delivery, DeliveryTerms, Money, Order, OrderLine, OrderStatus, OrderSummary, PaymentMethod,
    ProblemCode, Product,
};

use Language::{English, Russian};

/// An amount in words.
pub(super) fn money(amount: Money, language: Language) -> String {
    language::money(amount.minor, amount.currency.code(), language)
}

/// A state as a caller would call it.
pub(super) fn status(status: OrderStatus, language: Language) -> &'static str {
    match (language, status) {
        (Russian, OrderStatus::Draft) => "черновик",
        (Russian, OrderStatus::Confirmed) => "подтверждён",
        (Russian, OrderStatus::PendingPayment) => "ожидает оплаты",
        (Russian, OrderStatus::Processing) => "в обработке",
        (Russian, OrderStatus::Shipped) => "отправлен",
        (Russian, OrderStatus::Delivered) => "доставлен",
        (Russian, OrderStatus::Cancelled) => "отменён",
        (English, OrderStatus::Draft) => "a draft",
        (English, OrderStatus::Confirmed) => "confirmed",
        (English, OrderStatus::PendingPayment) => "waiting for payment",
        (English, OrderStatus::Processing) => "being processed",
        (English, OrderStatus::Shipped) => "shipped",
        (English, OrderStatus::Delivered) => "delivered",
        (English, OrderStatus::Cancelled) => "cancelled",
    }
}

/// How it is paid.
pub(super) fn payment(method: PaymentMethod, language: Language) -> &'static str {
    match (language, method) {
        (Russian, PaymentMethod::CashOnDelivery) => "оплата наличными при получении",
        (Russian, PaymentMethod::CardOnDelivery) => "оплата картой при получении",
        (Russian, PaymentMethod::Online) => "оплата по ссылке из СМС",
        (English, PaymentMethod::CashOnDelivery) => "payment in cash on delivery",
        (English, PaymentMethod::CardOnDelivery) => "payment by card on delivery",
        (English, PaymentMethod::Online) => "payment by a link in a text message",
    }
}

/// What a delivery costs.
pub(super) fn cost(cost: Money, language: Language) -> String {
    match (cost.minor, language) {
        (0, Russian) => "бесплатно".to_owned(),
        (0, English) => "free of charge".to_owned(),
        _ => money(cost, language),
    }
}

/// Cost and days of a delivery.
pub(super) fn terms(terms: &DeliveryTerms, language: Language) -> (String, String) {
    (cost(terms.cost, language), language::days(terms.days_min, terms.days_max, language))
}

/// Where it goes, for the read-back.
fn destination(terms: &DeliveryTerms, language: Language) -> String {
    match (&terms.delivery, language) {
        // Revealed to the caller who has just said it.
        (Delivery::Delivery { city, address }, Russian) => {
            format!("доставка: {city}, {}", address.reveal())
        }
        (Delivery::Delivery { city, address }, English) => {
            format!("delivery to {}, {city}", address.reveal())
        }
        (Delivery::Pickup { city, .. }, Russian) => {
            format!("самовывоз: {city}, {}", terms.pickup_address.as_deref().unwrap_or(""))
        }
        (Delivery::Pickup { city, .. }, English) => {
            format!("pickup in {city}, {}", terms.pickup_address.as_deref().unwrap_or(""))
        }
    }
}

/// What and how many.
fn goods_read(line: &OrderLine, found: &[Product], language: Language) -> String {
    let count = language::count(u64::from(line.quantity), language::Noun::Piece, language);
    format!("{}, {count}", line_name(line, found, language))
}

/// A line as it is read back, its goods by the names under which they were found.
fn line_read(line: &OrderLine, found: &[Product], language: Language) -> String {
    let goods = goods_read(line, found, language);
    match language {
        Russian => format!("{goods}, по {}", money(line.unit, language)),
        English => format!("{goods}, {} each", money(line.unit, language)),
    }
}

fn delivery_read(delivery: &DeliveryTerms, language: Language) -> String {
    let (cost, days) = terms(delivery, language);
    let mut text = capitalised(&destination(delivery, language));
    text.push_str(&match language {
        Russian => format!(". Доставка {cost}, срок {days}."),
        English => format!(". It costs {cost} and takes {days}."),
    });
    text
}

fn total_read(total: Money, language: Language) -> String {
    match language {
        Russian => format!("Итого {}.", money(total, language)),
        English => format!("The total is {}.", money(total, language)),
    }
}

/// The whole order, read back before the question that the caller's yes answers.
pub(super) fn read_back(
    order: &Order,
    found: &[Product],
    method: PaymentMethod,
    language: Language,
) -> String {
    // The price of a piece tells the lines of several apart; of one the total says it all.
    let lines: Vec<String> = match order.lines.as_slice() {
        [line] => vec![goods_read(line, found, language)],
        lines => lines.iter().map(|line| line_read(line, found, language)).collect(),
    };
    let mut text = match language {
        Russian => format!("Проверьте, пожалуйста, заказ. {}.", lines.join("; ")),
        English => format!("Let me read your order back. {}.", lines.join("; ")),
    };
    if let Some(delivery) = &order.delivery {
        text.push(' ');
        text.push_str(&delivery_read(delivery, language));
    }
    for part in [capitalised(payment(method, language)) + ".", total_read(order.total, language)] {
        text.push(' ');
        text.push_str(&part);
    }
    text
}

/// An order that was read back whole before, and what of it is different now, with the total; none where most of it is, so
/// that it is read whole again.
pub(super) fn read_back_change(
    was: (&Order, PaymentMethod),
    is: (&Order, PaymentMethod),
    found: &[Product],
    language: Language,
) -> Option<String> {
    let same_goods = |a: &OrderLine, b: &OrderLine| a.product_id == b.product_id && a.name == b.name;
    let changed: Vec<&OrderLine> = is.0.lines.iter().filter(|line| !was.0.lines.contains(line)).collect();
    let gone: Vec<&OrderLine> =
        was.0.lines.iter().filter(|line| !is.0.lines.iter().any(|other| same_goods(line, other))).collect();
    let delivery = was.0.delivery != is.0.delivery;
    let paid = was.1 != is.1;
    let parts =
        usize::from(!changed.is_empty() || !gone.is_empty()) + usize::from(delivery) + usize::from(paid);
    let all_goods = changed.len() == is.0.lines.len() && changed.len() > 1;
    if parts == 0 || parts == 3 || all_goods {
        return None;
    }
    let mut said: Vec<String> = Vec::new();
    if !gone.is_empty() {
        let names: Vec<&str> = gone.iter().map(|line| line_name(line, found, language)).collect();
        said.push(match language {
            Russian => format!("Больше нет в заказе: {}.", names.join(", ")),
            English => format!("Taken off: {}.", names.join(", ")),
        });
    }
    if !changed.is_empty() {
        let lines: Vec<String> = changed.into_iter().map(|line| goods_read(line, found, language)).collect();
        said.push(capitalised(&lines.join("; ")) + ".");
    }
    if let Some(terms) = is.0.delivery.as_ref().filter(|_| delivery) {
        let priced = was.0.delivery.as_ref().is_some_and(|before| {
            before.cost == terms.cost
                && (before.days_min, before.days_max) == (terms.days_min, terms.days_max)
        });
        said.push(match priced {
            true => capitalised(&destination(terms, language)) + ".",
            false => delivery_read(terms, language),
        });
    }
    if paid {
        said.push(capitalised(payment(is.1, language)) + ".");
    }
    said.push(total_read(is.0.total, language));
    let head = match language {
        Russian => "Теперь:",
        English => "Now:",
    };
    Some(format!("{head} {}", said.join(" ")))
}

/// The question that a yes answers, in Russian and in English. It is longer than a line's echo lasts (an echo of it begins
/// while it is still played), and does not end with a word of assent, so that its echo is told from a caller's yes.
pub(super) const QUESTION: [&str; 2] =
    ["Всё верно, оформляем заказ?", "Is that right, shall I place the order?"];
/// The same question to a caller who has heard it and gave no answer that was understood.
pub(super) const QUESTION_AGAIN: [&str; 2] = [
    "Так оформляем заказ? Скажите да или нет, или нажмите один или два.",
    "So shall I place the order? Please say yes or no, or press one or two.",
];
/// The same question after something that the caller asked was answered.
pub(super) const QUESTION_BACK: [&str; 2] =
    ["Так что, оформляем этот заказ?", "So shall I place this order?"];

/// The question about this matter.
pub(super) fn question(matter: &Matter, language: Language) -> &'static str {
    match (matter, language) {
        (Matter::Order(_), language) => QUESTION[language as usize],
        (Matter::Twin(_), Russian) => "Оформить ещё один заказ?",
        (Matter::Twin(_), English) => "Shall I place another order?",
    }
}

/// It once more, where the caller asked something in between.
pub(super) fn question_back(matter: &Matter, language: Language) -> &'static str {
    match matter {
        Matter::Order(_) => QUESTION_BACK[language as usize],
        Matter::Twin(_) => question(matter, language),
    }
}

/// It again.
pub(super) fn question_again(matter: &Matter, language: Language) -> &'static str {
    match (matter, language) {
        (Matter::Order(_), language) => QUESTION_AGAIN[language as usize],
        (Matter::Twin(_), Russian) => {
            "Так оформить ещё один заказ? Скажите да или нет, или нажмите один или два."
        }
        (Matter::Twin(_), English) => {
            "So shall I place another order? Please say yes or no, or press one or two."
        }
    }
}

/// An order that was placed on the caller's number minutes before the call.
pub(super) fn placed_before(order: &OrderSummary, minutes: u64, language: Language) -> String {
    let number = language::order_number(&order.order_number, language);
    let goods = facts::in_speech(&order.items_summary, language);
    let total = money(order.total, language);
    let count = language::count(minutes, language::Noun::Minute, language);
    match (language, minutes) {
        (Russian, 0) => {
            format!("На ваш номер только что оформлен заказ номер {number}: {goods}, на {total}.")
        }
        (Russian, _) => {
            let count =
                language::count_in(minutes, language::Noun::Minute, language::Case::Accusative, language);
            format!("На ваш номер {count} назад уже оформлен заказ номер {number}: {goods}, на {total}.")
        }
        (English, 0) => {
            format!("An order was placed for your number just now: order number {number}, {goods}, {total}.")
        }
        (English, _) => {
            format!(
                "An order was placed for your number {count} ago: order number {number}, {goods}, {total}."
            )
        }
    }
}

/// The very same order, placed in this call.
pub(super) fn just_placed(order: &Order, language: Language) -> String {
    let number = language::order_number(&order.order_number, language);
    let total = money(order.total, language);
    match language {
        Russian => format!("Такой заказ вы только что оформили, его номер {number}, на {total}."),
        English => format!("You have just placed such an order, its number is {number}, {total}."),
    }
}

/// What an order costs now, and cost when it was read back.
pub(super) fn price_changed(was: Money, is: Money, language: Language) -> String {
    let (was, is) = (money(was, language), money(is, language));
    match language {
        Russian => format!(
            "Цена только что изменилась: было {was}, стало {is}. Если не подходит, назовите другой товар или попросите оператора."
        ),
        English => format!(
            "The price has just changed: it was {was}, and now it is {is}. If that does not suit you, name other goods or ask for an operator."
        ),
    }
}

/// A committed order; `goes_on` asks what else there is.
pub(super) fn confirmed(done: &Confirmation, today: NaiveDate, goes_on: bool, language: Language) -> String {
    let number = language::order_number(&done.order_number, language);
    let date = done.estimated_delivery.map(|d| language::date(d, today, language));
    let mut text = match language {
        Russian => format!("Спасибо, заказ номер {number} оформлен."),
        English => format!("Thank you, order number {number} is placed."),
    };
    if let Some(date) = date {
        text.push_str(&match language {
            Russian => format!(" Ожидайте {date}."),
            English => format!(" Expect it {date}."),
        });
    }
    if done.sms_sent {
        text.push_str(match language {
            Russian => " Подтверждение придёт в СМС.",
            English => " A text message will confirm it.",
        });
    }
    if goes_on {
        text.push_str(match language {
            Russian => " Чем ещё могу помочь?",
            English => " Is there anything else?",
        });
    }
    text
}

/// Why the store said no, to the caller, with what to do next.
pub(super) fn rejected(code: ProblemCode, language: Language) -> &'static str {
    match (language, code) {
        (Russian, ProblemCode::OutOfStock) => {
            "К сожалению, столько на складе уже нет. Назвать другое количество или другой товар?"
        }
        (English, ProblemCode::OutOfStock) => {
            "I'm sorry, there are not that many in stock. Would you like another quantity or another product?"
        }
        (Russian, ProblemCode::UnknownProduct) => {
            "Этого товара сейчас нет в продаже. Назвать другой товар или соединить с оператором?"
        }
        (English, ProblemCode::UnknownProduct) => {
            "This product is not on sale now. Would you like another product, or an operator?"
        }
        (Russian, ProblemCode::DeliveryMissing) => "Сначала скажите, пожалуйста, куда доставить.",
        (English, ProblemCode::DeliveryMissing) => "Please tell me first where to deliver it.",
        (Russian, ProblemCode::AddressMissing) => "Назовите, пожалуйста, улицу и дом.",
        (English, ProblemCode::AddressMissing) => "Please tell me the street and the house number.",
        (Russian, ProblemCode::CityNotServed) => {
            "В этот город мы пока не доставляем. Назовите другой город или выберите самовывоз."
        }
        (English, ProblemCode::CityNotServed) => {
            "We don't deliver to that city yet. Please name another city, or choose pickup."
        }
        (Russian, ProblemCode::PriceChanged) => "Цена только что изменилась.",
        (English, ProblemCode::PriceChanged) => "The price has just changed.",
        (Russian, ProblemCode::VersionMismatch) => "Заказ в магазине только что изменился.",
        (English, ProblemCode::VersionMismatch) => "The order was just changed at the shop.",
        (Russian, ProblemCode::Expired) => "Черновик заказа устарел. Начнём заново?",
        (English, ProblemCode::Expired) => "The draft has expired. Shall we start again?",
        (Russian, ProblemCode::AlreadyConfirmed) => "Этот заказ уже оформлен. Чем ещё могу помочь?",
        (English, ProblemCode::AlreadyConfirmed) => {
            "This order has already been placed. Is there anything else?"
        }
        (Russian, ProblemCode::NotFound) => "Такого заказа я не нашла. Чем ещё могу помочь?",
        (English, ProblemCode::NotFound) => "I could not find such an order. Is there anything else?",
        (Russian, ProblemCode::TooManyOrders) => {
            "На ваш номер уже есть несколько неоплаченных заказов, новый оформит оператор."
        }
        (English, ProblemCode::TooManyOrders) => {
            "There are already several unpaid orders for your number; an operator can place a new one."
        }
        (Russian, ProblemCode::InvalidTransition | ProblemCode::Unsupported | ProblemCode::Other) => {
            "Магазин не принял эту операцию. Могу соединить с оператором."
        }
        (English, ProblemCode::InvalidTransition | ProblemCode::Unsupported | ProblemCode::Other) => {
            "The shop did not accept that. I can put you through to an operator."
        }
    }
}

/// Fixed sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fixed {
    /// An order action takes its time.
    OneMoment,
    /// The caller's answer to a question about an order was not heard.
    NotHeard,
    /// It was heard, and could be a yes as well as a no.
    NotClear,
    /// The order was changed at the store between read-back and yes.
    OrderChanged,
    /// After the answer to a wish, where nothing was asked before.
    GoOn,
    /// The words were not understood, or the thinker gave nothing.
    Again,
    /// The thinker failed twice.
    Trouble,
    /// The store cannot be reached; nothing happened.
    StoreDown,
    /// Nobody knows yet what happened.
    Unknown,
    /// The draft is gone.
    Cancelled,
    /// There is nothing to cancel.
    NothingToCancel,
    /// Nobody has spoken for a while.
    AreYouThere,
    Farewell,
    /// To a person.
    Transferring,
    /// The server goes away.
    Draining,
    /// The call has reached its limit.
    TooLong,
    /// The caller did not agree to the read-back.
    WhatToChange,
    /// The caller does not want to be recorded.
    NotRecorded,
    /// The caller said a card's number.
    NoCard,
    /// No person answered, and the agent takes the call back: in place of the greeting.
    NobodyFree,
}

/// A fixed sentence in a language.
pub(super) fn fixed(which: Fixed, language: Language) -> &'static str {
    match (language, which) {
        (Russian, Fixed::OneMoment) => "Одну минуту, пожалуйста.",
        (English, Fixed::OneMoment) => "One moment, please.",
        (Russian, Fixed::NotHeard) => "Простите, я не расслышала.",
        (English, Fixed::NotHeard) => "Sorry, I didn't catch that.",
        (Russian, Fixed::NotClear) => "Простите, я не поняла, да или нет.",
        (English, Fixed::NotClear) => "Sorry, I'm not sure whether that is a yes.",
        (Russian, Fixed::OrderChanged) => "Заказ в магазине за это время изменился.",
        (English, Fixed::OrderChanged) => "The order was changed at the shop meanwhile.",
        (Russian, Fixed::GoOn) => "Слушаю вас.",
        (English, Fixed::GoOn) => "Please go on.",
        (Russian, Fixed::Again) => "Простите, я не расслышала. Повторите, пожалуйста.",
        (English, Fixed::Again) => "Sorry, I didn't catch that. Could you say it again?",
        (Russian, Fixed::Trouble) => "Простите, у меня технические трудности. Соединяю с оператором.",
        (English, Fixed::Trouble) => {
            "I'm sorry, I am having technical trouble. Let me put you through to an operator."
        }
        (Russian, Fixed::StoreDown) => {
            "Сейчас база заказов недоступна, ничего не изменилось. Попробуем ещё раз или соединить с оператором?"
        }
        (English, Fixed::StoreDown) => {
            "The order system can't be reached right now, and nothing was changed. Shall we try again, or would you like an operator?"
        }
        (Russian, Fixed::Unknown) => {
            "Магазин пока не ответил. Мы проверим заказ и сообщим вам в СМС; второй раз оформлять не нужно."
        }
        (English, Fixed::Unknown) => {
            "The shop has not answered yet. We will check the order and text you; there is no need to order again."
        }
        (Russian, Fixed::Cancelled) => "Хорошо, оформление отменено. Могу помочь чем-нибудь ещё?",
        (English, Fixed::Cancelled) => "All right, the order is cancelled. Can I help with anything else?",
        (Russian, Fixed::NothingToCancel) => "Хорошо, ничего не оформляю. Чем могу помочь?",
        (English, Fixed::NothingToCancel) => "All right, nothing is being ordered. How can I help?",
        (Russian, Fixed::AreYouThere) => "Алло, вы меня слышите?",
        (English, Fixed::AreYouThere) => "Hello, are you still there?",
        (Russian, Fixed::Farewell) => "Спасибо за звонок. До свидания!",
        (English, Fixed::Farewell) => "Thank you for calling. Goodbye!",
        (Russian, Fixed::Transferring) => "Соединяю с оператором.",
        (English, Fixed::Transferring) => "I'm putting you through to an operator.",
        (Russian, Fixed::Draining) => "Простите, мне нужно передать вас оператору.",
        (English, Fixed::Draining) => "Sorry, I have to hand you over to an operator.",
        (Russian, Fixed::TooLong) => "Мы говорим уже очень долго. Соединяю с оператором.",
        (English, Fixed::TooLong) => "We have been talking for very long. Let me get you an operator.",
        (Russian, Fixed::WhatToChange) => "Хорошо, не оформляю. Что изменить?",
        (English, Fixed::WhatToChange) => "All right, I won't place it. What should I change?",
        (Russian, Fixed::NotRecorded) => "Хорошо, разговор не записывается.",
        (English, Fixed::NotRecorded) => "All right, this call is not recorded.",
        (Russian, Fixed::NoCard) => {
            "Номер карты по телефону не нужен, я его не запомнила. Оплатить можно при получении или по ссылке из СМС."
        }
        (English, Fixed::NoCard) => {
            "I can't take a card number over the phone, and I have not kept it. You can pay on delivery, or by a link that we text you."
        }
        (Russian, Fixed::NobodyFree) => "К сожалению, сейчас все операторы заняты. Чем ещё я могу помочь?",
        (English, Fixed::NobodyFree) => {
            "I'm sorry, all our operators are busy right now. How else can I help you?"
        }
    }
}

/// Of an order that may or may not have been placed, to a person.
pub(super) fn doubtful(language: Language) -> &'static str {
    match language {
        Russian => " может быть оформлен, проверьте",
        English => " may have been placed, please check",
    }
}

/// Of a draft, to a person.
pub(super) fn drafted(language: Language) -> &'static str {
    match language {
        Russian => " не оформлен",
        English => " is not placed",
    }
}

/// Of an order that was placed in the call, to a person.
pub(super) fn placed(language: Language) -> &'static str {
    match language {
        Russian => " оформлен",
        English => " is placed",
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}
