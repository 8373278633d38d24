//! Telephone numbers as the store keeps them.

/// A telephone number in E.164. Spaces, hyphens and brackets are dropped; a leading space is a `+` that an address turned
/// into a space.
pub(crate) fn phone(text: &str) -> Option<String> {
    let text = text
        .strip_prefix(' ')
        .map_or_else(|| text.to_owned(), |rest| format!("+{}", rest.trim_start_matches('+')));
    let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
    let digits = plain.strip_prefix('+')?;
    let fits = (7..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    fits.then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_number_is_kept_in_e164() {
        assert_eq!(phone("+7 (916) 123-45-67").as_deref(), Some("+79161234567"));
        assert_eq!(phone(" 79161234567").as_deref(), Some("+79161234567"));
        for bad in ["", "+", "89161234567", "+0123456789", "+7916", "+7916123456789012", "+7916x234567"] {
            assert_eq!(phone(bad), None, "{bad}");
        }
    }
}
