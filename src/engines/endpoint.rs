//! The way to an OpenAI-compatible server: what three engines share of their settings and their HTTP client.

use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::ReqwestService;
use secrecy::{ExposeSecret, SecretString};

use super::{EngineError, Ranges};
use crate::conversation::event::EngineFault;
use crate::telemetry::impersonal;

/// The address of OpenAI itself, to which a path such as `/chat/completions` is added.
pub(super) const OPENAI: &str = "https://api.openai.com/v1";
/// How long a connection may take to be made. Chosen: three round trips across an ocean.
const CONNECT: Duration = Duration::from_millis(1000);

/// What is wrong with an address and a key.
pub(super) fn problems(problems: &mut Ranges, url: &str, key: Option<&SecretString>, model: &str) {
    match url::Url::parse(url) {
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() => {
            problems.add("url", &format!("expected http:// or https:// and a host, found {url:?}"));
        }
        Ok(parsed) if parsed.query().is_some() || parsed.fragment().is_some() => {
            problems.add("url", &format!("expected an address to which a path can be added, found {url:?}"));
        }
        Ok(_) => {}
        Err(error) => {
            problems.add("url", &format!("expected an address such as {OPENAI}, found {url:?} ({error})"))
        }
    }
    if key.is_some_and(|key| !key.expose_secret().bytes().all(|b| b.is_ascii_graphic())) {
        problems.add(
            "api_key",
            "expected letters, digits and signs alone, found something else in it (a line break?)",
        );
    }
    problems.filled("model", model);
}

/// A client that tries once: when to try again is the engine's own decision.
pub(super) fn client(url: &str, key: Option<&SecretString>) -> Result<Client<OpenAIConfig>, EngineError> {
    // Every field is set, as the crate would take what is not from the environment.
    let config = OpenAIConfig::new()
        .with_api_base(url.trim_end_matches('/'))
        .with_api_key(key.map_or("none", |key| key.expose_secret()))
        .with_org_id("")
        .with_project_id("");
    let http = http()?;
    Ok(Client::build(http.clone(), config).with_http_service(ReqwestService::new(http)))
}

/// The HTTP client beneath.
pub(super) fn http() -> Result<reqwest::Client, EngineError> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        // The address comes from the configuration; where it points on to does not.
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .build()
        .map_err(|error| EngineError::Http(error.to_string()))
}

/// A fault of an exchange, and whether trying again may help.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) fault: EngineFault,
    pub(super) again: bool,
}

impl Trouble {
    /// Words for the log; nothing of the call is in them.
    pub(super) fn broken(detail: String, again: bool) -> Self {
        Self { fault: EngineFault::Broken { detail }, again }
    }

    pub(super) fn timed_out() -> Self {
        Self { fault: EngineFault::TimedOut, again: false }
    }
}

impl From<OpenAIError> for Trouble {
    fn from(error: OpenAIError) -> Self {
        match error {
            OpenAIError::ApiError(response) => {
                let status = response.status_code;
                let again = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
                let message = impersonal(&response.api_error.message, 300);
                Self::broken(format!("the server answered {status}: {message}"), again)
            }
            OpenAIError::JSONDeserialize(error, _) => {
                let found = impersonal(&error.to_string(), 300);
                Self::broken(format!("expected JSON from the server, found {found}"), true)
            }
            OpenAIError::Reqwest(error) if error.is_timeout() => {
                Self { fault: EngineFault::TimedOut, again: true }
            }
            OpenAIError::Reqwest(error) => Self::broken(chain(&error), !error.is_builder()),
            OpenAIError::StreamError(error) => Self::broken(impersonal(&error.to_string(), 300), true),
            other => Self::broken(impersonal(&other.to_string(), 300), false),
        }
    }
}

/// What went wrong and why, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    #[tokio::test]
    async fn an_engines_server_cannot_send_its_client_elsewhere() {
        let (server, elsewhere) = (MockServer::start().await, MockServer::start().await);
        let away = ResponseTemplate::new(307).insert_header("location", elsewhere.uri().as_str());
        Mock::given(any()).respond_with(away).mount(&server).await;
        let answer = http().unwrap().post(server.uri()).body("words of a caller").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 307);
        assert!(elsewhere.received_requests().await.unwrap().is_empty());
    }
}
