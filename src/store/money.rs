//! Amounts of the store: `bigint` minor units in the database, JSON numbers with exactly two decimals on the wire.
//! Nothing here is ever reckoned in floating point.

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

impl utoipa::PartialSchema for Amount {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::Number)
            .description(Some(
                "An amount of money with two decimals; in a request also a text such as \"7490.00\".",
            ))
            .minimum(Some(0.0))
            .examples([serde_json::json!(1500.00)])
            .into()
    }
}

impl utoipa::ToSchema for Amount {}

impl<'de> Deserialize<'de> for Amount {
    /// A number or a text with at most two decimals. A number with a point comes as the nearest binary fraction; its
    /// shortest decimal form is what its sender wrote, up to fifteen digits, and only that form is ever looked at.
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
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Amount, E> {
                let written = Some(number.to_string()).filter(|text| text.len() <= 16);
                let amount = written.and_then(|text| parse(&text));
                amount.ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
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
        for (number, minor) in
            [("1.5", 150), ("1500.00", 150_000), ("0.07", 7), ("9999999999.99", 999_999_999_999)]
        {
            assert_eq!(serde_json::from_str::<Amount>(number).unwrap(), Amount(minor), "{number}");
        }
        for number in ["1.005", "-1.5", "-1", "1e300", "12345678901234567.5"] {
            assert!(serde_json::from_str::<Amount>(number).is_err(), "{number}");
        }
    }
}
