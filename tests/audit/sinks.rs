//! Heads on their way outside: nothing is lost while a sink is down, and nobody waits for it.

use std::path::Path;
use std::time::Duration;

use orderline::audit::heads::sinks::Sinks;
use orderline::audit::{HeadSinks, Journal, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use super::{SOON, settings, take_a_call};

fn with(folder: &Path, heads: HeadSinks) -> Settings {
    Settings { database_url: None, heads, ..settings(folder, "postgres://unused") }
}

async fn heads(journal: &Journal, calls: std::ops::RangeInclusive<u128>) {
    for n in calls {
        take_a_call(journal, n).await;
        journal.head_now().await.unwrap();
    }
}

fn notes(settings: &Settings) -> Vec<String> {
    super::heads::notes(settings).into_iter().map(|(note, _)| note.to_string()).collect()
}

async fn soon(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, waiting).await.expect(what);
}

/// Takes one request, answers it with a status and gives back its body.
async fn answer(listener: &TcpListener, status: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    loop {
        stream.read_buf(&mut request).await.unwrap();
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        assert!(head.starts_with("POST /heads ") && head.contains("text/plain"), "{head}");
        let reply = format!(
            "HTTP/1.1 {status}\r\ncontent-length: 0\r\nlocation: /other\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(reply.as_bytes()).await.unwrap();
        return body.to_owned();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_is_down_gets_every_head_in_order_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/heads");
    let settings = with(folder.path(), HeadSinks { http: Some(url.into()), ..HeadSinks::default() });
    let (journal, _) = Journal::open(&settings).unwrap();
    let sinks = Sinks::spawn(&journal, &settings).unwrap();
    // Nobody listens: calls and heads go on.
    heads(&journal, 1..=2).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let expected = notes(&settings);
    // Neither an error nor a redirect takes a head.
    for status in ["503 Service Unavailable", "307 Temporary Redirect"] {
        assert_eq!(answer(&listener, status).await, expected[0], "{status}");
    }
    assert_eq!(answer(&listener, "200 OK").await, expected[0]);
    assert_eq!(answer(&listener, "204 No Content").await, expected[1]);
    soon("its watermark", || {
        std::fs::read_to_string(settings.journal.join("heads.http.sent")).is_ok_and(|sent| {
            sent == std::fs::metadata(settings.journal.join("heads")).unwrap().len().to_string()
        })
    })
    .await;
    sinks.stop().await;
    // After a restart, the next one and none before it.
    let sinks = Sinks::spawn(&journal, &settings).unwrap();
    heads(&journal, 3..=3).await;
    assert_eq!(answer(&listener, "200 OK").await, notes(&settings)[2]);
    sinks.stop().await;
    journal.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_never_answers_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/heads", listener.local_addr().unwrap());
    let settings = with(folder.path(), HeadSinks { http: Some(url.into()), ..HeadSinks::default() });
    let (journal, _) = Journal::open(&settings).unwrap();
    let sinks = Sinks::spawn(&journal, &settings).unwrap();
    heads(&journal, 1..=1).await;
    let _held = listener.accept().await.unwrap();
    // Two seconds; without being told it would be the ten that a URL is given.
    tokio::time::timeout(Duration::from_secs(8), sinks.stop())
        .await
        .expect("it is told of the end meanwhile");
    journal.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_gets_every_head_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("away").join("heads");
    let settings = with(folder.path(), HeadSinks { file: Some(file.clone()), ..HeadSinks::default() });
    let (journal, _) = Journal::open(&settings).unwrap();
    let sinks = Sinks::spawn(&journal, &settings).unwrap();
    heads(&journal, 1..=2).await;
    std::fs::create_dir(folder.path().join("away")).unwrap();
    heads(&journal, 3..=3).await;
    let own = std::fs::read(settings.journal.join("heads")).unwrap();
    soon("the file", || std::fs::read(&file).is_ok_and(|copy| copy == own)).await;
    sinks.stop().await;
    journal.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_a_crash_cut_off_outside_is_written_again_and_is_no_finding() {
    use orderline::audit::verify::{Sources, verify};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("heads-outside");
    let settings = with(folder.path(), HeadSinks { file: Some(file.clone()), ..HeadSinks::default() });
    let (journal, _) = Journal::open(&settings).unwrap();
    heads(&journal, 1..=3).await;
    journal.shutdown().await.unwrap();
    let own = std::fs::read_to_string(settings.journal.join("heads")).unwrap();
    let third = notes(&settings)[2].clone();
    let before = own.len() - third.len() - 1;
    for cut in [1, 20, third.len() / 2, third.find("\n\n").unwrap() + 2, third.len() - 3, third.len()] {
        // The machine stopped in the middle of the third; the watermark stands before it.
        std::fs::write(&file, &own[..before + cut]).unwrap();
        std::fs::write(settings.journal.join("heads.file.sent"), before.to_string()).unwrap();
        let (journal, _) = Journal::open(&settings).unwrap();
        let sinks = Sinks::spawn(&journal, &settings).unwrap();
        soon("the third head", || std::fs::read_to_string(&file).unwrap()[before + cut..].contains(&third))
            .await;
        sinks.stop().await;
        journal.shutdown().await.unwrap();
        let sources = || Sources {
            journal: Some(settings.journal.clone()),
            heads: Some(file.clone()),
            ..Sources::default()
        };
        let report = verify(sources()).await.unwrap();
        assert!(report.is_good(), "cut after {cut}: {report}");
        // Anything else between two heads is one.
        let copy = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{}x\n{}", &copy[..before], &copy[before..])).unwrap();
        assert!(!verify(sources()).await.unwrap().is_good(), "cut after {cut}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_gets_each_head_as_one_message_over_udp_and_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let path = folder.path().join("log");
    let unix = tokio::net::UnixDatagram::bind(&path).unwrap();
    for (n, to) in (1..).zip([udp.local_addr().unwrap().to_string(), path.display().to_string()]) {
        let settings = Settings {
            journal: folder.path().join(format!("journal-{n}")),
            ..with(folder.path(), HeadSinks { syslog: Some(to), ..HeadSinks::default() })
        };
        assert_eq!(settings.problems(), Vec::<String>::new());
        let (journal, _) = Journal::open(&settings).unwrap();
        let sinks = Sinks::spawn(&journal, &settings).unwrap();
        heads(&journal, 1..=1).await;
        let mut bytes = vec![0; 4096];
        let received =
            async { if n == 1 { udp.recv(&mut bytes).await } else { unix.recv(&mut bytes).await } };
        let length = tokio::time::timeout(SOON, received).await.unwrap().unwrap();
        let message = String::from_utf8(bytes[..length].to_vec()).unwrap();
        assert!(message.starts_with("<109>1 ") && message.contains(" orderline orderline "), "{message}");
        let (_, note) = message.split_once(" audit-head - ").unwrap();
        assert_eq!(note.replace("\\n", "\n"), notes(&settings)[0]);
        sinks.stop().await;
        journal.shutdown().await.unwrap();
    }
}
