//! Russian and English as people speak them on the telephone: numbers, money, dates and telephone digits both ways,
//! and the few words that steer a call (yes, no, cancel, a person please). Pure; imports nothing of the project.

use serde::{Deserialize, Serialize};

/// A language that Orderline speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Language {
    /// Russian, `ru`.
    #[default]
    #[serde(rename = "ru")]
    Russian,
    /// English, `en`.
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// ISO 639-1: `ru` or `en`; what whisper and the speech endpoints are told.
    pub fn code(self) -> &'static str {
        match self {
            Self::Russian => "ru",
            Self::English => "en",
        }
    }
}
