//! The parent's side of a child: starting it, hearing what it says, killing it.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::child::{Script, VARIABLE};

/// An outcome as it was told to a caller.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) call: Uuid,
    pub(crate) request: i64,
    pub(crate) key: Uuid,
    /// The outcome's name, such as `drafted`.
    pub(crate) outcome: String,
}

/// A child and what it has said so far.
pub(crate) struct Running {
    child: Child,
    input: ChildStdin,
    heard: Arc<Mutex<Vec<String>>>,
    count: watch::Receiver<usize>,
    hearing: JoinHandle<()>,
}

impl Running {
    /// Starts this program again as the child; `crash_at` is a crash point, empty for none.
    pub(crate) fn start(script: &Script, crash_at: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        Self::start_with(&mut command, script, crash_at)
    }

    /// [`Self::start`] through a command that runs this program in the end.
    pub(crate) fn start_with(command: &mut Command, script: &Script, crash_at: &str) -> Self {
        command
            .args(["child::child_of_the_proof", "--exact", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, serde_json::to_string(script).unwrap())
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if !crash_at.is_empty() {
            command.env("ORDERLINE_CRASH_AT", crash_at);
        }
        let mut child = command.spawn().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (counted, count) = watch::channel(0);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let keep = heard.clone();
        let hearing = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, words)) = line.split_once("@@ ") {
                    keep.lock().unwrap().push(words.to_owned());
                    counted.send_modify(|count| *count += 1);
                }
            }
        });
        Self { input: child.stdin.take().unwrap(), child, heard, count, hearing }
    }

    /// Waits until it has said something that begins so, at most `within`; none when it ended or kept silent.
    pub(crate) async fn says(&mut self, beginning: &str, within: Duration) -> Option<String> {
        let found = || self.heard.lock().unwrap().iter().find(|words| words.starts_with(beginning)).cloned();
        let mut count = self.count.clone();
        let waiting = async {
            loop {
                if let Some(words) = found() {
                    return Some(words);
                }
                if count.changed().await.is_err() {
                    return found();
                }
            }
        };
        tokio::time::timeout(within, waiting).await.ok().flatten()
    }

    /// How many words it has said.
    pub(crate) fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    /// What it has said.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Gives it the word that it waits for.
    pub(crate) async fn go(&mut self) {
        // A child that is dead already needs no word.
        let _ = self.input.write_all(b"go\n").await;
    }

    /// SIGKILL. Returns everything it said.
    pub(crate) async fn kill(mut self) -> Vec<String> {
        let _ = self.child.kill().await;
        self.words().await
    }

    /// Waits for its end, however it comes, at most `within`: whether it ended well, and everything it said.
    pub(crate) async fn end(mut self, within: Duration) -> (Option<bool>, Vec<String>) {
        let status = tokio::time::timeout(within, self.child.wait()).await;
        let well = status.ok().map(|status| status.unwrap().success());
        if well.is_none() {
            let _ = self.child.kill().await;
        }
        (well, self.words().await)
    }

    async fn words(self) -> Vec<String> {
        self.hearing.await.unwrap();
        let mut heard = self.heard.lock().unwrap();
        std::mem::take(&mut *heard)
    }
}

/// The outcomes among a child's words.
pub(crate) fn said(words: &[String]) -> Vec<Said> {
    words.iter().filter_map(|words| words.strip_prefix("said ")).map(one).collect()
}

fn one(words: &str) -> Said {
    let mut parts = words.split(' ');
    let mut part = || parts.next().unwrap();
    Said {
        call: part().parse().unwrap(),
        request: part().parse().unwrap(),
        key: part().parse().unwrap(),
        outcome: part().to_owned(),
    }
}
