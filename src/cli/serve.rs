//! `orderline serve`: the voice server.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::Common;
use crate::cli::plain::{Agent, Plain};
use crate::cli::voice::Voice;
use crate::config::Config;
use crate::telemetry::{Figures, start_logs};

/// Arguments of `orderline serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// Check the configuration, say what is wrong with it, and stop.
    #[arg(long)]
    pub check: bool,
    /// Answer with this agent instead of the order desk: to try a PBX, and to measure. It needs no model, store or database.
    #[arg(long, value_name = "AGENT")]
    pub engine: Option<Agent>,
}

/// Serves until SIGTERM or SIGINT; a second one ends the calls that still go on.
///
/// # Errors
/// A wrong configuration, an engine that cannot start, or a port that cannot be bound.
pub async fn run(common: &Common, args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    if args.check {
        println!("configuration in order");
        return Ok(ExitCode::SUCCESS);
    }
    let _log = start_logs(&config.log)?;
    let figures = Figures::install()?;
    tokio::spawn(figures.clone().keep_up());
    let descriptors = super::descriptors::raise()?;
    let needed = (config.server.max_calls + config.server.max_half_open) as u64 + OTHER_FILES;
    if descriptors < needed {
        tracing::warn!(
            descriptors,
            needed,
            "server.max_calls needs more open files than this process may have; raise its limit (ulimit -n, LimitNOFILE)"
        );
    }
    let metrics: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(move || figures.render());
    match args.engine {
        None => order_desk(&config, metrics).await?,
        Some(agent) => plain(&config, agent, metrics).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn order_desk(config: &Config, metrics: Arc<dyn Fn() -> String + Send + Sync>) -> anyhow::Result<()> {
    let mut signals = Signals::watch()?;
    let voice = Voice::start(config, metrics).await?;
    println!("orderline: AudioSocket on {}, HTTP on http://{}", voice.socket, voice.http);
    tokio::select! {
        () = signals.next() => {}
        () = voice.stopped() => {}
    }
    let hurry = voice.hurry();
    stop(voice.stop(), &hurry, &mut signals).await
}

async fn plain(
    config: &Config,
    agent: Agent,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
) -> anyhow::Result<()> {
    let mut signals = Signals::watch()?;
    let plain = Plain::start(config, agent, metrics).await?;
    println!(
        "orderline: AudioSocket on {}, HTTP on http://{}; no orders are taken",
        plain.socket, plain.http
    );
    signals.next().await;
    let hurry = plain.hurry();
    stop(plain.stop(), &hurry, &mut signals).await
}

/// Lets calls finish; another signal ends them.
async fn stop(
    stopping: impl Future<Output = anyhow::Result<()>>,
    hurry: &CancellationToken,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    println!("orderline: stopping; calls that go on may finish (once more to end them)");
    let mut stopping = pin!(stopping);
    tokio::select! {
        stopped = &mut stopping => stopped,
        () = signals.next() => {
            hurry.cancel();
            stopping.await
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn watch() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("watching for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("watching for SIGINT")?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Files beside the calls' sockets: journal, database, store, engines, HTTP (chosen, generously).
const OTHER_FILES: u64 = 200;
