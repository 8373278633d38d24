//! `orderline simulate`: simulated callers by the thousand, and what came of their calls.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::language::Language;
use crate::simulate::{Outcome, Props, Report, Stage, run as simulate};

/// Let simulated callers order from a shop, in text and virtual time, and count what came of it.
#[derive(Clone, Debug, clap::Args)]
pub struct SimulateArgs {
    /// The shop's file, as `orderline store --seed` takes it.
    #[arg(long, value_name = "FILE")]
    pub shop: PathBuf,
    /// What callers say: files as samples/phrases/README.md describes them.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub phrases: Vec<PathBuf>,
    /// The callers' language: ru or en.
    #[arg(long, default_value = "ru", value_parser = language)]
    pub language: Language,
    /// How many calls.
    #[arg(long, default_value_t = 1000)]
    pub calls: u64,
    /// Where chance begins: the same seed gives the same calls.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The share of words that are misheard, 0 to 0.5.
    #[arg(long, default_value = "0", value_parser = share)]
    pub noise: u64,
    /// Threads to play on.
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Print so many failed calls: wrong orders first, then the shortest.
    #[arg(long, default_value_t = 0)]
    pub failures: usize,
    /// Play the one call of this seed and print it.
    #[arg(long, value_name = "SEED")]
    pub only: Option<u64>,
}

fn language(text: &str) -> Result<Language, String> {
    let known = Language::ALL.into_iter().find(|language| language.code() == text);
    known.ok_or_else(|| format!("expected ru or en, found {text:?}"))
}

/// A share of one as so many of a thousand.
fn share(text: &str) -> Result<u64, String> {
    let share: f64 = text.parse().map_err(|_| format!("expected a share such as 0.05, found {text:?}"))?;
    if !(0.0..=0.5).contains(&share) {
        return Err(format!("expected 0 to 0.5, found {text:?}"));
    }
    // In range: at most 500.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 500")]
    Ok((share * 1000.0).round() as u64)
}

/// Plays the calls and prints what came of them. Exit code 1 when an order is wrong that no noise explains.
///
/// # Errors
/// Files that cannot be used.
pub fn run(args: &SimulateArgs) -> Result<ExitCode> {
    let props = Props {
        shop: args.shop.clone(),
        phrases: args.phrases.clone(),
        language: args.language,
        noise_permille: args.noise,
    };
    let stage = Stage::set(&props)?;
    if let Some(seed) = args.only {
        let Some(outcome) = stage.play(seed) else { bail!("the shop has nothing to order") };
        print!("{}", transcript(&stage, &outcome));
        return Ok(ExitCode::SUCCESS);
    }
    let began = Instant::now();
    let report = simulate(&stage, args.calls, args.seed, args.threads);
    let took = began.elapsed();
    if args.json {
        let failures: Vec<_> = report
            .failures()
            .into_iter()
            .take(args.failures)
            .map(|call| {
                serde_json::json!({
                    "seed": call.seed, "goal": stage.wish(call.seed), "why": call.failure, "transcript": call.transcript,
                })
            })
            .collect();
        let mut told = report.json();
        told["transcripts"] = failures.into();
        println!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        print!("{}", report.table());
        println!("took {} ms on {} threads", took.as_millis(), args.threads);
        for call in report.failures().into_iter().take(args.failures) {
            println!("\n{}", transcript(&stage, call));
        }
    }
    Ok(code(&report))
}

fn code(report: &Report) -> ExitCode {
    if report.wrong() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn transcript(stage: &Stage, call: &Outcome) -> String {
    let why = call.failure.as_deref().unwrap_or("success");
    let lines = call.transcript.join("\n");
    format!("--only {}  {}\n{lines}\n= {why}\n", call.seed, stage.wish(call.seed))
}
