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
fn the_order_at_hand_is_told_from_another_and_from_what_is_no_order() {
    all(
        cancels_this,
        Russian,
        "отмените мой заказ | отмена | отменяйте всё | ничего не надо, отменяйте | не буду ничего заказывать | отмена заказа",
        "отмените старый заказ | отмените первый | отмените заказ номер четыре пять два один | отмените доставку
        | отмените заказ 4521 | да, не надо ничего отменять | отменять не нужно | а отменить потом можно",
    );
    all(
        cancels_this,
        English,
        "cancel my order please | cancel my order three | cancel it | scrap the whole order | just cancel everything",
        "cancel my old order | cancel order number four five two one | cancel the delivery | no need to cancel
        | don't cancel anything | can i cancel it later",
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
        "не надо оператора | оператора не надо | никакого оператора не нужно | нас пять человек будет | мне нужны шины | да | здравствуйте",
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
    all(says_thanks, English, "thank you | thanks | thank you very much | okay thanks", "no thanks | yes");
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
