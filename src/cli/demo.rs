//! `orderline demo`: everything on one machine with no account anywhere.
//!
//! A private PostgreSQL cluster, the reference store with a sample catalogue, the voice server on its offline engines,
//! and sample callers who phone in over AudioSocket. It prints the talk as it happens, then what is in the database, the
//! SMS outbox and the audit, and whether the audit's chains hold. Exit status 0 only if every call ended as its script
//! says.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::cli::Common;
use crate::postgres::Cluster;
use crate::telephone::Script;

mod figures;
mod house;
mod ledger;
mod scene;

use figures::Figures;
use house::House;

/// Arguments of `orderline demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Keep everything running after the calls, and print the addresses and the dialplan line to use.
    #[arg(long)]
    pub stay: bool,
    /// Where the cluster, the journal and the outbox live; a temporary folder, removed at the end, unless named.
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// The folder of samples (model, catalogue, callers); found beside the working directory or the executable.
    #[arg(long, value_name = "FOLDER")]
    pub samples: Option<PathBuf>,
    /// Use this database instead of a private cluster. Its schemas are made if missing.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Record each call as a tape for `orderline replay`, enciphered under `tape.key` in the folder.
    #[arg(long, value_name = "FOLDER")]
    pub tape: Option<PathBuf>,
    /// Write the figures of the run as JSON to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// The sample calls, in the order in which they are placed.
const CALLS: [(&str, &str); 3] = [
    ("ru-where-is-my-order", "Russian: where is my order? (two are open)"),
    ("ru-purchase", "Russian: a purchase, from the first word to the SMS"),
    ("en-cancelled", "English: an order begun and cancelled halfway"),
];

/// Runs the demonstration.
///
/// # Errors
/// What could not be started, in words that say what to do about it.
pub async fn run(_common: &Common, args: DemoArgs) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let step = |text: &str| println!("[{:6.1} s] {text}", began.elapsed().as_secs_f64());
    let samples = find_samples(args.samples.as_deref())?;
    let (folder, temporary) = open_folder(args.folder.as_deref())?;

    let (cluster, database_url) = match &args.database_url {
        Some(url) => {
            step("PostgreSQL: the database of DATABASE_URL");
            (None, url.clone())
        }
        None => {
            step("PostgreSQL: making a private cluster");
            let cluster = Cluster::start(&folder.join("postgresql")).await?;
            let url = cluster.create_database("orderline").await?;
            (Some(cluster), url)
        }
    };
    let house = House::open(&args, &samples, &folder, &database_url, step).await?;
    step(&format!("ready for calls: AudioSocket on {}, HTTP on {}", house.socket(), house.http()));

    let mut figures = Figures::new(house.ready_after());
    let mut failures = Vec::new();
    for (number, (name, title)) in (1..).zip(CALLS) {
        let script = Script::load(&samples.join("calls").join(name))?;
        println!("\n== Call {number} of {}. {title}", CALLS.len());
        let outcome = scene::play(&house, &script).await.with_context(|| format!("call {name}"))?;
        failures.extend(outcome.failures.iter().map(|failure| format!("{name}: {failure}")));
        figures.add(&outcome);
    }

    house.settle().await?;
    let sound = ledger::print(&house).await?;
    if !sound {
        failures.push("the audit does not verify".to_owned());
    }
    figures.print();
    if let Some(path) = &args.json {
        std::fs::write(path, figures.json()).with_context(|| format!("writing {}", path.display()))?;
    }
    println!();
    match failures.as_slice() {
        [] => println!("Every call ended as its script says."),
        failures => {
            println!("Not everything went as the scripts say:");
            failures.iter().for_each(|failure| println!("  - {failure}"));
        }
    }
    if args.stay {
        house.invite(&database_url);
        tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
        println!("Stopping.");
    }
    house.close().await;
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    drop(temporary);
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The folder that holds `stt-demo`, `shop`, `lines` and `calls`.
fn find_samples(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = given {
        if path.join("calls").is_dir() {
            return Ok(path.to_owned());
        }
        bail!(
            "expected the samples in {} (a folder with calls/, lines/, shop/ and stt-demo/)",
            path.display()
        );
    }
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let candidates = [
        Some(PathBuf::from("samples")),
        // target/release/orderline, and an installation under /usr/local.
        beside.as_ref().map(|dir| dir.join("../../samples")),
        beside.as_ref().map(|dir| dir.join("../share/orderline/samples")),
    ];
    candidates.into_iter().flatten().find(|path| path.join("calls").is_dir()).context(
        "expected a folder samples/ here; run this from the project's folder, or name it with --samples",
    )
}

fn open_folder(given: Option<&Path>) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    match given {
        Some(path) => {
            std::fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))?;
            Ok((path.canonicalize()?, None))
        }
        None => {
            let folder = tempfile::Builder::new().prefix("orderline-demo-").tempdir()?;
            // Whatever the umask: started by root, PostgreSQL runs as a user of its own and must reach its folder.
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
            Ok((folder.path().to_owned(), Some(folder)))
        }
    }
}
