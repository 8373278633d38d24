//! Money: whole minor units and a currency. Never a floating-point number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in minor units (kopecks, cents) of its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Hundredths of the currency's unit.
    pub minor: i64,
    pub currency: Currency,
}

/// The currencies that Orderline can speak, by their ISO 4217 codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Currency {
    /// Russian rouble.
    #[default]
    #[serde(rename = "RUB")]
    Rub,
    /// Belarusian rouble.
    #[serde(rename = "BYN")]
    Byn,
    /// United States dollar.
    #[serde(rename = "USD")]
    Usd,
    /// Euro.
    #[serde(rename = "EUR")]
    Eur,
}

impl Currency {
    /// Its ISO 4217 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Rub => "RUB",
            Self::Byn => "BYN",
            Self::Usd => "USD",
            Self::Eur => "EUR",
        }
    }
}

impl fmt::Display for Money {
    /// `1500.00 RUB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        write!(f, "{sign}{}.{:02} {}", minor / 100, minor % 100, self.currency.code())
    }
}
