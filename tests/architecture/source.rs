//! A Rust source as far as the house rules need it: code without comments and strings, and the paths in it.

use std::path::Path;

/// One source file, stripped of comments and the insides of literals; its lines are where they were.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    code: String,
    /// Where the tests at its foot begin, in bytes.
    tests_from: usize,
}

/// A path of this crate (or of the protocol's) that a file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) room: String,
    /// From 1.
    pub(crate) line: usize,
    /// Named by code that only tests compile.
    pub(crate) test: bool,
}

impl Source {
    pub(crate) fn of(path: &Path, text: &str) -> Self {
        let code = strip(text);
        let all_tests = path.components().any(|part| {
            let name = part.as_os_str().to_string_lossy();
            name == "tests" || name == "tests.rs" || name.ends_with("_tests.rs")
        });
        let tests_from = if all_tests { 0 } else { foot_of(&code) };
        Self { code, tests_from }
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn without_tests(&self) -> Self {
        Self { code: self.code[..self.tests_from].to_owned(), tests_from: self.tests_from }
    }

    /// Every room named by `crate::room`, `crate::{room, …}` or the protocol's crate.
    pub(crate) fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        let mut add = |at: usize, room: &str| {
            let (line, test) = (self.line_of(at), at >= self.tests_from);
            imports.push(Import { room: room.to_owned(), line, test });
        };
        for at in self.words("crate") {
            let Some(rest) = self.code[at + "crate".len()..].strip_prefix("::") else { continue };
            if let Some(group) = rest.strip_prefix('{') {
                heads(group).into_iter().for_each(|room| add(at, room));
            } else {
                add(at, identifier(rest));
            }
        }
        for at in self.words("audiosocket") {
            let before = self.code[..at].trim_end();
            let path = self.code[at..].starts_with("audiosocket::") && !before.ends_with("::");
            if path {
                add(at, "audiosocket");
            }
        }
        imports
    }

    /// The lines on which this word or path stands whole.
    pub(crate) fn lines_naming(&self, word: &str) -> Vec<usize> {
        self.words(word).into_iter().map(|at| self.line_of(at)).collect()
    }

    /// The lines with a number such as `0.5`; ranges (`0..5`) and fields (`x.0.1`) are none.
    pub(crate) fn lines_with_floats(&self) -> Vec<usize> {
        let bytes = self.code.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let mut lines = Vec::new();
        for (at, _) in self.code.match_indices('.') {
            if at > 0 && digit(at - 1) && digit(at + 1) {
                let head = self.code[..at].trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
                if !head.ends_with(|c: char| c.is_alphanumeric() || c == '.') {
                    lines.push(self.line_of(at));
                }
            }
        }
        lines
    }

    fn words(&self, word: &str) -> Vec<usize> {
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        self.code
            .match_indices(word)
            .map(|(at, _)| at)
            .filter(|at| !part(self.code[..*at].chars().next_back()))
            .filter(|at| !part(self.code[at + word.len()..].chars().next()))
            .collect()
    }

    fn line_of(&self, at: usize) -> usize {
        1 + self.code[..at].bytes().filter(|b| *b == b'\n').count()
    }
}

/// Where `#[cfg(test)] mod … {` begins; the end, if there is none.
fn foot_of(code: &str) -> usize {
    code.match_indices("#[cfg(test)]")
        .map(|(at, _)| at)
        .find(|at| {
            let next = code[at + "#[cfg(test)]".len()..].trim_start();
            let head: &str = next.split(['{', ';']).next().unwrap_or("");
            head.trim_start().starts_with("mod ") && next[head.len()..].starts_with('{')
        })
        .unwrap_or(code.len())
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The first names of the entries of a `use` group, whose opening brace is gone.
fn heads(group: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' if depth == 0 => {
                names.push(identifier(group[start..at].trim_start()));
                start = at + 1;
            }
            '}' if depth == 0 => {
                names.push(identifier(group[start..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Blanks comments and the insides of string and character literals.
fn strip(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut code = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let from = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0_usize;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= chars.len() {
                        break;
                    }
                }
            }
            '"' => i = string_end(&chars, i),
            'r' if matches!(at(i + 1), '"' | '#') && raw_hashes(&chars, i + 1).is_some() => {
                let hashes = raw_hashes(&chars, i + 1).unwrap_or(0);
                let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                i += 2 + hashes;
                while i < chars.len() && !chars[i..].starts_with(&close) {
                    i += 1;
                }
                i += close.len();
            }
            // A character literal; a lifetime has no closing quote.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => {
                i += if at(i + 1) == '\\' { 3 } else { 2 };
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            c => {
                code.push(c);
                i += 1;
                continue;
            }
        }
        code.push(' ');
        code.extend(chars[from..i.min(chars.len())].iter().filter(|c| **c == '\n'));
    }
    code
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut i = from + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// How many `#` open a raw string here, if one opens.
fn raw_hashes(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from..].iter().take_while(|c| **c == '#').count();
    (chars.get(from + hashes) == Some(&'"')).then_some(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(text: &str) -> Vec<(String, usize, bool)> {
        let source = Source::of(Path::new("src/x.rs"), text);
        source.imports().into_iter().map(|import| (import.room, import.line, import.test)).collect()
    }

    #[test]
    fn imports_are_seen_in_every_form() {
        let text = "use crate::a::B;\nuse crate::{c, d::{E, f::G}, h as i};\nfn x(_: crate::j::K) {}\n\
                    use audiosocket::Message;\n";
        let names: Vec<_> = rooms(text).into_iter().map(|(room, line, _)| format!("{room}{line}")).collect();
        assert_eq!(names, ["a1", "c2", "d2", "h2", "j3", "audiosocket4"]);
    }

    #[test]
    fn comments_and_literals_name_nothing() {
        let text = "// crate::a\n/* crate::b /* x */ crate::c */ let _ = \"crate::d \\\" crate::e\";\n\
                    let _ = (r#\"crate::f\"#, '\"', '\\'', b'x'); fn f<'a>(_: &'a str) {} use crate::g;\n";
        assert_eq!(rooms(text), [("g".to_owned(), 3, false)]);
    }

    #[test]
    fn tests_at_the_foot_are_told_apart() {
        let text = "use crate::a;\n#[cfg(test)]\nmod other;\nuse crate::b;\n#[cfg(test)]\nmod tests {\nuse crate::c;\n}\n";
        let tests: Vec<_> = rooms(text).into_iter().map(|(room, _, test)| (room, test)).collect();
        assert_eq!(tests, [("a".to_owned(), false), ("b".to_owned(), false), ("c".to_owned(), true)]);
    }

    #[test]
    fn a_float_is_told_from_a_range_and_a_field() {
        let floats = |text: &str| Source::of(Path::new("x.rs"), text).lines_with_floats();
        assert_eq!(floats("let a = 0.5;\nlet b = 1_000.25;"), [1, 2]);
        assert_eq!(floats("for i in 0..5 {} let c = pair.0.1; let d = 5.max(3); let v = a1.b;"), [0; 0]);
    }
}
