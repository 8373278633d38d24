//! The few words that steer a call at every step, whatever engine thinks.

mod cancel;

pub use cancel::{cancels_this, wants_cancel};

use super::Language;
use super::phrase::{begins, has_any, has_stem, tiles};
use super::text::words;

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

/// The caller wants a person; not so who says that none is needed, or speaks of one.
pub fn wants_operator(text: &str, language: Language) -> bool {
    let words = words(text);
    let denied = |stems: &[&str]| {
        let place = words.iter().position(|word| stems.iter().any(|stem| word.starts_with(stem)));
        place.is_some_and(|at| {
            let near = &words[at.saturating_sub(4)..(at + 4).min(words.len())];
            let before = &words[at.saturating_sub(4)..at];
            match language {
                Language::Russian => {
                    has_any(
                        before,
                        &["не надо", "не нужен", "не нужно", "без", "никакого", "никаких", "не соединяйте"],
                    ) || has_any(near, &["не надо", "не нужен", "не нужно", "не требуется"])
                        || words.get(at.saturating_sub(1)).is_some_and(|word| word == "не")
                }
                Language::English => has_any(
                    before,
                    &[
                        "no",
                        "not",
                        "don't need",
                        "don't want",
                        "without",
                        "no need",
                        "don't have to",
                        "not need",
                        "never",
                    ],
                ),
            }
        })
    };
    match language {
        Language::Russian => {
            let no = [
                "не соединяйте",
                "не надо соединять",
                "соединять не надо",
                "не переключайте",
                "не переводите",
            ];
            // They speak of one, or of their telephone company.
            let told =
                ["оператор связи", "оператор сказал", "оператор обещал", "оператор говорил", "оператор мне"];
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
                "живы",
            ];
            let someone = [
                "человек",
                "сотрудник",
                "специалист",
                "консультант",
                "менеджер",
                "продавц",
                "кого нибудь",
                "кем нибудь",
                "кем то",
            ];
            let robot =
                ["не хочу с роботом", "с роботом не хочу", "не буду с роботом", "не буду говорить с роботом"];
            let named =
                has_stem(&words, &someone) || has_any(&words, &["кого нибудь", "кем нибудь", "кем то"]);
            has_any(&words, &robot)
                || !has_any(&words, &no)
                    && !has_any(&words, &told)
                    && !denied(&["оператор", "человек", "менеджер", "специалист", "сотрудник"])
                    && (has_stem(&words, &["оператор"])
                        || named && (has_stem(&words, &asked) || words.len() <= 2))
        }
        Language::English => {
            let no = ["don't transfer", "don't connect", "do not transfer", "don't put me through"];
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
                "speak to somebody",
                "talk to somebody",
                "through to someone",
                "through to somebody",
                "customer service",
                "a specialist",
                "an advisor",
            ];
            let stems = ["operator", "representative"];
            !has_any(&words, &no)
                && !denied(&[
                    "operator",
                    "representative",
                    "person",
                    "human",
                    "manager",
                    "agent",
                    "someone",
                    "somebody",
                ])
                && (has_stem(&words, &stems)
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
