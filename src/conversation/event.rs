//! What flows into the core (participles) and out of it (verbs).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::audio::{Activity, Frame, Rate};
use crate::conversation::CallTime;
pub use crate::conversation::told::Told;
use crate::ids::{CallId, PresentedNumber, RequestId, TurnId};
use crate::language::Language;
use crate::orders::{ActionOutcome, ActionRequest, Order, OrderSummary, PickupPoint, Product};

mod shown;

/// Something that happened to the call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input {
    /// Asterisk said which call this is. Always the first input but for silence frames and `Woken`.
    Answered { caller: Answer },
    /// Who calls, from ARI or the dialplan's registration; or that nobody will say.
    Identified { caller: Identity },
    /// 20 ms of the caller at 16 kHz (320 samples), and what the voice-activity detector says of them.
    Heard { frame: Frame, activity: Activity },
    /// The recogniser's answer to [`Output::Recognize`] with the same turn and revision.
    Transcribed { turn: TurnId, revision: u32, result: Result<Transcript, EngineFault> },
    /// The thinker's answer to [`Output::Complete`], piece by piece.
    Completed { id: RequestId, piece: Thought },
    /// The voice's answer to [`Output::Synthesize`], piece by piece.
    Synthesized { id: RequestId, piece: Speech },
    /// The order desk's answer to [`Output::Act`], already journaled.
    Settled { id: RequestId, outcome: ActionOutcome },
    /// A key of the telephone: `0`-`9`, `*`, `#`, `A`-`D`.
    Keyed { digit: char },
    /// An engine's queue was full, so the request with this id (turn for recognition) was not taken.
    Lagged { engine: Engine, id: RequestId },
    /// The caller's telephone has put us on hold, or takes us up again. On hold nobody hears and nobody is silent.
    Held { on: bool },
    /// The server is going away: finish soon, begin nothing.
    Draining,
    /// The caller's leg has gone.
    HungUp { cause: HangupCause },
    /// Time has passed: the deadline of the last [`Output::Idle`] is reached.
    Woken,
}

/// What is known the moment the UUID arrives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub call: CallId,
    /// The rate that is spoken on the wire; every [`Output::Play`] is a frame of it.
    pub rate: Rate,
    /// The language to greet in.
    pub language: Language,
    /// Whether the caller's first words may switch it.
    pub detect_language: bool,
    /// The local date, for "tomorrow" and delivery days.
    pub today: chrono::NaiveDate,
    /// The time at accept, in seconds since 1970 (UTC), for how long ago an order was placed. None on tapes of before: then
    /// no order is recent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at_s: Option<i64>,
    /// What seeds derived ids and any choice between equal phrases.
    pub seed: u64,
    /// The caller was transferred to a person, and nobody answered: the agent takes the call back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub returning: bool,
    /// The call is to be recorded, and this is what the caller is told of it first; empty where they were told before.
    /// None: it is not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The number presented; `Withheld` also when nobody could be asked.
    pub number: PresentedNumber,
    /// The number the caller dialled, where known.
    pub dialled: Option<String>,
    /// A language chosen for the dialled number or by the dialplan.
    pub language: Option<Language>,
}

/// What was understood of a turn.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// Lower or mixed case, as the recogniser wrote it; may be empty (noise).
    pub text: String,
    /// What it was heard as; the one asked for unless detection was on.
    pub language: Language,
    /// How sure the recogniser is, 0 to 1000; 1000 where it does not say.
    pub confidence_permille: u16,
    /// How long decoding took, for the figures.
    pub decode_ms: u32,
}

/// A piece of a completion.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "piece", rename_all = "snake_case")]
pub enum Thought {
    /// More words to say.
    Delta { text: String },
    /// A whole tool call; its arguments are JSON as the model wrote it, not yet checked.
    ToolCall { call_ref: String, tool: String, arguments: String },
    /// Another engine took over from the one that failed; its pieces follow.
    FellBack { from: String, to: String, why: String },
    /// The dialogue's state after this thought, from a thinker that keeps one.
    State { state: Box<crate::dialogue::State> },
    /// Nothing more comes.
    Done,
    /// Nothing more comes, and what came may be cut.
    Failed { fault: EngineFault },
}

/// A piece of synthesised speech.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "piece", rename_all = "snake_case")]
pub enum Speech {
    /// Sound at the wire rate, any length; the core cuts it into frames.
    Chunk {
        samples: Arc<[i16]>,
    },
    Done,
    Failed {
        fault: EngineFault,
    },
}

/// Why an engine gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum EngineFault {
    /// Its own deadline passed.
    TimedOut,
    /// It refused or broke; the text is for the log.
    Broken { detail: String },
}

/// The engines a call uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    Hearing,
    Thinking,
    Speaking,
    Desk,
}

/// How the caller's leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HangupCause {
    /// The peer closed, or sent the hangup message.
    Caller,
    /// The peer reset the connection; the same thing for the caller.
    Reset,
    /// Bytes that are no AudioSocket.
    Protocol,
    /// We ended it ([`Output::Leave`] was carried out).
    Agent,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "output", rename_all = "snake_case")]
pub enum Output {
    /// Send this frame now. One every 20 ms from accept to leave.
    Play { frame: Frame },
    /// Write down what was said in this sound. A higher revision of the same turn replaces a lower one.
    Recognize { job: Recognition },
    /// Think of what to say or do.
    Complete { request: Box<Completion> },
    /// Say this.
    Synthesize { request: Synthesis },
    /// The answers to this request are no longer wanted.
    Abandon { id: RequestId },
    /// Carry out an order action. It outlives the call.
    Act { request: ActionRequest },
    /// End our part of the call.
    Leave { how: Leave },
    /// A milestone, for the log, the figures, the console and the tape.
    Note { note: Note },
    /// Nothing more until an input comes or this time is reached.
    Idle { until: Option<CallTime> },
}

/// Sound to be written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recognition {
    pub turn: TurnId,
    /// From 1 within the turn.
    pub revision: u32,
    /// The utterance from a little before its onset, 16 kHz mono.
    pub samples: Arc<[i16]>,
    /// None: find out.
    pub language: Option<Language>,
    /// The turn is over; nothing replaces this revision. (An earlier one may already have covered all its speech.)
    pub last: bool,
    /// Words likely to be said now (product names, cities), for engines that take hints.
    pub hints: Arc<[String]>,
}

/// A question to the thinker: all it needs, so that any engine can answer it and a second one can take over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    pub id: RequestId,
    pub language: Language,
    /// The facts of the call as the core holds them.
    pub briefing: Briefing,
    /// What was said and done, oldest first. An agent's turn holds only what the caller really heard.
    pub history: Vec<Message>,
    /// The tools that may be called now.
    pub tools: Vec<crate::orders::ToolName>,
}

/// One entry of the history.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    Caller {
        text: String,
    },
    Agent {
        text: String,
    },
    ToolCall {
        call_ref: String,
        tool: String,
        arguments: String,
    },
    /// What the tool gave, as a JSON text of short facts.
    ToolResult {
        call_ref: String,
        tool: String,
        content: String,
    },
    /// Something the core wants known (a read-back was voided, a key was pressed).
    Note {
        text: String,
    },
}

/// The facts of the call.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Briefing {
    /// Whether the caller's number is known, so that orders can be found and made.
    pub identified: bool,
    /// The caller's name, once said.
    pub customer_name: Option<String>,
    pub today: Option<chrono::NaiveDate>,
    /// The orders last found, in the order in which they were told; `n` in tool results counts from 1 here.
    pub orders: Vec<OrderSummary>,
    /// The products found in this call, each once, by its `product_ref` (see [`Told`]).
    pub products: Vec<Product>,
    /// How `product_ref` counts in them, and which of them the last search found.
    #[serde(default, skip_serializing_if = "Told::is_plain")]
    pub found: Told,
    /// The pick-up points listed in this call, each once, by its `pickup_point_ref`.
    pub pickup_points: Vec<PickupPoint>,
    /// How `pickup_point_ref` counts in them, and which of them were listed last.
    #[serde(default, skip_serializing_if = "Told::is_plain")]
    pub listed: Told,
    /// The draft of this call, if there is one.
    pub draft: Option<Order>,
    /// The order that this call confirmed, if it did.
    pub placed: Option<Order>,
    /// A read-back has been spoken and a yes is awaited.
    pub awaiting_yes: bool,
    /// Whether this call may be transferred to a person.
    pub can_transfer: bool,
    /// The call was transferred before, and nobody answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nobody_answered: bool,
    /// A read-back's question stands, heard or still to be asked again, and the order is as it was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_back: bool,
    /// The dialogue's state after the last thought that had one.
    #[serde(default)]
    pub dialogue: crate::dialogue::State,
    /// The language model failed since the caller's last words: what took over goes on with the turn, so that a dead model
    /// is waited for once.
    #[serde(default)]
    pub fell_back: bool,
}

/// Words to be spoken.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synthesis {
    pub id: RequestId,
    pub language: Language,
    /// One clause or sentence, numbers already in words.
    pub text: String,
    /// The rate to deliver.
    pub rate: Rate,
}

/// How to leave a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "leave", rename_all = "snake_case")]
pub enum Leave {
    /// Everything is said.
    HangUp,
    /// To a person: the dialplan goes on at its next priority.
    Transfer { handover: Handover },
}

/// What a person should know who takes a call over. Made from what the core knows, never from a model's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// One line in the call's language: why a person is needed, and what the call was about.
    pub summary: String,
    /// The number of the order that the call was about, a draft's or a placed one's.
    pub order: Option<String>,
    /// The language that is spoken.
    pub language: Language,
}

/// A milestone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// The caller began to speak.
    TurnBegan { turn: TurnId },
    /// The caller has finished: when the last sound was, and when that was decided.
    TurnEnded { turn: TurnId, last_sound: CallTime, decided: CallTime },
    /// What the turn was understood as.
    Understood { turn: TurnId, text: String, decode_ms: u32 },
    /// A turn that was only noise.
    Nothing { turn: TurnId },
    /// A tool was called.
    Called { tool: String, arguments: String },
    /// A tool or action gave this, in short.
    Gave { tool: String, summary: String },
    /// The first frame of the answer to this turn was played.
    Answering { turn: TurnId, after_last_sound_ms: u32 },
    /// The agent says this (one synthesis).
    Saying { id: RequestId, text: String },
    /// It was played to its end, or cut after this many milliseconds.
    Said { id: RequestId, played_ms: u32, cut: bool },
    /// A read-back has been played whole; a yes now counts.
    ReadBack { order_number: String },
    /// The caller agreed to it.
    Agreed { order_number: String },
    /// Thinking fell back to the built-in rules, or another rung of the ladder was used.
    FellBack { from: String, to: String, why: String },
    /// The language was switched.
    Switched { language: Language },
    /// The caller has heard that the call is recorded: from now on it may be.
    RecordingTold,
    /// The caller does not want to be recorded, or could not be told: nothing of the call may stay on a tape.
    RecordingRefused,
    /// Something like a card's number was heard; it was forgotten, and what to do instead was said.
    CardHeard { turn: TurnId },
}
