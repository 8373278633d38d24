use proptest::prelude::*;

use super::*;
use crate::language::{Case, Gender, cardinal, cardinal_in, digits};
use Language::{English, Russian};

#[test]
fn russian_number_words_become_values() {
    for (text, values) in [
        ("двести пять на пятьдесят пять на шестнадцать", vec![205, 55, 16]),
        ("двести пять пятьдесят пять эр шестнадцать", vec![205, 55, 16]),
        ("сто девяносто пять дробь шестьдесят пять пятнадцать", vec![195, 65, 15]),
        ("четыре пять два один", vec![4, 5, 2, 1]),
        ("сорок пять двадцать один", vec![45, 21]),
        ("сто двадцать три", vec![123]),
        ("сто два", vec![102]),
        ("двадцать пятнадцать", vec![20, 15]),
        ("десять пять", vec![10, 5]),
        ("сто сто", vec![100, 100]),
        ("ноль ноль семь", vec![0, 0, 7]),
        ("тысяча", vec![1000]),
        ("пять тысяч", vec![5000]),
        ("две тысячи двадцать шесть", vec![2026]),
        ("двадцать две тысячи четыреста рублей", vec![22_400]),
        ("полторы тысячи", vec![1500]),
        ("две с половиной тысячи", vec![2500]),
        ("миллион двести тысяч", vec![1_200_000]),
        ("4 тысячи", vec![4000]),
        ("от двух до четырёх дней", vec![2, 4]),
        ("двадцать третьего ноября", vec![23]),
        ("первый", vec![1]),
        ("вторая и третью", vec![2, 3]),
        ("205/55 R16", vec![205, 55, 16]),
        ("4 шины", vec![4]),
        ("заказ 4521", vec![4521]),
        ("дом двадцать пять квартира семь", vec![25, 7]),
        ("шин нет", vec![]),
        ("во вторник", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(numbers(text, Russian), values, "{text}");
    }
}

#[test]
fn english_number_words_become_values() {
    for (text, values) in [
        ("two oh five fifty five sixteen", vec![205, 55, 16]),
        ("two oh five fifty five r sixteen", vec![205, 55, 16]),
        ("one ninety five by sixty five by fifteen", vec![195, 65, 15]),
        ("two fifteen slash sixty seventeen", vec![215, 60, 17]),
        ("two twenty five forty five eighteen", vec![225, 45, 18]),
        ("one twenty", vec![120]),
        ("nineteen", vec![19]),
        ("double five", vec![55]),
        ("four five two one", vec![4, 5, 2, 1]),
        ("forty five twenty one", vec![45, 21]),
        ("two hundred and five", vec![205]),
        ("two hundred five", vec![205]),
        ("a hundred", vec![100]),
        ("five hundred and ninety nine dollars", vec![599]),
        ("fifteen hundred", vec![1500]),
        ("one thousand five hundred", vec![1500]),
        ("five thousand dollars", vec![5000]),
        ("one million two hundred thousand and one", vec![1_200_001]),
        ("the first one", vec![1]),
        ("twenty third", vec![23]),
        ("the 22nd", vec![22]),
        ("the other one", vec![]),
        ("that one please", vec![]),
        ("the cheapest one", vec![]),
        ("one moment", vec![]),
        ("just a second", vec![]),
        ("one second please", vec![]),
        ("oh yes", vec![]),
        ("oh five", vec![0, 5]),
        ("four tires", vec![4]),
        ("4 tires 205/55R16", vec![4, 205, 55, 16]),
        ("order number 4,521", vec![4521]),
        ("between nine and twelve", vec![9, 12]),
        ("two and three", vec![2, 3]),
        ("wait", vec![]),
    ] {
        assert_eq!(numbers(text, English), values, "{text}");
    }
}

#[test]
fn dictated_digits_are_joined() {
    for (text, language, runs) in [
        ("четыре пять два один", Russian, vec!["4521"]),
        ("сорок пять двадцать один", Russian, vec!["4521"]),
        ("номер заказа ноль ноль один семь", Russian, vec!["0017"]),
        ("сто двадцать три", Russian, vec!["123"]),
        ("где мой заказ четыре пять два один", Russian, vec!["4521"]),
        ("заказ ORD-20260214-017", Russian, vec!["20260214017"]),
        ("дом пять квартира двенадцать", Russian, vec!["12", "5"]),
        ("первый", Russian, vec![]),
        ("two oh five", English, vec!["205"]),
        ("forty five twenty one", English, vec!["4521"]),
        ("four five double two", English, vec!["4522"]),
        ("order number three one oh seven", English, vec!["3107"]),
        ("fifteen twenty main street", English, vec!["1520"]),
        ("triple zero seven", English, vec!["0007"]),
        ("five dash two", English, vec!["52"]),
    ] {
        assert_eq!(dictated(text, language), runs, "{text}");
    }
}

#[test]
fn telephone_numbers_are_heard() {
    for (text, language, phone) in [
        (
            "восемь девятьсот двадцать сто двадцать три сорок пять шестьдесят семь",
            Russian,
            Some("89201234567"),
        ),
        ("плюс семь девятьсот пять ноль ноль три ноль пять ноль ноль", Russian, Some("79050030500")),
        ("восемь девять один шесть один два три четыре пять шесть семь", Russian, Some("89161234567")),
        ("мой телефон сто двадцать три сорок пять шестьдесят семь", Russian, Some("1234567")),
        ("+7 (916) 123-45-67", Russian, Some("79161234567")),
        ("четыре пять два один", Russian, None),
        ("six one seven five five five oh one two three", English, Some("6175550123")),
        ("my number is 617-555-0123", English, Some("6175550123")),
        ("call me", English, None),
    ] {
        assert_eq!(heard_phone(text, language).as_deref(), phone, "{text}");
    }
}

#[test]
fn running_text_keeps_its_words() {
    for (text, language, expected) in [
        ("размер двести пять на пятьдесят пять на шестнадцать", Russian, "размер 205 на 55 на 16"),
        ("улица Ленина, дом двадцать пять", Russian, "улица ленина дом 25"),
        ("Нокиан сто восемьдесят пять шестьдесят четырнадцать", Russian, "нокиан 185 60 14"),
        ("second avenue fifteen", English, "second avenue 15"),
        ("winter nokian two oh five fifty five sixteen", English, "winter nokian 205 55 16"),
        ("Winter tires", English, "winter tires"),
    ] {
        assert_eq!(in_digits(text, language), expected);
    }
}

#[test]
fn quantities_are_told_from_sizes() {
    for (text, language, pieces) in [
        ("четыре шины", Russian, Some(4)),
        ("четыре штуки", Russian, Some(4)),
        ("комплект", Russian, Some(4)),
        ("один комплект", Russian, Some(4)),
        ("два комплекта", Russian, Some(8)),
        ("комплект зимних шин", Russian, Some(4)),
        ("пару шин", Russian, Some(2)),
        ("две пары", Russian, Some(4)),
        ("одну штуку", Russian, Some(1)),
        ("хочу заказать шину", Russian, Some(1)),
        ("пять штук", Russian, Some(5)),
        ("двадцать одну шину", Russian, Some(21)),
        ("четыре зимние шины", Russian, Some(4)),
        ("4 шт", Russian, Some(4)),
        ("шины двести пять пятьдесят пять шестнадцать четыре штуки", Russian, Some(4)),
        ("хочу четыре шины двести пять на пятьдесят пять на шестнадцать", Russian, Some(4)),
        ("не четыре а шесть штук", Russian, Some(6)),
        ("четыре шины нет шесть штук", Russian, Some(6)),
        ("мне нужны зимние шины двести пять пятьдесят пять шестнадцать", Russian, None),
        ("до пяти тысяч", Russian, None),
        ("второй", Russian, None),
        ("да", Russian, None),
        ("four tires", English, Some(4)),
        ("four winter nokian tires", English, Some(4)),
        ("six pieces", English, Some(6)),
        ("a full set", English, Some(4)),
        ("one set", English, Some(4)),
        ("two sets", English, Some(8)),
        ("a set of winter tires", English, Some(4)),
        ("a pair of tires", English, Some(2)),
        ("one tire", English, Some(1)),
        ("a new tire", English, Some(1)),
        ("i need four tires two oh five fifty five sixteen", English, Some(4)),
        ("sixteen inch", English, None),
        ("two oh five fifty five sixteen", English, None),
        ("yes", English, None),
    ] {
        assert_eq!(quantity(text, language), pieces, "{text}");
    }
}

#[test]
fn a_lone_number_answers_how_many() {
    for (text, language, value) in [
        ("четыре", Russian, Some(4)),
        ("давайте четыре", Russian, Some(4)),
        ("нет, три", Russian, Some(3)),
        ("не четыре а шесть", Russian, Some(6)),
        ("четыре, ой нет, шесть", Russian, Some(6)),
        ("шесть а не четыре", Russian, Some(6)),
        ("четыре вернее пять", Russian, Some(5)),
        ("4", Russian, Some(4)),
        ("четыре пять", Russian, None),
        ("второй", Russian, None),
        ("доставка в шесть", Russian, None),
        ("four please", English, Some(4)),
        ("make it six not four", English, Some(6)),
        ("not four but six", English, Some(6)),
        ("four no six", English, Some(6)),
        ("four sorry i mean five", English, Some(5)),
        ("actually make it eight", English, Some(8)),
        ("the first one", English, None),
        ("at six", English, None),
    ] {
        assert_eq!(lone_number(text, language), value, "{text}");
    }
}

#[test]
fn a_whole_number_is_replaced_by_one_as_long() {
    let fix = |text: &str, language| corrected(&words(text), language).join(" ");
    assert_eq!(fix("четыре пять два один нет четыре пять два два", Russian), "четыре пять два два");
    assert_eq!(
        fix("двести пять пятьдесят пять шестнадцать нет семнадцать", Russian),
        "двести пять пятьдесят пять семнадцать"
    );
    assert_eq!(fix("четыре шины кама нет шесть", Russian), "шесть шины кама");
    assert_eq!(fix("улица ленина дом пять нет дом семь", Russian), "улица ленина дом семь");
    assert_eq!(fix("four nokian tires sorry five", English), "five nokian tires");
    assert_eq!(fix("не мишлен а нокиан", Russian), "нокиан");
    assert_eq!(fix("not michelin but nokian", English), "nokian");
    assert_eq!(fix("нет не надо", Russian), "нет не надо");
    assert_eq!(fix("a tire and not much else", English), "a tire and not much else");
}

#[test]
fn one_of_several_is_picked() {
    for (text, language, expected) in [
        ("первый", Russian, Some(Pick::Nth(1))),
        ("второй заказ", Russian, Some(Pick::Nth(2))),
        ("давайте третью", Russian, Some(Pick::Nth(3))),
        ("номер два", Russian, Some(Pick::Nth(2))),
        ("вариант один", Russian, Some(Pick::Nth(1))),
        ("последний", Russian, Some(Pick::Last)),
        ("не первый а второй", Russian, Some(Pick::Nth(2))),
        ("первого декабря", Russian, None),
        ("заказ четыре пять два один", Russian, None),
        ("четыре штуки", Russian, None),
        ("the first one", English, Some(Pick::Nth(1))),
        ("second please", English, Some(Pick::Nth(2))),
        ("number three", English, Some(Pick::Nth(3))),
        ("the last one", English, Some(Pick::Last)),
        ("just a second", English, None),
        ("second avenue", English, None),
        ("last name smith", English, None),
    ] {
        assert_eq!(pick(text, language), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn every_number_that_is_said_is_heard(n in 0_u64..1_000_000_000) {
        for language in [Russian, English] {
            prop_assert_eq!(numbers(&cardinal(n, language), language), vec![n]);
        }
    }

    #[test]
    fn every_form_of_a_number_is_heard(n in 0_u64..1_000_000) {
        for gender in [Gender::Masculine, Gender::Feminine, Gender::Neuter] {
            for case in Case::ALL {
                let said = cardinal_in(n, gender, case, Russian);
                prop_assert_eq!(numbers(&said, Russian), vec![n], "{}", said);
            }
        }
    }

    #[test]
    fn dictated_digits_come_back_whole(text in "[0-9]{1,12}") {
        for language in [Russian, English] {
            prop_assert_eq!(dictated(&digits(&text, language), language), vec![text.clone()]);
        }
    }

    #[test]
    fn a_pair_by_pair_number_comes_back_whole(pairs in prop::collection::vec(10_u64..100, 1..5)) {
        let typed: String = pairs.iter().map(u64::to_string).collect();
        for language in [Russian, English] {
            let said: Vec<String> = pairs.iter().map(|n| cardinal(*n, language)).collect();
            prop_assert_eq!(dictated(&said.join(" "), language), vec![typed.clone()], "{:?}", said);
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,80}") {
        for language in [Russian, English] {
            let _ = (numbers(&text, language), quantity(&text, language), pick(&text, language));
            let _ = (lone_number(&text, language), in_digits(&text, language));
        }
    }

    #[test]
    fn no_heap_of_number_words_is_too_strange(
        text in "((один|двадцать|сто|тысяч|миллион|полтора|с половиной|не|а|нет|пятый|one|oh|double|twenty|hundred|thousand|and|not|but|99999999999999999999|7) ){0,14}"
    ) {
        for language in [Russian, English] {
            let _ = (numbers(&text, language), quantity(&text, language), pick(&text, language));
            let _ = (lone_number(&text, language), dictated(&text, language));
        }
    }
}
