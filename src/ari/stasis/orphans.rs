//! What nobody serves: what exists in Asterisk is compared with what is known, whenever the event stream is up anew.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::call::Call;
use super::command::Command;
use super::names::{Names, Part};
use super::{Application, Happened, settings, task};
use crate::ari::calls::Channel;
use crate::ari::{Ari, AriError, ChannelId};
use crate::telemetry::figures;

/// How long a caller whom nobody serves may be a new one, whose `StasisStart` is still on its way. Chosen: the event and
/// the listing leave Asterisk within milliseconds of each other.
const NEWCOMER: Duration = Duration::from_secs(1);
impl Application {
    /// The stream is up: what exists now is compared with what is known.
    pub(super) async fn reconcile(&mut self) {
        match self.ari.check().await {
            Ok(version) => self.wideband = settings::labels_wideband(&version.0),
            Err(error) => tracing::warn!(%error, "Asterisk does not tell its version; calls are at 8 kHz"),
        }
        let (channels, bridges) = match self.ari.what_exists().await {
            Ok(exists) => exists,
            Err(error) => {
                tracing::warn!(%error, "what exists in Asterisk is not known; orphans of an earlier process stay");
                return;
            }
        };
        let app = self.ari.app().to_owned();
        let ours: Vec<Channel> = channels.into_iter().filter(|channel| channel.is_in(&app)).collect();
        let there: HashMap<_, _> =
            ours.iter().map(|channel| (channel.id.clone(), channel.state == "Up")).collect();
        let there = Arc::new(there);
        for served in self.callers.values() {
            let _ = served.events.try_send(Happened::Listed(there.clone()));
        }
        let mut adopted = HashSet::new();
        for bridge in &bridges {
            let Some(root) = Names::root_of_bridge(&app, &bridge.id) else { continue };
            if self.roots.contains_key(&root) {
                continue;
            }
            let within = |channel: &&Channel| bridge.channels.contains(&channel.id);
            let person = ours
                .iter()
                .filter(within)
                .find(|channel| matches!(Names::read(&app, channel.id.as_str()), Some((Part::Person, _))));
            let caller =
                ours.iter().filter(within).find(|channel| Names::read(&app, channel.id.as_str()).is_none());
            let (Some(person), Some(caller)) = (person, caller) else {
                self.destroy(bridge.id.clone());
                continue;
            };
            tracing::info!("a caller and a person whom an earlier process has joined talk on");
            adopted.extend([person.id.clone(), caller.id.clone()]);
            let mut opening = self.opening(caller, None, None);
            opening.names.root = root;
            self.serve(caller.id.clone(), root, Call::adopted(opening, person.id.clone()));
        }
        let mut orphans = Vec::new();
        for channel in ours {
            match Names::read(&app, channel.id.as_str()) {
                _ if adopted.contains(&channel.id) => {}
                Some((_, root)) if self.roots.contains_key(&root) => {}
                Some(_) => self.hang_up(channel.id),
                None if self.callers.contains_key(&channel.id) => {}
                None => orphans.push(channel),
            }
        }
        self.orphans = (!orphans.is_empty()).then(|| (Instant::now() + NEWCOMER, orphans));
    }

    pub(super) async fn release_orphans(&mut self) {
        let Some((_, orphans)) = self.orphans.take() else { return };
        for orphan in orphans {
            tracing::warn!(
                channel = orphan.id.as_str(),
                "a caller was in Stasis and nobody served them; they go on in the dialplan"
            );
            metrics::counter!(figures::STASIS_ORPHANS_TOTAL).increment(1);
            self.give_back(orphan.id);
        }
    }

    pub(super) fn give_back(&self, channel: ChannelId) {
        let stop = Command::Set {
            channel: channel.clone(),
            name: "TIMEOUT(absolute)".to_owned(),
            value: "0".to_owned(),
        };
        self.alone(vec![stop, Command::Continue { channel, at: None }]);
    }

    pub(super) fn hang_up(&self, channel: ChannelId) {
        self.alone(vec![Command::HangUp { channel }]);
    }

    fn destroy(&self, bridge: String) {
        self.alone(vec![Command::DestroyBridge { bridge }]);
    }

    /// Carries out what belongs to no call.
    fn alone(&self, commands: Vec<Command>) {
        let (ari, agents) = (self.ari.clone(), self.agents.clone());
        tokio::spawn(async move {
            for command in commands {
                task::carry_out(&ari, agents.as_ref(), Some(command)).await;
            }
        });
    }
}

/// A bridge, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Bridge {
    id: String,
    #[serde(default)]
    channels: Vec<ChannelId>,
}

impl Ari {
    /// The application's name.
    pub(super) fn app(&self) -> &str {
        &self.shared.settings.app
    }

    async fn what_exists(&self) -> Result<(Vec<Channel>, Vec<Bridge>), AriError> {
        let channels = self.json(&["channels"], &[], "the list of channels").await?;
        let bridges = match self.json(&["bridges"], &[], "the list of bridges").await {
            // Without res_ari_bridges.so there are none of ours; who needs them is told when a call needs one.
            Err(AriError::Unexpected { status: 404, .. }) => Vec::new(),
            bridges => bridges?,
        };
        Ok((channels, bridges))
    }
}
