//! Random walks: an Asterisk in which anything may happen at any time. Whatever does, a caller is never left alone, and
//! nothing is left behind.

use super::*;

/// Where the caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// In our application.
    Ours,
    /// Back in the dialplan.
    Dialplan,
    /// Hung up.
    Gone,
}

/// What exists.
struct World {
    call: Call,
    now: Instant,
    caller: Caller,
    bridge: bool,
    /// Our channels, and whether each has entered the application.
    channels: Vec<(ChannelId, bool)>,
    /// Events on their way, in order.
    events: VecDeque<Input>,
    under_way: Option<Command>,
    stopped: bool,
}

fn is_person(channel: &ChannelId) -> bool {
    channel.as_str().contains("-person-")
}

fn is_caller(channel: &ChannelId) -> bool {
    channel.as_str() == "1.1"
}

impl World {
    fn new(opening: Opening) -> Self {
        let now = Instant::now();
        Self {
            call: Call::new(opening, now),
            now,
            caller: Caller::Ours,
            bridge: false,
            channels: Vec::new(),
            events: VecDeque::new(),
            under_way: None,
            stopped: false,
        }
    }

    fn poll(&mut self) {
        if self.under_way.is_none() {
            self.under_way = self.call.poll();
        }
    }

    fn ends(&mut self, channel: &ChannelId, next: Next) {
        self.channels.retain(|(of, _)| of != channel);
        self.events.push_back(if is_person(channel) {
            Input::PersonEnded(channel.clone())
        } else {
            Input::MediaEnded(channel.clone(), next)
        });
    }

    fn leaves(&mut self, to: Caller) {
        if self.caller == Caller::Ours {
            self.caller = to;
            self.events.push_back(Input::CallerLeft);
        }
    }

    fn is_possible(&self, command: &Command) -> bool {
        let exists = |channel: &ChannelId| self.channels.iter().any(|(of, _)| of == channel);
        match command {
            Command::Join { channel, .. } if !is_caller(channel) => self.bridge && exists(channel),
            Command::HangUp { channel } if !is_caller(channel) => exists(channel),
            Command::Join { .. } => self.bridge && self.caller == Caller::Ours,
            Command::DestroyBridge { .. } => self.bridge,
            Command::HangUp { .. } => self.caller != Caller::Gone,
            Command::Announce { .. }
            | Command::CreateBridge { .. }
            | Command::OpenMedia { .. }
            | Command::Originate { .. } => true,
            _ => self.caller == Caller::Ours,
        }
    }

    /// The command is carried out, or found impossible.
    fn succeed(&mut self) {
        let Some(command) = self.under_way.take() else { return };
        if !self.is_possible(&command) {
            return self.call.handle(Input::Failed(Fault::Gone), self.now);
        }
        match command {
            Command::CreateBridge { .. } => self.bridge = true,
            Command::DestroyBridge { .. } => self.bridge = false,
            Command::OpenMedia { channel, .. } | Command::Originate { channel, .. } => {
                self.channels.push((channel, false));
            }
            Command::HangUp { channel } if is_caller(&channel) => self.leaves(Caller::Gone),
            Command::HangUp { channel } => self.ends(&channel, Next::Unknown),
            Command::Continue { .. } => self.leaves(Caller::Dialplan),
            _ => {}
        }
        self.call.handle(Input::Done(None), self.now);
    }

    /// One thing happens, chosen by a number.
    fn step(&mut self, choice: u8) {
        self.poll();
        let pick = usize::from(choice >> 4);
        match choice & 15 {
            0..=5 => self.succeed(),
            // Whoever carries out what takes something away does not give up.
            6 if self.under_way.as_ref().is_some_and(|command| !command.is_parting()) => {
                self.under_way = None;
                self.call.handle(Input::Failed(Fault::Other("500".into())), self.now);
            }
            7..=9 => {
                if let Some(event) = self.events.pop_front() {
                    self.call.handle(event, self.now);
                }
            }
            10 | 11 => self.starts(),
            12 => {
                let channel = self.channels.get(pick % self.channels.len().max(1));
                if let Some((channel, _)) = channel.cloned() {
                    let next = match pick % 4 {
                        0 => Next::HangUp,
                        1 => Next::Unknown,
                        _ => card(),
                    };
                    self.ends(&channel, next);
                }
            }
            13 => {
                if let Some(at) = self.call.deadline() {
                    self.now = self.now.max(at);
                    self.call.handle(Input::Woken, self.now);
                }
            }
            14 if pick == 0 => self.leaves(Caller::Gone),
            15 if pick == 0 && !self.stopped => {
                self.stopped = true;
                self.call.handle(Input::Stopping, self.now);
            }
            _ => {}
        }
        self.poll();
        self.is_sound();
    }

    /// A channel that was asked for enters the application.
    fn starts(&mut self) {
        let Some((channel, started)) = self.channels.iter_mut().find(|(_, started)| !*started) else {
            return;
        };
        *started = true;
        let channel = channel.clone();
        self.events.push_back(if is_person(&channel) {
            Input::PersonStarted(channel)
        } else {
            Input::MediaStarted(channel)
        });
    }

    /// Nobody is forgotten: who is ours talks with somebody who is there, or time will tell.
    fn is_sound(&self) {
        if self.under_way.is_some() || !self.events.is_empty() || self.caller != Caller::Ours {
            return;
        }
        let there = |person: bool| self.channels.iter().any(|(channel, _)| is_person(channel) == person);
        match self.call.stage() {
            Stage::Opening | Stage::Joining | Stage::Ringing => {
                assert!(self.call.until.is_some(), "{:?}", self.call);
            }
            Stage::Talking => assert!(there(false), "{:?}", self.call),
            Stage::Connected => assert!(there(true), "{:?}", self.call),
            Stage::Closing => assert!(self.stopped, "a caller is ours, and nobody's: {:?}", self.call),
        }
    }

    /// Everything goes its way to the end.
    fn finish(mut self) {
        for _ in 0..200 {
            self.poll();
            if self.under_way.is_some() {
                self.succeed();
            } else if let Some(event) = self.events.pop_front() {
                self.call.handle(event, self.now);
            } else if self.call.end().is_some() {
                break;
            } else {
                self.leaves(Caller::Gone);
            }
        }
        let end = self.call.end().unwrap_or_else(|| panic!("no end: {:?}", self.call));
        // Those who talk with each other when the server goes are left to each other.
        let left_alone = self.stopped && end == End::Connected;
        assert!(self.channels.is_empty() || left_alone, "{:?} are left", self.channels);
        assert!(!self.bridge || left_alone, "a bridge is left");
        assert!(self.caller != Caller::Ours || left_alone, "the caller is left");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nobody_is_forgotten_and_nothing_is_left(
        choices in prop::collection::vec(any::<u8>(), 0..160),
        bridges in any::<bool>(),
    ) {
        let mut world = World::new(if bridges { bridging() } else { opening() });
        for choice in choices {
            world.step(choice);
        }
        world.finish();
    }
}

/// A walk that reached nothing would prove nothing.
#[test]
fn the_walks_reach_every_stage_and_every_end() {
    let mut reached = std::collections::BTreeSet::new();
    let mut state = 1u64;
    for _ in 0..3000 {
        let mut world = World::new(bridging());
        for _ in 0..80 {
            // Knuth's linear congruential generator (MMIX).
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            world.step(u8::try_from(state >> 56).unwrap());
            reached.insert(format!("{:?}", world.call.stage()));
            reached.extend(world.call.end().map(|end| end.label().to_owned()));
        }
        world.finish();
    }
    let stages = ["Closing", "Connected", "Joining", "Opening", "Ringing", "Talking"];
    let ends = ["agent", "caller", "connected", "released"];
    for expected in stages.iter().chain(&ends) {
        assert!(reached.contains(*expected), "{expected} was never reached: {reached:?}");
    }
}
