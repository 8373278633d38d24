//! The few words that steer a call at every step, whatever engine thinks.

use super::Language;
use super::phrase::{begins, has_any, has_stem, tiles};
use super::text::words;

/// The caller wants to drop what is being ordered, or an order that was made: `отмена`, `cancel my order`. A change of
/// mind alone (`я передумал`) is no cancellation; it may be about the size.
pub fn wants_cancel(text: &str, language: Language) -> bool {
    let words = words(text);
    match language {
        Language::Russian => {
            // Somebody asks about cancelling, or asks not to.
            let doubt = [
                "не отменяйте",
                "не отменять",
                "не отмените",
                "не надо отменять",
                "не нужно отменять",
                "если",
                "смогу",
                "можно будет",
                "можно ли будет",
                "как отменить",
                "отменили",
                "отменился",
                "отменился ли",
            ];
            let wish = [
                "не надо ничего оформлять",
                "не буду заказывать",
                "не буду ничего заказывать",
                "не хочу заказывать",
                "не хочу ничего заказывать",
                "забудьте про заказ",
                "забудьте о заказе",
                "удалите заказ",
                "снимите заказ",
            ];
            !has_any(&words, &doubt) && (has_stem(&words, &["отмен", "аннулир"]) || has_any(&words, &wish))
        }
        Language::English => {
            let doubt = [
                "don't cancel",
                "do not cancel",
                "not cancel",
                "if",
                "how do i cancel",
                "how can i cancel",
                "can i cancel later",
                "cancelled",
                "canceled",
                "cancellation policy",
            ];
            let wish = [
                "forget it",
                "forget the order",
                "forget about the order",
                "never mind the order",
                "i don't want to order",
                "delete the order",
                "drop the order",
                "call it off",
            ];
            !has_any(&words, &doubt) && (has_stem(&words, &["cancel"]) || has_any(&words, &wish))
        }
    }
}

/// The caller wants a person.
pub fn wants_operator(text: &str, language: Language) -> bool {
    let words = words(text);
    match language {
        Language::Russian => {
            let no = [
                "не надо оператора",
                "не нужен оператор",
                "без оператора",
                "не оператора",
                "не соединяйте",
                "не надо соединять",
                "не переключайте",
                "не переводите",
            ];
            // "Человек" alone may be how many will come; with a verb of asking it's a person that is asked for.
            let asked = [
                "позов",
                "соедин",
                "переключ",
                "перевед",
                "говорить",
                "поговорить",
                "дайте",
                "нужен",
                "живо",
            ];
            let someone =
                ["человек", "сотрудник", "специалист", "консультант", "менеджер", "продавц", "кого нибудь"];
            !has_any(&words, &no)
                && (has_stem(&words, &["оператор"])
                    || has_stem(&words, &someone) && (has_stem(&words, &asked) || words.len() <= 2))
        }
        Language::English => {
            let no = [
                "no operator",
                "not an operator",
                "don't need an operator",
                "don't transfer",
                "don't connect",
                "do not transfer",
            ];
            let someone = [
                "a person",
                "real person",
                "live person",
                "a human",
                "human please",
                "human being",
                "someone real",
                "a manager",
                "the manager",
                "your manager",
                "an agent",
                "live agent",
                "speak to someone",
                "talk to someone",
                "customer service",
                "a specialist",
                "an advisor",
            ];
            !has_any(&words, &no)
                && (has_stem(&words, &["operator", "representative"])
                    || has_any(&words, &someone)
                    || tiles(&words, &["human", "person", "manager", "agent"], &["please", "a", "an"]))
        }
    }
}

/// The caller takes leave.
pub fn says_goodbye(text: &str, language: Language) -> bool {
    let words = words(text);
    match language {
        Language::Russian => {
            has_any(
                &words,
                &[
                    "до свидания",
                    "до свиданья",
                    "всего доброго",
                    "всего хорошего",
                    "всего наилучшего",
                    "хорошего дня",
                    "хорошего вечера",
                    "доброй ночи",
                    "до встречи",
                    "до связи",
                    "прощайте",
                ],
            ) || tiles(&words, &["пока", "пока пока"], &["ну", "все", "спасибо", "большое", "тогда", "давайте", "нет"])
                // "Пока нет" is "not yet".
                && words.last().is_some_and(|last| last != "нет")
        }
        Language::English => has_any(
            &words,
            &[
                "goodbye",
                "good bye",
                "bye",
                "bye bye",
                "have a nice day",
                "have a good day",
                "have a great day",
                "have a good one",
                "good night",
                "see you",
                "talk to you later",
            ],
        ),
    }
}

/// The caller thanks, and says nothing that needs an answer.
pub fn says_thanks(text: &str, language: Language) -> bool {
    let words = words(text);
    match language {
        Language::Russian => tiles(
            &words,
            &["спасибо", "большое спасибо", "спасибо большое", "благодарю", "огромное спасибо"],
            &["вам", "вас", "и", "ну", "все", "понятно", "хорошо", "ясно", "за помощь", "за информацию"],
        ),
        Language::English => tiles(
            &words,
            &[
                "thank you",
                "thanks",
                "thank you very much",
                "thanks a lot",
                "thank you so much",
                "many thanks",
            ],
            &[
                "okay",
                "ok",
                "great",
                "all right",
                "alright",
                "perfect",
                "and",
                "for your help",
                "for the help",
            ],
        ),
    }
}

/// The caller greets; there may be more in the utterance.
pub fn greets(text: &str, language: Language) -> bool {
    let words = words(text);
    match language {
        Language::Russian => begins(
            &words,
            &[
                "здравствуйте",
                "здравствуй",
                "добрый день",
                "добрый вечер",
                "доброе утро",
                "доброго дня",
                "доброго времени",
                "привет",
                "приветствую",
                "алло",
                "ало",
                "але",
            ],
        ),
        Language::English => begins(
            &words,
            &["hello", "hi", "hey", "good morning", "good afternoon", "good evening", "good day"],
        ),
    }
}

/// The caller wants the last words again.
pub fn asks_repeat(text: &str, language: Language) -> bool {
    let words = words(text);
    match language {
        Language::Russian => {
            has_stem(&words, &["повтор", "расслыш"])
                || has_any(
                    &words,
                    &[
                        "не понял",
                        "не поняла",
                        "что что",
                        "еще раз пожалуйста",
                        "можно еще раз",
                        "скажите еще раз",
                        "еще разок",
                        "говорите громче",
                        "говорите медленнее",
                        "говорите помедленнее",
                        "громче пожалуйста",
                        "помедленнее",
                        "плохо слышно",
                        "вас не слышно",
                        "не слышу вас",
                        "вас не слышу",
                        "что вы сказали",
                        "как вы сказали",
                    ],
                )
                || tiles(
                    &words,
                    &["что", "еще раз", "как", "чего", "а"],
                    &["простите", "извините", "пожалуйста"],
                )
        }
        Language::English => {
            has_any(
                &words,
                &[
                    "repeat",
                    "say that again",
                    "say it again",
                    "again please",
                    "come again",
                    "one more time",
                    "once more",
                    "i didn't hear",
                    "i did not hear",
                    "i can't hear",
                    "i cannot hear",
                    "didn't catch",
                    "didn't get that",
                    "i don't understand",
                    "i do not understand",
                    "i didn't understand",
                    "pardon",
                    "what was that",
                    "what did you say",
                    "speak louder",
                    "louder please",
                    "speak up",
                    "speak slower",
                    "slow down",
                    "more slowly",
                ],
            ) || tiles(&words, &["what", "sorry what", "excuse me", "again"], &["sorry", "please", "what"])
        }
    }
}

/// The caller asks for a moment, or says stop.
pub fn asks_wait(text: &str, language: Language) -> bool {
    let words = words(text);
    match language {
        Language::Russian => has_any(
            &words,
            &[
                "одну минуту",
                "одну минутку",
                "минуту",
                "минутку",
                "минуточку",
                "секунду",
                "секундочку",
                "одну секунду",
                "подождите",
                "подожди",
                "погодите",
                "обождите",
                "постойте",
                "стоп",
                "сейчас посмотрю",
                "щас посмотрю",
                "дайте подумать",
                "дайте посмотреть",
                "не вешайте трубку",
            ],
        ),
        Language::English => has_any(
            &words,
            &[
                "one moment",
                "a moment",
                "one second",
                "just a second",
                "a sec",
                "one sec",
                "one minute",
                "a minute",
                "hold on",
                "hang on",
                "wait",
                "stop",
                "let me check",
                "let me think",
                "let me see",
                "let me look",
                "give me a moment",
            ],
        ),
    }
}

/// A sign of listening that asks for nothing: `угу`, `понятно`, `mhm`, `okay`. Said into the agent's speech it must not
/// interrupt; said after a question it may still be an answer.
pub fn is_backchannel(text: &str, language: Language) -> bool {
    let words = words(text);
    match language {
        Language::Russian => tiles(
            &words,
            &[
                "ага",
                "угу",
                "мгм",
                "м",
                "мм",
                "да",
                "так",
                "ну",
                "хорошо",
                "понятно",
                "понял",
                "поняла",
                "ясно",
                "ладно",
                "ок",
                "окей",
                "ой",
                "о",
                "а",
                "э",
                "слушаю",
            ],
            &[],
        ),
        Language::English => tiles(
            &words,
            &[
                "uh huh",
                "mm hmm",
                "mhm",
                "hmm",
                "hm",
                "mm",
                "yeah",
                "yes",
                "right",
                "ok",
                "okay",
                "i see",
                "got it",
                "sure",
                "alright",
                "all right",
                "oh",
                "ah",
                "uh",
                "um",
                "good",
            ],
            &[],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, Russian};

    fn all(test: fn(&str, Language) -> bool, language: Language, yes: &str, no: &str) {
        for (texts, expected) in [(yes, true), (no, false)] {
            for text in texts.split('|').map(str::trim) {
                assert_eq!(test(text, language), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn a_wish_to_cancel_is_told_from_a_question_about_it() {
        all(
            wants_cancel,
            Russian,
            "отмените мой заказ | отмените заказ | отменить заказ | отменить заказ номер четыре пять | отмена
            | хочу отменить заказ | Отмена! | отменяю | аннулируйте заказ | я не буду ничего заказывать",
            "не отменяйте заказ | если я передумаю | а можно будет потом отменить | хочу изменить заказ | нет
            | мой заказ отменили | я передумал | стоп | да |",
        );
        all(
            wants_cancel,
            English,
            "cancel my order | cancel order number four five | i want to cancel my order | cancel | cancel it please
            | forget it",
            "don't cancel it | can i cancel later | what if i cancel | i want to change my order | no | stop | start over
            | was my order cancelled",
        );
    }

    #[test]
    fn a_person_is_asked_for_in_many_words() {
        all(
            wants_operator,
            Russian,
            "оператор | позовите оператора | соедините с оператором | соедините меня с оператором
            | переключите на оператора | хочу поговорить с оператором | хочу говорить с человеком | позовите человека
            | соедините с менеджером | мне нужен менеджер | живой оператор | переведите на специалиста | дайте оператора
            | менеджера пожалуйста",
            "не надо оператора | нас пять человек будет | мне нужны шины | да | здравствуйте",
        );
        all(
            wants_operator,
            English,
            "operator | operator please | i want to talk to an operator | can i speak to a manager
            | let me talk to a person | connect me to an operator | i need a human | talk to a real person
            | transfer me to a manager | representative | human please",
            "i don't need an operator | i need tires | no | hello | for four persons",
        );
    }

    #[test]
    fn leave_thanks_and_greetings_are_known() {
        all(
            says_goodbye,
            Russian,
            "до свидания | всего доброго | спасибо до свидания | спасибо всего доброго | пока | ну пока | все пока",
            "пока нет | спасибо | нет спасибо | пока думаю",
        );
        all(
            says_goodbye,
            English,
            "goodbye | bye | bye bye | thank you goodbye | have a nice day | no thanks bye",
            "thank you | no | good morning",
        );
        all(
            says_thanks,
            Russian,
            "спасибо | большое спасибо | спасибо большое | понятно спасибо",
            "нет спасибо | да",
        );
        all(
            says_thanks,
            English,
            "thank you | thanks | thank you very much | okay thanks",
            "no thanks | yes",
        );
        all(
            greets,
            Russian,
            "здравствуйте | добрый день | добрый вечер | доброе утро | алло | алло здравствуйте | привет
            | здравствуйте хочу сделать заказ | алло вы меня слышите",
            "спасибо | хочу сделать заказ | добрый",
        );
        all(
            greets,
            English,
            "hello | good morning | good afternoon | good evening | hi | hi there | hello i want to place an order",
            "thank you | goodbye | good",
        );
    }

    #[test]
    fn repeating_and_waiting_are_told_apart() {
        let repeat_ru = "повторите пожалуйста | повторите | я не расслышал | не понял | не поняла | что что
            | еще раз пожалуйста | можно еще раз | говорите громче | говорите медленнее | плохо слышно | вас не слышно";
        let wait_ru = "одну минуту | секунду | подождите минуту | сейчас посмотрю | подождите | стоп";
        all(asks_repeat, Russian, repeat_ru, wait_ru);
        all(asks_wait, Russian, wait_ru, repeat_ru);
        let repeat_en =
            "please repeat | can you repeat that | say that again | i didn't hear you | i don't understand
            | pardon | what was that | speak louder | speak slower";
        let wait_en = "one moment | just a second | hold on | let me check | wait | stop";
        all(asks_repeat, English, repeat_en, wait_en);
        all(asks_wait, English, wait_en, repeat_en);
    }

    #[test]
    fn signs_of_listening_ask_for_nothing() {
        all(
            is_backchannel,
            Russian,
            "угу | ага | да да | так | понятно | ну ладно",
            "нет | да но | стоп | четыре |",
        );
        all(is_backchannel, English, "mm-hmm | uh huh | okay | right right | i see", "no | wait | four |");
    }
}
