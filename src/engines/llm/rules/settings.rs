//! What the rules know of a shop besides its catalogue: files that its owner writes.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::dialogue::{Messages, Profile, Voice};
use crate::language::Language;

/// `[thinking.rules]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The shop's profile, a TOML file; none by default.
    pub profile_file: Option<PathBuf>,
    /// The shop's own sentences in Russian, a Fluent file; none by default.
    pub messages_ru_file: Option<PathBuf>,
    /// The shop's own sentences in English.
    pub messages_en_file: Option<PathBuf>,
    /// The gender in which the agent speaks of itself: `female` (default) or `male`.
    pub voice: Voice,
}

impl Settings {
    /// The files, read.
    ///
    /// # Errors
    /// Every mistake of every file, one sentence each, with file and line.
    pub fn read(&self) -> Result<(Profile, Messages), Vec<String>> {
        let mut problems = Vec::new();
        let mut text = |key: &str, path: &Option<PathBuf>| match path {
            Some(path) => std::fs::read_to_string(path).unwrap_or_else(|error| {
                problems.push(format!(
                    "thinking.rules.{key}: expected a file that can be read, found {}: {error}",
                    path.display()
                ));
                String::new()
            }),
            None => String::new(),
        };
        let profile = text("profile_file", &self.profile_file);
        let russian = text("messages_ru_file", &self.messages_ru_file);
        let english = text("messages_en_file", &self.messages_en_file);
        let in_file = |path: &Option<PathBuf>, line: usize, what: &dyn Display| {
            let path = path.as_deref().unwrap_or(Path::new(""));
            format!("{}:{line}: {what}", path.display())
        };
        let profile = Profile::parse(&profile).unwrap_or_else(|wrong| {
            problems.extend(wrong.iter().map(|p| in_file(&self.profile_file, p.line, &p.what)));
            Profile::default()
        });
        let messages = Messages::new(self.voice, &russian, &english).unwrap_or_else(|wrong| {
            problems.extend(wrong.iter().map(|(language, p)| {
                let path = match language {
                    Language::Russian => &self.messages_ru_file,
                    Language::English => &self.messages_en_file,
                };
                in_file(path, p.line, &p.what)
            }));
            Messages::default()
        });
        if problems.is_empty() { Ok((profile, messages)) } else { Err(problems) }
    }

    /// What is wrong with these settings and the files they name, one sentence each.
    pub fn problems(&self) -> Vec<String> {
        self.read().err().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_mistake_of_every_file_is_told_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let settings = Settings {
            profile_file: at("shop.toml", "[[units]]\nforms = \"штука\"\npieces = 0\n\n[limitz]\n"),
            messages_ru_file: at("ru.ftl", "q-city = Куда?\nq-citty = Где?\n"),
            messages_en_file: Some(folder.path().join("none.ftl")),
            voice: Voice::Male,
        };
        let problems = settings.problems();
        let told = |parts: &[&str]| problems.iter().any(|p| parts.iter().all(|part| p.contains(part)));
        assert!(told(&["shop.toml:3:", "one piece"]), "{problems:?}");
        assert!(told(&["shop.toml:5:", "limitz"]), "{problems:?}");
        assert!(told(&["ru.ftl:2:", "q-citty"]), "{problems:?}");
        assert!(told(&["thinking.rules.messages_en", "none.ftl"]), "{problems:?}");
        assert_eq!(Settings::default().problems(), Vec::<String>::new());
    }
}
