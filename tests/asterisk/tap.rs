//! A tap in a TCP connection: passes everything on until it is turned off, and again when it is turned on.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// Between one that connects and the one that listens.
pub(crate) struct Tap {
    pub(crate) address: SocketAddr,
    flow: Arc<Mutex<Flow>>,
}

struct Flow {
    open: bool,
    connections: Vec<TcpStream>,
}

impl Tap {
    /// Passes connections on to `to`.
    pub(crate) fn before(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let flow = Arc::new(Mutex::new(Flow { open: true, connections: Vec::new() }));
        let known = flow.clone();
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let Ok(near) = near else { return };
                let mut flow = known.lock().unwrap_or_else(PoisonError::into_inner);
                // Dropped, it is closed: nobody listens behind a tap that is off.
                let Some(far) = flow.open.then(|| TcpStream::connect(to).ok()).flatten() else { continue };
                for (from, into) in [(&near, &far), (&far, &near)] {
                    let (from, into) =
                        (from.try_clone().expect("a handle"), into.try_clone().expect("a handle"));
                    std::thread::spawn(move || pass(from, into));
                }
                flow.connections.extend([near, far]);
            }
        });
        Self { address, flow }
    }

    /// Breaks every connection, and lets nobody through.
    pub(crate) fn off(&self) {
        let mut flow = self.flow.lock().unwrap_or_else(PoisonError::into_inner);
        flow.open = false;
        for connection in flow.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Lets connections through again.
    pub(crate) fn on(&self) {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner).open = true;
    }
}

fn pass(mut from: TcpStream, mut into: TcpStream) {
    let _ = into.set_nodelay(true);
    let mut bytes = [0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if into.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = into.shutdown(Shutdown::Write);
}
