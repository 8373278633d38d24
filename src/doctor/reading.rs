//! A dialplan's files: contexts, extensions and steps, read as Asterisk reads them (main/config.c, pbx/pbx_config.c of 22),
//! as far as the forms of AudioSocket need it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("expected a readable dialplan at {}", path.display())]
pub struct ReadError {
    /// Where.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: std::io::Error,
}

/// One priority of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) context: String,
    pub(super) extension: String,
    pub(super) priority: u32,
    pub(super) label: Option<String>,
    /// `App(arguments)`, with the globals put in.
    pub(super) text: String,
    pub(super) file: PathBuf,
    pub(super) line: usize,
}

/// A dialplan.
#[derive(Debug, Default)]
pub struct Dialplan {
    pub(super) steps: Vec<Step>,
    globals: BTreeMap<String, String>,
    /// Files that were named and could not be read.
    pub(super) missing: Vec<String>,
}

/// Files may include each other so deep, as in Asterisk (MAX_INCLUDE_LEVEL of main/config.c).
const DEEPEST: usize = 10;
/// The most files of one dialplan (chosen: a large PBX has dozens).
const MOST_FILES: usize = 1000;
/// The longest file that is read (chosen: a large generated dialplan is some megabytes).
const LONGEST_BYTES: u64 = 64 << 20;

impl Dialplan {
    /// Reads a file and what it includes; of a folder its `extensions.conf`.
    ///
    /// # Errors
    /// When the file itself can't be read. What it includes and can't be read is noted and becomes a trap.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let path = if path.is_dir() { path.join("extensions.conf") } else { path.to_owned() };
        let mut reader =
            Reader { folder: path.parent().unwrap_or(Path::new(".")).to_owned(), ..Reader::default() };
        let text = read_file(&path).map_err(|source| ReadError { path: path.clone(), source })?;
        reader.file(&path, &text, 0);
        Ok(reader.finish())
    }

    /// Reads one text without includes.
    pub fn of(text: &str) -> Self {
        let mut reader = Reader::default();
        reader.file(Path::new("extensions.conf"), text, 0);
        reader.finish()
    }

    /// A text with the globals put in, as far as they are known here.
    pub(super) fn filled(&self, text: &str) -> String {
        filled(text, &self.globals)
    }
}

fn read_file(path: &Path) -> std::io::Result<String> {
    if fs::metadata(path)?.len() > LONGEST_BYTES {
        return Err(std::io::Error::other(format!("longer than {LONGEST_BYTES} bytes")));
    }
    // A comment in another encoding must not hide a dialplan.
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// `${NAME}` of a global becomes its value, a few times over, as globals name globals.
fn filled(text: &str, globals: &BTreeMap<String, String>) -> String {
    let mut text = text.to_owned();
    for _ in 0..4 {
        let mut next = String::with_capacity(text.len());
        let mut rest = text.as_str();
        let mut changed = false;
        while let Some(at) = rest.find("${") {
            let end = rest[at..].find('}').map(|end| at + end);
            let value = end.and_then(|end| globals.get(&rest[at + 2..end]).map(|value| (end, value)));
            match value {
                Some((end, value)) if next.len() < 4096 => {
                    next.push_str(&rest[..at]);
                    next.push_str(value);
                    rest = &rest[end + 1..];
                    changed = true;
                }
                _ => {
                    next.push_str(&rest[..at + 2]);
                    rest = &rest[at + 2..];
                }
            }
        }
        next.push_str(rest);
        text = next;
        if !changed {
            break;
        }
    }
    text
}

#[derive(Default)]
struct Reader {
    folder: PathBuf,
    plan: Dialplan,
    seen: usize,
    including: BTreeSet<PathBuf>,
    context: String,
    extension: String,
    priority: u32,
    in_comment: bool,
}

impl Reader {
    fn finish(mut self) -> Dialplan {
        for step in &mut self.plan.steps {
            step.text = filled(&step.text, &self.plan.globals);
        }
        self.plan
    }

    fn file(&mut self, path: &Path, text: &str, depth: usize) {
        for (number, line) in text.lines().enumerate() {
            let line = self.without_comment(line);
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[') {
                self.context = rest.split(']').next().unwrap_or("").trim().to_owned();
                self.extension.clear();
            } else if let Some(rest) = line.strip_prefix('#') {
                self.include(rest, depth);
            } else if let Some((key, value)) = line.split_once('=') {
                let value = value.strip_prefix('>').unwrap_or(value).trim();
                self.line(key.trim(), value, path, number + 1);
            }
        }
    }

    fn line(&mut self, key: &str, value: &str, file: &Path, line: usize) {
        if self.context == "general" {
            return;
        }
        if self.context == "globals" {
            self.plan.globals.insert(key.to_owned(), value.to_owned());
            return;
        }
        let rest = match key.to_ascii_lowercase().as_str() {
            "exten" => {
                let Some((extension, rest)) = value.split_once(',') else { return };
                // A caller's number after a slash narrows the extension; the steps are the same.
                self.extension = extension.trim().to_owned();
                rest
            }
            "same" => value,
            _ => return,
        };
        let Some((priority, text)) = rest.split_once(',') else { return };
        let (priority, label) = match priority.split_once('(') {
            Some((priority, label)) => (priority.trim(), Some(label.trim_end_matches([')', ' ']).to_owned())),
            None => (priority.trim(), None),
        };
        self.priority = match priority {
            "n" => self.priority + 1,
            "s" => self.priority,
            number => match number.parse() {
                Ok(number) => number,
                // A hint, or an offset that no dialplan of today uses.
                Err(_) => return,
            },
        };
        self.plan.steps.push(Step {
            context: self.context.clone(),
            extension: self.extension.clone(),
            priority: self.priority,
            label,
            text: text.trim().to_owned(),
            file: file.to_owned(),
            line,
        });
    }

    /// `include "file"`, `include <file>`, `include file`, and `tryinclude`; `exec` is never run here.
    fn include(&mut self, directive: &str, depth: usize) {
        let Some((word, name)) = directive.trim().split_once(char::is_whitespace) else { return };
        let must = match word {
            "include" => true,
            "tryinclude" => false,
            _ => return,
        };
        let name = name.trim().trim_matches(['"', '<', '>', '\'']);
        let path = self.folder.join(name);
        let found = matching(&path);
        if found.is_empty() && must {
            self.plan.missing.push(path.display().to_string());
        }
        for path in found {
            if depth >= DEEPEST || self.seen >= MOST_FILES || !self.including.insert(path.clone()) {
                continue;
            }
            self.seen += 1;
            match read_file(&path) {
                Ok(text) => self.file(&path, &text, depth + 1),
                Err(_) if !must => {}
                Err(error) => self.plan.missing.push(format!("{} ({error})", path.display())),
            }
            self.including.remove(&path);
        }
    }

    /// Cuts `; …` and `;-- … --;`; an escaped `\;` is a semicolon.
    fn without_comment(&mut self, line: &str) -> String {
        let mut kept = String::new();
        let mut rest = line;
        while !rest.is_empty() {
            if self.in_comment {
                let Some(end) = rest.find("--;") else { return kept };
                self.in_comment = false;
                rest = &rest[end + 3..];
            } else if let Some(after) = rest.strip_prefix("\\;") {
                kept.push(';');
                rest = after;
            } else if rest.starts_with(";--") && !rest.starts_with(";---") {
                self.in_comment = true;
                rest = &rest[3..];
            } else if rest.starts_with(';') {
                return kept;
            } else {
                let mut letters = rest.chars();
                kept.extend(letters.next());
                rest = letters.as_str();
            }
        }
        kept
    }
}

/// The files of a name, whose last part may have `*` in it.
fn matching(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let Some((before, after)) = name.split_once('*') else {
        return if path.is_file() { vec![path.to_owned()] } else { Vec::new() };
    };
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn steps_comments_labels_and_globals_are_read_as_asterisk_reads_them() {
        let plan = Dialplan::of(
            "[globals]\nSOCKET = ${HOST}:9092\nHOST => 10.0.0.1 ; a comment\n[a](!)\nexten => 1,1,Answer()\n\
             same => n(here),NoOp(x\\;y) ;-- a\n same => n,Gone()\n--; same => n,Dial(${SOCKET}/${UNKNOWN})\n\
             exten = _X.,1,Hangup\n exten => 1,hint,SIP/x\n",
        );
        let steps: Vec<_> = plan
            .steps
            .iter()
            .map(|step| (step.extension.as_str(), step.priority, step.text.as_str()))
            .collect();
        assert_eq!(
            steps,
            [
                ("1", 1, "Answer()"),
                ("1", 2, "NoOp(x;y)"),
                ("1", 3, "Dial(10.0.0.1:9092/${UNKNOWN})"),
                ("_X.", 1, "Hangup"),
            ]
        );
        assert_eq!(plan.steps[1].label.as_deref(), Some("here"));
    }

    #[test]
    fn includes_are_followed_even_in_a_circle_and_a_missing_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("shop.d")).unwrap();
        put(
            "extensions.conf",
            "#include \"shop.d/*.conf\"\n#include none.conf\n#tryinclude neither.conf\n#exec /bin/false\n",
        );
        put("shop.d/a.conf", "[a]\nexten => 1,1,Answer()\n#include extensions.conf\n");
        put("shop.d/b.conf", "exten => 2,1,Answer()\n");
        let plan = Dialplan::read(folder.path()).unwrap();
        assert!(plan.steps.iter().any(|step| step.extension == "2" && step.context == "a"));
        assert!(plan.missing.iter().all(|missing| missing.ends_with("none.conf")), "{:?}", plan.missing);
        assert!(!plan.missing.is_empty());
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        for text in [
            "[",
            "]",
            "exten",
            "exten=>",
            "exten=>,",
            "exten=>a,b",
            "same => n,",
            "${",
            "[a]\nsame=>n,${",
            ";--",
            "#",
            "#include",
        ] {
            drop(Dialplan::of(text));
        }
        let wild = Dialplan::of("[globals]\nA=${A}${A}${A}\n[x]\nexten => 1,1,NoOp(${A})\n");
        assert!(wild.steps[0].text.len() < 100_000);
    }
}
