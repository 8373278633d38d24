//! `orderline` as a process: what it says, how it ends, whom it lets call.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orderline::telephone::{self, CallReport, Script, Step};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use uuid::Uuid;

/// Nothing here takes long; what does, hangs.
const SOON: Duration = Duration::from_secs(30);

/// The model of the samples.
pub(crate) fn sample_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/stt-demo/ggml-tires-q5_0.bin")
}

/// A command in an empty folder, with nothing configured but what is given.
pub(crate) struct Orderline {
    command: Command,
    pub(crate) folder: TempDir,
}

/// What a command that ended has said.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) said: String,
    pub(crate) complained: String,
}

impl Orderline {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_orderline"));
        for (name, _) in std::env::vars_os() {
            if name == "RUST_LOG" || name.to_string_lossy().starts_with("ORDERLINE") {
                command.env_remove(name);
            }
        }
        command.args(arguments).current_dir(folder.path()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, folder }
    }

    /// A setting by its variable, without `ORDERLINE__`.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(format!("ORDERLINE__{name}"), value);
        self
    }

    /// Its configuration file.
    pub(crate) fn file(self, text: &str) -> Self {
        std::fs::write(self.folder.path().join("orderline.toml"), text).unwrap();
        self
    }

    /// Runs it to its end, which is expected to be near.
    pub(crate) async fn end(mut self) -> Ended {
        let output = timeout(SOON, self.command.output()).await.expect("it ends").unwrap();
        Ended {
            status: output.status,
            said: String::from_utf8(output.stdout).unwrap(),
            complained: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts `orderline serve` on free ports and waits until it takes calls.
    pub(crate) async fn serve(self) -> Server {
        let mut this = self
            .with("SERVER__LISTEN", "127.0.0.1:0")
            .with("HTTP__LISTEN", "127.0.0.1:0")
            .with("HEARING__WHISPER__MODEL", sample_model());
        let mut child = this.command.spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        keep(child.stderr.take().unwrap(), log.clone());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let found = timeout(SOON, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((socket, http)) = addresses(&line) {
                    return Some((socket, http));
                }
            }
            None
        });
        let found = found.await.expect("it says soon where it listens");
        let (socket, http) =
            found.unwrap_or_else(|| panic!("it ended instead of listening: {}", log.lock().unwrap()));
        Server { socket, http, log, _child: child, _folder: this.folder }
    }
}

/// `… AudioSocket on 127.0.0.1:1, HTTP on http://127.0.0.1:2`
fn addresses(line: &str) -> Option<(String, String)> {
    let (_, rest) = line.split_once("AudioSocket on ")?;
    let (socket, http) = rest.split_once(", HTTP on ")?;
    Some((socket.to_owned(), http.trim().to_owned()))
}

fn keep(from: impl AsyncRead + Unpin + Send + 'static, to: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(from).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            to.lock().unwrap().extend([line.as_str(), "\n"]);
        }
    });
}

/// A voice server that runs; it is killed at the end of its test.
pub(crate) struct Server {
    pub(crate) socket: String,
    pub(crate) http: String,
    log: Arc<Mutex<String>>,
    _child: Child,
    _folder: TempDir,
}

impl Server {
    /// Waits until the log says all of this.
    pub(crate) async fn says(&self, parts: &[&str]) {
        let all = async {
            while !parts.iter().all(|part| self.log().contains(part)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let late = timeout(SOON, all).await.is_err();
        assert!(!late, "expected {parts:?} in the log:\n{}", self.log());
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Calls; the UUID is announced to nobody.
    pub(crate) async fn call(&self, steps: Vec<Step>) -> CallReport {
        let mut script = Script::new(steps);
        script.longest_ms = 30_000;
        let call = Uuid::new_v4();
        telephone::place(&self.socket, call, script.rate, &script, |_| ()).await.unwrap()
    }

    /// What `/ready` says of its parts.
    pub(crate) async fn parts(&self) -> Value {
        let answer = reqwest::get(format!("{}/ready", self.http)).await.unwrap();
        answer.json::<Value>().await.unwrap()["parts"].clone()
    }
}
