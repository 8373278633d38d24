//! What a caller wants, apart from the slots of an order.

use crate::language::{self, Language};

use super::phrases::Ask;

/// Folded words with quick searches. A pattern is a phrase of whole words; its last word may end in `*`.
pub(super) struct Said {
    words: Vec<String>,
    language: Language,
}

impl Said {
    pub(super) fn new(words: Vec<String>, language: Language) -> Self {
        Self { words, language }
    }

    pub(super) fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether any of the patterns stands in the words.
    pub(super) fn any(&self, patterns: &[&str]) -> bool {
        patterns.iter().any(|pattern| self.place(pattern).is_some())
    }

    /// The last place where any of the patterns stands.
    pub(super) fn last_place(&self, patterns: &[&str]) -> Option<usize> {
        patterns.iter().filter_map(|p| (0..self.words.len()).rev().find(|at| self.stands(*at, p))).max()
    }

    /// Where the words after a phrase begin.
    pub(super) fn after(&self, phrase: &str) -> Option<usize> {
        self.place(phrase).map(|at| at + phrase.split(' ').count())
    }

    fn place(&self, pattern: &str) -> Option<usize> {
        (0..self.words.len()).find(|at| self.stands(*at, pattern))
    }

    fn stands(&self, at: usize, pattern: &str) -> bool {
        pattern.split(' ').enumerate().all(|(i, part)| {
            self.words.get(at + i).is_some_and(|word| match part.strip_suffix('*') {
                Some(stem) => word.starts_with(stem),
                None => word == part,
            })
        })
    }
}

/// What is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Address,
    City,
    Quantity,
    Goods,
    Method,
    Payment,
    Name,
}

/// A wish that is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Operator,
    /// The order at hand is to be dropped.
    Cancel,
    /// Another one is, that was placed before.
    CancelOther,
    Repeat,
    Wait,
    Goodbye,
    Thanks,
    Greet,
    /// An order that was made before.
    Status,
    /// Something about the order is to be different; what, if it was said.
    Change(Target),
    /// An order is to be changed, and it wasn't said how.
    ChangeOrder,
    StartOver,
    Return,
    Service,
    /// Opening hours, the way, the warranty.
    About,
    HowToPay,
    /// Instalments, invoice: ways to pay that aren't taken here.
    OtherPayment,
    Paid,
    Total,
    DeliveryTerms,
    Discount,
    Robot,
    /// Card details were begun.
    CardNumber,
    /// Nothing more is wanted.
    Enough,
}

impl Intent {
    pub(super) fn of(text: &str, said: &Said, asked: Option<Ask>) -> Option<Self> {
        let language = said.language;
        let long = language::dictated(text, language).first().is_some_and(|d| (13..=19).contains(&d.len()));
        if long && !text.contains('-') || said.any(&["номер карты", "card number", "cvv", "си ви ви"])
        {
            return Some(Self::CardNumber);
        }
        if language::wants_operator(text, language) {
            return Some(Self::Operator);
        }
        if language::wants_cancel(text, language) {
            let this = language::cancels_this(text, language);
            return Some(if this { Self::Cancel } else { Self::CancelOther });
        }
        let own = match language {
            Language::Russian => Self::russian(said, asked),
            Language::English => Self::english(said, asked),
        };
        own.or_else(|| {
            if language::says_goodbye(text, language) {
                Some(Self::Goodbye)
            } else if language::asks_repeat(text, language) {
                Some(Self::Repeat)
            } else if language::says_thanks(text, language) {
                Some(Self::Thanks)
            } else if language::asks_wait(text, language) {
                Some(Self::Wait)
            } else if language::greets(text, language) {
                Some(Self::Greet)
            } else {
                None
            }
        })
    }

    /// Whether an utterance with this sense says nothing about goods, so that its words are no wish.
    pub(super) fn is_none_of_the_goods(self) -> bool {
        !matches!(
            self,
            Self::Greet
                | Self::Wait
                | Self::Thanks
                | Self::Change(_)
                | Self::DeliveryTerms
                | Self::Discount
                | Self::Enough
        )
    }

    fn russian(said: &Said, asked: Option<Ask>) -> Option<Self> {
        if said.any(&["сначала", "заново", "начнем заново"]) {
            return Some(Self::StartOver);
        }
        if said.any(&[
            "верну*",
            "возврат*",
            "обменять",
            "брак",
            "жалоб*",
            "верните",
            "не те шины",
            "не подошл*",
        ]) {
            return Some(Self::Return);
        }
        if said.any(&["уже оплатил*", "оплатила заказ", "оплатил заказ", "деньги списали", "я оплатил*"])
        {
            return Some(Self::Paid);
        }
        if said.any(&[
            "измен*",
            "поменя*",
            "исправ*",
            "перенес*",
            "замен*",
            "друг*",
            "не тот",
            "не та",
            "неправильн*",
            "неверн*",
            "ошиб*",
        ]) || asked == Some(Ask::Change)
        {
            let targets: &[(&[&str], Target)] = &[
                (&["адрес*", "улиц*", "дом"], Target::Address),
                (&["город*"], Target::City),
                (&["количеств*"], Target::Quantity),
                (&["размер*", "товар*", "марк*", "бренд*", "шин*", "модел*"], Target::Goods),
                (&["оплат*"], Target::Payment),
                (&["имя", "фамили*"], Target::Name),
                (&["доставк*", "самовывоз*"], Target::Method),
            ];
            if let Some((_, target)) = targets.iter().find(|(marks, _)| said.any(marks)) {
                return Some(Self::Change(*target));
            }
            if said.any(&["заказ*"]) {
                return Some(Self::ChangeOrder);
            }
        }
        let status = [
            "статус*",
            "где мой заказ",
            "где заказ",
            "где мои заказы",
            "что с моим заказом",
            "что с заказом",
            "мой заказ",
            "моего заказа",
            "моем заказе",
            "мои заказы",
            "заказ готов",
            "готов ли",
            "не пришел",
            "не привезли",
            "проверьте заказ",
            "проверить заказ",
            "отслед*",
            "делал заказ",
            "делала заказ",
            "когда придет",
            "когда доставят",
            "когда привезут",
            "номер заказа",
            "заказ номер",
            "про заказ",
            "по заказу",
            "о заказе",
            "доставят заказ",
            "привезут заказ",
        ];
        if said.any(&status) || numbered_order(said, &["заказ", "заказа", "заказу", "заказе"])
        {
            return Some(Self::Status);
        }
        if said.any(&[
            "шиномонтаж*",
            "балансировк*",
            "хранени*",
            "записаться",
            "запишите на",
            "замена шин",
            "запись на",
        ]) {
            return Some(Self::Service);
        }
        if said.any(&["скидк*"]) {
            return Some(Self::Discount);
        }
        if said.any(&["рассрочк*", "кредит", "по счету", "безнал*"]) {
            return Some(Self::OtherPayment);
        }
        if said.any(&["способы оплаты", "как оплатить", "как можно оплатить", "чем можно оплатить"])
        {
            return Some(Self::HowToPay);
        }
        if said.any(&[
            "сколько с меня",
            "общая сумма",
            "сколько всего",
            "какая сумма",
            "сколько все вместе",
            "сколько получается",
            "итого",
        ]) {
            return Some(Self::Total);
        }
        if said.any(&["доставк*", "самовывоз", "привезете", "забрать"])
            && said.any(&["сколько", "услови*", "есть ли", "когда", "как долго", "какой срок"])
        {
            return Some(Self::DeliveryTerms);
        }
        if said.any(&[
            "во сколько вы",
            "до скольки",
            "работаете",
            "график*",
            "открываетесь",
            "закрываетесь",
            "вы находитесь",
            "находится магазин",
            "у вас адрес",
            "ваш адрес",
            "к вам проехать",
            "гаранти*",
            "режим работы",
        ]) {
            return Some(Self::About);
        }
        if said.any(&["вы робот", "ты робот", "вы человек", "это робот", "автоответчик", "с роботом"])
        {
            return Some(Self::Robot);
        }
        said.any(&[
            "это все",
            "больше ничего",
            "вот и все",
            "на этом все",
            "ничего не надо",
            "ничего не нужно",
        ])
        .then_some(Self::Enough)
    }

    fn english(said: &Said, asked: Option<Ask>) -> Option<Self> {
        if said.any(&["start over", "start again", "from the beginning"]) {
            return Some(Self::StartOver);
        }
        if said.any(&[
            "return",
            "refund",
            "exchange",
            "money back",
            "complaint",
            "damaged",
            "wrong tires",
            "don't fit",
            "doesn't fit",
            "defective",
        ]) && !said.any(&["it doesn't fit"])
        {
            return Some(Self::Return);
        }
        if said.any(&["already paid", "i paid", "i've paid"]) {
            return Some(Self::Paid);
        }
        if said.any(&["change", "different", "wrong", "move", "another address", "other address"])
            || asked == Some(Ask::Change)
        {
            let targets: &[(&[&str], Target)] = &[
                (&["address", "street"], Target::Address),
                (&["city"], Target::City),
                (&["quantity", "amount"], Target::Quantity),
                (&["size", "product", "brand", "tires", "model"], Target::Goods),
                (&["payment", "pay"], Target::Payment),
                (&["name"], Target::Name),
                (&["delivery", "pickup"], Target::Method),
            ];
            if let Some((_, target)) = targets.iter().find(|(marks, _)| said.any(marks)) {
                return Some(Self::Change(*target));
            }
            if said.any(&["my order", "the order"]) {
                return Some(Self::ChangeOrder);
            }
        }
        let status = [
            "status",
            "where is my order",
            "where's my order",
            "my order",
            "my orders",
            "track",
            "order number",
            "check order",
            "about order",
            "about an order",
            "placed an order",
            "order been shipped",
            "check on an order",
        ];
        if said.any(&status) || numbered_order(said, &["order"]) {
            return Some(Self::Status);
        }
        if said.any(&[
            "fitting",
            "installation",
            "install",
            "alignment",
            "balancing",
            "appointment",
            "tire storage",
            "flat tire",
            "mounting",
        ]) {
            return Some(Self::Service);
        }
        if said.any(&["discount*"]) {
            return Some(Self::Discount);
        }
        if said.any(&["installments", "on credit", "invoice"]) {
            return Some(Self::OtherPayment);
        }
        if said.any(&["how can i pay", "how do i pay", "ways to pay", "payment methods"]) {
            return Some(Self::HowToPay);
        }
        if said.any(&[
            "the total",
            "total price",
            "how much is it all",
            "how much altogether",
            "how much in total",
        ]) {
            return Some(Self::Total);
        }
        if said.any(&["deliver*", "pick it up", "pickup"])
            && said.any(&["how much", "how long", "when", "do you deliver", "can you deliver", "what does"])
        {
            return Some(Self::DeliveryTerms);
        }
        if said.any(&[
            "opening hours",
            "do you open",
            "do you close",
            "are you open",
            "are you located",
            "your address",
            "warranty",
            "working hours",
        ]) {
            return Some(Self::About);
        }
        if said.any(&[
            "are you a robot",
            "are you human",
            "are you real",
            "am i talking to a machine",
            "is this a robot",
            "are you a person",
        ]) {
            return Some(Self::Robot);
        }
        said.any(&["that's all", "that is all", "nothing else", "that's it", "nothing more"])
            .then_some(Self::Enough)
    }
}

/// `заказ 4521`: an order, and right after it at least three digits.
fn numbered_order(said: &Said, names: &[&str]) -> bool {
    let numbers = language::numerals(&said.words, said.language);
    said.words.iter().enumerate().filter(|(_, w)| names.contains(&w.as_str())).any(|(at, _)| {
        let mut next = at + 1;
        let mut digits = 0;
        while let Some(number) = numbers.iter().find(|n| n.at.start == next && !n.ordinal) {
            digits += number.digits.len();
            next = number.at.end;
        }
        digits >= 3
    })
}
