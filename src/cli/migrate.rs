//! `orderline migrate`: brings the tables of the store and of the audit up to date.

use std::process::ExitCode;

use anyhow::Context;
use secrecy::ExposeSecret;
use sqlx::PgPool;

use crate::cli::Common;
use crate::config::Problems;
use crate::{audit, store, telemetry};

/// Arguments of `orderline migrate`.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct MigrateArgs {
    /// Only the reference store's tables.
    #[arg(long, conflicts_with = "audit")]
    pub store: bool,
    /// Only the audit's tables.
    #[arg(long)]
    pub audit: bool,
}

/// Migrates the store's database (`[shop] database_url`) and the audit's (`[audit] database_url`), where they are set
/// up: a store without a token and an audit without a database are not. They may be the same database.
///
/// # Errors
/// A database that does not answer, or whose tables are not as expected; nothing to migrate.
pub async fn run(common: &Common, args: MigrateArgs) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    let _logs = telemetry::start_logs(&config.log)?;
    let mut done = false;
    let has_shop = !config.shop.token.expose_secret().is_empty();
    if args.store || (!args.audit && has_shop) {
        // Connecting brings the tables up to date.
        store::connect(&config.shop).await?;
        println!("the store's tables are up to date");
        done = true;
    }
    if !args.store {
        match &config.audit.database_url {
            Some(url) => {
                let connecting = PgPool::connect(url.expose_secret());
                let pool = tokio::time::timeout(std::time::Duration::from_secs(10), connecting)
                    .await
                    .context("PostgreSQL at audit.database_url does not answer after 10 s")?
                    .context("while connecting to audit.database_url")?;
                audit::migrate(&pool).await.context("while bringing the audit's tables up to date")?;
                println!("the audit's tables are up to date");
                done = true;
            }
            None if args.audit => {
                let problem = "audit.database_url: expected postgres://…, found none".to_owned();
                return Err(Problems(vec![problem]).into());
            }
            None => {}
        }
    }
    if !done {
        let problem = "expected shop.token with shop.database_url, or audit.database_url; found neither";
        return Err(Problems(vec![problem.to_owned()]).into());
    }
    Ok(ExitCode::SUCCESS)
}
