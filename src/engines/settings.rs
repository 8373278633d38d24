//! Checking settings: every problem is one sentence that begins with the setting's full name.

/// Collects the problems of one section.
pub(super) struct Ranges {
    at: String,
    problems: Vec<String>,
}

impl Ranges {
    /// A section by its full name: `speaking.espeak`.
    pub(super) fn new(at: &str) -> Self {
        Self { at: at.into(), problems: Vec::new() }
    }

    /// A number of a range, its ends included.
    pub(super) fn within(&mut self, key: &str, found: u64, least: u64, most: u64) {
        if !(least..=most).contains(&found) {
            self.add(key, &format!("expected {least} to {most}, found {found}"));
        }
    }

    /// A text that must say something.
    pub(super) fn filled(&mut self, key: &str, found: &str) {
        if found.trim().is_empty() {
            self.add(key, "expected a value, found nothing");
        }
    }

    /// A problem in words.
    pub(super) fn add(&mut self, key: &str, problem: &str) {
        self.problems.push(format!("{}.{key}: {problem}", self.at));
    }
}

impl From<Ranges> for Vec<String> {
    fn from(ranges: Ranges) -> Self {
        ranges.problems
    }
}
