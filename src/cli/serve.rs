//! `orderline serve`: the voice server.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Common;
use crate::cli::voice::Voice;
use crate::telemetry::{Figures, start_logs};

/// Arguments of `orderline serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// Check the configuration, say what is wrong with it, and stop.
    #[arg(long)]
    pub check: bool,
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
    let mut terminate = signal(SignalKind::terminate()).context("watching for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("watching for SIGINT")?;

    let voice = Voice::start(&config, Arc::new(move || figures.render())).await?;
    println!("orderline: AudioSocket on {}, HTTP on http://{}", voice.socket, voice.http);

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = voice.stopped() => {}
    }
    println!("orderline: stopping; calls that go on may finish (once more to end them)");
    let hurry = voice.hurry();
    let stopping = voice.stop();
    tokio::pin!(stopping);
    tokio::select! {
        stopped = &mut stopping => stopped?,
        _ = terminate.recv() => { hurry.cancel(); stopping.await? }
        _ = interrupt.recv() => { hurry.cancel(); stopping.await? }
    }
    Ok(ExitCode::SUCCESS)
}
