//! The driver under a clock that the test holds: a call over an in-memory line, a scripted core, scripted engines.

#![allow(clippy::unwrap_used)]

#[path = "driver/cast.rs"]
mod cast;
#[path = "driver/strangers.rs"]
mod strangers;
#[path = "driver/tapes.rs"]
mod tapes;
#[path = "driver/writes.rs"]
mod writes;

use std::time::Duration;

use cast::{Cast, action, cast, id, message, silence};
use orderline::audio::Rate;
use orderline::call::{Happening, Settings};
use orderline::conversation::event::{Engine, Handover, HangupCause, Leave, Recognition, Speech, Synthesis};
use orderline::conversation::{Input, Output};
use orderline::ids::{RequestId, TurnId};
use orderline::language::Language;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep, timeout};

/// A peer on the other end of the line.
struct Peer {
    line: DuplexStream,
    task: JoinHandle<()>,
}

fn ring(cast: &Cast) -> Peer {
    let (line, ours) = duplex(64 * 1024);
    let (reader, writer) = tokio::io::split(ours);
    let task = tokio::spawn(cast.calls.clone().carry(reader, writer, orderline::call::Peer::default(), ()));
    Peer { line, task }
}

impl Peer {
    async fn send(&mut self, bytes: &[u8]) {
        self.line.write_all(bytes).await.unwrap();
    }

    /// The next message: kind and payload.
    async fn message(&mut self) -> (u8, Vec<u8>) {
        let mut header = [0; 3];
        self.line.read_exact(&mut header).await.unwrap();
        let mut payload = vec![0; usize::from(u16::from_be_bytes([header[1], header[2]]))];
        self.line.read_exact(&mut payload).await.unwrap();
        (header[0], payload)
    }

    /// Reads to the end: the kinds that came.
    async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.line.read_to_end(&mut bytes).await.unwrap();
        let mut kinds = Vec::new();
        let mut rest = &bytes[..];
        while let [kind, high, low, tail @ ..] = rest {
            kinds.push(*kind);
            rest = &tail[usize::from(u16::from_be_bytes([*high, *low]))..];
        }
        kinds
    }
}

/// A call that is answered and talks.
async fn answered(cast: &Cast) -> Peer {
    let mut peer = ring(cast);
    peer.send(&id(1)).await;
    peer.send(&message(0x10, &silence(Rate::HZ_8000))).await;
    sleep(Duration::from_millis(1)).await;
    assert!(cast.has(|input| matches!(input, Input::Answered { .. })));
    peer
}

fn recognition(turn: u32, revision: u32) -> Output {
    Output::Recognize {
        job: Recognition {
            turn: TurnId(turn),
            revision,
            samples: vec![0; 320].into(),
            language: None,
            last: false,
            hints: Vec::new().into(),
        },
    }
}

fn synthesis(id: u64) -> Output {
    let request = Synthesis {
        id: RequestId(id),
        language: Language::English,
        text: "hello".into(),
        rate: Rate::HZ_8000,
    };
    Output::Synthesize { request }
}

#[tokio::test(start_paused = true)]
async fn a_frame_leaves_every_20_ms_from_accept_on_an_absolute_schedule() {
    let cast = cast(Settings { handshake_ms: 60_000, ..Settings::default() });
    let start = Instant::now();
    let mut peer = ring(&cast);
    for n in 0..500 {
        let (kind, payload) = peer.message().await;
        assert_eq!((kind, payload.len()), (0x10, 320));
        assert_eq!(start.elapsed(), Duration::from_millis(n * 20), "frame {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_schedule_moves_and_never_bursts() {
    let cast = cast(Settings { handshake_ms: 60_000, ..Settings::default() });
    let mut peer = ring(&cast);
    for _ in 0..5 {
        peer.message().await;
    }
    // The machine stands still for a second.
    advance(Duration::from_secs(1)).await;
    let woke = Instant::now();
    peer.message().await;
    let mut after = Vec::new();
    for _ in 0..5 {
        peer.message().await;
        after.push(woke.elapsed().as_millis());
    }
    assert_eq!(after, [20, 40, 60, 80, 100], "one frame at once, then one each 20 ms");
}

#[tokio::test(start_paused = true)]
async fn a_core_that_runs_faster_than_time_is_held_to_the_pace() {
    let cast = cast(Settings::default());
    let mut peer = answered(&cast).await;
    while timeout(Duration::ZERO, peer.message()).await.is_ok() {}
    let frame = orderline::audio::Frame(vec![7; 160].into());
    for _ in 0..8 {
        cast.will(Output::Play { frame: frame.clone() });
    }
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < 8 {
        let (_, payload) = peer.message().await;
        if payload[0] == 7 {
            times.push(start.elapsed().as_millis());
        }
    }
    let at_once = times.iter().filter(|at| **at == times[0]).count();
    assert!(at_once <= 4, "{times:?}");
    assert!(times[7] - times[0] >= 80, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn the_answer_comes_in_the_rate_of_the_callers_first_frame() {
    let cast = cast(Settings::default());
    let mut peer = ring(&cast);
    peer.send(&id(1)).await;
    peer.send(&message(0x12, &silence(Rate::HZ_16000))).await;
    sleep(Duration::from_millis(50)).await;
    assert!(cast.has(|input| matches!(input, Input::Answered { caller } if caller.rate == Rate::HZ_16000)));
    let mut kinds = Vec::new();
    for _ in 0..4 {
        let (kind, payload) = peer.message().await;
        kinds.push((kind, payload.len()));
    }
    assert_eq!(kinds.last(), Some(&(0x12, 640)));
    assert_eq!(kinds.iter().filter(|(kind, _)| *kind == 0x10).count(), 1, "switched once: {kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_sound_is_answered_in_the_configured_rate() {
    let cast = cast(Settings::default());
    let mut peer = ring(&cast);
    peer.send(&id(1)).await;
    sleep(Duration::from_millis(199)).await;
    assert!(!cast.has(|input| matches!(input, Input::Answered { .. })));
    sleep(Duration::from_millis(2)).await;
    assert!(cast.has(|input| matches!(input, Input::Answered { caller } if caller.rate == Rate::HZ_8000)));
}

#[tokio::test(start_paused = true)]
async fn sound_keys_and_the_unknown_caller_reach_the_core() {
    let cast = cast(Settings::default());
    let mut peer = answered(&cast).await;
    peer.send(&message(0x10, &[0; 960])).await;
    peer.send(&message(0x03, b"5")).await;
    sleep(Duration::from_millis(1)).await;
    // 20 ms at the answer and 60 ms now; the resampler may hold some of it back.
    assert_eq!(cast.heard(), 4);
    let inputs = cast.inputs();
    assert!(inputs.contains(&Input::Keyed { digit: '5' }), "{inputs:?}");
    assert!(inputs.iter().any(|input| matches!(input, Input::Identified { .. })), "{inputs:?}");
    assert!(matches!(inputs[0], Input::Answered { .. }), "{inputs:?}");
}

#[tokio::test(start_paused = true)]
async fn on_a_crowded_thread_a_call_hears_when_its_frame_is_due_and_misses_nothing() {
    orderline::call::set_crowded(true);
    let cast = cast(Settings::default());
    let mut peer = ring(&cast);
    peer.send(&id(1)).await;
    // The fastest sound there is: 7,680 bytes in a frame.
    peer.send(&message(0x18, &silence(Rate(192_000)))).await;
    sleep(Duration::from_millis(41)).await;
    for n in 1..=50 {
        assert!(cast.heard().abs_diff(n) <= 1, "{} frames of {n} heard", cast.heard());
        peer.send(&message(0x18, &silence(Rate(192_000)))).await;
        sleep(Duration::from_millis(20)).await;
        while timeout(Duration::ZERO, peer.message()).await.is_ok() {}
    }
    peer.send(&message(0x03, b"7")).await;
    assert!(!cast.inputs().contains(&Input::Keyed { digit: '7' }), "not before its frame is due");
    sleep(Duration::from_millis(20)).await;
    assert!(cast.inputs().contains(&Input::Keyed { digit: '7' }));
    drop(peer.line);
    timeout(Duration::from_millis(25), peer.task).await.unwrap().unwrap();
    orderline::call::set_crowded(false);
}

#[tokio::test(start_paused = true)]
async fn a_full_engine_is_told_to_the_core_and_never_waited_for() {
    let cast = cast(Settings::default());
    let _peer = answered(&cast).await;
    *cast.engines.full.lock().unwrap() = true;
    cast.will(synthesis(7));
    cast.will(recognition(3, 1));
    sleep(Duration::from_millis(40)).await;
    let inputs = cast.inputs();
    for (engine, id) in [(Engine::Speaking, 7), (Engine::Hearing, 3)] {
        assert!(inputs.contains(&Input::Lagged { engine, id: RequestId(id) }), "{inputs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_core_abandons_is_cancelled_and_a_newer_revision_replaces_the_older() {
    let cast = cast(Settings::default());
    let _peer = answered(&cast).await;
    cast.will(synthesis(7));
    cast.will(synthesis(8));
    cast.will(recognition(3, 1));
    cast.will(recognition(3, 2));
    cast.will(Output::Abandon { id: RequestId(7) });
    sleep(Duration::from_millis(40)).await;
    let cancelled: Vec<_> =
        cast.engines.syntheses.lock().unwrap().iter().map(|(_, token, _)| token.is_cancelled()).collect();
    assert_eq!(cancelled, [true, false]);
    let cancelled: Vec<_> =
        cast.engines.recognitions.lock().unwrap().iter().map(|(_, token, _)| token.is_cancelled()).collect();
    assert_eq!(cancelled, [true, false]);
}

#[tokio::test(start_paused = true)]
async fn an_engines_answer_reaches_the_core_until_the_leg_is_gone() {
    let cast = cast(Settings::default());
    let peer = answered(&cast).await;
    cast.will(synthesis(7));
    sleep(Duration::from_millis(40)).await;
    let (_, _, inbox) = cast.engines.syntheses.lock().unwrap().pop().unwrap();
    let done = Input::Synthesized { id: RequestId(7), piece: Speech::Done };
    inbox.send(done.clone()).await.unwrap();
    sleep(Duration::from_millis(1)).await;
    assert!(cast.inputs().contains(&done));
    drop(peer.line);
    peer.task.await.unwrap();
    assert!(inbox.send(done).await.is_err(), "nobody listens any more");
}

#[tokio::test(start_paused = true)]
async fn a_hangup_calls_the_engines_off_and_waits_for_the_orders() {
    let cast = cast(Settings::default());
    let peer = answered(&cast).await;
    cast.will(synthesis(7));
    cast.will(Output::Act { request: action(1) });
    cast.script.lock().unwrap().at_hangup.push(Output::Act { request: action(2) });
    sleep(Duration::from_millis(40)).await;
    drop(peer.line);
    sleep(Duration::from_secs(1)).await;
    assert!(cast.engines.syntheses.lock().unwrap()[0].1.is_cancelled());
    assert_eq!(cast.desk.taken.lock().unwrap().len(), 2, "the core acts after the hang-up as well");
    assert!(!peer.task.is_finished());
    cast.desk.settle.notify_one();
    cast.desk.settle.notify_one();
    sleep(Duration::from_millis(1)).await;
    cast.desk.settle.notify_one();
    peer.task.await.unwrap();
    let settled = cast.inputs().iter().filter(|input| matches!(input, Input::Settled { .. })).count();
    assert_eq!(settled, 2);
    let closed = cast.desk.closed.lock().unwrap();
    assert_eq!(closed[0].1.cause, Some(HangupCause::Caller));
    assert_eq!(closed[0].1.actions, 2);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_never_settles_lets_the_call_go_and_goes_on_itself() {
    let cast = cast(Settings::default());
    let peer = answered(&cast).await;
    cast.will(Output::Act { request: action(1) });
    sleep(Duration::from_millis(40)).await;
    drop(peer.line);
    timeout(Duration::from_secs(120), peer.task).await.unwrap().unwrap();
    assert_eq!(*cast.desk.settled.lock().unwrap(), 0);
    assert_eq!(cast.calls.tasks.len(), 1);
    cast.desk.settle.notify_one();
    cast.calls.tasks.close();
    cast.calls.tasks.wait().await;
    assert_eq!(*cast.desk.settled.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_closing_that_takes_longer_than_a_call_waits_goes_on_by_itself() {
    let cast = cast(Settings::default());
    *cast.desk.closing.lock().unwrap() = Duration::from_secs(600);
    let peer = answered(&cast).await;
    drop(peer.line);
    timeout(Duration::from_secs(60), peer.task).await.unwrap().unwrap();
    assert_eq!(*cast.desk.settled.lock().unwrap(), 0);
    cast.calls.tasks.close();
    cast.calls.tasks.wait().await;
    assert_eq!(*cast.desk.settled.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn leaving_says_so_and_waits_a_second_for_the_peers_close() {
    let cast = cast(Settings::default());
    let mut peer = answered(&cast).await;
    let mut events = cast.calls.observer.listen();
    let handover = Handover { summary: "wants a person".into(), order: None, language: Language::English };
    cast.will(Output::Leave { how: Leave::Transfer { handover } });
    let kinds = peer.rest().await;
    assert_eq!(kinds.last(), Some(&0x00));
    assert_eq!(kinds.iter().filter(|kind| **kind == 0x00).count(), 1);
    let start = Instant::now();
    peer.task.await.unwrap();
    assert!(start.elapsed() <= Duration::from_secs(1));
    let call = orderline::ids::CallId(uuid::Uuid::from_u128(1));
    assert_eq!(cast.calls.registry.next(call).word(), "operator");
    assert!(cast.has(|input| matches!(input, Input::HungUp { cause: HangupCause::Agent })));
    let mut over = false;
    while let Ok(event) = events.try_recv() {
        over |= matches!(&event.what, Happening::Ended { summary } if summary.left.is_some());
    }
    assert!(over);
}

#[tokio::test(start_paused = true)]
async fn a_drain_is_told_once_and_a_stop_ends_the_leg_with_the_hangup_message() {
    let cast = cast(Settings::default());
    let mut peer = answered(&cast).await;
    cast.calls.draining.cancel();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(cast.inputs().iter().filter(|input| **input == Input::Draining).count(), 1);
    assert!(!peer.task.is_finished());
    cast.calls.stopping.cancel();
    assert_eq!(peer.rest().await.last(), Some(&0x00));
    peer.task.await.unwrap();
    let call = orderline::ids::CallId(uuid::Uuid::from_u128(1));
    assert_eq!(cast.calls.registry.next(call).word(), "unknown", "a person should take over");
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_call_with_the_hangup_message() {
    let cast = cast(Settings::default());
    let mut other = ring(&cast);
    other.send(&id(2)).await;
    sleep(Duration::from_millis(1)).await;
    let at = cast.script.lock().unwrap().inputs.len() + 3;
    cast.script.lock().unwrap().panic_at = Some(at);
    let kinds = other.rest().await;
    assert_eq!(kinds.last(), Some(&0x00));
    other.task.await.unwrap();
    cast.script.lock().unwrap().panic_at = None;
    assert!(cast.calls.registry.live().is_empty());
    answered(&cast).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_counted_and_then_let_go() {
    let cast = cast(Settings { stuck_frames: 50, ..Settings::default() });
    let (mut line, ours) = duplex(1024);
    let (reader, writer) = tokio::io::split(ours);
    let task = tokio::spawn(cast.calls.clone().carry(reader, writer, orderline::call::Peer::default(), ()));
    line.write_all(&id(1)).await.unwrap();
    let start = Instant::now();
    task.await.unwrap();
    // Three frames in the pipe, three in the outbox, fifty dropped: a little over a second.
    assert!((1..3).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let closed = cast.desk.closed.lock().unwrap();
    assert_eq!(closed[0].1.cause, Some(HangupCause::Reset));
    assert!(closed[0].1.frames_dropped >= 50);
}

#[tokio::test(start_paused = true)]
async fn sound_faster_than_time_is_dropped_and_then_ends_the_leg() {
    let cast = cast(Settings::default());
    let mut peer = answered(&cast).await;
    let second = message(0x10, &[0; 16_000]);
    for _ in 0..30 {
        peer.send(&second).await;
        sleep(Duration::from_micros(10)).await;
    }
    let heard = cast.heard();
    assert_eq!(heard, 51, "20 ms and a whole second; the next one would be more than two ahead");
    for _ in 0..40 {
        peer.send(&second).await;
        sleep(Duration::from_micros(10)).await;
    }
    assert_eq!(peer.rest().await.last(), Some(&0x00));
    peer.task.await.unwrap();
    assert_eq!(cast.desk.closed.lock().unwrap()[0].1.cause, Some(HangupCause::Protocol));
}
