//! How many calls a second can be rehearsed on one core, and what a 20 ms frame of one costs:
//! `cargo run --release --example rehearsal_bench [SECONDS]`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orderline::rehearsal::shop::Catalogue;
use orderline::rehearsal::{Rehearsal, Setup};

const PURCHASE: &[&str] = &[
    "мне нужны четыре зимние шины нокиан двести пять пятьдесят пять шестнадцать",
    "первый",
    "доставка в москву улица ленина дом пять",
    "картой при получении",
    "меня зовут иван",
    "да все верно",
    "нет спасибо до свидания",
];

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/shop/tyres.toml");
    let shop = Arc::new(Catalogue::load(&path).expect("the sample shop"));
    let number = "+375291234567".to_owned().try_into().expect("a number");
    let setup =
        Setup { number: orderline::ids::PresentedNumber::Number(number), ..Setup::new(Arc::clone(&shop)) };
    let began = Instant::now();
    let (mut calls, mut ms, mut thinking) = (0u32, 0u64, Duration::ZERO);
    let rules = orderline::engines::llm::rules::Rules::new(shop.lexicon());
    let spent = Arc::new(std::sync::Mutex::new(Duration::ZERO));
    while began.elapsed() < Duration::from_secs(seconds) {
        let (rules, sum) = (rules.clone(), Arc::clone(&spent));
        let thinker = move |request: &_| {
            let began = Instant::now();
            let pieces = rules.think(request);
            *sum.lock().expect("a lock") += began.elapsed();
            pieces
        };
        let mut call = Rehearsal::with(Setup { seed: u64::from(calls), ..setup.clone() }, Box::new(thinker));
        for words in PURCHASE {
            call.say(words);
        }
        assert_eq!(call.shop().placed().count(), 1);
        calls += 1;
        ms += call.now_ms();
    }
    thinking += *spent.lock().expect("a lock");
    let took = began.elapsed();
    let per_call = took / calls;
    let frames = ms / 20;
    println!(
        "{} calls of {:.0} s in {took:.1?}: {:.0} calls/s, {per_call:.1?} each, of which thinking {:.1?}; {:.0} ns a frame without it",
        calls,
        ms as f64 / f64::from(calls) / 1000.0,
        f64::from(calls) / took.as_secs_f64(),
        thinking / calls,
        (took - thinking).as_nanos() as f64 / frames as f64,
    );
}
