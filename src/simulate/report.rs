//! The figures of many calls.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::judge::Outcome;

/// Some calls together.
#[derive(Clone, Debug, Default)]
pub struct Report {
    outcomes: Vec<Outcome>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    calls: u64,
    good: u64,
    wrong: u64,
    turns: u64,
    speech_ms: Vec<u64>,
}

impl Report {
    /// The figures of these calls, in the order of their seeds' drawing.
    pub fn new(outcomes: Vec<Outcome>) -> Self {
        Self { outcomes }
    }

    /// Calls in all.
    pub fn calls(&self) -> usize {
        self.outcomes.len()
    }

    /// Wrong orders, but for those of calls in which noise made a yes of a no.
    pub fn wrong(&self) -> usize {
        self.outcomes.iter().filter(|call| call.wrong.is_some() && !call.no_to_yes).count()
    }

    /// Wrong orders of calls in which noise made a yes of a no.
    pub fn wrong_by_noise(&self) -> usize {
        self.outcomes.iter().filter(|call| call.wrong.is_some() && call.no_to_yes).count()
    }

    /// Successes of a thousand.
    pub fn success_permille(&self) -> u64 {
        let good = self.outcomes.iter().filter(|call| call.failure.is_none()).count() as u64;
        (good * 1000).checked_div(self.outcomes.len() as u64).unwrap_or(0)
    }

    /// Goals of a thousand that succeeded three times of three; a goal's calls differ in the last two bits of their seeds.
    pub fn thrice_permille(&self) -> u64 {
        let mut goals: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for call in &self.outcomes {
            let (calls, good) = goals.entry(call.seed >> 2).or_default();
            *calls += 1;
            *good += u64::from(call.failure.is_none());
        }
        let whole = goals.values().filter(|(calls, _)| *calls == 3);
        let (all, good) = whole.fold((0, 0), |(all, good), (_, n)| (all + 1, good + u64::from(*n == 3)));
        (good * 1000_u64).checked_div(all).unwrap_or(0)
    }

    /// The calls that failed, those with wrong orders first, then the shortest.
    pub fn failures(&self) -> Vec<&Outcome> {
        let mut failed: Vec<&Outcome> = self.outcomes.iter().filter(|call| call.failure.is_some()).collect();
        failed.sort_by_key(|call| (call.wrong.is_none(), call.figures.turns, call.seed));
        failed
    }

    /// Why calls failed, the commonest first.
    pub fn reasons(&self) -> Vec<(String, usize)> {
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for call in &self.outcomes {
            if let Some(why) = &call.failure {
                let why = if call.wrong.is_some() { "wrong order" } else { why };
                *reasons.entry(why.to_owned()).or_default() += 1;
            }
        }
        let mut reasons: Vec<(String, usize)> = reasons.into_iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }

    fn groups<K: Ord>(&self, of: impl Fn(&Outcome) -> K) -> BTreeMap<K, Group> {
        let mut groups: BTreeMap<K, Group> = BTreeMap::new();
        for call in &self.outcomes {
            let group = groups.entry(of(call)).or_default();
            group.calls += 1;
            group.good += u64::from(call.failure.is_none());
            group.wrong += u64::from(call.wrong.is_some());
            group.turns += call.figures.turns;
            group.speech_ms.push(call.figures.speech_ms);
        }
        groups
    }

    fn totals(&self) -> Vec<(&'static str, u64)> {
        let sum = |of: fn(&Outcome) -> u64| self.outcomes.iter().map(of).sum::<u64>();
        let mut speech: Vec<u64> = self.outcomes.iter().map(|call| call.figures.speech_ms).collect();
        let mut longest: Vec<u64> = self.outcomes.iter().map(|call| call.figures.longest_ms).collect();
        let is_buy =
            |call: &&Outcome| call.failure.is_none() && matches!(call.kind, super::goal::Kind::OneLine);
        let mut buys: Vec<u64> =
            self.outcomes.iter().filter(is_buy).map(|call| call.figures.speech_ms).collect();
        vec![
            ("calls", self.outcomes.len() as u64),
            ("success_permille", self.success_permille()),
            ("pass_3_permille", self.thrice_permille()),
            ("wrong_orders", self.wrong() as u64),
            ("wrong_orders_by_noise", self.wrong_by_noise() as u64),
            ("calls_no_to_yes", sum(|call| u64::from(call.no_to_yes))),
            ("calls_yes_to_no", sum(|call| u64::from(call.yes_to_no))),
            ("turns", sum(|call| call.figures.turns)),
            ("agent_speech_median_ms", share(&mut speech, 50)),
            ("agent_speech_p95_ms", share(&mut speech, 95)),
            ("one_line_purchase_speech_median_ms", share(&mut buys, 50)),
            ("longest_utterance_median_ms", share(&mut longest, 50)),
            ("longest_utterance_max_ms", share(&mut longest, 100)),
            ("read_backs", sum(|call| call.figures.read_backs)),
            ("calls_over_one_read_back", sum(|call| u64::from(call.figures.read_backs > 1))),
            ("repairs", sum(|call| call.figures.repairs)),
            ("persons_offered", sum(|call| call.figures.persons_offered)),
            ("calls_asked_thrice", sum(|call| u64::from(call.figures.thrice))),
            ("same_sentence_twice_running", sum(|call| call.figures.echoes)),
            ("questions_of_callers", sum(|call| call.figures.asides)),
            ("questions_of_callers_lost", sum(|call| call.figures.asides_lost)),
            ("names_lost", sum(|call| u64::from(call.figures.name_lost))),
        ]
    }

    /// All of it for a program.
    pub fn json(&self) -> Value {
        let groups = |groups: BTreeMap<&'static str, Group>| -> Value {
            let one = |(name, group): (&'static str, Group)| {
                let told = json!({"calls": group.calls, "good": group.good, "wrong": group.wrong, "turns": group.turns});
                (name.to_owned(), told)
            };
            Value::Object(groups.into_iter().map(one).collect())
        };
        json!({
            "totals": self.totals().into_iter().collect::<BTreeMap<_, _>>(),
            "by_goal": groups(self.groups(|call| call.kind.name())),
            "by_temper": groups(self.groups(|call| call.temper.name())),
            "failures": self.reasons().into_iter().collect::<BTreeMap<_, _>>(),
        })
    }

    /// All of it for a person.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut rows = |title: &str, groups: BTreeMap<String, Group>| {
            let _ = writeln!(
                out,
                "{title:<18} {:>7} {:>9} {:>6} {:>7} {:>12}",
                "calls", "success", "wrong", "turns", "agent median"
            );
            for (name, mut group) in groups {
                let calls = group.calls.max(1);
                let success = tenths(group.good * 1000 / calls, "%");
                let turns = tenths(group.turns * 10 / calls, "");
                let median = tenths(share(&mut group.speech_ms, 50) / 100, " s");
                let _ = writeln!(
                    out,
                    "  {name:<16} {calls:>7} {success:>9} {:>6} {turns:>7} {median:>12}",
                    group.wrong
                );
            }
        };
        rows("all", self.groups(|_| "all".to_owned()));
        rows("by goal", self.groups(|call| call.kind.name().to_owned()));
        rows("by temper", self.groups(|call| call.temper.name().to_owned()));
        for (name, figure) in self.totals() {
            let figure = match name.strip_suffix("_permille") {
                Some(_) => tenths(figure, "%"),
                None => figure.to_string(),
            };
            let _ =
                writeln!(out, "{:<42} {figure:>10}", name.trim_end_matches("_permille").replace('_', " "));
        }
        for (why, count) in self.reasons() {
            let _ = writeln!(out, "failed: {why:<34} {count:>10}");
        }
        out
    }
}

fn tenths(n: u64, unit: &str) -> String {
    format!("{}.{}{unit}", n / 10, n % 10)
}

/// The value that so many of a hundred do not exceed.
fn share(values: &mut [u64], percent: usize) -> u64 {
    values.sort_unstable();
    let at = (values.len() * percent).div_ceil(100).max(1) - 1;
    values.get(at).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_sorted_values() {
        assert_eq!(share(&mut [3, 1, 2, 4], 50), 2);
        assert_eq!(share(&mut [3, 1, 2, 4], 100), 4);
        assert_eq!(share(&mut [], 50), 0);
        assert_eq!(tenths(973, "%"), "97.3%");
    }
}
