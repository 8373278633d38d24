//! Matching of set phrases in folded words. Apostrophes don't count: recognisers write `that's` and `thats`.

/// Whether the phrase stands somewhere in the words, whole.
pub(super) fn has(words: &[String], phrase: &str) -> bool {
    (0..words.len()).any(|at| matches_at(words, at, phrase).is_some())
}

/// Whether any of the phrases stands in the words.
pub(super) fn has_any(words: &[String], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| has(words, phrase))
}

/// Whether the words begin with any of the phrases.
pub(super) fn begins(words: &[String], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| matches_at(words, 0, phrase).is_some())
}

/// Whether any word begins with any of these stems (`оператор` in `оператора`).
pub(super) fn has_stem(words: &[String], stems: &[&str]) -> bool {
    words.iter().any(|word| stems.iter().any(|stem| word.starts_with(stem)))
}

/// Whether the words are made up wholly of these phrases, at least one of them a core. This is what makes an answer
/// conservative: one word too many, and it's no answer.
pub(super) fn tiles(words: &[String], cores: &[&str], fillers: &[&str]) -> bool {
    // reached[i] = (i words covered without a core, with one).
    let mut reached = vec![(false, false); words.len() + 1];
    reached[0].0 = true;
    for at in 0..words.len() {
        let (plain, cored) = reached[at];
        if !plain && !cored {
            continue;
        }
        for phrase in cores {
            if let Some(end) = matches_at(words, at, phrase) {
                reached[end].1 = true;
            }
        }
        for phrase in fillers {
            if let Some(end) = matches_at(words, at, phrase) {
                reached[end].0 |= plain;
                reached[end].1 |= cored;
            }
        }
    }
    reached[words.len()].1
}

/// Where the phrase ends if it stands at this word.
fn matches_at(words: &[String], at: usize, phrase: &str) -> Option<usize> {
    let mut end = at;
    for part in phrase.split(' ') {
        let word = words.get(end)?;
        if !word.chars().filter(|c| *c != '\'').eq(part.chars().filter(|c| *c != '\'')) {
            return None;
        }
        end += 1;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::super::text::words;
    use super::*;

    #[test]
    fn phrases_are_found_whole_and_without_apostrophes() {
        let said = words("Yes, thats right then");
        assert!(has(&said, "that's right"));
        assert!(!has(&said, "right the"));
        assert!(!has(&[], "yes"));
    }

    #[test]
    fn a_tiling_leaves_no_word_over_and_needs_a_core() {
        let cores = ["yes", "that's right"];
        let fillers = ["please", "well"];
        assert!(tiles(&words("well yes that's right please"), &cores, &fillers));
        assert!(!tiles(&words("well please"), &cores, &fillers));
        assert!(!tiles(&words("yes but"), &cores, &fillers));
        assert!(!tiles(&[], &cores, &fillers));
    }
}
