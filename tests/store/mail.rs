//! A mail server for tests: takes letters, or refuses them as it is told.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orderline::store::{EmailSettings, Settings};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One letter.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) head: String,
    pub(crate) text: String,
}

/// The server; ends with it.
pub(crate) struct MailServer {
    url: String,
    letters: Arc<Mutex<Vec<Letter>>>,
    /// What it says to a recipient.
    answer: Arc<Mutex<&'static str>>,
    serving: JoinHandle<()>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (letters, answer) = (Arc::default(), Arc::new(Mutex::new("250 fine")));
        let (kept, said) = (Arc::clone(&letters), Arc::clone(&answer));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&kept), Arc::clone(&said)));
            }
        });
        Self { url, letters, answer, serving }
    }

    /// Lets a shop send by it.
    pub(crate) fn serve(&self, settings: &mut Settings) {
        let from = "Shop <orders@shop.example>".to_owned();
        settings.email = Some(EmailSettings { smtp_url: self.url.clone().into(), from });
    }

    /// From now on this is said to every recipient: `550 …`, `451 …`, `250 …`.
    pub(crate) fn say(&self, answer: &'static str) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap().clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn converse(stream: TcpStream, letters: Arc<Mutex<Vec<Letter>>>, answer: Arc<Mutex<&'static str>>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let (mut to, mut data) = (String::new(), None::<String>);
    writer.write_all(b"220 mail ready\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let said = if let Some(letter) = &mut data {
            if line != "." {
                letter.push_str(&format!("{line}\n"));
                continue;
            }
            letters.lock().unwrap().push(read(std::mem::take(&mut to), letter));
            data = None;
            "250 queued"
        } else if line == "DATA" {
            data = Some(String::new());
            "354 go on"
        } else if let Some(recipient) = line.strip_prefix("RCPT TO:") {
            to = recipient.trim_matches(['<', '>']).to_owned();
            *answer.lock().unwrap()
        } else {
            "250 fine"
        };
        if writer.write_all(format!("{said}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

fn read(to: String, letter: &str) -> Letter {
    let (head, body) = letter.split_once("\n\n").unwrap();
    let text = if head.contains("Content-Transfer-Encoding: base64") {
        String::from_utf8(STANDARD.decode(body.replace('\n', "")).unwrap()).unwrap()
    } else {
        body.to_owned()
    };
    Letter { to, head: head.to_owned(), text }
}
