//! Asterisk's REST interface: who calls, on which channel, and what is done to that channel.
//!
//! Two things live here. A call that came by `Dial(AudioSocket/…)` is only looked up. A caller whom the dialplan gave to
//! our Stasis application is ours altogether: [`stasis`] answers, bridges, transfers and hangs up.
//!
//! A call reaches the server with nothing but its UUID. [`Ari::caller_of`] finds the rest: the event stream
//! (`stream`) keeps a bounded picture of the channels (`calls`), so that most questions need no request at all;
//! where the picture has a hole, one `GET /ari/channels` fills it, within a short deadline. ARI that is down, slow or
//! refuses the password never costs a call: [`Ari::identify`] answers "withheld" and says why in the log, once.
//!
//! Facts (Asterisk 22.10.1): a channel variable named in `channelvars` of ari.conf rides along on every event and in
//! every listing; in Dial mode the AudioSocket leg is named `AudioSocket/host:port-UUID` and its connected number is
//! the caller's.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use crate::conversation::event::Identity;
use crate::ids::{CallId, PresentedNumber};

mod calls;
mod inspect;
mod settings;
pub mod stasis;
mod stream;

pub use calls::ChannelId;
pub use inspect::Running;
pub use settings::Settings;

use calls::{Calls, Channel};

/// A client of one Asterisk's ARI. Cheap to clone; all clones share the picture of the channels.
#[derive(Clone, Debug)]
pub struct Ari {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    /// None when ARI is not configured.
    link: Option<Link>,
    calls: Mutex<Calls>,
    /// Wakes those who wait for a channel to appear.
    news: Notify,
    /// The application that sets calls up, where there is one, and whether it has missed something.
    news_to: OnceLock<mpsc::Sender<stasis::News>>,
    missed: AtomicBool,
    /// The last failure told to the log, so that a dead PBX does not fill it.
    told: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Link {
    base: Url,
    password: SecretString,
    http: reqwest::Client,
}

/// Why ARI gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AriError {
    /// `[ari] base_url` is not set.
    #[error("ari.base_url is not set, so callers are known only where the dialplan registers them")]
    Off,
    /// The settings can't be used; the sentences name the keys.
    #[error("{}", .0.join("; "))]
    Settings(Vec<String>),
    /// No connection.
    #[error(
        "expected Asterisk's ARI at {url}, found nobody there: is Asterisk up, and enabled=yes in http.conf?"
    )]
    Unreachable {
        /// Without user and password.
        url: String,
        #[source]
        source: reqwest::Error,
    },
    /// 401 or 403.
    #[error(
        "Asterisk's ARI at {url} refused user {user:?}: expected ari.user and ari.password (or ari.password_file) to \
         match the section [{user}] of ari.conf"
    )]
    Refused { url: String, user: String },
    /// 403 to a request that would change something.
    #[error(
        "Asterisk's ARI lets user {user:?} only read: for calls that Orderline sets up, expected read_only = no in the \
         section [{user}] of ari.conf"
    )]
    ReadOnly { user: String },
    /// 404 where a channel was named, or the caller's channel is not to be found.
    #[error("no channel of this call is known to Asterisk")]
    NoSuchChannel,
    /// The deadline passed.
    #[error("Asterisk's ARI gave no answer within {deadline_ms} ms")]
    TimedOut { deadline_ms: u64 },
    /// Any other status.
    #[error("expected a success of {what}, found HTTP {status}: {message}")]
    Unexpected { what: String, status: u16, message: String },
    /// An answer that is not what ARI's description promises.
    #[error("expected {what} as JSON from ARI")]
    Garbled {
        what: String,
        #[source]
        source: serde_json::Error,
    },
}

/// What Asterisk says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

impl Ari {
    /// Prepares the client; nothing is sent yet. Reads the password's file, so call it before serving.
    ///
    /// # Errors
    /// [`AriError::Settings`] with every problem found in the settings.
    pub fn new(settings: Settings) -> Result<Self, AriError> {
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(AriError::Settings(problems));
        }
        let link = match settings.base().map_err(|p| AriError::Settings(vec![p]))? {
            None => None,
            Some(base) => {
                let password = settings.read_password().map_err(|p| AriError::Settings(vec![p]))?;
                let http = reqwest::Client::builder()
                    // ARI is on this machine or a neighbour: a proxy of the environment has no business here, and a
                    // redirect would carry the password elsewhere.
                    .no_proxy()
                    .redirect(reqwest::redirect::Policy::none())
                    .connect_timeout(Duration::from_secs(2))
                    .timeout(Duration::from_secs(5))
                    .build()
                    .map_err(|e| {
                        AriError::Settings(vec![format!("ari: expected a usable HTTP client, found {e}")])
                    })?;
                Some(Link { base, password, http })
            }
        };
        // The numbering plans are compiled at their first use (100 ms in a debug build): not in the first caller's time.
        let _ = PresentedNumber::read("80291234567", &settings.regions);
        let shared = Shared {
            settings,
            link,
            calls: Mutex::new(Calls::default()),
            news: Notify::new(),
            news_to: OnceLock::new(),
            missed: AtomicBool::new(false),
            told: Mutex::new(None),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Whether ARI is configured at all.
    pub fn is_on(&self) -> bool {
        self.shared.link.is_some()
    }

    /// Whether the event stream is up.
    pub fn is_streaming(&self) -> bool {
        self.calls().is_streaming
    }

    /// Asks Asterisk for its version: a check of address, user and password at start. A failure is worth a warning,
    /// not an end: calls are served without ARI too.
    ///
    /// # Errors
    /// Any [`AriError`]; its sentence says which setting to look at.
    pub async fn check(&self) -> Result<Version, AriError> {
        #[derive(Deserialize)]
        struct Info {
            system: System,
        }
        #[derive(Deserialize)]
        struct System {
            version: String,
        }
        let info: Info =
            self.json(&["asterisk", "info"], &[("only", "system")], "Asterisk's information").await?;
        Ok(Version(info.system.version))
    }

    /// Who calls, within the configured deadline; withheld when nobody can say. Failures go to the log: each kind
    /// once, until ARI works again.
    pub async fn identify(&self, call: CallId) -> Identity {
        let deadline = Duration::from_millis(self.shared.settings.deadline_ms);
        match self.caller_of(call, deadline).await {
            Ok(identity) => {
                self.told(None);
                identity
            }
            Err(error) => {
                self.told(Some(&error));
                Identity { number: PresentedNumber::Withheld, dialled: None, language: None }
            }
        }
    }

    /// Who calls, within the configured deadline, where Asterisk is certain to have such a call. Failures go to the log as
    /// those of [`identify`](Self::identify).
    pub async fn known(&self, call: CallId) -> Option<Identity> {
        let deadline = Duration::from_millis(self.shared.settings.deadline_ms);
        match self.caller_of(call, deadline).await {
            Ok(identity) => {
                self.told(None);
                Some(identity)
            }
            Err(error) => {
                self.told(Some(&error));
                None
            }
        }
    }

    /// Who calls: from the event stream's picture, or else from a listing of the channels; where neither knows the
    /// call yet, the next event is awaited until the deadline.
    ///
    /// # Errors
    /// [`AriError::NoSuchChannel`] when Asterisk answered but knows no such call, or whatever kept it from answering.
    pub async fn caller_of(&self, call: CallId, deadline: Duration) -> Result<Identity, AriError> {
        if !self.is_on() {
            return Err(AriError::Off);
        }
        let ends_at = Instant::now() + deadline;
        let streaming = {
            let calls = self.calls();
            if let Some(identity) = calls.identity(call, &self.shared.settings.regions) {
                return Ok(identity);
            }
            calls.is_streaming
        };
        // The stream's event and the AudioSocket connection leave Asterisk within a millisecond of each other, on two
        // sockets. A breath of waiting mostly spares the listing, which is long on a busy PBX.
        if streaming && let Ok(identity) = timeout(STREAM_LAG.min(deadline), self.next_news_of(call)).await {
            return Ok(identity);
        }
        let listing = self.list_channels();
        match timeout_at(ends_at, listing).await {
            Err(_) => return Err(AriError::TimedOut { deadline_ms: millis(deadline) }),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(())) => {}
        }
        if streaming {
            timeout_at(ends_at, self.next_news_of(call)).await.map_err(|_| AriError::NoSuchChannel)
        } else {
            self.calls().identity(call, &self.shared.settings.regions).ok_or(AriError::NoSuchChannel)
        }
    }

    /// The channel of the caller of this call, where it is known already.
    pub fn channel_of(&self, call: CallId) -> Option<ChannelId> {
        self.calls().channel(call)
    }

    /// Reads a channel's variable or function, such as `CALL_LANG` or `CALLERID(num)`.
    ///
    /// # Errors
    /// Any [`AriError`]; a variable that is not set is `None`.
    pub async fn variable(&self, channel: &ChannelId, name: &str) -> Result<Option<String>, AriError> {
        #[derive(Deserialize)]
        struct Variable {
            value: String,
        }
        let path = ["channels", channel.as_str(), "variable"];
        match self.json::<Variable>(&path, &[("variable", name)], "a channel variable").await {
            Ok(variable) => Ok(Some(variable.value)),
            Err(AriError::NoSuchChannel) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets a channel's variable, for the dialplan to read when the agent has left.
    ///
    /// # Errors
    /// Any [`AriError`].
    pub async fn set_variable(&self, channel: &ChannelId, name: &str, value: &str) -> Result<(), AriError> {
        let path = ["channels", channel.as_str(), "variable"];
        self.send(Method::POST, &path, &[("variable", name), ("value", value)], None).await.map(drop)
    }

    /// Ends the channel, and with it the call.
    ///
    /// # Errors
    /// Any [`AriError`].
    pub async fn hang_up(&self, channel: &ChannelId) -> Result<(), AriError> {
        self.send(Method::DELETE, &["channels", channel.as_str()], &[("reason", "normal")], None)
            .await
            .map(drop)
    }

    /// Sends a channel that is in our Stasis application back into the dialplan. A channel that runs a dialplan
    /// already is refused by Asterisk (409): there, ending the AudioSocket leg is what lets the dialplan go on.
    ///
    /// # Errors
    /// Any [`AriError`].
    pub async fn continue_at(
        &self,
        channel: &ChannelId,
        context: &str,
        extension: &str,
    ) -> Result<(), AriError> {
        let query = [("context", context), ("extension", extension), ("priority", "1")];
        self.send(Method::POST, &["channels", channel.as_str(), "continue"], &query, None).await.map(drop)
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        // The guarded code neither panics nor awaits; should it ever panic, a stale picture is still a usable one.
        self.shared.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Resolves when the picture of the channels knows the caller of this call.
    async fn next_news_of(&self, call: CallId) -> Identity {
        loop {
            let news = self.shared.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if let Some(identity) = self.calls().identity(call, &self.shared.settings.regions) {
                return identity;
            }
            news.await;
        }
    }

    /// Asks for all channels and takes them into the picture.
    async fn list_channels(&self) -> Result<(), AriError> {
        let channels: Vec<Channel> = self.json(&["channels"], &[], "the list of channels").await?;
        let mut calls = self.calls();
        for channel in &channels {
            calls.absorb(channel);
        }
        drop(calls);
        self.shared.news.notify_waiters();
        Ok(())
    }

    async fn json<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        what: &str,
    ) -> Result<T, AriError> {
        let body = self.send(Method::GET, path, query, None).await?;
        serde_json::from_slice(&body).map_err(|source| AriError::Garbled { what: what.to_owned(), source })
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&serde_json::Value>,
    ) -> Result<Vec<u8>, AriError> {
        let link = self.shared.link.as_ref().ok_or(AriError::Off)?;
        let user = &self.shared.settings.user;
        let unreachable = |source: reqwest::Error| AriError::Unreachable {
            url: link.base.to_string(),
            source: source.without_url(),
        };
        let url = link.at(path);
        let what = format!("{method} {}", url.path());
        let mut request = link
            .http
            .request(method.clone(), url)
            .query(query)
            .basic_auth(user, Some(link.password.expose_secret()));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(source) if source.is_timeout() => {
                return Err(AriError::TimedOut { deadline_ms: millis(Duration::from_secs(5)) });
            }
            Err(source) => return Err(unreachable(source)),
        };
        let status = response.status();
        match status {
            _ if status.is_success() => {
                read_at_most(response, LONGEST_ANSWER_BYTES).await.map_err(|e| match e {
                    ReadError::Wire(source) => unreachable(source),
                    ReadError::TooLong => AriError::Unexpected {
                        what: what.clone(),
                        status: status.as_u16(),
                        message: format!("a body of more than {LONGEST_ANSWER_BYTES} bytes"),
                    },
                })
            }
            StatusCode::FORBIDDEN if method != Method::GET => Err(AriError::ReadOnly { user: user.clone() }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(AriError::Refused { url: link.base.to_string(), user: user.clone() })
            }
            StatusCode::NOT_FOUND if path.first() == Some(&"channels") && path.len() > 1 => {
                Err(AriError::NoSuchChannel)
            }
            _ => {
                let message = match status {
                    StatusCode::NOT_FOUND => {
                        "is enabled=yes in ari.conf, and is http.conf's prefix empty?".to_owned()
                    }
                    _ => message_of(response).await,
                };
                Err(AriError::Unexpected { what, status: status.as_u16(), message })
            }
        }
    }

    /// Tells the log of a failure, or of its end, once.
    fn told(&self, error: Option<&AriError>) {
        // A call that has gone already says nothing about ARI's health, and "off" was chosen.
        let text = match error {
            Some(AriError::NoSuchChannel | AriError::Off) => return,
            Some(error) => Some(error.to_string()),
            None => None,
        };
        let mut told = self.shared.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *told == text {
            return;
        }
        match &text {
            Some(text) => tracing::warn!(reason = %text, "callers can't be identified through ARI"),
            None => tracing::info!("callers are identified through ARI again"),
        }
        *told = text;
    }
}

impl Link {
    /// `base/ari/path…`, each segment escaped.
    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("ari").extend(path);
        }
        url
    }
}

enum ReadError {
    Wire(reqwest::Error),
    TooLong,
}

/// A body of at most `limit` bytes, however long its sender makes it.
async fn read_at_most(mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(ReadError::Wire)? {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// ARI's own `{"message": …}`, or the start of whatever came.
async fn message_of(response: reqwest::Response) -> String {
    #[derive(Deserialize)]
    struct Answer {
        message: String,
    }
    let body = read_at_most(response, 4096).await.unwrap_or_default();
    let text = serde_json::from_slice::<Answer>(&body)
        .map_or_else(|_| String::from_utf8_lossy(&body).into_owned(), |answer| answer.message);
    text.chars().take(200).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How long the stream's event may trail the AudioSocket connection before the listing is asked. Chosen: on loopback the
/// event came 5 ms before the connection, and a listing costs Asterisk 1 ms and more with each channel.
const STREAM_LAG: Duration = Duration::from_millis(15);

/// The most bytes of an answer. Chosen: a channel is about 700 bytes, so this is some 10,000 channels.
const LONGEST_ANSWER_BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests;
