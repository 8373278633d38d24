//! One word: its stem, its likeness to another, how it is written as a name.

/// A word without its ending, so that `зимнюю` and `зимние` are one. Good for comparing, not for showing.
pub fn stem(word: &str) -> String {
    if word.bytes().all(|b| b.is_ascii_digit()) {
        return word.to_owned();
    }
    if word.is_ascii() {
        // "tires" and "tire", "boxes" and "box"; "glass" stays.
        if let Some(body) = word.strip_suffix("ies").filter(|body| body.len() > 2) {
            return format!("{body}y");
        }
        if let Some(body) = word.strip_suffix("es")
            && ["x", "s", "ch", "sh"].iter().any(|end| body.ends_with(end))
        {
            return body.to_owned();
        }
        let singular = word.strip_suffix('s').filter(|w| w.len() > 2 && !w.ends_with('s'));
        return singular.unwrap_or(word).to_owned();
    }
    for ending in ENDINGS {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.chars().count() >= 2
        {
            return stem.to_owned();
        }
    }
    word.to_owned()
}

/// Russian endings of nouns and adjectives, the longer first.
const ENDINGS: &[&str] = &[
    "ыми", "ими", "ого", "его", "ому", "ему", "ами", "ями", "ая", "яя", "ую", "юю", "ые", "ие", "ых", "их",
    "ый", "ий", "ой", "ей", "ое", "ее", "ым", "им", "ом", "ем", "ам", "ям", "ах", "ях", "ов", "ев", "ы", "и",
    "а", "я", "у", "ю", "о", "е", "ь", "й",
];

/// Whether one letter more, less or another makes one word of the other.
pub fn nearly(one: &str, other: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let same = short.iter().zip(long.iter()).take_while(|(x, y)| x == y).count();
    let (short_rest, long_rest) = (&short[same..], &long[same..]);
    match short.len() == long.len() {
        true => short_rest.get(1..).unwrap_or_default() == long_rest.get(1..).unwrap_or_default(),
        false => short_rest == &long_rest[1..],
    }
}

/// `ленина` as `Ленина`.
pub fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// Whether it is a word of letters, of two at least.
pub fn is_wordy(word: &str) -> bool {
    word.chars().all(char::is_alphabetic) && word.chars().nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for forms in [
            &["зимние", "зимняя", "зимнюю", "зимних", "зимними"][..],
            &["шина", "шины", "шин", "шину", "шинами"],
            &["москва", "москву", "москве", "москвы"],
            &["tire", "tires"],
            &["box", "boxes"],
            &["lily", "lilies"],
        ] {
            for form in forms {
                assert_eq!(stem(form), stem(forms[0]), "{form}");
            }
        }
        assert_ne!(stem("шипованная"), stem("нешипованная"));
    }

    #[test]
    fn one_letter_may_be_wrong() {
        for (a, b, near) in [
            ("мишлен", "мишлин", true),
            ("мишлен", "мишленн", true),
            ("мишлен", "мишен", true),
            ("мишлен", "мишлен", true),
            ("мишлен", "нишлин", false),
            ("a", "abc", false),
            ("", "a", true),
        ] {
            assert_eq!(nearly(a, b), near, "{a} {b}");
            assert_eq!(nearly(b, a), near, "{b} {a}");
        }
    }
}
