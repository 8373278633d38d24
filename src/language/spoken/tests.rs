use proptest::prelude::*;

use super::*;
use Language::{English, Russian};

fn table(language: Language, rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter(|(text, said)| spoken(text, language) != *said)
        .map(|(text, said)| format!("{text:?}\n  gives    {:?}\n  expected {said:?}", spoken(text, language)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (_, said) in rows {
        assert_eq!(spoken(said, language), *said, "said twice");
    }
}

#[test]
fn russian_text_is_said_in_words() {
    table(
        Russian,
        &[
            ("Ваш заказ найден.", "Ваш заказ найден."),
            ("2 шины", "две шины"),
            ("1 шина", "одна шина"),
            ("за 1 шину", "за одну шину"),
            ("22 колеса", "двадцать два колеса"),
            ("1 колесо", "одно колесо"),
            ("2 зимние шины", "две зимние шины"),
            ("2 зимних диска", "два зимних диска"),
            ("2 покрышки и 1 диск", "две покрышки и один диск"),
            ("с 2 шинами", "с двух шинами"),
            ("Итого 22 400 ₽.", "Итого двадцать две тысячи четыреста рублей."),
            ("Итого: 1500.50 руб.", "Итого: тысяча пятьсот рублей пятьдесят копеек."),
            ("Цена 5600 руб. за штуку", "Цена пять тысяч шестьсот рублей за штуку"),
            ("по 5600 р. за штуку", "по пять тысяч шестьсот рублей за штуку"),
            ("за 1000 рублей", "за тысячу рублей"),
            ("от 2000 рублей", "от двух тысяч рублей"),
            ("420,50 BYN", "четыреста двадцать белорусских рублей пятьдесят копеек"),
            ("$99.99", "девяносто девять долларов девяносто девять центов"),
            ("€1", "один евро"),
            ("скидка 5%", "скидка пять процентов"),
            ("скидка до 21 %", "скидка до двадцати одного процента"),
            ("Доставка 2-4 дня", "Доставка от двух до четырёх дней"),
            ("от 2 до 4 дней", "от двух до четырёх дней"),
            ("через 2 дня", "через два дня"),
            ("в течение 3 дней", "в течение трёх дней"),
            ("в 2 городах", "в двух городах"),
            ("23 ноября", "двадцать третьего ноября"),
            ("до 3 декабря 2026 года", "до третьего декабря две тысячи двадцать шестого года"),
            ("2026-11-21", "двадцать первого ноября две тысячи двадцать шестого года"),
            ("Ждите 01.12.2026 г. дома", "Ждите первого декабря две тысячи двадцать шестого года дома"),
            ("205/55 R16", "двести пять пятьдесят пять эр шестнадцать"),
            ("Nokian 205/55R16 91T", "Nokian двести пять пятьдесят пять эр шестнадцать девяносто один тэ"),
            ("195/65 Р15", "сто девяносто пять шестьдесят пять эр пятнадцать"),
            ("диски R17", "диски эр семнадцать"),
            (
                "Звоните +7 (916) 123-45-67.",
                "Звоните плюс семь, девятьсот шестнадцать, сто двадцать три, сорок пять, шестьдесят семь.",
            ),
            ("8 800 555-35-35", "восемь, восемьсот, пятьсот пятьдесят пять, тридцать пять, тридцать пять"),
            ("123-45-67", "сто двадцать три, сорок пять, шестьдесят семь"),
            ("Заказ ORD-20260214-017 отправлен", "Заказ ноль один семь отправлен"),
            ("Заказ № 4521", "Заказ номер четыре пять два один"),
            ("заказ №4521 готов", "заказ номер четыре пять два один готов"),
            ("3 заказа", "три заказа"),
            ("заказ 4521", "заказ четыре пять два один"),
            ("1-й заказ, 2-я шина", "первый заказ, вторая шина"),
            (
                "г. Казань, ул. Ленина, д. 5, кв. 12",
                "город Казань, улица Ленина, дом пять, квартира двенадцать",
            ),
            ("дом 12А", "дом двенадцать а"),
            ("дом 12/3", "дом двенадцать дробь три"),
            ("пр-т Мира, 7 корп. 2", "проспект Мира, семь корпус два"),
            ("с 9:00 до 21:30", "с девяти ноль ноль до двадцати одного тридцать"),
            ("4 шт. по 5600", "четыре штуки по пять тысяч шестьсот"),
            ("Осталось 2 шт. Берёте?", "Осталось две штуки. Берёте?"),
            ("через 15 мин.", "через пятнадцать минут."),
            ("Отправим SMS и СМС", "Отправим эс эм эс и эс эм эс"),
            (
                "1,5 литра, 2.5 часа, 0,25",
                "один с половиной литра, два с половиной часа, ноль целых двадцать пять сотых",
            ),
            ("**Важно:** код 007", "Важно: код ноль ноль семь"),
            ("и т.д.", "и так далее"),
            ("шины 😀 есть", "шины есть"),
            ("см. https://example.com/a?b=1, там", "смотрите ссылка, там"),
            ("4x4", "четыре на четыре"),
            ("1. Первый\n2. Второй", "один. Первый два. Второй"),
            ("", ""),
        ],
    );
}

#[test]
fn english_text_is_said_in_words() {
    table(
        English,
        &[
            ("Your order is on its way.", "Your order is on its way."),
            ("4 tires", "four tires"),
            ("205/55 R16", "two oh five fifty five r sixteen"),
            ("215/65R17", "two fifteen sixty five r seventeen"),
            ("That's $1,234.50.", "That's one thousand two hundred thirty four dollars and fifty cents."),
            ("22400 RUB", "twenty two thousand four hundred rubles"),
            ("€2", "two euros"),
            ("2-4 days", "two to four days"),
            ("5–7 days", "five to seven days"),
            ("on November 23", "on November twenty third"),
            ("on 23 November", "on twenty third November"),
            ("November 23, 2026", "November twenty third, twenty twenty six"),
            ("2026-11-21", "November twenty first, twenty twenty six"),
            ("11/23/2026", "November twenty third, twenty twenty six"),
            ("order 4521", "order four five two one"),
            ("Order #4521 is ready", "Order number four five two one is ready"),
            ("Order ORD-20260214-017", "Order zero one seven"),
            ("Call +1 617 555 0123.", "Call plus one, six one seven, five five five, zero one two three."),
            ("555-0123", "five five five, zero one two three"),
            ("the 1st and 22nd", "the first and twenty second"),
            ("10:30 or 9:05 or 8:00", "ten thirty or nine oh five or eight o'clock"),
            ("5% off", "five percent off"),
            ("Apt. 5, 12 Oak St., Boston", "apartment five, twelve Oak Street, Boston"),
            ("2.5 hours", "two point five hours"),
            ("e.g. tires & wheels", "for example tires and wheels"),
            ("- **Nokian**: 4 pcs", "- Nokian: four pieces"),
            ("12B", "twelve b"),
            ("No. 5", "number five"),
        ],
    );
}

proptest! {
    #[test]
    fn whatever_is_given_no_digit_or_sign_is_left(text in "\\PC{0,60}") {
        for language in [Russian, English] {
            let said = spoken(&text, language);
            prop_assert!(!said.chars().any(|c| c.is_numeric() || "№$€₽%#*_".contains(c)), "{said}");
        }
    }

    #[test]
    fn numbers_in_all_surroundings_are_said(
        text in "([0-9]{1,12}|[-+/.,:№$€₽%# xR]|шины|руб\\.|days|-й|г\\.| ){0,14}"
    ) {
        for language in [Russian, English] {
            let said = spoken(&text, language);
            prop_assert!(!said.chars().any(char::is_numeric), "{said}");
        }
    }
}
