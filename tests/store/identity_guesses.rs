//! Guessing passwords: how often, how long it takes, and what it costs everybody else.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::json;
use uuid::Uuid;

use crate::desk::{Desk, Reply, reply};
use crate::identity::{PASSWORD, ask, open, register};

async fn sign_in(desk: &Desk, email: &str, password: &str) -> Reply {
    ask(desk, "login/email", json!({"email": email, "password": password})).await
}

#[tokio::test]
async fn five_wrong_passwords_lock_an_account_for_a_while_that_doubles() {
    let desk = open().await;
    register(&desk, "anna@example.org").await;
    register(&desk, "other@example.org").await;
    let wait = |reply: Reply| {
        let seconds: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
        reply.refused(429, "too-many-requests");
        seconds
    };
    // The right one makes the wrong ones before it forgotten.
    for _ in 0..2 {
        for _ in 0..4 {
            sign_in(&desk, "anna@example.org", "wrong password").await.refused(401, "wrong-credentials");
        }
        sign_in(&desk, "anna@example.org", PASSWORD).await.expect(200);
    }
    // Of many at once no more get through than one by one.
    let many = (0..20).map(|_| sign_in(&desk, "anna@example.org", "wrong password"));
    let many = futures_util::future::join_all(many).await;
    assert_eq!(many.iter().filter(|reply| reply.status == 401).count(), 5);
    assert_eq!(many.iter().filter(|reply| reply.status == 429).count(), 15);
    let first = wait(sign_in(&desk, "anna@example.org", PASSWORD).await);
    assert!((50..=61).contains(&first), "{first}");
    sign_in(&desk, "other@example.org", PASSWORD).await.expect(200);
    desk.run("update identity.user_credentials set locked_until = now() where locked_until is not null")
        .await;
    sign_in(&desk, "anna@example.org", "wrong password").await.refused(401, "wrong-credentials");
    let second = wait(sign_in(&desk, "anna@example.org", PASSWORD).await);
    assert!((110..=121).contains(&second), "{second}");
    desk.run(
        "update identity.user_credentials set failed = 2000000000, locked_until = now() where locked_until is not null",
    )
    .await;
    sign_in(&desk, "anna@example.org", "wrong password").await.refused(401, "wrong-credentials");
    let longest = wait(sign_in(&desk, "anna@example.org", PASSWORD).await);
    assert!((3590..=3601).contains(&longest), "{longest}");
    desk.run("update identity.user_credentials set locked_until = now() where locked_until is not null")
        .await;
    sign_in(&desk, "anna@example.org", PASSWORD).await.expect(200);
    assert_eq!(desk.count("select sum(failed) from identity.user_credentials").await, 0);
    desk.close().await;
}

#[tokio::test]
async fn guesses_are_counted_by_where_they_come_from_and_by_whom_they_are_at() {
    let desk = Desk::open().await;
    for n in 0..10 {
        sign_in(&desk, &format!("nobody{n}@example.org"), "wrong password")
            .await
            .refused(401, "wrong-credentials");
    }
    let refused = sign_in(&desk, "nobody@example.org", "wrong password").await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.refused(429, "too-many-requests");
    for (path, body) in [
        ("register/email", crate::identity::anna("anna@example.org")),
        ("verify/phone/send", json!({"phone": "+79161234567"})),
        ("verify/phone/confirm", json!({"phone": "+79161234567", "code": "123456"})),
        ("password/reset/request", json!({"phone": "+79161234567"})),
        ("password/reset/confirm", json!({"resetToken": "x", "newPassword": PASSWORD})),
    ] {
        ask(&desk, path, body).await.refused(429, "too-many-requests");
    }
    // Each guess from another address, all at one account: as many as a minute allows it.
    let mut statuses = Vec::new();
    for n in 10..21 {
        let client = reqwest::Client::builder()
            .local_address(Some(Ipv4Addr::new(127, 0, 0, n).into()))
            .build()
            .unwrap();
        let request = client.post(format!("{}/api/v1/auth/login/email", desk.base));
        let body = json!({"email": "Target@example.org", "password": "wrong password"});
        statuses.push(reply(request.json(&body)).await.status.as_u16());
    }
    assert_eq!(statuses, [[401; 10].as_slice(), &[429]].concat());
    desk.close().await;
}

#[tokio::test]
async fn an_unknown_user_takes_as_long_as_a_wrong_password() {
    let desk = open().await;
    register(&desk, "anna@example.org").await;
    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    for n in 0..31 {
        desk.run("update identity.user_credentials set failed = 0, locked_until = null").await;
        let mut pair = [("nobody@example.org", &mut unknown), ("anna@example.org", &mut wrong)];
        // Neither is always the second of two.
        if n % 2 == 1 {
            pair.reverse();
        }
        for (email, times) in pair {
            let since = Instant::now();
            let refused = sign_in(&desk, email, "wrong password").await;
            // The first pair warms up.
            if n > 0 {
                times.push(since.elapsed());
            }
            refused.refused(401, "wrong-credentials");
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1000.0
    };
    let (unknown, wrong) = (median(&mut unknown), median(&mut wrong));
    let ratio = unknown / wrong;
    println!(
        "sign-in, medians of 30: unknown user {unknown:.2} ms, wrong password {wrong:.2} ms, ratio {ratio:.3}"
    );
    assert!((0.5..=2.0).contains(&ratio), "unknown user {unknown} ms, wrong password {wrong} ms");
    desk.close().await;
}

#[tokio::test]
async fn a_crowd_at_the_sign_in_is_turned_away_and_leaves_the_shop_open() {
    let desk = Desk::open_with(|settings| {
        settings.limits.guesses_per_min = 0;
        settings.identity.hashing = 1;
    })
    .await;
    let crowd = (0..200).map(|n| {
        let desk = &desk;
        async move { sign_in(desk, &format!("nobody{n}@example.org"), "wrong password").await }
    });
    let shopping = async {
        for _ in 0..10 {
            desk.get("/api/v1/pickup-points").await.expect(200);
        }
    };
    let (crowd, ()) = tokio::join!(futures_util::future::join_all(crowd), shopping);
    let (checked, turned): (Vec<Reply>, Vec<Reply>) =
        crowd.into_iter().partition(|reply| reply.status == 401);
    println!(
        "of 200 sign-ins at once with one hasher {} were checked, {} told to come again",
        checked.len(),
        turned.len()
    );
    assert!(!checked.is_empty());
    for reply in turned {
        assert_eq!(reply.headers["retry-after"], "1");
        reply.refused(503, "unavailable");
    }
    desk.close().await;
}

#[tokio::test]
async fn who_looks_for_orders_by_guessing_their_ids_is_refused_after_a_few() {
    let desk = Desk::open_with(|settings| settings.limits.misses_per_min = 20).await;
    let mut statuses = Vec::new();
    for _ in 0..60 {
        statuses.push(desk.get(&format!("/api/v1/orders/{}", Uuid::new_v4())).await.status.as_u16());
    }
    // A quota of twenty a minute fills again by one every three seconds.
    assert!(statuses[..20].iter().all(|status| *status == 404), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 429).count() >= 20, "{statuses:?}");
    desk.close().await;
}
