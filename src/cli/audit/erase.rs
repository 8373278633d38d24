//! `orderline audit erase`: makes a person's values unreadable for good.

use std::path::PathBuf;
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
    /// The folder of the recordings, instead of `dir` of `[tape]`: where calls were recorded once and are no more.
    #[arg(long, value_name = "FOLDER")]
    tapes: Option<PathBuf>,
    /// Who decided it, as the shop names its people; it is written into the audit.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Do it. Without it, only what would go is told.
    #[arg(long)]
    yes: bool,
}

/// Erases the person's keys, sealed values and recordings. A running server goes on meanwhile. Exit status: 0 nothing is
/// left, 1 not done, 2 what is left may be of this person.
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
    let places =
        erase::Places { settings, pool, tapes: args.tapes.clone().or_else(|| config.tape.dir.clone()) };
    let kept = erase::find(&places, who).await?;
    let (done, untold) = match kept.untold {
        0 => (ExitCode::SUCCESS, String::new()),
        persons => (ExitCode::from(NOT_SURE), warning(persons)),
    };
    if kept.is_nothing() {
        let found = if kept.untold == 0 {
            "nothing is kept of this person"
        } else {
            "nothing is found of this person"
        };
        print(format!("{found}\n{untold}"))?;
        return Ok(done);
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
        print(format!("would erase {what}{untold}repeat with --yes\n"))?;
        return Ok(ExitCode::FAILURE);
    }
    erase::erase(&places, &kept, args.by.as_deref()).await?;
    print(format!("erased {what}{untold}"))?;
    Ok(done)
}

/// What an erasure by a number cannot see.
fn warning(persons: u64) -> String {
    format!(
        "WARNING: PostgreSQL holds values of {persons} persons of this node whose numbers nothing here can tell: the \
         subjects.keys that did is lost, or on another server of this name. This person may be one of them: erase \
         with that file put back (--journal), or by call:UUID\n"
    )
}

/// Exit status when what is left may be the person's.
const NOT_SURE: u8 = 2;
