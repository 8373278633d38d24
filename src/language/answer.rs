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
    let [yes, no, fillers, strong, no_heads, negations] = match language {
        Language::Russian => [
            RUSSIAN_YES,
            RUSSIAN_NO,
            RUSSIAN_FILLERS,
            RUSSIAN_STRONG_YES,
            &["нет", "неа", "не"],
            RUSSIAN_NEGATIONS,
        ],
        Language::English => [
            ENGLISH_YES,
            ENGLISH_NO,
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
    if tiles(&words, no, fillers) {
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

const RUSSIAN_YES: &[&str] = &[
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

const RUSSIAN_NO: &[&str] = &[
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
    "больше ничего",
    "больше нет",
    "больше не надо",
    "больше не нужно",
    "ничего",
    "ничего не надо",
    "ничего не нужно",
    "ничего больше",
    "пока нет",
    "пока ничего",
    "ни в коем случае",
    "ни за что",
    "никак нет",
    "это все",
    "все",
    "вот и все",
    "на этом все",
    "я передумал",
    "я передумала",
    "передумал",
    "передумала",
    "отказываюсь",
    "нет другой размер",
    "нет другой адрес",
];

const RUSSIAN_FILLERS: &[&str] = &[
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

const ENGLISH_YES: &[&str] = &[
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

const ENGLISH_NO: &[&str] = &[
    "no",
    "nope",
    "nah",
    "no no",
    "no way",
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
    "the other one",
    "i don't need it",
    "i don't want it",
    "i don't want that",
    "i don't agree",
    "i do not confirm",
    "i don't confirm",
    "don't",
    "don't do it",
    "do not",
    "nothing else",
    "nothing more",
    "nothing",
    "that's all",
    "that is all",
    "that's it",
    "that'll be all",
    "that will be all",
    "i changed my mind",
    "i've changed my mind",
    "it doesn't fit",
    "they don't fit",
    "no thanks",
    "no thank you",
    "i'm good",
    "i'd rather not",
];

const ENGLISH_FILLERS: &[&str] = &[
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
mod tests {
    use super::*;
    use Language::{English, Russian};

    fn all(texts: &str, language: Language, expected: Answer) {
        for text in texts.split('|').map(str::trim).filter(|t| !t.is_empty()) {
            assert_eq!(answer(text, language), expected, "{text:?}");
        }
    }

    #[test]
    fn every_way_to_confirm_is_a_yes() {
        all(
            "да | да конечно | да верно | да все верно | верно | все правильно | правильно | подтверждаю | да подтверждаю
            | хорошо | согласен | согласна | да согласен | ага | угу | конечно | да давайте | давайте | оформляйте
            | да оформляйте | подходит | да подходит | точно | именно так | можно | ладно | пусть будет так
            | да пожалуйста | заказываю | беру | Да, всё верно. | Ну да | да-да | да, спасибо | Да, я подтверждаю заказ
            | абсолютно верно | всё так | да, меня устраивает | ОК | ну хорошо, давайте | так точно",
            Russian,
            Answer::Yes,
        );
        all(
            "yes | yes please | yes that's right | that's right | that is correct | correct | yes correct | i confirm
            | yes i confirm | okay | ok sure | sure | sounds good | of course | right | go ahead | yes go ahead | fine
            | that's fine | exactly | i agree | yep | yeah | perfect | good | i'll take it | Yes, that’s right. | Yes.
            | thats correct | yes, thank you | well, okay | Yes, please do! | alright | uh-huh | all correct, thanks",
            English,
            Answer::Yes,
        );
    }

    #[test]
    fn every_way_to_refuse_is_a_no() {
        all(
            "нет | нет спасибо | нет не надо | не надо | не нужно | нет неправильно | неправильно | неверно
            | нет это не то | не подходит | нет больше ничего | ничего не надо | пока нет | нет не так
            | ни в коем случае | не согласен | больше ничего | это все | нет другой размер | нет другой адрес
            | я передумал | я передумала | Нет! | нет, не верно | не оформляйте | да нет | конечно нет
            | нет, давайте шесть | нет, я хочу другие | не совсем | нет спасибо, больше ничего не нужно | все, спасибо",
            Russian,
            Answer::No,
        );
        all(
            "no | no thanks | no thank you | that's wrong | no that's wrong | not correct | that is not correct
            | no not that | i don't need it | nothing else | that's all | that is all | not now | nope
            | i changed my mind | no the other one | it doesn't fit | No, that's not right. | no, make it six
            | not really | of course not | no that isn't correct | i do not confirm",
            English,
            Answer::No,
        );
    }

    #[test]
    fn a_change_is_never_a_yes() {
        all(
            "отмените мой заказ | отменить заказ номер четыре пять два один | хочу отменить заказ | отмена
            | хочу изменить заказ | измените адрес доставки | хочу поменять адрес | измените количество
            | добавьте еще две штуки | добавьте шины | добавьте еще одну шину | уберите шины | уберите одну шину
            | поменяйте мишлен на нокиан | поменяйте размер на двести пять пятьдесят пять шестнадцать
            | перенесите доставку на завтра | исправьте | стоп | подождите | начнем сначала",
            Russian,
            Answer::Unsure,
        );
        all("не четыре а шесть", Russian, Answer::No);
        all(
            "cancel my order | cancel order number four five two one | i want to cancel my order | cancel
            | i want to change my order | change the address | change the delivery address | change the quantity
            | add two more | add two tires | remove one tire | make it six not four
            | change the size to two oh five fifty five sixteen | move the delivery to monday | wait | stop | start over",
            English,
            Answer::Unsure,
        );
        all("not four but six", English, Answer::No);
    }

    #[test]
    fn operator_social_and_repeat_are_no_answers() {
        all(
            "оператор | позовите оператора | соедините меня с оператором | переключите на оператора
            | хочу поговорить с оператором | хочу говорить с человеком | позовите человека | соедините с менеджером
            | мне нужен менеджер | живой оператор | переведите на специалиста | дайте оператора
            | здравствуйте | добрый день | добрый вечер | доброе утро | алло | алло здравствуйте | привет | спасибо
            | большое спасибо | спасибо большое | до свидания | всего доброго | спасибо до свидания | пожалуйста
            | извините | здравствуйте хочу сделать заказ | спасибо всего доброго | пока | алло вы меня слышите
            | повторите пожалуйста | повторите | я не расслышал | что что | еще раз пожалуйста
            | можно еще раз | говорите громче | говорите медленнее | плохо слышно | вас не слышно | одну минуту
            | секунду | подождите минуту | сейчас посмотрю",
            Russian,
            Answer::Unsure,
        );
        all(
            "operator | operator please | i want to talk to an operator | can i speak to a manager
            | let me talk to a person | connect me to an operator | i need a human | talk to a real person
            | transfer me to a manager | representative | human please | hello | good morning | good afternoon
            | good evening | hi | hi there | thank you | thanks | thank you very much | goodbye | bye | bye bye
            | thank you goodbye | have a nice day | please | sorry | hello i want to place an order | can you hear me
            | please repeat | can you repeat that | say that again | i didn't hear you | i don't understand | pardon
            | what was that | speak louder | speak slower | one moment | just a second | hold on | let me check",
            English,
            Answer::Unsure,
        );
    }

    #[test]
    fn a_yes_with_anything_besides_is_no_yes() {
        all(
            "да но | да только другой адрес | да? | верно? | да, а сколько стоит доставка | да и ещё две шины
            | да четыре штуки | хорошо, но не четыре | нет, всё верно | нет, да | давайте шесть | можно оплатить картой
            | да подождите | да отмените | наверное да | может быть | не понял | не знаю правильно ли | да если завтра |
            да наличными | все верно кроме адреса | хорошо бы подешевле | я бы сказал да",
            Russian,
            Answer::Unsure,
        );
        all("не подтверждаю | не да | не верно", Russian, Answer::No);
        all(
            "yes but | yes, only the address | yes? | right? | yes and two more | yes four | no, that's right
            | is that right | okay what about delivery | yes if tomorrow | maybe | i think so | not sure | yes cancel it
            | yes wait | good question | okay make it six | sure thing but not monday | no problem | yes by card",
            English,
            Answer::Unsure,
        );
        all("not okay", English, Answer::No);
        all("", Russian, Answer::Unsure);
        all("", English, Answer::Unsure);
        assert_eq!(answer("…", Russian), Answer::Unsure);
    }
}
