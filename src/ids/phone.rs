//! Telephone numbers as trunks, dialplans and people spell them, brought to E.164 (ITU-T E.164, 11/2010).

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// The number in E.164, for the store, the SMS gateway and the audit's sealed part.
    pub fn e164(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = PhoneError;

    fn try_from(text: String) -> Result<Self, PhoneError> {
        let digits = text.strip_prefix('+').unwrap_or("");
        if (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text))
        } else {
            Err(PhoneError { found: format!("{} characters", text.chars().count()) })
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
