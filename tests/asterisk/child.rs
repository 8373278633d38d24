//! A process of the test's: its output read line by line, and gone at the end whatever happens.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running process.
pub(crate) struct Process {
    name: String,
    child: Child,
    said: Arc<(Mutex<Vec<String>>, Condvar)>,
}

/// How long anything that a process must do on its own may take before the test fails. Generous: it is a bound, not an
/// expectation.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A command whose process dies with the thread that spawned it, even when that one is killed.
pub(crate) fn bound(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

impl Process {
    /// Starts it; what it says is kept.
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{name}: {command:?}: {e}"));
        let said = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let pipes: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
        for pipe in pipes {
            let said = Arc::clone(&said);
            // Ends with the pipe.
            std::thread::spawn(move || {
                let mut pipe = BufReader::new(pipe);
                let mut line = Vec::new();
                while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    said.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                    said.1.notify_all();
                    line.clear();
                }
            });
        }
        Self { name: name.to_owned(), child, said }
    }

    /// Waits until it has said a line with this in it, and gives the line.
    pub(crate) fn says(&mut self, what: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let (lines, news) = &*self.said;
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(line) = lines.iter().find(|line| line.contains(what)) {
                return line.clone();
            }
            let gone = self.child.try_wait().ok().flatten();
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                gone.is_none() && !left.is_zero(),
                "{}: expected it to say {what:?} ({gone:?}); it said:\n{}",
                self.name,
                lines.join("\n")
            );
            // A process that dies without a word wakes nobody.
            let tick = left.min(Duration::from_millis(200));
            lines = news.wait_timeout(lines, tick).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All that it has said so far.
    pub(crate) fn said(&self) -> String {
        self.said.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("process numbers fit");
        kill(Pid::from_raw(pid), signal).expect("an own child");
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("an own child") {
                return status;
            }
            assert!(Instant::now() < until, "{}: expected it to end; it said:\n{}", self.name, self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = self.said();
            let skip = said.len().saturating_sub(12_000);
            let tail: String = said.chars().skip(skip).collect();
            eprintln!("--- {} said:\n{tail}\n---", self.name);
        }
    }
}
