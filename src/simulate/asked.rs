//! What the agent asks, by its words: for an agent that does not tell its question besides. Words alone are looked at, no
//! sentence of any agent is assumed.

use crate::dialogue::Question;
use crate::language::text;

use super::goods::Goods;

/// A question and the stems that show it; all stems of one entry must be there.
type Sign = (Question, &'static [&'static [&'static str]]);

/// The question that a text ends with, if it asks one.
pub fn asked_of(said: &str, goods: &Goods) -> Option<Question> {
    let question = last_question(said)?;
    let folded = text::fold(question);
    let words: Vec<&str> = folded.split(' ').collect();
    let has = |stem: &str| match stem.contains(' ') {
        true => folded.contains(stem),
        false => words.iter().any(|word| word.starts_with(stem)),
    };
    let found = SIGNS.iter().find(|(_, ways)| ways.iter().any(|stems| stems.iter().all(|stem| has(stem))));
    if let Some((question @ (Question::ReadBack | Question::Twin | Question::Person), _)) = found {
        return Some(question.clone());
    }
    for (key, stems) in &goods.ask {
        if stems.iter().any(|stem| has(stem)) && !has("сколько") && !has("how many") {
            return Some(Question::Attribute { key: key.clone() });
        }
    }
    found.map(|(question, _)| question.clone())
}

/// The last sentence that asks, or the last of all where none does: an agent may ask without a question mark.
fn last_question(said: &str) -> Option<&str> {
    let mut sentences: Vec<&str> = said.split_inclusive(['.', '!', '?']).filter(|s| s.len() > 2).collect();
    // "Которая: первая или вторая? Нажмите…" asks too.
    while sentences.len() > 1 && sentences.last().is_some_and(|last| !last.contains('?')) {
        if !sentences.iter().any(|sentence| sentence.contains('?')) {
            break;
        }
        sentences.pop();
    }
    sentences.last().copied()
}

const SIGNS: &[Sign] = &[
    (Question::Twin, &[&["ещё один заказ"], &["еще один заказ"], &["another order"], &["second order"]]),
    // "На чьё имя оформить заказ?" is no read-back.
    (
        Question::Name,
        &[
            &["имя"],
            &["зовут"],
            &["обращаться"],
            &["представьтесь"],
            &["your name"],
            &["what name"],
            &["a name"],
            &["call you"],
        ],
    ),
    (
        Question::ReadBack,
        &[
            &["все верно"],
            &["все правильно"],
            &["оформляем"],
            &["оформляю"],
            &["оформить заказ"],
            &["подтвержда"],
            &["place the order"],
            &["place it"],
            &["is that right"],
            &["is that correct"],
            &["is everything correct"],
            &["all correct"],
        ],
    ),
    (
        Question::Person,
        &[
            &["оператор"],
            &["сотрудник"],
            &["менеджер"],
            &["консультант"],
            &["operator"],
            &["agent"],
            &["a person"],
            &["colleague"],
            &["someone"],
        ],
    ),
    (Question::Code, &[&["код", "смс"], &["code"]]),
    (Question::Phone, &[&["номер телефона"], &["ваш номер"], &["phone number"], &["your number"]]),
    (
        Question::WhichOrder,
        &[
            &["какой заказ"],
            &["каком заказе"],
            &["номер заказа"],
            &["какой из заказов"],
            &["which order"],
            &["order number"],
            &["number of the order"],
        ],
    ),
    (
        Question::Change,
        &[
            &["что изменить"],
            &["что поменять"],
            &["что исправить"],
            &["what", "change"],
            &["что не так"],
            &["что неверно"],
        ],
    ),
    // "Cash or card on delivery, or online?" is not about delivery.
    (Question::Payment, &[&["оплат"], &["оплач"], &["платить"], &["наличн"], &["pay"], &["cash"]]),
    (
        Question::Method,
        &[
            &["доставка или"],
            &["доставку или"],
            &["самовывоз"],
            &["заберете", "достав"],
            &["delivery or"],
            &["pickup"],
            &["pick it up"],
            &["pick up"],
            &["deliver", "collect"],
            &["как вам удобнее получить"],
        ],
    ),
    (
        Question::Quantity,
        &[
            &["сколько"],
            &["какое количество"],
            &["количество"],
            &["записать", "штук"],
            &["shall i put down"],
            &["pieces", "stock"],
            &["how many"],
            &["quantity"],
        ],
    ),
    (
        Question::Point,
        &[
            &["пункт"],
            &["откуда забер"],
            &["где забер"],
            &["pick-up point"],
            &["which point"],
            &["which location"],
        ],
    ),
    (
        Question::Street,
        &[
            &["адрес"],
            &["улиц"],
            &["address"],
            &["street"],
            &["куда достав"],
            &["куда привез"],
            &["where", "deliver"],
        ],
    ),
    (Question::House, &[&["номер дома"], &["какой дом"], &["и дом"], &["house number"], &["which house"]]),
    (
        Question::Choice,
        &[
            &["перв", "втор"],
            &["какой из"],
            &["какую из"],
            &["какие из"],
            &["какой вариант"],
            &["какой вам"],
            &["какие вам"],
            &["which one"],
            &["which of"],
            &["first", "second"],
            &["which would you"],
            &["выберите"],
        ],
    ),
    (Question::City, &[&["город"], &["city"], &["town"]]),
    (Question::Retry, &[&["попробовать еще"], &["попробуем еще"], &["try again"]]),
    (
        Question::OrderIt,
        &[
            &["берете"],
            &["берем"],
            &["подходит"],
            &["заказать"],
            &["подойдет"],
            &["would you like", "it"],
            &["would you like to order"],
            &["shall i", "order"],
            &["does that suit"],
            &["will that do"],
            &["order it"],
            &["order them"],
        ],
    ),
    (
        Question::Open,
        &[
            &["чем", "помочь"],
            &["чем", "полезн"],
            &["что нибудь еще"],
            &["что то еще"],
            &["еще что"],
            &["help"],
            &["anything else"],
        ],
    ),
    (
        Question::Goods,
        &[
            &["что", "заказ"],
            &["что вы хотите"],
            &["что хотите"],
            &["что", "интересует"],
            &["что", "нужно"],
            &["что вам"],
            &["какой товар"],
            &["какие", "нужны"],
            &["other товар"],
            &["другой товар"],
            &["what would you like"],
            &["what do you"],
            &["what are you looking"],
            &["another product"],
            &["looking for"],
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_known_by_their_words() {
        let goods = Goods {
            ask: [("size".to_owned(), vec!["размер".to_owned(), "size".to_owned()])].into(),
            ..Goods::default()
        };
        let size = Question::Attribute { key: "size".into() };
        for (said, question) in [
            ("Здравствуйте! Это магазин шин. Чем могу помочь?", Some(Question::Open)),
            ("Четыре Нокиан. Доставка или самовывоз?", Some(Question::Method)),
            ("Сколько штук вам нужно?", Some(Question::Quantity)),
            ("Какой размер шин вам нужен?", Some(size.clone())),
            ("Итого сто рублей. Всё верно, оформляем заказ?", Some(Question::ReadBack)),
            ("Первый: Нокиан. Второй: Мишлен. Первый или второй?", Some(Question::Choice)),
            ("Как будете платить: наличными, картой или по ссылке?", Some(Question::Payment)),
            ("На какое имя оформить?", Some(Question::Name)),
            ("Соединить с оператором?", Some(Question::Person)),
            ("В какой город доставить?", Some(Question::City)),
            ("What size do you need?", Some(size)),
            ("Would you like delivery or pickup?", Some(Question::Method)),
            ("Which one would you like?", Some(Question::Choice)),
            ("How many do you need?", Some(Question::Quantity)),
            ("Is that right, shall I place the order?", Some(Question::ReadBack)),
            ("Назовите, пожалуйста, улицу и дом.", Some(Question::Street)),
            ("Какой номер дома?", Some(Question::House)),
            (
                "How would you like to pay: cash or card on delivery, or online with a link in a text message?",
                Some(Question::Payment),
            ),
            ("На чьё имя оформить заказ?", Some(Question::Name)),
            ("Одну минуту.", None),
            ("", None),
        ] {
            assert_eq!(asked_of(said, &goods), question, "{said}");
        }
    }
}
