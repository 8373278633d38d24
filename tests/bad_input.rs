//! What comes from outside and is wrong: configuration, files, neighbours that are away. Each is told in a sentence that
//! says what was expected, and what can go on goes on.

#![allow(clippy::unwrap_used)]

#[path = "support/caller.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod caller;
#[path = "support/house.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod house;
#[path = "support/model.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod model;
#[path = "bad_input/process.rs"]
mod process;
#[path = "bad_input/store.rs"]
mod store;
#[path = "support/told.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod told;

use std::net::TcpListener;
use std::time::Duration;

use axum::http::StatusCode;
use caller::hang_up;
use orderline::postgres::Cluster;
use orderline::telephone::Ended;
use process::{Orderline, sample_model};
use sqlx::PgPool;
use tokio::time::timeout;

/// Two ports that are taken: a command that wanted them would say so.
fn taken() -> [(TcpListener, String); 2] {
    std::array::from_fn(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    })
}

#[tokio::test]
async fn all_problems_of_a_configuration_are_told_before_any_port_is_wanted() {
    let [(_held, calls), (_held_too, web)] = taken();
    let file = format!(
        "[server]\nlisten = '{calls}'\nmax_calls = 'many'\n[http]\nlisten = '{web}'\n[ari]\nbase_url = 'gopher://pbx'\n\
         [conversation]\nbarge_in_ms = 5\n[audit]\nnode = ''\n[speling]\nx = 1\n"
    );
    let ended = Orderline::new(&["serve"]).file(&file).with("CALL__MAX_MINUTES", "0").end().await;
    assert_eq!(ended.status.code(), Some(78), "{}", ended.complained);
    assert_eq!(ended.said, "");
    for expected in [
        "the configuration has 6 problems:",
        "max_calls",
        "base_url: expected an address such as http://127.0.0.1:8088, found \"gopher://pbx\"",
        "conversation.barge_in_ms: expected 60 to 2000 milliseconds, found 5",
        "audit.node: expected 1 to 64 printable characters, found 0 characters",
        "[speling]: unknown section; expected one of server, ",
        "call.max_minutes: expected 1 to 1440, found 0",
    ] {
        assert!(ended.complained.contains(expected), "{expected}\n{}", ended.complained);
    }
    assert!(!ended.complained.contains("cannot listen"), "{}", ended.complained);
}

#[tokio::test]
async fn a_configuration_file_that_is_not_there_is_told_and_defaults_do_not_take_its_place() {
    let ended = Orderline::new(&["serve", "--config", "nowhere.toml"]).end().await;
    assert_eq!(ended.status.code(), Some(78), "{}", ended.complained);
    assert!(ended.complained.contains("nowhere.toml: expected a readable TOML file"), "{}", ended.complained);
}

#[tokio::test]
async fn a_model_file_that_is_none_is_told_before_any_port_is_wanted() {
    let whole = std::fs::read(sample_model()).unwrap();
    let cases: [(&str, Option<&[u8]>, &str); 4] = [
        ("missing.bin", None, "expected a Whisper model in ggml format: No such file"),
        ("cut.bin", Some(&whole[..whole.len() / 2]), "it was not copied or downloaded whole"),
        ("page.bin", Some(b"<!DOCTYPE html>"), "expected a Whisper model in ggml format (first bytes"),
        ("chat.bin", Some(b"GGUF\x03\0\0\0"), "a GGUF file, which is a language model"),
    ];
    for (name, bytes, expected) in cases {
        let [(_held, calls), (_held_too, web)] = taken();
        let orderline = Orderline::new(&["serve"])
            .with("SERVER__LISTEN", calls)
            .with("HTTP__LISTEN", web)
            .with("HEARING__WHISPER__MODEL", name);
        if let Some(bytes) = bytes {
            std::fs::write(orderline.folder.path().join(name), bytes).unwrap();
        }
        let ended = orderline.end().await;
        assert_eq!(ended.status.code(), Some(1), "{name}: {}", ended.complained);
        assert!(ended.complained.contains(&format!("the hearing model {name}: ")), "{}", ended.complained);
        assert!(ended.complained.contains(expected), "{expected}\n{}", ended.complained);
        assert!(!ended.complained.contains("cannot listen"), "{}", ended.complained);
    }
}

#[tokio::test]
async fn a_voice_that_is_not_installed_is_told_with_its_package() {
    let ended = Orderline::new(&["serve"])
        .with("HEARING__WHISPER__MODEL", sample_model())
        .with("SPEAKING__ESPEAK__PROGRAM", "no-such-voice")
        .end()
        .await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.complained);
    for expected in
        ["no-such-voice cannot be run", "install the package espeak-ng", "speaking.espeak.program"]
    {
        assert!(ended.complained.contains(expected), "{expected}\n{}", ended.complained);
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_its_setting() {
    let [(_held, calls), _] = taken();
    let ended = Orderline::new(&["serve"])
        .with("HEARING__WHISPER__MODEL", sample_model())
        .with("HTTP__LISTEN", "127.0.0.1:0")
        .with("SERVER__LISTEN", &calls)
        .end()
        .await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.complained);
    let expected = format!("server.listen: cannot listen on {calls}: Address already in use");
    assert!(ended.complained.contains(&expected), "{}", ended.complained);
}

#[tokio::test]
async fn a_store_without_its_postgresql_says_so_and_keeps_the_password() {
    let ended = Orderline::new(&["store", "--listen", "127.0.0.1:0"])
        .with("SHOP__TOKEN", "0123456789abcdef0123456789abcdef")
        .with("SHOP__DATABASE_URL", "postgres://desk:hidden-password@127.0.0.1:1/shop")
        .with("SHOP__DATABASE_WAIT_MS", "300")
        .end()
        .await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.complained);
    assert!(!ended.said.contains("listens"), "{}", ended.said);
    for expected in ["PostgreSQL at 127.0.0.1:1/shop does not answer", "shop.database_url", "refused"] {
        assert!(ended.complained.contains(expected), "{expected}\n{}", ended.complained);
    }
    assert!(!ended.complained.contains("hidden-password"), "{}", ended.complained);
}

#[tokio::test]
async fn a_call_that_was_not_announced_is_let_go_with_the_reason_in_the_log() {
    let server = Orderline::new(&["serve"]).with("CALL__REGISTRATION_REQUIRED", "true").serve().await;
    let report = server.call(vec![hang_up()]).await;
    assert_eq!((report.ended, report.greeted_after_ms), (Ended::Agent, None));
    server
        .says(&["this UUID was neither announced with POST /calls nor does ARI know a channel with it as CALL_UUID"])
        .await;
}

#[tokio::test]
async fn a_wrong_password_for_ari_is_told_with_its_settings_and_calls_are_served() {
    let refusal = (StatusCode::UNAUTHORIZED, "{\"message\": \"Authentication required\"}");
    let router = axum::Router::new().fallback(async move || refusal);
    let ari = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", ari.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(ari, router).await });
    let server = Orderline::new(&["serve"])
        .with("ARI__BASE_URL", &address)
        .with("ARI__PASSWORD", "hidden-password")
        .serve()
        .await;
    server
        .says(&[
            &address,
            "refused user \"orderline\"",
            "expected ari.user and ari.password (or ari.password_file)",
        ])
        .await;
    let parts = server.parts().await;
    assert!(parts["ari"]["why"].as_str().is_some_and(|why| why.contains("ari.password")), "{parts}");
    let report = server.call(vec![hang_up()]).await;
    assert!(report.completed() && report.greeted_after_ms.is_some(), "{report:?}");
    let log = server.log();
    assert!(!log.contains("hidden-password"), "{log}");
}

#[tokio::test]
async fn without_postgresql_calls_are_served_and_the_journal_keeps_them_until_it_is_back() {
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let folder = place.path().join("pg");
    let cluster = Cluster::start(&folder).await.unwrap();
    let database = cluster.create_database("audit").await.unwrap();
    cluster.stop().await;

    let server = Orderline::new(&["serve"]).with("AUDIT__DATABASE_URL", &database).serve().await;
    server.says(&["PostgreSQL"]).await;
    let report = server.call(vec![hang_up()]).await;
    assert!(report.completed() && report.greeted_after_ms.is_some(), "{report:?}");

    let cluster = Cluster::start(&folder).await.unwrap();
    let pool = PgPool::connect(&database).await.unwrap();
    let copied = async {
        let count = "select count(*) from audit.entries where kind = 'call_closed'";
        // The tables are made by the server, once it has found the database.
        while sqlx::query_scalar::<_, i64>(count).fetch_one(&pool).await.unwrap_or(0) == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let late = timeout(Duration::from_secs(45), copied).await.is_err();
    assert!(!late, "the call is not in the database:\n{}", server.log());
    pool.close().await;
    cluster.stop().await;
}
