//! How the driver writes: a frame is one write, header and sound together.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use orderline::audio::Rate;
use orderline::call::{Peer, Settings};
use tokio::io::{AsyncWrite, AsyncWriteExt, duplex};
use tokio::time::sleep;

use super::cast::{cast, id, message, silence};

/// Takes everything, and notes how long each write was.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Vec<usize>>>);

impl AsyncWrite for Noting {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().unwrap().push(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_one_write_with_its_header() {
    let cast = cast(Settings::default());
    let (mut line, ours) = duplex(64 * 1024);
    let (reader, _) = tokio::io::split(ours);
    let writer = Noting::default();
    let writes = writer.0.clone();
    tokio::spawn(cast.calls.clone().carry(reader, writer, Peer::default(), ()));
    line.write_all(&id(1)).await.unwrap();
    line.write_all(&message(0x12, &silence(Rate::HZ_16000))).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let writes = writes.lock().unwrap();
    // The first left at accept, before the caller's rate was known.
    assert_eq!(writes[0], 3 + 320);
    assert!(writes.len() >= 500, "a frame every 20 ms: {}", writes.len());
    assert!(writes[1..].iter().all(|bytes| *bytes == 3 + 640), "{writes:?}");
}
