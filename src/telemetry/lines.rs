//! Log lines on their way to standard error, through a thread of their own.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

// Chosen: some seconds of a busy server at info; at 300 bytes a line a bound of about 1 MiB.
const QUEUE: usize = 4096;
// Chosen: a reader of standard error that takes longer is gone.
const FLUSH: Duration = Duration::from_secs(1);

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Makes a writer for each log line.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

/// Writes out what is queued when it is dropped, waiting a second at most.
#[derive(Debug)]
pub struct LogGuard {
    queue: SyncSender<Message>,
    patience: Duration,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("message")
    }
}

/// Starts the thread that writes to `sink`.
pub(super) fn start(sink: impl Write + Send + 'static) -> io::Result<(Lines, LogGuard)> {
    start_with(sink, QUEUE, FLUSH)
}

fn start_with(
    sink: impl Write + Send + 'static,
    room: usize,
    patience: Duration,
) -> io::Result<(Lines, LogGuard)> {
    let (queue, messages) = sync_channel(room);
    let lost = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&lost);
    std::thread::Builder::new().name("log".to_owned()).spawn(move || write_out(sink, &messages, &counted))?;
    Ok((Lines { queue: queue.clone(), lost }, LogGuard { queue, patience }))
}

fn write_out(mut sink: impl Write, messages: &Receiver<Message>, lost: &AtomicU64) {
    // A standard error that cannot be written to has nobody to complain to, so errors end here.
    for message in messages {
        match message {
            Message::Line(line) => {
                let _ = sink.write_all(&line);
                let lost = lost.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    let _ = writeln!(
                        sink,
                        "{{\"level\":\"WARN\",\"message\":\"log lines lost\",\"lines\":{lost}}}"
                    );
                }
            }
            Message::Flush(done) => {
                let _ = sink.flush();
                let _ = done.send(());
            }
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let (done, flushed) = sync_channel(1);
        // With a full queue the reader of standard error stands still, and there is no use in waiting.
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            let _ = flushed.recv_timeout(self.patience);
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { text: Vec::with_capacity(256), lines: self }
    }
}

/// One log line; queued when it is dropped.
#[derive(Debug)]
pub(super) struct Line<'a> {
    text: Vec<u8>,
    lines: &'a Lines,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let text = std::mem::take(&mut self.text);
        if text.is_empty() {
            return;
        }
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.lines.queue.try_send(Message::Line(text))
        {
            self.lines.lost.fetch_add(1, Ordering::Relaxed);
            metrics::counter!(super::figures::LOG_LINES_LOST_TOTAL).increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::{Condvar, Mutex};

    use super::*;

    /// How long the thread may wait for the processor. A bound, not an expectation: nothing here depends on how soon it
    /// runs.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A sink that notes what it is given and can be held up.
    #[derive(Clone, Default)]
    struct Sink {
        written: Arc<(Mutex<Vec<u8>>, Condvar)>,
        held: Arc<Mutex<()>>,
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _held = self.held.lock().unwrap();
            self.written.0.lock().unwrap().extend_from_slice(bytes);
            self.written.1.notify_all();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink {
        fn text(&self) -> String {
            String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap()
        }

        /// Everything, once this is among it.
        fn text_with(&self, what: &str) -> String {
            let lacks = |written: &mut Vec<u8>| !String::from_utf8_lossy(written).contains(what);
            let (written, news) = &*self.written;
            let (written, late) = news.wait_timeout_while(written.lock().unwrap(), PATIENCE, lacks).unwrap();
            let text = String::from_utf8(written.clone()).unwrap();
            assert!(!late.timed_out(), "expected {what:?}, found {text}");
            text
        }
    }

    #[test]
    fn lines_come_out_whole_and_in_order_before_the_guard_is_gone() {
        let sink = Sink::default();
        let (lines, guard) = start_with(sink.clone(), QUEUE, PATIENCE).unwrap();
        for n in 0..100 {
            write!(lines.make_writer(), "line ").unwrap();
            writeln!(lines.make_writer(), "{n}").unwrap();
        }
        drop(guard);
        let expected: String = (0..100).map(|n| format!("line {n}\n")).collect();
        assert_eq!(sink.text(), expected);
    }

    #[test]
    fn with_nobody_reading_lines_are_lost_and_counted_and_nobody_waits() {
        let sink = Sink::default();
        let (lines, guard) = start_with(sink.clone(), 8, PATIENCE).unwrap();
        let held = sink.held.lock().unwrap();
        for n in 0..100 {
            writeln!(lines.make_writer(), "line {n}").unwrap();
        }
        let lost = lines.lost.load(Ordering::Relaxed);
        assert!((91..=92).contains(&lost), "{lost} of 100 with room for 8 and at most one being written");
        drop(held);
        // The queue may still be full: this waits for room.
        lines.queue.send(Message::Line(b"after\n".to_vec())).unwrap();
        let text = sink.text_with("after\n");
        assert!(text.contains(&format!("\"lines\":{lost}")), "{text}");
        drop(guard);
    }
}
