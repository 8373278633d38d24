//! Card numbers that come where none belongs: refused before anything is kept, or struck out of what a provider says.
//!
//! A card is given as its provider's token. Somebody will send its number all the same, and a number that was never
//! written down cannot be lost (PCI DSS 4, requirement 3).

use serde_json::Value;
use uuid::Uuid;

use crate::store::mutation::Mutation;
use crate::store::phone::phone;
use crate::store::problem::{Code, Part, Problem};

/// Digits of a card number: ISO/IEC 7812 allows up to 19, and no scheme in use issues fewer than 13.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Places named in one answer; a body of a megabyte could hold fifty thousand.
const MAX_PARTS: usize = 20;

/// Refuses a request with a card number in any text, number or name of its body.
///
/// # Errors
/// `pan-not-accepted`, which says where and never what.
pub(crate) fn refuse(request: &Mutation) -> Result<(), Problem> {
    let body: Value = serde_json::from_slice(&request.raw).unwrap_or_default();
    let mut found = Vec::new();
    look(&body, "", "", &mut found);
    let Some(first) = found.first() else { return Ok(()) };
    let detail = format!("{first}: expected no card number; give the token of a payment provider");
    let parts = found.iter().take(MAX_PARTS).map(|pointer| Part {
        pointer: pointer.clone(),
        code: "pan-not-accepted",
        message: "expected no card number".to_owned(),
        ..Part::default()
    });
    Err(Problem::new(Code::PanNotAccepted, detail).with_parts(parts.collect()))
}

/// Strikes card numbers out of a text that must not be refused for them: a provider's word about a payment.
pub(crate) fn struck(text: &str) -> String {
    match holds(text) {
        true => "[a card number was struck out]".to_owned(),
        false => text.to_owned(),
    }
}

fn look(value: &Value, at: &str, name: &str, found: &mut Vec<String>) {
    let wrong = match value {
        Value::String(text) => {
            // An id with its hyphens may look like a card number by chance, and so may a telephone number.
            let id = text.len() == 36 && text.parse::<Uuid>().is_ok();
            let number = name == "phone" && text.starts_with('+') && phone(text).is_some();
            !id && !number && holds(text)
        }
        Value::Number(number) => holds(&number.to_string()),
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                look(item, &format!("{at}/{n}"), name, found);
            }
            false
        }
        Value::Object(members) => {
            for (name, member) in members {
                if holds(name) {
                    // Its name is the secret: the pointer ends before it.
                    found.push(at.to_owned());
                }
                look(member, &format!("{at}/{name}"), name, found);
            }
            false
        }
        Value::Null | Value::Bool(_) => false,
    };
    if wrong {
        found.push(if holds(at) { String::new() } else { at.to_owned() });
    }
}

/// Whether a text holds a card number: 13 to 19 digits with a right last one (Luhn), in groups that at most three spaces or
/// hyphens part.
pub(crate) fn holds(text: &str) -> bool {
    let mut run: Vec<Vec<u32>> = Vec::new();
    let mut apart = 0_usize;
    for c in text.chars() {
        match (digit(c), is_separator(c)) {
            (Some(digit), _) => {
                match run.last_mut() {
                    Some(group) if apart == 0 => group.push(digit),
                    _ => run.push(vec![digit]),
                }
                apart = 0;
            }
            (None, true) if apart < 3 => apart += 1,
            (None, _) => {
                if run_holds(&run) {
                    return true;
                }
                run.clear();
                apart = 0;
            }
        }
    }
    run_holds(&run)
}

/// Whether neighbouring whole groups make up a card number.
fn run_holds(run: &[Vec<u32>]) -> bool {
    (0..run.len()).any(|start| {
        let mut digits: Vec<u32> = Vec::new();
        for group in &run[start..] {
            digits.extend(group);
            if digits.len() > *DIGITS.end() {
                return false;
            }
            if digits.len() >= *DIGITS.start() && luhn(&digits) {
                return true;
            }
        }
        false
    })
}

fn digit(c: char) -> Option<u32> {
    match c {
        '0'..='9' => c.to_digit(10),
        // Full-width digits.
        '\u{ff10}'..='\u{ff19}' => Some(u32::from(c) - 0xff10),
        _ => None,
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ad}')
}

/// ISO/IEC 7812-1, annex B. A row of equal digits is nobody's card.
fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(n, digit)| match n % 2 {
            0 => *digit,
            _ if *digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10) && digits.windows(2).any(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_number_is_seen_however_it_is_written() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111\u{a0}1111\u{2013}1111 - 1111",
            "card=4111111111111111;12/29",
            "tok_4111111111111111",
            "x378282246310005y",
            "3782 822463 10005",
            "4222222222222",
            "до 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 после",
            "4111 1111 1111 1111 12 29 123",
            "5 4111 1111 1111 1111",
            "\u{ff14}111111111111111",
            "6304000000000000000",
        ] {
            assert!(holds(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_card_number_passes() {
        for text in [
            "",
            "tok_ok",
            "4111111111111112",
            "+7 (916) 123-45-67",
            "220030, Минск, ул. Ленина, 5-12",
            "ORD-20260214-4521",
            "0000000000000000",
            "411111111111",
            "41111111111111111111",
            "4111.1111.1111.1111",
            "tok_550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn every_place_of_a_body_is_looked_at_and_no_number_is_repeated() {
        let looked = |body: &str| {
            let mut found = Vec::new();
            look(&serde_json::from_str(body).unwrap_or_default(), "", "", &mut found);
            found
        };
        assert_eq!(looked(r#"{"a":[{"b":"4111111111111111"}],"c":4111111111111111}"#), ["/a/0/b", "/c"]);
        assert_eq!(looked(r#"{"x":{"4111111111111111":{"y":"4111111111111111"}}}"#), ["/x", ""]);
        assert!(looked(r#"{"productId":"12345678-1234-4234-8234-123456789015"}"#).is_empty());
        // A Chinese number of thirteen digits that Luhn would let pass.
        assert!(looked(r#"{"phone":"+8613800000009"}"#).is_empty());
    }
}
