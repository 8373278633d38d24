//! The second half of a call's machine: how the caller leaves the agent, to a person or for good.

use std::time::Duration;

use tokio::time::Instant;

use super::{Call, End, OPENING, RING_GRACE, Stage};
use crate::ari::ChannelId;
use crate::ari::stasis::Card;
use crate::ari::stasis::command::{Command, Place, Variables};
use crate::ari::stasis::settings::Meanwhile;
use crate::ids::CallId;

impl Call {
    // === To a person

    /// The dialplan goes on with the caller.
    pub(super) fn hand_over(&mut self, card: &Card) {
        for (name, value) in &card.variables {
            // Two underscores: the person's channel inherits them.
            self.set(&self.caller.clone(), &format!("__{name}"), value.clone());
        }
        self.leave(Some(self.transfer.place()), End::Transferred);
    }

    pub(super) fn ring(&mut self, card: &Card, now: Instant) {
        self.stage = Stage::Ringing;
        self.until = Some(now + Duration::from_secs(self.transfer.ring_s) + RING_GRACE);
        self.waiting_tone(true);
        let person = self.names.person(self.people);
        self.people += 1;
        let mut variables = card.variables.clone();
        variables.extend(headers(&self.transfer.endpoint, card));
        variables.push(("CALL_UUID".to_owned(), self.leg.to_string()));
        variables.extend(self.handler("person"));
        self.push(Command::Originate {
            channel: person.clone(),
            endpoint: self.transfer.endpoint.clone(),
            caller: caller_id(card),
            ring_s: self.transfer.ring_s,
            variables,
        });
        self.person = Some(person);
    }

    pub(super) fn person_started(&mut self, channel: &ChannelId) {
        if self.stage != Stage::Ringing || Some(channel) != self.person.as_ref() {
            return;
        }
        self.stage = Stage::Connected;
        self.until = None;
        self.waiting_tone(false);
        self.push(Command::Join { bridge: self.names.bridge(), channel: channel.clone() });
        self.unwatch();
    }

    pub(super) fn person_ended(&mut self, channel: &ChannelId, now: Instant) {
        if Some(channel) != self.person.as_ref() {
            return;
        }
        self.person = None;
        match self.stage {
            Stage::Ringing => self.take_back(now),
            Stage::Connected => self.part(End::Connected),
            _ => {}
        }
    }

    /// Nobody answered: the agent takes the call back, on a leg with a UUID of its own.
    pub(super) fn take_back(&mut self, now: Instant) {
        if let Some(channel) = self.person.take() {
            self.push(Command::HangUp { channel });
        }
        let earlier = self.leg;
        self.leg = CallId((self.new_uuid)());
        self.stage = Stage::Opening;
        self.until = Some(now + OPENING);
        self.open_leg(Some(earlier));
    }

    pub(super) fn waiting_tone(&mut self, on: bool) {
        if self.is_waiting_tone_on == on {
            return;
        }
        self.is_waiting_tone_on = on;
        let channel = self.caller.clone();
        self.push(match self.transfer.meanwhile {
            Meanwhile::Ringing => Command::Ring { channel, on },
            Meanwhile::Music => Command::Music { channel, class: Some(self.transfer.music.clone()), on },
        });
    }

    // === The end

    /// Back into the dialplan at the priority after `Stasis()`, where a person takes over.
    pub(super) fn release(&mut self, why: String) {
        if self.stage == Stage::Closing {
            return;
        }
        self.why.get_or_insert(why);
        // What was still to be done would be done to a caller who is not ours any more.
        self.waiting.clear();
        self.leave(None, End::Released);
    }

    fn leave(&mut self, at: Option<Place>, end: End) {
        self.waiting_tone(false);
        self.unwatch();
        self.push(Command::Continue { channel: self.caller.clone(), at });
        self.tidy(end);
    }

    /// The caller is hung up.
    pub(super) fn part(&mut self, end: End) {
        self.waiting.clear();
        self.push(Command::HangUp { channel: self.caller.clone() });
        self.tidy(end);
    }

    /// The caller is not in the application any more.
    pub(super) fn close(&mut self, end: End) {
        if self.stage == Stage::Closing {
            return;
        }
        let end = if self.stage == Stage::Connected { End::Connected } else { end };
        self.waiting.clear();
        self.tidy(end);
    }

    pub(super) fn stopping(&mut self) {
        match self.stage {
            Stage::Opening | Stage::Joining | Stage::Ringing => {
                self.release("the server goes away".to_owned())
            }
            // They talk on; the dialplan's hangup handler on the person's channel ends what we no longer can.
            Stage::Connected => {
                self.waiting.clear();
                self.stage = Stage::Closing;
                self.end = Some(End::Connected);
            }
            // The session ends by itself, and with it the leg.
            Stage::Talking | Stage::Closing => {}
        }
    }

    /// Everything that was made, or may have been, goes.
    fn tidy(&mut self, end: End) {
        self.stage = Stage::Closing;
        self.until = None;
        self.watch_at = None;
        self.end = Some(end);
        for channel in [self.media.take(), self.person.take()].into_iter().flatten() {
            self.push(Command::HangUp { channel });
        }
        if std::mem::take(&mut self.bridge) {
            self.push(Command::DestroyBridge { bridge: self.names.bridge() });
        }
    }
}

/// CallerID as ARI takes it: the summary where the caller's name would be, on the display of the person's telephone.
fn caller_id(card: &Card) -> String {
    let number = card.caller.as_deref().unwrap_or("anonymous");
    let name: String = card.summary.chars().filter(|c| !matches!(c, '"' | '\\' | '<' | '>')).collect();
    if name.is_empty() { number.to_owned() } else { format!("\"{name}\" <{number}>") }
}

/// The card once more in headers of the INVITE, for a telephone or a desktop program that reads them.
fn headers(endpoint: &str, card: &Card) -> Variables {
    if !endpoint.starts_with("PJSIP/") {
        return Vec::new();
    }
    let of = |name: &str| match name {
        "ORDERLINE_CALLER" => Some("X-Orderline-Caller"),
        "ORDERLINE_ORDER" => Some("X-Orderline-Order"),
        "ORDERLINE_SUMMARY" => Some("X-Orderline-Summary"),
        _ => None,
    };
    let told = card.variables.iter().filter(|(_, value)| !value.is_empty());
    told.filter_map(|(name, value)| Some((format!("PJSIP_HEADER(add,{})", of(name)?), value.clone())))
        .collect()
}
