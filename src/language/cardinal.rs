//! Numbers in words: how many.

use super::{Language, digits};

/// Grammatical gender of what is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gender {
    /// один заказ, два заказа; also counting without a noun.
    #[default]
    Masculine,
    /// одна шина, две шины.
    Feminine,
    /// одно колесо, два колеса.
    Neuter,
}

/// The Russian cases, in school order. The accusative is that of things (вижу два заказа): an order desk counts goods,
/// days and money, never living beings (вижу двух клиентов), so the animate accusative is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    #[default]
    Nominative,
    Genitive,
    Dative,
    Accusative,
    Instrumental,
    Prepositional,
}

impl Case {
    /// All six, in order.
    pub const ALL: [Self; 6] = [
        Self::Nominative,
        Self::Genitive,
        Self::Dative,
        Self::Accusative,
        Self::Instrumental,
        Self::Prepositional,
    ];
}

/// A number in words as one counts: `двадцать один`, `twenty one`. From a million million on it is read digit by digit.
pub fn cardinal(n: u64, language: Language) -> String {
    cardinal_in(n, Gender::Masculine, Case::Nominative, language)
}

/// A number in words, agreeing with what it counts; English has no use for gender and case.
pub fn cardinal_in(n: u64, gender: Gender, case: Case, language: Language) -> String {
    if n >= 1_000_000_000_000 {
        return digits(&n.to_string(), language);
    }
    match language {
        Language::Russian => russian(n, gender, case),
        Language::English => english(n),
    }
}

/// Which form a noun takes after a number in Russian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    /// 1, 21, 101: singular.
    One,
    /// 2 to 4, 22: genitive singular in the direct cases.
    Few,
    /// 0, 5 to 20, 25: genitive plural in the direct cases.
    Many,
}

pub(super) fn agreement(n: u64) -> Agreement {
    match (n % 100, n % 10) {
        (11..=14, _) => Agreement::Many,
        (_, 1) => Agreement::One,
        (_, 2..=4) => Agreement::Few,
        _ => Agreement::Many,
    }
}

fn russian(n: u64, gender: Gender, case: Case) -> String {
    if n == 0 {
        return ZERO[case as usize].to_owned();
    }
    let mut out: Vec<&str> = Vec::new();
    for (scale, forms, its_gender) in SCALES {
        let group = n / scale % 1000;
        if group == 0 {
            continue;
        }
        // "тысяча пятьсот рублей", as people say it; "одна тысяча" is how a cheque is written.
        if group > 1 || n >= scale * 1000 {
            below_thousand(group, its_gender, case, &mut out);
        }
        let direct = matches!(case, Case::Nominative | Case::Accusative);
        out.push(match agreement(group) {
            Agreement::One => forms.0[case as usize],
            Agreement::Few if direct => forms.0[Case::Genitive as usize],
            Agreement::Many if direct => forms.1[0],
            _ => match case {
                Case::Dative => forms.1[1],
                Case::Instrumental => forms.1[2],
                Case::Prepositional => forms.1[3],
                _ => forms.1[0],
            },
        });
    }
    below_thousand(n % 1000, gender, case, &mut out);
    out.join(" ")
}

fn below_thousand(n: u64, gender: Gender, case: Case, out: &mut Vec<&'static str>) {
    let at = |i: u64| usize::try_from(i).unwrap_or_default();
    if n >= 100 {
        out.push(HUNDREDS[at(n / 100 - 1)][case as usize]);
    }
    let mut rest = n % 100;
    if rest >= 20 {
        out.push(TENS[at(rest / 10 - 2)][case as usize]);
        rest %= 10;
    }
    match (rest, gender) {
        (0, _) => {}
        (1, Gender::Masculine) => out.push(ONE[0][case as usize]),
        (1, Gender::Feminine) => out.push(ONE[1][case as usize]),
        (1, Gender::Neuter) => out.push(ONE[2][case as usize]),
        (2, Gender::Feminine) if matches!(case, Case::Nominative | Case::Accusative) => out.push("две"),
        _ => out.push(BELOW_TWENTY[at(rest - 2)][case as usize]),
    }
}

type Scale = (u64, ([&'static str; 6], [&'static str; 4]), Gender);

const SCALES: [Scale; 3] = [
    (
        1_000_000_000,
        (
            ["миллиард", "миллиарда", "миллиарду", "миллиард", "миллиардом", "миллиарде"],
            ["миллиардов", "миллиардам", "миллиардами", "миллиардах"],
        ),
        Gender::Masculine,
    ),
    (
        1_000_000,
        (
            ["миллион", "миллиона", "миллиону", "миллион", "миллионом", "миллионе"],
            ["миллионов", "миллионам", "миллионами", "миллионах"],
        ),
        Gender::Masculine,
    ),
    (
        1000,
        (
            ["тысяча", "тысячи", "тысяче", "тысячу", "тысячей", "тысяче"],
            ["тысяч", "тысячам", "тысячами", "тысячах"],
        ),
        Gender::Feminine,
    ),
];

pub(super) const ZERO: [&str; 6] = ["ноль", "ноля", "нолю", "ноль", "нолём", "ноле"];

pub(super) const ONE: [[&str; 6]; 3] = [
    ["один", "одного", "одному", "один", "одним", "одном"],
    ["одна", "одной", "одной", "одну", "одной", "одной"],
    ["одно", "одного", "одному", "одно", "одним", "одном"],
];

/// From two to nineteen.
pub(super) const BELOW_TWENTY: [[&str; 6]; 18] = [
    ["два", "двух", "двум", "два", "двумя", "двух"],
    ["три", "трёх", "трём", "три", "тремя", "трёх"],
    ["четыре", "четырёх", "четырём", "четыре", "четырьмя", "четырёх"],
    ["пять", "пяти", "пяти", "пять", "пятью", "пяти"],
    ["шесть", "шести", "шести", "шесть", "шестью", "шести"],
    ["семь", "семи", "семи", "семь", "семью", "семи"],
    ["восемь", "восьми", "восьми", "восемь", "восемью", "восьми"],
    ["девять", "девяти", "девяти", "девять", "девятью", "девяти"],
    ["десять", "десяти", "десяти", "десять", "десятью", "десяти"],
    ["одиннадцать", "одиннадцати", "одиннадцати", "одиннадцать", "одиннадцатью", "одиннадцати"],
    ["двенадцать", "двенадцати", "двенадцати", "двенадцать", "двенадцатью", "двенадцати"],
    ["тринадцать", "тринадцати", "тринадцати", "тринадцать", "тринадцатью", "тринадцати"],
    ["четырнадцать", "четырнадцати", "четырнадцати", "четырнадцать", "четырнадцатью", "четырнадцати"],
    ["пятнадцать", "пятнадцати", "пятнадцати", "пятнадцать", "пятнадцатью", "пятнадцати"],
    ["шестнадцать", "шестнадцати", "шестнадцати", "шестнадцать", "шестнадцатью", "шестнадцати"],
    ["семнадцать", "семнадцати", "семнадцати", "семнадцать", "семнадцатью", "семнадцати"],
    ["восемнадцать", "восемнадцати", "восемнадцати", "восемнадцать", "восемнадцатью", "восемнадцати"],
    ["девятнадцать", "девятнадцати", "девятнадцати", "девятнадцать", "девятнадцатью", "девятнадцати"],
];

/// From twenty to ninety.
pub(super) const TENS: [[&str; 6]; 8] = [
    ["двадцать", "двадцати", "двадцати", "двадцать", "двадцатью", "двадцати"],
    ["тридцать", "тридцати", "тридцати", "тридцать", "тридцатью", "тридцати"],
    ["сорок", "сорока", "сорока", "сорок", "сорока", "сорока"],
    ["пятьдесят", "пятидесяти", "пятидесяти", "пятьдесят", "пятьюдесятью", "пятидесяти"],
    ["шестьдесят", "шестидесяти", "шестидесяти", "шестьдесят", "шестьюдесятью", "шестидесяти"],
    ["семьдесят", "семидесяти", "семидесяти", "семьдесят", "семьюдесятью", "семидесяти"],
    ["восемьдесят", "восьмидесяти", "восьмидесяти", "восемьдесят", "восемьюдесятью", "восьмидесяти"],
    ["девяносто", "девяноста", "девяноста", "девяносто", "девяноста", "девяноста"],
];

/// From a hundred to nine hundred.
pub(super) const HUNDREDS: [[&str; 6]; 9] = [
    ["сто", "ста", "ста", "сто", "ста", "ста"],
    ["двести", "двухсот", "двумстам", "двести", "двумястами", "двухстах"],
    ["триста", "трёхсот", "трёмстам", "триста", "тремястами", "трёхстах"],
    ["четыреста", "четырёхсот", "четырёмстам", "четыреста", "четырьмястами", "четырёхстах"],
    ["пятьсот", "пятисот", "пятистам", "пятьсот", "пятьюстами", "пятистах"],
    ["шестьсот", "шестисот", "шестистам", "шестьсот", "шестьюстами", "шестистах"],
    ["семьсот", "семисот", "семистам", "семьсот", "семьюстами", "семистах"],
    ["восемьсот", "восьмисот", "восьмистам", "восемьсот", "восемьюстами", "восьмистах"],
    ["девятьсот", "девятисот", "девятистам", "девятьсот", "девятьюстами", "девятистах"],
];

fn english(n: u64) -> String {
    if n == 0 {
        return "zero".to_owned();
    }
    let mut out: Vec<&str> = Vec::new();
    for (scale, name) in [(1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand")] {
        let group = n / scale % 1000;
        if group > 0 {
            english_below_thousand(group, &mut out);
            out.push(name);
        }
    }
    english_below_thousand(n % 1000, &mut out);
    out.join(" ")
}

fn english_below_thousand(n: u64, out: &mut Vec<&'static str>) {
    let at = |i: u64| usize::try_from(i).unwrap_or_default();
    if n >= 100 {
        out.extend([ENGLISH_BELOW_TWENTY[at(n / 100)], "hundred"]);
    }
    match n % 100 {
        0 => {}
        rest @ 1..=19 => out.push(ENGLISH_BELOW_TWENTY[at(rest)]),
        rest => {
            out.push(ENGLISH_TENS[at(rest / 10 - 2)]);
            if rest % 10 > 0 {
                out.push(ENGLISH_BELOW_TWENTY[at(rest % 10)]);
            }
        }
    }
}

/// From zero to nineteen.
pub(super) const ENGLISH_BELOW_TWENTY: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

/// From twenty to ninety.
pub(super) const ENGLISH_TENS: [&str; 8] =
    ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

#[cfg(test)]
mod tests {
    use super::*;
    use Case::{Accusative, Dative, Genitive, Instrumental, Nominative, Prepositional};
    use Gender::{Feminine, Masculine, Neuter};

    #[test]
    fn russian_numbers_agree_in_gender_and_case() {
        for (n, gender, case, said) in [
            (0, Masculine, Nominative, "ноль"),
            (0, Masculine, Genitive, "ноля"),
            (1, Masculine, Nominative, "один"),
            (1, Feminine, Nominative, "одна"),
            (1, Neuter, Nominative, "одно"),
            (1, Feminine, Accusative, "одну"),
            (1, Feminine, Instrumental, "одной"),
            (1, Neuter, Dative, "одному"),
            (2, Masculine, Nominative, "два"),
            (2, Feminine, Nominative, "две"),
            (2, Feminine, Accusative, "две"),
            (2, Feminine, Genitive, "двух"),
            (2, Neuter, Nominative, "два"),
            (2, Masculine, Instrumental, "двумя"),
            (3, Masculine, Prepositional, "трёх"),
            (4, Masculine, Genitive, "четырёх"),
            (4, Masculine, Instrumental, "четырьмя"),
            (8, Masculine, Genitive, "восьми"),
            (8, Masculine, Instrumental, "восемью"),
            (11, Feminine, Nominative, "одиннадцать"),
            (12, Feminine, Nominative, "двенадцать"),
            (19, Masculine, Dative, "девятнадцати"),
            (21, Feminine, Nominative, "двадцать одна"),
            (22, Feminine, Nominative, "двадцать две"),
            (22, Neuter, Nominative, "двадцать два"),
            (40, Masculine, Instrumental, "сорока"),
            (50, Masculine, Instrumental, "пятьюдесятью"),
            (90, Masculine, Genitive, "девяноста"),
            (100, Masculine, Genitive, "ста"),
            (101, Feminine, Nominative, "сто одна"),
            (111, Masculine, Nominative, "сто одиннадцать"),
            (205, Masculine, Nominative, "двести пять"),
            (345, Masculine, Genitive, "трёхсот сорока пяти"),
            (500, Masculine, Instrumental, "пятьюстами"),
            (999, Masculine, Nominative, "девятьсот девяносто девять"),
            (1000, Masculine, Nominative, "тысяча"),
            (1000, Masculine, Accusative, "тысячу"),
            (1001, Feminine, Nominative, "тысяча одна"),
            (1500, Masculine, Nominative, "тысяча пятьсот"),
            (2000, Masculine, Nominative, "две тысячи"),
            (2000, Masculine, Genitive, "двух тысяч"),
            (5000, Masculine, Nominative, "пять тысяч"),
            (5000, Masculine, Dative, "пяти тысячам"),
            (5000, Masculine, Instrumental, "пятью тысячами"),
            (5000, Masculine, Prepositional, "пяти тысячах"),
            (11_000, Masculine, Nominative, "одиннадцать тысяч"),
            (21_000, Masculine, Nominative, "двадцать одна тысяча"),
            (21_000, Masculine, Accusative, "двадцать одну тысячу"),
            (22_400, Masculine, Nominative, "двадцать две тысячи четыреста"),
            (100_000, Masculine, Nominative, "сто тысяч"),
            (101_101, Feminine, Nominative, "сто одна тысяча сто одна"),
            (1_000_000, Masculine, Nominative, "миллион"),
            (1_001_000, Masculine, Nominative, "миллион одна тысяча"),
            (2_000_000, Masculine, Nominative, "два миллиона"),
            (5_000_000, Masculine, Genitive, "пяти миллионов"),
            (
                999_999_999,
                Masculine,
                Nominative,
                "девятьсот девяносто девять миллионов девятьсот девяносто девять тысяч девятьсот девяносто девять",
            ),
            (3_000_000_000, Masculine, Nominative, "три миллиарда"),
        ] {
            assert_eq!(cardinal_in(n, gender, case, Language::Russian), said, "{n} {gender:?} {case:?}");
        }
    }

    #[test]
    fn english_numbers_are_said_without_and() {
        for (n, said) in [
            (0, "zero"),
            (7, "seven"),
            (13, "thirteen"),
            (20, "twenty"),
            (42, "forty two"),
            (100, "one hundred"),
            (205, "two hundred five"),
            (1000, "one thousand"),
            (1519, "one thousand five hundred nineteen"),
            (21_400, "twenty one thousand four hundred"),
            (1_000_001, "one million one"),
            (
                999_999_999,
                "nine hundred ninety nine million nine hundred ninety nine thousand nine hundred ninety nine",
            ),
        ] {
            assert_eq!(cardinal(n, Language::English), said, "{n}");
        }
    }

    #[test]
    fn a_number_too_great_to_name_is_read_in_digits() {
        assert_eq!(
            cardinal(1_000_000_000_002, Language::English),
            "one zero zero zero zero zero zero zero zero zero zero zero two"
        );
    }

    #[test]
    fn agreement_follows_the_last_two_digits() {
        for (n, form) in [
            (0, Agreement::Many),
            (1, Agreement::One),
            (2, Agreement::Few),
            (4, Agreement::Few),
            (5, Agreement::Many),
            (11, Agreement::Many),
            (12, Agreement::Many),
            (14, Agreement::Many),
            (21, Agreement::One),
            (24, Agreement::Few),
            (111, Agreement::Many),
            (121, Agreement::One),
        ] {
            assert_eq!(agreement(n), form, "{n}");
        }
    }
}
