//! Everything around a call: its core, engines and desk, which do what the operations say, and its line.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf, ReadHalf};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::engines::Engines;
use super::script::Script;
use crate::audio::{Frame, Rate};
use crate::call::{Core, Desk, NewCore, Summary};
use crate::conversation::event::Identity;
use crate::conversation::{CallTime, Conversation, Input, Output, Settings};
use crate::ids::{CallId, PresentedNumber};
use crate::orders::{ActionOutcome, ActionRequest, Unavailable};

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who calls, where somebody says it.
pub(super) fn caller() -> Identity {
    Identity { number: PresentedNumber::Withheld, dialled: Some("100".to_owned()), language: None }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) engines: Arc<Engines>,
    pub(super) desk: Arc<Books>,
    directions: Arc<Directions>,
    real_core: bool,
}

/// What the core is told to do.
#[derive(Debug, Default)]
struct Directions {
    to_do: Mutex<VecDeque<Output>>,
    panics: AtomicBool,
}

impl Cast {
    pub(super) fn new(script: &Script) -> Self {
        Self {
            engines: Arc::new(Engines::new(script)),
            desk: Arc::default(),
            directions: Arc::default(),
            real_core: script.real_core,
        }
    }

    pub(super) fn new_core(&self, settings: Settings) -> NewCore {
        let (real, directions, settings) = (self.real_core, self.directions.clone(), Arc::new(settings));
        Arc::new(move || {
            Box::new(Actor {
                real: real.then(|| Box::new(Conversation::new(settings.clone()))),
                directions: directions.clone(),
                now: CallTime::default(),
                next_frame: CallTime::default(),
                rate: Rate::HZ_8000,
                over: false,
            })
        })
    }

    pub(super) fn will(&self, output: Output) {
        locked(&self.directions.to_do).push_back(output);
    }

    pub(super) fn panic_next(&self) {
        self.directions.panics.store(true, Ordering::Relaxed);
    }
}

/// The real core with chance taken out of it, or one that plays silence and does what it is told.
#[derive(Debug)]
struct Actor {
    real: Option<Box<Conversation>>,
    directions: Arc<Directions>,
    now: CallTime,
    next_frame: CallTime,
    rate: Rate,
    over: bool,
}

impl Core for Actor {
    fn handle(&mut self, at: CallTime, mut input: Input) {
        assert!(at >= self.now, "a core's time never runs backwards");
        self.now = at;
        assert!(!self.over || !matches!(input, Input::HungUp { .. }), "the leg's end is told once");
        self.over |= matches!(input, Input::HungUp { .. });
        if let Input::Answered { caller } = &mut input {
            caller.seed = 1;
            caller.today = chrono::NaiveDate::default();
            self.rate = caller.rate;
        }
        if self.directions.panics.swap(false, Ordering::Relaxed) {
            // Past the panic hook: this one is no defect.
            std::panic::resume_unwind(Box::new("as the operation says"));
        }
        if let Some(real) = &mut self.real {
            real.handle(at, input);
        }
    }

    fn poll(&mut self) -> Output {
        if let Some(real) = &mut self.real {
            return real.poll();
        }
        if let Some(output) = locked(&self.directions.to_do).pop_front() {
            return output;
        }
        if self.over {
            return Output::Idle { until: None };
        }
        if self.now < self.next_frame {
            return Output::Idle { until: Some(self.next_frame) };
        }
        self.next_frame = self.next_frame.max(self.now) + Duration::from_millis(20);
        Output::Play { frame: Frame::silence(self.rate) }
    }
}

/// A desk whose actions end when the operations say so.
#[derive(Debug)]
pub(super) struct Books {
    kept: Mutex<Kept>,
    settle: Arc<Semaphore>,
    under_way: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct Kept {
    began: Vec<CallId>,
    ended: Vec<CallId>,
    without_cause: usize,
    actions: usize,
}

/// What a desk's books say in the end.
pub(super) struct Closed {
    pub(super) began: Vec<CallId>,
    pub(super) ended: Vec<CallId>,
    /// Calls of which it is not known how they ended: their tasks panicked.
    pub(super) without_cause: usize,
    pub(super) under_way: usize,
}

impl Default for Books {
    fn default() -> Self {
        Self { kept: Mutex::default(), settle: Arc::new(Semaphore::new(0)), under_way: Arc::default() }
    }
}

impl Books {
    pub(super) fn settle(&self) {
        self.settle.add_permits(1);
    }

    /// More than all actions that one call can have.
    pub(super) fn settle_all(&self) {
        self.settle.add_permits(1 << 20);
    }

    pub(super) fn closed(&self) -> Closed {
        let kept = locked(&self.kept);
        Closed {
            began: kept.began.clone(),
            ended: kept.ended.clone(),
            without_cause: kept.without_cause,
            under_way: self.under_way.load(Ordering::Relaxed),
        }
    }
}

impl Desk for Books {
    fn began(&self, call: CallId) {
        locked(&self.kept).began.push(call);
    }

    fn identified(&self, _: CallId, _: &Identity) {}

    fn carry_out(&self, _: CallId, _: Instant, _: ActionRequest) -> BoxFuture<'static, ActionOutcome> {
        let (settle, under_way) = (self.settle.clone(), self.under_way.clone());
        under_way.fetch_add(1, Ordering::Relaxed);
        let mut kept = locked(&self.kept);
        kept.actions += 1;
        let outcome = match kept.actions % 4 {
            0 => ActionOutcome::Unavailable { reason: Unavailable::Store },
            1 => ActionOutcome::PickupPoints { points: Vec::new() },
            2 => ActionOutcome::Orders { orders: Vec::new() },
            _ => ActionOutcome::Unknown,
        };
        Box::pin(async move {
            // Never closed, so there is nothing to do about an error but to go on.
            if let Ok(permit) = settle.acquire().await {
                permit.forget();
            }
            under_way.fetch_sub(1, Ordering::Relaxed);
            outcome
        })
    }

    fn ended(&self, call: CallId, summary: &Summary) -> BoxFuture<'static, ()> {
        let mut kept = locked(&self.kept);
        kept.ended.push(call);
        kept.without_cause += usize::from(summary.cause.is_none());
        Box::pin(std::future::ready(()))
    }
}

/// The half-open permit.
#[derive(Debug)]
pub(super) struct Permit(Arc<AtomicUsize>);

impl Permit {
    /// A permit, and how many there are.
    pub(super) fn new() -> (Self, Arc<AtomicUsize>) {
        let held = Arc::new(AtomicUsize::new(1));
        (Self(held.clone()), held)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The server's end of the line, which can break.
#[derive(Debug)]
pub(super) struct Wire {
    line: DuplexStream,
    broken: Arc<Broken>,
}

#[derive(Debug, Default)]
struct Broken {
    is: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// Breaks the line, as a TCP reset does.
#[derive(Debug)]
pub(super) struct Reset(Arc<Broken>);

impl Reset {
    pub(super) fn break_off(&self) {
        self.0.is.store(true, Ordering::Release);
        self.0.reader.wake();
        self.0.writer.wake();
    }
}

impl Wire {
    pub(super) fn new(line: DuplexStream) -> (Self, Reset) {
        let broken = Arc::new(Broken::default());
        (Self { line, broken: broken.clone() }, Reset(broken))
    }

    fn whole(&self, waker: &AtomicWaker, context: &Context<'_>) -> io::Result<()> {
        waker.register(context.waker());
        if self.broken.is.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.whole(&self.broken.reader, context)?;
        Pin::new(&mut self.line).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.whole(&self.broken.writer, context)?;
        Pin::new(&mut self.line).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_shutdown(context)
    }
}

/// Bytes, and when they came.
pub(super) type Pieces = Vec<(Instant, Vec<u8>)>;

/// The peer's ear.
#[derive(Debug)]
pub(super) struct Ear {
    mode: watch::Sender<Mode>,
    heard: Arc<Mutex<Pieces>>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Listens,
    Deaf,
    Gone,
}

/// What it heard, and when.
pub(super) struct Heard {
    pub(super) pieces: Pieces,
    pub(super) broken_off: bool,
}

impl Ear {
    pub(super) fn listen(mut line: ReadHalf<DuplexStream>) -> Self {
        let (mode, mut told) = watch::channel(Mode::Listens);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = heard.clone();
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let listens = match *told.borrow_and_update() {
                    Mode::Listens => true,
                    Mode::Deaf => false,
                    Mode::Gone => return,
                };
                tokio::select! {
                    biased;
                    changed = told.changed() => if changed.is_err() { return },
                    read = line.read(&mut buffer), if listens => match read {
                        Ok(count @ 1..) => {
                            locked(&notes).push((Instant::now(), buffer[..count].to_vec()));
                        }
                        Ok(0) | Err(_) => return,
                    },
                }
            }
        });
        Self { mode, heard, task }
    }

    pub(super) fn deaf(&self, deaf: bool) {
        if *self.mode.borrow() != Mode::Gone {
            self.mode.send_replace(if deaf { Mode::Deaf } else { Mode::Listens });
        }
    }

    pub(super) fn gone(&self) {
        self.mode.send_replace(Mode::Gone);
    }

    /// After the server has gone.
    pub(super) async fn finish(self) -> Heard {
        let broken_off = *self.mode.borrow() == Mode::Gone;
        if *self.mode.borrow() == Mode::Deaf {
            self.gone();
        }
        // A second is far more than what is left in the line can take.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.task).await;
        sleep(Duration::ZERO).await;
        Heard { pieces: std::mem::take(&mut *locked(&self.heard)), broken_off }
    }
}
