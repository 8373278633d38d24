//! Ordinals: which one, and the day of a date.

use super::{Case, Gender, Language, cardinal};

/// `первый`, `first`: which one of several, 1 to 9999; other numbers are said as cardinals.
pub fn ordinal(n: u64, gender: Gender, language: Language) -> String {
    ordinal_in(n, gender, Case::Nominative, language)
}

/// An ordinal that agrees with its noun: `двадцать третьего`, `на первую`.
pub fn ordinal_in(n: u64, gender: Gender, case: Case, language: Language) -> String {
    // The last word is the ordinal, all before it count.
    let tail = match n {
        0 | 10_000.. => return cardinal(n, language),
        _ if n.is_multiple_of(1000) => n,
        _ if n.is_multiple_of(100) => n % 1000,
        _ if n % 100 <= 20 || n.is_multiple_of(10) => n % 100,
        _ => n % 10,
    };
    let last = match language {
        Language::Russian => russian(tail, gender, case),
        Language::English => english(tail),
    };
    if n == tail { last } else { format!("{} {last}", cardinal(n - tail, language)) }
}

fn russian(n: u64, gender: Gender, case: Case) -> String {
    if n == 3 {
        return THIRD[gender as usize][case as usize].to_owned();
    }
    let at = |i: u64| usize::try_from(i).unwrap_or_default();
    let thousands = ["", "двух", "трёх", "четырёх", "пяти", "шести", "семи", "восьми", "девяти"];
    let hundreds = ["", "двух", "трёх", "четырёх", "пяти", "шести", "семи", "восьми", "девяти"];
    let stem = match n {
        1..=19 => STEMS[at(n - 1)].to_owned(),
        20..=99 => TEN_STEMS[at(n / 10 - 2)].to_owned(),
        100..=999 => format!("{}сот", hundreds[at(n / 100 - 1)]),
        _ => format!("{}тысячн", thousands[at((n / 1000).min(9) - 1)]),
    };
    let stressed_ending = matches!(n, 2 | 6 | 7 | 8 | 40);
    let ending = if stressed_ending
        && matches!((gender, case), (Gender::Masculine, Case::Nominative | Case::Accusative))
    {
        "ой"
    } else {
        ENDINGS[gender as usize][case as usize]
    };
    stem + ending
}

/// 1 to 19; the third is irregular and stands in [`THIRD`].
const STEMS: [&str; 19] = [
    "перв",
    "втор",
    "трет",
    "четвёрт",
    "пят",
    "шест",
    "седьм",
    "восьм",
    "девят",
    "десят",
    "одиннадцат",
    "двенадцат",
    "тринадцат",
    "четырнадцат",
    "пятнадцат",
    "шестнадцат",
    "семнадцат",
    "восемнадцат",
    "девятнадцат",
];

const TEN_STEMS: [&str; 8] =
    ["двадцат", "тридцат", "сороков", "пятидесят", "шестидесят", "семидесят", "восьмидесят", "девяност"];

const ENDINGS: [[&str; 6]; 3] = [
    ["ый", "ого", "ому", "ый", "ым", "ом"],
    ["ая", "ой", "ой", "ую", "ой", "ой"],
    ["ое", "ого", "ому", "ое", "ым", "ом"],
];

const THIRD: [[&str; 6]; 3] = [
    ["третий", "третьего", "третьему", "третий", "третьим", "третьем"],
    ["третья", "третьей", "третьей", "третью", "третьей", "третьей"],
    ["третье", "третьего", "третьему", "третье", "третьим", "третьем"],
];

fn english(n: u64) -> String {
    let word = cardinal(n, Language::English);
    for (count, order) in [
        ("one", "first"),
        ("two", "second"),
        ("three", "third"),
        ("five", "fifth"),
        ("eight", "eighth"),
        ("nine", "ninth"),
        ("twelve", "twelfth"),
    ] {
        if word == count {
            return order.to_owned();
        }
    }
    match word.strip_suffix('y') {
        Some(stem) => format!("{stem}ieth"),
        None => format!("{word}th"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn russian_ordinals_agree() {
        use Case::{Accusative, Genitive, Nominative, Prepositional};
        use Gender::{Feminine, Masculine, Neuter};
        for (n, gender, case, said) in [
            (1, Masculine, Nominative, "первый"),
            (2, Masculine, Nominative, "второй"),
            (2, Feminine, Accusative, "вторую"),
            (3, Masculine, Nominative, "третий"),
            (3, Feminine, Nominative, "третья"),
            (3, Neuter, Genitive, "третьего"),
            (4, Masculine, Nominative, "четвёртый"),
            (6, Masculine, Nominative, "шестой"),
            (7, Feminine, Nominative, "седьмая"),
            (8, Neuter, Nominative, "восьмое"),
            (9, Masculine, Prepositional, "девятом"),
            (20, Neuter, Genitive, "двадцатого"),
            (21, Neuter, Genitive, "двадцать первого"),
            (40, Masculine, Nominative, "сороковой"),
            (43, Masculine, Nominative, "сорок третий"),
            (100, Masculine, Nominative, "сотый"),
            (200, Masculine, Nominative, "двухсотый"),
            (1999, Masculine, Genitive, "тысяча девятьсот девяносто девятого"),
            (2000, Masculine, Genitive, "двухтысячного"),
            (2026, Masculine, Genitive, "две тысячи двадцать шестого"),
        ] {
            assert_eq!(ordinal_in(n, gender, case, Language::Russian), said, "{n}");
        }
    }

    #[test]
    fn english_ordinals_end_well() {
        for (n, said) in [
            (1, "first"),
            (2, "second"),
            (3, "third"),
            (4, "fourth"),
            (5, "fifth"),
            (8, "eighth"),
            (9, "ninth"),
            (12, "twelfth"),
            (13, "thirteenth"),
            (20, "twentieth"),
            (21, "twenty first"),
            (23, "twenty third"),
            (30, "thirtieth"),
            (31, "thirty first"),
            (100, "one hundredth"),
        ] {
            assert_eq!(ordinal(n, Gender::Masculine, Language::English), said, "{n}");
        }
    }
}
