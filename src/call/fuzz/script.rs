//! Bytes as a sequence of operations: any bytes are one, and near bytes are near operations.

use std::time::Duration;

use uuid::Uuid;

use crate::audio::{Frame, Rate};
use crate::conversation::Output;
use crate::conversation::event::{Completion, Handover, Leave, Note, Recognition, Synthesis};
use crate::ids::{CallId, RequestId, TurnId};
use crate::language::Language;
use crate::orders::{ActionRequest, OrderAction};

/// The call's UUID where the peer says the right one.
pub(super) const CALL: CallId = CallId(Uuid::from_u128(0x0a11));
/// Virtual time that all operations together may take.
const LONGEST: Duration = Duration::from_secs(30);
/// Operations that are carried out.
const MOST: usize = 400;

/// How a call goes.
#[derive(Debug)]
pub(super) struct Script {
    /// The real core, or one that does what the operations say.
    pub(super) real_core: bool,
    pub(super) registration_required: bool,
    pub(super) announced: bool,
    pub(super) english: bool,
    pub(super) detect_language: bool,
    /// The call's thread carries many others.
    pub(super) crowded: bool,
    /// The peer never hangs up by itself.
    pub(super) stays: bool,
    /// What the line holds in each direction.
    pub(super) pipe_bytes: usize,
    /// What ARI says, and when.
    pub(super) known: bool,
    pub(super) word_after: Option<Duration>,
    /// When an engine answers by itself, where it does; and what: an index each time.
    pub(super) answers_after: Option<Duration>,
    pub(super) answers: [u8; 4],
    pub(super) ops: Vec<Op>,
}

/// One operation.
#[derive(Debug)]
pub(super) enum Op {
    /// The peer sends these bytes at once.
    Send(Vec<u8>),
    /// The peer sends these bytes as a telephone would.
    Stream(Vec<u8>),
    /// The peer sends these bytes one by one.
    Drip(Vec<u8>),
    Wait(Duration),
    HalfClose,
    Reset,
    /// The peer stops reading, or reads on.
    Deaf(bool),
    /// An engine gives one piece of an answer.
    Answer {
        which: u8,
        what: u8,
    },
    Full(bool),
    /// One order action is settled.
    Settle,
    /// The scripted core does this.
    Core(Output),
    Panic,
    Drain,
    Stop,
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }

    fn one_of<T: Copy>(&mut self, choices: &[T], default: T) -> T {
        choices.get(usize::from(self.next()) % choices.len().max(1)).copied().unwrap_or(default)
    }
}

const LENGTHS: [usize; 16] =
    [0, 1, 2, 159, 160, 320, 321, 480, 640, 960, 1_920, 7_680, 16_000, 23_040, 65_534, 65_535];
const WAITS_MS: [u64; 16] = [0, 1, 5, 19, 20, 21, 40, 61, 100, 200, 500, 1_000, 1_999, 2_001, 5_000, 13_000];
const DELAYS_MS: [Option<u64>; 4] = [None, Some(0), Some(150), Some(5_000)];
const PIPES: [usize; 4] = [64 * 1024, 4 * 1024, 323, 16];

fn delay(choice: Option<u64>) -> Option<Duration> {
    choice.map(Duration::from_millis)
}

impl Script {
    pub(super) fn read(data: &[u8]) -> Self {
        let mut bytes = Bytes(data);
        let flags = bytes.next();
        let pipe_bytes = bytes.one_of(&PIPES, PIPES[0]);
        let more = bytes.next();
        let mut script = Self {
            real_core: flags & 1 == 0,
            registration_required: flags & 2 != 0,
            announced: flags & 4 != 0,
            english: flags & 8 != 0,
            detect_language: flags & 16 != 0,
            stays: flags & 0xe0 == 0xe0,
            pipe_bytes,
            known: more & 1 == 0,
            crowded: more & 2 != 0,
            word_after: delay(bytes.one_of(&DELAYS_MS, None)),
            answers_after: delay(bytes.one_of(&DELAYS_MS, None)),
            answers: [bytes.next(), bytes.next(), bytes.next(), bytes.next()],
            ops: Vec::new(),
        };
        let mut left = LONGEST;
        while !bytes.0.is_empty() && script.ops.len() < MOST {
            let op = Op::read(&mut bytes);
            let takes = match &op {
                Op::Wait(time) => *time,
                Op::Stream(bytes) => Duration::from_millis(20) * (bytes.len() / 323 + 1) as u32,
                Op::Drip(bytes) => Duration::from_millis(bytes.len() as u64),
                _ => Duration::ZERO,
            };
            let Some(later) = left.checked_sub(takes) else { break };
            left = later;
            script.ops.push(op);
        }
        script
    }
}

impl Op {
    fn read(bytes: &mut Bytes<'_>) -> Self {
        match bytes.next() % 20 {
            0 => Self::Send(message(0x01, CALL.0.as_bytes())),
            1 => Self::Send(message(0x01, &[bytes.next(); 16])),
            2 | 3 => {
                let kind = 0x10 + bytes.next() % 9;
                let length = bytes.one_of(&LENGTHS, 320);
                Self::Send(message(kind, &sound(length, bytes.next())))
            }
            4 => {
                let kind = bytes.next();
                let length = bytes.one_of(&LENGTHS, 0);
                Self::Send(message(kind, &vec![bytes.next(); length]))
            }
            5 => Self::Send(message(0x03, &[bytes.one_of(b"0123456789*#ABCD", b'0')])),
            6 => {
                // The same small message many times over.
                let one = message(bytes.next(), &[]);
                let times = [8, 100, 1_000, 5_000][usize::from(bytes.next()) % 4];
                Self::Send(one.repeat(times))
            }
            7 => {
                let count = usize::from(bytes.next());
                Self::Send(bytes.take(count))
            }
            8 => {
                let count = usize::from(bytes.next()) * 64;
                Self::Stream(bytes.take(count))
            }
            9 => {
                let count = usize::from(bytes.next());
                Self::Drip(bytes.take(count))
            }
            10 | 11 => Self::Wait(Duration::from_millis(bytes.one_of(&WAITS_MS, 20))),
            12 => match bytes.next() % 4 {
                0 => Self::HalfClose,
                1 => Self::Reset,
                2 => Self::Deaf(true),
                _ => Self::Deaf(false),
            },
            13 | 14 => Self::Answer { which: bytes.next(), what: bytes.next() },
            15 => Self::Full(bytes.next() & 1 == 0),
            16 => Self::Settle,
            17 | 18 => Self::Core(output(bytes)),
            _ => match bytes.next() % 3 {
                0 => Self::Panic,
                1 => Self::Drain,
                _ => Self::Stop,
            },
        }
    }
}

/// What a scripted core may do: anything that the real one may, in any order.
fn output(bytes: &mut Bytes<'_>) -> Output {
    let id = RequestId(u64::from(bytes.next() % 4));
    match bytes.next() % 9 {
        // Faster than time, in the wire's rate or in another one.
        0 => Output::Play { frame: Frame::silence(Rate(bytes.one_of(&[8_000, 16_000, 48_000], 8_000))) },
        1 => Output::Recognize {
            job: Recognition {
                turn: TurnId(u32::from(bytes.next() % 4)),
                revision: u32::from(bytes.next() % 4),
                samples: vec![0; 320].into(),
                language: None,
                last: false,
                hints: Vec::new().into(),
            },
        },
        2 => Output::Complete {
            request: Box::new(Completion {
                id,
                language: Language::English,
                briefing: Default::default(),
                history: Vec::new(),
                tools: Vec::new(),
            }),
        },
        3 => Output::Synthesize {
            request: Synthesis {
                id,
                language: Language::English,
                text: "hello".to_owned(),
                rate: Rate::HZ_8000,
            },
        },
        4 => Output::Abandon { id },
        5 | 6 => {
            let action = OrderAction::PickupPoints { city: None };
            Output::Act { request: ActionRequest { id, action, key: None, evidence: None } }
        }
        7 => Output::Note { note: Note::Said { id, played_ms: 0, cut: true } },
        _ => Output::Leave {
            how: match bytes.next() % 2 {
                0 => Leave::HangUp,
                _ => Leave::Transfer {
                    handover: Handover {
                        summary: "asks for a person".to_owned(),
                        order: None,
                        language: Language::English,
                    },
                },
            },
        },
    }
}

/// One message.
fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
    // The longest of `LENGTHS` is the longest there is.
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Silence, a buzz, or noise.
fn sound(length: usize, which: u8) -> Vec<u8> {
    let mut chance = u32::from(which) + 1;
    let mut byte = |n: usize| match which % 3 {
        0 => 0,
        1 => [0, 0x20, 0, 0xe0][n / 40 % 2 * 2 + n % 2],
        _ => {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (chance >> 24) as u8
        }
    };
    (0..length).map(&mut byte).collect()
}
