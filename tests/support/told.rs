//! A call that is over: what the caller heard of it, what the server told of it, and what must be true of every call.

use orderline::call::Summary;
use orderline::conversation::event::Note;
use orderline::telephone::CallReport;
use uuid::Uuid;

/// One call.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) call: Uuid,
    pub(crate) report: CallReport,
    pub(crate) notes: Vec<Note>,
    pub(crate) summary: Summary,
}

impl Told {
    /// What was understood of the caller, turn by turn.
    pub(crate) fn understood<'a>(&'a self) -> Vec<&'a str> {
        let text = |note: &'a Note| match note {
            Note::Understood { text, .. } => Some(text.as_str()),
            _ => None,
        };
        self.notes.iter().filter_map(text).collect()
    }

    /// All that the agent said, clause after clause.
    pub(crate) fn said(&self) -> String {
        said(&self.notes)
    }

    /// What the agent said after the caller's turn of this number, from 1, until the next; 0 is the greeting.
    pub(crate) fn answer(&self, turn: usize) -> String {
        let mut turns = self.notes.split(|note| matches!(note, Note::Understood { .. }));
        said(turns.nth(turn).unwrap_or_default())
    }

    /// The caller's turns, by their numbers, in which the rules took over from the model.
    pub(crate) fn fell_back(&self) -> Vec<usize> {
        let turns = self.notes.split(|note| matches!(note, Note::Understood { .. })).enumerate();
        let fell = |note: &Note| matches!(note, Note::FellBack { from, to, .. } if from == "openai" && to == "rules");
        turns.filter(|(_, notes)| notes.iter().any(fell)).map(|(turn, _)| turn).collect()
    }

    /// Read-backs that were played whole.
    pub(crate) fn read_backs(&self) -> usize {
        self.notes.iter().filter(|note| matches!(note, Note::ReadBack { .. })).count()
    }

    /// Read-backs that the caller agreed to.
    pub(crate) fn agreed(&self) -> usize {
        self.notes.iter().filter(|note| matches!(note, Note::Agreed { .. })).count()
    }

    /// What holds in every call, whatever the model does: the script came to its end, the caller was answered each time,
    /// in words of a person, and agreed to nothing that was not read back whole before.
    pub(crate) fn check(&self) {
        let Self { report, notes, .. } = self;
        assert!(
            report.completed(),
            "{:?} after {} of {} steps\n{self}",
            report.ended,
            report.steps_done,
            report.steps
        );
        for turn in &report.turns {
            assert!(turn.answer_after_ms.is_some(), "nothing was heard after {:?}\n{self}", turn.text);
        }
        for turn in 0..=self.understood().len() {
            let answer = self.answer(turn);
            assert!(
                answer.chars().filter(|c| c.is_alphabetic()).count() > 2,
                "turn {turn}: {answer:?}\n{self}"
            );
        }
        for machine in ['{', '}', '[', ']', '<', '>', '_', '"', '\\'] {
            assert!(!self.said().contains(machine), "{machine:?} was said\n{self}");
        }
        let mut read_back = None;
        for note in notes {
            match note {
                Note::ReadBack { order_number } => read_back = Some(order_number),
                Note::Agreed { order_number } => {
                    assert_eq!(read_back.take(), Some(order_number), "agreed without a read-back\n{self}");
                }
                _ => {}
            }
        }
    }
}

fn said<'a>(notes: &'a [Note]) -> String {
    let text = |note: &'a Note| match note {
        Note::Saying { text, .. } => Some(text.trim()),
        _ => None,
    };
    notes.iter().filter_map(text).collect::<Vec<_>>().join(" ")
}

/// The call to read, for a test that failed.
impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for note in &self.notes {
            match note {
                Note::Understood { text, .. } => writeln!(f, "  caller: {text}")?,
                Note::Saying { text, .. } => writeln!(f, "  agent: {text}")?,
                other => writeln!(f, "    {other:?}")?,
            }
        }
        write!(f, "  {:?}\n  {:?}", self.summary, self.report.turns)
    }
}
