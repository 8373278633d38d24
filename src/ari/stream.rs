//! The event WebSocket: keeps the picture of the channels fresh, and comes back when it breaks.

use std::sync::atomic::Ordering;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use base64::Engine as _;
use futures_util::{SinkExt, StreamExt};
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, connect_async_with_config};
use tokio_util::sync::CancellationToken;

use super::calls::Event;
use super::stasis::News;
use super::{Ari, AriError, Link};
use crate::telemetry::impersonal;

/// Why the stream ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Ari(#[from] AriError),
    #[error("expected the upgrade of Asterisk's event stream, found HTTP {0}")]
    Upgrade(StatusCode),
    #[error("the event stream broke: {0}")]
    Wire(Box<WsError>),
    #[error("Asterisk closed the event stream")]
    Closed,
    #[error("nothing came over the event stream for {} s, not even an answer to a ping", SILENCE.as_secs())]
    Silent,
}

impl From<WsError> for Broken {
    fn from(error: WsError) -> Self {
        Self::Wire(Box::new(error))
    }
}

/// The events that matter to the application that sets calls up.
const TO_APPLICATION: [&str; 6] =
    ["StasisStart", "StasisEnd", "ChannelDestroyed", "ChannelHold", "ChannelUnhold", "ApplicationReplaced"];
/// A ping goes out this often: half of the time after which a middlebox's shortest usual idle timeout (30 s) strikes.
const PING: Duration = Duration::from_secs(15);
/// After this much silence the connection counts as dead. Chosen: two pings lost and a half.
const SILENCE: Duration = Duration::from_secs(40);
/// The longest event. Chosen: an event holds one to three channels of about 700 bytes.
const LONGEST_EVENT_BYTES: usize = 1 << 20;
/// How long the connection and its upgrade may take.
const CONNECT: Duration = Duration::from_secs(5);

impl Ari {
    /// Keeps the picture of the channels fresh until cancelled. Returns at once when ARI is not configured. Run one
    /// per server, on the service runtime.
    pub async fn run(self, cancel: CancellationToken) {
        if !self.is_on() {
            return;
        }
        cancel.run_until_cancelled(self.keep_streaming()).await;
    }

    async fn keep_streaming(&self) {
        // From a quarter of a second, so that a restart of Asterisk costs little, to eight, so that a dead one costs
        // nothing; jittered, so that several servers do not knock in step.
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(Duration::from_secs(8))
            .with_jitter()
            .without_max_times();
        let mut delays = backoff.build();
        let mut told = None;
        loop {
            let opened_at = Instant::now();
            let broken = match self.stream_once().await {
                Ok(never) => match never {},
                Err(broken) => broken,
            };
            self.calls().is_streaming = false;
            let text = broken.to_string();
            if told.as_ref() != Some(&text) {
                tracing::warn!(reason = %text, "no event stream from ARI: callers are looked up one by one");
                told = Some(text);
            }
            // A stream that held for a while was a good one: begin again quickly.
            if opened_at.elapsed() > Duration::from_secs(10) {
                delays = backoff.build();
                told = None;
            }
            sleep(delays.next().unwrap_or(Duration::from_secs(8))).await;
        }
    }

    /// One connection, until it breaks.
    async fn stream_once(&self) -> Result<std::convert::Infallible, Broken> {
        let link = self.shared.link.as_ref().ok_or(AriError::Off)?;
        let user = &self.shared.settings.user;
        let request = link.events_request(user, &self.shared.settings.app)?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(LONGEST_EVENT_BYTES))
            .max_frame_size(Some(LONGEST_EVENT_BYTES))
            .max_write_buffer_size(1 << 20);
        let connecting = connect_async_with_config(request, Some(config), true);
        let (mut socket, _) = match timeout(CONNECT, connecting).await {
            Err(_) => return Err(AriError::TimedOut { deadline_ms: super::millis(CONNECT) }.into()),
            Ok(Err(WsError::Http(response))) => {
                return Err(match response.status() {
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                        AriError::Refused { url: link.base.to_string(), user: user.clone() }.into()
                    }
                    status => Broken::Upgrade(status),
                });
            }
            Ok(connected) => connected?,
        };
        // What ended while nobody listened is unknown, so the picture begins anew, from a listing taken after the
        // stream was up: nothing falls between.
        {
            let mut calls = self.calls();
            calls.clear();
            calls.is_streaming = true;
        }
        self.list_channels().await?;
        self.shared.missed.store(true, Ordering::Relaxed);
        self.tell_application(None);
        tracing::info!(url = %link.base, app = %self.shared.settings.app, "ARI's event stream is up");
        let mut heard_at = Instant::now();
        let mut ping_at = heard_at + PING;
        loop {
            acknowledge_at_once(socket.get_ref());
            tokio::select! {
                message = socket.next() => {
                    heard_at = Instant::now();
                    match message.ok_or(Broken::Closed)?? {
                        Message::Text(text) => self.heard(text.as_str()),
                        Message::Close(_) => return Err(Broken::Closed),
                        Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                    }
                }
                () = sleep_until(ping_at) => {
                    if heard_at.elapsed() > SILENCE {
                        return Err(Broken::Silent);
                    }
                    ping_at += PING;
                    timeout(CONNECT, socket.send(Message::Ping(Default::default()))).await.map_err(|_| Broken::Silent)??;
                }
            }
        }
    }

    fn heard(&self, text: &str) {
        match serde_json::from_str::<Event>(text) {
            Ok(event) => {
                let learnt = self.calls().take(&event);
                if learnt {
                    self.shared.news.notify_waiters();
                }
                if TO_APPLICATION.contains(&event.kind.as_str()) {
                    self.tell_application(Some(event));
                }
            }
            // Events of other shapes (a device's state, a recording) are none of ours.
            Err(error) => {
                let error = impersonal(&error.to_string(), 200);
                tracing::trace!(error, "an event of ARI was passed over");
            }
        }
    }

    /// Passes an event on to the application that sets calls up. One that finds no room makes the application look at
    /// what exists, as after a break.
    fn tell_application(&self, event: Option<Event>) {
        let Some(news_to) = self.shared.news_to.get() else { return };
        if self.shared.missed.load(Ordering::Relaxed) && news_to.try_send(News::Up).is_ok() {
            self.shared.missed.store(false, Ordering::Relaxed);
        }
        if let Some(event) = event
            && news_to.try_send(News::Event(Box::new(event))).is_err()
        {
            self.shared.missed.store(true, Ordering::Relaxed);
        }
    }
}

/// Asterisk writes events without TCP_NODELAY: a second event waits until the first is acknowledged, which the kernel
/// puts off by 40 ms (RFC 1122 4.2.3.2) unless asked anew for each read. Measured on loopback: the caller's event came
/// 40 ms late.
fn acknowledge_at_once(stream: &MaybeTlsStream<TcpStream>) {
    #[cfg(target_os = "linux")]
    if let MaybeTlsStream::Plain(stream) = stream {
        // Only speed is lost where it is not granted.
        let _ = stream.set_quickack(true);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

impl Link {
    /// The upgrade request. The user goes in a header: an address is logged by proxies, a header is not.
    fn events_request(
        &self,
        user: &str,
        app: &str,
    ) -> Result<tokio_tungstenite::tungstenite::handshake::client::Request, Broken> {
        let mut url = self.at(&["events"]);
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        // http and https may become ws and wss: all four are "special" schemes of the URL standard.
        let _ = url.set_scheme(scheme);
        url.query_pairs_mut().append_pair("app", app).append_pair("subscribeAll", "true");
        let mut request = url.as_str().into_client_request()?;
        let credentials = base64::engine::general_purpose::STANDARD
            .encode(format!("{user}:{}", self.password.expose_secret()));
        let mut value = HeaderValue::try_from(format!("Basic {credentials}"))
            .map_err(|e| WsError::HttpFormat(e.into()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
        Ok(request)
    }
}
