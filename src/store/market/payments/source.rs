//! Where the money of a payment comes from: a card, by its provider's token, or a telephone number.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::store::phone::phone;
use crate::store::problem::{Code, Problem};
use crate::store::settings::Settings;
use crate::store::state::Method;

/// How the marketplace takes money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Means {
    Card,
    Phone,
}

impl Means {
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Card => Method::Card,
            Self::Phone => Method::Phone,
        }
    }

    /// The means behind a name in the database.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Card, Self::Phone].into_iter().find(|means| means.method().name() == name)
    }
}

/// A card's token or a number in E.164.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) means: Means,
    pub(crate) value: String,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("means", &self.means).finish_non_exhaustive()
    }
}

/// The longest token, in bytes. Chosen: providers' are below half of it.
const MAX_TOKEN: usize = 200;

impl Source {
    /// What a request names, if it names one; `card` is the pointer to the card's token.
    ///
    /// # Errors
    /// `invalid-request` for both at once, for the other one than `means` says, and for what is no token or number.
    pub(crate) fn of(
        means: Option<Means>,
        card: (&str, Option<&str>),
        number: Option<&str>,
    ) -> Result<Option<Self>, Problem> {
        let (at, token) = card;
        let means = match (means, token, number) {
            (None, Some(_), Some(_)) => {
                return Err(Problem::field(at, "expected a card or a phone, found both"));
            }
            (None, Some(_), None) | (Some(Means::Card), ..) => Means::Card,
            (None, None, Some(_)) | (Some(Means::Phone), ..) => Means::Phone,
            (None, None, None) => return Ok(None),
        };
        let value = match means {
            Means::Card => {
                let token = token.ok_or_else(|| Problem::field(at, "expected a card's token, found none"))?;
                let fits =
                    (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
                let message = format!("expected a token of 1 to {MAX_TOKEN} visible ASCII characters");
                fits.then(|| token.to_owned()).ok_or_else(|| Problem::field(at, message))?
            }
            Means::Phone => {
                let message = "expected a number such as +79161234567";
                number.and_then(phone).ok_or_else(|| Problem::field("/phone", message))?
            }
        };
        Ok(Some(Self { means, value }))
    }
}

/// Refuses a payment that nobody could take.
///
/// # Errors
/// `payment-method-unavailable` without a provider in the settings.
pub(crate) fn must_be_taken(settings: &Settings) -> Result<(), Problem> {
    let detail = "this shop takes no payment here: shop.pay.provider is not set";
    settings.pay.provider.as_ref().map(drop).ok_or_else(|| Problem::new(Code::PaymentUnavailable, detail))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_source_is_a_token_or_a_number_and_never_both() {
        let of = |means, card, number| Source::of(means, ("/card", card), number);
        assert_eq!(of(None, None, None).unwrap(), None);
        assert_eq!(of(None, Some("tok_ok"), None).unwrap().unwrap().means, Means::Card);
        assert_eq!(of(None, None, Some("+7 916 123-45-67")).unwrap().unwrap().value, "+79161234567");
        assert_eq!(
            of(Some(Means::Phone), Some("t"), Some("+79161234567")).unwrap().unwrap().means,
            Means::Phone
        );
        for (means, card, number) in [
            (None, Some("t"), Some("+79161234567")),
            (Some(Means::Card), None, Some("+79161234567")),
            (Some(Means::Phone), Some("t"), None),
            (None, Some(""), None),
            (None, Some("a b"), None),
            (None, Some("a\u{0}"), None),
            (None, Some("я"), None),
            (None, None, Some("12")),
        ] {
            assert_eq!(
                of(means, card, number).unwrap_err().code,
                Code::Invalid,
                "{means:?} {card:?} {number:?}"
            );
        }
        let source = of(None, Some("tok_secret"), None).unwrap().unwrap();
        assert!(!format!("{source:?}").contains("secret"));
    }
}
