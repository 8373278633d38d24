//! What happened in a rehearsal, whole or in a part of it.

use std::collections::BTreeMap;

use crate::conversation::event::{Handover, Leave, Note};
use crate::ids::RequestId;
use crate::orders::{ActionOutcome, ActionRequest};

/// Something of a call, with the milliseconds since it was accepted.
#[derive(Clone, Debug)]
pub struct Moment {
    pub at_ms: u64,
    pub what: Happened,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Happened {
    /// The caller begins to say this.
    Caller(String),
    /// The caller presses a key.
    Key(char),
    /// A milestone of the core.
    Note(Note),
    /// The shop was asked, and this was its answer.
    Act(Box<(ActionRequest, ActionOutcome)>),
    /// The call is over.
    End(End),
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The agent has said goodbye.
    Agent,
    /// A person takes over.
    Person(Handover),
    /// The caller hung up.
    Caller,
}

impl End {
    pub(super) fn of(leave: Leave) -> Self {
        match leave {
            Leave::HangUp => Self::Agent,
            Leave::Transfer { handover } => Self::Person(handover),
        }
    }
}

/// A clause or sentence of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Utterance {
    pub text: String,
    /// How long it sounded.
    pub ms: u64,
    /// The caller cut it off, and it did not go on.
    pub is_cut: bool,
}

/// A tool that the thinker called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    pub tool: String,
    /// JSON as the thinker wrote it.
    pub arguments: String,
}

/// What came of one step of the caller: everything until the agent was quiet again.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// What the agent said, in order.
    pub utterances: Vec<Utterance>,
    /// The caller's turns as they were understood.
    pub turns: Vec<String>,
    /// The tools that were called.
    pub calls: Vec<ToolCall>,
    /// What the shop was asked, and its answers.
    pub acts: Vec<(ActionRequest, ActionOutcome)>,
    /// Milliseconds of the agent's voice.
    pub speech_ms: u64,
    /// Milliseconds that passed.
    pub passed_ms: u64,
    /// Read-backs that were played whole.
    pub read_backs: usize,
}

impl Heard {
    /// All that the agent said, by spaces.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.utterances.iter().map(|said| said.text.as_str()).collect();
        texts.join(" ")
    }

    /// What a timeline tells from this place on.
    pub(super) fn of(timeline: &[Moment], from: usize) -> Self {
        let mut heard = Self::default();
        let mut open: BTreeMap<RequestId, usize> = BTreeMap::new();
        let (before, part) = timeline.split_at(from);
        for moment in part {
            match &moment.what {
                Happened::Act(act) => heard.acts.push((**act).clone()),
                Happened::Note(Note::Saying { id, text }) => {
                    open.insert(*id, heard.utterances.len());
                    heard.utterances.push(Utterance { text: text.clone(), ms: 0, is_cut: false });
                }
                Happened::Note(Note::Said { id, played_ms, cut }) => {
                    // What began before was cut, and has gone on.
                    let at = *open.entry(*id).or_insert_with(|| {
                        let text = begun(before, *id).unwrap_or_default();
                        heard.utterances.push(Utterance { text, ms: 0, is_cut: false });
                        heard.utterances.len() - 1
                    });
                    let said = &mut heard.utterances[at];
                    said.ms = u64::from(*played_ms);
                    said.is_cut = *cut;
                }
                Happened::Note(Note::Called { tool, arguments }) => {
                    heard.calls.push(ToolCall { tool: tool.clone(), arguments: arguments.clone() });
                }
                Happened::Note(Note::Understood { text, .. }) => heard.turns.push(text.clone()),
                Happened::Note(Note::ReadBack { .. }) => heard.read_backs += 1,
                _ => {}
            }
        }
        heard
    }
}

/// What was begun to be said under this id.
fn begun(moments: &[Moment], sought: RequestId) -> Option<String> {
    moments.iter().rev().find_map(|moment| match &moment.what {
        Happened::Note(Note::Saying { id, text }) if *id == sought => Some(text.clone()),
        _ => None,
    })
}
