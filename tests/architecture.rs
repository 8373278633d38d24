//! The house rules of `src/`, held to the code: which room may import which, what the core may never touch, and how long a
//! file may be.
//!
//! The table below is the design. A new room gets its row; a direction that the table does not know fails here, and either
//! the code or the design is wrong. An exception carries its reason, and goes when it is no longer used.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "architecture/security.rs"]
mod security;
#[path = "architecture/source.rs"]
mod source;

use source::Source;

/// A room of the house: `src/NAME.rs` and `src/NAME/`.
struct Room {
    name: &'static str,
    /// What its code may name by `crate::…`, besides itself; `audiosocket` is the protocol's crate.
    may: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room { name: "cli", may: EVERYTHING },
    // Gathers what each command's parts declare as their `Settings`, the reference store's too.
    Room {
        name: "config",
        may: &[
            "ari",
            "audit",
            "call",
            "conversation",
            "engines",
            "http",
            "orders",
            "server",
            "store",
            "telemetry",
        ],
    },
    Room { name: "server", may: &["audiosocket", "call", "ids", "telemetry"] },
    Room { name: "http", may: &["audit", "call", "ids", "telemetry"] },
    Room {
        name: "call",
        may: &[
            "ari",
            "audio",
            "audiosocket",
            "audit",
            "conversation",
            "engines",
            "ids",
            "orders",
            "telemetry",
        ],
    },
    Room { name: "conversation", may: &["audio", "dialogue", "ids", "language", "orders"] },
    // Pure like the core, whose state it is.
    Room { name: "dialogue", may: &["ids", "language", "orders"] },
    Room {
        name: "engines",
        may: &["audio", "conversation", "dialogue", "ids", "language", "orders", "telemetry"],
    },
    Room { name: "ari", may: &["ids", "telemetry"] },
    Room { name: "orders", may: &["ids", "language", "telemetry"] },
    Room { name: "audit", may: &["ids", "orders", "telemetry"] },
    // A pure function of what is known of a PBX; whoever calls it asks.
    Room { name: "doctor", may: &[] },
    Room { name: "language", may: &[] },
    Room { name: "audio", may: &["ids"] },
    // As foreign to the voice server as a customer's own shop, in both directions.
    Room { name: "store", may: &["language", "telemetry"] },
    Room { name: "ids", may: &[] },
    Room { name: "telemetry", may: &[] },
    // A caller's telephone, for the demo and for `orderline call`.
    Room { name: "telephone", may: &["audio", "audiosocket", "ids"] },
    // Many of them at once, to measure with: as little of its own as can be.
    Room { name: "load", may: &["audiosocket"] },
    // A whole call without a wire: the core, the rules and a shop of its own, in virtual time.
    Room {
        name: "rehearsal",
        may: &["dialogue", "audio", "conversation", "engines", "ids", "language", "orders"],
    },
    // Callers who talk with the conversation on the rehearsal's stage.
    Room { name: "simulate", may: &["conversation", "dialogue", "ids", "language", "orders", "rehearsal"] },
    // A private PostgreSQL cluster in a folder.
    Room { name: "postgres", may: &[] },
];

const EVERYTHING: &[&str] = &[
    "ari",
    "audio",
    "audiosocket",
    "audit",
    "call",
    "config",
    "conversation",
    "dialogue",
    "doctor",
    "engines",
    "http",
    "ids",
    "language",
    "load",
    "orders",
    "postgres",
    "rehearsal",
    "server",
    "simulate",
    "store",
    "telemetry",
    "telephone",
];

/// What code under `#[cfg(test)]` may name on top of its room's row.
const TESTS_MAY: &[&str] = &["ids", "language", "postgres"];

/// Directions beyond the table: from, to, why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("ari", "conversation", "what ARI knows of a caller is the core's noun `Identity`"),
    ("ari", "language", "the dialplan may choose the language, which `Identity` carries"),
    ("call", "language", "the settings name the language of the greeting and of dialled numbers"),
    ("http", "conversation", "a registration by HTTP makes the core's noun `Identity`"),
    ("http", "language", "a registration may choose the language"),
];

/// Rooms within a room that may not name each other: one engine per folder, and none knows another.
const STRANGERS: &[(&str, &[&str])] = &[("engines", &["stt", "llm", "tts"])];

/// What the core must never name: the world, its clocks, its chances, and numbers that differ between machines.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "the core never waits"),
    ("async", "the core never waits"),
    ("TcpStream", "sockets"),
    ("TcpListener", "sockets"),
    ("UdpSocket", "sockets"),
    ("Instant", "time comes as `CallTime`"),
    ("SystemTime", "time comes as `CallTime`"),
    ("Utc", "today comes with `Answered`"),
    ("Local", "today comes with `Answered`"),
    ("rand", "chance comes as a seed"),
    ("fastrand", "chance comes as a seed"),
    ("RandomState", "chance comes as a seed"),
    ("new_v4", "ids are derived"),
    ("now_v7", "ids are derived"),
    ("HashMap", "its order differs from run to run: use BTreeMap"),
    ("HashSet", "its order differs from run to run: use BTreeSet"),
    ("f32", "whole numbers only"),
    ("f64", "whole numbers only"),
    ("thread", "the core never waits"),
    ("env", "settings come as values"),
];

// Agreed with the house style: 150 to 300 lines, 500 at most.
const MAX_LINES: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files under these folders, by their paths from the root.
fn rust_files(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.strip_prefix(root()).expect("a path under the root").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).expect("a readable source file")
}

/// The room of a file, none for the two roots.
fn room_of(path: &Path) -> Option<String> {
    let first = path.components().nth(1)?.as_os_str().to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (name != "lib" && name != "main").then(|| name.to_owned())
}

fn told(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_import_goes_in_a_direction_of_the_table() {
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for path in rust_files(&["src"]) {
        let Some(name) = room_of(&path) else { continue };
        let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
            problems.push(format!("{}: the room {name} has no row in the table", path.display()));
            continue;
        };
        for import in Source::of(&path, &read(&path)).imports() {
            let to = import.room.as_str();
            let allowed =
                to == room.name || room.may.contains(&to) || (import.test && TESTS_MAY.contains(&to));
            let exception = EXCEPTIONS.iter().find(|(from, into, _)| *from == room.name && *into == to);
            if let Some((from, into, _)) = exception {
                used.insert((*from, *into));
            } else if !allowed {
                let line = import.line;
                problems.push(format!("{}:{line}: {name} may not import {to}", path.display()));
            }
        }
    }
    for (from, into, _) in EXCEPTIONS {
        if !used.contains(&(*from, *into)) {
            problems.push(format!("the exception {from} -> {into} is not used any more"));
        }
    }
    told(&problems);
}

#[test]
fn no_engine_knows_another() {
    let mut problems = Vec::new();
    for path in rust_files(&["src"]) {
        for (room, strangers) in STRANGERS {
            let within = |stranger: &&&str| {
                path.starts_with(format!("src/{room}/{stranger}"))
                    || path == Path::new(&format!("src/{room}/{stranger}.rs"))
            };
            let Some(home) = strangers.iter().find(within) else { continue };
            let source = Source::of(&path, &read(&path));
            for stranger in strangers.iter().filter(|stranger| *stranger != home) {
                for line in source.lines_naming(&format!("crate::{room}::{stranger}")) {
                    problems.push(format!("{}:{line}: {home} may not know {stranger}", path.display()));
                }
            }
        }
    }
    told(&problems);
}

#[test]
fn no_file_reaches_another_room_through_super() {
    let mut problems = Vec::new();
    for path in rust_files(&["src"]) {
        if room_of(&path).is_none() {
            continue;
        }
        // src/a.rs is one below the crate, src/a/b.rs two; so many `super`s at the left margin leave the room.
        let depth = path.components().count() - 1;
        for (number, line) in Source::of(&path, &read(&path)).code().lines().enumerate() {
            let supers = line.matches("super::").count();
            if line.starts_with("use super::") && supers >= depth {
                let number = number + 1;
                problems.push(format!("{}:{number}: expected crate::, found super::", path.display()));
            }
        }
    }
    told(&problems);
}

#[test]
fn the_core_is_pure() {
    let mut problems = Vec::new();
    let core =
        |path: &PathBuf| path.starts_with("src/conversation") || path == Path::new("src/conversation.rs");
    for path in rust_files(&["src"]).into_iter().filter(core) {
        let source = Source::of(&path, &read(&path));
        // A test of the core may time itself or make noise; it is not the core.
        for (word, why) in IMPURE {
            for line in source.without_tests().lines_naming(word) {
                problems.push(format!("{}:{line}: {word} in the core: {why}", path.display()));
            }
        }
        for line in source.without_tests().lines_with_floats() {
            problems.push(format!("{}:{line}: a floating-point number in the core", path.display()));
        }
    }
    told(&problems);
}

#[test]
fn no_file_is_too_long() {
    let problems: Vec<String> = rust_files(&["src", "tests", "audiosocket"])
        .into_iter()
        .filter_map(|path| {
            let lines = read(&path).lines().count();
            (lines > MAX_LINES)
                .then(|| format!("{}: expected at most {MAX_LINES} lines, found {lines}", path.display()))
        })
        .collect();
    told(&problems);
}
