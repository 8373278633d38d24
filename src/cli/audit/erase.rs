//! `orderline audit erase`: makes a person's values unreadable for good.

use std::process::ExitCode;

use anyhow::Context as _;

use super::{PlaceArgs, Places, print};
use crate::audit::erase::{self, Who};
use crate::config::Config;

/// Arguments of `orderline audit erase`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct EraseArgs {
    /// A telephone number in any usual spelling, `call:UUID` for the person of that call, or the UUID of a person as
    /// `audit show` tells it.
    subject: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Who decided it, as the shop names its people; it is written into the audit.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Do it. Without it, only what would go is told.
    #[arg(long)]
    yes: bool,
}

/// Erases the person's keys, sealed values and recordings. A running server goes on meanwhile.
pub(super) async fn run(config: &Config, args: &EraseArgs) -> anyhow::Result<ExitCode> {
    let who = Who::parse(&args.subject, &config.ari.regions)?;
    let found = Places::of(&config.audit, &args.place);
    let journal =
        found.journal.clone().context("expected the journal (--journal): the persons' keys are there")?;
    let mut settings = config.audit.clone();
    settings.key_file = Some(found.key.clone());
    settings.journal = journal;
    settings.database_url.clone_from(&found.database_url);
    let pool = found.pool()?;
    let places = erase::Places { settings, pool, tapes: config.tape.dir.clone() };
    let kept = erase::find(&places, who).await?;
    if kept.is_nothing() {
        print("nothing is kept of this person\n".to_owned())?;
        return Ok(ExitCode::SUCCESS);
    }
    let what = format!(
        "{} keys here, {} keys and {} sealed values in PostgreSQL, {} recordings, of {} calls\n",
        kept.keys,
        kept.database_keys,
        kept.database_values,
        kept.recordings.len(),
        kept.calls.len()
    );
    if !args.yes {
        print(format!("would erase {what}repeat with --yes\n"))?;
        return Ok(ExitCode::FAILURE);
    }
    erase::erase(&places, &kept, args.by.as_deref()).await?;
    print(format!("erased {what}"))?;
    Ok(ExitCode::SUCCESS)
}
