//! Whatever happens in whatever order, an order is confirmed only if the caller's last words or key before it answer the
//! read-back's own question about exactly that order.
//!
//! A judge of its own reads the timeline of each call: what was played, from when to when, and whole or cut; what the
//! caller said and pressed; what the store was asked and answered. It knows nothing of the gate's states.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::super::stage::Happened;
use super::*;
use crate::conversation::phrases;
use crate::orders::{ActionRequest, Assent};

/// Plain agreement.
const AGREES: &[&str] =
    &["yes", "да", "да, всё верно", "yes, that's right", "go ahead", "да, спасибо, до свидания", "uh huh"];
/// Anything else.
const OTHERS: &[&str] = &[
    "no",
    "нет",
    "да ну",
    "yeah right",
    "hm maybe",
    "and when will it arrive",
    "да, а сколько всего",
    "make it six",
    "cancel it",
    "one moment",
    "hello",
    "thank you goodbye",
    "4111 1111 1111 1111",
    "Продолжение следует...",
    "no operator please",
    "don't record this",
    "shall I place the order",
    "four nokian tires",
];

#[derive(Clone, Debug)]
enum Thought_ {
    Words(&'static str),
    Find,
    Draft(u32),
    Deliver(u8),
    Confirm(u8),
    Cancel,
    Status,
    Fails,
    Nothing,
    Silent,
}

#[derive(Clone, Debug)]
enum Event {
    /// The caller speaks so long, and is then quiet for so long.
    Say {
        words: &'static str,
        ms: u64,
        quiet: u64,
    },
    Quiet(u64),
    Noise(u64),
    Key(char),
    Deaf,
    Sure(u16),
    Mute(bool),
    Hold(bool),
    Drain,
    /// What the thinker does next.
    Think(Thought_),
    /// What the store does next: 0 as asked, 1 to 5 a refusal, 6 unknown, 7 unavailable, 8 nothing until later, 9 it has no
    /// way to change a draft's lines.
    Store(u8),
    /// What the store owes is settled.
    Settle,
    /// The price rises at the store.
    Dearer,
}

/// A store in memory, with what it was made to do.
#[derive(Default)]
struct Store {
    orders: BTreeMap<uuid::Uuid, Order>,
    next: u128,
    raise: i64,
    whims: VecDeque<u8>,
    owed: Vec<(ActionRequest, u8)>,
    /// Every order as it was ever told, by its digest.
    told: BTreeMap<String, Order>,
    /// The digest under which each order was last told to the core.
    known: BTreeMap<uuid::Uuid, String>,
    /// That digest, for each confirmation when it was asked for.
    stood: Vec<Option<String>>,
}

impl Store {
    fn price(&self, order: &mut Order, delivery: Option<Delivery>) {
        let unit = 850_000 + self.raise;
        let line = &mut order.lines[0];
        line.unit = rub(unit);
        line.total = rub(unit * i64::from(line.quantity));
        order.subtotal = line.total;
        if let Some(delivery) = delivery {
            let cost = rub(50_000);
            order.delivery =
                Some(DeliveryTerms { delivery, pickup_address: None, cost, days_min: 2, days_max: 4 });
        }
        order.total = rub(order.subtotal.minor + order.delivery.as_ref().map_or(0, |terms| terms.cost.minor));
        order.version += 1;
    }

    fn act(&mut self, request: &ActionRequest, whim: u8) -> ActionOutcome {
        let rejected = |code| ActionOutcome::Rejected {
            rejection: Rejection { code, detail: String::new(), order_number: None },
        };
        match whim {
            1 => return rejected(ProblemCode::OutOfStock),
            2 => return rejected(ProblemCode::Expired),
            3 => return rejected(ProblemCode::PriceChanged),
            4 => return rejected(ProblemCode::VersionMismatch),
            5 => return rejected(ProblemCode::Other),
            9 if matches!(request.action, OrderAction::ChangeLines { .. }) => {
                return rejected(ProblemCode::Unsupported);
            }
            // Done all the same, half of the time.
            6 if request.id.0.is_multiple_of(2) => return ActionOutcome::Unknown,
            7 => return ActionOutcome::Unavailable { reason: crate::orders::Unavailable::Store },
            _ => {}
        }
        let outcome = self.done(&request.action);
        if whim == 6 { ActionOutcome::Unknown } else { outcome }
    }

    fn done(&mut self, action: &OrderAction) -> ActionOutcome {
        match action {
            OrderAction::CreateDraft { lines, .. } => {
                self.next += 1;
                let mut order = Order { delivery: None, ..order(0) };
                order.id = uuid::Uuid::from_u128(self.next);
                order.order_number = format!("ORD-20261121-{:04}", self.next);
                order.lines[0].quantity = lines[0].quantity;
                self.price(&mut order, None);
                self.orders.insert(order.id, order.clone());
                ActionOutcome::Drafted { order }
            }
            OrderAction::SetDelivery { order_id, delivery } => {
                let Some(mut order) = self.orders.get(order_id).cloned() else {
                    return good_shop()(&plain(action)).expect("answered");
                };
                self.price(&mut order, Some(delivery.clone()));
                self.orders.insert(order.id, order.clone());
                ActionOutcome::DeliverySet { order }
            }
            OrderAction::ChangeLines { order_id, version, lines } => {
                let Some(mut order) = self.orders.get(order_id).cloned() else {
                    return ActionOutcome::Unknown;
                };
                if order.version != *version {
                    let rejection = Rejection {
                        code: ProblemCode::VersionMismatch,
                        detail: String::new(),
                        order_number: None,
                    };
                    return ActionOutcome::Rejected { rejection };
                }
                order.lines[0].quantity = lines[0].quantity;
                self.price(&mut order, None);
                self.orders.insert(order.id, order.clone());
                ActionOutcome::LinesChanged { order }
            }
            OrderAction::OrderDetails { order_id } => match self.orders.get(order_id) {
                Some(order) => ActionOutcome::Details { order: order.clone() },
                None => ActionOutcome::Unknown,
            },
            action => good_shop()(&plain(action)).expect("answered"),
        }
    }

    /// The core is told.
    fn tells(&mut self, request: &ActionRequest, outcome: &ActionOutcome) {
        match (outcome, &request.action) {
            (
                ActionOutcome::Drafted { order }
                | ActionOutcome::LinesChanged { order }
                | ActionOutcome::DeliverySet { order }
                | ActionOutcome::Details { order },
                _,
            ) => {
                let digest = crate::conversation::order_digest(order);
                self.told.insert(digest.clone(), order.clone());
                self.known.insert(order.id, digest);
            }
            (
                ActionOutcome::Unknown,
                OrderAction::SetDelivery { order_id, .. } | OrderAction::ChangeLines { order_id, .. },
            ) => {
                self.known.remove(order_id);
            }
            _ => {}
        }
    }
}

fn plain(action: &OrderAction) -> ActionRequest {
    ActionRequest { id: RequestId(0), action: action.clone(), key: None, evidence: None }
}

fn thought(thought: &Thought_) -> Vec<Thought> {
    let fault = || super::super::super::event::EngineFault::TimedOut;
    match thought {
        Thought_::Words(text) => words(text),
        Thought_::Find => call("find_products", r#"{"query":"nokian"}"#),
        Thought_::Draft(n) => {
            call("create_order_draft", &format!(r#"{{"items":[{{"product_ref":1,"quantity":{n}}}]}}"#))
        }
        Thought_::Deliver(n) => call(
            "update_order_delivery",
            &format!(r#"{{"delivery_type":"delivery","city":"Boston","address":"{n} Main Street"}}"#),
        ),
        Thought_::Confirm(n) => {
            let payment = ["cash_on_delivery", "card_on_delivery"][usize::from(n % 2)];
            call("confirm_order", &format!(r#"{{"payment_method":"{payment}"}}"#))
        }
        Thought_::Cancel => call("cancel_order_draft", "{}"),
        Thought_::Status => call("get_order_status", r#"{"which":"all"}"#),
        Thought_::Fails => vec![Thought::Failed { fault: fault() }],
        Thought_::Nothing => vec![Thought::Done],
        Thought_::Silent => vec![],
    }
}

/// Plays the events, and gives the call with the store that it met.
fn play(language: Language, events: &[Event]) -> (Stage, Rc<RefCell<Store>>) {
    let store = Rc::new(RefCell::new(Store::default()));
    let thoughts = Rc::new(RefCell::new(VecDeque::from([
        Thought_::Find,
        Thought_::Draft(4),
        Thought_::Deliver(12),
        Thought_::Confirm(0),
    ])));
    let (of_thinker, of_shop) = (Rc::clone(&thoughts), Rc::clone(&store));
    // A thinker with nothing else to do asks for the order to be confirmed: the worst one.
    let thinker: super::super::Thinker =
        Box::new(move |_| thought(&of_thinker.borrow_mut().pop_front().unwrap_or(Thought_::Confirm(0))));
    let shop: Shop = Box::new(move |request| {
        let mut store = of_shop.borrow_mut();
        if let OrderAction::Confirm { order_id, .. } = &request.action {
            let stood = store.known.get(order_id).cloned();
            store.stood.push(stood);
        }
        let whim = store.whims.pop_front().unwrap_or(0);
        if whim == 8 {
            store.owed.push((request.clone(), 0));
            return None;
        }
        let outcome = store.act(request, whim);
        store.tells(request, &outcome);
        Some(outcome)
    });
    let mut stage = Stage::answered(thinker, shop, language, false);
    stage.keeps_digest = false;
    stage.listen();
    stage.say(WISH);
    for event in events {
        if stage.left.is_some() {
            break;
        }
        match event {
            Event::Say { words, ms, quiet } => {
                stage.only_line(words);
                stage.pass(*ms, true);
                stage.pass(*quiet, false);
            }
            Event::Quiet(ms) => stage.pass(*ms, false),
            Event::Noise(ms) => {
                stage.pass(*ms, true);
                stage.pass(500, false);
            }
            Event::Key(digit) => stage.press(*digit),
            Event::Deaf => stage.deaf = true,
            Event::Sure(confidence) => stage.confidence = *confidence,
            Event::Mute(mute) => stage.mute = *mute,
            Event::Hold(on) => stage.input(Input::Held { on: *on }),
            Event::Drain => stage.input(Input::Draining),
            Event::Think(next) => thoughts.borrow_mut().push_back(next.clone()),
            Event::Store(whim) => store.borrow_mut().whims.push_back(*whim),
            Event::Dearer => store.borrow_mut().raise += 10_000,
            Event::Settle => {
                let owed = std::mem::take(&mut store.borrow_mut().owed);
                for (request, whim) in owed {
                    let outcome = {
                        let mut store = store.borrow_mut();
                        let outcome = store.act(&request, whim);
                        store.tells(&request, &outcome);
                        outcome
                    };
                    stage.input(Input::Settled { id: request.id, outcome });
                }
            }
        }
    }
    judge(&stage, &store.borrow(), language);
    (stage, store)
}

/// Every confirmation of the timeline was rightly asked for.
fn judge(stage: &Stage, store: &Store, language: Language) {
    let confirmations: Vec<usize> = stage
        .timeline
        .iter()
        .enumerate()
        .filter(|(_, (_, happened))| {
            matches!(happened, Happened::Act(act) if matches!(act.action, OrderAction::Confirm { .. }))
        })
        .map(|(at, _)| at)
        .collect();
    let mut answered = Vec::new();
    for (n, &at) in confirmations.iter().enumerate() {
        let Happened::Act(act) = &stage.timeline[at].1 else { unreachable!() };
        let before = &stage.timeline[..at];
        let OrderAction::Confirm { payment, .. } = &act.action else { unreachable!() };
        let evidence = act.evidence.as_ref().expect("evidence");

        // The caller's last words or key.
        let last = before
            .iter()
            .rposition(|(_, happened)| {
                matches!(happened, Happened::Keyed(_) | Happened::Note(Note::Understood { .. }))
            })
            .expect("the caller said or pressed something");
        assert!(!answered.contains(&last), "one yes, two orders");
        answered.push(last);
        let began = match (&before[last].1, &evidence.assent) {
            (Happened::Keyed('1'), Assent::Keyed) => None,
            (Happened::Note(Note::Understood { turn, text, .. }), Assent::Spoken { transcript }) => {
                assert_eq!(text, transcript);
                assert!(AGREES.contains(&text.as_str()), "agreed by {text:?}");
                let began = before.iter().rposition(|(_, happened)| {
                    matches!(happened, Happened::Note(Note::TurnBegan { turn: began }) if began == turn)
                });
                Some(began.expect("it began"))
            }
            (last, assent) => panic!("{assent:?} after {last:?}"),
        };

        // The question is the last thing that was heard of the agent, and was heard whole before the words began.
        let texts: BTreeMap<RequestId, &str> = before
            .iter()
            .filter_map(|(_, happened)| match happened {
                Happened::Note(Note::Saying { id, text }) => Some((*id, text.as_str())),
                _ => None,
            })
            .collect();
        let questions: Vec<&str> = [phrases::QUESTION, phrases::QUESTION_AGAIN, phrases::QUESTION_BACK]
            .iter()
            .map(|question| *crate::language::clauses(question[language as usize]).last().expect("a clause"))
            .collect();
        let sound = before
            .iter()
            .rposition(|(_, happened)| {
                matches!(happened, Happened::Note(Note::Saying { .. } | Note::Said { .. }))
            })
            .expect("it was asked");
        let Happened::Note(Note::Said { id, cut: false, .. }) = &before[sound].1 else {
            panic!("the agent was speaking: {:?}", before[sound]);
        };
        let asked = texts[id];
        assert!(questions.contains(&asked), "the last thing that was asked: {asked:?}");
        if let Some(began) = began {
            assert!(sound < began, "the words began while it was asked");
        }

        // The order is the one that the core was told last, and it was read back whole since.
        let digest = &evidence.order_digest;
        assert_eq!(store.stood[n], Some(digest.clone()), "the order as it stands");
        let order = &store.told[digest];
        let text = phrases::read_back(order, &[], *payment, language);
        let whole: Vec<&str> = before[..=sound]
            .iter()
            .filter_map(|(_, happened)| match happened {
                Happened::Note(Note::Said { id, cut: false, .. }) => texts.get(id).copied(),
                _ => None,
            })
            .collect();
        let clauses = crate::language::clauses(&text);
        let mut left = clauses.as_slice();
        for said in &whole {
            if left.first() == Some(said) {
                left = &left[1..];
            }
        }
        assert!(left.is_empty(), "never read: {left:?} of {whole:?}");
    }
}

fn event() -> impl Strategy<Value = Event> {
    let said = prop_oneof![
        3 => prop::sample::select(AGREES),
        4 => prop::sample::select(OTHERS),
    ];
    let thoughts = prop_oneof![
        2 => prop::sample::select(&["One moment.", "Is there anything else?", "Shall I go on?", "Your order is placed."][..])
            .prop_map(Thought_::Words),
        1 => Just(Thought_::Find),
        2 => (1..9_u32).prop_map(Thought_::Draft),
        3 => (1..4_u8).prop_map(Thought_::Deliver),
        3 => (0..2_u8).prop_map(Thought_::Confirm),
        1 => Just(Thought_::Cancel),
        1 => Just(Thought_::Status),
        1 => Just(Thought_::Fails),
        1 => Just(Thought_::Nothing),
        1 => Just(Thought_::Silent),
    ];
    prop_oneof![
        10 => (said, 100..1500_u64, prop_oneof![0..400_u64, 600..2500_u64, 4000..9000_u64])
            .prop_map(|(words, ms, quiet)| Event::Say { words, ms: ms / 20 * 20, quiet: quiet / 20 * 20 }),
        5 => prop_oneof![20..600_u64, 600..6000_u64, 12_000..26_000_u64].prop_map(|ms| Event::Quiet(ms / 20 * 20)),
        2 => (20..120_u64).prop_map(|ms| Event::Noise(ms / 20 * 20)),
        3 => prop::sample::select(&['1', '1', '1', '2', '*', '#', '0', '4'][..]).prop_map(Event::Key),
        1 => Just(Event::Deaf),
        1 => prop::sample::select(&[0_u16, 300, 1000, 1000][..]).prop_map(Event::Sure),
        1 => prop::sample::select(&[true, false, false][..]).prop_map(Event::Mute),
        1 => any::<bool>().prop_map(Event::Hold),
        1 => Just(Event::Drain),
        6 => thoughts.prop_map(Event::Think),
        4 => (0..10_u8).prop_map(Event::Store),
        2 => Just(Event::Settle),
        1 => Just(Event::Dearer),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_confirmation_answers_the_read_backs_own_question_about_exactly_that_order(
        language in prop::sample::select(&[Language::Russian, Language::English][..]),
        events in prop::collection::vec(event(), 1..40),
    ) {
        play(language, &events);
    }
}

#[test]
fn the_calls_of_the_property_do_place_orders() {
    // A property over calls in which nothing is ever ordered would prove nothing.
    let strategy = (
        prop::sample::select(&[Language::Russian, Language::English][..]),
        prop::collection::vec(event(), 1..40),
    );
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut placed, mut again) = (0, 0);
    for _ in 0..60 {
        let (language, events) = strategy.new_tree(&mut runner).expect("a call").current();
        let (stage, _) = play(language, &events);
        placed += usize::from(stage.confirms() > 0);
        again += usize::from(asked(&stage) > 1);
    }
    eprintln!("of 60 calls {placed} place an order, {again} are asked again");
    assert!(placed >= 10 && again >= 5, "{placed} placed, {again} asked again");
}
