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

/// Whether the words end with any of the phrases.
pub(super) fn ends(words: &[String], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| {
        let from = words.len().checked_sub(phrase.split(' ').count());
        from.is_some_and(|from| matches_at(words, from, phrase).is_some())
    })
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
            for end in ends_of(words, at, phrase) {
                reached[end].1 = true;
            }
        }
        for phrase in fillers {
            for end in ends_of(words, at, phrase) {
                reached[end].0 |= plain;
                reached[end].1 |= cored;
            }
        }
    }
    reached[words.len()].1
}

/// Where a pattern may end if it stands at this word: `(a)` may be left out, `a|b` is either,
/// `[a b|c]` holds choices of several words, `stem*` is any word that begins so.
fn ends_of(words: &[String], at: usize, pattern: &str) -> Vec<usize> {
    if !pattern.contains(['(', '[', '|', '*']) {
        // A phrase as it is said, as most are: as a rule it does not stand here, and that costs no memory.
        return matches_at(words, at, pattern).into_iter().collect();
    }
    let mut ends = vec![at];
    for part in parts(pattern) {
        let optional = part.starts_with('(');
        let part = part.trim_matches(['(', ')', '[', ']']);
        let mut next = if optional { ends.clone() } else { Vec::new() };
        for &from in &ends {
            for end in part.split('|').filter_map(|choice| stands_at(words, from, choice)) {
                if !next.contains(&end) {
                    next.push(end);
                }
            }
        }
        if next.is_empty() {
            return next;
        }
        ends = next;
    }
    // A pattern of which everything was left out stands nowhere.
    ends.retain(|end| *end > at);
    ends
}

/// The parts of a pattern; what stands in brackets is one, whatever spaces are in it.
fn parts(pattern: &str) -> impl Iterator<Item = &str> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let end = match rest.as_bytes()[0] {
            b'(' => rest.find(')').map(|at| at + 1),
            b'[' => rest.find(']').map(|at| at + 1),
            _ => rest.find(' '),
        };
        let (part, left) = rest.split_at(end.unwrap_or(rest.len()));
        rest = left;
        Some(part)
    })
}

/// Where the phrase ends if it stands at this word; a word of it may be a stem.
fn stands_at(words: &[String], at: usize, phrase: &str) -> Option<usize> {
    let mut end = at;
    for part in phrase.split(' ') {
        match part.strip_suffix('*') {
            Some(stem) if words.get(end)?.starts_with(stem) => end += 1,
            Some(_) => return None,
            None => end = matches_at(words, end, part)?,
        }
    }
    Some(end)
}

/// Where the phrase ends if it stands at this word.
fn matches_at(words: &[String], at: usize, phrase: &str) -> Option<usize> {
    let mut end = at;
    for part in phrase.split(' ') {
        let word = words.get(end)?;
        let begins = |text: &str| text.as_bytes().first().copied();
        if begins(word) != begins(part) && ![begins(word), begins(part)].contains(&Some(b'\'')) {
            return None;
        }
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
    fn a_pattern_has_choices_stems_and_what_may_be_left_out() {
        let cores = ["(you) got|have [it|all of it] right", "оформля* (заказ|его)"];
        for said in ["got it right", "you have all of it right", "оформляйте", "оформляем его"]
        {
            assert!(tiles(&words(said), &cores, &[]), "{said}");
        }
        for said in ["you right", "got right", "got it", "you", "оформите", "заказ"] {
            assert!(!tiles(&words(said), &cores, &[]), "{said}");
        }
        assert!(!tiles(&words("well"), &["(yes)"], &["well"]), "a pattern of nothing is no core");
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
