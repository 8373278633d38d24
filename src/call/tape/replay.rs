//! A recorded call again, in virtual time.

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use crate::call::Core;
use crate::call::tape::Label;
use crate::call::tape::folder::{Folder, FolderError};
use crate::call::tape::format::{InputLine, LineError, OutputLines};
use crate::conversation::Output;

/// Why a tape cannot be repeated.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// Its folder cannot be read, or not written to.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What is enciphered is not written anew under the same key.
    #[error(
        "{path}: expected a plain tape to update, found an enciphered one; --decrypt makes a plain one of it"
    )]
    Sealed {
        /// Which tape.
        path: PathBuf,
    },
    /// A line is no line of a tape.
    #[error("{path}, line {line}: expected an input")]
    Line {
        /// In which file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A line asks for sound that is not there.
    #[error("inputs.jsonl, line {line}")]
    Input {
        /// From 1.
        line: usize,
        /// Why.
        #[source]
        source: LineError,
    },
    /// The core cannot be made with the recorded settings.
    #[error("the recorded settings do not make a core")]
    Core(#[source] serde_json::Error),
}

/// What came of a repetition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The tape's folder.
    pub tape: PathBuf,
    /// Inputs given.
    pub inputs: usize,
    /// Lines of output made.
    pub lines: usize,
    /// Whether the output is what was recorded, byte for byte.
    pub identical: bool,
    /// The first line that differs, from 1, with what was expected and what came.
    pub difference: Option<Difference>,
}

/// Two lines that should be one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// From 1.
    pub line: usize,
    /// The recorded line; empty past the recording's end.
    pub expected: String,
    /// What the core did now; empty where it did nothing more.
    pub found: String,
}

/// Repeats this tape with a core made from its recorded settings. With `update`, what the core does now becomes what is
/// expected.
///
/// # Errors
/// [`TapeError`] for a tape that cannot be read.
pub fn replay(
    tape: &Folder,
    update: bool,
    new_core: impl FnOnce(&Label) -> Result<Box<dyn Core>, serde_json::Error>,
) -> Result<Outcome, TapeError> {
    if update && tape.is_sealed() {
        return Err(TapeError::Sealed { path: tape.path("outputs.jsonl") });
    }
    let mut label = tape.label()?;
    let heard = tape.sound("heard")?;
    let mut heard: &[i16] = &heard;
    let mut core = new_core(&label).map_err(TapeError::Core)?;
    let mut lines = OutputLines::default();
    let mut found = String::new();
    let mut put = |line: &serde_json::Value| -> Result<(), Infallible> {
        found.push_str(&line.to_string());
        found.push('\n');
        Ok(())
    };
    let mut inputs = 0;
    for (n, text) in tape.text("inputs.jsonl")?.lines().enumerate() {
        let line: InputLine = serde_json::from_str(text).map_err(|source| TapeError::Line {
            path: tape.path("inputs.jsonl"),
            line: n + 1,
            source,
        })?;
        let (at, input) =
            line.into_input(&mut heard).map_err(|source| TapeError::Input { line: n + 1, source })?;
        core.handle(at, input);
        inputs += 1;
        loop {
            match core.poll() {
                Output::Idle { .. } => break,
                output => {
                    let Ok(()) = lines.push(at, &output, &mut put);
                }
            }
        }
    }
    let Ok(()) = lines.finish(&mut put);
    let expected = tape.text("outputs.jsonl")?;
    let difference = first_difference(&expected, &found);
    if update && difference.is_some() {
        label.outputs_sha256 = super::format::hex(&<sha2::Sha256 as sha2::Digest>::digest(found.as_bytes()));
        let write = |name: &str, bytes: &[u8]| {
            let path = tape.path(name);
            fs::write(&path, bytes).map_err(|source| FolderError::File { path, source })
        };
        write("outputs.jsonl", found.as_bytes())?;
        let label = serde_json::to_vec_pretty(&label).map_err(TapeError::Core)?;
        write("call.json", &label)?;
    }
    Ok(Outcome {
        tape: tape.dir().to_owned(),
        inputs,
        lines: found.lines().count(),
        identical: difference.is_none(),
        difference,
    })
}

fn first_difference(expected: &str, found: &str) -> Option<Difference> {
    let mut expected = expected.lines();
    let mut found = found.lines();
    for line in 1.. {
        match (expected.next(), found.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => {
                let text = |line: Option<&str>| line.unwrap_or_default().to_owned();
                return Some(Difference { line, expected: text(a), found: text(b) });
            }
        }
    }
    None
}
