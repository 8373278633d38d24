//! What stands between the child and the store, and fails as it is told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};

/// How the store is, seen from the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Up,
    /// Connections are refused.
    Down,
    /// Every request reaches the store later than its client waits.
    Slow,
    /// The store has committed, and its answer does not arrive: a 500 at first, then a connection that breaks.
    ErrorAfterCommit,
}

pub(crate) const WEATHERS: [Weather; 4] =
    [Weather::Up, Weather::Down, Weather::Slow, Weather::ErrorAfterCommit];

impl Weather {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Slow => "slow",
            Self::ErrorAfterCommit => "error after commit",
        }
    }
}

/// How late a slow store is: later than [`crate::child::WRITE_TIMEOUT_MS`].
const LATE: Duration = Duration::from_millis(2_000);

pub(crate) struct Proxy {
    /// The `[store] base_url`.
    pub(crate) base: String,
    shared: Arc<Shared>,
}

struct Shared {
    weather: watch::Sender<Weather>,
    /// Where the store is.
    target: Mutex<String>,
    /// The next change is not answered: whether the store gets it, and whom to tell.
    caught: Mutex<Option<(bool, oneshot::Sender<()>)>>,
    lost: AtomicUsize,
}

impl Proxy {
    pub(crate) async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            weather: watch::Sender::new(Weather::Up),
            target: Mutex::new(target.to_owned()),
            caught: Mutex::default(),
            lost: AtomicUsize::new(0),
        });
        tokio::spawn(listen(listener, address, shared.clone()));
        Self { base: format!("http://{address}"), shared }
    }

    pub(crate) fn turn(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// The store is somewhere else now.
    pub(crate) fn point_to(&self, target: &str) {
        target.clone_into(&mut self.shared.target.lock().unwrap());
    }

    /// Catches the next change when all of it is here, and never answers it; resolves then. With `forward` the store
    /// carries it out before that, or in slow weather long after.
    pub(crate) fn catch(&self, forward: bool) -> oneshot::Receiver<()> {
        let (caught, when) = oneshot::channel();
        *self.shared.caught.lock().unwrap() = Some((forward, caught));
        when
    }
}

async fn listen(first: TcpListener, address: SocketAddr, shared: Arc<Shared>) {
    let mut weather = shared.weather.subscribe();
    let mut listener = Some(first);
    loop {
        if let Some(open) = &listener {
            let accepted = tokio::select! {
                accepted = open.accept() => Some(accepted.unwrap().0),
                _ = weather.wait_for(|now| *now == Weather::Down) => None,
            };
            if let Some(stream) = accepted {
                tokio::spawn(serve(stream, shared.clone()));
                continue;
            }
        }
        // Bound and not listening: connections are refused, and nobody else gets the port meanwhile.
        drop(listener.take());
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        while socket.bind(address).is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        weather.wait_for(|now| *now != Weather::Down).await.unwrap();
        listener = Some(socket.listen(64).unwrap());
    }
}

/// One connection: requests one after the other, until somebody closes it.
async fn serve(mut client: TcpStream, shared: Arc<Shared>) {
    let mut weather = shared.weather.subscribe();
    loop {
        let request = tokio::select! {
            request = message(&mut client) => request,
            // Idle connections break with the store.
            _ = weather.wait_for(|now| *now == Weather::Down) => return,
        };
        let Some(request) = request else { return };
        let changes = !request.starts_with(b"GET ");
        let now = *weather.borrow_and_update();
        let caught = if changes { shared.caught.lock().unwrap().take() } else { None };
        match (now, caught) {
            // It came while the store was going down.
            (Weather::Down, _) => return,
            (_, Some((false, caught))) => {
                let _ = caught.send(());
                return;
            }
            (Weather::Slow, caught) => {
                if let Some((_, caught)) = caught {
                    let _ = caught.send(());
                }
                tokio::time::sleep(LATE).await;
                let Some(answer) = forward(&shared, &request).await else { return };
                if client.write_all(&answer).await.is_err() {
                    return;
                }
            }
            (_, Some((true, caught))) => {
                forward(&shared, &request).await;
                let _ = caught.send(());
                return;
            }
            (Weather::ErrorAfterCommit, None) if changes => {
                let _ = forward(&shared, &request).await;
                if shared.lost.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
                    return;
                }
                let answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
                if client.write_all(answer).await.is_err() {
                    return;
                }
            }
            (Weather::Up | Weather::ErrorAfterCommit, None) => {
                let Some(answer) = forward(&shared, &request).await else { return };
                if client.write_all(&answer).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The store's answer to a request, over a connection of its own.
async fn forward(shared: &Shared, request: &[u8]) -> Option<Vec<u8>> {
    let target = shared.target.lock().unwrap().clone();
    let mut store = TcpStream::connect(target).await.ok()?;
    store.write_all(request).await.ok()?;
    message(&mut store).await
}

/// One HTTP message with its body, whose length must be told.
async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = head + 4;
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let whole = head + length.map_or(0, |length| length.trim().parse().unwrap());
            if bytes.len() >= whole {
                return Some(bytes);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
