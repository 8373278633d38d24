#![allow(clippy::unwrap_used)]

use uuid::Uuid;

use super::*;
use crate::ids::PresentedNumber;

fn caller() -> Identity {
    Identity { number: PresentedNumber::Withheld, dialled: Some("200".into()), language: None }
}

#[test]
fn an_announcement_counts_for_one_call() {
    let registry = Registry::new();
    let call = CallId(Uuid::from_u128(1));
    registry.announce(call, caller()).unwrap();
    let (place, announced) = registry.begin(call).unwrap();
    assert_eq!(announced, Some(caller()));
    assert_eq!(registry.begin(call).unwrap_err(), Refusal::Duplicate);
    drop(place);
    registry.announce(call, caller()).unwrap();
    assert_eq!(registry.begin(call).unwrap_err(), Refusal::Used);
    assert_eq!(registry.begin(CallId(Uuid::from_u128(2))).unwrap().1, None);
}

#[test]
fn a_uuid_that_nobody_vouched_for_leaves_no_trace() {
    let registry = Registry::new();
    let call = CallId(Uuid::from_u128(1));
    let (mut place, _) = registry.begin(call).unwrap();
    place.on_trial();
    assert_eq!(registry.begin(call).unwrap_err(), Refusal::Duplicate);
    drop(place);
    let (mut place, _) = registry.begin(call).unwrap();
    place.on_trial();
    place.passed();
    drop(place);
    assert_eq!(registry.begin(call).unwrap_err(), Refusal::Used);
}

#[tokio::test(start_paused = true)]
async fn an_announcement_grows_old() {
    let registry = Registry::new();
    let call = CallId(Uuid::from_u128(1));
    registry.announce(call, caller()).unwrap();
    tokio::time::advance(ANNOUNCED_FOR).await;
    assert_eq!(registry.begin(call).unwrap().1, None);
}

#[test]
fn only_a_call_that_the_agent_ended_is_hung_up() {
    let registry = Registry::new();
    let call = CallId(Uuid::from_u128(1));
    assert_eq!(registry.next(call).word(), "unknown");
    let cut = CallId(Uuid::from_u128(2));
    drop(registry.begin(cut).unwrap());
    assert_eq!(registry.next(cut).word(), "unknown");
    let (mut place, _) = registry.begin(call).unwrap();
    place.leaving(&Leave::HangUp);
    assert_eq!(registry.next(call).word(), "hangup");
    drop(place);
    assert_eq!(registry.next(call).word(), "hangup");
    assert!(registry.live().is_empty());
    assert_eq!(registry.begin(call).unwrap_err(), Refusal::Used);
    assert_eq!(registry.next(call).word(), "unknown", "the second caller is not hung up");
}

#[test]
fn a_leg_that_comes_back_knows_what_the_earlier_one_knew() {
    let registry = Registry::new();
    let id = |n: u128| CallId(Uuid::from_u128(n));
    let number = PresentedNumber::read("+375291234567", &[]);
    let (mut place, _) = registry.begin(id(1)).unwrap();
    // ARI knew the number; the dialplan has none to give.
    place.identified(&Identity { number: number.clone(), ..caller() });
    let handover = Handover { summary: "x".into(), order: None, language: Language::English };
    place.leaving(&Leave::Transfer { handover });
    // Its orders may still be settling when the dialplan is back.
    let said = Identity { dialled: None, language: Some(Language::Russian), ..caller() };
    registry.announce_return(id(2), id(1), said.clone()).unwrap();
    drop(place);
    let (place, known) = registry.begin(id(2)).unwrap();
    assert!(place.is_return());
    let english = Some(Language::English);
    assert_eq!(
        known,
        Some(Identity { number, dialled: Some("200".into()), language: english }),
        "and the language that was spoken, not the one that was dialled"
    );
    assert_eq!(registry.announce_return(id(2), id(2), caller()), Err(NoReturn::SameUuid));
    // A server that was restarted knows what the dialplan says.
    registry.announce_return(id(4), id(3), said.clone()).unwrap();
    assert_eq!(registry.begin(id(4)).unwrap().1, Some(said));
}

#[test]
fn an_order_of_the_earlier_leg_is_told_until_another_is_spoken_of() {
    let registry = Registry::new();
    let id = |n: u128| CallId(Uuid::from_u128(n));
    let transfer = |n: u128, order: Option<&str>| {
        let (mut place, _) = registry.begin(id(n)).unwrap();
        let handover = Handover {
            summary: format!("leg {n}"),
            order: order.map(str::to_owned),
            language: Language::English,
        };
        place.leaving(&Leave::Transfer { handover });
        let told = registry.card(id(n)).handover.unwrap();
        (told.summary, told.order)
    };
    let text = |summary: &str, order: &str| (summary.to_owned(), Some(order.to_owned()));
    assert_eq!(transfer(1, Some("ORD-1")), text("leg 1", "ORD-1"));
    registry.announce_return(id(2), id(1), caller()).unwrap();
    assert_eq!(transfer(2, None), text("leg 1", "ORD-1"));
    registry.announce_return(id(3), id(2), caller()).unwrap();
    assert_eq!(transfer(3, Some("ORD-3")), text("leg 3", "ORD-3"));
    // A leg that breaks off knows at least what the one before it said.
    registry.announce_return(id(4), id(1), caller()).unwrap();
    drop(registry.begin(id(4)).unwrap());
    assert_eq!(registry.card(id(4)).handover.unwrap().order.as_deref(), Some("ORD-1"));
}

#[test]
fn a_call_comes_back_as_often_as_it_may_and_no_more() {
    let registry = Registry::with(transfer::Settings { returns: 1, ..transfer::Settings::default() });
    let id = |n: u128| CallId(Uuid::from_u128(n));
    drop(registry.begin(id(1)).unwrap());
    registry.announce_return(id(2), id(1), caller()).unwrap();
    drop(registry.begin(id(2)).unwrap());
    assert_eq!(registry.announce_return(id(3), id(2), caller()), Err(NoReturn::Enough(1)));
    assert_eq!(registry.begin(id(3)).unwrap().1, None);
    let never = Registry::with(transfer::Settings { returns: 0, ..transfer::Settings::default() });
    assert_eq!(never.announce_return(id(2), id(1), caller()), Err(NoReturn::Enough(0)));
}

#[test]
fn a_caller_is_forgotten_when_all_is_said_and_never_taken_for_another() {
    let registry = Registry::new();
    let id = |n: u128| CallId(Uuid::from_u128(n));
    let known = Identity { number: PresentedNumber::read("+375291234567", &[]), ..caller() };
    for (n, how) in [(1, Some(Leave::HangUp)), (2, None)] {
        let (mut place, _) = registry.begin(id(n)).unwrap();
        place.identified(&known);
        if let Some(how) = &how {
            place.leaving(how);
        }
        drop(place);
        assert_eq!(registry.card(id(n)).caller.is_some(), how.is_none());
    }
    // Somebody else comes with the UUID of the second: he is not its caller.
    assert_eq!(registry.begin(id(2)).unwrap_err(), Refusal::Used);
    assert_eq!(registry.card(id(2)).caller, None);
}

#[test]
fn the_dialplans_language_wins_over_the_dialled_number() {
    let map = BTreeMap::from([("200".to_owned(), Language::English)]);
    assert_eq!(language_for(&caller(), &map), Some(Language::English));
    let said = Identity { language: Some(Language::Russian), ..caller() };
    assert_eq!(language_for(&said, &map), Some(Language::Russian));
}
