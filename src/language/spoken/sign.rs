//! Signs, letters and abbreviations in words.

use super::super::Language;

/// What a sign that stands alone is called; none for letters, punctuation and whatever is not said.
pub(super) fn word(c: char, next: Option<char>, language: Language) -> Option<&'static str> {
    let (russian, english) = match c {
        '№' => ("номер", "number"),
        '#' if next.is_some_and(|c| c.is_ascii_digit()) => ("номер", "number"),
        '%' => ("процентов", "percent"),
        '‰' => ("промилле", "per mille"),
        '&' => ("и", "and"),
        '+' => ("плюс", "plus"),
        '=' => ("равно", "equals"),
        '@' => ("собака", "at"),
        '~' | '≈' => ("около", "about"),
        '°' => ("градусов", "degrees"),
        '₽' => ("рублей", "rubles"),
        '$' => ("долларов", "dollars"),
        '€' => ("евро", "euros"),
        '£' => ("фунтов", "pounds"),
        _ => return None,
    };
    Some(match language {
        Language::Russian => russian,
        Language::English => english,
    })
}

/// Whether a character may go to a voice as it is. Marks of formatting and pictures may not.
pub(super) fn is_sayable(c: char) -> bool {
    c.is_alphabetic()
        || c.is_whitespace()
        || matches!(c, '.' | ',' | '!' | '?' | '…' | ';' | ':' | '-' | '—' | '–' | '\'' | '’' | '\u{301}')
}

/// The words for an abbreviation at the beginning of a run of letters, full stops and hyphens, and its length in bytes.
pub(super) fn abbreviation(run: &str, language: Language) -> Option<(&'static str, usize)> {
    let lower = run.to_lowercase();
    let dotted = match language {
        Language::Russian => RUSSIAN_DOTTED,
        Language::English => ENGLISH_DOTTED,
    };
    for (short, said) in dotted {
        // Lower-casing keeps the length of these letters, so an index into the one is an index into the other.
        if lower.len() == run.len() && lower.starts_with(short) {
            let after = &run[short.len()..];
            if !after.starts_with(char::is_alphabetic) || matches!(*short, "т.д." | "т.п." | "т.е." | "т.к.")
            {
                return Some((said, short.len()));
            }
        }
    }
    let word_end = run.find(['.', '-']).unwrap_or(run.len());
    let word = &run[..word_end];
    if language == Language::Russian {
        if let Some((_, said)) = RUSSIAN_WORDS.iter().find(|(short, _)| word.to_lowercase() == *short) {
            return Some((said, word.len()));
        }
        if run.len() == word.len()
            && let Some((_, said)) = LETTER_WORDS.iter().find(|(letters, _)| *letters == word)
        {
            return Some((said, word.len()));
        }
    }
    None
}

/// The Russian name of a Latin letter in a size, an index or an abbreviation; English voices know their letters.
pub(super) fn letter(c: char) -> &'static str {
    match c.to_ascii_lowercase() {
        'a' => "а",
        'b' => "бэ",
        'c' => "цэ",
        'd' => "дэ",
        'e' => "е",
        'f' => "эф",
        'g' => "джи",
        'h' => "аш",
        'i' => "ай",
        'j' => "джей",
        'k' => "ка",
        'l' => "эль",
        'm' => "эм",
        'n' => "эн",
        'o' => "о",
        'p' => "пэ",
        'q' => "кью",
        'r' => "эр",
        's' => "эс",
        't' => "тэ",
        'u' => "у",
        'v' => "вэ",
        'w' => "дабл ю",
        'x' => "икс",
        'y' => "игрек",
        'z' => "зэт",
        _ => "",
    }
}

/// With their full stops; the longer first where one begins another.
const RUSSIAN_DOTTED: &[(&str, &str)] = &[
    ("и т.д.", "и так далее"),
    ("т.д.", "так далее"),
    ("т.п.", "тому подобное"),
    ("т.е.", "то есть"),
    ("т.к.", "так как"),
    ("ул.", "улица"),
    ("просп.", "проспект"),
    ("пр-т", "проспект"),
    ("пр-кт", "проспект"),
    ("пр.", "проспект"),
    ("пер.", "переулок"),
    ("наб.", "набережная"),
    ("бул.", "бульвар"),
    ("б-р", "бульвар"),
    ("пл.", "площадь"),
    ("ш.", "шоссе"),
    ("корп.", "корпус"),
    ("стр.", "строение"),
    ("кв.", "квартира"),
    ("г.", "город"),
    ("д.", "дом"),
    ("обл.", "область"),
    ("им.", "имени"),
    ("тел.", "телефон"),
    ("шт.", "штук"),
    ("руб.", "рублей"),
    ("коп.", "копеек"),
    ("тыс.", "тысяч"),
    ("млн", "миллионов"),
    ("мин.", "минут"),
    ("др.", "другое"),
    ("напр.", "например"),
    ("см.", "смотрите"),
    ("ок.", "около"),
];

/// Without a full stop.
const RUSSIAN_WORDS: &[(&str, &str)] = &[("смс", "эс эм эс"), ("шт", "штук"), ("руб", "рублей")];

/// Latin abbreviations that a Russian voice would read as a word.
const LETTER_WORDS: &[(&str, &str)] = &[
    ("SMS", "эс эм эс"),
    ("BMW", "бэ эм вэ"),
    ("XL", "икс эль"),
    ("RUB", "рублей"),
    ("BYN", "белорусских рублей"),
    ("USD", "долларов"),
    ("EUR", "евро"),
    ("ID", "ай ди"),
    ("OK", "окей"),
    ("R", "эр"),
];

const ENGLISH_DOTTED: &[(&str, &str)] = &[
    ("e.g.", "for example"),
    ("i.e.", "that is"),
    ("etc.", "and so on"),
    ("approx.", "about"),
    ("mr.", "Mister"),
    ("mrs.", "Missis"),
    ("ms.", "Miz"),
    ("dr.", "Doctor"),
    ("st.", "Street"),
    ("ave.", "Avenue"),
    ("rd.", "Road"),
    ("blvd.", "Boulevard"),
    ("apt.", "apartment"),
    ("pcs.", "pieces"),
    ("pcs", "pieces"),
    ("qty.", "quantity"),
    ("no.", "number"),
    ("vs.", "versus"),
    ("a.m.", "a m"),
    ("p.m.", "p m"),
    ("usd", "dollars"),
];
