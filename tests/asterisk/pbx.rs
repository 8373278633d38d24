//! A real Asterisk with the shipped configuration, on loopback and on ports of its own.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

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
}

impl Default for Plan {
    fn default() -> Self {
        Self { codec: "slin", context: "orderline" }
    }
}

impl<'a> Pbx<'a> {
    /// Starts it and waits until it is ready. `sound` and `http` are where the voice server is, or will be.
    pub(crate) fn start(peers: &'a Peers, sound: SocketAddr, http: SocketAddr, plan: Plan) -> Self {
        let name = format!("orderline-test-{}", std::process::id());
        let (folder, inside) = match &peers.root {
            Some(root) => (root.join(&name), Path::new("/").join(&name)),
            None => (std::env::temp_dir().join(&name), std::env::temp_dir().join(&name)),
        };
        let sip = free_udp();
        let ari = free_tcp();
        let rtp = free_rtp();
        let mut pbx = Self { peers, process: None, folder, inside, sip, ari: format!("http://{ari}") };
        // From here Drop cleans up.
        let _ = fs::remove_dir_all(&pbx.folder);
        for part in ["etc", "run", "log", "spool", "var"] {
            fs::create_dir_all(pbx.folder.join(part)).expect("a folder for Asterisk");
        }
        pbx.configure(&[
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
            ("rtp.conf", "rtpstart = 10000", &format!("rtpstart = {rtp}")),
            ("rtp.conf", "rtpend = 20000", &format!("rtpend = {}", rtp + RTP_PORTS)),
        ]);
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

    /// A command of Asterisk's command line, and its answer.
    pub(crate) fn cli(&self, command: &str) -> String {
        let output = self.command(Command::new(self.program()), &["-r", "-n", "-x", command]).output();
        String::from_utf8_lossy(&output.expect("Asterisk's command line").stdout).into_owned()
    }

    /// What Asterisk said so far.
    pub(crate) fn said(&self) -> String {
        self.process.as_ref().map(Process::said).unwrap_or_default()
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
    format!(
        "\n[phone]\ntype = endpoint\ncontext = from-trunk\ntransport = transport-udp\ndisallow = all\nallow = alaw\n\
         direct_media = no\nrtp_symmetric = yes\nmedia_address = 127.0.0.1\nbind_rtp_to_media_address = yes\n\
         trust_id_inbound = yes\n\n[phone]\ntype = identify\nendpoint = phone\nmatch = {TRUNK}\n"
    )
}

const RTP_PORTS: u16 = 100;

/// The first port of a range that is free as far as its ends tell.
fn free_rtp() -> u16 {
    (0..500u16)
        .map(|n| 20_000 + n * (RTP_PORTS + 2))
        .find(|port| {
            UdpSocket::bind(("127.0.0.1", *port)).is_ok()
                && UdpSocket::bind(("127.0.0.1", port + RTP_PORTS)).is_ok()
        })
        .expect("free ports")
}

/// A port on which nobody listens now.
pub(crate) fn free_tcp() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port")
}

fn free_udp() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port")
}
