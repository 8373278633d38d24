//! Money as JSON writes it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::clip;

// Chosen: 10 billion units; beyond it no order was meant, and sums stay far from overflowing.
const MAX_MINOR: i64 = 1_000_000_000_000;

/// An amount in minor units, from `1500`, `1500.5`, `1500.00` or `"1500.00"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Box<RawValue>")]
pub(super) struct Amount(pub(super) i64);

impl TryFrom<Box<RawValue>> for Amount {
    type Error = String;

    fn try_from(raw: Box<RawValue>) -> Result<Self, String> {
        let text = raw.get();
        let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let wrong = || {
            format!(
                "an amount with at most two decimals, not negative, without exponent, found {}",
                clip(text, 40)
            )
        };
        let (whole, decimals) = match text.split_once('.') {
            Some((_, "")) => return Err(wrong()),
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 13 || decimals.len() > 2 || !digits(whole) || !digits(decimals) {
            return Err(wrong());
        }
        let units: i64 = whole.parse().map_err(|_| wrong())?;
        let hundredths: i64 = format!("{decimals:0<2}").parse().map_err(|_| wrong())?;
        match units.checked_mul(100).and_then(|minor| minor.checked_add(hundredths)) {
            Some(minor) if minor <= MAX_MINOR => Ok(Self(minor)),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn amount(json: &str) -> Result<i64, serde_json::Error> {
        serde_json::from_str::<Amount>(json).map(|amount| amount.0)
    }

    #[test]
    fn amounts_are_read_to_the_kopeck() {
        for (json, minor) in [
            ("1500.00", 150_000),
            ("1500", 150_000),
            ("1500.5", 150_050),
            ("\"1500.05\"", 150_005),
            ("0.29", 29),
            ("0", 0),
            ("9007199254.93", 900_719_925_493),
        ] {
            assert_eq!(amount(json).unwrap(), minor, "{json}");
        }
    }

    #[test]
    fn amounts_that_could_be_misread_are_refused() {
        for json in [
            "1.005",
            "1e3",
            "-5",
            "1.",
            "\"\"",
            "\"1,50\"",
            "null",
            "[]",
            "{}",
            "99999999999999",
            "\"1.5 \"",
            "true",
        ] {
            assert!(amount(json).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_survives_being_written(minor in 0_i64..=MAX_MINOR) {
            prop_assert_eq!(amount(&format!("{}.{:02}", minor / 100, minor % 100)).unwrap(), minor);
        }
    }
}
