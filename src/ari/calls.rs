//! The picture of the channels: which call is whose, as the events and listings tell it. Bounded.

use std::collections::{HashMap, VecDeque};

use serde::Deserialize;
use uuid::Uuid;

use crate::conversation::event::Identity;
use crate::ids::{CallId, PresentedNumber, Region};
use crate::language::Language;

/// Asterisk's id of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct ChannelId(String);

impl ChannelId {
    /// A name of our own choice for a channel that is to be made.
    pub(super) fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// As Asterisk wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The parts of ARI's `Channel` that matter here. Everything may be missing: ARI adds and drops fields over versions.
#[derive(Debug, Deserialize)]
pub(super) struct Channel {
    pub(super) id: ChannelId,
    #[serde(default)]
    pub(super) name: String,
    /// `Up` once it is answered.
    #[serde(default)]
    pub(super) state: String,
    #[serde(default)]
    pub(super) caller: Party,
    #[serde(default)]
    connected: Party,
    #[serde(default)]
    dialplan: Dialplan,
    #[serde(default)]
    channelvars: HashMap<String, serde_json::Value>,
}

#[derive(Default, Deserialize)]
pub(super) struct Party {
    #[serde(default)]
    pub(super) number: String,
}

masked!(Party);

#[derive(Debug, Default, Deserialize)]
struct Dialplan {
    #[serde(default)]
    exten: String,
    /// The application that runs, and its arguments.
    #[serde(default)]
    app_name: String,
    #[serde(default)]
    app_data: String,
}

/// The parts of ARI's events that matter here.
#[derive(Deserialize)]
pub(super) struct Event {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    variable: String,
    #[serde(default)]
    value: String,
    /// The application whose event it is.
    #[serde(default)]
    pub(super) application: String,
    /// What the dialplan gave to `Stasis()` after the application's name.
    #[serde(default)]
    pub(super) args: Vec<String>,
    pub(super) channel: Option<Channel>,
    /// The caller's channel of a `Dial` event. Other events have a `caller` of their own inside the channel.
    caller: Option<Channel>,
    /// The dialled channel of a `Dial` event.
    peer: Option<Channel>,
}

masked!(Event);

/// The dialplan's variable that holds the call's UUID; in `channelvars` of ari.conf.
pub(super) const CALL_UUID: &str = "CALL_UUID";
/// The dialplan's variable for a language chosen by it; in `channelvars` of ari.conf.
const CALL_LANG: &str = "CALL_LANG";
/// The dialplan's variable for the number dialled, where the extension no longer says it; in `channelvars`.
const CALL_DIALLED: &str = "CALL_DIALLED";

/// The calls that Asterisk spoke of, newest last.
#[derive(Debug, Default)]
pub(super) struct Calls {
    known: HashMap<CallId, Known>,
    /// The order in which calls became known, oldest first; may name calls that have ended.
    order: VecDeque<CallId>,
    /// Which call a channel belongs to, to forget the call when the channel ends.
    of_channel: HashMap<ChannelId, CallId>,
    /// Whether the event stream keeps this picture fresh.
    pub(super) is_streaming: bool,
}

#[derive(Clone)]
struct Known {
    /// The caller's channel; the AudioSocket leg's while only that is known.
    channel: ChannelId,
    /// True when it was learnt from the caller's own channel, which then is not overwritten by the leg's view.
    is_own: bool,
    number: String,
    dialled: Option<String>,
    language: Option<Language>,
}

masked!(Known);

/// The most calls kept. Chosen: many times what one server talks to at once; some 300 bytes each.
const MOST_CALLS: usize = 4096;

impl Calls {
    /// Who calls, if that is known.
    pub(super) fn identity(&self, call: CallId, regions: &[Region]) -> Option<Identity> {
        self.known.get(&call).map(|known| Identity {
            number: PresentedNumber::read(&known.number, regions),
            dialled: known.dialled.clone(),
            language: known.language,
        })
    }

    /// The caller's own channel.
    pub(super) fn channel(&self, call: CallId) -> Option<ChannelId> {
        self.known.get(&call).filter(|known| known.is_own).map(|known| known.channel.clone())
    }

    /// Takes an event in; tells whether something about a call was learnt.
    pub(super) fn take(&mut self, event: &Event) -> bool {
        if event.kind == "ChannelDestroyed" {
            if let Some(channel) = &event.channel {
                self.forget(&channel.id);
            }
            return false;
        }
        let mut learnt = false;
        for channel in [&event.channel, &event.caller, &event.peer].into_iter().flatten() {
            learnt |= self.absorb(channel);
        }
        // The event of the variable itself carries the channel as it was before: its value is in the event.
        if event.kind == "ChannelVarset"
            && event.variable == CALL_UUID
            && let (Some(channel), Ok(uuid)) = (&event.channel, Uuid::try_parse(&event.value))
        {
            self.learn(CallId(uuid), channel, &channel.caller.number, true);
            learnt = true;
        }
        learnt
    }

    /// Takes a channel in; tells whether it belongs to a call.
    pub(super) fn absorb(&mut self, channel: &Channel) -> bool {
        if let Some(uuid) = channel.variable(CALL_UUID).and_then(|text| Uuid::try_parse(text).ok()) {
            // A Local or AudioSocket leg that inherited the variable is not the caller.
            let is_own = !channel.name.starts_with("AudioSocket/");
            let number = if is_own { &channel.caller.number } else { &channel.connected.number };
            self.learn(CallId(uuid), channel, number, is_own);
            return true;
        }
        if let Some(call) = channel.audiosocket_call() {
            self.learn(call, channel, &channel.connected.number, false);
            return true;
        }
        false
    }

    /// Forgets everything: after a break of the stream, ends of calls may have been missed.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.order.clear();
        self.of_channel.clear();
    }

    fn learn(&mut self, call: CallId, channel: &Channel, number: &str, is_own: bool) {
        let (dialled, language) = (channel.dialled(), channel.language());
        match self.known.get_mut(&call) {
            // The leg's view adds nothing to the caller's own.
            Some(known) if known.is_own && !is_own => return,
            // Once on the caller's channel, the first number dialled and the first number presented hold: a transfer
            // to the operator changes the extension.
            Some(known) if known.is_own => {
                if known.number.is_empty() {
                    number.clone_into(&mut known.number);
                }
                known.dialled = known.dialled.take().or(dialled);
                known.language = known.language.or(language);
                return;
            }
            Some(_) => {}
            None => {
                self.order.push_back(call);
                // At twice the bound the order holds mostly calls that have ended.
                while self.known.len() >= MOST_CALLS || self.order.len() > 2 * MOST_CALLS {
                    let Some(oldest) = self.order.pop_front() else { break };
                    if let Some(known) = self.known.remove(&oldest) {
                        self.of_channel.remove(&known.channel);
                    }
                }
            }
        }
        self.of_channel.insert(channel.id.clone(), call);
        let known =
            Known { channel: channel.id.clone(), is_own, number: number.to_owned(), dialled, language };
        if let Some(before) = self.known.insert(call, known)
            && before.channel != channel.id
        {
            self.of_channel.remove(&before.channel);
        }
    }

    fn forget(&mut self, channel: &ChannelId) {
        if let Some(call) = self.of_channel.remove(channel)
            && self.known.get(&call).is_some_and(|known| known.channel == *channel)
        {
            self.known.remove(&call);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize, usize) {
        (self.known.len(), self.order.len(), self.of_channel.len())
    }
}

impl Channel {
    fn variable(&self, name: &str) -> Option<&str> {
        self.channelvars.get(name).and_then(serde_json::Value::as_str).filter(|value| !value.is_empty())
    }

    /// The number dialled, as far as the channel tells.
    pub(super) fn dialled(&self) -> Option<String> {
        self.variable(CALL_DIALLED)
            .or(Some(self.dialplan.exten.as_str()))
            // `s`, `h`, `i`, `t` are the dialplan's own extensions: nobody dials them.
            .filter(|exten| exten.chars().any(|c| c.is_ascii_digit()))
            .map(str::to_owned)
    }

    /// The language that the dialplan chose.
    pub(super) fn language(&self) -> Option<Language> {
        self.variable(CALL_LANG).and_then(language_of)
    }

    /// Whether it is in this Stasis application. Within a bridge it still is.
    pub(super) fn is_in(&self, app: &str) -> bool {
        self.dialplan.app_name == "Stasis" && self.dialplan.app_data.split(',').next() == Some(app)
    }

    /// The call of a leg named `AudioSocket/host:port-UUID`, as chan_audiosocket.c of Asterisk 22 names it.
    fn audiosocket_call(&self) -> Option<CallId> {
        let rest = self.name.strip_prefix("AudioSocket/")?;
        let uuid = rest.get(rest.len().checked_sub(UUID_TEXT)?..)?;
        Uuid::try_parse(uuid).ok().map(CallId)
    }
}

/// The length of a UUID with its hyphens.
const UUID_TEXT: usize = 36;

/// A language as dialplans write it: `ru`, `en`, `ru_RU`, `en-GB`.
pub(super) fn language_of(text: &str) -> Option<Language> {
    match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("ru") => Some(Language::Russian),
        Some("en") => Some(Language::English),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CALL: &str = "0b7f2c1e-5d7c-4a53-9a55-2f6f1f0f7a10";

    fn call() -> CallId {
        CallId(Uuid::try_parse(CALL).expect("a UUID"))
    }

    fn event(value: serde_json::Value) -> Event {
        serde_json::from_value(value).expect("an event of ARI")
    }

    fn caller(variables: serde_json::Value) -> serde_json::Value {
        json!({"id": "1700000000.1", "name": "PJSIP/phone-00000001", "state": "Up",
            "caller": {"name": "", "number": "+375291234567"}, "connected": {"name": "", "number": ""},
            "dialplan": {"context": "orderline", "exten": "100", "priority": 3, "app_name": "Set", "app_data": ""},
            "channelvars": variables, "language": "en"})
    }

    fn number(calls: &Calls) -> Option<String> {
        calls
            .identity(call(), &Region::DEFAULTS)
            .and_then(|identity| identity.number.number().map(|n| n.e164().to_owned()))
    }

    #[test]
    fn the_variables_own_event_names_the_call() {
        let mut calls = Calls::default();
        let set = json!({"type": "ChannelVarset", "variable": CALL_UUID, "value": CALL, "channel": caller(json!({}))});
        assert!(calls.take(&event(set)));
        assert_eq!(number(&calls).as_deref(), Some("+375291234567"));
        let identity = calls.identity(call(), &Region::DEFAULTS).expect("known");
        assert_eq!(identity.dialled.as_deref(), Some("100"));
        assert_eq!(calls.channel(call()).expect("the caller's").as_str(), "1700000000.1");
    }

    #[test]
    fn a_language_set_by_the_dialplan_comes_along() {
        let mut calls = Calls::default();
        let state = json!({"type": "ChannelDialplan", "channel": caller(json!({"CALL_UUID": CALL, "CALL_LANG": "en"}))});
        assert!(calls.take(&event(state)));
        assert_eq!(calls.identity(call(), &[]).expect("known").language, Some(Language::English));
    }

    #[test]
    fn the_audiosocket_leg_alone_is_enough_and_the_callers_own_channel_is_better() {
        let mut calls = Calls::default();
        let leg = json!({"id": "1700000000.2", "name": format!("AudioSocket/127.0.0.1:9092-{CALL}"),
            "caller": {"number": "100"}, "connected": {"number": "80291234567"}, "channelvars": {}});
        calls.absorb(&serde_json::from_value(leg.clone()).expect("a channel"));
        assert_eq!(number(&calls).as_deref(), Some("+375291234567"));
        assert_eq!(calls.channel(call()), None, "the leg is not the caller's channel");
        calls.absorb(&serde_json::from_value(caller(json!({"CALL_UUID": CALL}))).expect("a channel"));
        calls.absorb(&serde_json::from_value(leg).expect("a channel"));
        assert_eq!(calls.channel(call()).expect("the caller's").as_str(), "1700000000.1");
    }

    #[test]
    fn a_later_extension_does_not_change_what_was_dialled() {
        let mut calls = Calls::default();
        let mut channel = caller(json!({"CALL_UUID": CALL}));
        calls.absorb(&serde_json::from_value(channel.clone()).expect("a channel"));
        channel["dialplan"]["exten"] = json!("7000");
        calls.absorb(&serde_json::from_value(channel).expect("a channel"));
        assert_eq!(calls.identity(call(), &[]).expect("known").dialled.as_deref(), Some("100"));
    }

    #[test]
    fn a_call_is_forgotten_with_its_channel() {
        let mut calls = Calls::default();
        calls.absorb(&serde_json::from_value(caller(json!({"CALL_UUID": CALL}))).expect("a channel"));
        calls.take(&event(json!({"type": "ChannelDestroyed", "cause": 16, "channel": caller(json!({}))})));
        assert_eq!(calls.identity(call(), &[]), None);
    }

    #[test]
    fn the_picture_stays_bounded_whether_calls_end_or_not() {
        let mut calls = Calls::default();
        for n in 0..20_000u128 {
            let channel =
                json!({"id": format!("c{n}"), "channelvars": {"CALL_UUID": Uuid::from_u128(n).to_string()}});
            calls.absorb(&serde_json::from_value(channel).expect("a channel"));
            if n % 3 == 0 {
                calls.forget(&ChannelId(format!("c{n}")));
            }
        }
        let (known, order, channels) = calls.len();
        assert!(
            known <= MOST_CALLS && order <= 2 * MOST_CALLS + 1 && channels <= MOST_CALLS,
            "{known} {order} {channels}"
        );
    }

    #[test]
    fn foreign_channels_and_odd_values_teach_nothing() {
        let mut calls = Calls::default();
        for channel in [
            json!({"id": "1"}),
            json!({"id": "2", "channelvars": {"CALL_UUID": "not a uuid"}}),
            json!({"id": "3", "channelvars": {"CALL_UUID": null}}),
            json!({"id": "4", "name": "AudioSocket/"}),
            json!({"id": "5", "name": "AudioSocket/я-0b7f2c1e-5d7c-4a53-9a55-2f6f1f0f7a1"}),
        ] {
            assert!(!calls.absorb(&serde_json::from_value(channel).expect("a channel")));
        }
        assert_eq!(calls.len(), (0, 0, 0));
    }
}
