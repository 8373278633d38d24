//! Streets, houses and flats, in any order, whole or in parts.

use super::super::act::{Act, AddressPart};
use super::super::question::Question;
use super::Ear;
use super::phrases::Cue;
use super::word::{capitalised, is_wordy};

mod english;
mod street;

pub(super) use street::is_street_word;

/// A part of an address that a word announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    House,
    Block(&'static str),
    Entrance,
    Floor,
    Flat,
}

/// Hears an address, or the parts of one.
pub(super) fn hear(ear: &mut Ear<'_>, text: &str) {
    let mut part = AddressPart::default();
    let mut begin: Option<usize> = None;
    labelled(ear, text, &mut part, &mut begin);
    street::hear(ear, text, &mut part, &mut begin);
    if part.street.is_none() || part.house.is_none() {
        english::hear(ear, &mut part, &mut begin);
    }
    bare_numbers(ear, &mut part, &mut begin);
    if let Some(at) = begin {
        ear.acts.push((at, Act::Address { part }));
        for at in 0..ear.words.len() {
            if matches!(ear.word(at), "адрес" | "адресу" | "address") {
                ear.take(at, at + 1);
            }
        }
    }
}

fn label(word: &str) -> Option<Label> {
    Some(match word {
        "дом" | "дома" | "доме" | "дому" | "д" | "house" => Label::House,
        "корпус" | "корпуса" | "корпусе" | "корп" | "building" => {
            Label::Block("корпус")
        }
        "строение" | "строения" | "строении" | "стр" => Label::Block("строение"),
        "подъезд" | "подъезда" | "подъезде" | "entrance" => Label::Entrance,
        "этаж" | "этажа" | "этаже" | "floor" => Label::Floor,
        "квартира" | "квартиру" | "квартире" | "квартиры" | "кв" | "офис" | "офисе" | "apartment" | "apt"
        | "flat" | "unit" | "suite" | "комната" => Label::Flat,
        _ => return None,
    })
}

/// Parts behind or before their labels: `дом 12 а корпус 2`, `второй подъезд`, `third floor`.
fn labelled(ear: &mut Ear<'_>, text: &str, part: &mut AddressPart, begin: &mut Option<usize>) {
    let mut at = 0;
    while at < ear.words.len() {
        let Some(label) = label(ear.word(at)).filter(|_| !ear.is_taken(at)) else {
            at += 1;
            continue;
        };
        // "до двери, на дом": a way to deliver.
        if matches!(ear.cue(at), Some(Cue::Delivery | Cue::Pickup)) {
            at += 1;
            continue;
        }
        let mut from = at + 1;
        while matches!(ear.word(from), "номер" | "number" | "будет" | "is" | "у" | "нас" | "это" | "мой")
        {
            from += 1;
        }
        // "дом неправильный, дом четырнадцать": the second is meant.
        if label == Label::House && matches!(ear.cue(from), Some(Cue::Wrong | Cue::No)) {
            let next = (from..ear.words.len()).find(|i| ear.number_at(*i).is_some());
            if next.is_some() && ear.cue(from) == Some(Cue::Wrong) {
                ear.take(at, from + 1);
            }
            at = from + 1;
            continue;
        }
        let ordinals = matches!(label, Label::Entrance | Label::Floor | Label::Block(_));
        let led =
            ear.numbers.iter().any(|n| ordinals && n.ordinal && n.at.end == at && !ear.is_taken(n.at.start));
        let number = ear
            .number_at(from)
            .filter(|n| !led && (!n.ordinal || ordinals || label == Label::House && n.at.len() == 1));
        let (value, start, mut end) = if let Some(number) = number {
            (number.digits.clone(), at, number.at.end)
        } else {
            let before = ear
                .numbers
                .iter()
                .find(|n| n.at.end == at && (ordinals && (n.ordinal || label != Label::Floor)));
            let Some(before) = before.filter(|n| !ear.is_taken(n.at.start)) else {
                at += 1;
                continue;
            };
            (before.value.to_string(), before.at.start, at + 1)
        };
        let mut value = value;
        if number_run(label) {
            while let Some(next) =
                ear.number_at(end).filter(|n| !n.ordinal && english_run(ear, at) && n.digits.len() <= 2)
            {
                value.push_str(&next.digits);
                end = next.at.end;
            }
        }
        if label == Label::House {
            (value, end) = house_tail(ear, text, value, end);
        }
        ear.take(start, end);
        *begin = Some(begin.map_or(start, |b| b.min(start)));
        match label {
            Label::House => part.house = Some(value),
            Label::Block(kind) => part.block = Some(format!("{kind} {value}")),
            Label::Entrance => part.entrance = Some(value),
            Label::Floor => part.floor = Some(value),
            Label::Flat => part.flat = Some(value),
        }
        at = end;
    }
}

fn number_run(label: Label) -> bool {
    matches!(label, Label::House | Label::Flat)
}

/// English dictates a number in pieces ("apartment twelve oh five").
fn english_run(ear: &Ear<'_>, label: usize) -> bool {
    ear.word(label).is_ascii()
}

/// `12 а`, `12 дробь 3`, `12/3` behind a house's number.
pub(super) fn house_tail(ear: &Ear<'_>, text: &str, mut value: String, mut end: usize) -> (String, usize) {
    if matches!(ear.word(end), "дробь" | "slash")
        && let Some(next) = ear.number_at(end + 1)
    {
        value = format!("{value}/{}", next.digits);
        end = next.at.end;
    } else if let Some(next) = ear.number_at(end)
        && text.contains(&format!("{value}/{}", next.digits))
    {
        value = format!("{value}/{}", next.digits);
        end = next.at.end;
    }
    let letter = ear.word(end);
    let closes = |at: usize| at >= ear.words.len() || label(ear.word(at)).is_some();
    let is_letter = letter.chars().count() == 1 && letter.chars().all(char::is_alphabetic);
    let preposition = matches!(letter, "а" | "в" | "с" | "к" | "у" | "о" | "и" | "я" | "a" | "i");
    if is_letter && (!preposition || closes(end + 1)) && label(letter).is_none() {
        value.push_str(&letter.to_uppercase());
        end += 1;
    } else if matches!(letter, "литер" | "литера" | "буква") && ear.word(end + 1).chars().count() == 1
    {
        value.push_str(&ear.word(end + 1).to_uppercase());
        end += 2;
    }
    (value, end)
}

/// A number alone, where the house was asked for: `двенадцать`, `двенадцать пять` with the flat.
fn bare_numbers(ear: &mut Ear<'_>, part: &mut AddressPart, begin: &mut Option<usize>) {
    if !ear.asked(|q| *q == Question::House) || part.house.is_some() || part.flat.is_some() {
        return;
    }
    let free: Vec<_> = ear
        .numbers
        .iter()
        .filter(|n| !n.ordinal && !n.at.clone().any(|at| ear.is_taken(at)))
        .cloned()
        .collect();
    let [first, rest @ ..] = free.as_slice() else { return };
    let (mut value, mut end) = (first.digits.clone(), first.at.end);
    match rest {
        [] => (value, end) = house_tail(ear, "", value, end),
        [second] if ear.word(end) == "дробь" => {
            (value, end) = (format!("{value}/{}", second.digits), second.at.end)
        }
        [second]
            if second.at.start == end
                && ear.word(first.at.start).is_ascii()
                && !digits_only(ear.word(first.at.start)) =>
        {
            value.push_str(&second.digits);
            end = second.at.end;
        }
        [second] if second.at.start == end => {
            part.flat = Some(second.digits.clone());
            end = second.at.end;
        }
        _ => return,
    }
    part.house = Some(value);
    ear.take(first.at.start, end);
    *begin = Some(begin.map_or(first.at.start, |b| b.min(first.at.start)));
}

fn digits_only(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit())
}

/// A word that may stand in a street's name.
fn is_name_word(ear: &Ear<'_>, at: usize) -> bool {
    let word = ear.word(at);
    ear.is_unknown(at) && is_wordy(word) && label(word).is_none() && !is_street_word(word)
}

fn joined(words: &[String]) -> String {
    words.iter().map(|word| capitalised(word)).collect::<Vec<_>>().join(" ")
}
