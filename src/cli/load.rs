//! `orderline load ADDR`: many telephones at once.

use std::fmt::Write;
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use audiosocket::SampleRate;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::audio::resample::Streaming;
use crate::audio::wav;
use crate::load::{self, Plan, Progress, Sound};
use crate::telephone::hostile::{self, Attack};

/// Place many calls at once as Asterisk would, and measure what comes back.
///
/// The frames that come back are timed as they arrive. Where the server echoes (serve --engine echo), each frame's way
/// there and back is timed as well; with --say the callers speak, wait for the answer and time it (serve --engine vad).
/// The server's processor time and memory are read from /proc where it runs on this machine.
#[derive(Clone, Debug, clap::Args)]
pub struct LoadArgs {
    /// Where the voice server listens for AudioSocket.
    #[arg(value_name = "HOST:PORT")]
    pub addr: String,
    /// Calls at the same time.
    #[arg(long, default_value_t = 50)]
    pub calls: usize,
    /// Seconds that the full load is held and measured.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
    /// Calls that begin in a second.
    #[arg(long, default_value_t = 200)]
    pub begin_per_s: u32,
    /// Hertz of the sound: one of AudioSocket's nine.
    #[arg(long, default_value = "8000", value_name = "HZ", value_parser = rate)]
    pub rate: SampleRate,
    /// Milliseconds of sound in a message: 10, 20, 30, 40 or 60.
    #[arg(long, default_value = "20", value_name = "MS", value_parser = ["10", "20", "30", "40", "60"])]
    pub packet_ms: String,
    /// What each caller says, again and again, each time the agent has answered: a WAV file.
    #[arg(long, value_name = "WAV")]
    pub say: Option<PathBuf>,
    /// Now and then hold frames back for 100 ms and send them at once, as a busy Asterisk does.
    #[arg(long)]
    pub bursts: bool,
    /// Silence suppression: half of the time, or while the caller listens, nothing is sent.
    #[arg(long)]
    pub dtx: bool,
    /// Callers hang up after this many seconds in the mean, and others call.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub hang_up_after: Option<Duration>,
    /// End when so many calls have been placed, instead of after --seconds.
    #[arg(long, value_name = "CALLS")]
    pub placed: Option<u64>,
    /// Threads that play the telephones; one does for 2,000.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// The server's process, where its port does not lead to it.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Meanwhile keep so many hostile peers busy, which do what a real Asterisk never does: every kind in turn.
    #[arg(long, default_value_t = 0, value_name = "PEERS")]
    pub hostile: usize,
    /// Only this kind of hostile peer (repeat it for several): torn, one_byte, deaf, slow_handshake, slow_call, longest,
    /// unfinished, half_open, reset, flood, tiny, rates, garbage.
    #[arg(long, value_name = "KIND", requires = "hostile")]
    pub attack: Vec<Attack>,
    /// Fail where two frames of a call were further apart than this.
    #[arg(long, value_name = "MS")]
    pub max_gap_ms: Option<f64>,
    /// Print the report as JSON; the progress then goes to standard error.
    #[arg(long)]
    pub json: bool,
}

/// The load's report, and the hostile peers' where there were any.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    load: load::Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostile: Option<hostile::Report>,
}

/// Places the calls and prints the report. Fails where a call was refused or lost, or a gap was longer than allowed.
///
/// # Errors
/// The server cannot be reached, or the system gives no sockets.
pub async fn run(args: LoadArgs) -> anyhow::Result<ExitCode> {
    ensure!((1..=20_000).contains(&args.calls), "--calls: expected 1 to 20000, found {}", args.calls);
    ensure!((1..=64).contains(&args.threads), "--threads: expected 1 to 64, found {}", args.threads);
    ensure!(args.begin_per_s > 0, "--begin-per-s: expected at least 1, found 0");
    let server = args
        .addr
        .to_socket_addrs()
        .with_context(|| format!("expected HOST:PORT, found {:?}", args.addr))?
        .next()
        .with_context(|| format!("{} has no address", args.addr))?;
    let descriptors = super::descriptors::raise()?;
    let needed = (args.calls + args.hostile) as u64 + 64;
    ensure!(
        descriptors >= needed,
        "{} calls need {needed} open files, and this process may have {descriptors}: raise ulimit -n",
        args.calls
    );
    let sound = match &args.say {
        None => Sound::Marks,
        Some(path) => {
            let line = wav::read(path)?;
            let mut filter = Streaming::new(line.rate.0, args.rate.hz())?;
            let mut samples = filter.push(&line.samples);
            samples.extend(filter.finish());
            Sound::Line(trimmed(&samples).into())
        }
    };
    let plan = Plan {
        server,
        calls: args.calls,
        hold: Duration::from_secs(args.seconds),
        begin_per_s: args.begin_per_s,
        rate: args.rate,
        // One of five values, by the argument's parser.
        packet_ms: args.packet_ms.parse().unwrap_or(20),
        sound,
        bursts: args.bursts,
        dtx: args.dtx,
        hang_up_after: args.hang_up_after,
        placed: args.placed,
        threads: args.threads,
        pid: args.pid,
        seed: 1,
    };
    let peers = CancellationToken::new();
    let attacks = if args.attack.is_empty() { Attack::ALL.to_vec() } else { args.attack.clone() };
    let (until, count) = (peers.clone(), args.hostile);
    let attacking = (count > 0)
        .then(|| tokio::spawn(async move { hostile::attack(server, &attacks, count, until).await }));
    let running =
        tokio::task::spawn_blocking(move || load::run(&plan, |progress| eprintln!("{}", told(progress))));
    let load = running.await.context("the telephones' thread")??;
    peers.cancel();
    let hostile = match attacking {
        Some(attacking) => Some(attacking.await.context("the hostile peers")?),
        None => None,
    };
    let told = Told { load, hostile };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        println!("{}", told.load);
        if let Some(hostile) = &told.hostile {
            print!("{}", of_hostile(hostile));
        }
    }
    let even = args.max_gap_ms.is_none_or(|most| told.load.spacing.worst_ms <= most);
    if !even {
        eprintln!("the worst gap is longer than --max-gap-ms allows");
    }
    let whole = told.load.refused == 0 && told.load.lost == 0;
    Ok(if whole && even { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A line for each kind of hostile peer.
fn of_hostile(report: &hostile::Report) -> String {
    let mut out = String::new();
    for (attack, tally) in &report.0 {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "hostile     {:14} {} connections, {} sent away with the hangup message, {} without, {} turned away; borne for \
             {} ms at most",
            attack.name(),
            tally.connections,
            tally.farewells,
            tally.ended,
            tally.not_connected,
            tally.longest_ms
        );
    }
    out
}

fn told(progress: Progress) -> String {
    let Progress { elapsed, live, placed, refused, lost, heard } = progress;
    format!(
        "{:4} s: {live} calls up, {placed} placed, {refused} refused, {lost} lost, {heard} frames heard",
        elapsed.as_secs()
    )
}

/// The sound between the first and the last sample that is one, so that the end of the words is the end of the line.
fn trimmed(samples: &[i16]) -> &[i16] {
    let loud = |sample: &i16| sample.saturating_abs() > QUIET;
    let from = samples.iter().position(loud).unwrap_or(0);
    let to = samples.iter().rposition(loud).map_or(samples.len(), |last| last + 1);
    &samples[from..to]
}

/// What is quieter is no part of a word: 44 dB under full scale.
const QUIET: i16 = 200;

fn rate(hz: &str) -> Result<SampleRate, String> {
    hz.parse().ok().and_then(SampleRate::from_hz).ok_or_else(|| {
        let all: Vec<_> = SampleRate::ALL.iter().map(|rate| rate.hz().to_string()).collect();
        format!("expected one of {}", all.join(", "))
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    let expected = || "expected seconds above 0 such as 2.5".to_owned();
    let seconds: f64 = text.parse().map_err(|_| expected())?;
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero()).ok_or_else(expected)
}
