//! E-mail addresses as the store keeps them.

/// An e-mail address in lower case: two spellings are one mailbox for every provider that people use, and must not be two
/// accounts. ASCII only: a name in other letters is written in its ASCII form (RFC 5890), so that no two addresses look
/// alike, and any mail server takes it.
pub(crate) fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    // RFC 5321, section 4.5.3.1: 64 octets before the sign, 254 in all that a reverse path can carry.
    let fits = text.len() <= 254 && (1..=64).contains(&local.len());
    let atom = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let good = fits && local.split('.').all(atom) && domain.contains('.') && domain.split('.').all(label);
    good.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_lower_case() {
        assert_eq!(email(" Anna.K+shop@Example.ORG ").as_deref(), Some("anna.k+shop@example.org"));
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "anna",
            "@example.org",
            "anna@",
            "anna@localhost",
            "anna@@example.org",
            "an na@example.org",
            ".anna@example.org",
            "an..na@example.org",
            "anna@-example.org",
            "anna@example..org",
            "anna\0@example.org",
            "анна@example.org",
            "anna@example.org\r\nBcc: all@example.org",
            "a' or 1=1 --@example.org",
            &long,
        ] {
            assert_eq!(email(bad), None, "{bad:?}");
        }
    }
}
