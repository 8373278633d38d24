//! The command line: one module per command, each with its arguments and a `run`.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage (clap's own), 78 wrong configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, EXIT_BAD_CONFIG, Problems};

pub mod audit;
pub mod call;
pub mod demo;
mod descriptors;
pub mod doctor;
pub mod health;
pub mod load;
pub mod migrate;
pub mod orders;
pub mod plain;
pub mod replay;
pub mod serve;
pub mod simulate;
pub mod store;
pub mod talk;
pub mod transcribe;
pub mod voice;

/// A telephone order desk for Asterisk: it answers over AudioSocket, listens, speaks and takes orders.
#[derive(Debug, Parser)]
#[command(name = "orderline", version, propagate_version = true)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Common {
    /// The configuration file; without it ./orderline.toml or /etc/orderline/orderline.toml, if there is one.
    #[arg(long, short, global = true, value_name = "FILE", env = "ORDERLINE_CONFIG")]
    pub config: Option<PathBuf>,
}

impl Common {
    /// The whole configuration, checked.
    ///
    /// # Errors
    /// All problems at once; [`main`] turns them into exit code 78.
    pub fn load(&self) -> Result<Config, Problems> {
        Config::load(self.config.as_deref())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the voice server: AudioSocket for Asterisk, HTTP for health, metrics and registration.
    Serve(serve::ServeArgs),
    /// Run the reference store: a Store API on PostgreSQL, to order from.
    Store(store::StoreArgs),
    /// Bring the tables of the store and of the audit up to date.
    Migrate(migrate::MigrateArgs),
    /// Show all of it on this machine: a private database, the store, the voice server, and sample callers.
    Demo(demo::DemoArgs),
    /// Ask a running voice server how it is.
    Health(health::HealthArgs),
    /// Look at a PBX, its version and its dialplan, and name the traps of AudioSocket that apply.
    Doctor(doctor::DoctorArgs),
    /// Play Asterisk's part: call a voice server over AudioSocket with a script of recorded lines.
    Call(call::CallArgs),
    /// Place many calls at once, and measure spacing, delays, processor time and memory.
    Load(load::LoadArgs),
    /// Repeat recorded calls in virtual time and compare.
    Replay(replay::ReplayArgs),
    /// Call the order desk in text, without telephone, engines or store; or play scripts and check what comes of them.
    Talk(talk::TalkArgs),
    /// Let simulated callers order from a shop, and count what came of their calls.
    Simulate(simulate::SimulateArgs),
    /// Check and read the audit of order actions.
    Audit(audit::AuditArgs),
    /// Show what waits for a person, and decide about it.
    Orders(orders::OrdersArgs),
    /// Measure how well a model hears: word error rate and decoding time over a list of recordings.
    Transcribe(transcribe::TranscribeArgs),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let Arguments { common, command } = Arguments::parse();
    match run(common, command) {
        Ok(code) => code,
        Err(error) => {
            // The chain on one line: what failed, then why.
            eprintln!("orderline: {error:#}");
            if error.downcast_ref::<Problems>().is_some() {
                ExitCode::from(EXIT_BAD_CONFIG)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(common: Common, command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("services").build()?;
    let code = match command {
        Command::Serve(args) => runtime.block_on(serve::run(&common, args)),
        Command::Migrate(args) => runtime.block_on(migrate::run(&common, args)),
        Command::Store(args) => runtime.block_on(store::run(&common, args)),
        Command::Demo(args) => runtime.block_on(demo::run(&common, args)),
        Command::Health(args) => runtime.block_on(health::run(&common, args)),
        Command::Doctor(args) => runtime.block_on(doctor::run(&common, args)),
        Command::Call(args) => runtime.block_on(call::run(args)),
        Command::Load(args) => runtime.block_on(load::run(args)),
        Command::Replay(args) => replay::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Talk(args) => talk::run(&common, &args),
        Command::Audit(args) => runtime.block_on(async { audit::run(&common.load()?, args).await }),
        Command::Orders(args) => runtime.block_on(orders::run(&common, args)),
        Command::Transcribe(args) => transcribe::run(&args),
    };
    // A blocking read of standard input or a name look-up must not keep a finished command alive.
    runtime.shutdown_background();
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
