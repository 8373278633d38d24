//! `[call] registration_required`: a call must have been announced, or be known to ARI.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use orderline::audio::Rate;
use orderline::call::{Identify, Settings};
use orderline::conversation::Input;
use orderline::conversation::event::Identity;
use orderline::ids::{CallId, PresentedNumber};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::cast::{Cast, cast, id, message, silence};
use super::ring;

/// Knows one call, and says so after a while; or never says anything.
#[derive(Debug)]
struct Knows {
    call: Option<u128>,
    after: Option<Duration>,
}

fn caller() -> Identity {
    Identity { number: PresentedNumber::Withheld, dialled: Some("100".to_owned()), language: None }
}

impl Identify for Knows {
    fn caller_of(&self, call: CallId) -> BoxFuture<'static, Option<Identity>> {
        self.vouch_for(call)
    }

    fn vouch_for(&self, call: CallId) -> BoxFuture<'static, Option<Identity>> {
        let known = self.call.is_some_and(|known| call == CallId(Uuid::from_u128(known)));
        let after = self.after;
        Box::pin(async move {
            match after {
                Some(after) => sleep(after).await,
                None => std::future::pending().await,
            }
            known.then(caller)
        })
    }
}

fn strict(knows: Knows) -> Cast {
    let mut cast = cast(Settings { registration_required: true, ..Settings::default() });
    Arc::get_mut(&mut cast.calls).unwrap().identify = Arc::new(knows);
    cast
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ari_knows_is_taken_and_hears_silence_meanwhile() {
    let cast = strict(Knows { call: Some(1), after: Some(Duration::from_millis(300)) });
    let start = Instant::now();
    let mut peer = ring(&cast);
    peer.send(&id(1)).await;
    for n in 0..10 {
        peer.send(&message(0x10, &silence(Rate::HZ_8000))).await;
        assert_eq!(peer.message().await.0, 0x10);
        assert_eq!(start.elapsed(), Duration::from_millis(n * 20), "frame {n}");
    }
    assert!(cast.inputs().is_empty(), "it is no call yet: {:?}", cast.inputs());
    sleep(Duration::from_millis(200)).await;
    peer.send(&message(0x12, &silence(Rate::HZ_16000))).await;
    sleep(Duration::from_millis(1)).await;
    let inputs = cast.inputs();
    assert!(matches!(&inputs[0], Input::Answered { caller } if caller.rate == Rate::HZ_16000), "{inputs:?}");
    assert!(inputs.contains(&Input::Identified { caller: caller() }), "{inputs:?}");
    drop(peer.line);
    peer.task.await.unwrap();

    // Its UUID was good once.
    let mut again = ring(&cast);
    again.send(&id(1)).await;
    assert_eq!(again.rest().await.last(), Some(&0x00));
    assert_eq!(cast.desk.closed.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ari_does_not_know_is_let_go_as_soon_as_ari_says_so() {
    let cast = strict(Knows { call: Some(1), after: Some(Duration::from_millis(50)) });
    for _ in 0..2 {
        let start = Instant::now();
        let mut peer = ring(&cast);
        peer.send(&id(2)).await;
        sleep(Duration::from_millis(60)).await;
        peer.send(&message(0x10, &silence(Rate::HZ_8000))).await;
        assert_eq!(peer.rest().await.last(), Some(&0x00));
        peer.task.await.unwrap();
        // Asked, told, and the farewell's second.
        assert!(start.elapsed() < Duration::from_millis(1_100), "{:?}", start.elapsed());
        assert!(cast.calls.registry.live().is_empty());
    }
    assert!(cast.inputs().is_empty(), "{:?}", cast.inputs());
    assert!(cast.desk.closed.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_ari_that_says_nothing_is_waited_for_as_long_as_for_a_uuid() {
    let cast = strict(Knows { call: None, after: None });
    let start = Instant::now();
    let mut peer = ring(&cast);
    peer.send(&id(1)).await;
    let kinds = peer.rest().await;
    assert_eq!(kinds.last(), Some(&0x00));
    assert!(kinds.len() > 100, "silence all the while: {}", kinds.len());
    let waited = start.elapsed();
    assert!((2_000..3_100).contains(&waited.as_millis()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn an_announced_call_is_taken_without_asking() {
    let cast = strict(Knows { call: None, after: None });
    cast.calls.registry.announce(CallId(Uuid::from_u128(1)), caller()).unwrap();
    let mut peer = ring(&cast);
    peer.send(&id(1)).await;
    peer.send(&message(0x10, &silence(Rate::HZ_8000))).await;
    sleep(Duration::from_millis(1)).await;
    assert!(cast.has(|input| matches!(input, Input::Answered { .. })));
    drop(peer.line);
}

#[tokio::test(start_paused = true)]
async fn a_second_leg_with_a_uuid_that_is_being_asked_for_is_a_duplicate() {
    let cast = strict(Knows { call: Some(1), after: Some(Duration::from_millis(300)) });
    let mut first = ring(&cast);
    first.send(&id(1)).await;
    sleep(Duration::from_millis(10)).await;
    let mut second = ring(&cast);
    second.send(&id(1)).await;
    assert_eq!(second.rest().await.last(), Some(&0x00));
    first.send(&message(0x10, &silence(Rate::HZ_8000))).await;
    assert!(cast.calls.registry.is_live(CallId(Uuid::from_u128(1))), "the first goes on");
    drop(first.line);
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_while_ari_is_asked_leaves_no_trace() {
    let cast = strict(Knows { call: Some(1), after: Some(Duration::from_millis(300)) });
    let mut early = ring(&cast);
    early.send(&id(1)).await;
    sleep(Duration::from_millis(10)).await;
    drop(early.line);
    early.task.await.unwrap();
    assert!(cast.calls.registry.live().is_empty());
    let mut late = ring(&cast);
    late.send(&id(1)).await;
    sleep(Duration::from_millis(301)).await;
    late.send(&message(0x10, &silence(Rate::HZ_8000))).await;
    sleep(Duration::from_millis(1)).await;
    assert!(cast.has(|input| matches!(input, Input::Answered { .. })), "the UUID is still good");
    drop(late.line);
}

#[tokio::test(start_paused = true)]
async fn a_number_that_calls_too_often_goes_to_a_person_at_once() {
    let cast = cast(Settings { calls_per_number_per_hour: 2, ..Settings::default() });
    for n in 1..=3 {
        let call = CallId(Uuid::from_u128(n));
        let number = PresentedNumber::Number("+79161234567".to_owned().try_into().unwrap());
        cast.calls.registry.announce(call, Identity { number, ..caller() }).unwrap();
        let mut peer = ring(&cast);
        peer.send(&id(n)).await;
        peer.send(&message(0x10, &silence(Rate::HZ_8000))).await;
        sleep(Duration::from_millis(100)).await;
        if n == 3 {
            assert_eq!(peer.rest().await.last(), Some(&0x00), "the hangup message");
            peer.task.await.unwrap();
            assert_eq!(cast.calls.registry.next(call), orderline::call::registry::Next::Unknown);
        } else {
            assert_eq!(peer.message().await.0, 0x10, "it is answered");
        }
    }
}
