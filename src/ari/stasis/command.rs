//! What is done to Asterisk for a call, and how ARI spells it.

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::ari::ChannelId;
use crate::conversation::event::Identity;
use crate::ids::CallId;

/// One step. A call has at most one under way, so what is undone was done before.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// Not to Asterisk: tells the agents who is about to come, and whether the call comes back to them.
    Announce { call: CallId, caller: Identity, back: Option<CallId> },
    /// Answers the caller's channel.
    Answer { channel: ChannelId },
    /// Sets a channel variable or function.
    Set { channel: ChannelId, name: String, value: String },
    /// Asks in which codec the caller's channel speaks.
    AskCodec { channel: ChannelId },
    /// A bridge for the caller and whoever talks with them.
    CreateBridge { bridge: String },
    /// Into the bridge.
    Join { bridge: String, channel: ChannelId },
    /// The bridge goes; who is still in it stays in the application.
    DestroyBridge { bridge: String },
    /// The leg to the AudioSocket listener.
    OpenMedia { channel: ChannelId, call: CallId, host: String, format: &'static str, variables: Variables },
    /// Rings a person.
    Originate { channel: ChannelId, endpoint: String, caller: String, ring_s: u64, variables: Variables },
    /// The caller hears a ringing tone, or no longer.
    Ring { channel: ChannelId, on: bool },
    /// The caller hears music, of this class where one is named, or no longer.
    Music { channel: ChannelId, class: Option<String>, on: bool },
    /// Ends a channel.
    HangUp { channel: ChannelId },
    /// Back into the dialplan: here, or at the priority after `Stasis()`.
    Continue { channel: ChannelId, at: Option<Place> },
}

masked!(Command);

/// Channel variables that a new channel gets before it does anything.
pub(super) type Variables = Vec<(String, String)>;

/// A place in the dialplan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The context.
    pub context: String,
    /// The extension, at whose priority 1 the call goes on.
    pub extension: String,
}

/// A request as ARI wants it.
#[derive(Clone, PartialEq)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

masked!(Request);

impl Command {
    /// For the metric and the log.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Announce { .. } => "announce",
            Self::Answer { .. } => "answer",
            Self::Set { .. } => "set",
            Self::AskCodec { .. } => "codec",
            Self::CreateBridge { .. } => "bridge",
            Self::Join { .. } => "join",
            Self::DestroyBridge { .. } => "destroy",
            Self::OpenMedia { .. } => "media",
            Self::Originate { .. } => "originate",
            Self::Ring { .. } => "ring",
            Self::Music { .. } => "music",
            Self::HangUp { .. } => "hang_up",
            Self::Continue { .. } => "continue",
        }
    }

    /// Whether it takes something away. Such a step is tried again while ARI cannot be reached, because nobody else
    /// would do it.
    pub(super) fn is_parting(&self) -> bool {
        matches!(self, Self::DestroyBridge { .. } | Self::HangUp { .. } | Self::Continue { .. })
    }

    /// The request to ARI; none for what is not Asterisk's business. `app` is our application.
    pub(super) fn request(&self, app: &str) -> Option<Request> {
        let of_channel = |method: Method, channel: &ChannelId, verb: &[&str]| Request {
            method,
            path: ["channels", channel.as_str()].iter().chain(verb).map(|part| (*part).to_owned()).collect(),
            query: Vec::new(),
            body: None,
        };
        let of_bridge = |method: Method, bridge: &str, verb: &[&str]| Request {
            method,
            path: ["bridges", bridge].iter().chain(verb).map(|part| (*part).to_owned()).collect(),
            query: Vec::new(),
            body: None,
        };
        Some(match self {
            Self::Announce { .. } => return None,
            Self::Answer { channel } => of_channel(Method::POST, channel, &["answer"]),
            Self::Set { channel, name, value } => of_channel(Method::POST, channel, &["variable"])
                .with("variable", name.clone())
                .with("value", value.clone()),
            Self::AskCodec { channel } => of_channel(Method::GET, channel, &["variable"])
                .with("variable", "CHANNEL(audionativeformat)".to_owned()),
            // Plain mixing: with two channels Asterisk takes simple_bridge, which hands each frame on as it comes.
            // softmix (three channels and more) adds an interval and throws away what is more than 80 ms ahead
            // (bridges/bridge_softmix.c). proxy_media would only forbid what cannot happen: there is no RTP on our leg.
            Self::CreateBridge { bridge } => of_bridge(Method::POST, bridge, &[])
                .with("type", "mixing".to_owned())
                .with("name", app.to_owned()),
            Self::Join { bridge, channel } => {
                of_bridge(Method::POST, bridge, &["addChannel"]).with("channel", channel.as_str().to_owned())
            }
            Self::DestroyBridge { bridge } => of_bridge(Method::DELETE, bridge, &[]),
            Self::OpenMedia { channel, call, host, format, variables } => {
                of_channels(&["externalMedia"], channel, variables)
                    .with("app", app.to_owned())
                    .with("external_host", host.clone())
                    .with("encapsulation", "audiosocket".to_owned())
                    .with("transport", "tcp".to_owned())
                    .with("connection_type", "client".to_owned())
                    .with("direction", "both".to_owned())
                    .with("format", (*format).to_owned())
                    .with("data", call.to_string())
            }
            Self::Originate { channel, endpoint, caller, ring_s, variables } => {
                of_channels(&[], channel, variables)
                    .with("app", app.to_owned())
                    .with("endpoint", endpoint.clone())
                    .with("callerId", caller.clone())
                    .with("timeout", ring_s.to_string())
            }
            Self::Ring { channel, on } => of_channel(on_off(*on), channel, &["ring"]),
            Self::Music { channel, class, on } => {
                let request = of_channel(on_off(*on), channel, &["moh"]);
                match class {
                    Some(class) if *on => request.with("mohClass", class.clone()),
                    _ => request,
                }
            }
            Self::HangUp { channel } => {
                of_channel(Method::DELETE, channel, &[]).with("reason", "normal".to_owned())
            }
            Self::Continue { channel, at } => {
                let request = of_channel(Method::POST, channel, &["continue"]);
                match at {
                    None => request,
                    Some(place) => request
                        .with("context", place.context.clone())
                        .with("extension", place.extension.clone())
                        .with("priority", "1".to_owned()),
                }
            }
        })
    }
}

/// A new channel with an id of our choice.
fn of_channels(verb: &[&str], channel: &ChannelId, variables: &Variables) -> Request {
    let variables: Map<_, _> = variables.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    Request {
        method: Method::POST,
        path: ["channels"].iter().chain(verb).map(|part| (*part).to_owned()).collect(),
        query: vec![("channelId", channel.as_str().to_owned())],
        body: Some(json!({ "variables": variables })),
    }
}

fn on_off(on: bool) -> Method {
    if on { Method::POST } else { Method::DELETE }
}

impl Request {
    fn with(mut self, name: &'static str, value: String) -> Self {
        self.query.push((name, value));
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn media_is_asked_for_with_all_that_asterisk_needs() {
        let call = CallId("0b7f2c1e-5d7c-4a53-9a55-2f6f1f0f7a10".parse().unwrap());
        let command = Command::OpenMedia {
            channel: ChannelId::new("orderline-media-1"),
            call,
            host: "127.0.0.1:9092".into(),
            format: "slin16",
            variables: vec![("A".into(), "б;c".into())],
        };
        let request = command.request("orderline").unwrap();
        assert_eq!((request.method, request.path.join("/")), (Method::POST, "channels/externalMedia".into()));
        for pair in [
            ("encapsulation", "audiosocket"),
            ("transport", "tcp"),
            ("connection_type", "client"),
            ("format", "slin16"),
            // Without it Asterisk 22.9 answers 400, an earlier one 500 (res/ari/resource_channels.c).
            ("data", "0b7f2c1e-5d7c-4a53-9a55-2f6f1f0f7a10"),
            ("external_host", "127.0.0.1:9092"),
            ("channelId", "orderline-media-1"),
        ] {
            assert!(request.query.contains(&(pair.0, pair.1.to_owned())), "{pair:?}");
        }
        assert_eq!(request.body.unwrap(), json!({"variables": {"A": "б;c"}}));
    }

    #[test]
    fn a_channel_goes_on_where_it_is_told_or_after_stasis() {
        let channel = ChannelId::new("1.1");
        let on = Command::Continue { channel: channel.clone(), at: None }.request("a").unwrap();
        assert_eq!((on.path.join("/"), on.query.len()), ("channels/1.1/continue".into(), 0));
        let at = Some(Place { context: "people".into(), extension: "s".into() });
        let there = Command::Continue { channel, at }.request("a").unwrap();
        assert_eq!(there.query[0], ("context", "people".to_owned()));
    }
}
