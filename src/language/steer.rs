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

/// The caller does not want to be recorded: `не записывайте разговор`, `please don't record this`.
pub fn refuses_recording(text: &str, language: Language) -> bool {
    let words = words(text);
    let wish: &[&str] = match language {
        Language::Russian => &[
            "не записывайте",
            "не записывать",
            "не надо записывать",
            "не хочу чтобы записывали",
            "не хочу чтобы меня записывали",
            "против записи",
            "без записи",
            "выключите запись",
            "отключите запись",
            "остановите запись",
            "прекратите запись",
        ],
        Language::English => &[
            "don't record",
            "do not record",
            "not be recorded",
            "without recording",
            "without a recording",
            "no recording",
            "stop recording",
            "stop the recording",
            "turn off the recording",
            "turn the recording off",
        ],
    };
    has_any(&words, wish)
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
mod tests;
