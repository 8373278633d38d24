//! The `[ari.stasis]` and `[ari.transfer]` sections.

use serde::{Deserialize, Serialize};

use super::command::Place;

/// Calls that Orderline sets up itself: those that the dialplan gives to `Stasis(app)`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Under which `host:port` Asterisk reaches `[server] listen`, such as `10.0.0.5:9092`. Not set (the default): the
    /// listener's own address, which suits an Asterisk on the same machine.
    pub media_host: Option<String>,
    /// The sound between Asterisk and Orderline. Default `auto`.
    pub format: Format,
    /// Seconds after which Asterisk gives a caller back to the dialplan (extension `T`) when nothing is heard of
    /// Orderline any more; 5 to 300, default 15; 0 turns it off. Each call costs a request every third of it.
    pub watchdog_s: u64,
    /// The dialplan's hangup handler of the sound's leg, which fetches the caller back when that leg ends and Orderline
    /// is dead. Default `orderline-media-gone`, a context with extension `s`; empty: none.
    pub gone: String,
}

/// The sound between Asterisk and Orderline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// 16 kHz where the caller's codec is a wideband one and Asterisk can (20.17, 21.12, 22.7, 23.1), else 8 kHz.
    Auto,
    /// 8 kHz.
    Slin,
    /// 16 kHz.
    Slin16,
}

/// How a caller comes to a person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Transfer {
    /// Whether the dialplan rings the person, or Orderline does. Default `dialplan`.
    pub way: Way,
    /// Where the dialplan goes on, at priority 1. Default `orderline-operator`.
    pub context: String,
    /// The extension of that context. Default `s`.
    pub extension: String,
    /// Whom Orderline rings, for `way = "bridge"`. Default `PJSIP/operator`.
    pub endpoint: String,
    /// How long, in seconds; 5 to 300, default 25. Then the agent takes the call back.
    pub ring_s: u64,
    /// What the caller hears meanwhile. Default `ringing`.
    pub meanwhile: Meanwhile,
    /// The class of musiconhold.conf for `meanwhile = "music"`. Default `default`.
    pub music: String,
}

/// Who rings the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// The caller's channel goes on in the dialplan, and Orderline has no more to do with it.
    Dialplan,
    /// Orderline rings, joins the two, and takes the call back where nobody answers.
    Bridge,
}

/// What a caller hears while a person is rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Meanwhile {
    /// The country's ringing tone (indications.conf).
    Ringing,
    /// Music on hold.
    Music,
}

impl Default for Settings {
    fn default() -> Self {
        Self { media_host: None, format: Format::Auto, watchdog_s: 15, gone: "orderline-media-gone".into() }
    }
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            way: Way::Dialplan,
            context: "orderline-operator".into(),
            extension: "s".into(),
            endpoint: "PJSIP/operator".into(),
            ring_s: 25,
            meanwhile: Meanwhile::Ringing,
            music: "default".into(),
        }
    }
}

impl Settings {
    pub(in crate::ari) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(host) = &self.media_host
            && !is_host_and_port(host)
        {
            problems.push(format!(
                "ari.stasis.media_host: expected host:port such as \"10.0.0.5:9092\", found {host:?}"
            ));
        }
        if self.watchdog_s != 0 && !(5..=300).contains(&self.watchdog_s) {
            problems.push(format!(
                "ari.stasis.watchdog_s: expected 0 or 5 to 300 seconds, found {}",
                self.watchdog_s
            ));
        }
        if !self.gone.is_empty() {
            name("ari.stasis.gone", &self.gone, "a context of the dialplan", &mut problems);
        }
        problems
    }
}

impl Transfer {
    pub(in crate::ari) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        name("ari.transfer.context", &self.context, "a context of the dialplan", &mut problems);
        name("ari.transfer.extension", &self.extension, "an extension of that context", &mut problems);
        name("ari.transfer.music", &self.music, "a class of musiconhold.conf", &mut problems);
        let technology = self.endpoint.split_once('/').filter(|(technology, who)| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+' | '/');
            !technology.is_empty() && !who.is_empty() && self.endpoint.chars().all(plain)
        });
        if technology.is_none() {
            problems.push(format!(
                "ari.transfer.endpoint: expected an endpoint such as \"PJSIP/operator\", found {:?}",
                self.endpoint
            ));
        }
        if !(5..=300).contains(&self.ring_s) {
            problems.push(format!("ari.transfer.ring_s: expected 5 to 300 seconds, found {}", self.ring_s));
        }
        problems
    }

    /// Where the dialplan goes on.
    pub(super) fn place(&self) -> Place {
        Place { context: self.context.clone(), extension: self.extension.clone() }
    }
}

fn name(key: &str, value: &str, what: &str, problems: &mut Vec<String>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if value.is_empty() || value.len() > 79 || !value.chars().all(plain) {
        problems.push(format!("{key}: expected the name of {what}, found {value:?}"));
    }
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fits =
        bare.map_or(!host.is_empty() && !host.contains(':'), |ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
    fits && host.chars().all(usual) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether a codec, as `CHANNEL(audionativeformat)` names it, carries more than the telephone network's 8 kHz.
pub(super) fn is_wideband(codec: &str) -> bool {
    const WIDE: [&str; 12] = [
        "g722", "opus", "slin12", "slin16", "slin24", "slin32", "slin44", "slin48", "slin96", "slin192",
        "speex16", "siren",
    ];
    let codec = codec.to_ascii_lowercase();
    WIDE.iter().any(|wide| codec.contains(wide))
}

/// Whether this Asterisk labels 16 kHz as such: from 20.17, 21.12, 22.7 and 23.1 on (res/res_audiosocket.c).
pub(super) fn labels_wideband(version: &str) -> bool {
    let mut numbers =
        version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match major {
        20 => minor >= 17,
        21 => minor >= 12,
        22 => minor >= 7,
        23 => minor >= 1,
        _ => major > 23,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_names_its_key() {
        let settings = Settings {
            media_host: Some("9092".into()),
            format: Format::Slin,
            watchdog_s: 1,
            gone: "a b".into(),
        };
        let transfer = Transfer {
            way: Way::Bridge,
            context: String::new(),
            extension: "1,2".into(),
            endpoint: "operator".into(),
            ring_s: 1,
            meanwhile: Meanwhile::Music,
            music: "a,b".into(),
        };
        let problems = [settings.problems(), transfer.problems()].concat();
        let keys: Vec<_> = problems.iter().map(|p| p.split(':').next().unwrap_or("")).collect();
        assert_eq!(
            keys,
            [
                "ari.stasis.media_host",
                "ari.stasis.watchdog_s",
                "ari.stasis.gone",
                "ari.transfer.context",
                "ari.transfer.extension",
                "ari.transfer.music",
                "ari.transfer.endpoint",
                "ari.transfer.ring_s"
            ]
        );
    }

    #[test]
    fn hosts_are_names_and_addresses_with_a_port() {
        for fine in ["127.0.0.1:9092", "orderline:9092", "[::1]:9092", "a.example:1"] {
            assert!(is_host_and_port(fine), "{fine}");
        }
        for wrong in ["", ":1", "a", "a:0", "a:70000", "::1:9092", "[::1]", "a b:1", "a&b:1"] {
            assert!(!is_host_and_port(wrong), "{wrong}");
        }
    }

    #[test]
    fn wideband_is_for_wideband_codecs_on_a_pbx_that_labels_it() {
        assert!(
            is_wideband("(g722)")
                && is_wideband("(opus)")
                && !is_wideband("(alaw|ulaw)")
                && !is_wideband("(slin)")
        );
        for (version, can) in [
            ("22.10.1~dfsg", true),
            ("22.7.0", true),
            ("22.6.3", false),
            ("20.17.0", true),
            ("18.26.4", false),
            ("23.0.0", false),
            ("24.0.0", true),
            ("GIT-master", false),
        ] {
            assert_eq!(labels_wideband(version), can, "{version}");
        }
    }
}
