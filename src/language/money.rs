//! Money aloud.

use super::{Case, Language, Noun, cardinal_in, count_in};

/// An amount of hundredths and its ISO 4217 code in words; hundredths only when there are any:
/// `тысяча пятьсот рублей`, `ten dollars and fifty cents`. An unknown code is read as it is written.
pub fn money(minor: i64, iso_code: &str, language: Language) -> String {
    money_in(minor, iso_code, Case::Nominative, language)
}

/// An amount in a case: `за тысячу рублей`, `от двух тысяч рублей`.
pub fn money_in(minor: i64, iso_code: &str, case: Case, language: Language) -> String {
    let (major_noun, minor_noun) = match iso_code {
        "RUB" => (Some(Noun::Ruble), Noun::Kopeck),
        // Spelled out, because the other rouble is also known to every caller.
        "BYN" => (Some(Noun::BelarusianRuble), Noun::Kopeck),
        "USD" => (Some(Noun::Dollar), Noun::Cent),
        "EUR" => (Some(Noun::Euro), Noun::Cent),
        _ => (None, Noun::Cent),
    };
    let (major, minor_part) = (minor.unsigned_abs() / 100, minor.unsigned_abs() % 100);
    let mut out = String::new();
    if minor < 0 {
        out.push_str(match language {
            Language::Russian => "минус ",
            Language::English => "minus ",
        });
    }
    match major_noun {
        // "пятьдесят копеек", not "ноль рублей пятьдесят копеек".
        Some(_) if major == 0 && minor_part > 0 => {
            return out + &count_in(minor_part, minor_noun, case, language);
        }
        Some(noun) => out.push_str(&count_in(major, noun, case, language)),
        None => {
            let number = cardinal_in(major, super::Gender::Masculine, case, language);
            out.push_str(&format!("{number} {iso_code}"));
        }
    }
    if minor_part > 0 {
        out.push_str(match language {
            Language::Russian => " ",
            Language::English => " and ",
        });
        match major_noun {
            Some(_) => out.push_str(&count_in(minor_part, minor_noun, case, language)),
            None => out.push_str(&cardinal_in(minor_part, super::Gender::Masculine, case, language)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_said_with_its_hundredths_only_when_there_are_any() {
        for (minor, code, russian, english) in [
            (0, "RUB", "ноль рублей", "zero rubles"),
            (100, "RUB", "один рубль", "one ruble"),
            (200, "RUB", "два рубля", "two rubles"),
            (150_000, "RUB", "тысяча пятьсот рублей", "one thousand five hundred rubles"),
            (
                2_240_050,
                "RUB",
                "двадцать две тысячи четыреста рублей пятьдесят копеек",
                "twenty two thousand four hundred rubles and fifty kopecks",
            ),
            (101, "RUB", "один рубль одна копейка", "one ruble and one kopeck"),
            (50, "RUB", "пятьдесят копеек", "fifty kopecks"),
            (42_000, "BYN", "четыреста двадцать белорусских рублей", "four hundred twenty Belarusian rubles"),
            (
                12_302,
                "USD",
                "сто двадцать три доллара два цента",
                "one hundred twenty three dollars and two cents",
            ),
            (100, "USD", "один доллар", "one dollar"),
            (2100, "EUR", "двадцать один евро", "twenty one euros"),
            (-500, "RUB", "минус пять рублей", "minus five rubles"),
            (500, "GBP", "пять GBP", "five GBP"),
        ] {
            assert_eq!(money(minor, code, Language::Russian), russian, "{minor}");
            assert_eq!(money(minor, code, Language::English), english, "{minor}");
        }
    }

    #[test]
    fn money_is_declined() {
        assert_eq!(money_in(100_000, "RUB", Case::Accusative, Language::Russian), "тысячу рублей");
        assert_eq!(money_in(210_000, "RUB", Case::Genitive, Language::Russian), "двух тысяч ста рублей");
        assert_eq!(
            money_in(i64::MIN, "RUB", Case::Genitive, Language::Russian).split(' ').next(),
            Some("минус")
        );
    }
}
