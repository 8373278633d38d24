//! The floor: what an AudioSocket server costs at the very least. One thread, one epoll, one read and one write for each
//! frame, no clock, no thought: what came is sent back.
//!
//! `cargo run --release --example epoll_echo ADDR`; measure it with `orderline load ADDR`, and a server beside it.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let listener = TcpListener::bind(&address)?;
    listener.set_nonblocking(true)?;
    println!("epoll echo on {address}");
    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    let token = |fd: RawFd| u64::try_from(fd);
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, token(listener.as_raw_fd())?))?;
    let mut calls: HashMap<u64, TcpStream> = HashMap::new();
    let mut events = [EpollEvent::empty(); 256];
    let mut bytes = [0; 65_536];
    loop {
        let ready = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..ready] {
            let Some(stream) = calls.get_mut(&event.data()) else {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                let token = token(stream.as_raw_fd())?;
                epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
                calls.insert(token, stream);
                continue;
            };
            let echoed = match stream.read(&mut bytes) {
                Ok(0) => false,
                // The UUID is no sound: sending it back would end the call.
                Ok(read) if bytes[0] == 0x01 => read <= 19 || stream.write_all(&bytes[19..read]).is_ok(),
                Ok(read) => stream.write_all(&bytes[..read]).is_ok(),
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            };
            if !echoed {
                // Closing takes it off the epoll.
                calls.remove(&event.data());
            }
        }
    }
}
