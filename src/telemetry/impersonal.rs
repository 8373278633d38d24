//! Words of others for our log: a parser's complaint, a server's refusal. They may quote what they were given, and that may
//! be a caller's number, name or address.

/// The text without what may be of a person: whatever stands in quotation marks, rows of five digits and more, words with
/// an `@`, and letters beyond ASCII become an ellipsis; what is longer than so many characters is cut.
pub fn impersonal(text: &str, longest: usize) -> String {
    let mut unquoted = String::with_capacity(text.len().min(longest * 4));
    let mut quoted = false;
    let mut escaped = false;
    for c in text.chars() {
        match c {
            '"' if !escaped => {
                quoted = !quoted;
                unquoted.push_str(if quoted { "\"…" } else { "\"" });
            }
            _ if quoted => {}
            c if c.is_control() => unquoted.push(' '),
            c if c.is_ascii() => unquoted.push(c),
            _ if unquoted.ends_with('…') => {}
            _ => unquoted.push('…'),
        }
        escaped = c == '\\' && !escaped;
    }
    let words =
        unquoted.split(' ').map(|word| if word.contains('@') { "…".to_owned() } else { without_rows(word) });
    words.collect::<Vec<_>>().join(" ").chars().take(longest).collect()
}

/// A number of a person has its digits in a row, or in groups with signs between; a date or a version is shorter.
fn without_rows(word: &str) -> String {
    if word.chars().filter(char::is_ascii_digit).count() < DIGITS {
        return word.to_owned();
    }
    let mut kept = String::new();
    for c in word.chars() {
        match c {
            '0'..='9' if kept.ends_with('…') => {}
            '0'..='9' => kept.push('…'),
            c => kept.push(c),
        }
    }
    kept
}

/// Digits of a word from which on they may be somebody's: the shortest subscriber numbers have five.
const DIGITS: usize = 5;

#[cfg(test)]
mod tests {
    use super::impersonal;

    #[test]
    fn what_others_say_is_kept_and_what_they_quote_is_not() {
        for (text, kept) in [
            ("missing field `total` at line 1 column 17", "missing field `total` at line 1 column 17"),
            ("the server answered 401: Incorrect API key", "the server answered 401: Incorrect API key"),
            (
                "invalid type: string \"ул. Ленина \\\"5\\\"\", expected u32",
                "invalid type: string \"…\", expected u32",
            ),
            ("invalid type: integer `79161234567`, expected", "invalid type: integer `…`, expected"),
            ("cannot call +7-916-123-45-67 now", "cannot call +…-…-…-…-… now"),
            ("550 <anna@example.org> no such user", "550 … no such user"),
            ("Анна не найдена: 404", "… … …: 404"),
            ("an open \"quotation without an end", "an open \"…"),
        ] {
            assert_eq!(impersonal(text, 200), kept);
        }
        assert_eq!(impersonal(&"x".repeat(1000), 300).len(), 300);
    }
}
