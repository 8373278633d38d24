//! How many calls a second can be rehearsed on one core, and where the time goes:
//! `cargo run --release --example rehearsal_bench [SECONDS]`.
//!
//! The same purchase is played twice: with the built-in rules, whose own time is taken apart, and with a thinker that gives
//! again what the rules gave, so that the core and the frames are left.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use orderline::conversation::event::{Completion, Thought};
use orderline::engines::llm::rules::Rules;
use orderline::ids::PresentedNumber;
use orderline::rehearsal::shop::Catalogue;
use orderline::rehearsal::{Rehearsal, Setup, Thinker};

const PURCHASE: &[&str] = &[
    "мне нужны четыре зимние шины нокиан двести пять пятьдесят пять шестнадцать",
    "первый",
    "доставка в москву улица ленина дом пять",
    "картой при получении",
    "меня зовут иван",
    "да все верно",
    "нет спасибо до свидания",
];

/// What was thought, by how much had been said and done before.
type Memory = Arc<Mutex<(HashMap<usize, Vec<Thought>>, Duration)>>;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/shop/tyres.toml");
    let shop = Arc::new(Catalogue::load(&path).expect("the sample shop"));
    let number = PresentedNumber::Number("+375291234567".to_owned().try_into().expect("a number"));
    let setup = Setup { number, ..Setup::new(Arc::clone(&shop)) };
    let rules = Arc::new(Rules::new(shop.dialogue(), orderline::dialogue::Messages::default()));
    let memory = Memory::default();
    measure("with the rules", seconds, &setup, &memory, || {
        let (rules, memory) = (Arc::clone(&rules), Arc::clone(&memory));
        Box::new(move |request: &Completion| {
            let began = Instant::now();
            let pieces = rules.think(request);
            let mut memory = memory.lock().expect("a lock");
            memory.1 += began.elapsed();
            memory.0.insert(request.history.len(), pieces.clone());
            pieces
        })
    });
    measure("from memory", seconds, &setup, &memory, || {
        let memory = Arc::clone(&memory);
        Box::new(move |request: &Completion| {
            let memory = memory.lock().expect("a lock");
            memory.0.get(&request.history.len()).cloned().unwrap_or_default()
        })
    });
}

fn measure(what: &str, seconds: u64, setup: &Setup, memory: &Memory, thinker: impl Fn() -> Thinker) {
    let began = Instant::now();
    let before = memory.lock().expect("a lock").1;
    let (mut calls, mut ms) = (0u32, 0u64);
    while began.elapsed() < Duration::from_secs(seconds) {
        let mut call = Rehearsal::with(Setup { seed: u64::from(calls), ..setup.clone() }, thinker());
        for words in PURCHASE {
            call.say(words);
        }
        assert_eq!(call.shop().placed().count(), 1);
        calls += 1;
        ms += call.now_ms();
    }
    let took = began.elapsed();
    let thinking = memory.lock().expect("a lock").1 - before;
    println!(
        "{what}: {:.0} calls/s; a call of {:.0} s takes {:.2?}, of which thinking {:.2?}; {:.0} ns for each of its {} frames without it",
        f64::from(calls) / took.as_secs_f64(),
        ms as f64 / f64::from(calls) / 1000.0,
        took / calls,
        thinking / calls,
        (took - thinking).as_nanos() as f64 / (ms / 20) as f64,
        ms / 20 / u64::from(calls),
    );
}
