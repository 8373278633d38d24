//! What SECURITY.md claims, held to the sources: its tests exist, what says something of a person cannot be shown, SQL is
//! put together of our own texts alone, and the crates are of the registry and under licences that are allowed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::source::Source;
use super::{read, root, rust_files, told};

#[test]
fn every_test_that_the_security_list_names_exists() {
    let mut tests = BTreeSet::new();
    for path in rust_files(&["src", "tests", "audiosocket"]) {
        let text = read(&path);
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                tests.insert(rest.split(['(', '<']).next().unwrap_or_default().to_owned());
                is_test = false;
            }
        }
    }
    assert!(tests.len() > 500, "{}", tests.len());
    let list = read(Path::new("SECURITY.md"));
    let rows: Vec<&str> =
        list.lines().filter(|line| line.starts_with("| ") && row_number(line).is_some()).collect();
    let numbers: Vec<u32> = rows.iter().filter_map(|row| row_number(row)).collect();
    assert_eq!(numbers, (1..=24).collect::<Vec<_>>(), "the 24 rows of the list, in order");
    let mut problems = Vec::new();
    for row in rows {
        let proof = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let named: Vec<&str> =
            proof.split('`').skip(1).step_by(2).filter(|name| name.contains('_')).collect();
        if named.is_empty() && !proof.contains("Not ") {
            problems.push(format!("a row without a test and without a reason: {row}"));
        }
        for name in named.iter().filter(|name| !tests.contains(**name)) {
            problems.push(format!("SECURITY.md names a test that does not exist: {name}"));
        }
    }
    // Files that it names exist too.
    for name in list.split('`').skip(1).step_by(2) {
        let is_path = ["src/", "tests/", "asterisk-config/", ".ci/"].iter().any(|top| name.starts_with(top));
        if is_path && !root().join(name).exists() {
            problems.push(format!("SECURITY.md names a file that does not exist: {name}"));
        }
    }
    told(&problems);
}

fn row_number(line: &str) -> Option<u32> {
    line.split('|').nth(1)?.trim().parse().ok()
}

/// Members that hold something of a person wherever they are.
const PERSONAL: &[&str] = &[
    "actor_details",
    "address",
    "caller",
    "customer_email",
    "customer_name",
    "customer_phone",
    "email",
    "first_name",
    "flat",
    "last_name",
    "phone",
    "recipient",
    "street",
    "transcript",
    "user_name",
];

/// File, type, and why its `Debug` may show it.
const SHOWN: &[(&str, &str, &str)] = &[
    ("src/call/registry.rs", "Live", "the number is masked already"),
    ("src/doctor.rs", "Trap", "what a caller lives through, in our words"),
    ("src/orders.rs", "PickupPoint", "the shop's own address"),
    ("src/store/places.rs", "PointView", "the shop's own address and number"),
    ("src/store/seed.rs", "Point", "the shop's own address and number"),
];

#[test]
fn what_says_something_of_a_person_shows_nothing_of_it() {
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for path in rust_files(&["src"]) {
        let source = Source::of(&path, &read(&path)).without_tests();
        for (name, body) in shown_types(source.code()) {
            let leaks = |line: &&str| {
                let Some((member, kind)) = line.trim().split_once(": ") else { return false };
                let member = member.rsplit(' ').next().unwrap_or_default();
                let bare = (kind.contains("String") || kind.contains("str")) && !kind.contains("Pii<");
                PERSONAL.contains(&member) && bare
            };
            let Some(line) = body.split([',', '\n', '{']).find(leaks) else { continue };
            match SHOWN.iter().find(|(file, shown, _)| Path::new(file) == path && *shown == name) {
                Some((file, shown, _)) => {
                    used.insert((*file, *shown));
                }
                None => problems.push(format!(
                    "{}: {name} derives Debug and has {:?}: wrap it in Pii, or give the type masked!({name})",
                    path.display(),
                    line.trim()
                )),
            }
        }
    }
    for (file, shown, _) in SHOWN {
        if !used.contains(&(*file, *shown)) {
            problems.push(format!("the exception for {shown} in {file} is not used any more"));
        }
    }
    told(&problems);
}

/// The types that derive `Debug`: their names and bodies.
fn shown_types(code: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("#[derive(") {
        let Some((derives, rest)) = code[at..].split_once(")]") else { continue };
        let is_shown = derives.split(['(', ',']).any(|word| word.trim() == "Debug");
        let Some(open) = rest.find('{').filter(|_| is_shown) else { continue };
        let head = &rest[..open];
        // A tuple, or something else in between.
        if head.contains(';') {
            continue;
        }
        let Some(name) = head.split("struct ").nth(1).or_else(|| head.split("enum ").nth(1)) else {
            continue;
        };
        let name = name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let mut depth = 0_usize;
        let end = rest[open..].char_indices().find_map(|(i, c)| {
            depth = match c {
                '{' => depth + 1,
                '}' => depth - 1,
                _ => depth,
            };
            (depth == 0).then_some(open + i)
        });
        found.push((name, &rest[open + 1..end.unwrap_or(rest.len())]));
    }
    found
}

/// Where a statement is put together at run time. sqlx takes any other text only as a constant; here each is made of
/// constants, and every value is bound.
const STATEMENTS: &[&str] = &[
    "src/audit/export.rs",
    // The names of partitions, quoted by PostgreSQL itself.
    "src/audit/retain.rs",
    "src/audit/verify/acts.rs",
    "src/audit/verify/database.rs",
    "src/postgres.rs",
    "src/store/catalog.rs",
    "src/store/crm/pool.rs",
    "src/store/market/orders/view.rs",
];

#[test]
fn statements_are_put_together_in_few_places() {
    let mut problems = Vec::new();
    for path in rust_files(&["src"]) {
        let lines = Source::of(&path, &read(&path)).without_tests().lines_naming("AssertSqlSafe");
        if !lines.is_empty() && !STATEMENTS.iter().any(|known| Path::new(known) == path) {
            problems.push(format!("{}:{lines:?}: read it, then add the file to the list", path.display()));
        }
    }
    told(&problems);
}

#[test]
fn every_crate_is_of_the_registry_and_under_a_licence_that_is_allowed() {
    let policy: toml::Table = read(Path::new(".ci/deny.toml")).parse().expect("TOML");
    let texts = |section: &str, key: &str| -> Vec<String> {
        let list = policy[section][key].as_array().expect("a list");
        list.iter()
            .map(|item| item.as_str().or_else(|| item["name"].as_str()).expect("a name").to_owned())
            .collect()
    };
    let (licences, banned) = (texts("licenses", "allow"), texts("bans", "deny"));
    let registries = texts("sources", "allow-registry");
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    // Other platforms' crates are read too, which a build for this one does not fetch.
    assert!(
        output.status.success(),
        "the crates of Cargo.lock cannot be read here; if some were never fetched, run: cargo fetch --locked\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100);
    let mut problems = Vec::new();
    for package in packages {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let name = text("name");
        if banned.iter().any(|banned| banned == name) {
            problems.push(format!("{name} is banned"));
        }
        if !may_be_used(text("license"), &licences) {
            problems.push(format!("{name}: {:?} needs a licence that is not allowed", text("license")));
        }
        let ours = package["source"].is_null();
        if !ours && !registries.iter().any(|registry| text("source") == format!("registry+{registry}")) {
            problems.push(format!("{name} is of {}", text("source")));
        }
    }
    told(&problems);
}

/// Whether an SPDX expression can be met: of alternatives one, of a conjunction all. `/` is the older form of OR.
fn may_be_used(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace(" / ", " OR ").replace('/', " OR ");
    let parts = |text: &str, word: &str| -> Vec<String> {
        let (mut parts, mut depth) = (vec![String::new()], 0);
        for token in text.replace('(', "( ").replace(')', " )").split_whitespace() {
            depth += i32::from(token == "(") - i32::from(token == ")");
            match parts.last_mut() {
                Some(_) if token == word && depth == 0 => parts.push(String::new()),
                Some(part) => {
                    part.push_str(token);
                    part.push(' ');
                }
                None => {}
            }
        }
        parts.into_iter().map(|part| part.trim().to_owned()).collect()
    };
    // AND binds more tightly than OR.
    let any = parts(&expression, "OR");
    if any.len() > 1 {
        return any.iter().any(|part| may_be_used(part, allowed));
    }
    let all = parts(&expression, "AND");
    if all.len() > 1 {
        return all.iter().all(|part| may_be_used(part, allowed));
    }
    let one = all[0].as_str();
    match one.strip_prefix("( ").and_then(|one| one.strip_suffix(" )")) {
        Some(inner) => may_be_used(inner, allowed),
        None => allowed.iter().any(|licence| licence == one),
    }
}

#[test]
fn an_expression_of_licences_is_met_by_one_alternative_and_by_all_of_a_conjunction() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()];
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("ISC AND (MIT OR GPL-3.0)", true),
        ("ISC AND (GPL-2.0 OR GPL-3.0)", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("", false),
    ] {
        assert_eq!(may_be_used(expression, &allowed), met, "{expression}");
    }
}
