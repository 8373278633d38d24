//! `orderline audit retain`: gives up the audit's oldest months.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use chrono::{NaiveDate, Utc};

use super::{PlaceArgs, Places, print};
use crate::audit::retain;
use crate::config::Config;

/// Arguments of `orderline audit retain`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RetainArgs {
    /// Give up what was written before the month of this day. Default: `retention_months` of `[audit]` ago.
    #[arg(long, value_name = "YYYY-MM-DD")]
    before: Option<NaiveDate>,
    #[command(flatten)]
    place: PlaceArgs,
    /// The folder of the recordings, instead of `dir` of `[tape]`. Those of the calls that go, go with them.
    #[arg(long, value_name = "FOLDER")]
    tapes: Option<PathBuf>,
    /// Do it. Without it, only what would go is told.
    #[arg(long)]
    yes: bool,
}

/// Drops whole months of PostgreSQL's copy, as the role that owns the tables.
pub(super) async fn run(config: &Config, args: &RetainArgs) -> anyhow::Result<ExitCode> {
    let found = Places::of(&config.audit, &args.place);
    let pool =
        found.pool()?.context("expected a database (--database-url) to give months up in, found none")?;
    let mut settings = config.audit.clone();
    settings.key_file = Some(found.key.clone());
    if let Some(journal) = found.journal {
        settings.journal = journal;
    }
    settings.database_url = found.database_url;
    let now = Utc::now();
    let day = args.before.unwrap_or_else(|| retain::kept_from(now, settings.retention_months));
    let before = retain::boundary(day, now)?;
    let Some(plan) = retain::plan(&pool, before).await? else {
        print(format!("nothing is older than {}\n", before.date_naive()))?;
        return Ok(ExitCode::SUCCESS);
    };
    let recordings = match args.tapes.as_ref().or(config.tape.dir.as_ref()) {
        Some(tapes) => retain::recordings(&pool, before, tapes).await?,
        None => Vec::new(),
    };
    let what = format!(
        "{} calls, {} recordings and {} entries from before {}; {} calls reach over it\n",
        plan.calls,
        recordings.len(),
        plan.entries,
        before.date_naive(),
        plan.cut.len()
    );
    if !args.yes {
        let named: String = recordings.iter().map(|tape| format!("  {}\n", tape.display())).collect();
        print(format!("would drop {what}{named}repeat with --yes\n"))?;
        return Ok(ExitCode::FAILURE);
    }
    let partitions = retain::carry_out(&settings, &pool, &plan, &recordings).await?;
    print(format!("dropped {partitions} partitions: {what}"))?;
    Ok(ExitCode::SUCCESS)
}
