//! Calls written down: what the caller says, line by line, and what must come of it. `samples/scenarios/README.md` is the
//! format's description.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ids::{PresentedNumber, Region};
use crate::language::Language;
use crate::rehearsal::shop::{Catalogue, CatalogueError};

mod expect;
mod order;
mod play;

pub use play::{Failure, Outcome};

use expect::{Expectation, alternatives};
use order::OrderForm;

/// A call written down.
#[derive(Debug)]
pub struct Script {
    /// Where it is from.
    pub path: PathBuf,
    language: Language,
    from: PresentedNumber,
    shop: Arc<Catalogue>,
    /// Orders that the caller has placed earlier on the day.
    placed: Vec<OrderForm>,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    number: usize,
    text: String,
    what: What,
}

#[derive(Debug)]
enum What {
    Step(Step),
    Expect(Expectation),
}

/// What the caller does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Say(String),
    /// Said only if the answer to the step before has one of these in it.
    SayIf(Vec<String>, String),
    Keys(String),
    /// Milliseconds of silence.
    Wait(u64),
    /// Said over the answer to the step before, so many milliseconds after it began.
    Interrupt(u64, String),
    /// The same with keys.
    InterruptKeys(u64, String),
    HangUp,
}

/// What is wrong with a script, each fault with its line.
#[derive(Debug)]
pub struct ScriptError {
    path: PathBuf,
    /// Line numbers from 1; 0 is the file as a whole.
    faults: Vec<(usize, String)>,
}

impl std::error::Error for ScriptError {}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (line, message)) in self.faults.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            match line {
                0 => write!(f, "{}: {message}", self.path.display())?,
                line => write!(f, "{}:{line}: {message}", self.path.display())?,
            }
        }
        Ok(())
    }
}

/// Shops that were loaded, so that many scripts share one.
#[derive(Debug, Default)]
pub struct Shops {
    loaded: Vec<(PathBuf, Arc<Catalogue>)>,
}

impl Shops {
    /// The shop in this file, read once.
    ///
    /// # Errors
    /// A file that is no shop.
    pub fn load(&mut self, path: &Path) -> Result<Arc<Catalogue>, CatalogueError> {
        if let Some((_, shop)) = self.loaded.iter().find(|(known, _)| known == path) {
            return Ok(Arc::clone(shop));
        }
        let shop = Arc::new(Catalogue::load(path)?);
        self.loaded.push((path.to_owned(), Arc::clone(&shop)));
        Ok(shop)
    }
}

/// The shop of a script that names none.
const SHOP: &str = "tyres.toml";
/// The number of a script that names none: nobody has ordered from it.
const FROM: &str = "+79161112233";

impl Script {
    /// Reads a script. A shop's file is looked for beside the script, then in `../shop`.
    ///
    /// # Errors
    /// All that is wrong with it, at once.
    pub fn load(path: &Path, shops: &mut Shops) -> Result<Self, ScriptError> {
        let whole = |message: String| ScriptError { path: path.to_owned(), faults: vec![(0, message)] };
        let text =
            std::fs::read_to_string(path).map_err(|error| whole(format!("cannot be read: {error}")))?;
        Self::parse(&text, path, shops)
    }

    /// Reads a script from its text.
    ///
    /// # Errors
    /// All that is wrong with it, at once.
    pub fn parse(text: &str, path: &Path, shops: &mut Shops) -> Result<Self, ScriptError> {
        let mut faults = Vec::new();
        let mut head = Head::default();
        let mut rest: Vec<(usize, &str)> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(':').map(|(key, value)| (key.trim(), value.trim())) {
                Some((key @ ("language" | "from" | "shop" | "placed"), value)) if rest.is_empty() => {
                    if let Err(message) = head.take(key, value, number) {
                        faults.push((number, message));
                    }
                }
                Some(("language" | "from" | "shop" | "placed", _)) => {
                    faults.push((number, "expected this before the call's first line".to_owned()));
                }
                _ => rest.push((number, line)),
            }
        }
        let (at, name) = head.shop.clone().unwrap_or((0, SHOP.to_owned()));
        let shop = find_shop(path, &name).and_then(|found| {
            shops.load(&found).map_err(|error| match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            })
        });
        let shop = match shop {
            Ok(shop) => shop,
            Err(message) => {
                faults.push((at, message));
                return Err(ScriptError { path: path.to_owned(), faults });
            }
        };
        let mut placed = Vec::new();
        for (number, form) in &head.placed {
            match OrderForm::read(form, &shop) {
                Ok(form) => placed.push(form),
                Err(message) => faults.push((*number, message)),
            }
        }
        let mut lines: Vec<Line> = Vec::new();
        for (number, line) in rest {
            match What::read(line, &shop) {
                Ok(what) => lines.push(Line { number, text: line.to_owned(), what }),
                Err(message) => faults.push((number, message)),
            }
        }
        if lines.is_empty() && faults.is_empty() {
            faults.push((0, "expected what the caller says, found nothing".to_owned()));
        }
        if !faults.is_empty() {
            faults.sort();
            return Err(ScriptError { path: path.to_owned(), faults });
        }
        let from = head.from.unwrap_or_else(|| PresentedNumber::read(FROM, &[]));
        let language = head.language.unwrap_or_default();
        Ok(Self { path: path.to_owned(), language, from, shop, placed, lines })
    }

    /// The file's name without its ending.
    pub fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// What stands before the call.
#[derive(Default)]
struct Head {
    language: Option<Language>,
    from: Option<PresentedNumber>,
    shop: Option<(usize, String)>,
    placed: Vec<(usize, String)>,
}

impl Head {
    fn take(&mut self, key: &str, value: &str, number: usize) -> Result<(), String> {
        match key {
            "language" => {
                let known = Language::ALL.into_iter().find(|language| language.code() == value);
                self.language = Some(known.ok_or_else(|| format!("expected ru or en, found {value:?}"))?);
            }
            "from" => {
                let from = PresentedNumber::read(value, &Region::DEFAULTS);
                if from == PresentedNumber::Invalid {
                    return Err(format!("expected a telephone number or withheld, found {value:?}"));
                }
                self.from = Some(from);
            }
            "shop" => self.shop = Some((number, value.to_owned())),
            _ => self.placed.push((number, value.to_owned())),
        }
        Ok(())
    }
}

fn find_shop(script: &Path, name: &str) -> Result<PathBuf, String> {
    let folder = script.parent().unwrap_or(Path::new(""));
    let places = [folder.join(name), folder.join("../shop").join(name)];
    let found = places.iter().find(|place| place.is_file());
    found.cloned().ok_or_else(|| format!("expected the shop {name} beside the script or in ../shop"))
}

impl What {
    fn read(line: &str, shop: &Catalogue) -> Result<Self, String> {
        let words = |text: &str| match text.trim() {
            "" => Err("expected words, found none".to_owned()),
            text => Ok(text.to_owned()),
        };
        if let Some(text) = line.strip_prefix('>') {
            return Ok(Self::Step(Step::Say(words(text)?)));
        }
        if let Some(text) = line.strip_prefix('?') {
            let (asked, text) =
                text.split_once('>').ok_or_else(|| "expected ? ASKED|ASKED > WORDS".to_owned())?;
            return Ok(Self::Step(Step::SayIf(alternatives(asked)?, words(text)?)));
        }
        if let Some(expectation) = Expectation::read(line, shop)? {
            return Ok(Self::Expect(expectation));
        }
        if line == "hang up" {
            return Ok(Self::Step(Step::HangUp));
        }
        let (key, value) = line.split_once(':').ok_or_else(|| unknown(line))?;
        let (key, value) = (key.trim(), value.trim());
        let keys = |text: &str| {
            let is_key = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | 'A'..='D' | ' ');
            if text.is_empty() || !text.chars().all(is_key) {
                return Err(format!("expected keys such as 12#, found {text:?}"));
            }
            Ok(text.to_owned())
        };
        let after = |text: &str| {
            text.parse().map_err(|_| format!("expected milliseconds as in interrupt 800:, found {text:?}"))
        };
        let parts: Vec<&str> = key.split_whitespace().collect();
        Ok(Self::Step(match parts.as_slice() {
            ["keys"] => Step::Keys(keys(value)?),
            ["wait"] => Step::Wait(seconds(value)?),
            ["interrupt", "keys", ms] => Step::InterruptKeys(after(ms)?, keys(value)?),
            ["interrupt", ms] => Step::Interrupt(after(ms)?, words(value)?),
            _ => return Err(unknown(line)),
        }))
    }
}

fn unknown(line: &str) -> String {
    format!("expected a step (>, ?, keys:, wait:, interrupt MS:, hang up) or an expectation, found {line:?}")
}

/// Milliseconds of `12` or `1.5` seconds, up to an hour.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("expected seconds such as 12 or 1.5, found {text:?}");
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    if part.is_empty() || part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) || whole > 3600 {
        return Err(wrong());
    }
    let part: u64 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
    Ok(whole * 1000 + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Script, ScriptError> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/scenarios/x.talk");
        Script::parse(text, &path, &mut Shops::default())
    }

    #[test]
    fn every_fault_of_a_script_is_told_with_its_line_and_all_at_once() {
        let text = "language: fr\n> алло\nfrom: +7\nwait: soon\n< \norder: 4 x nothing\nсколько?\n";
        let told = parse(text).expect_err("faults").to_string();
        let lines: Vec<&str> =
            told.lines().map(|line| line.split_once("x.talk:").expect("a place").1).collect();
        assert_eq!(lines.len(), 6, "{told}");
        for (line, part) in lines.iter().zip(["1: ", "3: ", "4: ", "5: ", "6: ", "7: "]) {
            assert!(line.starts_with(part), "{told}");
        }
        assert!(parse("# nothing\n").is_err());
    }

    #[test]
    fn a_script_plays_and_its_failures_are_told_where_they_are() {
        let good = "> где мой заказ\nfrom: 1";
        assert!(parse(good).is_err());
        let text = "language: en\nfrom: +12025550143\n> four studded nokian winter tires 205 55 16 please\n\
                    < 37960|the sun\n!< kama\ndraft: 4 x nokian-winter-studded-205-55-16\nno order\n\
                    < the moon\n";
        let outcome = parse(text).expect("a script").play(false);
        let failed: Vec<usize> = outcome.failures.iter().map(|failure| failure.line).collect();
        assert_eq!(failed, [8], "{}", outcome.transcript);
        assert!(outcome.transcript.contains("> four studded"), "{}", outcome.transcript);
    }
}
