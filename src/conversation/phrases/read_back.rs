//! An order as it is read back: whole, and after a change what has changed.

use super::{capitalised, money, payment, terms};
use crate::conversation::facts::line_name;
use crate::language::{self, Language};
use crate::orders::{Delivery, DeliveryTerms, Money, Order, OrderLine, PaymentMethod, Product};

use Language::{English, Russian};

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
        Russian => format!(". Стоимость {cost}, срок {days}."),
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
pub(in crate::conversation) fn read_back(
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
pub(in crate::conversation) fn read_back_change(
    was: (&Order, PaymentMethod),
    is: (&Order, PaymentMethod),
    found: &[Product],
    language: Language,
) -> Option<String> {
    let same_goods = |a: &OrderLine, b: &OrderLine| a.product_id == b.product_id && a.name == b.name;
    let changed: Vec<&OrderLine> = is.0.lines.iter().filter(|line| !was.0.lines.contains(line)).collect();
    let gone: Vec<&OrderLine> =
        was.0.lines.iter().filter(|line| !is.0.lines.iter().any(|other| same_goods(line, other))).collect();
    // Other goods than before: all that there are now are read, so that nobody wonders whether the old ones still stand.
    let others = !gone.is_empty()
        || is.0.lines.iter().any(|line| !was.0.lines.iter().any(|other| same_goods(line, other)));
    let changed: Vec<&OrderLine> = if others { is.0.lines.iter().collect() } else { changed };
    let delivery = was.0.delivery != is.0.delivery;
    let paid = was.1 != is.1;
    let parts =
        usize::from(!changed.is_empty() || !gone.is_empty()) + usize::from(delivery) + usize::from(paid);
    let all_goods = !others && changed.len() == is.0.lines.len() && changed.len() > 1;
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
