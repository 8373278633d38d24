//! Amounts of the store: `bigint` minor units in the database, JSON numbers with exactly two decimals on the wire.
//! Nothing here is ever a floating-point number.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

/// An amount in minor units (hundredths) of a currency that stands beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub(crate) struct Amount(pub(crate) i64);

impl fmt::Display for Amount {
    /// `1500.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let minor = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", minor / 100, minor % 100)
    }
}

impl Serialize for Amount {
    /// A raw JSON number: `1500.00`, not `1500`. Only JSON written to text keeps it; `serde_json::Value` would not.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = RawValue::from_string(self.to_string()).map_err(S::Error::custom)?;
        number.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    /// A whole number of units, or a text with at most two decimals. A number with a point is refused: it has been
    /// through a floating-point reader.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Amount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount such as \"7490.00\" or 7490")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_u64<E: de::Error>(self, units: u64) -> Result<Amount, E> {
                let minor = i64::try_from(units).ok().and_then(|units| units.checked_mul(100));
                minor.map(Amount).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(units), &self))
            }
            fn visit_i64<E: de::Error>(self, units: i64) -> Result<Amount, E> {
                let whole = u64::try_from(units)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(units), &self))?;
                self.visit_u64(whole)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

fn parse(text: &str) -> Option<Amount> {
    let (units, cents) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if units.is_empty() || cents.len() > 2 || !digits(units) || !digits(cents) || text.ends_with('.') {
        return None;
    }
    let units: i64 = units.parse().ok()?;
    let cents: i64 = format!("{cents:0<2}").parse().ok()?;
    units.checked_mul(100)?.checked_add(cents).map(Amount)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_amount_is_a_json_number_with_two_decimals() {
        let shown: Vec<String> = [0, 5, 150_000, 99_999_999_999_999_999]
            .map(|minor| serde_json::to_string(&Amount(minor)).unwrap())
            .into();
        assert_eq!(shown, ["0.00", "0.05", "1500.00", "999999999999999.99"]);
    }

    #[test]
    fn an_amount_with_a_third_decimal_a_sign_or_an_exponent_is_refused() {
        for text in ["1.005", "-1", "1e3", "", ".5", "1.", "1,5", "92233720368547758.08"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("7490.5"), Some(Amount(749_050)));
        assert!(serde_json::from_str::<Amount>("1.5").is_err());
    }
}
