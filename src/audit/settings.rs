//! The `[audit]` section of the configuration.

use std::path::PathBuf;

use serde::Deserialize;

/// Where the audit is kept and when it refuses to go on.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Folder of the journal's segments. Default `audit-journal` in the working folder. It must be on a local disk
    /// whose `fdatasync` means it; one process holds it at a time.
    pub journal: PathBuf,
    /// PostgreSQL URL that the journal is copied to. None: entries stay in the journal, no segment is ever deleted,
    /// and the free-space floor is what ends the growth.
    pub database_url: Option<secrecy::SecretString>,
    /// This server's name in every call's chain, 1 to 64 characters. Default `orderline`. It belongs to the journal
    /// folder for good: opening the folder under another name is refused.
    pub node: String,
    /// Free space in bytes under which intents are refused. Default 256 MiB: 32 segments, hours of calls in which
    /// somebody can react. Zero switches the check off, and a full disk is met without warning.
    pub free_space_floor_bytes: u64,
    /// How many bytes may wait for PostgreSQL before intents are refused. Default 1 GiB, about a million entries.
    /// Without `database_url` it has no effect.
    pub backlog_max_bytes: u64,
    /// Days that a segment is kept after PostgreSQL has confirmed all of it. Default 7.
    pub grace_days: u32,
    /// Whole months that `orderline audit retain` keeps in PostgreSQL, 1 to 1200. Default 36, three years. Nothing is
    /// given up until that command runs.
    pub retention_months: u32,
    /// File with the node's 32-byte key, under which the persons' keys are wrapped (`subjects.keys` in the journal's
    /// folder, and PostgreSQL). Made on first start. Default: `seal.key` in the journal's folder; a path on another
    /// volume keeps a stolen journal unreadable. Lost, the sealed values are lost with it, and open intents go to an
    /// operator. A backup of `subjects.keys` outlives an erasure: keep none longer than your erasures may take.
    pub key_file: Option<PathBuf>,
    /// Seconds after an entry within which a signed head covers it, 1 to 86,400. Default 60. Whatever is newer than the
    /// last head could be cut off unseen by whoever owns journal and database.
    pub head_every_s: u32,
    /// Entries after which a head is made before its time, 1 to 100,000. Default 1,000: a head then costs one sync in a
    /// thousand entries.
    pub head_every_entries: u32,
    /// File with the 32-byte Ed25519 seed that signs heads. Made on first start, its public part beside it with the
    /// ending `.pub`. Default: `head.key` in the journal's folder; on another volume, whoever can change the journal
    /// cannot sign what they made of it. `orderline audit rotate-key` changes it. Lost, a new one is made, and
    /// `audit verify` tells of the break.
    pub signing_key_file: Option<PathBuf>,
    /// Where heads go outside.
    pub heads: HeadSinks,
}

/// The `[audit.heads]` section: copies of the signed heads out of the reach of whoever owns this machine, at least
/// once each and in order. A sink that is down delays nobody and misses nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeadSinks {
    /// A file to append to, on another machine's file system or a medium that can only be written once.
    pub file: Option<PathBuf>,
    /// An `http` or `https` URL that each head is sent to (POST, `text/plain`); any 2xx takes it. It may carry
    /// credentials. Redirects are not followed.
    pub http: Option<secrecy::SecretString>,
    /// `host:port` for syslog (RFC 5424) over UDP, which nobody acknowledges, or the path of a Unix datagram socket
    /// such as `/dev/log`. Line ends come as `\\n`.
    pub syslog: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            journal: PathBuf::from("audit-journal"),
            database_url: None,
            node: "orderline".to_owned(),
            free_space_floor_bytes: 256 << 20,
            backlog_max_bytes: 1 << 30,
            grace_days: 7,
            retention_months: 36,
            key_file: None,
            head_every_s: 60,
            head_every_entries: 1000,
            signing_key_file: None,
            heads: HeadSinks::default(),
        }
    }
}

impl Settings {
    /// Everything that is wrong with the section, each as one sentence; empty when it is good.
    pub fn problems(&self) -> Vec<String> {
        use secrecy::ExposeSecret;
        let mut problems = Vec::new();
        if self.journal.as_os_str().is_empty() {
            problems.push("audit.journal: expected a folder, found an empty path".to_owned());
        } else if self.journal.exists() && !self.journal.is_dir() {
            problems.push(format!("audit.journal: expected a folder, {} is a file", self.journal.display()));
        }
        let characters = self.node.chars().count();
        if !(1..=64).contains(&characters) || self.node.chars().any(char::is_control) {
            problems.push(format!(
                "audit.node: expected 1 to 64 printable characters, found {characters} characters"
            ));
        }
        if let Some(url) = &self.database_url {
            // The URL carries a password: only what is wrong with it is said, never the URL.
            match url::Url::parse(url.expose_secret()) {
                Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => {}
                Ok(url) => problems.push(format!(
                    "audit.database_url: expected postgres://…, found the scheme {}",
                    url.scheme()
                )),
                Err(error) => problems.push(format!("audit.database_url: expected postgres://…: {error}")),
            }
        }
        if !(1..=1200).contains(&self.retention_months) {
            problems
                .push(format!("audit.retention_months: expected 1 to 1200, found {}", self.retention_months));
        }
        let least = 2 * super::journal::SEGMENT_BYTES;
        if self.backlog_max_bytes < least {
            problems.push(format!(
                "audit.backlog_max_bytes: expected at least two segments ({least}), found {}",
                self.backlog_max_bytes
            ));
        }
        if !(1..=86_400).contains(&self.head_every_s) {
            problems.push(format!(
                "audit.head_every_s: expected 1 to 86400 seconds, found {}",
                self.head_every_s
            ));
        }
        if !(1..=100_000).contains(&self.head_every_entries) {
            problems.push(format!(
                "audit.head_every_entries: expected 1 to 100000 entries, found {}",
                self.head_every_entries
            ));
        }
        problems.extend(self.heads.problems());
        problems
    }

    /// The file that holds the key that signs heads.
    pub fn signing_key_path(&self) -> PathBuf {
        self.signing_key_file.clone().unwrap_or_else(|| self.journal.join("head.key"))
    }

    /// The file that holds the sealing key.
    pub fn key_path(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| self.journal.join("seal.key"))
    }
}

impl HeadSinks {
    fn problems(&self) -> Vec<String> {
        use secrecy::ExposeSecret;
        let mut problems = Vec::new();
        if self.file.as_ref().is_some_and(|file| file.as_os_str().is_empty() || file.is_dir()) {
            problems.push("audit.heads.file: expected a file, found a folder or an empty path".to_owned());
        }
        if let Some(url) = &self.http {
            // The URL may carry credentials: only what is wrong with it is said.
            match url::Url::parse(url.expose_secret()) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {}
                Ok(url) => problems.push(format!(
                    "audit.heads.http: expected http://… or https://…, found the scheme {}",
                    url.scheme()
                )),
                Err(error) => {
                    problems.push(format!("audit.heads.http: expected http://… or https://…: {error}"));
                }
            }
        }
        if let Some(to) = &self.syslog {
            let port =
                to.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then(|| port.parse::<u16>()));
            if !to.starts_with('/') && !matches!(port, Some(Ok(1..))) {
                problems.push(format!(
                    "audit.heads.syslog: expected host:port or /path/of/a/socket, found {to:?}"
                ));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_settings_are_good() {
        assert_eq!(Settings::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn all_problems_are_told_at_once_and_no_password_among_them() {
        let settings = Settings {
            journal: PathBuf::new(),
            database_url: Some("mysql://user:hunter2@host/db".into()),
            node: String::new(),
            backlog_max_bytes: 1,
            retention_months: 0,
            head_every_s: 0,
            head_every_entries: 0,
            heads: HeadSinks {
                file: Some(PathBuf::new()),
                http: Some("ftp://user:hunter2@host/".into()),
                syslog: Some("nowhere".to_owned()),
            },
            ..Settings::default()
        };
        let problems = settings.problems();
        assert_eq!(problems.len(), 10, "{problems:?}");
        assert!(!problems.join("\n").contains("hunter2"), "{problems:?}");
    }
}
