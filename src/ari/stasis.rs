//! Calls that Orderline itself sets up: a caller who enters our Stasis application is answered, bridged with a leg of
//! their own to the AudioSocket listener (externalMedia), and afterwards hung up, given to a person, or handed back to
//! the dialplan.
//!
//! Each caller is a machine without I/O (`call`), and a task that carries its commands out (`task`). The application
//! listens to the event stream and tells each task what concerns it; when the stream was broken, or the process is a
//! new one, it compares what exists in Asterisk with what it knows, takes away what is nobody's, and gives callers whom
//! nobody serves back to the dialplan.
//!
//! Nothing here is needed for calls that come by `Dial(AudioSocket/…)`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ari::calls::{Channel, Event, language_of};
use crate::ari::{Ari, ChannelId};
use crate::conversation::event::Identity;
use crate::ids::{CallId, PresentedNumber};
use crate::telemetry::figures;

mod call;
mod command;
mod names;
mod orphans;
mod settings;
mod task;

pub use settings::{Format, Meanwhile, Settings, Transfer, Way};

use call::{Call, End, Opening};
use names::{Names, Part};
use task::Task;

/// The side of the agents: who is about to come, and what they said when they left. In memory; never waits.
pub trait Agents: Send + Sync + fmt::Debug {
    /// A leg with this UUID is about to come to the listener; `back` is the earlier leg when people did not answer.
    ///
    /// # Errors
    /// Why no agent takes it, for the log; the caller then goes on in the dialplan.
    fn announce(&self, call: CallId, caller: Identity, back: Option<CallId>) -> Result<(), String>;

    /// What the agent said about this leg, which has ended.
    fn next(&self, call: CallId) -> Next;

    /// The caller's telephone has put the call on hold, or takes it up again.
    fn held(&self, call: CallId, on: bool);
}

/// What becomes of a caller whose agent has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Everything is said.
    HangUp,
    /// To a person.
    Transfer(Card),
    /// The agent left without a word: a person takes over.
    Unknown,
}

/// What goes with a caller to a person.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Card {
    /// The caller's number in E.164; none where it is withheld.
    pub caller: Option<String>,
    /// One line that says what the call is about, harmless in a header; may be empty.
    pub summary: String,
    /// Channel variables of the person's side, by name, harmless in a dialplan.
    pub variables: Vec<(String, String)>,
}

masked!(Card);

/// What the event stream brings to the application.
#[derive(Debug)]
pub(super) enum News {
    /// The stream is up, for the first time or again.
    Up,
    /// An event.
    Event(Box<Event>),
}

/// What concerns one caller's task.
#[derive(Clone, Debug)]
enum Happened {
    MediaStarted(ChannelId),
    MediaEnded(ChannelId),
    PersonStarted(ChannelId),
    PersonEnded(ChannelId),
    CallerLeft,
    Held(bool),
    Listed(Arc<HashMap<ChannelId, bool>>),
    Stopping,
}

/// News that may wait for the application; more are dropped, and what exists is listed anew. Chosen: a second of a
/// hundred calls that all begin at once.
const WAITING: usize = 4096;
/// What may wait for one task; a call has some twenty events in all.
const WAITING_ONE: usize = 64;
/// How long tasks may take to let their callers go when the server stops.
const STOPPING: Duration = Duration::from_secs(3);

/// The application: all callers that are in it.
#[derive(Debug)]
pub struct Application {
    ari: Ari,
    agents: Arc<dyn Agents>,
    /// Where Asterisk finds the AudioSocket listener.
    host: String,
    most: usize,
    news: mpsc::Receiver<News>,
    tasks: JoinSet<Option<End>>,
    callers: HashMap<ChannelId, Served>,
    /// Which caller the rest of a name belongs to.
    roots: HashMap<Uuid, ChannelId>,
    by_task: HashMap<Id, ChannelId>,
    wideband: bool,
    orphans: Option<(Instant, Vec<Channel>)>,
    is_draining: bool,
}

#[derive(Debug)]
struct Served {
    root: Uuid,
    events: mpsc::Sender<Happened>,
}

impl Application {
    /// The application of this ARI. `listener` is where Asterisk finds the AudioSocket listener unless
    /// `ari.stasis.media_host` says otherwise, `most` how many callers are served at once. None where ARI is off, or
    /// where an application was made already.
    pub fn new(ari: &Ari, agents: Arc<dyn Agents>, listener: String, most: usize) -> Option<Self> {
        let (sender, news) = mpsc::channel(WAITING);
        if !ari.is_on() || ari.shared.news_to.set(sender).is_err() {
            return None;
        }
        let host = ari.shared.settings.stasis.media_host.clone().unwrap_or(listener);
        Some(Self {
            ari: ari.clone(),
            agents,
            host,
            most,
            news,
            tasks: JoinSet::new(),
            callers: HashMap::new(),
            roots: HashMap::new(),
            by_task: HashMap::new(),
            wideband: false,
            orphans: None,
            is_draining: false,
        })
    }

    /// Serves callers until `stop`; from `drain` on newcomers are given back to the dialplan at once. Returns when the
    /// callers have been let go, or after some seconds.
    pub async fn run(mut self, drain: CancellationToken, stop: CancellationToken) {
        loop {
            let orphans_at = self.orphans.as_ref().map(|(at, _)| *at);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = drain.cancelled(), if !self.is_draining => self.is_draining = true,
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                news = self.news.recv() => match news {
                    Some(News::Up) => self.reconcile().await,
                    Some(News::Event(event)) => self.heard(*event),
                    None => break,
                },
                () = sleep_until(orphans_at.unwrap_or_else(Instant::now)), if orphans_at.is_some() => {
                    self.release_orphans().await;
                }
            }
        }
        for served in self.callers.values() {
            let _ = served.events.try_send(Happened::Stopping);
        }
        let until = Instant::now() + STOPPING;
        while !self.tasks.is_empty() {
            tokio::select! {
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                // A leg that has just ended still has its events to come.
                news = self.news.recv() => if let Some(News::Event(event)) = news { self.heard(*event) },
                () = sleep_until(until) => {
                    tracing::warn!(calls = self.tasks.len(), "callers are still in Asterisk's Stasis; the dialplan's watchdog fetches them back");
                    break;
                }
            }
        }
    }

    // === Events

    fn heard(&mut self, event: Event) {
        if event.kind == "ApplicationReplaced" && event.application == self.ari.app() {
            tracing::error!(
                app = self.ari.app(),
                "another server has connected under the same ari.app, and Asterisk gives it this one's calls"
            );
        }
        let Some(channel) = &event.channel else { return };
        let id = channel.id.clone();
        let names = Names::read(self.ari.app(), id.as_str());
        match event.kind.as_str() {
            "StasisStart" if event.application == self.ari.app() => match names {
                Some((part, root)) => self.ours_started(part, root, id),
                None => self.arrived(&event),
            },
            "StasisEnd" | "ChannelDestroyed" => match names {
                Some((part, root)) => {
                    let what = if part == Part::Media { Happened::MediaEnded } else { Happened::PersonEnded };
                    self.tell_root(root, what(id));
                }
                None => self.tell(&id, Happened::CallerLeft),
            },
            "ChannelHold" => self.tell(&id, Happened::Held(true)),
            "ChannelUnhold" => self.tell(&id, Happened::Held(false)),
            _ => {}
        }
    }

    /// A channel that we asked for.
    fn ours_started(&mut self, part: Part, root: Uuid, id: ChannelId) {
        if !self.roots.contains_key(&root) {
            // Its caller went while Asterisk made it.
            self.hang_up(id);
            return;
        }
        let what = if part == Part::Media { Happened::MediaStarted } else { Happened::PersonStarted };
        self.tell_root(root, what(id));
    }

    fn tell_root(&self, root: Uuid, what: Happened) {
        if let Some(caller) = self.roots.get(&root) {
            self.tell(caller, what);
        }
    }

    fn tell(&self, caller: &ChannelId, what: Happened) {
        if let Some(served) = self.callers.get(caller)
            && let Err(mpsc::error::TrySendError::Full(_)) = served.events.try_send(what)
        {
            tracing::error!(
                channel = caller.as_str(),
                "a call does not take its events; it ends when its channel does"
            );
        }
    }

    /// A caller has entered the application.
    fn arrived(&mut self, event: &Event) {
        let Some(channel) = &event.channel else { return };
        if let Some((_, orphans)) = &mut self.orphans {
            orphans.retain(|orphan| orphan.id != channel.id);
        }
        if self.is_draining || self.callers.len() >= self.most {
            let why = if self.is_draining { "the server goes away" } else { "as many calls as may be go on" };
            tracing::warn!(why, "a caller is given back to the dialplan");
            return self.give_back(channel.id.clone());
        }
        // Stasis(app,LANGUAGE) or Stasis(app,LANGUAGE,back,UUID of the earlier leg); what is empty or odd counts for nothing.
        let mut rest = event.args.iter().skip_while(|arg| arg.as_str() != "back");
        let back = rest.nth(1).and_then(|earlier| Uuid::try_parse(earlier).ok()).map(CallId);
        let opening = self.opening(channel, event.args.first().map(String::as_str), back);
        let root = opening.names.root;
        self.serve(channel.id.clone(), root, Call::new(opening, Instant::now()));
    }

    fn opening(&self, channel: &Channel, language: Option<&str>, back: Option<CallId>) -> Opening {
        let settings = &self.ari.shared.settings;
        let identity = Identity {
            number: PresentedNumber::read(&channel.caller.number, &settings.regions),
            dialled: channel.dialled(),
            language: language.and_then(language_of).or_else(|| channel.language()),
        };
        Opening {
            names: Names { app: self.ari.app().to_owned(), root: Uuid::new_v4() },
            settings: settings.stasis.clone(),
            transfer: settings.transfer.clone(),
            host: self.host.clone(),
            caller: channel.id.clone(),
            caller_name: channel.name.clone(),
            is_up: channel.state == "Up",
            identity,
            back,
            wideband: self.wideband,
            new_uuid: Box::new(Uuid::new_v4),
        }
    }

    fn serve(&mut self, caller: ChannelId, root: Uuid, call: Call) {
        let (sender, events) = mpsc::channel(WAITING_ONE);
        let task = Task { ari: self.ari.clone(), agents: self.agents.clone(), call, events };
        let handle = self.tasks.spawn(task.run());
        self.by_task.insert(handle.id(), caller.clone());
        self.roots.insert(root, caller.clone());
        self.callers.insert(caller, Served { root, events: sender });
        metrics::gauge!(figures::STASIS_CALLS).set(u32::try_from(self.callers.len()).unwrap_or(u32::MAX));
    }

    fn ended(&mut self, ended: Result<(Id, Option<End>), tokio::task::JoinError>) {
        let (id, end) = match ended {
            Ok((id, end)) => (id, end.map_or("unfinished", End::label)),
            Err(error) => {
                tracing::error!(%error, "a call's task broke; its caller is fetched back by the dialplan's watchdog");
                (error.id(), "broken")
            }
        };
        if let Some(caller) = self.by_task.remove(&id)
            && let Some(served) = self.callers.remove(&caller)
        {
            self.roots.remove(&served.root);
        }
        metrics::counter!(figures::STASIS_CALLS_TOTAL, "end" => end).increment(1);
        metrics::gauge!(figures::STASIS_CALLS).set(u32::try_from(self.callers.len()).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests;
