//! Yes or no. An order is placed on a yes, so a yes must be the whole sense of what was said; whatever else was said,
//! asked or changed with it makes it no answer.

use super::Language;
use super::phrase::{begins, has_any, tiles};
use super::text::words;

/// What a caller's utterance answers to a yes-or-no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Agreement and nothing else.
    Yes,
    /// Refusal, perhaps with a reason or a wish.
    No,
    /// Anything else: a question, a change, both at once, something unheard.
    Unsure,
}

/// Whether this is a yes or a no. `да все верно` is a yes; `да но`, `да?` and `да, четыре` are not.
pub fn answer(text: &str, language: Language) -> Answer {
    let words = words(text);
    let [yes, no, enough, fillers, strong, no_heads, negations] = match language {
        Language::Russian => [
            RUSSIAN_YES,
            RUSSIAN_NO,
            RUSSIAN_ENOUGH,
            RUSSIAN_FILLERS,
            RUSSIAN_STRONG_YES,
            &["нет", "неа", "не"],
            RUSSIAN_NEGATIONS,
        ],
        Language::English => [
            ENGLISH_YES,
            ENGLISH_NO,
            ENGLISH_ENOUGH,
            ENGLISH_FILLERS,
            ENGLISH_STRONG_YES,
            &["no", "nope", "nah", "not"],
            ENGLISH_NEGATIONS,
        ],
    };
    if text.contains('?') {
        return Answer::Unsure;
    }
    // First the noes: "конечно нет" and "да нет" are made of words of assent.
    if tiles(&words, &[no, enough].concat(), fillers) {
        return Answer::No;
    }
    if tiles(&words, yes, fillers) {
        return Answer::Yes;
    }
    // A no that goes on is still a no ("нет другой размер"), unless it turns into a yes ("нет все верно").
    if begins(&words, no_heads) && !begins(&words, NO_ANSWERS) {
        let turned = has_any(&words[1..], strong)
            && !has_any(&words[1..], negations)
            && !matches!(words[0].as_str(), "не" | "not");
        return if turned { Answer::Unsure } else { Answer::No };
    }
    Answer::Unsure
}

pub(super) const RUSSIAN_YES: &[&str] = &[
    "да",
    "ага",
    "угу",
    "верно",
    "все верно",
    "правильно",
    "все правильно",
    "все так",
    "все точно",
    "все хорошо",
    "все в порядке",
    "все подходит",
    "все устраивает",
    "точно",
    "так точно",
    "подтверждаю",
    "подтверждаю заказ",
    "подтверждаю этот заказ",
    "хорошо",
    "отлично",
    "прекрасно",
    "замечательно",
    "согласен",
    "согласна",
    "конечно",
    "разумеется",
    "безусловно",
    "естественно",
    "обязательно",
    "давайте",
    "давай",
    "оформляйте",
    "оформляй",
    "оформляем",
    "оформляйте заказ",
    "оформите",
    "заказывайте",
    "продолжайте",
    "записывайте",
    "делайте",
    "подходит",
    "годится",
    "идет",
    "устраивает",
    "именно",
    "именно так",
    "так и есть",
    "можно",
    "ладно",
    "нормально",
    "пойдет",
    "пусть будет так",
    "пусть так",
    "заказываю",
    "покупаю",
    "беру",
    "да хочу",
    "да нужно",
    "да надо",
    "да буду",
    "да можно",
    "да так",
    "так да",
    "не возражаю",
    "ок",
    "окей",
    "океюшки",
    "есть такое",
];

pub(super) const RUSSIAN_NO: &[&str] = &[
    "нет",
    "неа",
    "не",
    "нет нет",
    "да нет",
    "конечно нет",
    "нет конечно",
    "не надо",
    "не нужно",
    "не хочу",
    "не буду",
    "не согласен",
    "не согласна",
    "не подтверждаю",
    "не оформляйте",
    "не заказываю",
    "не подходит",
    "не устраивает",
    "не то",
    "это не то",
    "не тот",
    "не та",
    "не так",
    "все не так",
    "не совсем",
    "не сейчас",
    "не верно",
    "неверно",
    "не правильно",
    "неправильно",
    "не нравится",
    "пока нет",
    "пока ничего",
    "ни в коем случае",
    "ни за что",
    "никак нет",
    "я передумал",
    "я передумала",
    "передумал",
    "передумала",
    "отказываюсь",
];

/// Noes to "anything else?" and to an offer. After a read-back they may as well mean "go ahead".
pub(super) const RUSSIAN_ENOUGH: &[&str] = &[
    "все",
    "это все",
    "вот и все",
    "на этом все",
    "больше ничего",
    "больше нет",
    "больше не надо",
    "больше не нужно",
    "ничего",
    "ничего больше",
    "ничего не надо",
    "ничего не нужно",
    "нет другой размер",
    "нет другой адрес",
];

pub(super) const RUSSIAN_FILLERS: &[&str] = &[
    "ну",
    "вот",
    "э",
    "эм",
    "ой",
    "пожалуйста",
    "спасибо",
    "большое спасибо",
    "спасибо большое",
    "же",
    "уж",
    "я",
    "мне",
    "меня",
    "мы",
    "это",
    "абсолютно",
    "совершенно",
    "полностью",
    "вполне",
    "очень",
    "уже",
];

/// Words that turn a no that was begun into something else.
const RUSSIAN_STRONG_YES: &[&str] =
    &["да", "верно", "правильно", "подтверждаю", "согласен", "согласна", "хорошо", "подходит", "оформляйте"];

/// They begin like a no and are none.
const NO_ANSWERS: &[&str] = &[
    "no problem",
    "no worries",
    "no idea",
    "not sure",
    "не проблема",
    "не знаю",
    "не уверен",
    "не уверена",
    "не понял",
    "не поняла",
    "не расслышал",
    "не расслышала",
    "не слышу",
    "не слышно",
];

const RUSSIAN_NEGATIONS: &[&str] = &["не", "нет", "ни"];

pub(super) const ENGLISH_YES: &[&str] = &[
    "yes",
    "yeah",
    "yep",
    "yup",
    "yes it is",
    "yes i do",
    "yes i would",
    "that's right",
    "that is right",
    "all right",
    "alright",
    "that's correct",
    "that is correct",
    "it's correct",
    "it is correct",
    "all correct",
    "everything is correct",
    "everything's correct",
    "everything is right",
    "correct",
    "i confirm",
    "i confirm it",
    "i confirm the order",
    "confirm",
    "confirmed",
    "okay",
    "ok",
    "sure",
    "for sure",
    "sounds good",
    "sounds right",
    "sounds great",
    "looks good",
    "all good",
    "of course",
    "right",
    "go ahead",
    "please do",
    "do it",
    "let's do it",
    "place it",
    "place the order",
    "order it",
    "fine",
    "that's fine",
    "that is fine",
    "exactly",
    "i agree",
    "agreed",
    "perfect",
    "that's perfect",
    "good",
    "very good",
    "great",
    "that's great",
    "i'll take it",
    "i will take it",
    "i'll take them",
    "absolutely",
    "definitely",
    "certainly",
    "that works",
    "works for me",
    "uh huh",
    "mm hmm",
    "mhm",
    "you got it",
];

pub(super) const ENGLISH_NO: &[&str] = &[
    "no",
    "nope",
    "nah",
    "no no",
    "of course not",
    "absolutely not",
    "definitely not",
    "not really",
    "not quite",
    "not now",
    "not yet",
    "that's wrong",
    "that is wrong",
    "it's wrong",
    "wrong",
    "not correct",
    "not right",
    "that's not right",
    "that is not right",
    "that's not correct",
    "that is not correct",
    "that isn't right",
    "that isn't correct",
    "incorrect",
    "that's incorrect",
    "not that",
    "not that one",
    "i don't need it",
    "i don't want it",
    "i don't want that",
    "i don't agree",
    "i do not confirm",
    "i don't confirm",
    "don't",
    "don't do it",
    "do not",
    "i changed my mind",
    "i've changed my mind",
    "it doesn't fit",
    "they don't fit",
    "no thanks",
    "no thank you",
    "i'd rather not",
];

/// The same in English.
pub(super) const ENGLISH_ENOUGH: &[&str] = &[
    "nothing else",
    "nothing more",
    "nothing",
    "that's all",
    "that is all",
    "that's it",
    "that'll be all",
    "that will be all",
    "i'm good",
    "the other one",
    "no way",
];

pub(super) const ENGLISH_FILLERS: &[&str] = &[
    "please",
    "thanks",
    "thank you",
    "thank you very much",
    "well",
    "um",
    "uh",
    "er",
    "oh",
    "so",
    "then",
    "just",
    "that's",
    "sir",
    "madam",
    "now",
];

const ENGLISH_STRONG_YES: &[&str] =
    &["yes", "yeah", "right", "correct", "confirm", "sure", "okay", "ok", "go ahead"];

const ENGLISH_NEGATIONS: &[&str] = &["not", "no", "isn't", "don't", "doesn't", "didn't", "wrong", "never"];

#[cfg(test)]
mod tests;
