//! The application against a scripted ARI: what exists is listed by wiremock, the stream's news are given by hand.
#![allow(clippy::unwrap_used)]

use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// Takes every call.
#[derive(Debug)]
struct Willing;

impl Agents for Willing {
    fn announce(&self, _: CallId, _: Identity, _: Option<CallId>) -> Result<(), String> {
        Ok(())
    }

    fn next(&self, _: CallId) -> Next {
        Next::Unknown
    }

    fn held(&self, _: CallId, _: bool) {}
}

fn channel(id: &str, name: &str, data: &str) -> serde_json::Value {
    json!({"id": id, "name": name, "state": "Up", "caller": {"name": "", "number": "+375291234567"},
        "dialplan": {"context": "orderline-stasis", "exten": "s", "app_name": "Stasis", "app_data": data}})
}

fn started(id: &str, app: &str, args: &[&str]) -> News {
    let event = json!({"type": "StasisStart", "application": app, "args": args,
        "channel": channel(id, "PJSIP/trunk-1", "orderline,ru,back,")});
    News::Event(Box::new(serde_json::from_value(event).unwrap()))
}

/// A running application and its Asterisk, in which these exist.
struct House {
    server: MockServer,
    ari: Ari,
    drain: CancellationToken,
    stop: CancellationToken,
}

impl House {
    async fn with(channels: serde_json::Value, bridges: serde_json::Value, most: usize) -> Self {
        let server = MockServer::start().await;
        let lists = [
            ("/ari/channels", channels),
            ("/ari/bridges", bridges),
            ("/ari/asterisk/info", json!({"system": {"version": "22.10.1"}})),
        ];
        for (at, answer) in lists {
            let listing = ResponseTemplate::new(200).set_body_json(answer);
            Mock::given(method("GET")).and(path(at)).respond_with(listing).mount(&server).await;
        }
        Mock::given(method("GET")).respond_with(ResponseTemplate::new(404)).mount(&server).await;
        for verb in ["POST", "DELETE"] {
            Mock::given(method(verb)).respond_with(ResponseTemplate::new(204)).mount(&server).await;
        }
        let ari = Ari::new(crate::ari::Settings {
            base_url: Some(server.uri()),
            password: Some("word".into()),
            ..Default::default()
        })
        .unwrap();
        let application = Application::new(&ari, Arc::new(Willing), "127.0.0.1:9092".into(), most).unwrap();
        let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn(application.run(drain.clone(), stop.clone()));
        Self { server, ari, drain, stop }
    }

    async fn tell(&self, news: News) {
        self.ari.shared.news_to.get().unwrap().send(news).await.unwrap();
    }

    /// What was done so far, without what was only asked.
    async fn done(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        let changes = requests.iter().filter(|request| request.method.as_str() != "GET");
        changes.map(|request| format!("{} {}", request.method, request.url.path())).collect()
    }

    /// Waits until all of this was done.
    async fn does(&self, wanted: &[&str]) -> Vec<String> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let done = self.done().await;
            if wanted.iter().all(|wanted| done.iter().any(|done| done == wanted)) {
                return done;
            }
            assert!(Instant::now() < until, "expected {wanted:?}, found {done:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

const ROOT: &str = "0b7f2c1e-5d7c-4a53-9a55-2f6f1f0f7a10";

#[tokio::test]
async fn what_a_dead_server_left_is_taken_away_and_its_caller_given_back() {
    let leg = format!("orderline-media-{ROOT}-0");
    let bridge = format!("orderline-bridge-{ROOT}");
    let channels = json!([
        channel("1.1", "PJSIP/trunk-1", "orderline,ru,back,"),
        channel(&leg, "AudioSocket/127.0.0.1:9092-1", "orderline,1"),
        // In another application, and in the dialplan.
        channel("1.2", "PJSIP/trunk-2", "orderline2,ru"),
        json!({"id": "1.3", "name": "PJSIP/trunk-3", "dialplan": {"app_name": "Queue", "app_data": "orderline"}}),
    ]);
    let house =
        House::with(channels, json!([{"id": bridge, "channels": ["1.1", leg]}, {"id": "other"}]), 10).await;
    house.tell(News::Up).await;
    let hung_up = format!("DELETE /ari/channels/{leg}");
    let destroyed = format!("DELETE /ari/bridges/{bridge}");
    let done = house.does(&["POST /ari/channels/1.1/continue", &hung_up, &destroyed]).await;
    // The watchdog is turned off first, or it would end the caller's talk with a person.
    assert!(done.contains(&"POST /ari/channels/1.1/variable".to_owned()), "{done:?}");
    assert_eq!(done.len(), 4, "nobody else's: {done:?}");
    house.stop.cancel();
}

#[tokio::test]
async fn a_newcomer_who_is_in_the_listing_too_is_served_and_not_given_back() {
    let house = House::with(json!([channel("1.1", "PJSIP/trunk-1", "orderline,ru")]), json!([]), 10).await;
    house.tell(News::Up).await;
    house.tell(started("1.1", "orderline", &["ru", "back", ""])).await;
    house.does(&["POST /ari/channels/externalMedia"]).await;
    tokio::time::sleep(NEWCOMER_AND_MORE).await;
    let done = house.done().await;
    assert!(!done.iter().any(|done| done.ends_with("/continue")), "{done:?}");
    house.stop.cancel();
}

/// Longer than a newcomer's event may be on its way.
const NEWCOMER_AND_MORE: Duration = Duration::from_millis(1200);

#[tokio::test]
async fn callers_beyond_the_limit_and_after_the_drain_are_given_back_at_once() {
    let house = House::with(json!([]), json!([]), 1).await;
    house.tell(News::Up).await;
    house.tell(started("1.1", "orderline", &["ru"])).await;
    house.does(&["POST /ari/channels/externalMedia"]).await;
    house.tell(started("1.2", "orderline", &["ru"])).await;
    house.does(&["POST /ari/channels/1.2/continue"]).await;
    house.drain.cancel();
    house.tell(started("1.3", "orderline", &["ru"])).await;
    let done = house.does(&["POST /ari/channels/1.3/continue"]).await;
    assert!(!done.contains(&"POST /ari/channels/1.1/continue".to_owned()), "{done:?}");
    // And another application's caller is none of ours.
    house.tell(started("1.4", "orderline2", &["ru"])).await;
    house.stop.cancel();
    // A leg that has not come when the server goes: its caller is not left behind.
    let done = house.does(&["POST /ari/channels/1.1/continue"]).await;
    assert!(!done.iter().any(|done| done.contains("/1.4")), "{done:?}");
}

#[tokio::test]
async fn a_channel_of_ours_that_comes_when_its_caller_has_gone_is_hung_up() {
    let house = House::with(json!([]), json!([]), 1).await;
    let late = format!("orderline-media-{ROOT}-0");
    house.tell(started(&late, "orderline", &[])).await;
    house.does(&[&format!("DELETE /ari/channels/{late}")]).await;
    house.stop.cancel();
}

#[tokio::test]
async fn one_ari_has_one_application() {
    let house = House::with(json!([]), json!([]), 1).await;
    assert!(Application::new(&house.ari, Arc::new(Willing), "127.0.0.1:9092".into(), 1).is_none());
    let off = Ari::new(crate::ari::Settings::default()).unwrap();
    assert!(Application::new(&off, Arc::new(Willing), "127.0.0.1:9092".into(), 1).is_none());
}
