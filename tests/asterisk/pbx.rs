//! A real Asterisk with the shipped configuration, on loopback and on ports of its own.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use orderline::audio::{Rate, wav};

use super::child::{Process, bound};
use super::peers::{Peers, manifest};

/// Where the trunk's telephone sits; Asterisk knows its calls by this address.
pub(crate) const TRUNK: &str = "127.0.0.2";

/// A running Asterisk.
pub(crate) struct Pbx<'a> {
    peers: &'a Peers,
    process: Option<Process>,
    /// The run's folder as this process sees it, and as Asterisk sees it.
    folder: PathBuf,
    inside: PathBuf,
    /// Where SIP is spoken.
    pub(crate) sip: SocketAddr,
    /// ARI's address.
    pub(crate) ari: String,
}

/// The secrets of a test's Asterisk, known to nobody else's.
pub(crate) const ARI_PASSWORD: &str = "of-this-test-ari";
/// As [`ARI_PASSWORD`], of the operator's telephone.
pub(crate) const OPERATOR_PASSWORD: &str = "of-this-test-operator";

/// What differs from the shipped dialplan.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// `slin` or `slin16`.
    pub(crate) codec: &'static str,
    /// The context that serves calls: `orderline` or `orderline-app`.
    pub(crate) context: &'static str,
    /// Whether calls are announced over HTTP before their sound comes.
    pub(crate) announces: bool,
    /// How long a person is rung before the agent takes the call back; none: as shipped.
    pub(crate) operator_wait_s: Option<u32>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { codec: "slin", context: "orderline", announces: true, operator_wait_s: None }
    }
}

/// What stands behind the shipped files' own text.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) dialplan: String,
    pub(crate) endpoints: String,
}

impl<'a> Pbx<'a> {
    /// Starts it and waits until it is ready. `sound` and `http` are where the voice server is, or will be.
    pub(crate) fn start(peers: &'a Peers, sound: SocketAddr, http: SocketAddr, plan: Plan) -> Self {
        Self::start_with(peers, sound, http, plan, &Extra::default())
    }

    /// As [`Pbx::start`], with more of the test's own in its files.
    pub(crate) fn start_with(
        peers: &'a Peers,
        sound: SocketAddr,
        http: SocketAddr,
        plan: Plan,
        extra: &Extra,
    ) -> Self {
        let name = format!("orderline-test-{}", std::process::id());
        let (folder, inside) = match &peers.root {
            Some(root) => (root.join(&name), Path::new("/").join(&name)),
            None => (std::env::temp_dir().join(&name), std::env::temp_dir().join(&name)),
        };
        let sip = free_port();
        let ari = free_port();
        let rtp = free_rtp();
        let mut pbx = Self { peers, process: None, folder, inside, sip, ari: format!("http://{ari}") };
        // From here Drop cleans up.
        let _ = fs::remove_dir_all(&pbx.folder);
        for part in ["etc", "run", "log", "spool", "var"] {
            fs::create_dir_all(pbx.folder.join(part)).expect("a folder for Asterisk");
        }
        let announcing = "Gosub(orderline-register,s,1)";
        let wait = "ORDERLINE_OPERATOR_WAIT_S = 60";
        let shorter = plan.operator_wait_s.map(|s| format!("ORDERLINE_OPERATOR_WAIT_S = {s}"));
        pbx.configure(&[
            ("extensions.conf", announcing, if plan.announces { announcing } else { "NoOp()" }),
            ("extensions.conf", wait, shorter.as_deref().unwrap_or(wait)),
            ("http.conf", "bindport = 8088", &format!("bindport = {}", ari.port())),
            ("pjsip.conf", "bind = 0.0.0.0:5060", &format!("bind = {sip}")),
            ("extensions.conf", "ORDERLINE_SOCKET = 127.0.0.1:9092", &format!("ORDERLINE_SOCKET = {sound}")),
            (
                "extensions.conf",
                "ORDERLINE_HTTP = http://127.0.0.1:9090",
                &format!("ORDERLINE_HTTP = http://{http}"),
            ),
            ("extensions.conf", "ORDERLINE_CODEC = slin", &format!("ORDERLINE_CODEC = {}", plan.codec)),
            ("extensions.conf", "SOUNDS_RU = ru", "SOUNDS_RU = ru_RU_f_IvrvoiceRU"),
            (
                "extensions.conf",
                "Gosub(orderline,${EXTEN},1(ru))",
                &format!("Gosub({},${{EXTEN}},1(ru))", plan.context),
            ),
            (
                "ari.conf",
                "read_only = yes",
                // Where Orderline sets calls up, its user writes.
                if plan.context == "orderline-stasis" { "read_only = no" } else { "read_only = yes" },
            ),
            ("rtp.conf", "rtpstart = 10000", &format!("rtpstart = {rtp}")),
            ("rtp.conf", "rtpend = 20000", &format!("rtpend = {}", rtp + RTP_PORTS)),
        ]);
        for (file, text) in [("extensions.conf", &extra.dialplan), ("pjsip.conf", &extra.endpoints)] {
            let path = pbx.folder.join("etc").join(file);
            let shipped = fs::read_to_string(&path).expect("a readable file");
            fs::write(path, shipped + text).expect("a writable folder");
        }
        pbx.launch();
        pbx
    }

    /// Copies the shipped files, changes what the run needs, each of which must be there, and adds the test's own.
    fn configure(&self, changes: &[(&str, &str, &str)]) {
        let etc = self.folder.join("etc");
        for entry in fs::read_dir(manifest().join("asterisk-config")).expect("the shipped folder") {
            let path = entry.expect("an entry").path();
            let Some(name) =
                path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".conf"))
            else {
                continue;
            };
            let mut text = fs::read_to_string(&path).expect("a readable file");
            for (file, from, to) in changes {
                if *file == name {
                    assert!(text.contains(from), "{name}: expected {from:?}");
                    text = text.replace(from, to);
                }
            }
            if name == "asterisk.conf" {
                text.push_str(&self.directories());
            }
            if name == "pjsip.conf" {
                text.push_str(&telephone());
            }
            fs::write(etc.join(name), text).expect("a writable folder");
        }
        for (file, password) in
            [("ari_password.conf", ARI_PASSWORD), ("operator_password.conf", OPERATOR_PASSWORD)]
        {
            fs::write(etc.join(file), format!("password = {password}\n")).expect("a writable folder");
        }
    }

    fn directories(&self) -> String {
        let inside = self.inside.display();
        format!(
            "\n[directories]\nastetcdir => {inside}/etc\nastrundir => {inside}/run\nastlogdir => {inside}/log\n\
             astspooldir => {inside}/spool\nastdbdir => {inside}/var\n"
        )
    }

    fn command(&self, program: Command, arguments: &[&str]) -> Command {
        let mut command = program;
        if let Some(root) = &self.peers.root {
            command.arg(root).arg("asterisk");
        }
        command.arg("-C").arg(self.inside.join("etc/asterisk.conf")).args(arguments);
        // Its messages are read, not looked at.
        command.env("TERM", "dumb");
        command
    }

    fn program(&self) -> &'static str {
        if self.peers.root.is_some() { "chroot" } else { "asterisk" }
    }

    fn launch(&mut self) {
        let mut process = Process::start("asterisk", self.command(bound(self.program()), &["-f", "-n"]));
        process.says("Asterisk Ready.");
        self.process = Some(process);
    }

    /// The folder of its configuration, as this process sees it.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.join("etc")
    }

    /// What Asterisk said so far.
    pub(crate) fn said(&self) -> String {
        self.process.as_ref().map(Process::said).unwrap_or_default()
    }

    /// Asks ARI; none where it knows no such thing.
    pub(crate) fn ask(&self, path: &str, query: &[(&str, &str)]) -> Option<serde_json::Value> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let asked = reqwest::Client::new()
                .get(format!("{}/ari/{path}", self.ari))
                .query(query)
                .basic_auth("orderline", Some(ARI_PASSWORD))
                .send()
                .await
                .expect("Asterisk's HTTP server");
            let found = asked.status().is_success();
            let body = asked.bytes().await.expect("an answer");
            found.then(|| serde_json::from_slice(&body).expect("JSON"))
        })
    }

    /// The channels whose name begins like this.
    pub(crate) fn channels(&self, name: &str) -> Vec<serde_json::Value> {
        let all = self.ask("channels", &[]).expect("a listing");
        let of_name = |channel: &&serde_json::Value| {
            channel["name"].as_str().is_some_and(|channel| channel.starts_with(name))
        };
        all.as_array().expect("an array").iter().filter(of_name).cloned().collect()
    }

    /// A variable of a channel.
    pub(crate) fn variable(&self, channel: &serde_json::Value, name: &str) -> Option<String> {
        let id = channel["id"].as_str().expect("an id");
        let answer = self.ask(&format!("channels/{id}/variable"), &[("variable", name)])?;
        answer["value"].as_str().map(str::to_owned)
    }

    /// Waits until no channel and no bridge is left.
    pub(crate) fn is_left_empty(&self) {
        let until = std::time::Instant::now() + super::child::PATIENCE;
        loop {
            let left = ["channels", "bridges"].map(|what| self.ask(what, &[]).expect("a listing"));
            if left.iter().all(|left| left.as_array().is_some_and(Vec::is_empty)) {
                return;
            }
            assert!(std::time::Instant::now() < until, "expected nothing to be left, found {left:#?}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// What Asterisk answers to a command of its console.
    pub(crate) fn console(&self, command: &str) -> String {
        let mut asking = self.command(Command::new(self.program()), &["-rx", command]);
        let output = asking.output().expect("Asterisk's program");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Makes this sound the music on hold of a class.
    pub(crate) fn plays_on_hold(&self, class: &str, samples: &[i16]) {
        let folder = self.folder.join(class);
        fs::create_dir_all(&folder).expect("a folder for Asterisk");
        wav::write(&folder.join("music.wav"), Rate::HZ_8000, samples).expect("a sound file");
        let text = format!("[{class}]\nmode = files\ndirectory = {}\n", self.inside.join(class).display());
        fs::write(self.configuration().join("musiconhold.conf"), text).expect("a writable folder");
        self.console("moh reload");
    }

    /// A sound that comes with Asterisk, such as `en/vm-nobodyavail.wav`.
    pub(crate) fn sound(&self, name: &str) -> PathBuf {
        let root = self.peers.root.as_deref().unwrap_or(Path::new("/"));
        root.join("usr/share/asterisk/sounds").join(name)
    }

    /// How the server reaches ARI here.
    pub(crate) fn ari_settings(&self) -> orderline::ari::Settings {
        orderline::ari::Settings {
            base_url: Some(self.ari.clone()),
            password: Some(ARI_PASSWORD.into()),
            ..orderline::ari::Settings::default()
        }
    }
}

impl Drop for Pbx<'_> {
    fn drop(&mut self) {
        drop(self.process.take());
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The trunk of the test: a telephone at [`TRUNK`], whose From is the caller's number.
fn telephone() -> String {
    endpoint("phone", TRUNK, "g722,alaw")
}

/// One more such trunk: its name, its telephone's address, and the codecs that Asterisk speaks with it, where `alaw:40`
/// is A-law in packets of 40 ms.
pub(crate) fn endpoint(name: &str, address: &str, codecs: &str) -> String {
    format!(
        "\n[{name}]\ntype = endpoint\ncontext = from-trunk\ntransport = transport-udp\ndisallow = all\n\
         allow = {codecs}\ndirect_media = no\nrtp_symmetric = yes\nmedia_address = 127.0.0.1\n\
         bind_rtp_to_media_address = yes\ntrust_id_inbound = yes\n\n[{name}]\ntype = identify\n\
         endpoint = {name}\nmatch = {address}\n"
    )
}

pub(crate) const RTP_PORTS: u16 = 100;

/// The first port of a range of its own that is free as far as its ends tell.
pub(crate) fn free_rtp() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 90).unwrap_or(0);
    loop {
        let port = 10_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 140 * (RTP_PORTS + 2);
        let ends = [port, port + RTP_PORTS];
        if ends.iter().all(|port| UdpSocket::bind(("127.0.0.1", *port)).is_ok()) {
            return port;
        }
    }
}

/// A port on which nobody listens now, and which no outgoing connection takes by chance before somebody does: those
/// have numbers from 32768 on (ip_local_port_range of Linux).
pub(crate) fn free_port() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 60).unwrap_or(0) * 100;
    loop {
        let port = 25_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 7000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}
