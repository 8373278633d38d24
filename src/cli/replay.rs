//! `orderline replay`: recorded calls again, in virtual time, compared with what was recorded.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use crate::call::tape::Label;
use crate::call::tape::folder::Folder;
use crate::call::tape::replay::{Outcome, TapeError, replay};
use crate::conversation::{Conversation, Settings};

/// Arguments of `orderline replay`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// Tapes (folders with a `call.json`), or folders of tapes.
    #[arg(required = true)]
    pub tapes: Vec<PathBuf>,
    /// Take what the core does now as what is expected.
    #[arg(long)]
    pub update: bool,
    /// One JSON object per tape instead of lines for people.
    #[arg(long)]
    pub json: bool,
    /// The key file of enciphered tapes; without it `tape.key` in the folder of tapes.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Repeat nothing: write the tapes in clear, each in a folder of its name in this one.
    #[arg(long, value_name = "FOLDER", conflicts_with = "update")]
    pub decrypt: Option<PathBuf>,
}

/// Repeats every tape; success only if all are identical (or updated).
///
/// # Errors
/// A path without a tape, or a tape that cannot be read.
pub fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let mut tapes = Vec::new();
    for path in &args.tapes {
        let found = find(path)?;
        anyhow::ensure!(!found.is_empty(), "{}: expected a tape or a folder of tapes", path.display());
        tapes.extend(found);
    }
    let mut good = true;
    for tape in tapes {
        let folder = Folder::open(&tape, args.key.as_deref())?;
        if let Some(to) = &args.decrypt {
            let to = to.join(tape.file_name().context("expected a folder with a name")?);
            folder.decipher(&to)?;
            println!("in clear   {}", to.display());
            continue;
        }
        let outcome = repeat(&folder, args.update)?;
        good &= outcome.identical || args.update;
        if args.json {
            println!("{}", serde_json::to_string(&outcome)?);
        } else {
            print(&outcome, args.update);
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Repeats one tape with the order-taking core.
///
/// # Errors
/// [`TapeError`].
pub fn repeat(tape: &Folder, update: bool) -> Result<Outcome, TapeError> {
    replay(tape, update, |label: &Label| {
        let settings: Settings = serde_json::from_value(label.core.clone())?;
        Ok(Box::new(Conversation::new(Arc::new(settings))))
    })
}

/// The tapes at or below a path, in order.
fn find(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if Folder::is_tape(path) {
        return Ok(vec![path.to_owned()]);
    }
    let mut tapes = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let inner = entry?.path();
        if Folder::is_tape(&inner) {
            tapes.push(inner);
        }
    }
    tapes.sort();
    Ok(tapes)
}

fn print(outcome: &Outcome, update: bool) {
    let Outcome { tape, inputs, lines, .. } = outcome;
    match &outcome.difference {
        None => println!("identical  {} ({inputs} inputs, {lines} lines of output)", tape.display()),
        Some(_) if update => {
            println!("updated    {} ({inputs} inputs, {lines} lines of output)", tape.display())
        }
        Some(difference) => {
            println!("DIFFERENT  {}, line {}", tape.display(), difference.line);
            println!("  expected {}", cut(&difference.expected));
            println!("  found    {}", cut(&difference.found));
        }
    }
}

/// A line of output can be a long briefing; the beginning is enough to see what it is.
fn cut(line: &str) -> String {
    const SHOWN: usize = 400;
    match line.char_indices().nth(SHOWN) {
        _ if line.is_empty() => "(nothing more)".to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
