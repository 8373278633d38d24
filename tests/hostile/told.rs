//! What the log and the figures say of hostile peers.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use orderline::call::{Peer, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::cast::{cast, id, message};
use super::{SOON, start};

/// Keeps what this process logs; each test looks for an address of its own.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn kept() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            let writer = log.clone();
            let subscriber =
                tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
            log
        })
    }

    fn lines(&self, with: [&str; 2]) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| with.iter().all(|part| line.contains(part))).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_stranger_at_the_door_is_named_once_however_often_it_knocks() {
    let log = Log::kept();
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counted = metrics::set_default_local_recorder(&recorder);
    let server = start(Settings::default(), |own| own.peers = vec!["192.0.2.0/24".parse().unwrap()]).await;
    for _ in 0..50 {
        let socket = TcpSocket::new_v4().unwrap();
        // An address that no other test of this process comes from.
        socket.bind("127.0.0.66:0".parse().unwrap()).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        let mut sink = Vec::new();
        let _ = timeout(SOON, stream.read_to_end(&mut sink)).await.unwrap();
        assert!(sink.is_empty());
    }
    server.stop().await;
    let lines = log.lines(["connection refused", "127.0.0.66"]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("its address is not in server.peers"), "{lines:?}");
    let figures = recorder.handle().render();
    assert!(figures.contains("orderline_connections_refused_total{why=\"peer\"} 50"), "{figures}");
}

#[tokio::test]
async fn what_ends_a_leg_is_counted_by_reason_and_logged_with_the_peers_address() {
    let tiny = message(0x77, &[]).repeat(5_000);
    let second_id_of_no_length = message(0x01, &[7; 15]);
    let flood = message(0x10, &[0; 64_000]).repeat(30);
    let rates = [message(0x10, &[1, 0]), message(0x12, &[1, 0])].concat().repeat(8);
    let cases = [
        ("garbage", second_id_of_no_length, "a length that no UUID has"),
        ("messages", tiny, "more than any call needs"),
        ("flood", flood, "faster than time"),
        ("rates", rates, "over and over"),
    ];
    let log = Log::kept();
    for (n, (why, bytes, text)) in (1..).zip(cases) {
        let recorder = PrometheusBuilder::new().build_recorder();
        let _counted = metrics::set_default_local_recorder(&recorder);
        let cast = cast(Settings::default());
        let (mut line, ours) = tokio::io::duplex(64 * 1024);
        let (reader, writer) = tokio::io::split(ours);
        // 192.0.2.0/24 is nobody's (RFC 5737).
        let peer = Peer(Some(([192, 0, 2, 9], 40_000 + n).into()));
        let call = cast.calls.clone().carry(reader, writer, peer, ());
        let talk = async {
            line.write_all(&id(u128::from(n))).await.unwrap();
            line.write_all(&message(0x10, &[0; 320])).await.unwrap();
            let _ = line.write_all(&bytes).await;
            let mut heard = Vec::new();
            line.read_to_end(&mut heard).await.unwrap();
            assert!(heard.ends_with(&[0, 0, 0]), "{why}: the hangup message is last");
        };
        timeout(SOON, async { tokio::join!(call, talk) }).await.unwrap();
        let figures = recorder.handle().render();
        assert!(figures.contains(&format!("orderline_peer_faults_total{{why=\"{why}\"}} 1")), "{figures}");
        let lines = log.lines([text, &format!("peer=192.0.2.9:{}", 40_000 + n)]);
        assert_eq!(lines.len(), 1, "{why}: {lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_never_becomes_a_call_is_counted_and_logged_too() {
    let cases = [
        ("garbage", message(0x01, &[7; 15]), "a call id of 15 bytes"),
        ("no_uuid", message(0x10, &[0, 0]), "within 2000 ms"),
        ("flood", message(0x77, &[]).repeat(5_000), "came before the call's UUID"),
    ];
    let log = Log::kept();
    for (why, bytes, text) in cases {
        let recorder = PrometheusBuilder::new().build_recorder();
        let _counted = metrics::set_default_local_recorder(&recorder);
        let cast = cast(Settings::default());
        let (mut line, ours) = tokio::io::duplex(64 * 1024);
        let (reader, writer) = tokio::io::split(ours);
        let call = cast.calls.clone().carry(reader, writer, Peer(Some(([192, 0, 2, 10], 5).into())), ());
        let talk = async {
            let _ = line.write_all(&bytes).await;
            let mut heard = Vec::new();
            line.read_to_end(&mut heard).await.unwrap();
            assert!(heard.ends_with(&[0, 0, 0]), "{why}");
        };
        timeout(Duration::from_secs(60), async { tokio::join!(call, talk) }).await.unwrap();
        let figures = recorder.handle().render();
        assert!(figures.contains(&format!("orderline_calls_refused_total{{why=\"{why}\"}} 1")), "{figures}");
        let lines = log.lines([text, "peer=192.0.2.10:5"]);
        assert_eq!(lines.len(), 1, "{why}: {lines:?}");
    }
}
