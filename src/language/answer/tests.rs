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
