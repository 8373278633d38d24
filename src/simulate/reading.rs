//! A TOML file read piece by piece, so that all mistakes are told at once, each with its file and line.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// All that is wrong with some files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

/// A file that is being read.
pub(super) struct Reading<'a> {
    path: PathBuf,
    text: &'a str,
    pub(super) mistakes: Vec<String>,
}

/// A value of a file and where it stands.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

impl<'a> Reading<'a> {
    /// Begins; what of the file is no TOML is among the mistakes.
    pub(super) fn begin(path: &Path, text: &'a str) -> (Self, DeTable<'a>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut reading = Self { path: path.to_owned(), text, mistakes: Vec::new() };
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            reading.mistake(at, error.message());
        }
        (reading, table.into_inner())
    }

    /// Something is wrong at this byte.
    pub(super) fn mistake(&mut self, at: usize, what: &str) {
        self.mistakes.push(format!("{}: {what}", self.place(at)));
    }

    /// The file and line of a byte.
    pub(super) fn place(&self, at: usize) -> String {
        let line = self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        format!("{}:{line}", self.path.display())
    }

    /// The entries of a table.
    pub(super) fn entries<'t>(&mut self, value: &'t Value<'a>) -> Vec<(&'t str, usize, &'t Value<'a>)> {
        match value.get_ref() {
            DeValue::Table(table) => {
                table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value)).collect()
            }
            _ => {
                self.mistake(value.span().start, "expected a table");
                Vec::new()
            }
        }
    }

    /// A text.
    pub(super) fn text<'t>(&mut self, value: &'t Value<'a>) -> Option<&'t str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.mistake(value.span().start, "expected a text in quotes");
        }
        text
    }

    /// A whole number from 0.
    pub(super) fn number(&mut self, value: &Value<'a>) -> Option<u32> {
        let number = match value.get_ref() {
            DeValue::Integer(digits) => digits.as_str().parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.mistake(value.span().start, "expected a whole number from 0");
        }
        number
    }

    /// Texts, each with where it stands.
    pub(super) fn texts<'t>(&mut self, value: &'t Value<'a>) -> Vec<(&'t str, usize)> {
        self.list(value)
            .into_iter()
            .filter_map(|one| self.text(one).map(|text| (text, one.span().start)))
            .collect()
    }

    /// The values of a list.
    pub(super) fn list<'t>(&mut self, value: &'t Value<'a>) -> Vec<&'t Value<'a>> {
        match value.get_ref() {
            DeValue::Array(list) => list.iter().collect(),
            _ => {
                self.mistake(value.span().start, "expected a list");
                Vec::new()
            }
        }
    }
}
