//! Every system's OpenAPI document against the system: schemathesis (PyPI) invents requests from the document, good and
//! bad, and each answer must be one that the document knows, in status, media type and shape, and none a server's error.

use std::path::{Path, PathBuf};

use orderline::store::{EmailSettings, LimitSettings, Role};
use tokio::process::Command;

use crate::desk::{Desk, TOKEN};
use crate::passport::{self, Passports};

/// Where `.ci/prepare test` puts it.
const PROGRAM: &str = "target/schemathesis/bin/schemathesis";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,ignored_auth";
/// Of each operation, besides what the document's own limits suggest.
const EXAMPLES: &str = "15";

/// The program. On a machine without it these tests are ignored unless somebody wants them.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROGRAM);
    assert!(
        program.exists(),
        "expected {PROGRAM}; CI=true .ci/prepare test installs it (Python 3 with venv, and PyPI)"
    );
    program
}

/// Runs it against one system with one credential.
async fn run(desk: &Desk, system: &str, token: &str, seed: &str) {
    let program = program();
    let base = format!("{}/{system}", desk.base);
    let mut command = Command::new(program);
    command.arg("run").arg(format!("{base}/openapi.json"));
    command.args(["--url", &base, "--header", &format!("Authorization: Bearer {token}")]);
    command.args(["--phases", "examples,coverage,fuzzing", "--checks", CHECKS, "--max-examples", EXAMPLES]);
    command.args(["--seed", seed, "--generation-database", "none", "--suppress-health-check", "all"]);
    command.args(["--warnings", "off", "--no-color", "--continue-on-failure", "--request-timeout", "20"]);
    let folder = tempfile::tempdir().unwrap();
    let ran = command.current_dir(&folder).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{system}: {}\n{said}\n{errors}", ran.status);
    let summary = said.rfind("SUMMARY").map_or(said.as_ref(), |at| &said[at..]);
    println!("{system}: {summary}");
}

async fn open(passports: &Passports) -> Desk {
    let key = passports.key();
    Desk::open_with(move |settings| {
        settings.identity.signing_key_file = Some(key);
        settings.crm.website_api_key = Some(TOKEN.into());
        settings.pay.callback_secret = Some(TOKEN.into());
        // Nobody listens there: letters wait in the outbox.
        let smtp_url = "smtp://127.0.0.1:1".into();
        settings.email = Some(EmailSettings { smtp_url, from: "Shop <orders@shop.example>".to_owned() });
        settings.limits = LimitSettings { requests_per_min: 0, misses_per_min: 0, guesses_per_min: 0 };
        settings.max_unpaid_orders = 10_000;
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs schemathesis: CI=true make test"]
async fn the_store_api_answers_as_its_document_says() {
    let passports = Passports::new();
    let desk = open(&passports).await;
    run(&desk, "store", TOKEN, "1").await;
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs schemathesis: CI=true make test"]
async fn the_light_bulb_store_answers_as_its_document_says() {
    let passports = Passports::new();
    let desk = open(&passports).await;
    let admin = passport::token(&desk, Role::Admin).await;
    run(&desk, "lightbulb", &admin, "2").await;
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs schemathesis: CI=true make test"]
async fn the_crm_answers_as_its_document_says() {
    let passports = Passports::new();
    let desk = open(&passports).await;
    let manager = passport::token(&desk, Role::Manager).await;
    run(&desk, "crm", &manager, "3").await;
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs schemathesis: CI=true make test"]
async fn the_marketplace_answers_buyers_and_programmes_as_its_document_says() {
    let passports = Passports::new();
    let desk = open(&passports).await;
    let user = passports.user(&desk, "+79161112233", true).await;
    let buyer = passports.sign(&desk, user, &["customer"], 900).await;
    let service = passport::token(&desk, Role::Service).await;
    tokio::join!(run(&desk, "market", &buyer, "4"), run(&desk, "market", &service, "5"));
    desk.close().await;
}
