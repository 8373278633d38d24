//! Numbers that name rather than count: telephone numbers, order numbers, houses.

use super::{Language, cardinal};

/// The digits of a text, one by one: `четыре пять два один`, `four five two one`. Everything else is left out.
pub fn digits(text: &str, language: Language) -> String {
    let words: Vec<String> =
        text.bytes().filter(u8::is_ascii_digit).map(|b| cardinal(u64::from(b - b'0'), language)).collect();
    words.join(" ")
}

/// An order's number as a caller can repeat it: the digits of its last group. `ORD-20260214-0017` is said
/// `ноль ноль один семь`; the date before it is the same for everybody who ordered that day.
pub fn order_number(number: &str, language: Language) -> String {
    let last =
        number.split(|c: char| !c.is_ascii_digit()).rfind(|group| !group.is_empty()).unwrap_or_default();
    digits(last, language)
}

/// A telephone number grouped as people say it: in Russian `плюс семь, девятьсот шестнадцать, сто двадцать три,
/// сорок пять, шестьдесят семь`, in English digit by digit with pauses.
pub fn phone(number: &str, language: Language) -> String {
    let all: String = number.chars().filter(char::is_ascii_digit).collect();
    let plus = number.trim_start().starts_with('+');
    let mut groups: Vec<String> = Vec::new();
    let mut rest = all.as_str();
    if plus {
        // The country code: +375 and its like are three digits, +7 and +1 one; others are read as the groups fall.
        let country = match rest {
            _ if rest.starts_with("375") || rest.starts_with("380") || rest.starts_with("998") => 3,
            _ if rest.starts_with(['7', '1']) => 1,
            _ => 2,
        };
        let (code, tail) = rest.split_at(country.min(rest.len()));
        let sign = match language {
            Language::Russian => "плюс",
            Language::English => "plus",
        };
        groups.push(format!("{sign} {}", group(code, language)));
        rest = tail;
    } else if rest.len() == 11 && rest.starts_with(['8', '7', '1']) {
        groups.push(group(&rest[..1], language));
        rest = &rest[1..];
    }
    // From the end, as the last seven digits are everywhere grouped alike; what is before them is the area.
    let tail: &[usize] = match (language, rest.len()) {
        (Language::English, 5..) => &[4, 3, 3],
        (Language::Russian, 7..) => &[2, 2, 3, 3],
        (Language::Russian, 5..) => &[2, 2, 2],
        _ => &[],
    };
    let mut ends: Vec<String> = Vec::new();
    for &size in tail {
        let cut = rest.len().saturating_sub(size);
        if cut < rest.len() {
            ends.push(group(&rest[cut..], language));
            rest = &rest[..cut];
        }
    }
    if !rest.is_empty() {
        ends.push(digits(rest, language));
    }
    groups.extend(ends.into_iter().rev());
    groups.join(", ")
}

/// A group of a telephone number: in Russian as a number with its leading zeros said, in English in digits.
fn group(text: &str, language: Language) -> String {
    if language == Language::English || text.len() > 3 {
        return digits(text, language);
    }
    let significant = text.trim_start_matches('0');
    let zeros = text.len() - significant.len();
    let mut words = vec![cardinal(0, language); zeros];
    if let Ok(n) = significant.parse::<u64>() {
        words.push(cardinal(n, language));
    }
    words.join(" ")
}

/// The number of a house or flat: `двенадцать дробь три`, `сорок пять а`, `fifteen twenty Main Street`'s `fifteen twenty`.
pub fn house(number: &str, language: Language) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut rest = number.trim();
    while let Some(first) = rest.chars().next() {
        let digit = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(rest.len());
        let (run, tail) = rest.split_at(end);
        rest = tail;
        if digit {
            out.push(house_number(run, language));
            continue;
        }
        for word in run.split_inclusive('/') {
            let (word, slash) = match word.strip_suffix('/') {
                Some(word) => (word, true),
                None => (word, false),
            };
            let word = word.trim().trim_matches(['-', '.', ',']).to_lowercase();
            match (word.as_str(), language) {
                ("", _) => {}
                ("к" | "корп", Language::Russian) => out.push("корпус".to_owned()),
                ("стр" | "с", Language::Russian) => out.push("строение".to_owned()),
                _ => out.push(word),
            }
            if slash {
                out.push(match language {
                    Language::Russian => "дробь".to_owned(),
                    Language::English => "slash".to_owned(),
                });
            }
        }
    }
    out.join(" ")
}

fn house_number(run: &str, language: Language) -> String {
    match (language, run.len(), run.parse::<u64>()) {
        (_, 6.., _) | (_, _, Err(_)) => digits(run, language),
        _ if run.len() > 1 && run.starts_with('0') => digits(run, language),
        (Language::English, 3..=4, Ok(n)) => pairs(n),
        (_, _, Ok(n)) => cardinal(n, language),
    }
}

/// Three or four digits as English says houses and sizes: `two oh five`, `fifteen twenty`, `four hundred`.
pub(super) fn pairs(n: u64) -> String {
    let word = |n| cardinal(n, Language::English);
    match (n / 100, n % 100) {
        (0, n) => word(n),
        (high, 0) if high % 10 == 0 => word(n),
        (high, 0) => format!("{} hundred", word(high)),
        (high, low @ 1..=9) => format!("{} oh {}", word(high), word(low)),
        (high, low) => format!("{} {}", word(high), word(low)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, Russian};

    #[test]
    fn digits_are_said_one_by_one() {
        assert_eq!(digits("4521", Russian), "четыре пять два один");
        assert_eq!(digits("4-0 7", English), "four zero seven");
        assert_eq!(digits("нет", Russian), "");
    }

    #[test]
    fn an_order_is_named_by_the_last_group_of_its_number() {
        for (number, russian, english) in [
            ("ORD-20260214-017", "ноль один семь", "zero one seven"),
            ("ORD-20261121-4521", "четыре пять два один", "four five two one"),
            ("4521", "четыре пять два один", "four five two one"),
            ("A17-", "один семь", "one seven"),
            ("none", "", ""),
        ] {
            assert_eq!(order_number(number, Russian), russian);
            assert_eq!(order_number(number, English), english);
        }
    }

    #[test]
    fn telephone_numbers_are_grouped_as_people_say_them() {
        for (number, language, said) in [
            (
                "+79161234567",
                Russian,
                "плюс семь, девятьсот шестнадцать, сто двадцать три, сорок пять, шестьдесят семь",
            ),
            ("8 (905) 003-05-00", Russian, "восемь, девятьсот пять, ноль ноль три, ноль пять, ноль ноль"),
            (
                "+375291234567",
                Russian,
                "плюс триста семьдесят пять, двадцать девять, сто двадцать три, сорок пять, шестьдесят семь",
            ),
            ("1234567", Russian, "сто двадцать три, сорок пять, шестьдесят семь"),
            ("+16175550123", English, "plus one, six one seven, five five five, zero one two three"),
            ("617 555 0123", English, "six one seven, five five five, zero one two three"),
            ("555 0123", English, "five five five, zero one two three"),
            ("", English, ""),
        ] {
            assert_eq!(phone(number, language), said);
        }
    }

    #[test]
    fn houses_are_said_as_they_are_read_from_a_door() {
        for (number, language, said) in [
            ("12", Russian, "двенадцать"),
            ("12А", Russian, "двенадцать а"),
            ("12/3", Russian, "двенадцать дробь три"),
            ("7к2", Russian, "семь корпус два"),
            ("7 стр. 1", Russian, "семь строение один"),
            ("15", English, "fifteen"),
            ("205", English, "two oh five"),
            ("123", English, "one twenty three"),
            ("1520", English, "fifteen twenty"),
            ("1500", English, "fifteen hundred"),
            ("2000", English, "two thousand"),
            ("400", English, "four hundred"),
            ("12B", English, "twelve b"),
        ] {
            assert_eq!(house(number, language), said, "{number}");
        }
    }
}
