//! `orderline doctor`: which of AudioSocket's traps apply to a PBX; and the same for the log of
//! `orderline serve`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::ari::{Ari, Version as Told};
use crate::call::{CallEvent, Happening};
use crate::cli::Common;
use crate::config::Config;
use crate::doctor::{self, Dialplan, MODULES, Severity, Situation, Trap, Use, form};

/// Arguments of `orderline doctor`.
#[derive(Clone, Debug, clap::Args)]
pub struct DoctorArgs {
    /// The dialplan: extensions.conf, or the folder that it stands in, such as /etc/asterisk. Includes are followed.
    #[arg(long, value_name = "PATH")]
    pub dialplan: Option<PathBuf>,
    /// The version to check against, such as 20.15.1; without it ARI is asked, if it is configured, or else `asterisk -V`
    /// of this machine.
    #[arg(long, value_name = "VERSION")]
    pub asterisk_version: Option<String>,
    /// Ask nothing over the network, even where ARI is configured.
    #[arg(long)]
    pub offline: bool,
    /// Print JSON, for scripts.
    #[arg(long)]
    pub json: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Report {
    /// The version, as it was told.
    version: Option<String>,
    /// Who told it.
    version_from: Option<String>,
    /// Why ARI could not be asked, where it is configured.
    ari: Option<String>,
    uses: Vec<Use>,
    traps: Vec<Trap>,
    fatal: usize,
}

/// Looks, prints, and fails when a trap is fatal.
///
/// # Errors
/// A wrong configuration, a dialplan that can't be read, or nothing at all to look at.
pub async fn run(common: &Common, args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    let mut situation = Situation::default();
    // Without a file of ours there is nothing to hold against the dialplan.
    if config.file.is_some() {
        situation.socket_port = Some(config.server.listen.port());
        situation.rate_hz = Some(config.call.rate.0);
    }
    if let Some(path) = &args.dialplan {
        situation.dialplan = Some(Dialplan::read(path).context("--dialplan")?);
        situation.channelvars = channelvars(path);
    }
    let mut report = Report {
        version: None,
        version_from: None,
        ari: None,
        uses: Vec::new(),
        traps: Vec::new(),
        fatal: 0,
    };
    let ari = Ari::new(config.ari.clone())?;
    if ari.is_on() && !args.offline {
        match ari.check().await {
            Ok(Told(version)) => {
                report.version_from =
                    Some(format!("ARI at {}", config.ari.base_url.as_deref().unwrap_or("")));
                report.version = Some(version);
                ask(&ari, &mut situation).await;
            }
            Err(error) => report.ari = Some(chain(&error)),
        }
    }
    if let Some(version) = &args.asterisk_version {
        report.version_from = Some("--asterisk-version".to_owned());
        report.version = Some(version.clone());
    } else if report.version.is_none()
        && let Some(version) = own_asterisk().await
    {
        report.version_from = Some("asterisk -V".to_owned());
        report.version = Some(version);
    }
    if report.version.is_none() && situation.dialplan.is_none() {
        let why = report.ari.map_or(String::new(), |why| format!(" ({why})"));
        anyhow::bail!("nothing to look at{why}: configure [ari], or give --asterisk-version or --dialplan");
    }
    situation.version = report.version.as_deref().map(str::parse);
    report.uses = situation.uses();
    report.traps = doctor::traps(&situation);
    report.fatal = report.traps.iter().filter(|trap| trap.severity == Severity::Fatal).count();
    let text = if args.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        shown(&report, args.dialplan.as_deref())
    };
    // Whoever reads it may have seen enough (`| head`); the exit status still counts.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(if report.fatal == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What ARI can tell of modules and of calls in progress. A question that gets no answer leaves its part unknown.
async fn ask(ari: &Ari, situation: &mut Situation) {
    let mut modules = std::collections::BTreeMap::new();
    for name in MODULES {
        match ari.runs_module(name).await {
            Ok(runs) => drop(modules.insert(name.to_owned(), runs)),
            Err(error) => tracing::debug!(%error, name, "ARI tells nothing of a module"),
        }
    }
    situation.modules = (!modules.is_empty()).then_some(modules);
    let channels = ari.running().await.unwrap_or_default();
    let in_audiosocket = channels
        .iter()
        .filter_map(|channel| Some((channel, form::running(&channel.channel, &channel.app, &channel.data)?)));
    for (channel, found) in in_audiosocket {
        situation.channelvars.get_or_insert_with(|| channel.variables.clone());
        situation.running.push(found);
    }
}

/// `channelvars` of the ari.conf that stands beside the dialplan, if there is one.
fn channelvars(dialplan: &Path) -> Option<Vec<String>> {
    let folder = if dialplan.is_dir() { dialplan } else { dialplan.parent()? };
    let text = std::fs::read_to_string(folder.join("ari.conf")).ok()?;
    let lines = text.lines().filter_map(|line| line.split(';').next()?.split_once('='));
    let named = lines.filter(|(key, _)| key.trim() == "channelvars");
    let names = named.flat_map(|(_, value)| value.trim_start_matches('>').split(','));
    Some(names.map(|name| name.trim().to_owned()).collect())
}

/// The version of this machine's own Asterisk, if there is one.
async fn own_asterisk() -> Option<String> {
    let asked = tokio::process::Command::new("asterisk").arg("-V").kill_on_drop(true).output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(5), asked).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// The same for the server's log: at its start, where ARI answered by then, and once more in the first call, since ARI sees
/// the dialplan's form only while a call is in it. Bounded by ARI's own deadlines; meant for a task of its own, so that no
/// call waits for it.
pub(crate) async fn tell_the_log(
    ari: Ari,
    config: Config,
    version: Option<Told>,
    mut calls: Receiver<Arc<CallEvent>>,
) {
    let mut told = BTreeSet::new();
    if let Some(version) = version {
        look(&ari, &config, &version, &mut told).await;
    }
    loop {
        match calls.recv().await {
            Ok(event) if matches!(event.what, Happening::Began { .. }) => {}
            Err(RecvError::Closed) => return,
            // Something else, or more than could be taken in: another call will come.
            Ok(_) | Err(RecvError::Lagged(_)) => continue,
        }
        if let Ok(version) = ari.check().await {
            return look(&ari, &config, &version, &mut told).await;
        }
    }
}

/// Tells the log of the traps that it has not been told of, by their name and place.
async fn look(ari: &Ari, config: &Config, version: &Told, told: &mut BTreeSet<(&'static str, String)>) {
    let mut situation = Situation {
        version: Some(version.0.parse()),
        socket_port: Some(config.server.listen.port()),
        rate_hz: Some(config.call.rate.0),
        ..Situation::default()
    };
    ask(ari, &mut situation).await;
    for trap in doctor::traps(&situation).into_iter().filter(|trap| trap.severity != Severity::Note) {
        let at = trap.place.as_ref().map_or("", |place| place.at.as_str());
        if told.insert((trap.id, at.to_owned())) {
            tracing::warn!(trap = trap.id, at, caller = %trap.caller, fix = %trap.fix, "{}", trap.found);
        }
    }
}

fn shown(report: &Report, dialplan: Option<&Path>) -> String {
    let mut lines = Vec::new();
    match (&report.version, &report.version_from) {
        (Some(version), Some(from)) => lines.push(format!("version   {version} ({from})")),
        _ => lines.push("version   unknown: configure [ari], or give --asterisk-version".to_owned()),
    }
    if let Some(why) = &report.ari {
        lines.push(format!("ARI       {why}"));
    }
    match dialplan {
        Some(path) => lines.push(format!("dialplan  {}", path.display())),
        None => lines.push("dialplan  not read: give --dialplan /etc/asterisk".to_owned()),
    }
    for one in &report.uses {
        lines.push(format!("  {}  {}", one.place.at, line_of(one)));
    }
    for trap in &report.traps {
        let at = trap.place.as_ref().map_or(String::new(), |place| format!("  {}", place.at));
        let word = match trap.severity {
            Severity::Fatal => "FATAL",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        lines.push(String::new());
        lines.push(format!("{word}  {}{at}", trap.id));
        for (name, text) in
            [("found", &trap.found), ("caller", &trap.caller), ("fix", &trap.fix), ("source", &trap.source)]
        {
            lines.push(format!("  {name:<7} {text}"));
        }
    }
    let count = |severity| report.traps.iter().filter(|trap| trap.severity == severity).count();
    let (warnings, notes) = (count(Severity::Warning), count(Severity::Note));
    lines.push(String::new());
    lines.push(format!("{} fatal, {warnings} to look at, {notes} to know", report.fatal));
    lines.join("\n") + "\n"
}

fn line_of(one: &Use) -> String {
    let form = match &one.form {
        form::Form::Application { tried: true, .. } => "TryExec(AudioSocket())".to_owned(),
        form::Form::Application { .. } => "AudioSocket()".to_owned(),
        form::Form::Dial { codec, goes_on } => {
            let codec = codec.as_deref().unwrap_or("no codec");
            let goes_on = match goes_on {
                Some(true) => "g",
                Some(false) => "no g",
                None => "options unknown",
            };
            format!("Dial(AudioSocket/…), {codec}, {goes_on}")
        }
    };
    let after = match one.after {
        form::After::Nothing => "then nothing",
        form::After::Nobody => "then nobody",
        form::After::Person => "then a person",
        form::After::Unknown => "in progress",
    };
    format!("{form} to {}, {after}", one.server)
}

/// An error and what it came from, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
