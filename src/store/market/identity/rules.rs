//! What a name, a password and an account's address must look like.

use secrecy::{ExposeSecret, SecretString};

use crate::store::email;
use crate::store::phone;
use crate::store::problem::Problem;

/// By what a user signs in: an e-mail address or a telephone number, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Email(String),
    Phone(String),
}

impl Login {
    /// Reads `/email`.
    ///
    /// # Errors
    /// `invalid-request`.
    pub(crate) fn email(text: &str) -> Result<Self, Problem> {
        let wrong =
            || Problem::field("/email", "expected an e-mail address in ASCII, such as anna@example.org");
        email::email(text).map(Self::Email).ok_or_else(wrong)
    }

    /// Reads `/phone`.
    ///
    /// # Errors
    /// `invalid-request`.
    pub(crate) fn phone(text: &str) -> Result<Self, Problem> {
        let wrong = || Problem::field("/phone", "expected a telephone number in E.164, such as +79161234567");
        // What is longer than any number with its spaces is not even looked through.
        let text = if text.len() <= 64 { text } else { "" };
        phone::phone(text).map(Self::Phone).ok_or_else(wrong)
    }

    pub(crate) fn text(&self) -> &str {
        let (Self::Email(text) | Self::Phone(text)) = self;
        text
    }

    /// The field that it came in.
    pub(crate) fn pointer(&self) -> &'static str {
        match self {
            Self::Email(_) => "/email",
            Self::Phone(_) => "/phone",
        }
    }
}

/// A first or last name: 1 to 100 characters without line ends and the like, spaces around it dropped.
///
/// # Errors
/// `invalid-request` with the field.
pub(crate) fn person(pointer: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let good = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let wrong = || Problem::field(pointer, "expected 1 to 100 characters without control characters");
    good.then(|| text.to_owned()).ok_or_else(wrong)
}

/// The longest password, in characters: a whole sentence, and nothing that keeps a hasher busy.
const LONGEST: usize = 128;

/// Refuses what can be no password of anybody's: such a one is not even hashed.
///
/// # Errors
/// `invalid-request` with the field.
pub(crate) fn attempt(pointer: &str, password: &SecretString) -> Result<(), Problem> {
    let password = password.expose_secret();
    // Four bytes are the longest character in UTF-8.
    let fits = password.len() <= 4 * LONGEST && (1..=LONGEST).contains(&password.chars().count());
    let wrong = || Problem::field(pointer, "expected 1 to 128 characters without control characters");
    (fits && !password.chars().any(char::is_control)).then_some(()).ok_or_else(wrong)
}

/// Refuses what can be no token of this store's: 1 to 512 visible ASCII characters.
///
/// # Errors
/// `invalid-request` with the field.
pub(crate) fn token(pointer: &str, token: &SecretString) -> Result<(), Problem> {
    let token = token.expose_secret();
    let good = (1..=512).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
    good.then_some(()).ok_or_else(|| Problem::field(pointer, "expected a token as this store gave it"))
}

/// Refuses a new password that is too short, or that somebody who guesses tries first.
///
/// # Errors
/// `invalid-request` with the field and the reason; never the password.
pub(crate) fn new_password(pointer: &str, password: &SecretString, logins: &[&str]) -> Result<(), Problem> {
    attempt(pointer, password)?;
    let folded = password.expose_secret().to_lowercase();
    let refuse = |why: &str| Err(Problem::field(pointer, why));
    if folded.chars().count() < 10 {
        return refuse("expected 10 to 128 characters");
    }
    let mut letters: Vec<char> = folded.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    if letters.len() < 4 || COMMON.lines().any(|common| common == folded) {
        return refuse("expected a password that is not among the first ones that are tried");
    }
    for login in logins {
        // The name before the sign, the number without its plus; short ones are part of too many words.
        let name = login.split('@').next().unwrap_or_default().trim_start_matches('+');
        if name.chars().count() >= 4 && folded.contains(name) {
            return refuse("expected a password without the e-mail address or telephone number in it");
        }
    }
    Ok(())
}

/// Passwords of ten characters and more that lists of leaked ones begin with, in lower case, one a line.
const COMMON: &str = include_str!("common_passwords.txt");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_new_password_is_long_rare_and_not_the_login() {
        let check =
            |text: &str| new_password("/password", &text.into(), &["anna.k@example.org", "+79161234567"]);
        for good in ["верный конь 7", "correct horse", "0r4ng3-b1cycle", &"ab cd ".repeat(21)] {
            check(good).unwrap();
        }
        for bad in [
            "",
            "short-one",
            "Password123",
            "QWERTYUIOP",
            "1234567890",
            "йцукенгшщз",
            "aaaaaaaaaaaa",
            "121212121212",
            "my Anna.K secret",
            "+7 79161234567",
            "anna.k@example.org",
            "with\0a nul inside",
            &"long ".repeat(26),
            &"x".repeat(10_000),
        ] {
            let problem = check(bad).unwrap_err();
            assert_eq!(problem.status(), 422, "{bad:?}");
        }
        // A login that is too short to mean anything in a password does not forbid it.
        new_password("/password", &"ann at the gates".into(), &["ann@example.org"]).unwrap();
    }

    #[test]
    fn common_passwords_are_listed_as_they_are_compared() {
        for line in COMMON.lines() {
            assert!(line.chars().count() >= 10 && line == line.to_lowercase(), "{line:?}");
        }
    }
}
