//! A real SIP telephone (baresip) without a sound card: it says WAV files when told to, and records what it hears.
//!
//! Its sound source is a file; another one is put in its place while the call runs (command `ausrc`). A file that ends
//! would end the call, so each is followed by minutes of silence.

use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use orderline::audio::Rate;
use orderline::audio::resample::Streaming;
use orderline::audio::wav;
use serde_json::Value;

use super::child::{PATIENCE, Process, bound};
use super::pbx::{OPERATOR_PASSWORD, RTP_PORTS, TRUNK, free_port, free_rtp};

/// A telephone.
pub(crate) struct Phone {
    process: Process,
    control: TcpStream,
    events: Receiver<Value>,
    folder: tempfile::TempDir,
    lines: Cell<u32>,
    /// At which its codec samples.
    rate: Rate,
}

/// At which what a telephone said and heard is given; a caller's own speaks A-law.
pub(crate) const RATE: Rate = Rate::HZ_8000;

/// Silence after a line; longer than any call of the tests.
const SILENCE_S: usize = 300;

impl Phone {
    /// The telephone of a caller who comes through the trunk; `number` is what its From says.
    pub(crate) fn caller(number: &str) -> Self {
        let port = free_port().port();
        let account = format!("<sip:{number}@{TRUNK}:{port}>;regint=0;audio_codecs=pcma\n");
        Self::start("caller's telephone", TRUNK, port, &account, &silence(RATE), RATE)
    }

    /// The same with G.722: 16 kHz.
    pub(crate) fn wideband_caller(number: &str) -> Self {
        let port = free_port().port();
        let account = format!("<sip:{number}@{TRUNK}:{port}>;regint=0;audio_codecs=G722\n");
        let rate = Rate::HZ_16000;
        Self::start("caller's telephone", TRUNK, port, &account, &silence(rate), rate)
    }

    /// The operator's telephone: registers, answers by itself, and says `line` over and over.
    pub(crate) fn operator(sip: SocketAddr, line: &[i16]) -> Self {
        Self::operator_who(sip, line, "auto")
    }

    /// The same, but it rings until [`answer`](Self::answer).
    pub(crate) fn ringing_operator(sip: SocketAddr, line: &[i16]) -> Self {
        Self::operator_who(sip, line, "manual")
    }

    fn operator_who(sip: SocketAddr, line: &[i16], answers: &str) -> Self {
        let address = "127.0.0.3";
        let port = free_port().port();
        let account = format!(
            "<sip:operator@{sip}>;auth_user=operator;auth_pass={OPERATOR_PASSWORD};regint=600;answermode={answers};\
             audio_codecs=pcma\n"
        );
        let over: Vec<i16> = line.iter().copied().cycle().take(RATE.0 as usize * SILENCE_S).collect();
        let mut phone = Self::start("operator's telephone", address, port, &account, &over, RATE);
        // Its event may have come before anybody listened.
        phone.process.says("[1 binding]");
        phone
    }

    fn start(name: &str, address: &str, port: u16, account: &str, source: &[i16], rate: Rate) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |part: &str| folder.path().join(part);
        fs::create_dir(at("heard")).expect("a folder");
        wav::write(&at("source.wav"), rate, source).expect("a sound file");
        wav::write(&at("nothing.wav"), rate, &[0; 160]).expect("a sound file");
        let control = free_port();
        let rtp = free_rtp();
        let config = format!(
            "poll_method epoll\nsip_listen {address}:{port}\nmodule_path {modules}\nmodule g711.so\nmodule g722.so\n\
             module aufile.so\n\
             module sndfile.so\nmodule ctrl_tcp.so\nmodule_tmp account.so\nmodule_app menu.so\n\
             ctrl_tcp_listen {control}\naudio_source aufile,{source}\naudio_player aufile,{player}\n\
             audio_alert aufile,{nothing}\nausrc_srate {rate}\nauplay_srate {rate}\nausrc_channels 1\n\
             auplay_channels 1\naudio_txmode thread\nstatmode_default off\nsnd_path {heard}\nrtp_ports {first}-{last}\n",
            modules = modules().display(),
            source = at("source.wav").display(),
            player = at("player.wav").display(),
            nothing = at("nothing.wav").display(),
            heard = at("heard").display(),
            rate = rate.0,
            first = rtp,
            last = rtp + RTP_PORTS,
        );
        fs::write(at("config"), config).expect("a file");
        fs::write(at("accounts"), account).expect("a file");
        fs::write(at("contacts"), "").expect("a file");
        let mut command = bound("baresip");
        // -s: it shows the SIP messages that it sends and receives.
        command.arg("-s").arg("-f").arg(folder.path()).current_dir(folder.path());
        let mut process = Process::start(name, command);
        process.says("baresip is ready.");
        let control = TcpStream::connect(control).expect("the telephone's control port");
        let events = listen(control.try_clone().expect("a second handle"));
        Self { process, control, events, folder, lines: Cell::new(0), rate }
    }

    /// Dials, and waits until somebody has answered.
    pub(crate) fn dial(&self, number: &str, sip: SocketAddr) {
        self.command("dial", &format!("sip:{number}@{sip}"));
        self.wait_for("CALL_ESTABLISHED");
    }

    /// Says this, from now on. Returns at once.
    pub(crate) fn say(&self, samples: &[i16], rate: Rate) {
        let mut line = resampled(samples, rate, self.rate);
        line.resize(line.len() + self.rate.0 as usize * SILENCE_S, 0);
        let n = self.lines.get();
        self.lines.set(n + 1);
        let path = self.folder.path().join(format!("line{n}.wav"));
        wav::write(&path, self.rate, &line).expect("a sound file");
        self.command("ausrc", &format!("aufile,{}", path.display()));
    }

    /// Answers a call that rings.
    pub(crate) fn answer(&self) {
        self.command("accept", "");
    }

    /// Waits until it has shown a line with this in it, and gives the line.
    pub(crate) fn shows(&mut self, what: &str) -> String {
        self.process.says(what)
    }

    /// Whether no line that it has shown so far begins with this.
    pub(crate) fn shows_no_line_of(&self, what: &str) -> bool {
        !self.process.said().lines().any(|line| line.starts_with(what))
    }

    /// Hangs up.
    pub(crate) fn hang_up(&self) {
        self.command("hangup", "");
    }

    /// Presses a key.
    pub(crate) fn press(&self, key: char) {
        self.command("sndcode", &key.to_string());
    }

    /// Puts the other side on hold, or takes it up again.
    pub(crate) fn hold(&self, on: bool) {
        self.command(if on { "hold" } else { "resume" }, "");
    }

    /// What it has heard so far, as it recorded it: only what arrived, so a pause of the sender's leaves no trace.
    pub(crate) fn heard(&self) -> Vec<i16> {
        resampled(&samples_of(&self.recording("-dec.wav")), self.rate, RATE)
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> Vec<i16> {
        resampled(&samples_of(&self.recording("-enc.wav")), self.rate, RATE)
    }

    fn recording(&self, end: &str) -> PathBuf {
        let mut found: Vec<_> = fs::read_dir(self.folder.path().join("heard"))
            .expect("a folder")
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.to_string_lossy().ends_with(end))
            .collect();
        found.sort();
        found.pop().unwrap_or_default()
    }

    /// Waits until it has heard what `enough` wants, which is shown everything heard so far.
    pub(crate) fn hears(&self, what: &str, mut enough: impl FnMut(&[i16]) -> bool) -> Vec<i16> {
        let until = Instant::now() + PATIENCE;
        loop {
            let heard = self.heard();
            if enough(&heard) {
                return heard;
            }
            assert!(
                Instant::now() < until,
                "expected the telephone to hear {what}; it heard {:.1} s",
                heard.len() as f64 / f64::from(RATE.0)
            );
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    /// Waits for an event of this type.
    pub(crate) fn wait_for(&self, kind: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(event) if event["type"] == kind => return event,
                Ok(event) => {
                    let closed = event["type"] == "CALL_CLOSED" && kind != "CALL_CLOSED";
                    assert!(!closed, "expected {kind}, but the call ended: {event}; {}", self.process.said());
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("expected {kind} of the telephone; it said:\n{}", self.process.said())
                }
            }
        }
    }

    /// Waits until another call rings here, however earlier ones ended.
    pub(crate) fn rings(&self) {
        let until = Instant::now() + PATIENCE;
        while let Ok(event) = self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if event["type"] == "CALL_INCOMING" {
                return;
            }
        }
        panic!("expected a call at the telephone; it said:\n{}", self.process.said());
    }

    /// Whether the call has ended, by the events so far.
    pub(crate) fn is_closed(&self) -> bool {
        std::iter::from_fn(|| self.events.try_recv().ok()).any(|event| event["type"] == "CALL_CLOSED")
    }

    /// A netstring of JSON: https://github.com/baresip/baresip, modules/ctrl_tcp of 1.0.
    fn command(&self, command: &str, parameters: &str) {
        let text = serde_json::json!({ "command": command, "params": parameters }).to_string();
        (&self.control)
            .write_all(format!("{}:{text},", text.len()).as_bytes())
            .expect("the telephone listens");
    }
}

/// Reads netstrings of JSON until the telephone is gone.
fn listen(mut control: TcpStream) -> Receiver<Value> {
    let (sender, events) = channel();
    std::thread::spawn(move || {
        let mut buffer = Vec::new();
        let mut chunk = [0; 4096];
        while let Ok(n @ 1..) = control.read(&mut chunk) {
            buffer.extend_from_slice(&chunk[..n]);
            while let Some(colon) = buffer.iter().position(|byte| *byte == b':') {
                let length: usize = std::str::from_utf8(&buffer[..colon])
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .expect("a netstring");
                if buffer.len() < colon + 1 + length + 1 {
                    break;
                }
                if let Ok(event) = serde_json::from_slice(&buffer[colon + 1..colon + 1 + length]) {
                    let _ = sender.send(event);
                }
                buffer.drain(..colon + 1 + length + 1);
            }
        }
    });
    events
}

/// The samples of a WAV that is still being written: its header does not know its length yet.
fn samples_of(path: &Path) -> Vec<i16> {
    const HEADER: usize = 44;
    let bytes = fs::read(path).unwrap_or_default();
    bytes
        .get(HEADER..)
        .unwrap_or_default()
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

fn silence(rate: Rate) -> Vec<i16> {
    vec![0; rate.0 as usize * SILENCE_S]
}

fn resampled(samples: &[i16], from: Rate, to: Rate) -> Vec<i16> {
    if from == to {
        return samples.to_vec();
    }
    let mut filter = Streaming::new(from.0, to.0).expect("usual rates");
    let mut out = filter.push(samples);
    out.extend(filter.finish());
    out
}

/// Where baresip's modules are: Debian's and Ubuntu's places.
fn modules() -> PathBuf {
    let known = [
        "/usr/lib/baresip/modules",
        "/usr/lib/x86_64-linux-gnu/baresip/modules",
        "/usr/lib/aarch64-linux-gnu/baresip/modules",
        "/usr/local/lib/baresip/modules",
    ];
    known
        .iter()
        .map(PathBuf::from)
        .find(|folder| folder.join("sndfile.so").exists())
        .expect("baresip's modules")
}
