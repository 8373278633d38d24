//! Engines that answer early, late, never, or with nonsense; and what ARI says.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::cast::{caller, locked};
use super::script::Script;
use crate::call::Identify;
use crate::conversation::Input;
use crate::conversation::event::{
    Completion, EngineFault, Identity, Recognition, Speech, Synthesis, Thought, Transcript,
};
use crate::engines::{Full, Hearing, Inbox, Speaking, Thinking};
use crate::ids::{CallId, RequestId, TurnId};
use crate::language::Language;

/// All three, and whoever knows the callers.
#[derive(Debug)]
pub(super) struct Engines {
    full: AtomicBool,
    answers_after: Option<Duration>,
    answers: [u8; 4],
    taken: AtomicUsize,
    waiting: Mutex<Vec<Waiting>>,
    tokens: Mutex<Vec<CancellationToken>>,
    known: bool,
    word_after: Option<Duration>,
}

/// A request without its whole answer.
#[derive(Clone, Debug)]
struct Waiting {
    asked: Asked,
    inbox: Inbox,
    cancel: CancellationToken,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Hearing { turn: TurnId, revision: u32 },
    Thinking { id: RequestId },
    Speaking { id: RequestId },
}

const TEXTS: [&str; 10] = [
    "",
    "да",
    "yes",
    "нужны четыре зимние шины двести пять пятьдесят пять шестнадцать",
    "where is my order",
    "отмена",
    "operator",
    "Goodbye.",
    "One. Two! Three? 205/55 R16, 12 % — “quoted” \u{0}\u{202e}\u{1f600}",
    "ааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааааа",
];
const TOOLS: [(&str, &str); 8] = [
    ("get_order_status", "{}"),
    ("find_products", r#"{"query":"205 55 16"}"#),
    ("create_order_draft", r#"{"items":[{"product_ref":1,"quantity":4}]}"#),
    ("update_order_delivery", r#"{"type":"pickup","city":"Boston"}"#),
    ("confirm_order", r#"{"payment_method":"online"}"#),
    ("cancel_order_draft", "{"),
    ("transfer_to_operator", r#"{"reason":"\u0000"}"#),
    ("no_such_tool", "null"),
];
const CHUNKS: [usize; 6] = [0, 1, 159, 160, 8_000, 48_000];

impl Asked {
    /// One piece of an answer, and whether it is the last.
    fn piece(self, what: u8) -> (Input, bool) {
        let (kind, which) = (what % 8, usize::from(what / 8));
        let broken = || EngineFault::Broken { detail: "as the operation says".to_owned() };
        match self {
            Self::Hearing { turn, revision } => {
                let result = match kind {
                    0 => Err(EngineFault::TimedOut),
                    1 => Err(broken()),
                    _ => Ok(Transcript {
                        text: TEXTS[which % TEXTS.len()].to_owned(),
                        language: if kind == 2 { Language::English } else { Language::Russian },
                        confidence_permille: 800,
                        decode_ms: 10,
                    }),
                };
                (Input::Transcribed { turn, revision, result }, true)
            }
            Self::Thinking { id } => {
                let piece = match kind {
                    0..=2 => Thought::Delta { text: TEXTS[which % TEXTS.len()].to_owned() },
                    3 | 4 => {
                        let (tool, arguments) = TOOLS[which % TOOLS.len()];
                        Thought::ToolCall {
                            call_ref: which.to_string(),
                            tool: tool.to_owned(),
                            arguments: arguments.to_owned(),
                        }
                    }
                    5 => Thought::FellBack { from: "a".into(), to: "b".into(), why: "c".into() },
                    6 => Thought::Done,
                    _ => Thought::Failed { fault: broken() },
                };
                let last = matches!(piece, Thought::Done | Thought::Failed { .. });
                (Input::Completed { id, piece }, last)
            }
            Self::Speaking { id } => {
                let piece = match kind {
                    0..=5 => Speech::Chunk { samples: vec![1_000; CHUNKS[which % CHUNKS.len()]].into() },
                    6 => Speech::Done,
                    _ => Speech::Failed { fault: EngineFault::TimedOut },
                };
                let last = matches!(piece, Speech::Done | Speech::Failed { .. });
                (Input::Synthesized { id, piece }, last)
            }
        }
    }
}

impl Engines {
    pub(super) fn new(script: &Script) -> Self {
        Self {
            full: AtomicBool::new(false),
            answers_after: script.answers_after,
            answers: script.answers,
            taken: AtomicUsize::new(0),
            waiting: Mutex::default(),
            tokens: Mutex::default(),
            known: script.known,
            word_after: script.word_after,
        }
    }

    pub(super) fn full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// One piece for one of those that wait.
    pub(super) fn answer(&self, which: u8, what: u8) {
        let mut waiting = locked(&self.waiting);
        let Some(place) = usize::from(which).checked_rem(waiting.len()) else { return };
        let (input, last) = waiting[place].asked.piece(what);
        // A full inbox is the engine's to wait for; here the piece is lost.
        let _ = waiting[place].inbox.try_send(input);
        if last {
            waiting.swap_remove(place);
        }
    }

    fn take(&self, asked: Asked, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        if self.full.load(Ordering::Relaxed) {
            return Err(Full);
        }
        locked(&self.tokens).push(cancel.clone());
        let waiting = Waiting { asked, inbox, cancel };
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let what = self.answers[number % self.answers.len()];
        // An answer of one piece, and its end.
        let pieces = [asked.piece(what), asked.piece(6)];
        match self.answers_after {
            None => locked(&self.waiting).push(waiting),
            Some(Duration::ZERO) => {
                for (input, _) in pieces {
                    let _ = waiting.inbox.try_send(input);
                }
            }
            Some(delay) => {
                tokio::spawn(async move {
                    let answer = async {
                        sleep(delay).await;
                        for (input, _) in pieces {
                            let _ = waiting.inbox.send(input).await;
                        }
                    };
                    waiting.cancel.run_until_cancelled(answer).await;
                });
            }
        }
        Ok(())
    }

    /// # Panics
    /// Where a request of the call that is over is still wanted.
    pub(super) fn assert_called_off(&self) {
        let wanted = locked(&self.tokens).iter().filter(|token| !token.is_cancelled()).count();
        assert_eq!(wanted, 0, "requests that nobody called off when the call was over");
    }
}

impl Hearing for Engines {
    fn recognize(&self, job: Recognition, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        self.take(Asked::Hearing { turn: job.turn, revision: job.revision }, cancel, inbox)
    }
}

impl Thinking for Engines {
    fn complete(&self, request: Completion, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        self.take(Asked::Thinking { id: request.id }, cancel, inbox)
    }
}

impl Speaking for Engines {
    fn synthesize(&self, request: Synthesis, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        self.take(Asked::Speaking { id: request.id }, cancel, inbox)
    }
}

impl Identify for Engines {
    fn caller_of(&self, call: CallId) -> BoxFuture<'static, Option<Identity>> {
        self.vouch_for(call)
    }

    fn vouch_for(&self, _: CallId) -> BoxFuture<'static, Option<Identity>> {
        let (word, after) = (self.known.then(caller), self.word_after);
        Box::pin(async move {
            match after {
                Some(after) => sleep(after).await,
                None => std::future::pending().await,
            }
            word
        })
    }
}
