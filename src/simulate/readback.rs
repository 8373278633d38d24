//! Whether what the agent repeats is what is wanted.

use crate::language::{Language, text};
use crate::orders::PaymentMethod;

use super::ear::{self, Ear, speaks_of};
use super::goal::{Basket, Handover};
use super::market::Market;

/// Something of an order that the caller hears told, rightly or wrongly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// So many were told of the line.
    Quantity {
        line: usize,
        told: u32,
    },
    /// Another product stands in the line's place.
    Goods {
        line: usize,
        told: usize,
    },
    /// The line was not told.
    Missing {
        line: usize,
    },
    /// A product that nobody wants.
    Extra {
        item: usize,
    },
    Method,
    City,
    Address,
    Point,
    Payment,
    Name,
    /// These were not told at all.
    Unsaid(Unsaid),
}

/// What a read-back left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsaid {
    Handover,
    Payment,
}

/// What the caller has heard told rightly so far; a change of mind takes it back.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// By line.
    pub lines: Vec<bool>,
    pub handover: bool,
    pub payment: bool,
    /// Products told that nobody wants, and not taken back since.
    pub extra: Vec<usize>,
}

/// Compares what was read back with what is wanted. What is not spoken of this time holds as it was heard before.
pub fn check(
    said: &str,
    wanted: &Basket,
    heard: &mut Heard,
    ear: &Ear,
    market: &Market,
    language: Language,
) -> Vec<Fault> {
    heard.lines.resize(wanted.lines.len(), false);
    let mut faults = Vec::new();
    let tokens = ear::tokens(said, language);
    lines(said, &tokens, wanted, heard, ear, language, &mut faults);
    handover(said, &tokens, wanted, heard, market, language, &mut faults);
    let told = payments(&tokens);
    if told.is_empty() {
        if !heard.payment {
            faults.push(Fault::Unsaid(Unsaid::Payment));
        }
    } else {
        heard.payment = told == [wanted.payment];
        if !heard.payment {
            faults.push(Fault::Payment);
        }
    }
    if let Some(name) = &wanted.name {
        let label = tokens.iter().position(|t| matches!(t.as_str(), "имя" | "получатель" | "name" | "зовут"));
        let first = name.split_whitespace().next().unwrap_or_default();
        if label.is_some() && speaks_of(&tokens, first).is_none() {
            faults.push(Fault::Name);
        }
    }
    faults
}

fn lines(
    said: &str,
    tokens: &[String],
    wanted: &Basket,
    heard: &mut Heard,
    ear: &Ear,
    language: Language,
    faults: &mut Vec<Fault>,
) {
    // What is told to be gone is not told to be there.
    let mut mentions = Vec::new();
    let mut gone: Vec<usize> = Vec::new();
    for sentence in said.split_inclusive(['.', ';', '!', '?']) {
        let found = ear.mentions(sentence);
        if is_gone(sentence) {
            gone.extend(found.into_iter().flat_map(|mention| mention.items));
        } else if methods(&ear::tokens(sentence, language)) == (false, false) {
            // What stands in a place ("delivery to Rose Street") is no goods.
            mentions.extend(found);
        }
    }
    heard.extra.retain(|item| !gone.contains(item));
    for (line, heard) in heard.lines.iter_mut().enumerate() {
        *heard &= !gone.contains(&wanted.lines[line].item);
    }
    // Numbers stand before all goods or behind all of them: whichever makes fewer mistakes.
    let judged = |after: bool| {
        let mut found = Vec::new();
        let mut told = vec![None; wanted.lines.len()];
        let mut extra = Vec::new();
        for mention in &mentions {
            let fits = |at: &usize| told[*at].is_none() && mention.items.contains(&wanted.lines[*at].item);
            let known = |at: &usize| mention.items.contains(&wanted.lines[*at].item);
            let n = if after { mention.after.or(mention.before) } else { mention.before.or(mention.after) };
            match (0..wanted.lines.len()).find(fits) {
                Some(line) => told[line] = Some(n),
                None if (0..wanted.lines.len()).any(|at| known(&at)) => {}
                // A word that many goods share says nothing against the order.
                None if !mention.is_whole && (mention.items.len() > 1 || !mention.is_named) => {}
                None => extra.push((mention.items[0], n)),
            }
        }
        for (line, told) in told.iter().enumerate() {
            match told {
                Some(Some(n)) if *n != wanted.lines[line].n => {
                    found.push(Fault::Quantity { line, told: *n });
                }
                _ => {}
            }
        }
        (found, told, extra)
    };
    let (found, told, extra) = {
        let (behind, before) = (judged(true), judged(false));
        if before.0.len() < behind.0.len() { before } else { behind }
    };
    for (line, told) in told.iter().enumerate() {
        if let Some(n) = told {
            // Goods without a number say nothing new of it.
            heard.lines[line] = n.map_or(heard.lines[line], |n| n == wanted.lines[line].n);
        }
    }
    // "Две штуки, итого…" without the goods is about the one line that was wrong.
    if mentions.is_empty() {
        let mut unheard = (0..wanted.lines.len()).filter(|line| !heard.lines[*line]);
        if let (Some(line), None) = (unheard.next(), unheard.next()) {
            let n = wanted.lines[line].n.to_string();
            let counted =
                |next: &String| ["штук", "piece", "едини"].iter().any(|stem| next.starts_with(stem));
            heard.lines[line] = tokens.windows(2).any(|pair| pair[0] == n && counted(&pair[1]));
        }
    }
    let is_whole = !payments(tokens).is_empty() && methods(tokens) != (false, false);
    if is_whole {
        heard.extra.clear();
    }
    faults.extend(found);
    let mut unheard: Vec<usize> = (0..wanted.lines.len())
        .filter(|line| told[*line].flatten().is_none() && (is_whole || !heard.lines[*line]))
        .collect();
    for (item, _) in extra {
        // It stays in the order until it is told to be gone, or all is told without it.
        if !heard.extra.contains(&item) {
            heard.extra.push(item);
        }
        if !unheard.is_empty() {
            let line = unheard.remove(0);
            heard.lines[line] = false;
            faults.push(Fault::Goods { line, told: item });
        }
    }
    for line in unheard {
        heard.lines[line] = false;
        faults.push(Fault::Missing { line });
    }
    let named =
        |item: &&usize| faults.iter().any(|f| matches!(f, Fault::Goods { told, .. } if told == *item));
    let extra: Vec<usize> = heard.extra.iter().filter(|item| !named(item)).copied().collect();
    faults.extend(extra.into_iter().map(|item| Fault::Extra { item }));
}

/// Whether a sentence tells what is taken out.
fn is_gone(sentence: &str) -> bool {
    let folded = text::fold(sentence);
    [
        "больше нет",
        "убра",
        "убира",
        "удал",
        "вычерк",
        "исключ",
        "no longer",
        "remov",
        "taken out",
        "taken off",
        "dropped",
    ]
    .iter()
    .any(|sign| folded.contains(sign))
}

fn methods(tokens: &[String]) -> (bool, bool) {
    let any = |stems: &[&str]| tokens.iter().any(|t| stems.iter().any(|stem| t.starts_with(stem)));
    let pickup = any(&["самовывоз", "забер", "забрат", "pickup", "pick", "collect"]) || any(&["выдачи"]);
    // "The delivery is free" is said of a pick-up too.
    (any(&["достав", "привез", "deliver", "ship"]) && !pickup, pickup)
}

/// The ways to pay that a text tells.
pub fn payments(tokens: &[String]) -> Vec<PaymentMethod> {
    let at = |stems: &[&str]| tokens.iter().position(|t| stems.iter().any(|stem| t.starts_with(stem)));
    let mut found: Vec<(usize, PaymentMethod)> = [
        (at(&["наличн", "cash"]), PaymentMethod::CashOnDelivery),
        (at(&["карт", "card"]), PaymentMethod::CardOnDelivery),
        (at(&["ссылк", "онлайн", "online", "link"]), PaymentMethod::Online),
    ]
    .into_iter()
    .filter_map(|(at, method)| at.map(|at| (at, method)))
    .collect();
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, method)| method).collect()
}

fn handover(
    said: &str,
    tokens: &[String],
    wanted: &Basket,
    heard: &mut Heard,
    market: &Market,
    language: Language,
    faults: &mut Vec<Fault>,
) {
    let (delivery, pickup) = methods(tokens);
    let cities = market.cities_in(said);
    let before = faults.len();
    let place = match &wanted.handover {
        Handover::Delivery(address) => {
            address_told(tokens, &address.key, address.house, address.flat, language)
        }
        Handover::Pickup(_) => None,
    };
    let is_told = delivery || pickup || !cities.is_empty() || place.is_some();
    match &wanted.handover {
        _ if !is_told => {
            if !heard.handover {
                faults.push(Fault::Unsaid(Unsaid::Handover));
            }
            return;
        }
        Handover::Delivery(_) if pickup => faults.push(Fault::Method),
        Handover::Pickup(_) if delivery => faults.push(Fault::Method),
        Handover::Delivery(address) => {
            match place {
                // Nothing but "the delivery costs": the address holds as heard before.
                None if heard.handover && cities.is_empty() => return,
                Some(true) => {}
                _ => faults.push(Fault::Address),
            }
            if !cities.is_empty() && !cities.contains(address.city.as_str())
                || cities.is_empty() && !heard.handover
            {
                faults.push(Fault::City);
            }
        }
        Handover::Pickup(point) => {
            let point = &market.points[*point];
            let key = text::words(&point.address);
            let key: Vec<&String> = key.iter().filter(|word| word.chars().count() > 3).collect();
            let is_told = key.iter().any(|word| {
                !["улица", "проспект", "street", "avenue"].contains(&word.as_str())
                    && speaks_of(tokens, word).is_some()
            });
            let stands = heard.handover && cities.is_empty();
            if !(is_told || stands) {
                faults.push(Fault::Point);
            } else if !cities.is_empty() && !cities.contains(point.city.as_str()) {
                faults.push(Fault::City);
            }
        }
    }
    heard.handover = faults.len() == before;
}

/// Whether a text tells this address rightly; none where it tells no street that is like it and no house.
pub fn address_told(
    tokens: &[String],
    key: &str,
    house: u32,
    flat: Option<u32>,
    language: Language,
) -> Option<bool> {
    let number = |at: usize| tokens.get(at).and_then(|token| token.parse::<u32>().ok());
    let Some(at) = speaks_of(tokens, key) else {
        let spoken = ["дом", "улица", "улицу", "адрес", "street", "avenue", "road", "address"];
        return tokens.iter().any(|token| spoken.contains(&token.as_str())).then_some(false);
    };
    let end = tokens[at..].iter().position(|token| token == ".").map_or(tokens.len(), |end| at + end);
    let end = end.min(at + 14);
    let behind: Vec<u32> = (at..end).filter_map(number).collect();
    let told = match language {
        Language::English if at > 0 && number(at - 1).is_some() => {
            number(at - 1) == Some(house) && behind.first().copied() == flat
        }
        _ => behind.first() == Some(&house) && (behind.get(1).copied() == flat || flat.is_none()),
    };
    Some(told)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::simulate::goal::{Address, Line};

    #[test]
    fn an_untrue_read_back_is_heard_as_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/shop/tyres.toml");
        let market = Market::load(&path).expect("the sample shop");
        let ear = Ear::new(&market, Language::Russian);
        let item =
            market.items.iter().position(|item| item.sku == "nokian-winter-205-55-16").expect("an item");
        let address = Address {
            city: "Москва".into(),
            street: "улица ленина".into(),
            key: "ленина".into(),
            house: 12,
            flat: Some(5),
        };
        let wanted = Basket {
            lines: vec![Line { item, n: 4 }],
            handover: Handover::Delivery(address),
            payment: PaymentMethod::CardOnDelivery,
            name: Some("Анна".into()),
        };
        let told = "Проверьте, пожалуйста, заказ. Нокиан зимняя двести пять пятьдесят пять эр шестнадцать, четыре штуки, по \
                    восемь тысяч рублей. Доставка: Москва, улица Ленина, дом двенадцать, квартира пять. Стоимость доставки \
                    триста девяносто рублей, срок от одного до двух дней. Оплата картой при получении. Итого сто рублей. \
                    Всё верно, оформляем заказ?";
        let faults =
            |text: &str, heard: &mut Heard| check(text, &wanted, heard, &ear, &market, Language::Russian);
        assert_eq!(faults(told, &mut Heard::default()), []);
        for (was, is, fault) in [
            ("четыре", "шесть", Fault::Quantity { line: 0, told: 6 }),
            ("дом двенадцать", "дом четырнадцать", Fault::Address),
            ("квартира пять", "квартира шесть", Fault::Address),
            (", квартира пять", "", Fault::Address),
            ("Москва", "Казань", Fault::City),
            ("картой", "наличными", Fault::Payment),
            ("Оплата картой при получении. ", "", Fault::Unsaid(Unsaid::Payment)),
            ("Ленина", "Гагарина", Fault::Address),
        ] {
            assert_eq!(faults(&told.replacen(was, is, 1), &mut Heard::default()), [fault], "{was} {is}");
        }
        let mut heard = Heard::default();
        faults(told, &mut heard);
        let gone = faults(
            "Теперь так. Больше нет в заказе: Нокиан зимняя 205/55 R16. Итого сто рублей.",
            &mut heard,
        );
        assert_eq!(gone, [Fault::Missing { line: 0 }]);
        let other = faults(&told.replace("зимняя", "зимняя шипованная"), &mut Heard::default());
        assert!(matches!(other[..], [Fault::Goods { line: 0, .. }]), "{other:?}");
        let mut heard = Heard::default();
        faults(told, &mut heard);
        assert_eq!(
            faults(
                "Меняю: Нокиан зимняя двести пять пятьдесят пять эр шестнадцать, четыре штуки. Верно?",
                &mut heard
            ),
            []
        );
    }
}
