//! The driver's contract, held to what was heard and what is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use audiosocket::{Decoder, Message};
use bytes::BytesMut;
use tokio::time::Instant;

use super::cast::{Cast, Heard};
use super::script::{Op, Script};
use crate::call::Calls;

/// How much sound may be ahead of its time: three frames, so four leave at once (`pace`).
const AHEAD: Duration = Duration::from_millis(60);
const FRAME: Duration = Duration::from_millis(20);

/// What the server wrote: whole messages that Asterisk understands, one hangup at most and nothing after it, and never
/// faster than a telephone plays.
///
/// # Panics
/// Where it is not so.
pub(super) fn on_what_was_heard(heard: &Heard, script: &Script) {
    let mut decoder = Decoder::new();
    let mut buffer = BytesMut::new();
    let mut hung_up = false;
    let mut frames: Vec<Instant> = Vec::new();
    for (at, bytes) in &heard.pieces {
        buffer.extend_from_slice(bytes);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(None) => break,
                Ok(Some(Message::Audio(audio))) => {
                    assert!(!hung_up, "sound after the hangup message");
                    let (found, expected) = (audio.payload().len(), audio.rate().frame_bytes());
                    assert_eq!(found, expected, "bytes of a frame at {} Hz", audio.rate().hz());
                    frames.push(*at);
                }
                Ok(Some(Message::Hangup)) => {
                    assert!(!hung_up, "a second hangup message");
                    hung_up = true;
                }
                Ok(Some(other)) => {
                    panic!("Asterisk ends the call for a message of kind {:#04x}", other.kind())
                }
                Err(error) => panic!("what the server wrote is no AudioSocket: {error}"),
            }
        }
    }
    // A peer that reads everything at once sees whole messages to the end, and the pace itself.
    let prompt = script.pipe_bytes >= 4 * 1024
        && !heard.broken_off
        && !script.ops.iter().any(|op| matches!(op, Op::Deaf(true)));
    if prompt {
        assert!(buffer.is_empty(), "the last message is torn: {} bytes of it", buffer.len());
        // The earliest that each frame may come, from the one before it: ITU-T I.371's virtual schedule.
        let mut due = frames.first().copied();
        for (place, at) in frames.iter().enumerate() {
            let Some(expected) = due else { break };
            let early = expected.saturating_duration_since(*at);
            assert!(early <= AHEAD, "frame {place} comes {early:?} before its time");
            due = Some(expected.max(*at) + FRAME);
        }
    }
}

/// What a call leaves behind: its books closed, and nothing else.
///
/// # Panics
/// Where it is not so.
pub(super) fn on_what_is_left(calls: &Calls, cast: &Cast, half_open: &Arc<AtomicUsize>, script: &Script) {
    assert!(calls.registry.live().is_empty(), "a call that is over is not live");
    assert_eq!(half_open.load(Ordering::Relaxed), 0, "the half-open permit is given back");
    let desk = cast.desk.closed();
    assert_eq!(desk.began, desk.ended, "each call's books are closed once");
    assert!(desk.began.len() <= 1, "one connection is one call at most");
    assert_eq!(desk.under_way, 0, "every action came to its end");
    let panics = script.ops.iter().any(|op| matches!(op, Op::Panic));
    assert!(panics || desk.without_cause == 0, "a call that ended knows how");
    cast.engines.assert_called_off();
}
