//! Simulated callers: each has a goal, a temper and phrases of its own, and talks with the real conversation in virtual time.
//! What comes of thousands of such calls says how well the agent understands people whose words its author has not seen.
//!
//! The field calls it an agenda-based user simulator. A call is drawn from its seed alone: the same seed is the same call.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`goal`] | what a caller wants and how it is, drawn from the shop |
//! | [`market`] | the shop as a caller knows it |
//! | [`book`], [`acts`], [`template`], [`goods`] | phrases from files, and goods in spoken words |
//! | `reading` | a file's mistakes, all at once, with their lines |
//! | [`mouth`] | an act made into words |
//! | [`ear`], [`readback`], [`asked`] | what the agent's words tell: goods, an order, a question |
//! | [`caller`] | what to do next |
//! | [`noise`] | a recogniser's mistakes |
//! | [`stage`] | a call played |
//! | [`judge`], [`report`] | what came of it |
//! | [`dice`] | chance |

use std::sync::atomic::{AtomicUsize, Ordering};

pub mod acts;
pub mod asked;
pub mod book;
pub mod caller;
pub mod dice;
pub mod ear;
pub mod goal;
pub mod goods;
pub mod judge;
pub mod market;
pub mod mouth;
pub mod noise;
pub mod readback;
mod reading;
pub mod report;
pub mod stage;
pub mod template;

pub use judge::Outcome;
pub use reading::Mistakes;
pub use report::Report;
pub use stage::{Props, Stage};

use dice::Dice;

/// The seed of the n-th call: three in a row share a goal, and differ in their last two bits.
pub fn call_seed(seed: u64, n: u64) -> u64 {
    let mut goals = Dice::new(seed ^ (n / 3).wrapping_mul(0xD134_2543_DE82_EF95));
    // 53 bits, so that a program that reads JSON numbers as floating point keeps it.
    (((goals.roll() >> 11) << 2) & ((1 << 53) - 1)) | (n % 3)
}

/// Plays so many calls on so many threads; what comes of it does not depend on their number.
pub fn run(stage: &Stage, calls: u64, seed: u64, threads: usize) -> Report {
    let next = AtomicUsize::new(0);
    let calls = usize::try_from(calls).unwrap_or(usize::MAX);
    let mut outcomes: Vec<(usize, Outcome)> = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..threads.max(1))
            .map(|_| {
                scope.spawn(|| {
                    let mut played = Vec::new();
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n >= calls {
                            return played;
                        }
                        let outcome = stage.play(call_seed(seed, n as u64));
                        played.extend(outcome.map(|mut outcome| {
                            // A hundred thousand calls that went well are not kept word for word.
                            if outcome.failure.is_none() {
                                outcome.transcript = Vec::new();
                            }
                            (n, outcome)
                        }));
                    }
                })
            })
            .collect();
        hands.into_iter().flat_map(|hand| hand.join().unwrap_or_default()).collect()
    });
    outcomes.sort_by_key(|(n, _)| *n);
    Report::new(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

#[cfg(test)]
mod tests;
