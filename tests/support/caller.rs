//! What callers do: steps of their scripts, with the sample lines for words.

use std::path::Path;

use orderline::audio::wav;
use orderline::telephone::{Line, Step, When};

/// Says a line of `samples/lines` when the agent has finished.
pub(crate) fn say(file: &str) -> Step {
    Step::Say { line: line(file), when: When::AgentFinished }
}

/// Says it when the agent has spoken for so long.
pub(crate) fn interrupt(after_ms: u32, file: &str) -> Step {
    Step::Say { line: line(file), when: When::AgentSpokeFor { ms: after_ms } }
}

/// Presses a key when the agent has finished.
pub(crate) fn press(digit: char) -> Step {
    Step::Key { digit, when: When::AgentFinished }
}

/// Hangs up when the agent has finished.
pub(crate) fn hang_up() -> Step {
    Step::HangUp { when: When::AgentFinished }
}

/// Hangs up now.
pub(crate) fn hang_up_at_once() -> Step {
    Step::HangUp { when: When::AtOnce }
}

fn line(file: &str) -> Line {
    let sound = wav::read(Path::new(&format!("samples/lines/{file}.wav"))).unwrap();
    Line { text: file.to_owned(), sound }
}
