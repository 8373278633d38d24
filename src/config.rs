//! The configuration: one TOML file and environment variables, gathered into each part's own settings.
//!
//! A part declares its `Settings` beside the code that obeys them; this module only collects. Every problem is found
//! before anything starts: unknown keys, wrong types and values that a part refuses are listed together, each with the
//! place it came from, and the process exits with [`EXIT_BAD_CONFIG`] before any port is bound.
//!
//! Environment variables win over the file: `ORDERLINE__SERVER__LISTEN` is `listen` of `[server]`. A value that begins
//! with `[` or `{` is read as TOML, so that lists and tables can be given too. An empty variable counts as not given.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use config::{File, FileFormat, Map, Source, Value};
use serde::de::DeserializeOwned;

use crate::engines::{llm, stt, tts};
use crate::orders::client as store;
use crate::{ari, audit, call, conversation, http, server, telemetry};

/// `EX_CONFIG` of sysexits(3): something was found in an unconfigured or misconfigured state.
pub const EXIT_BAD_CONFIG: u8 = 78;

/// Where the file is looked for when none is named.
pub const DEFAULT_FILES: [&str; 2] = ["orderline.toml", "/etc/orderline/orderline.toml"];

const PREFIX: &str = "ORDERLINE__";

/// All settings of the voice server, checked.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `[server]`: the AudioSocket listener.
    pub server: server::Settings,
    /// `[call]`: what holds for every call.
    pub call: call::Settings,
    /// `[transfer]`: to a person, and back.
    pub transfer: call::transfer::Settings,
    /// `[tape]`: recording of calls.
    pub tape: call::tape::Settings,
    /// `[http]`: health, metrics, registration.
    pub http: http::Settings,
    /// `[ari]`: who calls, asked of Asterisk.
    pub ari: ari::Settings,
    /// `[conversation]`: what the shop chooses about the talk.
    pub conversation: conversation::Settings,
    /// `[hearing]`: speech to text.
    pub hearing: stt::Settings,
    /// `[thinking]`: what to say and do.
    pub thinking: llm::Settings,
    /// `[speaking]`: text to speech.
    pub speaking: tts::Settings,
    /// `[store]`: the shop's Store API.
    pub store: store::Settings,
    /// `[shop]`: the reference store, for `orderline store` only.
    pub shop: crate::store::Settings,
    /// `[audit]`: the journal of order actions.
    pub audit: audit::Settings,
    /// `[log]`.
    pub log: telemetry::Settings,
    /// The file that was read, for the log.
    pub file: Option<PathBuf>,
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0.len();
        write!(f, "the configuration has {n} problem{}:", if n == 1 { "" } else { "s" })?;
        for problem in &self.0 {
            write!(f, "\n  - {problem}")?;
        }
        Ok(())
    }
}

impl Config {
    /// Reads the named file, or the first of [`DEFAULT_FILES`] that exists, and the process's environment.
    ///
    /// # Errors
    /// All problems found, never only the first.
    pub fn load(file: Option<&Path>) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        // A variable that is no Unicode cannot be one of ours to use; it is reported, not skipped.
        let mut environment = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            match value.into_string() {
                Ok(value) => drop(environment.insert(name.to_owned(), value)),
                Err(_) => problems.push(format!("environment variable {name}: expected UTF-8 text")),
            }
        }
        let file = match file {
            Some(file) => Some(file.to_owned()),
            None => DEFAULT_FILES.iter().map(PathBuf::from).find(|file| file.exists()),
        };
        let text = match &file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).unwrap_or_else(|error| {
                problems.push(format!("{}: expected a readable TOML file: {error}", path.display()));
                String::new()
            }),
        };
        Self::from_parts(file, &text, environment, problems)
    }

    /// Reads a TOML text and variables given as they would be named in the environment.
    ///
    /// # Errors
    /// All problems found, never only the first.
    pub fn from_text(text: &str, environment: BTreeMap<String, String>) -> Result<Self, Problems> {
        Self::from_parts(None, text, environment, Vec::new())
    }

    fn from_parts(
        file: Option<PathBuf>,
        text: &str,
        environment: BTreeMap<String, String>,
        problems: Vec<String>,
    ) -> Result<Self, Problems> {
        let origin = file.as_deref().map_or_else(|| "text".to_owned(), |path| path.display().to_string());
        let mut gather = Gather::new(text, environment, &origin, problems);
        let config = Self {
            server: gather.section("server", server::Settings::problems),
            call: gather.section("call", call::Settings::problems),
            transfer: gather.section("transfer", call::transfer::Settings::problems),
            tape: gather.section("tape", call::tape::Settings::problems),
            http: gather.section("http", http::Settings::problems),
            ari: gather.section("ari", ari::Settings::problems),
            conversation: gather.section("conversation", conversation::Settings::problems),
            hearing: gather.section("hearing", stt::Settings::problems),
            thinking: gather.section("thinking", llm::Settings::problems),
            speaking: gather.section("speaking", tts::Settings::problems),
            store: gather.section("store", store::Settings::problems),
            // `orderline store` checks its own values: nobody else needs its token.
            shop: gather.section("shop", |_| Vec::new()),
            audit: gather.section("audit", audit::Settings::problems),
            log: gather.section("log", telemetry::Settings::problems),
            file,
        };
        gather.finish()?;
        Ok(config)
    }
}

/// The merged sources, from which sections are taken one after the other.
struct Gather {
    root: Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<String>,
}

impl Gather {
    fn new(
        text: &str,
        environment: BTreeMap<String, String>,
        origin: &str,
        mut problems: Vec<String>,
    ) -> Self {
        // The file is checked alone first, so that a broken file does not hide what the environment gets wrong.
        let text = match text.parse::<toml::Table>() {
            Ok(_) => text,
            Err(error) => {
                problems.push(format!("{origin}: {}", error.to_string().trim_end().replace('\n', "\n    ")));
                ""
            }
        };
        let (scalars, tables) = split(environment, &mut problems);
        let mut builder = config::Config::builder().add_source(File::from_str(text, FileFormat::Toml));
        builder = builder.add_source(
            config::Environment::with_prefix("ORDERLINE")
                .prefix_separator("__")
                .separator("__")
                .ignore_empty(true)
                .source(Some(scalars)),
        );
        for (key, value) in tables {
            match builder.clone().set_override(&key, value) {
                Ok(next) => builder = next,
                Err(error) => problems.push(format!("environment: {key}: {error}")),
            }
        }
        let root = builder.build().and_then(|config| config.collect()).unwrap_or_else(|error| {
            problems.push(format!("the sources do not fit together: {error}"));
            Map::new()
        });
        Self { root, known: Vec::new(), problems }
    }

    /// Takes a section; its defaults if it is not there or not usable (then the problems say why).
    fn section<T: DeserializeOwned + Default>(
        &mut self,
        name: &'static str,
        check: impl Fn(&T) -> Vec<String>,
    ) -> T {
        self.known.push(name);
        let Some(value) = self.root.remove(name) else {
            return T::default();
        };
        let table = match value.clone().into_table() {
            Ok(table) => table,
            Err(_) => {
                self.problems.push(format!("[{name}]: expected a table"));
                return T::default();
            }
        };
        let before = self.problems.len();
        match self.read::<T>(name, value) {
            Ok(settings) => {
                // Parts name their keys in full; a short one is completed.
                let full = |problem: String| match problem.starts_with(&format!("{name}.")) {
                    true => problem,
                    false => format!("{name}.{problem}"),
                };
                self.problems.extend(check(&settings).into_iter().map(full));
                settings
            }
            Err(whole) => {
                // Reading stops at the first wrong value, so each key is read alone to find the others.
                self.problems.truncate(before);
                for (key, value) in table {
                    let alone = Value::new(None, Map::from_iter([(key, value)]));
                    match self.read::<T>(name, alone) {
                        Err(error) if !error.contains("missing field") => self.problems.push(error),
                        _ => {}
                    }
                }
                if self.problems.len() == before {
                    self.problems.push(whole);
                }
                T::default()
            }
        }
    }

    fn read<T: DeserializeOwned>(&mut self, name: &str, value: Value) -> Result<T, String> {
        let problems = &mut self.problems;
        serde_ignored::deserialize(value, |path| {
            problems.push(format!("[{name}] {path}: unknown key"));
        })
        .map_err(|error: config::ConfigError| format!("[{name}] {error}"))
    }

    fn finish(mut self) -> Result<(), Problems> {
        for name in self.root.keys() {
            let known = self.known.join(", ");
            self.problems.push(format!("[{name}]: unknown section; expected one of {known}"));
        }
        if self.problems.is_empty() { Ok(()) } else { Err(Problems(self.problems)) }
    }
}

type Split = (Map<String, String>, Vec<(String, Value)>);

/// Parts plain values from those that are written as TOML lists or tables.
fn split(environment: BTreeMap<String, String>, problems: &mut Vec<String>) -> Split {
    let mut scalars = Map::new();
    let mut tables = Vec::new();
    for (name, value) in environment {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        if !value.starts_with(['[', '{']) {
            scalars.insert(name, value);
            continue;
        }
        let key = path.to_lowercase().replace("__", ".");
        let parsed = File::from_str(&format!("value = {value}"), FileFormat::Toml).collect();
        match parsed.map(|mut table| table.remove("value")) {
            Ok(Some(value)) => tables.push((key, value)),
            _ => problems.push(format!("environment variable {name}: expected a TOML list or table")),
        }
    }
    (scalars, tables)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, Problems> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::from_text(text, environment)
    }

    #[test]
    fn nothing_at_all_is_a_configuration() {
        let config = read("", &[]).unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:9092".parse().unwrap());
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let config = read("[server]\nmax_calls = 3\n", &[("ORDERLINE__SERVER__MAX_CALLS", "7")]).unwrap();
        assert_eq!(config.server.max_calls, 7);
    }

    #[test]
    fn lists_and_tables_can_come_from_the_environment() {
        let config = read(
            "",
            &[
                ("ORDERLINE__SERVER__PEERS", r#"["10.0.0.0/8", "::1"]"#),
                ("ORDERLINE__CALL__DIALLED", r#"{ "200" = "en" }"#),
            ],
        )
        .unwrap();
        assert_eq!(config.server.peers.len(), 2);
        assert_eq!(config.call.dialled["200"], crate::language::Language::English);
    }

    #[test]
    fn an_empty_variable_counts_as_not_given() {
        assert_eq!(read("", &[("ORDERLINE__SERVER__MAX_CALLS", "")]).unwrap().server.max_calls, 100);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text = "
            [server]
            listen = \"nowhere\"
            max_calls = \"many\"
            colour = \"red\"
            [call]
            max_minutes = 0
            [shop]
            x = 1
        ";
        let Problems(problems) =
            read(text, &[("ORDERLINE__HTTP__LISTEN", "x"), ("ORDERLINE__SERVER__PEERS", "[1,")]).unwrap_err();
        for part in
            ["listen", "max_calls", "colour", "[shop]", "max_minutes", "[http]", "ORDERLINE__SERVER__PEERS"]
        {
            assert!(problems.iter().any(|problem| problem.contains(part)), "{part} in {problems:#?}");
        }
        assert_eq!(problems.len(), 7, "{problems:#?}");
    }

    #[test]
    fn a_broken_file_is_one_problem_with_its_line() {
        let Problems(problems) = read("[server\n", &[("ORDERLINE__SERVER__MAX_CALLS", "x")]).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:#?}");
        assert!(problems[0].contains("line 1"), "{problems:#?}");
    }

    /// The sample with every comment sign before a setting taken away.
    fn uncommented() -> String {
        let sample = include_str!("../samples/orderline.toml");
        let setting = |line: &str| {
            line.starts_with('#') && line[1..].starts_with(|c: char| c == '"' || c.is_ascii_lowercase())
        };
        sample
            .lines()
            .map(|line| if setting(line) { &line[1..] } else { line })
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn no_secret_has_a_default_and_a_short_one_is_refused() {
        let reachable = "[http]\nlisten = '0.0.0.0:9090'";
        for (text, expected) in [
            (reachable.to_owned(), "http.token: expected a shared token"),
            (format!("{reachable}\ntoken = 'short'"), "http.token: expected at least 16 characters"),
            ("[ari]\nbase_url = 'http://127.0.0.1:8088'".to_owned(), "ari.password: expected the password"),
            ("[ari]\nbase_url = 'http://127.0.0.1:8088'\npassword = ''".to_owned(), "ari.password"),
        ] {
            let told = read(&text, &[]).unwrap_err().to_string();
            assert!(told.contains(expected), "{expected}: {told}");
            assert!(!told.contains("short'"), "{told}");
        }
        // The store's own, which `orderline store` checks: none of them is anything until somebody sets it.
        let told = crate::store::Settings::default().problems().join("\n");
        assert!(told.contains("shop.token: expected at least 32 bytes, found 0"), "{told}");
        let short = || "s".repeat(31).into();
        let mut shop = crate::store::Settings {
            token: short(),
            previous_token: Some(short()),
            ..crate::store::Settings::default()
        };
        shop.crm.website_api_key = Some(short());
        shop.pay.callback_secret = Some(short());
        let told = shop.problems().join("\n");
        assert_eq!(told.matches("expected at least 32 bytes, found 31").count(), 4, "{told}");
    }

    #[test]
    fn the_sample_configuration_is_in_order_as_it_is() {
        read(include_str!("../samples/orderline.toml"), &[]).unwrap();
    }

    #[test]
    fn the_example_of_the_readme_is_a_configuration_but_for_its_files() {
        let (_, after) = include_str!("../README.md").split_once("```toml").unwrap();
        let (example, _) = after.split_once("```").unwrap();
        let Problems(problems) = read(example, &[]).unwrap_err();
        let missing = problems.iter().filter(|problem| problem.contains("_file: expected a readable file"));
        assert_eq!((missing.count(), problems.len()), (2, 2), "{problems:#?}");
    }

    #[test]
    fn every_setting_of_the_sample_is_known_and_has_its_default_there() {
        let secret = "0123456789abcdef0123456789abcdef";
        // What the sample leaves to the environment, or names as a file that does not exist here.
        let text =
            uncommented().lines().filter(|line| !line.contains("_file = ")).collect::<Vec<_>>().join("\n");
        let config = read(&text, &[("ORDERLINE__ARI__PASSWORD", secret)]).unwrap();
        let plain = Config::default();
        let shown = |config: &Config| {
            format!(
                "{:?}{:?}{:?}{:?}{:?}{:?}{:?}",
                config.server,
                config.transfer,
                config.conversation,
                config.hearing,
                config.thinking,
                config.speaking,
                config.log
            )
        };
        assert_eq!(shown(&config), shown(&plain));
        assert_eq!(config.call, call::Settings { dialled: config.call.dialled.clone(), ..plain.call });
        assert_eq!(config.ari.transfer, plain.ari.transfer);
        let media_host = config.ari.stasis.media_host.clone();
        assert_eq!(config.ari.stasis, ari::stasis::Settings { media_host, ..plain.ari.stasis });
        assert_eq!(config.store.deadline_ms, plain.store.deadline_ms);
    }
}
