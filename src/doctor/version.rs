//! Asterisk's versions, and which change to AudioSocket came with which.
//!
//! The table was worked out by walking the release tags of each line; a change is in its first release and in all later
//! ones of the line.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A version as Asterisk tells it: `22.10.1`, `20.15.1`, `18.9-cert5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// The line: 18, 20, 21, 22, 23.
    pub major: u32,
    /// The release within the line.
    pub minor: u32,
    /// The repair of the release.
    pub patch: u32,
    /// The number of a certified version (`cert5`), which is the named release with some later repairs, nobody knows
    /// from the number which.
    pub certified: Option<u32>,
}

/// A text that names no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an Asterisk version such as 22.10.1 or 18.9-cert5, found {found:?}")]
pub struct VersionError {
    /// What was found.
    pub found: String,
}

impl FromStr for Version {
    type Err = VersionError;

    /// Reads a version out of `22.10.1`, `Asterisk 20.15.1`, `22.10.1+dfsg+~cs6.17` (Debian), `23.0.0-rc1`,
    /// `certified/18.9-cert5`.
    ///
    /// # Errors
    /// [`VersionError`] for anything else, such as a development build's `GIT-22-1a2b3c`, of which the release it
    /// became is not known.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError { found: text.chars().take(80).collect() };
        let text = text.trim();
        let text = text.strip_prefix("Asterisk ").unwrap_or(text);
        let text =
            text.strip_prefix("certified/").or_else(|| text.strip_prefix("certified-")).unwrap_or(text);
        let numbers: String =
            text.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
        let rest = &text[numbers.len()..];
        let mut parts = numbers.trim_end_matches('.').split('.');
        let mut next = || parts.next().map(|part| part.parse::<u32>().map_err(|_| error())).transpose();
        let (Some(major), Some(minor)) = (next()?, next()?) else { return Err(error()) };
        let patch = next()?.unwrap_or(0);
        // What a distribution adds comes after one of these; letters right after a number are no version.
        if !(rest.is_empty() || rest.starts_with(['-', '+', '~', ' '])) {
            return Err(error());
        }
        let certified = match rest.strip_prefix("-cert") {
            None => None,
            Some(rest) => {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                Some(digits.parse().map_err(|_| error())?)
            }
        };
        Ok(Self { major, minor, patch, certified })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch, certified } = self;
        match certified {
            Some(number) => write!(f, "{major}.{minor}-cert{number}"),
            None => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

/// A change to AudioSocket that callers feel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The application does not spin while it waits (asterisk issue 234).
    NoIdleSpin,
    /// The dialplan function `UUID()`.
    UuidFunction,
    /// The application ends in order when the server leaves, after 2 s of silence of both sides too; keys are sent as
    /// kind 0x03 (asterisk pull 1138).
    OrderlyEnd,
    /// `TCP_NODELAY`, and a payload may follow its header within 5 ms (asterisk pull 1247).
    NoDelay,
    /// The kinds 0x11 to 0x18, so that `c(slin16)` is labelled as what it is.
    Rates,
    /// A header may come in pieces, for however long (asterisk pull 1522).
    HeaderWait,
    /// A header that comes in pieces is put together at the right place (asterisk pull 1824).
    SplitHeader,
    /// Comfort noise is dropped on the way to the server (asterisk pull 1890).
    ComfortNoise,
}

impl Change {
    /// The first release of each line that has it. A line that is not named never got it; lines after the last named
    /// one have it from the start.
    pub const fn since(self) -> &'static [(u32, u32)] {
        match self {
            Self::NoIdleSpin => &[(18, 20), (20, 5), (21, 0), (22, 0), (23, 0)],
            Self::UuidFunction => &[(20, 12), (21, 7), (22, 2), (23, 0)],
            Self::OrderlyEnd => &[(20, 14), (21, 9), (22, 4), (23, 0)],
            Self::NoDelay => &[(20, 15), (21, 10), (22, 5), (23, 0)],
            Self::Rates => &[(20, 17), (21, 12), (22, 7), (23, 1)],
            Self::HeaderWait => &[(20, 17), (22, 7), (23, 1)],
            Self::SplitHeader => &[(20, 19), (22, 9), (23, 3)],
            Self::ComfortNoise => &[(20, 20), (22, 10), (23, 4)],
        }
    }

    /// Where one finds it, for people: `20.14, 21.9, 22.4 or 23.0`.
    pub fn releases(self) -> String {
        let named: Vec<String> =
            self.since().iter().map(|(major, minor)| format!("{major}.{minor}")).collect();
        match named.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => named.concat(),
        }
    }
}

/// The newest line that the table knows.
pub(super) const NEWEST_LINE: u32 = 23;
/// The oldest with AudioSocket.
pub(super) const OLDEST_LINE: u32 = 18;
/// Lines that get no more releases, so that later changes never come to them.
pub(super) const ENDED_LINES: [u32; 3] = [18, 19, 21];

impl Version {
    /// Whether this version has the change.
    pub fn has(&self, change: Change) -> bool {
        let since = change.since();
        match since.iter().find(|(major, _)| *major == self.major) {
            Some((_, minor)) => self.minor >= *minor,
            None => self.major > NEWEST_LINE,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_read_as_asterisk_and_its_packagers_write_them() {
        for (text, shown) in [
            ("22.10.1", "22.10.1"),
            ("22.10.1+dfsg+~cs6.17.60671434-1", "22.10.1"),
            ("Asterisk 20.15.1\n", "20.15.1"),
            ("Asterisk certified/18.9-cert5", "18.9-cert5"),
            ("18.9-cert5", "18.9-cert5"),
            ("certified-20.7-cert3", "20.7-cert3"),
            ("23.0.0-rc1", "23.0.0"),
            ("20.6.0~dfsg+~cs6.13.40431414-2build5", "20.6.0"),
            ("24.0.0", "24.0.0"),
        ] {
            assert_eq!(version(text).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_version_is_told_whole() {
        for text in
            ["", "22", "GIT-22-1a2b3c4d", "UNKNOWN__and_probably_unsupported", "22.x", "22.1a", "18.9-certX"]
        {
            let error = text.parse::<Version>().unwrap_err();
            assert_eq!(error.found, text);
        }
        assert!("9".repeat(50).parse::<Version>().is_err(), "a number that no computer holds");
        assert!("99999999999.1".parse::<Version>().is_err());
    }

    #[test]
    fn each_change_begins_with_its_release_in_each_line() {
        use Change::*;
        for (change, without, with) in [
            (NoIdleSpin, "18.19.0", "18.20.0"),
            (NoIdleSpin, "20.4.0", "20.5.0"),
            (UuidFunction, "20.11.1", "20.12.0"),
            (UuidFunction, "22.1.1", "22.2.0"),
            (OrderlyEnd, "20.13.0", "20.14.0"),
            (OrderlyEnd, "21.8.0", "21.9.0"),
            (OrderlyEnd, "22.3.0", "22.4.0"),
            (NoDelay, "20.14.1", "20.15.0"),
            (NoDelay, "22.4.1", "22.5.0"),
            (Rates, "20.16.0", "20.17.0"),
            (Rates, "21.11.0", "21.12.0"),
            (Rates, "22.6.0", "22.7.0"),
            (Rates, "23.0.0", "23.1.0"),
            (HeaderWait, "22.6.0", "22.7.0"),
            (HeaderWait, "21.12.0", "24.0.0"),
            (SplitHeader, "20.18.2", "20.19.0"),
            (SplitHeader, "22.8.2", "22.9.0"),
            (SplitHeader, "23.2.2", "23.3.0"),
            (ComfortNoise, "20.19.0", "20.20.0"),
            (ComfortNoise, "22.9.0", "22.10.0"),
            (ComfortNoise, "23.3.0", "23.4.0"),
            (ComfortNoise, "21.12.0", "24.0.0"),
        ] {
            assert!(!version(without).has(change), "{without} {change:?}");
            assert!(version(with).has(change), "{with} {change:?}");
        }
    }

    #[test]
    fn a_line_without_a_change_never_gets_it() {
        for text in ["18.26.4", "18.9-cert5", "19.8.1", "16.30.0"] {
            assert!(!version(text).has(Change::OrderlyEnd), "{text}");
        }
        assert!(!version("21.99.0").has(Change::SplitHeader));
    }

    #[test]
    fn releases_read_as_a_sentence() {
        assert_eq!(Change::OrderlyEnd.releases(), "20.14, 21.9, 22.4 or 23.0");
    }
}
