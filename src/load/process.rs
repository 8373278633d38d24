//! A process on this machine: its processor time, memory and descriptors, from `/proc`.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

/// What a process has used so far, and holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Processor time, user and system, of all its threads.
    #[serde(skip)]
    pub cpu: Duration,
    /// Resident memory in KiB.
    pub resident_kib: u64,
    /// Open descriptors.
    pub descriptors: usize,
}

impl Usage {
    /// Of this process now; none where it is gone or another user's.
    pub fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(Self {
            cpu: cpu(pid)?,
            resident_kib: resident.split_whitespace().next()?.parse().ok()?,
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count(),
        })
    }
}

/// The scheduler's own account in nanoseconds (`/proc/PID/task/TID/schedstat`), where the kernel keeps one; threads that
/// have ended are not in it, and a server's live as long as it does. Else clock ticks of 10 ms.
fn cpu(pid: u32) -> Option<Duration> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let nanoseconds: Option<u64> = tasks
        .map(|task| {
            let schedstat = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            schedstat.split_whitespace().next()?.parse::<u64>().ok()
        })
        .sum();
    nanoseconds.map(Duration::from_nanos).or_else(|| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold blanks; utime and stime are the 12th and 13th field behind it.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
        Some(Duration::from_millis(ticks * 10))
    })
}

/// The process that listens on this address, if it is on this machine and ours to see.
pub(super) fn listening_on(address: SocketAddr) -> Option<u32> {
    let inode = inode_of(address)?;
    let link = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).find(
        |pid: &u32| {
            fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|files| {
                files
                    .filter_map(Result::ok)
                    .any(|file| fs::read_link(file.path()).is_ok_and(|to| to.to_str() == Some(&link)))
            })
        },
    )
}

/// The listening socket of a port, from `/proc/net/tcp` (man 5 proc): `sl local rem state … inode`, state 0A is LISTEN.
fn inode_of(address: SocketAddr) -> Option<String> {
    let table = if address.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let port = format!(":{:04X}", address.port());
    fs::read_to_string(table).ok()?.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let listens = fields.get(1)?.ends_with(&port) && *fields.get(3)? == "0A";
        listens.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_process_is_found_by_the_port_on_which_it_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pid = listening_on(listener.local_addr().unwrap());
        assert_eq!(pid, Some(std::process::id()));
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_kib > 1_000 && usage.descriptors > 3, "{usage:?}");
        assert!(usage.cpu > Duration::ZERO);
    }

    #[test]
    fn nobody_listens_on_a_free_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(listening_on(address), None);
        assert_eq!(Usage::of(u32::MAX), None);
    }
}
