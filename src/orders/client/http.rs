//! The attempt over HTTP: no redirects, no proxy from the environment, bodies of bounded size.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Method, redirect};
use secrecy::ExposeSecret;
use url::Url;

use super::exchange::{Loss, StoreRequest, StoreResponse, Transport};
use super::settings::{Idempotency, Settings};

// Chosen: well below the 60 s and more for which common servers keep an idle connection, so that a request is not written
// into a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(15);

/// The store over HTTP/1.1 or HTTP/2. It belongs to the runtime it was first used on.
#[derive(Debug)]
pub struct Http {
    client: Client,
    base: Url,
    max_body_bytes: usize,
}

/// The settings allow no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A setting of `[store]` is wrong.
    #[error("[store] {0}")]
    Settings(String),
    /// TLS could not be set up.
    #[error("expected to set up HTTP for the store")]
    Http(#[source] reqwest::Error),
}

impl Http {
    /// HTTP to the store of these settings, for [`StoreClient::over`](super::StoreClient::over) where something is to
    /// stand between. Reads the token's file, if one is set.
    ///
    /// # Errors
    /// A setting that [`Settings::problems`] would have told, or TLS that cannot be set up.
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        let base = settings.url().map_err(|problem| ClientError::Settings(format!("base_url: {problem}")))?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = settings.secret().map_err(ClientError::Settings)? {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
                .map_err(|_| ClientError::Settings("token: expected visible ASCII characters".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut builder = Client::builder()
            .user_agent(concat!("orderline/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true);
        if settings.idempotency == Idempotency::None {
            // An idle connection may close under a request, which then counts as lost; without keys that is not worth it.
            builder = builder.pool_max_idle_per_host(0);
        }
        let client = builder.build().map_err(ClientError::Http)?;
        Ok(Self { client, base, max_body_bytes: settings.max_body_bytes })
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Bytes, Loss> {
        let mut body = BytesMut::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| Loss::Lost(describe("the body broke off", &error)))?
        {
            if body.len() + chunk.len() > self.max_body_bytes {
                let most = self.max_body_bytes;
                return Err(Loss::Lost(format!("expected a body of at most {most} bytes, found more")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

impl Transport for Http {
    async fn send(&self, request: &StoreRequest) -> Result<StoreResponse, Loss> {
        let mut url = self.base.clone();
        let path = format!("{}/api/v1/{}", self.base.path().trim_end_matches('/'), request.path);
        url.set_path(&path);
        let method = match request.method {
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            _ => Method::GET,
        };
        let mut builder = self.client.request(method, url);
        if !request.query.is_empty() {
            builder = builder.query(&request.query);
        }
        if let Some(key) = request.key {
            builder = builder.header("Idempotency-Key", key.to_string());
        }
        if let Some(version) = request.version {
            builder = builder.header(IF_MATCH, format!("\"{version}\""));
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let response = builder.send().await.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                Loss::NotSent(describe("no connection", &error))
            } else {
                Loss::Lost(describe("no answer", &error))
            }
        })?;
        let text = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let status = response.status().as_u16();
        let retry_after = text(RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok());
        let location = text(LOCATION.as_str()).map(str::to_owned);
        let replayed = text("idempotent-replayed").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let body = self.body(response).await?;
        Ok(StoreResponse {
            status,
            retry_after: retry_after.map(Duration::from_secs),
            location,
            replayed,
            body,
        })
    }
}

/// The chain of causes without the URL, whose query may hold a telephone number.
fn describe(what: &str, error: &reqwest::Error) -> String {
    use std::error::Error as _;
    let mut text = what.to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
