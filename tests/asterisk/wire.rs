//! A caller's telephone that is nothing but SIP messages and RTP packets: for what a real telephone won't do (stop its
//! sound, send comfort noise, hang up at any moment), and to see when which packet came. RFC 3261, 3550, 3551, 3389, 4733.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::child::PATIENCE;
use super::pbx::TRUNK;

/// What it sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sends {
    /// Its sound, over and over.
    Sound,
    /// Not a packet, as silence suppression does.
    Nothing,
    /// A comfort noise packet (RFC 3389) now and then, and no sound.
    ComfortNoise,
}

/// An RTP packet with sound that came.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) at: Instant,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) alaw: Vec<u8>,
}

/// How a call is made.
#[derive(Clone)]
pub(crate) struct Dialling<'a> {
    /// The address that it comes from; Asterisk tells its endpoints by it.
    pub(crate) from: &'a str,
    /// Milliseconds of sound in each packet that it sends.
    pub(crate) ptime_ms: u32,
    pub(crate) sends: Sends,
    /// What it says, as A-law.
    pub(crate) sound: Arc<Vec<u8>>,
}

impl Default for Dialling<'_> {
    fn default() -> Self {
        Self { from: TRUNK, ptime_ms: 20, sends: Sends::Sound, sound: Arc::new(vec![SILENCE; 160]) }
    }
}

/// A call of such a telephone; gone with it.
pub(crate) struct WirePhone {
    shared: Arc<Shared>,
    orders: Sender<Order>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    answered: bool,
    /// Why the call is over.
    closed: Option<String>,
    packets: Vec<Packet>,
}

enum Order {
    Send(Sends),
    Key(char),
    Hold(bool),
    HangUp,
}

/// A-law of zero.
const SILENCE: u8 = 0xd5;
const NUMBER: &str = "+375291234567";

impl WirePhone {
    /// Dials and does not wait.
    pub(crate) fn start(pbx: SocketAddr, number: &str, how: &Dialling<'_>) -> Self {
        let socket = || UdpSocket::bind((how.from, 0)).expect("a port of loopback");
        let (sip, rtp) = (socket(), socket());
        sip.set_nonblocking(true).expect("a socket");
        let shared = Arc::new(Shared::default());
        let (orders, received) = channel();
        let line = Line {
            pbx,
            number: number.to_owned(),
            me: sip.local_addr().expect("bound"),
            media: rtp.local_addr().expect("bound"),
            sip,
            rtp,
            id: Uuid::new_v4().simple().to_string(),
            to: String::new(),
            cseq: 1,
            far: None,
            unanswered: None,
            leaving: false,
            direction: "sendrecv",
            is_known: false,
            shared: Arc::clone(&shared),
        };
        let voice = Voice {
            sends: how.sends,
            sound: Arc::clone(&how.sound),
            packet: how.ptime_ms as usize * 8,
            at: 0,
            sequence: 0,
            timestamp: 0,
            key: None,
        };
        // Ends with the call, or with this value: whichever is first.
        std::thread::spawn(move || line.run(voice, &received));
        Self { shared, orders }
    }

    /// Dials, and waits until somebody has answered.
    pub(crate) fn dial(pbx: SocketAddr, number: &str, how: &Dialling<'_>) -> Self {
        let phone = Self::start(pbx, number, how);
        drop(phone.wait("an answer", |state| state.answered));
        phone
    }

    pub(crate) fn send(&self, sends: Sends) {
        // Its thread ends with the call.
        let _ = self.orders.send(Order::Send(sends));
    }

    /// Presses a key (RFC 4733).
    pub(crate) fn press(&self, key: char) {
        let _ = self.orders.send(Order::Key(key));
    }

    /// Puts the other side on hold, or takes it back: a re-INVITE (RFC 3264 8.4), and no sound meanwhile. Of the real
    /// telephone here, baresip 1.0, no sound comes any more once it has taken the other side back.
    pub(crate) fn hold(&self, held: bool) {
        self.send(if held { Sends::Nothing } else { Sends::Sound });
        let _ = self.orders.send(Order::Hold(held));
    }

    /// Hangs up, before the answer or after it. Does not wait; [`WirePhone::ends`] does.
    pub(crate) fn hang_up(&self) {
        let _ = self.orders.send(Order::HangUp);
    }

    /// Waits for the call's end, and tells why.
    pub(crate) fn ends(&self) -> String {
        self.wait("the call's end", |state| state.closed.is_some()).closed.clone().unwrap_or_default()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed.is_some()
    }

    /// The packets so far.
    pub(crate) fn packets(&self) -> Vec<Packet> {
        self.state().packets.clone()
    }

    /// The sound so far; a pause of the sender's leaves no trace.
    pub(crate) fn heard(&self) -> Vec<i16> {
        self.state().packets.iter().flat_map(|packet| packet.alaw.iter().map(|byte| decoded(*byte))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, what: &str, enough: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let until = Instant::now() + PATIENCE;
        let mut state = self.state();
        while !enough(&state) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "expected {what}; answered {}, {} packets, {:?}",
                state.answered,
                state.packets.len(),
                state.closed
            );
            state = self.shared.news.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }
}

/// The thread's side: both sockets.
struct Line {
    pbx: SocketAddr,
    number: String,
    me: SocketAddr,
    media: SocketAddr,
    sip: UdpSocket,
    rtp: UdpSocket,
    id: String,
    /// The To header with the other side's tag, once there is one.
    to: String,
    cseq: u32,
    /// Where sound is sent.
    far: Option<SocketAddr>,
    /// A request without a final answer: sent again, as UDP may lose it.
    unanswered: Option<(String, Instant)>,
    leaving: bool,
    direction: &'static str,
    /// Whether Asterisk has said that it has our INVITE.
    is_known: bool,
    shared: Arc<Shared>,
}

impl Line {
    fn run(mut self, mut voice: Voice, orders: &Receiver<Order>) {
        self.request("INVITE");
        let mut due = Instant::now();
        let mut buffer = [0; 2048];
        loop {
            loop {
                match orders.try_recv() {
                    Ok(Order::Send(sends)) => voice.sends = sends,
                    Ok(Order::Key(key)) => voice.key = Some((key, 0)),
                    Ok(Order::Hold(held)) => {
                        self.direction = if held { "sendonly" } else { "sendrecv" };
                        self.cseq += 1;
                        self.request("INVITE");
                    }
                    Ok(Order::HangUp) => self.leave(),
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                        self.leave();
                        break;
                    }
                }
            }
            while let Ok((length, _)) = self.sip.recv_from(&mut buffer) {
                self.message(&String::from_utf8_lossy(&buffer[..length]));
            }
            if self.shared.lock().closed.is_some() {
                return;
            }
            if let Some((text, at)) = &self.unanswered
                && at.elapsed() > Duration::from_millis(500)
            {
                let text = text.clone();
                self.put(&text);
                self.unanswered = Some((text, Instant::now()));
            }
            let now = Instant::now();
            if now >= due {
                due += Duration::from_millis(voice.packet as u64 / 8);
                if let (Some(far), Some(packet)) = (self.far, voice.next()) {
                    let _ = self.rtp.send_to(&packet, far);
                }
            }
            let tick = due.saturating_duration_since(Instant::now()).clamp(MS, 5 * MS);
            self.rtp.set_read_timeout(Some(tick)).expect("a time");
            if let Ok((length, _)) = self.rtp.recv_from(&mut buffer)
                && length > 12
                && buffer[1] & 0x7f == 8
            {
                let packet = Packet {
                    at: Instant::now(),
                    timestamp: u32::from_be_bytes([buffer[4], buffer[5], buffer[6], buffer[7]]),
                    marker: buffer[1] & 0x80 != 0,
                    alaw: buffer[12..length].to_vec(),
                };
                self.shared.lock().packets.push(packet);
                self.shared.news.notify_all();
            }
        }
    }

    fn leave(&mut self) {
        if self.leaving {
            return;
        }
        self.leaving = true;
        if self.shared.lock().answered {
            self.cseq += 1;
            self.request("BYE");
        } else if self.is_known {
            self.request("CANCEL");
        }
    }

    fn request(&mut self, method: &str) {
        let ip = self.me.ip();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP 8 13 101\r\n\
             a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na={}\r\n",
            self.media.port(),
            self.direction
        );
        let (contact, sdp) = match method {
            "INVITE" => {
                (format!("Contact: <sip:{NUMBER}@{}>\r\nContent-Type: application/sdp\r\n", self.me), sdp)
            }
            _ => (String::new(), String::new()),
        };
        let head = self.head(method);
        let text = format!("{head}{contact}Content-Length: {}\r\n\r\n{sdp}", sdp.len());
        self.put(&text);
        if method != "ACK" {
            self.unanswered = Some((text, Instant::now()));
        }
    }

    /// The branch of a CANCEL and of an ACK to a refusal is the INVITE's, which is why one is kept for each CSeq.
    fn head(&self, method: &str) -> String {
        let Self { pbx, number, me, id, cseq, .. } = self;
        let to = if self.to.is_empty() || method == "CANCEL" {
            format!("<sip:{number}@{pbx}>")
        } else {
            self.to.clone()
        };
        let branch = format!("z9hG4bK{id}{cseq}");
        format!(
            "{method} sip:{number}@{pbx} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch={branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:{NUMBER}@{me}>;tag={id}\r\nTo: {to}\r\nCall-ID: {id}\r\nCSeq: {cseq} {method}\r\n"
        )
    }

    fn put(&self, text: &str) {
        let _ = self.sip.send_to(text.as_bytes(), self.pbx);
    }

    fn message(&mut self, text: &str) {
        let header = |name: &str| {
            let found = text
                .lines()
                .find(|line| line.split(':').next().is_some_and(|own| own.eq_ignore_ascii_case(name)));
            found.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
        };
        let Some(status) = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest[..3].parse::<u16>().ok())
        else {
            let method = text.split(' ').next().unwrap_or("");
            if method == "ACK" {
                return;
            }
            let copied: String = text
                .lines()
                .filter(|line| {
                    let name = line.split(':').next().unwrap_or("").to_ascii_lowercase();
                    ["via", "from", "to", "call-id", "cseq"].contains(&name.as_str())
                })
                .map(|line| format!("{line}\r\n"))
                .collect();
            self.put(&format!("SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n"));
            if method == "BYE" {
                self.close("Asterisk hung up");
            }
            return;
        };
        if status < 200 {
            // Asterisk has it; its answer may take as long as its dialplan wants.
            let first = !std::mem::replace(&mut self.is_known, true);
            if first {
                self.unanswered = None;
            }
            // Only now may a CANCEL be sent (RFC 3261 9.1).
            if first && self.leaving {
                self.request("CANCEL");
            }
            return;
        }
        let method = header("CSeq").split(' ').nth(1).unwrap_or("").to_owned();
        match (method.as_str(), status) {
            ("INVITE", 200) => {
                self.to = header("To").to_owned();
                let port = text.lines().find_map(|line| line.strip_prefix("m=audio "));
                let port = port.and_then(|rest| rest.split(' ').next()).and_then(|port| port.parse().ok());
                self.far = port.map(|port| SocketAddr::new(self.pbx.ip(), port));
                // Of an answer that crossed our CANCEL, and of one that comes again, too.
                self.request("ACK");
                let first = !std::mem::replace(&mut self.shared.lock().answered, true);
                self.shared.news.notify_all();
                if first && self.leaving {
                    self.cseq += 1;
                    self.request("BYE");
                } else if !self.leaving {
                    self.unanswered = None;
                }
            }
            ("INVITE", _) => {
                self.to = header("To").to_owned();
                self.request("ACK");
                self.close(&format!("{status} to INVITE"));
            }
            ("BYE", _) => self.close("hung up"),
            ("CANCEL", _) => self.unanswered = None,
            _ => {}
        }
    }

    fn close(&self, why: &str) {
        self.shared.lock().closed.get_or_insert_with(|| why.to_owned());
        self.shared.news.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said.
struct Voice {
    sends: Sends,
    sound: Arc<Vec<u8>>,
    /// Samples of a packet.
    packet: usize,
    at: usize,
    sequence: u16,
    timestamp: u32,
    /// A key that is being pressed, and how many packets have told of it.
    key: Option<(char, u16)>,
}

impl Voice {
    /// The next packet, if one is due.
    fn next(&mut self) -> Option<Vec<u8>> {
        let begun_at = self.timestamp;
        self.timestamp = self.timestamp.wrapping_add(self.packet as u32);
        if let Some((key, told)) = self.key {
            // Three packets of the key held down, three of its end (RFC 4733 2.5.1.3, 2.5.1.4).
            self.key = (told < 5).then_some((key, told + 1));
            let event = "0123456789*#ABCD".find(key).expect("a key of a telephone") as u8;
            let duration = ((told + 1).min(4) * 160).to_be_bytes();
            let end = if told >= 3 { 0x8a } else { 0x0a };
            let from = begun_at.wrapping_sub(u32::from(told) * self.packet as u32);
            return Some(self.rtp(101, told == 0, from, &[event, end, duration[0], duration[1]]));
        }
        match self.sends {
            Sends::Nothing => None,
            // One in 200 ms; level -60 dBov.
            Sends::ComfortNoise => (begun_at / self.packet as u32)
                .is_multiple_of(10)
                .then(|| self.rtp(13, false, begun_at, &[60])),
            Sends::Sound => {
                let (sound, from) = (Arc::clone(&self.sound), self.at);
                self.at += self.packet;
                let bytes: Vec<u8> = (from..from + self.packet).map(|at| sound[at % sound.len()]).collect();
                Some(self.rtp(8, false, begun_at, &bytes))
            }
        }
    }

    fn rtp(&mut self, kind: u8, marker: bool, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0x80, kind | u8::from(marker) << 7];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend([0, 0, 0, 7]);
        packet.extend_from_slice(payload);
        packet
    }
}

const MS: Duration = Duration::from_millis(1);

/// A sample of A-law (ITU-T G.711).
pub(crate) fn decoded(alaw: u8) -> i16 {
    let bits = alaw ^ 0x55;
    let (segment, step) = ((bits & 0x70) >> 4, i16::from(bits & 0x0f) << 4);
    let size = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if bits & 0x80 != 0 { size } else { -size }
}

/// Sound as A-law: to each sample the nearest that there is.
pub(crate) fn encoded(samples: &[i16]) -> Vec<u8> {
    let mut table: Vec<(i16, u8)> = (0..=255).map(|byte| (decoded(byte), byte)).collect();
    table.sort_unstable();
    let near = |sample: &i16| {
        let at = table.partition_point(|(value, _)| value < sample);
        let both = [at.saturating_sub(1), at.min(table.len() - 1)];
        both.into_iter().min_by_key(|at| table[*at].0.abs_diff(*sample)).map_or(SILENCE, |at| table[at].1)
    };
    samples.iter().map(near).collect()
}
