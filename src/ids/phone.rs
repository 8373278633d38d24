//! Telephone numbers as trunks, dialplans and people spell them, brought to E.164 (ITU-T E.164, 11/2010).

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::enums::Region as Plan;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};
use serde::{Deserialize, Serialize};

/// A country whose national numbering plan a bare number may follow, spelled as in ISO 3166: `RU`, `BY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(Plan);

impl Region {
    /// The plans that a number without a country code is tried under, in this order, when nothing else is configured.
    pub const DEFAULTS: [Self; 2] = [Self(Plan::RU), Self(Plan::BY)];
}

/// Why a text names no numbering plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a country of two letters such as RU or BY, found {found:?}")]
pub struct RegionError {
    /// What was written.
    pub found: String,
}

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, RegionError> {
        Plan::from_str(&text.trim().to_ascii_uppercase())
            .map(Self)
            .map_err(|_| RegionError { found: text.to_owned() })
    }
}

impl TryFrom<String> for Region {
    type Error = RegionError;

    fn try_from(text: String) -> Result<Self, RegionError> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0.as_region_str().to_string()
    }
}

/// A valid telephone number in E.164: `+` and 7 to 15 digits. Shown masked; [`PhoneNumber::e164`] reveals it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// What a trunk presented as the caller's number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresentedNumber {
    /// A valid public number.
    Number(PhoneNumber),
    /// The caller withheld it (`anonymous`, `restricted`, nothing at all).
    Withheld,
    /// An extension of the PBX itself, at most six digits: a colleague, not a customer.
    Extension(String),
    /// Something that is no telephone number anywhere.
    Invalid,
}

/// Why a text is no telephone number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a telephone number such as +375291234567, found {found}")]
pub struct PhoneError {
    /// The shape of what was found, without its digits.
    pub found: String,
}

impl PhoneNumber {
    /// Reads a number in any usual spelling. One that carries no country code is tried under the plans of `regions` in
    /// their order; the first valid reading wins. Extensions, short codes and words are no telephone numbers.
    ///
    /// # Errors
    /// [`PhoneError`] when no reading is a valid number; it tells the shape of the text, never its digits.
    pub fn parse(raw: &str, regions: &[Region]) -> Result<Self, PhoneError> {
        let error = || PhoneError { found: shape(raw) };
        let bare = bare(raw);
        if bare.chars().any(char::is_alphabetic) {
            return Err(error());
        }
        let digits: String =
            bare.chars().filter_map(|c| c.to_digit(10).and_then(|d| char::from_digit(d, 10))).collect();
        if digits.len() <= EXTENSION_DIGITS || digits.len() > RAW_DIGITS {
            return Err(error());
        }
        let international = bare.trim_start().starts_with(['+', '\u{ff0b}']);
        let first = international.then(|| valid(&format!("+{digits}"), None)).flatten();
        // A trunk that adds a plus to everything turns 8 029 … into +8 029 …, which is no country; hence the plans
        // are tried for such a number as well, where the plus alone made no sense.
        first
            .or_else(|| regions.iter().find_map(|region| valid(&digits, Some(region.0))))
            // 00 is the international prefix of most countries, though neither of Russia nor of Belarus (810).
            .or_else(|| digits.strip_prefix("00").and_then(|rest| valid(&format!("+{rest}"), None)))
            .or_else(|| {
                let whole = (11..=15).contains(&digits.len()) && !international;
                whole.then(|| valid(&format!("+{digits}"), None)).flatten()
            })
            .ok_or_else(error)
    }

    /// The number in E.164, for the store, the SMS gateway and the audit's sealed part.
    pub fn e164(&self) -> &str {
        &self.0
    }
}

impl PresentedNumber {
    /// Reads what a trunk, a dialplan or ARI says of the caller: a SIP URI, a display name, a number in any spelling,
    /// a word for "withheld", an extension, or nothing.
    pub fn read(raw: &str, regions: &[Region]) -> Self {
        let bare = bare(raw);
        let word = bare.trim().to_lowercase();
        if WITHHELD.iter().any(|known| word == *known || word.strip_suffix(".invalid") == Some(known)) {
            return Self::Withheld;
        }
        let digits = bare.chars().filter(|c| c.is_numeric()).count();
        if digits > 0 && bare.chars().filter(|c| c.is_numeric()).all(|c| c == '0') {
            return Self::Withheld;
        }
        let plain = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit());
        if plain && digits <= EXTENSION_DIGITS {
            return Self::Extension(bare);
        }
        PhoneNumber::parse(raw, regions).map_or(Self::Invalid, Self::Number)
    }

    /// The number, where there is one.
    pub fn number(&self) -> Option<&PhoneNumber> {
        match self {
            Self::Number(number) => Some(number),
            Self::Withheld | Self::Extension(_) | Self::Invalid => None,
        }
    }
}

/// The longest text of digits that is an extension of the PBX. Chosen: the shortest public subscriber numbers have
/// seven with their area code.
const EXTENSION_DIGITS: usize = 6;

/// The most digits that may be a dialled number: 15 of E.164 after an international prefix of up to four.
const RAW_DIGITS: usize = 19;

/// What trunks and Asterisk put where the caller's number would be. `asterisk` is Asterisk's own From user when a
/// channel has no CallerID; `s` is the dialplan's start extension.
const WITHHELD: [&str; 20] = [
    "",
    "anonymous",
    "unknown",
    "restricted",
    "unavailable",
    "private",
    "empty",
    "withheld",
    "blocked",
    "hidden",
    "null",
    "none",
    "asterisk",
    "s",
    "private number",
    "no caller id",
    "number withheld",
    "номер скрыт",
    "скрыт",
    "аноним",
];

/// One reading of a text under one numbering plan, if it gives a valid number.
fn valid(text: &str, plan: Option<Plan>) -> Option<PhoneNumber> {
    let number = PHONE_NUMBER_UTIL.parse(text, plan).ok()?;
    if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
        return None;
    }
    PhoneNumber::try_from(number.format_as(PhoneNumberFormat::E164).into_owned()).ok()
}

/// The user part of what may be `"Name" <sip:user;x=y@host:port;z>`.
fn bare(raw: &str) -> String {
    let inner = match (raw.rfind('<'), raw.rfind('>')) {
        (Some(open), Some(close)) if open < close => raw.get(open + 1..close).unwrap_or(""),
        _ => raw,
    };
    let inner = inner.trim().trim_matches('"');
    let lower = inner.to_ascii_lowercase();
    let scheme = ["sips:", "sip:", "tel:", "callto:"].iter().find(|scheme| lower.starts_with(**scheme));
    let inner = inner.get(scheme.map_or(0, |scheme| scheme.len())..).unwrap_or("");
    let user = inner.split(['@', ';']).next().unwrap_or("");
    // Zero-width marks and the byte-order mark come along when a number is pasted from a document.
    user.replace("%2B", "+")
        .replace("%2b", "+")
        .replace(['\u{200b}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202c}', '\u{feff}'], "")
        .trim()
        .to_owned()
}

/// What a text looks like, without its content: for errors and logs.
fn shape(raw: &str) -> String {
    let digits = raw.chars().filter(|c| c.is_numeric()).count();
    let others = raw.chars().count() - digits;
    match (digits, others) {
        (0, 0) => "nothing".to_owned(),
        (_, 0) => format!("{digits} digits"),
        _ => format!("{digits} digits and {others} other characters"),
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = PhoneError;

    fn try_from(text: String) -> Result<Self, PhoneError> {
        let digits = text.strip_prefix('+').unwrap_or("");
        if (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text))
        } else {
            Err(PhoneError { found: shape(&text) })
        }
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> String {
        number.0
    }
}

impl fmt::Display for PhoneNumber {
    /// Country code and last four digits: `+375***4567`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.0.get(..4).unwrap_or("+");
        let tail = self.0.get(self.0.len().saturating_sub(4)..).unwrap_or("");
        write!(f, "{head}***{tail}")
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> String {
        match PresentedNumber::read(raw, &Region::DEFAULTS) {
            PresentedNumber::Number(number) => number.e164().to_owned(),
            PresentedNumber::Withheld => "withheld".to_owned(),
            PresentedNumber::Extension(digits) => format!("extension {digits}"),
            PresentedNumber::Invalid => "invalid".to_owned(),
        }
    }

    /// What a trunk sends, and what it means.
    const VECTORS: &[(&str, &str)] = &[
        // Russia: mobiles, Moscow, St Petersburg, Yekaterinburg, toll-free; with 8, with 7, with +7, bare.
        ("+79161234567", "+79161234567"),
        ("79161234567", "+79161234567"),
        ("89161234567", "+79161234567"),
        ("9161234567", "+79161234567"),
        ("8 (916) 123-45-67", "+79161234567"),
        ("+7 916 123 45 67", "+79161234567"),
        ("+7(916)1234567", "+79161234567"),
        ("8-916-123-45-67", "+79161234567"),
        ("8.916.123.45.67", "+79161234567"),
        ("+7\u{a0}916\u{a0}123\u{2011}45\u{2011}67", "+79161234567"),
        ("+89161234567", "+79161234567"),
        ("84951234567", "+74951234567"),
        ("+7 (495) 123-45-67", "+74951234567"),
        ("4951234567", "+74951234567"),
        ("+78123159883", "+78123159883"),
        ("88123159883", "+78123159883"),
        ("78123159883", "+78123159883"),
        ("8123159883", "+78123159883"),
        ("83432223344", "+73432223344"),
        ("88005553535", "+78005553535"),
        ("+78005553535", "+78005553535"),
        ("8 800 555-35-35", "+78005553535"),
        // Belarus: 8 0xx inside the country, 0xx from a mobile, 375 with and without plus, Minsk and the regions.
        ("+375291234567", "+375291234567"),
        ("375291234567", "+375291234567"),
        ("80291234567", "+375291234567"),
        ("8 029 123-45-67", "+375291234567"),
        ("8 (029) 123 45 67", "+375291234567"),
        ("0291234567", "+375291234567"),
        ("291234567", "+375291234567"),
        ("+375 (29) 123-45-67", "+375291234567"),
        ("+80291234567", "+375291234567"),
        ("80331234567", "+375331234567"),
        ("80441234567", "+375441234567"),
        ("80256123456", "+375256123456"),
        ("80172345678", "+375172345678"),
        ("+375172345678", "+375172345678"),
        ("375162234567", "+375162234567"),
        ("810375291234567", "+375291234567"),
        ("00375291234567", "+375291234567"),
        ("8~10 375 29 123 45 67", "+375291234567"),
        // Kazakhstan shares +7.
        ("87011234567", "+77011234567"),
        ("+77011234567", "+77011234567"),
        // The rest of the world, with the plus and as some trunks send it, without.
        ("+380501234567", "+380501234567"),
        ("380501234567", "+380501234567"),
        ("+442071838750", "+442071838750"),
        ("442071838750", "+442071838750"),
        ("00442071838750", "+442071838750"),
        ("+12125550123", "+12125550123"),
        ("12125550123", "+12125550123"),
        ("+4915112345678", "+4915112345678"),
        ("4915112345678", "+4915112345678"),
        ("+998901234567", "+998901234567"),
        ("998901234567", "+998901234567"),
        ("+390612345678", "+390612345678"),
        ("+8613812345678", "+8613812345678"),
        ("+37060012345", "+37060012345"),
        ("48601234567", "+48601234567"),
        // As SIP headers and dialplans wrap them.
        ("sip:+375291234567@203.0.113.7", "+375291234567"),
        ("sip:80291234567@203.0.113.7:5060;transport=udp", "+375291234567"),
        ("<sip:+79161234567@example.com;user=phone>", "+79161234567"),
        ("\"Ivan 2\" <sip:+79161234567@example.com>", "+79161234567"),
        ("Иван <89161234567>", "+79161234567"),
        ("sips:+79161234567;npdi@example.com", "+79161234567"),
        ("tel:+375-29-123-45-67;phone-context=+375", "+375291234567"),
        ("%2B375291234567", "+375291234567"),
        (" 375291234567", "+375291234567"),
        ("\u{202a}+375291234567\u{202c}", "+375291234567"),
        // Withheld.
        ("", "withheld"),
        ("   ", "withheld"),
        ("anonymous", "withheld"),
        ("Anonymous", "withheld"),
        ("sip:anonymous@anonymous.invalid", "withheld"),
        ("\"Anonymous\" <sip:anonymous@anonymous.invalid>", "withheld"),
        ("anonymous.invalid", "withheld"),
        ("unknown", "withheld"),
        ("<unknown>", "withheld"),
        ("restricted", "withheld"),
        ("UNAVAILABLE", "withheld"),
        ("private", "withheld"),
        ("asterisk", "withheld"),
        ("0", "withheld"),
        ("0000000000", "withheld"),
        ("Номер скрыт", "withheld"),
        // Colleagues.
        ("100", "extension 100"),
        ("7", "extension 7"),
        ("sip:2001@10.0.0.5", "extension 2001"),
        ("\"Olga\" <101234>", "extension 101234"),
        // Nothing that anybody could ring back.
        ("1234567", "invalid"),
        ("+123", "invalid"),
        ("*72", "invalid"),
        ("79161234", "invalid"),
        ("+7916123456789", "invalid"),
        ("12345678901234567890", "invalid"),
        ("1-800-FLOWERS", "invalid"),
        ("bob", "invalid"),
        ("'; DROP TABLE orders; --", "invalid"),
        ("99999999999", "invalid"),
        ("+0000000", "withheld"),
    ];

    #[test]
    fn every_spelling_means_what_a_person_would_say_it_means() {
        let wrong: Vec<_> = VECTORS
            .iter()
            .map(|(raw, expected)| (raw, expected, read(raw)))
            .filter(|(_, e, r)| r != *e)
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn the_order_of_the_plans_decides_an_ambiguous_number() {
        let russia = PresentedNumber::read("291234567", &["RU".parse().expect("a country")]);
        assert_eq!(russia, PresentedNumber::Invalid, "nine digits are no Russian number");
        let poland = PresentedNumber::read("601234567", &["PL".parse().expect("a country")]);
        assert_eq!(poland.number().map(PhoneNumber::e164), Some("+48601234567"));
    }

    #[test]
    fn a_number_read_twice_stays_the_same() {
        for (raw, _) in VECTORS {
            if let PresentedNumber::Number(number) = PresentedNumber::read(raw, &Region::DEFAULTS) {
                assert_eq!(PhoneNumber::parse(number.e164(), &[]).as_ref(), Ok(&number), "{raw}");
            }
        }
    }

    #[test]
    fn neither_display_nor_errors_show_the_number() {
        let number = PhoneNumber::parse("80291234567", &Region::DEFAULTS).expect("valid");
        assert_eq!(format!("{number} {number:?}"), "+375***4567 +375***4567");
        let error = PhoneNumber::parse("7916123456", &[]).expect_err("ten digits with no plan");
        assert_eq!(error.to_string(), "expected a telephone number such as +375291234567, found 10 digits");
    }

    #[test]
    fn an_unknown_country_is_refused_with_what_was_written() {
        assert_eq!("by".parse::<Region>().map(String::from).as_deref(), Ok("BY"));
        let error = "Belarus".parse::<Region>().expect_err("no code");
        assert_eq!(
            error.to_string(),
            "expected a country of two letters such as RU or BY, found \"Belarus\""
        );
    }

    #[test]
    fn nothing_from_outside_can_panic() {
        for raw in [
            "<",
            ">",
            "><",
            "<>",
            "\"",
            "sip:",
            "@",
            ";",
            "+",
            "++++++++",
            "%",
            "<sip:\u{1F600}>",
            "\u{661}\u{662}\u{663}",
        ] {
            let _ = PresentedNumber::read(raw, &Region::DEFAULTS);
        }
    }
}
