//! What must hold for one call, whatever its peer, its engines, its desk and its core do: the body of a fuzz target, and
//! of a test that repeats the target's corpus.
//!
//! Bytes become a sequence of operations (`script`), which a peer and the call's surroundings (`cast`) carry out on
//! [`Calls::carry`] over an in-memory line, in virtual time. What the server wrote, and what it left behind, is then
//! held to the driver's contract (`verdict`).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, DuplexStream, WriteHalf};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::call::{Calls, Peer, Settings, set_crowded};
use crate::conversation;
use crate::language::Language;

mod cast;
mod engines;
mod script;
mod verdict;

use cast::{Cast, Ear, Permit, Wire};
use script::{Op, Script};

/// No call lasts longer here; the operations themselves take half of it at most (`script`).
const MAX_MINUTES: u64 = 1;
/// By when a call must be over once the operations are done: a minute of talk, a second of farewell, a minute of settling,
/// the closing of the books.
const BOUND: Duration = Duration::from_secs(200);

/// Carries one call as the bytes say, and asserts that it ends in time and in good order.
///
/// To be run on a runtime of one thread with its clock paused: in real time it can take minutes.
///
/// # Panics
/// Where the driver does not keep its contract: a defect of this crate.
#[doc(hidden)]
pub async fn fuzz_call(data: &[u8]) {
    let script = Script::read(data);
    let cast = Cast::new(&script);
    let calls = Arc::new(Calls {
        settings: Settings {
            registration_required: script.registration_required,
            stuck_frames: 50,
            max_minutes: MAX_MINUTES,
            ..Settings::default()
        },
        language: if script.english { Language::English } else { Language::Russian },
        detect_language: script.detect_language,
        hearing: cast.engines.clone(),
        thinking: cast.engines.clone(),
        speaking: cast.engines.clone(),
        desk: cast.desk.clone(),
        identify: cast.engines.clone(),
        ..Calls::plain(cast.new_core(conversation::Settings::default()), Handle::current())
    });
    if script.announced {
        // One announcement is far below the registry's bound.
        let _ = calls.registry.announce(script::CALL, cast::caller());
    }
    set_crowded(script.crowded);
    let (theirs, ours) = tokio::io::duplex(script.pipe_bytes);
    let (hearing, mut line) = tokio::io::split(theirs);
    let (wire, reset) = Wire::new(ours);
    let (reader, writer) = tokio::io::split(wire);
    let (permit, half_open) = Permit::new();
    let ear = Ear::listen(hearing);
    let call = tokio::spawn(calls.clone().carry(reader, writer, Peer::default(), permit));

    let mut peer = Acting { line: Some(&mut line), ear: &ear, cast: &cast, calls: &calls };
    for op in &script.ops {
        peer.act(op, &reset).await;
    }
    if !script.stays {
        // The peer still reads, so that all that was written is heard.
        let _ = line.shutdown().await;
    }
    let over = timeout(BOUND, call).await;
    assert!(over.is_ok(), "a call is over within {BOUND:?}");
    assert!(over.is_ok_and(|joined| joined.is_ok()), "a call's task never panics");
    drop(line);
    verdict::on_what_was_heard(&ear.finish().await, &script);
    cast.desk.settle_all();
    calls.tasks.close();
    let settled = timeout(BOUND, calls.tasks.wait()).await;
    assert!(settled.is_ok(), "nothing outlives a call but its order actions");
    verdict::on_what_is_left(&calls, &cast, &half_open, &script);
}

/// The peer, and whoever else acts on the call.
struct Acting<'a> {
    /// None once its sending side is shut.
    line: Option<&'a mut WriteHalf<DuplexStream>>,
    ear: &'a Ear,
    cast: &'a Cast,
    calls: &'a Calls,
}

impl Acting<'_> {
    async fn act(&mut self, op: &Op, reset: &cast::Reset) {
        match op {
            Op::Send(bytes) => self.send(bytes).await,
            Op::Stream(bytes) => {
                // As Asterisk sends: a frame of 8 kHz each 20 ms, wherever the messages' borders are.
                for piece in bytes.chunks(audiosocket::HEADER_BYTES + 320) {
                    self.send(piece).await;
                    sleep(Duration::from_millis(20)).await;
                }
            }
            Op::Drip(bytes) => {
                for byte in bytes {
                    self.send(&[*byte]).await;
                    sleep(Duration::from_millis(1)).await;
                }
            }
            Op::Wait(time) => sleep(*time).await,
            Op::HalfClose => {
                if let Some(line) = self.line.take() {
                    let _ = line.shutdown().await;
                }
            }
            Op::Reset => {
                self.ear.gone();
                reset.break_off();
            }
            Op::Deaf(deaf) => self.ear.deaf(*deaf),
            Op::Answer { which, what } => self.cast.engines.answer(*which, *what),
            Op::Full(full) => self.cast.engines.full(*full),
            Op::Settle => self.cast.desk.settle(),
            Op::Core(output) => self.cast.will(output.clone()),
            Op::Panic => self.cast.panic_next(),
            Op::Drain => self.calls.draining.cancel(),
            Op::Stop => self.calls.stopping.cancel(),
        }
        // Whatever is ready runs before the next operation, at the same time by the clock.
        tokio::task::yield_now().await;
    }

    async fn send(&mut self, bytes: &[u8]) {
        if let Some(line) = &mut self.line {
            // A server that does not read for so long is one that has ended the leg: the verdict is on how.
            let sent = timeout(Duration::from_secs(2), line.write_all(bytes)).await;
            if !matches!(sent, Ok(Ok(()))) {
                self.line = None;
            }
        }
    }
}
