//! The `[ari]` section.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Host, Url};

use super::stasis;
use crate::ids::Region;

/// How to reach Asterisk's ARI.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Asterisk's HTTP server, such as `http://127.0.0.1:8088` (http.conf's bindaddr and bindport, and its prefix if
    /// there is one). Not set (the default): no ARI; a caller is known only where the dialplan registers the call.
    pub base_url: Option<String>,
    /// The user: a section of ari.conf. Default `orderline`.
    pub user: String,
    /// The user's password. Better given by the environment, or by `password_file`, than in the file.
    pub password: Option<SecretString>,
    /// A file whose first line is the password; used when `password` is not set.
    pub password_file: Option<PathBuf>,
    /// The Stasis application under which events are received. Default `orderline`. Two servers on one Asterisk need
    /// two names: Asterisk gives an application's events to the one that connected last.
    pub app: String,
    /// The longest wait for the caller's number when a call begins, in milliseconds; 10 to 5000, default 300. The
    /// greeting does not wait for it; without an answer in time the caller counts as withheld.
    pub deadline_ms: u64,
    /// Allows plain `http` to another machine. The password then travels readable; default false.
    pub allow_insecure: bool,
    /// Countries whose national spelling a number without country code may follow, in the order in which they are
    /// tried. Default `["RU", "BY"]`.
    pub regions: Vec<Region>,
    /// Calls that Orderline sets up itself.
    pub stasis: stasis::Settings,
    /// How their callers come to a person.
    pub transfer: stasis::Transfer,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: None,
            user: "orderline".into(),
            password: None,
            password_file: None,
            app: "orderline".into(),
            deadline_ms: 300,
            allow_insecure: false,
            regions: Region::DEFAULTS.to_vec(),
            stasis: stasis::Settings::default(),
            transfer: stasis::Transfer::default(),
        }
    }
}

impl Settings {
    /// What is wrong with these settings, each as a sentence that names the key, what was expected and what was found.
    /// Reads the password's file.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(10..=5000).contains(&self.deadline_ms) {
            problems.push(format!(
                "ari.deadline_ms: expected 10 to 5000 milliseconds, found {}",
                self.deadline_ms
            ));
        }
        if self.regions.is_empty() {
            problems.push("ari.regions: expected at least one country such as \"RU\", found none".into());
        }
        problems.extend(self.stasis.problems());
        problems.extend(self.transfer.problems());
        let base = match self.base() {
            Ok(base) => base,
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        let Some(base) = base else { return problems };
        if base.scheme() == "http" && !is_loopback(&base) && !self.allow_insecure {
            problems.push(format!(
                "ari.base_url: expected https, or http to this machine, found {base}: over plain http the password \
                 travels readable (set ari.allow_insecure = true for a network that is trusted)"
            ));
        }
        for (key, value) in [("user", &self.user), ("app", &self.app)] {
            let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if value.is_empty() || !value.chars().all(usual) {
                problems
                    .push(format!("ari.{key}: expected letters, digits, '-', '_' or '.', found {value:?}"));
            }
        }
        if let Err(problem) = self.read_password() {
            problems.push(problem);
        }
        problems
    }

    /// The base address, checked.
    pub(super) fn base(&self) -> Result<Option<Url>, String> {
        let Some(text) = self.base_url.as_deref().filter(|text| !text.trim().is_empty()) else {
            return Ok(None);
        };
        let expected = "expected an address such as http://127.0.0.1:8088";
        let url =
            Url::parse(text.trim()).map_err(|e| format!("ari.base_url: {expected}, found {text:?} ({e})"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(format!("ari.base_url: {expected}, found {text:?}"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "ari.base_url: expected no user in the address; give ari.user and ari.password".into()
            );
        }
        Ok(Some(url))
    }

    /// The password, from the setting or its file.
    pub(super) fn read_password(&self) -> Result<SecretString, String> {
        let (password, from) = match (&self.password, &self.password_file) {
            (Some(password), _) => (password.clone(), "ari.password".to_owned()),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file).map_err(|e| {
                    format!("ari.password_file: expected a readable file, found {} ({e})", file.display())
                })?;
                (text.lines().next().unwrap_or("").trim().to_owned().into(), "ari.password_file".to_owned())
            }
            (None, None) => {
                return Err(format!(
                    "ari.password: expected the password of the section [{}] of ari.conf (in the environment, or as \
                     ari.password_file), found none",
                    self.user
                ));
            }
        };
        if password.expose_secret().is_empty() {
            return Err(format!("{from}: expected a password, found an empty text"));
        }
        Ok(password)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaching(base_url: &str) -> Settings {
        Settings { base_url: Some(base_url.into()), password: Some("a word".into()), ..Settings::default() }
    }

    #[test]
    fn the_defaults_are_right_and_off() {
        assert_eq!(Settings::default().problems(), Vec::<String>::new());
        assert_eq!(Settings::default().base(), Ok(None));
    }

    #[test]
    fn plain_http_to_another_machine_is_refused_unless_allowed() {
        for fine in
            ["http://127.0.0.1:8088", "http://[::1]:8088", "http://localhost:8088/pbx", "https://pbx.example"]
        {
            assert_eq!(reaching(fine).problems(), Vec::<String>::new(), "{fine}");
        }
        let far = reaching("http://192.0.2.7:8088");
        let problems = far.problems();
        assert!(matches!(&problems[..], [one] if one.contains("ari.allow_insecure")), "{problems:?}");
        assert!(Settings { allow_insecure: true, ..far }.problems().is_empty());
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let settings = Settings {
            base_url: Some("127.0.0.1:8088".into()),
            deadline_ms: 0,
            regions: Vec::new(),
            ..Settings::default()
        };
        let keys: Vec<_> =
            settings.problems().iter().map(|p| p.split(':').next().unwrap_or("").to_owned()).collect();
        assert_eq!(keys, ["ari.deadline_ms", "ari.regions", "ari.base_url"]);
    }

    #[test]
    fn a_missing_password_is_told_with_the_section_it_stands_in() {
        let settings = Settings { password: None, ..reaching("http://127.0.0.1:8088") };
        assert!(settings.problems().concat().contains("[orderline] of ari.conf"));
        let nowhere = Settings { password_file: Some("/nonexistent/ari".into()), ..settings };
        assert!(nowhere.problems().concat().starts_with("ari.password_file: expected a readable file"));
    }

    #[test]
    fn the_password_file_gives_its_first_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("ari");
        std::fs::write(&file, "s3cret\nnot this\n").expect("a small file");
        let settings =
            Settings { password: None, password_file: Some(file), ..reaching("http://127.0.0.1:8088") };
        assert_eq!(settings.read_password().expect("readable").expose_secret(), "s3cret");
    }

    #[test]
    fn the_password_is_never_shown() {
        let settings = reaching("http://127.0.0.1:8088");
        assert!(!format!("{settings:?}").contains("a word"));
        let inside = reaching("http://me:topsecret@127.0.0.1:8088").problems().concat();
        assert!(
            inside.contains("expected no user in the address") && !inside.contains("topsecret"),
            "{inside}"
        );
    }
}
