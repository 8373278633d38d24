//! The fuzz targets' bodies without a fuzzer: the kept inputs, and some thousand changed ones, the same in every run.
//!
//! `make fuzz` runs them for as long as one likes, guided by coverage (tests/fuzz/README.md).

#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Panics of this process. The driver survives a panic of a call's task, so it must be noticed here.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(panic);
        }));
    });
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut inputs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    assert!(inputs.len() > 3, "{}: expected the kept inputs", folder.display());
    inputs
}

/// Runs the body; an input that fails is written down, to be kept.
fn hold(target: &str, input: &[u8], body: impl Fn(&[u8])) {
    count_panics();
    let before = PANICS.load(Ordering::SeqCst);
    let ended = catch_unwind(AssertUnwindSafe(|| body(input)));
    if ended.is_ok() && PANICS.load(Ordering::SeqCst) == before {
        return;
    }
    let name = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}-{name:016x}"));
    std::fs::write(&path, input).unwrap();
    panic!("the input is in {}; once mended, keep it in tests/fuzz/corpus/{target}", path.display());
}

/// Chance that is the same in every run (Vigna's splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// What libFuzzer does to its inputs, more or less: bytes changed, cut out, doubled, and parts of another put in.
fn changed(chance: &mut Chance, inputs: &[(PathBuf, Vec<u8>)], most: usize) -> Vec<u8> {
    let mut bytes = inputs[chance.below(inputs.len())].1.clone();
    for _ in 0..1 + chance.below(6) {
        let at = chance.below(bytes.len() + 1);
        let end = (at + 1 + chance.below(40)).min(bytes.len());
        match chance.below(6) {
            0 if at < bytes.len() => bytes[at] = chance.next() as u8,
            1 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            2 if at < end => drop(bytes.drain(at..end)),
            3 if at < end => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            4 => {
                let other = &inputs[chance.below(inputs.len())].1;
                let from = chance.below(other.len() + 1);
                let part = other[from..(from + chance.below(400)).min(other.len())].to_vec();
                bytes.splice(at..at, part);
            }
            _ => bytes.insert(at.min(bytes.len()), chance.next() as u8),
        }
    }
    bytes.truncate(most);
    bytes
}

fn call(input: &[u8]) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(orderline::call::fuzz::fuzz_call(input));
}

#[test]
fn the_decoder_keeps_its_word_for_every_kept_input_and_thousands_like_them() {
    let inputs = corpus("decode");
    for (_, input) in &inputs {
        hold("decode", input, audiosocket::fuzz_decode);
    }
    let mut chance = Chance(1);
    for _ in 0..5_000 {
        hold("decode", &changed(&mut chance, &inputs, 8_192), audiosocket::fuzz_decode);
    }
}

#[test]
fn a_call_ends_in_good_order_for_every_kept_input_and_thousands_like_them() {
    let inputs = corpus("call");
    for (_, input) in &inputs {
        hold("call", input, call);
    }
    let mut chance = Chance(2);
    for _ in 0..1_500 {
        hold("call", &changed(&mut chance, &inputs, 4_096), call);
    }
}
