//! A core and engines that do what a test tells them.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each of the test binaries uses its part of this cast"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use orderline::audio::{Frame, Rate};
use orderline::call::{Calls, Core, Desk, NewCore, Settings, Summary};
use orderline::conversation::event::{Completion, Identity, Leave, Recognition, Synthesis};
use orderline::conversation::{CallTime, Input, Output};
use orderline::engines::{Full, Hearing, Inbox, Speaking, Thinking};
use orderline::ids::CallId;
use orderline::orders::{ActionOutcome, ActionRequest};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What a scripted core saw, and what it shall do next.
#[derive(Debug, Default)]
pub struct Script {
    pub inputs: Vec<(CallTime, Input)>,
    pub to_do: VecDeque<Output>,
    /// Panics at this input's number.
    pub panic_at: Option<usize>,
    /// Says that it leaves when the draining is told.
    pub leave_when_draining: bool,
    /// Does this when the caller has hung up.
    pub at_hangup: Vec<Output>,
}

/// Plays a frame every 20 ms on an absolute schedule, and does what the script says.
#[derive(Debug)]
pub struct Scripted {
    script: Arc<Mutex<Script>>,
    now: CallTime,
    next_frame: CallTime,
    rate: Rate,
    over: bool,
}

impl Core for Scripted {
    fn handle(&mut self, at: CallTime, input: Input) {
        assert!(at >= self.now, "time runs backwards");
        self.now = at;
        let mut script = self.script.lock().unwrap();
        match &input {
            Input::Answered { caller } => self.rate = caller.rate,
            Input::HungUp { .. } => {
                self.over = true;
                let more = std::mem::take(&mut script.at_hangup);
                script.to_do.extend(more);
            }
            Input::Draining if script.leave_when_draining => {
                script.to_do.push_back(Output::Leave { how: Leave::HangUp });
            }
            _ => {}
        }
        script.inputs.push((at, input));
        let panics = script.panic_at == Some(script.inputs.len());
        drop(script);
        assert!(!panics, "as the script says");
    }

    fn poll(&mut self) -> Output {
        if let Some(output) = self.script.lock().unwrap().to_do.pop_front() {
            return output;
        }
        if self.over {
            return Output::Idle { until: None };
        }
        if self.now < self.next_frame {
            return Output::Idle { until: Some(self.next_frame) };
        }
        if self.now.since(self.next_frame) > Duration::from_millis(60) {
            self.next_frame = self.now;
        }
        self.next_frame = self.next_frame + Duration::from_millis(20);
        Output::Play { frame: Frame::silence(self.rate) }
    }
}

/// Engines that keep their requests.
#[derive(Debug, Default)]
pub struct Engines {
    pub full: Mutex<bool>,
    pub recognitions: Mutex<Vec<(Recognition, CancellationToken, Inbox)>>,
    pub completions: Mutex<Vec<(Completion, CancellationToken, Inbox)>>,
    pub syntheses: Mutex<Vec<(Synthesis, CancellationToken, Inbox)>>,
}

impl Engines {
    fn taken(&self) -> Result<(), Full> {
        if *self.full.lock().unwrap() { Err(Full) } else { Ok(()) }
    }
}

impl Hearing for Engines {
    fn recognize(&self, job: Recognition, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        self.taken()?;
        self.recognitions.lock().unwrap().push((job, cancel, inbox));
        Ok(())
    }
}

impl Thinking for Engines {
    fn complete(&self, request: Completion, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        self.taken()?;
        self.completions.lock().unwrap().push((request, cancel, inbox));
        Ok(())
    }
}

impl Speaking for Engines {
    fn synthesize(&self, request: Synthesis, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        self.taken()?;
        self.syntheses.lock().unwrap().push((request, cancel, inbox));
        Ok(())
    }
}

/// A desk whose actions settle when the test says so.
#[derive(Debug, Default)]
pub struct Counter {
    pub taken: Mutex<Vec<ActionRequest>>,
    pub settle: Arc<Notify>,
    pub settled: Arc<Mutex<usize>>,
    pub closed: Mutex<Vec<(CallId, Summary)>>,
    /// How long closing a call takes.
    pub closing: Mutex<Duration>,
}

impl Desk for Counter {
    fn began(&self, _: CallId) {}

    fn identified(&self, _: CallId, _: &Identity) {}

    fn carry_out(&self, _: CallId, _: Instant, request: ActionRequest) -> BoxFuture<'static, ActionOutcome> {
        self.taken.lock().unwrap().push(request);
        let settle = self.settle.clone();
        let settled = self.settled.clone();
        Box::pin(async move {
            settle.notified().await;
            *settled.lock().unwrap() += 1;
            ActionOutcome::Unknown
        })
    }

    fn ended(&self, call: CallId, summary: &Summary) -> BoxFuture<'static, ()> {
        self.closed.lock().unwrap().push((call, summary.clone()));
        let (takes, settled) = (*self.closing.lock().unwrap(), self.settled.clone());
        Box::pin(async move {
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
                *settled.lock().unwrap() += 1;
            }
        })
    }
}

/// Everything a call needs, in a test's hands.
pub struct Cast {
    pub calls: Arc<Calls>,
    pub script: Arc<Mutex<Script>>,
    pub engines: Arc<Engines>,
    pub desk: Arc<Counter>,
}

/// Must be called within a runtime.
pub fn cast(settings: Settings) -> Cast {
    let script = Arc::new(Mutex::new(Script::default()));
    let scripted = script.clone();
    let new_core: NewCore = Arc::new(move || {
        Box::new(Scripted {
            script: scripted.clone(),
            now: CallTime::default(),
            next_frame: CallTime::default(),
            rate: Rate::HZ_8000,
            over: false,
        })
    });
    cast_with(settings, script, new_core)
}

/// The same with another core than the scripted one.
pub fn cast_with(settings: Settings, script: Arc<Mutex<Script>>, new_core: NewCore) -> Cast {
    let engines = Arc::new(Engines::default());
    let desk = Arc::new(Counter::default());
    let calls = Arc::new(Calls {
        settings,
        hearing: engines.clone(),
        thinking: engines.clone(),
        speaking: engines.clone(),
        desk: desk.clone(),
        ..Calls::plain(new_core, Handle::current())
    });
    Cast { calls, script, engines, desk }
}

impl Cast {
    /// The inputs so far, without wake-ups and sound.
    pub fn inputs(&self) -> Vec<Input> {
        let script = self.script.lock().unwrap();
        let told = script.inputs.iter().map(|(_, input)| input.clone());
        told.filter(|input| !matches!(input, Input::Woken | Input::Heard { .. })).collect()
    }

    pub fn has(&self, wanted: impl Fn(&Input) -> bool) -> bool {
        self.script.lock().unwrap().inputs.iter().any(|(_, input)| wanted(input))
    }

    pub fn heard(&self) -> usize {
        let script = self.script.lock().unwrap();
        script.inputs.iter().filter(|(_, input)| matches!(input, Input::Heard { .. })).count()
    }

    /// Tells the core to do this at its next poll.
    pub fn will(&self, output: Output) {
        self.script.lock().unwrap().to_do.push_back(output);
    }
}

/// The UUID message.
pub fn id(call: u128) -> Vec<u8> {
    let mut bytes = vec![0x01, 0x00, 0x10];
    bytes.extend_from_slice(&call.to_be_bytes());
    bytes
}

/// A message of any kind.
pub fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![kind, length[0], length[1]];
    bytes.extend_from_slice(payload);
    bytes
}

/// One action.
pub fn action(id: u64) -> ActionRequest {
    ActionRequest {
        id: orderline::ids::RequestId(id),
        action: orderline::orders::OrderAction::PickupPoints { city: None },
        key: None,
        evidence: None,
    }
}

/// The bytes of 20 ms of silence.
pub fn silence(rate: Rate) -> Vec<u8> {
    vec![0; rate.frame_samples() * 2]
}
