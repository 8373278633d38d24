//! `orderline transcribe`: how well a model hears.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::engines::stt::wer::transcribe_list;
use crate::engines::stt::whisper::Settings;

/// Arguments of `orderline transcribe`.
#[derive(Clone, Debug, clap::Args)]
pub struct TranscribeArgs {
    /// The recordings: lines of `file<TAB>ru or en<TAB>words`, files (WAV, mono, 16 bit, 8 or 16 kHz) relative to the list.
    pub list: PathBuf,
    /// The Whisper model in ggml format.
    #[arg(long, value_name = "FILE", default_value_os_t = Settings::default().model)]
    pub model: PathBuf,
    /// Threads of one decoding.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
    /// Let the model find the language out.
    #[arg(long)]
    pub detect: bool,
    /// Print what each recording was understood as.
    #[arg(long, short)]
    pub verbose: bool,
}

/// Prints word error rates and decoding times.
///
/// # Errors
/// A model, list or recording that cannot be used.
pub fn run(args: &TranscribeArgs) -> anyhow::Result<ExitCode> {
    let settings =
        Settings { model: args.model.clone(), threads: args.threads.into(), ..Settings::default() };
    let figures = transcribe_list(&settings, &args.list, args.detect, |heard| {
        if args.verbose {
            let mark = if heard.errors == 0 { "right" } else { "WRONG" };
            let (spoken, found) = heard.language;
            println!(
                "{mark} {} {}>{} {} ms, sure {} of 1000",
                heard.file,
                spoken.code(),
                found.code(),
                heard.took.as_millis(),
                heard.confidence_permille,
            );
            println!("  said       {}\n  understood {}", heard.said, heard.understood);
        }
    })?;
    for (language, count) in &figures.by_language {
        println!(
            "{}: word error rate {:.1} % ({} of {} words), {} of {} sentences right",
            language.code(),
            count.wer_percent(),
            count.errors,
            count.words,
            count.right,
            count.sentences
        );
    }
    let ms = |took: Duration| took.as_secs_f64() * 1000.0;
    println!(
        "decoding: median {:.0} ms, p95 {:.0} ms, slowest {:.0} ms for {} recordings of {:.1} s on average",
        ms(figures.percentile(50)),
        ms(figures.percentile(95)),
        ms(figures.percentile(100)),
        figures.took.len(),
        figures.sound.as_secs_f64() / figures.took.len().max(1) as f64
    );
    Ok(ExitCode::SUCCESS)
}
