//! One utterance of the caller: everything in it that can be used, whatever was asked.

use crate::language::text::words;
use crate::language::{self, Answer, Language, Pick, corrected, numerals, quantity_among};
use crate::orders::PaymentMethod;

use super::address::{AddressPart, address};
use super::figures::{order_digits, sizes};
use super::intent::{Intent, Said};
use super::lexicon::{Lexicon, general_kind, stem};
use super::phrases::Ask;
use super::places::{self, capitalised};
use super::vocabulary::{ENGLISH_STOP, RUSSIAN_STOP};

/// How an order is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Delivery,
    Pickup,
}

/// A wish about price instead of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extreme {
    /// The cheapest, or any.
    Cheapest,
    Dearest,
}

/// What the rules know while they listen.
pub(super) struct Context<'a> {
    pub(super) language: Language,
    pub(super) asked: Option<Ask>,
    /// The shop's words, and those of the products last found.
    pub(super) lexicons: [&'a Lexicon; 2],
    /// The shop's own cities, as far as they were told.
    pub(super) cities: &'a [String],
}

/// What was said.
#[derive(Clone, Default)]
pub(super) struct Heard {
    pub(super) intent: Option<Intent>,
    pub(super) answer: Option<Answer>,
    /// The order that is meant, by the digits of its number.
    pub(super) order_digits: Option<String>,
    pub(super) pick: Option<Pick>,
    /// The one number said, when nothing else was.
    pub(super) lone: Option<u64>,
    pub(super) quantity: Option<u32>,
    /// So many more, or fewer.
    pub(super) change: Option<i64>,
    /// Numbers of a size.
    pub(super) sizes: Vec<String>,
    /// Words about goods, each with what it is about.
    pub(super) wish: Vec<(String, String)>,
    /// The caller wants to order.
    pub(super) orders: bool,
    /// The caller asks what there is or what it costs.
    pub(super) inquires: bool,
    pub(super) extreme: Option<Extreme>,
    pub(super) method: Option<Method>,
    pub(super) city: Option<String>,
    pub(super) address: AddressPart,
    pub(super) payment: Option<PaymentMethod>,
    pub(super) name: Option<String>,
    /// The caller took something back in the same breath.
    corrected: bool,
    /// A day or hour was wished for.
    pub(super) day: bool,
}

masked!(Heard);

impl Heard {
    pub(super) fn of(text: &str, context: &Context<'_>) -> Self {
        let language = context.language;
        let spoken = words(text);
        let said = Said::new(corrected(&spoken, language), language);
        let intent = Intent::of(text, &said, context.asked);
        let mut heard = Self {
            intent,
            answer: Some(language::answer(text, language)).filter(|a| *a != Answer::Unsure),
            pick: language::pick(text, language),
            lone: language::lone_number(text, language),
            orders: said.any(match language {
                Language::Russian => RUSSIAN_ORDERS,
                Language::English => ENGLISH_ORDERS,
            }),
            inquires: said.any(match language {
                Language::Russian => RUSSIAN_INQUIRES,
                Language::English => ENGLISH_INQUIRES,
            }),
            extreme: extreme(&said),
            day: said.any(DAYS),
            corrected: said.words().len() < spoken.len(),
            ..Self::default()
        };
        let closed = matches!(context.asked, Some(Ask::Address | Ask::House | Ask::City | Ask::Name));
        let about_orders = matches!(
            intent,
            Some(Intent::Status | Intent::Cancel | Intent::CancelOther | Intent::ChangeOrder | Intent::Paid)
        );
        if about_orders || context.asked == Some(Ask::WhichOrder) {
            heard.order_digits = order_digits(&said, language);
            return heard;
        }
        if intent.is_some_and(Intent::is_none_of_the_goods) {
            return heard;
        }
        let rest = heard.take_place(&said, context);
        heard.payment = payment(&said);
        heard.name = name(&said, context);
        let placed = !heard.address.is_empty() || heard.city.is_some() || heard.name.is_some();
        if closed && placed && !heard.orders {
            return heard;
        }
        // What was said of the place is no goods: "улица Мира, дом 5" has neither a size nor a quantity in it.
        let rest = Said::new(rest, language);
        heard.take_numbers(&rest, context);
        heard.take_wish(&rest, context, closed);
        if heard.wish.is_empty() && heard.sizes.is_empty() && heard.quantity.is_none() && !closed {
            heard.order_digits = order_digits(&said, language).filter(|_| {
                let words = said.words();
                let numbers = numerals(words, language);
                words
                    .iter()
                    .enumerate()
                    .all(|(at, word)| numbers.iter().any(|n| n.at.contains(&at)) || is_stop(word, language))
            });
        }
        heard
    }

    /// Whether any slot of an order was said.
    pub(super) fn has_slots(&self) -> bool {
        self.quantity.is_some()
            || self.change.is_some()
            || self.has_goods()
            || self.extreme.is_some()
            || self.method.is_some()
            || self.city.is_some()
            || !self.address.is_empty()
            || self.payment.is_some()
            || self.name.is_some()
    }

    /// Whether goods were named.
    pub(super) fn has_goods(&self) -> bool {
        !self.wish.is_empty() || !self.sizes.is_empty()
    }

    /// Whether it was said which goods, not only that they are tyres.
    pub(super) fn names_goods(&self) -> bool {
        !self.sizes.is_empty() || self.wish.iter().any(|(kind, _)| kind != "kind" && kind != "other")
    }

    /// Hears city, street and way of delivery; the words that are left.
    fn take_place(&mut self, said: &Said, context: &Context<'_>) -> Vec<String> {
        let language = context.language;
        self.method = method(said);
        let asked_address = matches!(context.asked, Some(Ask::Address | Ask::House));
        let mut rest = said.words().to_vec();
        let city =
            places::city(&rest, context.cities, language).or_else(|| places::named_city(&rest, language));
        if let Some((city, at)) = city {
            self.city = Some(city);
            rest.drain(at);
        } else if context.asked == Some(Ask::City)
            && self.answer.is_none()
            && self.intent.is_none()
            && self.method.is_none()
            && address(&rest, false, language).0.is_empty()
        {
            self.city = places::answered_city(&rest, language);
        }
        // "Сколько стоит доставка?" chooses nothing yet.
        if self.intent == Some(Intent::DeliveryTerms) && self.city.is_none() {
            self.method = None;
        }
        // "Нет, улица Мира, дом семь" has one in it; a yes has none.
        if self.answer != Some(Answer::Yes) || asked_address {
            let asked =
                asked_address && self.payment.is_none() && self.method.is_none() && self.intent.is_none();
            let (part, at) = address(&rest, asked, language);
            self.address = part;
            rest.drain(at);
        }
        rest
    }

    fn take_numbers(&mut self, said: &Said, context: &Context<'_>) {
        let language = context.language;
        let mut words = said.words().to_vec();
        let adds = said.any(&["добав*", "еще", "плюс", "add", "more", "another"]);
        let removes = said.any(&["убер*", "убав*", "минус", "remove", "less", "fewer"]);
        if let Some((count, at)) = quantity_among(&words, language) {
            match (adds, removes) {
                (true, false) => self.change = Some(i64::from(count)),
                (_, true) => self.change = Some(-i64::from(count)),
                _ => self.quantity = Some(count),
            }
            // What counted is no size.
            words.drain(at);
        } else if adds
            && let [only] = numerals(&words, language).as_slice()
            && only.value < 100
        {
            self.change = i64::try_from(only.value).ok();
        }
        // A bare number is a quantity where one was asked for, where the caller changes something, and in "make it six".
        let meant = match context.asked {
            Some(Ask::Quantity | Ask::Change | Ask::Right) => true,
            Some(Ask::House | Ask::Address | Ask::WhichOrder | Ask::Choice | Ask::Point) => false,
            _ => said.any(&["make it", "пусть будет", "instead"]) || self.corrected,
        };
        if meant && self.quantity.is_none() && self.change.is_none() {
            self.quantity = self.lone.and_then(|n| u32::try_from(n).ok()).filter(|n| (1..=99).contains(n));
        }
        if !matches!(context.asked, Some(Ask::Quantity | Ask::Point | Ask::WhichOrder | Ask::Name))
            || words.len() > 2
        {
            let (sizes, pieces) = sizes(&words, context);
            self.sizes = sizes;
            self.quantity = self.quantity.or(pieces);
        }
    }

    fn take_wish(&mut self, said: &Said, context: &Context<'_>, closed: bool) {
        if closed && !self.orders {
            return;
        }
        let numbers = numerals(said.words(), context.language);
        // Words that nobody knows are only taken where goods were surely spoken of.
        let open = self.orders
            || self.inquires
            || matches!(context.asked, Some(Ask::Product | Ask::Size | Ask::Choice));
        let spoken_for = self.method.is_some() || self.payment.is_some() || self.name.is_some();
        for (at, word) in said.words().iter().enumerate() {
            if numbers.iter().any(|n| n.at.contains(&at)) || is_stop(word, context.language) {
                continue;
            }
            let known = context.lexicons.iter().find_map(|l| l.kind(word)).or_else(|| general_kind(word));
            let in_city =
                self.city.as_ref().is_some_and(|city| words(city).iter().any(|w| stem(w) == stem(word)));
            if in_city {
                continue;
            }
            match known {
                Some(kind) => self.wish.push((kind.to_owned(), word.clone())),
                None if open && !spoken_for && self.extreme.is_none() && word.chars().count() > 2 => {
                    self.wish.push(("other".to_owned(), word.clone()));
                }
                None => {}
            }
        }
        // A verb alone ("хочу заказать") names no goods; nor does an answer.
        if self.answer.is_some()
            || matches!(self.intent, Some(Intent::Greet)) && !self.orders && !self.inquires
        {
            self.wish.retain(|(kind, _)| kind != "other");
        }
    }
}

fn is_stop(word: &str, language: Language) -> bool {
    match language {
        Language::Russian => RUSSIAN_STOP.contains(&word),
        Language::English => ENGLISH_STOP.contains(&word),
    }
}

fn extreme(said: &Said) -> Option<Extreme> {
    let cheap = [
        "подешевле",
        "дешевле",
        "дешев*",
        "недорог*",
        "бюджетн*",
        "любые",
        "любой",
        "любая",
        "любую",
        "без разницы",
        "все равно",
        "неважно",
        "не важно",
        "cheap*",
        "any",
        "whatever",
        "doesn't matter",
        "does not matter",
        "don't care",
    ];
    let dear = ["подороже", "дороже", "самые лучшие", "самый лучший", "получше", "best", "most expensive"];
    if said.any(&cheap) && !said.any(&["не дешев*", "any discounts", "есть что нибудь подешевле в"])
    {
        return Some(Extreme::Cheapest);
    }
    said.any(&dear).then_some(Extreme::Dearest).filter(|_| !said.any(&["не дороже"]))
}

fn method(said: &Said) -> Option<Method> {
    let delivery = [
        "доставка",
        "доставку",
        "доставки",
        "доставкой",
        "доставьте",
        "доставить",
        "привез*",
        "курьер*",
        "до двери",
        "на дом",
        "транспортной",
        "deliver",
        "delivery",
        "delivered",
        "courier",
        "ship it",
    ];
    let pickup = [
        "самовывоз*",
        "заберу",
        "забрать",
        "забираю",
        "сам заберу",
        "сама заберу",
        "pickup",
        "pick up",
        "pick it up",
        "pick them up",
        "collect",
    ];
    // "Card on delivery" says how it's paid, not where it goes.
    let paid = said.any(&["on delivery", "при доставке", "при получении"])
        && !said.any(&["home delivery", "доставка"]);
    let first = |phrases: &[&str]| said.last_place(phrases);
    match (first(&delivery).filter(|_| !paid), first(&pickup)) {
        (Some(d), Some(p)) if p > d => Some(Method::Pickup),
        (None, Some(_)) => Some(Method::Pickup),
        (Some(_), _) => Some(Method::Delivery),
        (None, None) => None,
    }
}

fn payment(said: &Said) -> Option<PaymentMethod> {
    let online =
        said.any(&["онлайн", "по ссылке", "ссылк*", "переводом", "сбп", "online", "link", "bank transfer"]);
    let card = said.any(&["картой", "карта", "карту", "карточкой", "card"]);
    let cash = said.any(&["налич*", "кэш*", "кеш*", "cash"]);
    let at = |phrases: &[&str]| said.last_place(phrases);
    match (online, card, cash) {
        (true, ..) => Some(PaymentMethod::Online),
        // Both named: the later one ("не наличными, картой").
        (_, true, true) => {
            Some(if at(&["картой", "карта", "card"]) > at(&["налич*", "cash"]) {
                PaymentMethod::CardOnDelivery
            } else {
                PaymentMethod::CashOnDelivery
            })
        }
        (_, true, _) => Some(PaymentMethod::CardOnDelivery),
        (_, _, true) => Some(PaymentMethod::CashOnDelivery),
        _ => None,
    }
}

fn name(said: &Said, context: &Context<'_>) -> Option<String> {
    let asked = context.asked == Some(Ask::Name);
    let leads: &[&str] = match context.language {
        Language::Russian => &["меня зовут", "на имя", "имя", "на фамилию", "моя фамилия", "фамилия"],
        Language::English => {
            &["my name is", "the name is", "under the name", "last name", "first name", "name's", "call me"]
        }
    };
    let words = said.words();
    let from = leads.iter().find_map(|lead| said.after(lead));
    let start = match from {
        Some(start) => start,
        None if asked => {
            said.after("это").or_else(|| said.after("it's")).or_else(|| said.after("this is")).unwrap_or(0)
        }
        None => return None,
    };
    let bare = from.is_none();
    let taken: Vec<&String> = words[start.min(words.len())..]
        .iter()
        .filter(|w| !is_stop(w, context.language) || !bare)
        .take_while(|w| w.chars().all(char::is_alphabetic) && w.chars().count() > 1)
        .take_while(|w| {
            bare || !["номер", "телефон", "and", "и", "мой", "my", "хочу", "i"].contains(&w.as_str())
        })
        .take(3)
        .collect();
    let whole = !bare || taken.len() == words.len() - start;
    let known_goods = bare && taken.iter().any(|w| context.lexicons.iter().any(|l| l.kind(w).is_some()));
    let answered = bare && language::answer(&words.join(" "), context.language) != Answer::Unsure;
    if !whole || taken.is_empty() || known_goods || answered {
        return None;
    }
    Some(taken.iter().take(2).map(|w| capitalised(w)).collect::<Vec<_>>().join(" "))
}

const DAYS: &[&str] = &[
    "завтра",
    "послезавтра",
    "сегодня",
    "понедельник",
    "вторник",
    "среду",
    "четверг",
    "пятницу",
    "субботу",
    "воскресенье",
    "выходн*",
    "на этой неделе",
    "на следующей неделе",
    "через неделю",
    "tomorrow",
    "today",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "weekend",
    "next week",
    "this week",
];

const RUSSIAN_ORDERS: &[&str] = &[
    "заказать",
    "купить",
    "нужн*",
    "надо",
    "хочу",
    "хотел*",
    "оформ*",
    "запиш*",
    "дайте",
    "беру",
    "возьму",
    "сделать заказ",
    "интересу*",
    "подбер*",
    "ищу",
    "закажу",
    "заказываю",
    "добавьте",
    "поменяйте",
    "давайте",
];
const ENGLISH_ORDERS: &[&str] = &[
    "order",
    "buy",
    "need",
    "want",
    "get",
    "looking for",
    "give me",
    "would like",
    "i'd like",
    "i'll take",
    "purchase",
    "add",
    "change",
    "prefer",
];
const RUSSIAN_INQUIRES: &[&str] = &[
    "сколько стоит",
    "сколько стоят",
    "какая цена",
    "цена",
    "почем",
    "есть ли",
    "у вас есть",
    "в наличии",
    "какие есть",
    "что есть",
    "есть",
    "какие",
    "сколько будет стоить",
    "сколько будут стоить",
];
const ENGLISH_INQUIRES: &[&str] = &[
    "how much",
    "price",
    "do you have",
    "in stock",
    "available",
    "what do you have",
    "which",
    "cost",
    "do you sell",
    "have you got",
];
