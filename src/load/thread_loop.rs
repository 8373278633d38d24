//! A thread that plays telephones: one epoll loop on a clock of 1 ms.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use uuid::Uuid;

use super::leg::{Ended, Leg, Packet, Stage};
use super::tally::Tally;
use super::{Plan, Shared, Sound};

/// The telephones of one thread.
#[derive(Debug)]
pub(super) struct Loop {
    plan: Plan,
    start: Instant,
    shared: Arc<Shared>,
    poll: Poll,
    legs: Vec<Option<Leg>>,
    /// Places in `legs` without a call.
    free: Vec<usize>,
    chance: Chance,
    /// Calls that may begin now.
    allowance: f64,
    tally: Tally,
}

/// Events taken at a time; the rest comes with the next wait.
const EVENTS: usize = 1024;
/// Room for what a socket has: some hundred frames.
const SCRATCH: usize = 64 * 1024;
/// One packet in so many begins a burst: one burst in five seconds of a call.
const BURST_ONE_IN: u64 = 250;

impl Loop {
    /// The `n`-th thread's share of the plan.
    pub(super) fn new(plan: Plan, n: usize, start: Instant, shared: Arc<Shared>) -> io::Result<Self> {
        let threads = plan.threads.max(1);
        let share = plan.calls / threads + usize::from(n < plan.calls % threads);
        Ok(Self {
            start,
            shared,
            poll: Poll::new()?,
            legs: (0..share).map(|_| None).collect(),
            free: (0..share).rev().collect(),
            chance: Chance(plan.seed.wrapping_add(n as u64 + 1) | 1),
            allowance: 0.0,
            tally: Tally::default(),
            plan,
        })
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Plays until it is told to stop.
    pub(super) fn run(mut self) -> Tally {
        let mut events = Events::with_capacity(EVENTS);
        let mut scratch = vec![0; SCRATCH];
        let mut message = Vec::new();
        let mut tick = self.now_us() / 1_000;
        while !self.shared.stop.load(Ordering::Relaxed) {
            let wait = ((tick + 1) * 1_000).saturating_sub(self.now_us());
            // A broken epoll would not come back: the thread's figures so far are all there is.
            match self.poll.poll(&mut events, Some(Duration::from_micros(wait))) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            }
            let counts = self.shared.measuring.load(Ordering::Relaxed);
            for event in &events {
                self.ready(event.token().0, event.is_writable(), event.is_readable(), counts, &mut scratch);
            }
            while tick < self.now_us() / 1_000 {
                tick += 1;
                if counts {
                    let late = self.now_us().saturating_sub(tick * 1_000);
                    self.tally.late.saturating_record(late.max(1));
                    self.tally.call_us += (self.legs.len() - self.free.len()) as u64 * 1_000;
                }
                self.begin_calls();
                self.speak(tick, counts, &mut message);
            }
        }
        self.tally
    }

    /// Places calls, as many a second as the plan says.
    fn begin_calls(&mut self) {
        let per_ms = f64::from(self.plan.begin_per_s) / self.plan.threads.max(1) as f64 / 1_000.0;
        self.allowance = (self.allowance + per_ms).min(per_ms.max(1.0) * 20.0);
        while self.allowance >= 1.0 {
            let enough =
                self.plan.placed.is_some_and(|most| self.shared.placed.load(Ordering::Relaxed) >= most);
            let Some(place) = self.free.pop().filter(|_| !enough) else { return };
            self.allowance -= 1.0;
            self.shared.placed.fetch_add(1, Ordering::Relaxed);
            let registry = self.poll.registry();
            let leg = TcpStream::connect(self.plan.server).and_then(|mut stream| {
                registry.register(&mut stream, Token(place), Interest::READABLE | Interest::WRITABLE)?;
                Ok(Leg::new(stream))
            });
            match leg {
                Ok(leg) => self.legs[place] = Some(leg),
                Err(_) => self.over(place, Ended::Refused),
            }
        }
    }

    fn ready(&mut self, place: usize, writable: bool, readable: bool, counts: bool, scratch: &mut [u8]) {
        let now_us = self.now_us();
        let Some(leg) = self.legs.get_mut(place).and_then(Option::as_mut) else { return };
        if leg.stage == Stage::Connecting && writable {
            if let Some(mean) = self.plan.hang_up_after {
                // Between half of it and half as much again.
                let mean = u64::try_from(mean.as_micros()).unwrap_or(u64::MAX / 4);
                leg.hangs_up_us = Some(now_us + mean / 2 + self.chance.below(mean.max(1)));
            }
            match leg.connected(Uuid::new_v4()) {
                Ok(()) => {
                    self.shared.live.fetch_add(1, Ordering::Relaxed);
                }
                Err(ended) => return self.over(place, ended),
            }
        }
        let Some(leg) = self.legs.get_mut(place).and_then(Option::as_mut) else { return };
        if !readable || leg.stage == Stage::Connecting {
            return;
        }
        match leg.hear(now_us, scratch, counts, &mut self.tally) {
            Ok(frames) => {
                self.shared.heard.fetch_add(u64::from(frames), Ordering::Relaxed);
            }
            Err(ended) => {
                self.shared.live.fetch_sub(1, Ordering::Relaxed);
                self.over(place, ended);
            }
        }
    }

    /// The packets of this millisecond.
    fn speak(&mut self, tick: u64, counts: bool, message: &mut Vec<u8>) {
        let every = usize::try_from(self.plan.packet_ms.max(1)).unwrap_or(20);
        let samples = self.plan.rate.frame_samples() * every / 20;
        let phase = usize::try_from(tick % every as u64).unwrap_or(0);
        let sound = self.plan.sound.clone();
        for place in (phase..self.legs.len()).step_by(every) {
            let now_us = self.now_us();
            let begins_burst = self.plan.bursts && self.chance.below(BURST_ONE_IN) == 0;
            let Some(leg) = self.legs[place].as_mut().filter(|leg| leg.stage != Stage::Connecting) else {
                continue;
            };
            if leg.hangs_up_us.is_some_and(|at| now_us >= at) {
                self.shared.live.fetch_sub(1, Ordering::Relaxed);
                self.hang_up(place);
                continue;
            }
            let packet = Packet {
                now_us,
                rate: self.plan.rate,
                samples,
                line: match &sound {
                    Sound::Marks => None,
                    Sound::Line(line) => Some(line),
                },
                dtx: self.plan.dtx,
                begins_burst,
                counts,
            };
            if let Err(ended) = leg.speak(&packet, &mut self.tally, message) {
                self.shared.live.fetch_sub(1, Ordering::Relaxed);
                self.over(place, ended);
            }
        }
    }

    /// The caller hangs up: Asterisk closes the connection, without a message.
    fn hang_up(&mut self, place: usize) {
        if let Some(mut leg) = self.legs[place].take() {
            let _ = self.poll.registry().deregister(&mut leg.stream);
        }
        self.free.push(place);
    }

    fn over(&mut self, place: usize, ended: Ended) {
        let count = match ended {
            Ended::Refused => &self.shared.refused,
            Ended::Lost => &self.shared.lost,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.hang_up(place);
    }
}

/// Xorshift (Marsaglia 2003): enough to spread bursts and hang-ups, and the same on every run.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }
}
