//! `orderline talk`: a call in text and in virtual time, typed line by line, or from scripts with what must come of them.

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use crate::cli::Common;
use crate::ids::{PresentedNumber, Region};
use crate::language::Language;
use crate::rehearsal::script::{Outcome, Script, ScriptError, Shops};
use crate::rehearsal::shop::Catalogue;
use crate::rehearsal::{Heard, Rehearsal, Setup, transcript};

/// Arguments of `orderline talk`.
#[derive(Clone, Debug, clap::Args)]
pub struct TalkArgs {
    /// Scripts (`.talk`), or folders of them; without any, the caller's words come from standard input.
    #[arg(value_name = "SCRIPT")]
    pub scripts: Vec<PathBuf>,
    /// The shop to call; without it the sample's tyre shop. A script names its own.
    #[arg(long, value_name = "FILE", conflicts_with = "scripts")]
    pub shop: Option<PathBuf>,
    /// The language of the greeting, `ru` or `en`, instead of `language` of `[conversation]`.
    #[arg(long, value_parser = language, conflicts_with = "scripts")]
    pub language: Option<Language>,
    /// The caller's number, or `withheld`.
    #[arg(long, value_name = "NUMBER|withheld", default_value = "+79161112233", conflicts_with = "scripts")]
    pub from: String,
    /// Show tools, what the shop was asked, and the core's milestones.
    #[arg(long, short)]
    pub verbose: bool,
    /// One line a script and the count, instead of the transcripts of those that failed.
    #[arg(long)]
    pub table: bool,
    /// Names of scripts that are known to fail, one a line: only others that fail are failures, and so are those listed
    /// that do not fail any more.
    #[arg(long, value_name = "FILE")]
    pub known: Option<PathBuf>,
}

fn language(text: &str) -> Result<Language, String> {
    let known = Language::ALL.into_iter().find(|language| language.code() == text);
    known.ok_or_else(|| format!("expected ru or en, found {text:?}"))
}

/// Talks; success unless an expectation of a script was not met.
///
/// # Errors
/// Scripts or a shop that cannot be read, standard input that breaks.
pub fn run(common: &Common, args: &TalkArgs) -> anyhow::Result<ExitCode> {
    if args.scripts.is_empty() { talk(common, args) } else { play(args) }
}

// === Scripts ===

/// The scripts at or below these paths, in the order of their names.
///
/// # Errors
/// A path without a script.
pub fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let before = found.len();
        let mut folders = vec![path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "talk") {
                    found.push(path);
                }
            }
        }
        anyhow::ensure!(found.len() > before, "{}: expected scripts (.talk), found none", path.display());
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Names of scripts, one a line; what follows `#` is a remark.
///
/// # Errors
/// A file that cannot be read.
pub fn known(path: &Path) -> anyhow::Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let names = text.lines().map(|line| line.split('#').next().unwrap_or("").trim().to_owned());
    Ok(names.filter(|name| !name.is_empty()).collect())
}

fn play(args: &TalkArgs) -> anyhow::Result<ExitCode> {
    let mut shops = Shops::default();
    let (mut scripts, mut faults) = (Vec::new(), Vec::new());
    for path in find(&args.scripts)? {
        match Script::load(&path, &mut shops) {
            Ok(script) => scripts.push(script),
            Err(error) => faults.push(error),
        }
    }
    if !faults.is_empty() {
        let told: Vec<String> = faults.iter().map(ScriptError::to_string).collect();
        anyhow::bail!("{} of the scripts cannot be read\n{}", faults.len(), told.join("\n"));
    }
    let known = args.known.as_deref().map(known).transpose()?.unwrap_or_default();
    let width = scripts.iter().map(|script| script.name().chars().count()).max().unwrap_or(0);
    let (mut passed, mut wrong) = (0, Vec::new());
    let mut played = BTreeSet::new();
    for script in &scripts {
        let outcome = script.play(args.verbose);
        let name = script.name();
        let good = outcome.failures.is_empty();
        passed += usize::from(good);
        if good == known.contains(&name) {
            wrong.push(if good {
                format!("{name} passes: take it off the list of known failures")
            } else {
                format!("{name} fails")
            });
        }
        if args.table {
            println!("{}", row(&name, width, known.contains(&name), &outcome));
        } else if !good || args.verbose {
            println!("== {}\n{}", script.path.display(), outcome.transcript);
        }
        played.insert(name);
    }
    // A list that names what is not there would never shrink. Of a part of the scripts it is no complaint.
    let is_folder = args.scripts.iter().any(|path| path.is_dir());
    for name in known.difference(&played).filter(|_| is_folder) {
        wrong.push(format!("{name} is on the list of known failures, and there is no such script"));
    }
    println!("{passed} of {} scripts pass", scripts.len());
    if args.known.is_some() {
        println!("{} are known to fail", known.intersection(&played).count());
    }
    // Without a list the table has said it.
    for line in wrong.iter().filter(|_| args.known.is_some()) {
        println!("{line}");
    }
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A script's line of the table. What is not as the list of known failures has it stands in capitals.
fn row(name: &str, width: usize, is_known: bool, outcome: &Outcome) -> String {
    let seconds = outcome.speech_ms / 1000;
    match outcome.failures.first() {
        None => format!("{}  {name:width$}  {seconds:4} s", if is_known { "PASS" } else { "pass" }),
        Some(failure) => {
            let found: String = failure.found.chars().take(90).collect();
            let cut = if found.len() < failure.found.len() { "…" } else { "" };
            let (line, expected) = (failure.line, &failure.expected);
            let verdict = if is_known { "fail" } else { "FAIL" };
            format!("{verdict}  {name:width$}  {seconds:4} s  line {line}: {expected}  found: {found}{cut}")
        }
    }
}

// === A person at the keyboard ===

fn talk(common: &Common, args: &TalkArgs) -> anyhow::Result<ExitCode> {
    let settings = common.load()?.conversation;
    let shop = match &args.shop {
        Some(path) => Catalogue::load(path)?,
        None => Catalogue::parse(SAMPLE, Path::new("samples/shop/tyres.toml"))?,
    };
    let number = PresentedNumber::read(&args.from, &Region::DEFAULTS);
    anyhow::ensure!(
        number != PresentedNumber::Invalid,
        "--from: expected a telephone number or withheld, found {:?}",
        args.from
    );
    let setup = Setup {
        language: args.language.unwrap_or(settings.language),
        number,
        settings: Arc::new(settings),
        today: chrono::Local::now().date_naive(),
        ..Setup::new(Arc::new(shop))
    };
    let mut desk = Desk { call: Rehearsal::begin(setup), told: 0, verbose: args.verbose };
    let input = std::io::stdin();
    let is_person = input.is_terminal();
    if is_person {
        println!("{HELP}");
    }
    desk.tell(is_person, &desk.call.heard());
    let mut lines = input.lock().lines();
    while desk.call.over().is_none() {
        if is_person {
            print!("> ");
            std::io::stdout().flush()?;
        }
        let Some(line) = lines.next().transpose()? else { break };
        if let Err(complaint) = desk.obey(line.trim(), is_person) {
            eprintln!("{complaint}");
        }
    }
    if desk.call.over().is_none() {
        let heard = desk.call.hang_up();
        desk.tell(is_person, &heard);
    }
    desk.orders();
    let (all, longest) = (desk.call.speech_ms() / 1000, desk.call.longest_ms() / 1000);
    println!("{} s, of which the agent spoke {all} s, {longest} s at most", desk.call.now_ms() / 1000);
    Ok(ExitCode::SUCCESS)
}

/// The shop of a caller who names none: the sample's, wherever the executable is.
const SAMPLE: &str = include_str!("../../samples/shop/tyres.toml");

const HELP: &str = "Type what the caller says; … in it is a pause. Also: /keys 12#, /wait SECONDS, /interrupt MS (the next answer is cut \
off after so long, by what is said next), /orders, /verbose, /hangup";

struct Desk {
    call: Rehearsal,
    /// How much of the timeline was shown.
    told: usize,
    verbose: bool,
}

impl Desk {
    fn obey(&mut self, line: &str, is_person: bool) -> Result<(), String> {
        let (command, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = value.trim();
        let heard = match command {
            "" => return Ok(()),
            "/keys" if !value.is_empty() => self.call.press(value),
            "/wait" => {
                let seconds: u64 =
                    value.parse().map_err(|_| format!("/wait: expected seconds, found {value:?}"))?;
                self.call.wait(seconds.min(3600) * 1000)
            }
            "/interrupt" => {
                let (after, words) = value.split_once(' ').unwrap_or((value, ""));
                let after = after.parse().map_err(|_| format!("/interrupt: expected MS, found {after:?}"))?;
                if words.is_empty() {
                    self.call.cut_in(after);
                    return Ok(());
                }
                self.call.interrupt(words, after)
            }
            "/hangup" => self.call.hang_up(),
            "/orders" => {
                self.orders();
                return Ok(());
            }
            "/verbose" => {
                self.verbose = !self.verbose;
                return Ok(());
            }
            command if command.starts_with('/') => return Err(HELP.to_owned()),
            _ => self.call.say(line),
        };
        self.tell(is_person, &heard);
        Ok(())
    }

    /// Shows what has happened since.
    fn tell(&mut self, is_person: bool, heard: &Heard) {
        let part = transcript(&self.call.timeline()[self.told..], self.verbose);
        self.told = self.call.timeline().len();
        // A person sees what they have typed.
        let own = |line: &&str| is_person && !self.verbose && line.starts_with("> ");
        for line in part.lines().filter(|line| !own(line)) {
            println!("{line}");
        }
        if self.verbose {
            println!("        {}.{} s of speech", heard.speech_ms / 1000, heard.speech_ms % 1000 / 100);
        }
    }

    fn orders(&self) {
        let shop = self.call.shop();
        let drafts = shop.draft().map(|draft| format!("draft {}", draft.shown(shop.catalogue())));
        let placed = shop
            .placed()
            .map(|order| format!("{} {}", order.order.order_number, order.shown(shop.catalogue())));
        let lines: Vec<String> = placed.chain(drafts).collect();
        println!("{}", if lines.is_empty() { "no order".to_owned() } else { lines.join("\n") });
    }
}
