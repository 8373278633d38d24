//! Heads on their way outside: to a file, to a URL, to syslog.
//!
//! Each sink follows the files of heads, of the journal and of its office, from a watermark of its own that is moved
//! when the sink has taken a head: `heads.<sink>.sent` beside each file. So a sink that is down delays neither the
//! journal nor another sink and misses nothing; after a crash it may be told the last head twice.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backon::BackoffBuilder as _;
use secrecy::ExposeSecret as _;
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{file, keys};
use crate::audit::journal::{Journal, Shared};
use crate::audit::office;
use crate::audit::settings::Settings;

/// Running sinks.
#[derive(Debug)]
pub struct Sinks {
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

/// Why a head did not get out; it is tried again after a pause.
#[derive(Debug, thiserror::Error)]
enum SinkError {
    #[error("{0}")]
    Io(#[from] io::Error),
    // Without its URL, which may carry credentials.
    #[error("{0}")]
    Http(reqwest::Error),
    #[error("expected a 2xx, found {0}")]
    Refused(reqwest::StatusCode),
}

/// Where to.
enum Sink {
    File(PathBuf),
    Http { client: reqwest::Client, url: secrecy::SecretString },
    Syslog { to: String, node: String },
}

impl Sinks {
    /// Starts sending on the current runtime; does nothing when the settings name no sink. Sinks may be down.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn spawn(journal: &Journal, settings: &Settings) -> Result<Self, reqwest::Error> {
        let stop = CancellationToken::new();
        let mut sinks = Vec::new();
        if let Some(path) = &settings.heads.file {
            sinks.push(Sink::File(path.clone()));
        }
        if let Some(url) = &settings.heads.http {
            let client = reqwest::Client::builder()
                .timeout(HTTP_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .build()?;
            sinks.push(Sink::Http { client, url: url.clone() });
        }
        if let Some(to) = &settings.heads.syslog {
            sinks.push(Sink::Syslog { to: to.clone(), node: settings.node.clone() });
        }
        let tasks = sinks
            .into_iter()
            .map(|sink| tokio::spawn(run(sink, Arc::clone(journal.shared()), stop.clone())))
            .collect();
        Ok(Self { tasks, stop })
    }

    /// Stops sending; what was not sent is when the next ones start. Gives the newest heads a moment.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!("a sink of heads ended badly: {error}");
            }
        }
    }
}

async fn run(sink: Sink, shared: Arc<Shared>, stop: CancellationToken) {
    let folders = [shared.folder.clone(), office::folder(&shared.folder)];
    let mut written = shared.heads.subscribe();
    let mut pauses = pauses();
    let mut failing = false;
    loop {
        let ending = stop.is_cancelled();
        let mut result = Ok(());
        for folder in &folders {
            if result.is_ok() {
                // Also what is under way when the end comes has no longer than that.
                let parting = async {
                    stop.cancelled().await;
                    tokio::time::sleep(FAREWELL).await;
                };
                result = tokio::select! {
                    sent = send_all(&sink, folder) => sent,
                    () = parting => Err(SinkError::Io(io::ErrorKind::TimedOut.into())),
                };
            }
        }
        let pause = match result {
            Ok(()) => {
                if std::mem::take(&mut failing) {
                    tracing::info!(heads.sink = sink.name(), "a sink of heads is back and has all of them");
                }
                pauses = self::pauses();
                LOOK_EVERY
            }
            Err(error) => {
                metrics::counter!("audit_heads_sink_errors_total", "sink" => sink.name()).increment(1);
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(heads.sink = sink.name(), "heads wait for a sink that is down: {error}");
                }
                pauses.next().unwrap_or(PAUSE_MAX)
            }
        };
        if ending || (failing && stop.is_cancelled()) {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // A new head does not shorten the pause of a sink that is down.
            _ = written.changed(), if !failing => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Sends what a folder's file of heads has behind the watermark.
async fn send_all(sink: &Sink, folder: &Path) -> Result<(), SinkError> {
    let path = file::path(folder);
    let mark = folder.join(format!("heads.{}.sent", sink.name()));
    let mut sent = watermark(&mark)?;
    let length = match std::fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?.len(),
    };
    if sent > length {
        tracing::error!(heads.sink = sink.name(), "the file of heads is shorter than what was sent of it");
        sent = 0;
    }
    if sent == length {
        return Ok(());
    }
    let bytes = read_from(&path, sent)?;
    let text = String::from_utf8_lossy(&bytes);
    for note in file::split(&text).0 {
        sink.send(note).await?;
        // The empty line behind it.
        sent += note.len() as u64 + 1;
        keys::replace(&mark, sent.to_string().as_bytes(), 0o600)?;
        metrics::counter!("audit_heads_sent_total", "sink" => sink.name()).increment(1);
    }
    Ok(())
}

impl Sink {
    fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Http { .. } => "http",
            Self::Syslog { .. } => "syslog",
        }
    }

    async fn send(&self, note: &str) -> Result<(), SinkError> {
        match self {
            Self::File(path) => {
                let (path, text) = (path.clone(), format!("{note}\n"));
                let appending = tokio::task::spawn_blocking(move || append(&path, &text));
                Ok(appending.await.map_err(io::Error::other)??)
            }
            Self::Http { client, url } => {
                let request = client
                    .post(url.expose_secret())
                    .header(reqwest::header::CONTENT_TYPE, "text/plain; charset=utf-8")
                    .body(note.to_owned());
                let answer = request.send().await.map_err(|error| SinkError::Http(error.without_url()))?;
                if answer.status().is_success() { Ok(()) } else { Err(SinkError::Refused(answer.status())) }
            }
            Self::Syslog { to, node } => {
                let message = syslog(node, note);
                if to.starts_with('/') {
                    UnixDatagram::unbound()?.send_to(message.as_bytes(), to).await?;
                } else {
                    let target = tokio::net::lookup_host(to.as_str()).await?.next();
                    let target = target.ok_or_else(|| io::Error::other("the host has no address"))?;
                    let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                    UdpSocket::bind(any).await?.send_to(message.as_bytes(), target).await?;
                }
                Ok(())
            }
        }
    }
}

/// The note as one RFC 5424 message: facility "log audit" (13), severity notice (5), line ends as `\n`.
fn syslog(node: &str, note: &str) -> String {
    let host: String = node.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let id = std::process::id();
    format!("<109>1 {at} {host} orderline {id} audit-head - {}", note.replace('\n', "\\n"))
}

/// Adds a note on a line of its own, also where a crash has cut off the one before it. Nothing is ever taken back: the
/// medium may not allow it.
fn append(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
    let mut file = std::fs::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut last = [b'\n'];
    if let Some(at) = file.metadata()?.len().checked_sub(1) {
        file.read_exact_at(&mut last, at)?;
    }
    if last != [b'\n'] {
        file.write_all(b"\n")?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn read_from(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    use std::io::{Read as _, Seek as _};
    let mut file = std::fs::File::open(path)?;
    file.seek(io::SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(AT_ONCE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn watermark(path: &Path) -> io::Result<u64> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        // What cannot be read is sent again.
        other => Ok(other?.trim().parse().unwrap_or_default()),
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(PAUSE_MAX)
        .without_max_times()
        .build()
}

/// Longest wait for an answer. Chosen: a witness that writes to a disk of its own is done by then.
const HTTP_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest pause between attempts. Chosen: half of what lies between two heads.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long a sink may take for the last heads of a run; the next one sends what is left.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often the office's file is looked at, which other processes write.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Read at once, some thousand heads; the next look takes the rest.
const AT_ONCE_BYTES: u64 = 1 << 20;
