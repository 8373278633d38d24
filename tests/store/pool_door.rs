//! The pool's page as a browser's wire sees it: cookies, forms, headers, and the stream of news.

use std::time::{Duration, Instant};

use orderline::store::{self, Role};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use serde_json::json;

use crate::desk::{Desk, Reply, TOKEN, reply, until};
use crate::staff::{Worker, hire, open, website};

/// A browser that follows nothing and keeps its cookie.
struct Visitor<'a> {
    desk: &'a Desk,
    client: reqwest::Client,
    cookie: String,
}

impl<'a> Visitor<'a> {
    fn new(desk: &'a Desk) -> Self {
        let client = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Self { desk, client, cookie: String::new() }
    }

    async fn of(desk: &'a Desk, worker: &Worker) -> Self {
        let mut visitor = Self::new(desk);
        let reply = visitor.post("/crm/pool/sign-in", &[("token", &worker.token)]).await;
        assert_eq!((reply.status.as_u16(), location(&reply.headers)), (303, "/crm/pool"));
        let cookie = reply.headers["set-cookie"].to_str().unwrap().to_owned();
        for part in ["HttpOnly", "SameSite=Strict", "Path=/crm/pool"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        visitor.cookie = cookie.split(';').next().unwrap().to_owned();
        visitor
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.desk.base)).header("Cookie", &self.cookie)
    }

    async fn get(&self, path: &str) -> Reply {
        reply(self.request(reqwest::Method::GET, path)).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        reply(self.request(reqwest::Method::POST, path).form(form)).await
    }

    /// The proof that the page's forms bring along.
    async fn proof(&self) -> String {
        let page = self.get("/crm/pool").await.text;
        let (_, rest) = page.split_once("name=\"form\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

fn location(headers: &HeaderMap) -> &str {
    headers["location"].to_str().unwrap()
}

#[tokio::test]
async fn nobody_sees_the_pool_without_a_managers_token() {
    let desk = open().await;
    let visitor = Visitor::new(&desk);
    for path in ["/crm/pool", "/crm/pool?source=website&about=website-1", "/crm/pool?about=%00&source=%00"] {
        let reply = visitor.get(path).await;
        assert_eq!((reply.status.as_u16(), location(&reply.headers)), (303, "/crm/pool/sign-in"), "{path}");
    }
    visitor.get("/crm/pool/events").await.refused(401, "unauthorized");
    let away = visitor.post("/crm/pool/take", &[("form", "x"), ("order", "website-1")]).await;
    assert_eq!(location(&away.headers), "/crm/pool/sign-in");
    let (service, gone) =
        (hire(&desk, Role::Service, "bot").await, hire(&desk, Role::Manager, "Ольга").await);
    sqlx::query("update identity.api_clients set revoked_at = now() where user_id = $1")
        .bind(gone.user)
        .execute(&desk.pool)
        .await
        .unwrap();
    for (token, status) in [
        ("", 401),
        ("olt_guess", 401),
        ("a b", 401),
        ("ключ", 401),
        (gone.token.as_str(), 401),
        (service.token.as_str(), 403),
        (TOKEN, 403),
    ] {
        let reply = visitor.post("/crm/pool/sign-in", &[("token", token)]).await;
        assert_eq!(reply.status.as_u16(), status, "{token}");
        assert!(!reply.headers.contains_key("set-cookie") && reply.text.contains("role=\"alert\""));
    }
    // Ten guesses a minute from one address, and no more.
    let mut last = 0;
    for _ in 0..5 {
        last = visitor.post("/crm/pool/sign-in", &[("token", "olt_guess")]).await.status.as_u16();
    }
    assert_eq!(last, 429);
    desk.close().await;
}

#[tokio::test]
async fn a_token_that_is_revoked_ends_its_session_at_once() {
    let desk = open().await;
    let made = store::make_token(&desk.pool, Role::Manager, "Ольга", None, None).await.unwrap();
    let worker = Worker {
        token: secrecy::ExposeSecret::expose_secret(&made.token).to_owned(),
        user: made.id,
        name: "Ольга".to_owned(),
    };
    let visitor = Visitor::of(&desk, &worker).await;
    assert_eq!(visitor.get("/crm/pool").await.status, 200);
    assert!(store::revoke_token(&desk.pool, made.id).await.unwrap());
    assert_eq!(location(&visitor.get("/crm/pool").await.headers), "/crm/pool/sign-in");
    desk.close().await;
}

#[tokio::test]
async fn the_page_lets_no_foreign_script_frame_or_form_in() {
    let desk = open().await;
    let evil = "<script>alert(1)</script>\" onload=\"x";
    let order = website(&desk, json!({"customerName": evil})).await.expect(201);
    let manager = hire(&desk, Role::Manager, evil).await;
    let visitor = Visitor::of(&desk, &manager).await;
    let page = visitor.get("/crm/pool").await;
    assert!(page.text.contains("&lt;script&gt;alert(1)") && !page.text.contains("<script>alert"));
    let policy = page.headers["content-security-policy"].to_str().unwrap().to_owned();
    for part in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert!(page.text.contains(&format!("<script nonce=\"{nonce}\">")));
    assert_eq!(page.headers["cache-control"], "no-store");
    assert_ne!(visitor.get("/crm/pool").await.headers["content-security-policy"], policy);

    let proof = visitor.proof().await;
    let name = format!("website-{}", order["id"]);
    let press = |header: Option<(&'static str, &'static str)>, proof: &str| {
        let request = visitor.request(reqwest::Method::POST, "/crm/pool/take");
        let request = header.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        reply(request.form(&[("form", proof), ("order", &name)]))
    };
    for (header, proof) in [
        (None, ""),
        (None, "wrong"),
        (Some(("Origin", "https://evil.example")), proof.as_str()),
        (Some(("Origin", "null")), proof.as_str()),
        (Some(("Sec-Fetch-Site", "cross-site")), proof.as_str()),
        (Some(("Sec-Fetch-Site", "same-site")), proof.as_str()),
    ] {
        assert_eq!(press(header, proof).await.status.as_u16(), 403, "{header:?}");
    }
    assert_eq!(visitor.post("/crm/pool/take", &[("order", &name)]).await.status.as_u16(), 400);
    let sign_out = visitor.request(reqwest::Method::POST, "/crm/pool/sign-out").form(&[("form", "")]);
    assert_eq!(reply(sign_out).await.status.as_u16(), 403);
    let elsewhere = visitor.request(reqwest::Method::POST, "/crm/pool/sign-in");
    let elsewhere = elsewhere.header("Origin", "https://evil.example").form(&[("token", &manager.token)]);
    assert_eq!(reply(elsewhere).await.status.as_u16(), 403);
    assert_eq!(desk.count("select count(*) from crm.user_order_page_orders").await, 0);

    let taken = press(Some(("Sec-Fetch-Site", "same-origin")), &proof).await;
    assert_eq!(location(&taken.headers), format!("/crm/pool?about={name}"));
    let again = press(None, &proof).await;
    assert_eq!(location(&again.headers), format!("/crm/pool?about={name}"));
    assert!(visitor.get(location(&again.headers)).await.text.contains("notice good"));
    for nonsense in ["website-0", "website-x", "moon-1", "website-99999999999999999999", "", "website-999999"]
    {
        let away = visitor.post("/crm/pool/take", &[("form", &proof), ("order", nonsense)]).await;
        assert_eq!(away.status.as_u16(), 303, "{nonsense}");
        assert_eq!(visitor.get(location(&away.headers)).await.status, 200, "{nonsense}");
    }
    let out = visitor.post("/crm/pool/sign-out", &[("form", &proof)]).await;
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    desk.close().await;
}

#[tokio::test]
async fn the_page_speaks_the_browsers_language_until_another_is_chosen() {
    let desk = open().await;
    let mut visitor = Visitor::new(&desk);
    let page = async |visitor: &Visitor<'_>, accept: &str| {
        let request = visitor.request(reqwest::Method::GET, "/crm/pool/sign-in");
        reply(request.header("Accept-Language", accept)).await.text
    };
    assert!(page(&visitor, "ru-RU, en;q=0.5").await.contains("<html lang=\"ru\">"));
    assert!(page(&visitor, "en-GB").await.contains("<html lang=\"en\">"));
    let chosen = visitor.get("/crm/pool/sign-in?lang=en").await;
    assert_eq!(location(&chosen.headers), "/crm/pool/sign-in");
    visitor.cookie = chosen.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert!(page(&visitor, "ru-RU").await.contains("<html lang=\"en\">"));
    desk.close().await;
}

/// Waits for the next event of a stream.
async fn event(stream: &mut reqwest::Response) -> bool {
    let heard = async {
        while let Some(chunk) = stream.chunk().await.unwrap() {
            if String::from_utf8_lossy(&chunk).contains("event: pool") {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(Duration::from_secs(30), heard).await.expect("the stream says something")
}

#[tokio::test]
async fn news_of_the_pool_survive_the_loss_of_the_listening_connection_and_end_with_the_store() {
    let desk = open().await;
    let manager = hire(&desk, Role::Manager, "Ольга").await;
    let visitor = Visitor::of(&desk, &manager).await;
    // One connection listens, however many pages are open.
    let listening = "select count(*) from pg_stat_activity where datname = current_database() \
         and query ilike 'listen%orderline_pool%'";
    until(async || desk.count(listening).await == 1).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let stream = visitor.request(reqwest::Method::GET, "/crm/pool/events").send().await.unwrap();
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        streams.push(stream);
    }
    assert_eq!(desk.count(listening).await, 1);
    website(&desk, json!({"customerName": "Анна"})).await.expect(201);
    for stream in &mut streams {
        assert!(event(stream).await);
    }
    desk.run(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() \
         and query ilike 'listen%orderline_pool%' and pid <> pg_backend_pid()",
    )
    .await;
    // What happens meanwhile is not lost: whoever listens again says so.
    website(&desk, json!({"customerName": "Борис"})).await.expect(201);
    for stream in &mut streams {
        assert!(event(stream).await);
    }
    until(async || desk.count(listening).await == 1).await;
    website(&desk, json!({"customerName": "Вера"})).await.expect(201);
    for stream in &mut streams {
        assert!(event(stream).await);
    }
    // An open page does not hold the process: its stream ends, and with it the last request.
    let since = Instant::now();
    desk.close().await;
    for stream in &mut streams {
        assert!(!event(stream).await);
    }
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
}
