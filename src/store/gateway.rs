//! How a message leaves the shop: to the log, to a file, over HTTP, over SMTP.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use lettre::message::{Mailbox, header::ContentType};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use super::settings::{EmailSettings, SmsSettings};
use super::text::is_secret;

/// One message to one customer.
#[derive(Clone, sqlx::FromRow)]
pub struct Message {
    /// The same at every attempt.
    pub id: Uuid,
    /// `sms` or `email`.
    pub channel: String,
    /// A number in E.164, or an address.
    pub recipient: String,
    /// What it was made from, such as `order_created`.
    pub template: String,
    /// For e-mail.
    pub subject: Option<String>,
    pub body: String,
    /// Attempts so far, this one included.
    pub attempts: i32,
}

masked!(Message);

/// Why a message has not left.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// It may leave later.
    #[error("the gateway is not available: {0}")]
    Unavailable(String),
    /// It never will.
    #[error("the gateway refuses the message: {0}")]
    Refused(String),
}

/// Takes messages out of the shop. A gateway may get one message twice, with the same id.
pub trait Gateway: fmt::Debug + Send + Sync {
    /// Delivers one message.
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), DeliveryError>>;
}

/// Why a gateway cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The HTTP client.
    #[error("while setting up the SMS gateway")]
    Http(#[from] reqwest::Error),
    /// The SMTP address.
    #[error("email.smtp_url: expected smtps://user:password@host:465")]
    Smtp(#[from] lettre::transport::smtp::Error),
    /// The sender.
    #[error("email.from: expected an address such as Shop <orders@example.org>")]
    Sender(#[from] lettre::address::AddressError),
}

/// The gateway for SMS that the settings ask for.
pub(crate) fn sms(settings: &SmsSettings) -> Result<Box<dyn Gateway>, GatewayError> {
    Ok(match settings {
        SmsSettings::Log => Box::new(Log),
        SmsSettings::File { path } => Box::new(File { path: path.clone() }),
        SmsSettings::Http { url, body, content_type, authorization, timeout_ms } => Box::new(Http {
            client: reqwest::Client::builder()
                .timeout(Duration::from_millis(*timeout_ms))
                // The address comes from the configuration; where it points on to does not.
                .redirect(reqwest::redirect::Policy::none())
                .build()?,
            url: url.clone(),
            body: body.clone(),
            content_type: content_type.clone().unwrap_or_else(|| "application/json".to_owned()),
            authorization: authorization.clone(),
        }),
    })
}

/// The gateway for e-mail that the settings ask for.
pub(crate) fn email(settings: &EmailSettings) -> Result<Box<dyn Gateway>, GatewayError> {
    let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.smtp_url.expose_secret())?
        .timeout(Some(Duration::from_secs(10)))
        .build();
    Ok(Box::new(Smtp { transport, from: settings.from.parse()? }))
}

#[derive(Debug)]
struct Log;

impl Gateway for Log {
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            // A log is read by more people than a letter.
            let text = if is_secret(&message.template) { "(a secret)" } else { &message.body };
            tracing::info!(message.id = %message.id, channel = message.channel, template = message.template, text, "message");
            Ok(())
        })
    }
}

#[derive(Debug)]
struct File {
    path: PathBuf,
}

impl Gateway for File {
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            let line = serde_json::json!({
                "at": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
                "id": message.id,
                "channel": message.channel,
                "to": message.recipient,
                "text": message.body,
            });
            let append = async {
                let mut file =
                    tokio::fs::OpenOptions::new().create(true).append(true).open(&self.path).await?;
                // One write: a line is whole or absent.
                file.write_all(format!("{line}\n").as_bytes()).await?;
                file.flush().await
            };
            append
                .await
                .map_err(|error| DeliveryError::Unavailable(format!("{}: {error}", self.path.display())))
        })
    }
}

struct Http {
    client: reqwest::Client,
    url: String,
    body: Option<String>,
    content_type: String,
    authorization: Option<SecretString>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may carry a key.
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl Gateway for Http {
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            let url = fill(&self.url, message, in_url);
            let mut request = match &self.body {
                None => self.client.get(url),
                Some(template) => {
                    let escape = if self.content_type.contains("json") { in_json } else { in_url };
                    let body = fill(template, message, escape);
                    self.client.post(url).header("content-type", &self.content_type).body(body)
                }
            };
            if let Some(secret) = &self.authorization {
                request = request.header("authorization", secret.expose_secret());
            }
            let sent = request.send().await;
            // The address may carry a key and the number: neither goes into an error that is kept.
            let response =
                sent.map_err(|error| DeliveryError::Unavailable(error.without_url().to_string()))?;
            let status = response.status();
            match status.as_u16() {
                200..=299 => Ok(()),
                408 | 425 | 429 | 500..=599 => Err(DeliveryError::Unavailable(format!("status {status}"))),
                _ => Err(DeliveryError::Refused(format!("status {status}"))),
            }
        })
    }
}

/// Puts the message into a template, in one pass: a text that contains `{to}` stays as it is.
fn fill(template: &str, message: &Message, escape: fn(&str) -> String) -> String {
    let id = message.id.to_string();
    let fields = [("{to}", message.recipient.as_str()), ("{text}", &message.body), ("{id}", &id)];
    let mut filled = String::with_capacity(template.len() + message.body.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        let field = fields.iter().find(|(name, _)| rest.starts_with(name));
        let (name, value) = field.map_or(("{", "{".to_owned()), |(name, value)| (*name, escape(value)));
        filled.push_str(&value);
        rest = &rest[name.len()..];
    }
    filled + rest
}

fn in_url(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The inside of a JSON string.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Gateway for Smtp {
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            let refused = |error: &dyn fmt::Display| DeliveryError::Refused(error.to_string());
            let to: Mailbox = message.recipient.parse().map_err(|error| refused(&error))?;
            let letter = lettre::Message::builder()
                .from(self.from.clone())
                .to(to)
                .subject(message.subject.as_deref().unwrap_or_default())
                .message_id(Some(format!("<{}@orderline>", message.id)))
                .header(ContentType::TEXT_PLAIN)
                .body(message.body.clone())
                .map_err(|error| refused(&error))?;
            match self.transport.send(letter).await {
                Ok(_) => Ok(()),
                Err(error) if error.is_permanent() => Err(refused(&error)),
                Err(error) => Err(DeliveryError::Unavailable(error.to_string())),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_log_shows_a_message_but_never_a_secret() {
        use tracing::instrument::WithSubscriber;
        #[derive(Clone, Default)]
        struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
        impl std::io::Write for Lines {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().expect("nobody panics holding it").extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let message = |template: &str| Message {
            id: Uuid::nil(),
            channel: "sms".into(),
            recipient: "+79161234567".into(),
            template: template.into(),
            subject: None,
            body: format!("the text of {template}"),
            attempts: 1,
        };
        let told = [message("order_paid"), message("verification_code"), message("password_reset")];
        async {
            for message in &told {
                assert!(Log.deliver(message).await.is_ok());
            }
        }
        .with_subscriber(subscriber)
        .await;
        let lines = lines.0.lock().expect("nobody panics holding it").clone();
        let lines = String::from_utf8_lossy(&lines);
        assert!(lines.contains("the text of order_paid"), "{lines}");
        assert_eq!(lines.matches("the text of").count(), 1, "{lines}");
        assert_eq!(lines.matches("(a secret)").count(), 2, "{lines}");
        assert!(!lines.contains("79161234567"), "{lines}");
    }

    #[test]
    fn a_template_is_filled_once_and_escaped_for_its_place() {
        let message = Message {
            id: Uuid::nil(),
            channel: "sms".into(),
            recipient: "+79161234567".into(),
            template: "order_created".into(),
            subject: None,
            body: "Сумма \"{to}\" & 5\n".into(),
            attempts: 1,
        };
        assert_eq!(
            fill("{\"a\":{\"to\":\"{to}\",\"t\":\"{text}\"}}", &message, in_json),
            "{\"a\":{\"to\":\"+79161234567\",\"t\":\"Сумма \\\"{to}\\\" & 5\\n\"}}"
        );
        let url = fill("https://sms.example/?to={to}&m={text}&x={y}", &message, in_url);
        assert!(url.starts_with("https://sms.example/?to=%2B79161234567&m=%D0%A1"), "{url}");
        assert!(url.ends_with("%26+5%0A&x={y}"), "{url}");
    }
}
