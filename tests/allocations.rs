//! A call in its steady state allocates nothing: not for a frame heard, not for a frame spoken.

#![allow(clippy::unwrap_used)]

#[path = "driver/cast.rs"]
mod cast;

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use cast::{cast_with, id, message};
use orderline::audio::Rate;
use orderline::call::core::{conversations, echoes, responders};
use orderline::call::{NewCore, Settings};
use orderline::conversation::event::Speech;
use orderline::conversation::{self, Input};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

/// Frames until every buffer has grown to its size: five seconds.
const WARM: usize = 250;
/// Frames that are counted: five more.
const COUNTED: usize = 250;

/// A call under a held clock, on one thread, where every allocation is counted.
struct Call {
    runtime: Runtime,
    line: DuplexStream,
    frame: Vec<u8>,
    /// What comes back; not in the future, which a runtime would box for its size.
    room: Vec<u8>,
    cast: cast::Cast,
}

fn ring(rate: Rate, new_core: impl FnOnce() -> NewCore) -> Call {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (cast, line) = runtime.block_on(async {
        let cast = cast_with(Settings::default(), Arc::default(), new_core());
        let (mut line, ours) = duplex(64 * 1024);
        let (reader, writer) = tokio::io::split(ours);
        tokio::spawn(cast.calls.clone().carry(reader, writer, orderline::call::Peer::default(), ()));
        line.write_all(&id(1)).await.unwrap();
        (cast, line)
    });
    // Noise: quiet enough to be nobody's speech, and no digital silence.
    let kind = if rate == Rate::HZ_16000 { 0x12 } else { 0x10 };
    let payload: Vec<u8> =
        (0..rate.frame_samples()).flat_map(|n| ((n * 7 % 5) as i16 - 2).to_le_bytes()).collect();
    Call { runtime, line, frame: message(kind, &payload), room: vec![0; 4096], cast }
}

impl Call {
    /// So many frames each way; tells how many bytes came back.
    fn talk(&mut self, frames: usize) -> usize {
        let (line, frame, room) = (&mut self.line, &self.frame, &mut self.room);
        self.runtime.block_on(async {
            let mut heard = 0;
            for _ in 0..frames {
                line.write_all(frame).await.unwrap();
                sleep(Duration::from_millis(20)).await;
                while let Ok(read) = timeout(Duration::ZERO, line.read(room)).await {
                    heard += read.unwrap();
                }
            }
            heard
        })
    }

    fn allocates_nothing(&mut self, what: &str) {
        self.talk(WARM);
        let mut heard = 0;
        let counted = measure(|| heard = self.talk(COUNTED));
        assert!(heard >= (COUNTED - 2) * self.frame.len(), "{what}: only {heard} bytes came back");
        assert_eq!(counted.count_total, 0, "{what}: {counted:?} for {COUNTED} frames each way");
    }
}

#[test]
fn an_echoed_frame_costs_no_allocation() {
    for rate in [Rate::HZ_8000, Rate::HZ_16000] {
        ring(rate, echoes).allocates_nothing(&format!("echo at {} Hz", rate.0));
    }
}

#[test]
fn a_frame_that_the_ear_judges_costs_no_allocation() {
    for rate in [Rate::HZ_8000, Rate::HZ_16000] {
        let core = || responders(conversation::Settings::default());
        ring(rate, core).allocates_nothing(&format!("ear at {} Hz", rate.0));
    }
}

#[test]
fn a_frame_of_the_order_desk_costs_no_allocation_whether_it_speaks_or_listens() {
    // Nobody asks whether the caller is still there while this counts.
    let settings = conversation::Settings { caller_silence_ms: 60_000, ..conversation::Settings::default() };
    let mut call = ring(Rate::HZ_8000, || conversations(settings));
    call.talk(5);
    // The greeting's first clause: twenty seconds of sound.
    let (request, _, inbox) = call.cast.engines.syntheses.lock().unwrap().remove(0);
    let samples: Arc<[i16]> = vec![1_000; 20 * 8_000].into();
    let piece = |piece| Input::Synthesized { id: request.id, piece };
    inbox.try_send(piece(Speech::Chunk { samples })).unwrap();
    call.allocates_nothing("the order desk, speaking");
    inbox.try_send(piece(Speech::Done)).unwrap();
    for (request, _, inbox) in call.cast.engines.syntheses.lock().unwrap().drain(..) {
        inbox.try_send(Input::Synthesized { id: request.id, piece: Speech::Done }).unwrap();
    }
    call.talk(20 * 50);
    call.allocates_nothing("the order desk, listening");
}
