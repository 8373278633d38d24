//! All of Orderline beside the PBX: PostgreSQL, the store and the voice server as the processes that a user runs.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use orderline::audio::wav;
use orderline::call::tape::folder::Folder;
use orderline::postgres::Cluster;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::child::{PATIENCE, Process, bound};
use super::pbx::free_port;
use super::peers::manifest;

/// The running stack.
pub(crate) struct Stack {
    pub(crate) voice: Option<Process>,
    store: Option<Process>,
    pub(crate) runtime: tokio::runtime::Runtime,
    cluster: Option<Cluster>,
    pub(crate) database_url: String,
    http: SocketAddr,
    folder: TempDir,
}

/// The program under test.
const ORDERLINE: &str = env!("CARGO_BIN_EXE_orderline");

impl Stack {
    /// Starts it all; `sound` and `http` are where the voice server shall listen, `ari` where Asterisk is, and what it
    /// is told as its password.
    pub(crate) fn start(sound: SocketAddr, http: SocketAddr, ari: &str, password: &str) -> Self {
        Self::start_with(sound, http, ari, password, "")
    }

    /// The same with more of the server's configuration: keys of `[server]`, then other sections.
    pub(crate) fn start_with(
        sound: SocketAddr,
        http: SocketAddr,
        ari: &str,
        password: &str,
        more: &str,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let cluster = runtime.block_on(Cluster::temporary()).expect("a private PostgreSQL");
        let database_url = runtime.block_on(cluster.create_database("orderline")).expect("a database");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = free_port();
        let samples = manifest().join("samples");
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let at = |part: &str| folder.path().join(part).display().to_string();
        let config = format!(
            r#"
[log]
format = "json"
filter = "info"

[shop]
listen = "{store}"
database_url = "{database_url}"
token = "{token}"
sms = {{ kind = "file", path = "{outbox}" }}

[server]
listen = "{sound}"
{more}

[call]
calls_per_number_per_hour = 0

[http]
listen = "{http}"

[ari]
base_url = "{ari}"
password = "{password}"

[store]
base_url = "http://{store}"
token = "{token}"

[audit]
journal = "{journal}"
database_url = "{database_url}"

[tape]
dir = "{tapes}"
notice_ru = ""
notice_en = ""

[hearing.whisper]
model = "{model}"
"#,
            outbox = at("sms.jsonl"),
            journal = at("journal"),
            tapes = at("tapes"),
            model = samples.join("stt-demo/ggml-tires-q5_0.bin").display(),
        );
        let file = folder.path().join("orderline.toml");
        std::fs::write(&file, config).expect("a file");
        let mut command = bound(ORDERLINE);
        command.arg("--config").arg(&file).arg("store").arg("--seed").arg(samples.join("shop/tyres.toml"));
        let mut store = Process::start("store", command);
        store.says("the store listens on");
        let mut stack = Self {
            voice: None,
            store: Some(store),
            runtime,
            cluster: Some(cluster),
            database_url,
            http,
            folder,
        };
        stack.start_voice();
        stack
    }

    /// Starts the voice server and waits until it takes calls.
    pub(crate) fn start_voice(&mut self) {
        let mut command = bound(ORDERLINE);
        command.arg("--config").arg(self.folder.path().join("orderline.toml")).arg("serve");
        let began = Instant::now();
        let process = Process::start("voice server", command);
        while !self.is_ready() {
            assert!(began.elapsed() < PATIENCE, "expected a ready server; it said:\n{}", process.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        println!("voice server ready after {:.2} s", began.elapsed().as_secs_f64());
        self.voice = Some(process);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.runtime.block_on(async {
            let asked = reqwest::Client::new().get(format!("http://{}/ready", self.http)).send().await;
            asked.is_ok_and(|answer| answer.status().is_success())
        })
    }

    /// A figure of the server's.
    pub(crate) fn figure(&self, name: &str) -> Option<f64> {
        let metrics = self.runtime.block_on(async {
            let asked = reqwest::Client::new().get(format!("http://{}/metrics", self.http)).send().await;
            asked.expect("a running server").text().await.expect("text")
        });
        let line = metrics.lines().find(|line| line.split([' ', '{']).next() == Some(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// The UUIDs of the calls that go on.
    pub(crate) fn live(&self) -> Vec<String> {
        let answer: Value = self.runtime.block_on(async {
            let asked = reqwest::Client::new().get(format!("http://{}/calls", self.http)).send().await;
            let text = asked.expect("a running server").text().await.expect("an answer");
            serde_json::from_str(&text).expect("JSON")
        });
        let calls = answer["calls"].as_array().cloned().unwrap_or_default();
        calls.iter().filter_map(|call| call["call"].as_str().map(str::to_owned)).collect()
    }

    /// Runs a command of the program to its end; what it printed, if it succeeded.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<String, String> {
        let output = std::process::Command::new(ORDERLINE)
            .arg("--config")
            .arg(self.folder.path().join("orderline.toml"))
            .args(arguments)
            .output()
            .expect("the program under test");
        let said =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    /// The tapes of calls that are over, oldest first.
    pub(crate) fn tapes(&self) -> Vec<Tape> {
        let entries = std::fs::read_dir(self.folder.path().join("tapes")).into_iter().flatten();
        let mut found: Vec<_> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| Folder::is_tape(path))
            .collect();
        found.sort_by_key(|tape| std::fs::metadata(tape).and_then(|data| data.created()).ok());
        found.iter().map(|sealed| self.in_clear(sealed)).collect()
    }

    fn in_clear(&self, sealed: &Path) -> Tape {
        /// Several callers of one test look for their tapes at once.
        static ONE_AFTER_THE_OTHER: Mutex<()> = Mutex::new(());
        let _turn = ONE_AFTER_THE_OTHER.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder.path().join("clear").join(sealed.file_name().expect("a call's id"));
        if !folder.exists() {
            let tape = Folder::open(sealed, None).expect("the key beside the tapes");
            tape.decipher(&folder).expect("a whole tape");
        }
        Tape { folder }
    }

    /// Waits until this many calls are over and recorded, and gives the last.
    pub(crate) fn recorded(&self, calls: usize) -> Tape {
        let began = Instant::now();
        loop {
            let mut tapes = self.tapes();
            if tapes.len() >= calls {
                return tapes.remove(calls - 1);
            }
            let said = self.voice.as_ref().map(Process::said).unwrap_or_default();
            assert!(
                began.elapsed() < PATIENCE,
                "expected the tape of call {calls}; the server said:\n{said}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The messages that left, as the file gateway wrote them.
    pub(crate) fn sms(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("sms.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
    }

    /// One value out of the database, as text.
    pub(crate) fn value(&self, query: &str) -> Option<String> {
        self.runtime.block_on(async {
            let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&self.database_url)
                .await
                .expect("PostgreSQL");
            let query = sqlx::AssertSqlSafe(query.to_owned());
            sqlx::query_scalar::<_, Option<String>>(query)
                .fetch_optional(&mut connection)
                .await
                .expect("a query of the test's own")
                .flatten()
        })
    }

    /// Waits until a query gives this.
    pub(crate) fn comes_to(&self, query: &str, expected: &str) {
        let began = Instant::now();
        loop {
            let found = self.value(query);
            if found.as_deref() == Some(expected) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{query}: expected {expected}, found {found:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for tape in self.tapes() {
                eprintln!("--- the call {}:\n{}", tape.folder.display(), tape.story());
            }
        }
        drop(self.voice.take());
        drop(self.store.take());
        if let Some(cluster) = self.cluster.take() {
            self.runtime.block_on(cluster.stop());
        }
    }
}

/// What the server recorded of one call.
pub(crate) struct Tape {
    folder: PathBuf,
}

impl Tape {
    /// `call.json`.
    pub(crate) fn label(&self) -> Value {
        json(&self.folder.join("call.json"))
    }

    /// What the server says it heard.
    pub(crate) fn heard(&self) -> wav::Sound {
        wav::read(&self.folder.join("heard.wav")).expect("the tape's sound")
    }

    /// What the server says it played.
    pub(crate) fn played(&self) -> wav::Sound {
        wav::read(&self.folder.join("played.wav")).expect("the tape's sound")
    }

    /// The notes of this kind, in order: `saying`, `understood`, `answering`, ….
    pub(crate) fn notes(&self, kind: &str) -> Vec<Value> {
        let notes = self.lines("outputs.jsonl").into_iter().map(|line| line["output"]["note"].clone());
        notes.filter(|note| note["note"] == kind).collect()
    }

    /// Who the server took the caller for.
    pub(crate) fn caller(&self) -> Value {
        let inputs = self.lines("inputs.jsonl").into_iter().map(|line| line["input"].clone());
        inputs
            .filter(|input| input["input"] == "identified")
            .map(|input| input["caller"].clone())
            .next()
            .unwrap_or_default()
    }

    /// The notes, one a line, for people.
    pub(crate) fn story(&self) -> String {
        let mut story = String::new();
        for line in self.lines("outputs.jsonl") {
            if !line["output"]["note"].is_null() {
                let _ = writeln!(story, "{} {}", line["at"], line["output"]["note"]);
            }
        }
        story
    }

    fn lines(&self, file: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a readable file");
    serde_json::from_str(&text).expect("JSON")
}
