//! A private PostgreSQL cluster in a folder of its own, from the server programs that the distribution installed.
//!
//! The demonstration and the tests run on it: a real server, no account, no port, nothing left behind. It listens on a
//! Unix socket in its own folder only (mode 0700), so that no other user of the machine reaches it.
//!
//! A small shell stands between this process and the server and reads a pipe that only this process holds open. When the
//! pipe closes (at [`Cluster::stop`], at drop, or because this process was killed with SIGKILL) the shell stops the
//! server and, for a temporary cluster, removes its folder. The usual parent-death signal is not used, because Linux
//! sends it when the spawning *thread* ends, and threads of a runtime end at any time.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, User, geteuid};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

mod programs;

use programs::Programs;

/// The superuser of a private cluster.
const OWNER: &str = "orderline";
/// How long a server may take to accept connections. Chosen: start takes 0.1 s, recovery after a kill a few seconds.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a fast shutdown may take before the server is killed. Chosen: it takes 0.1 s here.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Between looks at a starting or stopping server.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// `sun_path` holds 107 bytes and the socket's own name takes `/.s.PGSQL.5432`.
const SOCKET_FOLDER_BYTES: usize = 92;

/// Starts the server, stops it when standard input ends, and says how it ended. `$1` server, `$2` data folder, `$3`
/// folder of the socket, `$4` folder to remove afterwards (may be empty).
const KEEPER: &str = r#"
exec 3<&0
"$1" -D "$2" -c listen_addresses= -c unix_socket_directories="$3" -c unix_socket_permissions=0700 \
    -c max_connections=200 -c shared_buffers=32MB -c timezone=UTC -c log_timezone=UTC </dev/null 3<&- &
server=$!
( read -r _ <&3; kill -INT $server ) &
watch=$!
exec 3<&-
wait $server
code=$?
kill $watch 2>/dev/null
if [ -n "$4" ]; then rm -rf "$4"; fi
exit $code
"#;

/// A running private server.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    keeper: Option<Child>,
}

/// Why a private server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No server programs on this machine.
    #[error(
        "expected PostgreSQL's programs initdb and postgres (looked in PATH, /usr/lib/postgresql/*/bin and \
         /usr/pgsql-*/bin), found none: on Debian and Ubuntu install the package `postgresql`"
    )]
    NoPrograms,
    /// PostgreSQL refuses to run as root, and there is nobody to run it as.
    #[error("PostgreSQL refuses to run as root, and this machine has neither a user `postgres` nor `nobody`")]
    NoUser,
    /// The folder's path does not fit into a socket's address.
    #[error("expected a folder path of at most {SOCKET_FOLDER_BYTES} bytes for PostgreSQL's socket, found {} in {folder:?}", folder.as_os_str().len())]
    PathTooLong { folder: PathBuf },
    /// The folder cannot be prepared.
    #[error("while preparing {path:?} for PostgreSQL")]
    Folder { path: PathBuf, source: io::Error },
    /// A program did not start.
    #[error("while running {program:?}")]
    Spawn { program: PathBuf, source: io::Error },
    /// `initdb` failed.
    #[error("initdb ended with {status} in {folder:?}: {said}")]
    Init { folder: PathBuf, status: ExitStatus, said: String },
    /// The server ended instead of accepting connections.
    #[error("PostgreSQL ended with {status} instead of starting in {folder:?}; its log ends: {said}")]
    Died { folder: PathBuf, status: ExitStatus, said: String },
    /// The server did not accept connections in time.
    #[error("PostgreSQL in {folder:?} does not accept connections after {} s; its log ends: {said}", START_LIMIT.as_secs())]
    Late { folder: PathBuf, said: String },
    /// A statement on the new server failed.
    #[error("while talking to the private PostgreSQL")]
    Sql(#[from] sqlx::Error),
}

impl Cluster {
    /// Starts a server whose data lives in `folder` (made if absent, kept afterwards). A folder that already holds a
    /// cluster is taken up again with its data.
    ///
    /// Started by root it runs as the user `postgres`, or `nobody`: PostgreSQL refuses root.
    ///
    /// # Errors
    /// See [`ClusterError`]; a machine without PostgreSQL is told which package to install.
    pub async fn start(folder: &Path) -> Result<Self, ClusterError> {
        Self::launch(folder.to_owned(), false).await
    }

    /// Starts a server in a new folder under the system's temporary one, removed when the server stops, even when this
    /// process is killed.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn temporary() -> Result<Self, ClusterError> {
        let made = tempfile::Builder::new().prefix("orderline-pg-").tempdir();
        let folder = made
            .map_err(|source| ClusterError::Folder { path: std::env::temp_dir(), source })?
            // From here the keeper removes it.
            .keep();
        let outcome = Self::launch(folder.clone(), true).await;
        if outcome.is_err() {
            let _ = fs::remove_dir_all(&folder);
        }
        outcome
    }

    async fn launch(folder: PathBuf, temporary: bool) -> Result<Self, ClusterError> {
        let running = tokio::task::spawn_blocking(move || launch(&folder, temporary));
        running.await.expect("launching does not panic and is not cancelled")
    }

    /// The address of one of its databases: `postgres://orderline@localhost/NAME?host=FOLDER`.
    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.to_string_lossy();
        let host: String = url::form_urlencoded::byte_serialize(folder.as_bytes()).collect();
        format!("postgres://{OWNER}@localhost/{database}?host={host}")
    }

    /// Where its data, its socket and its log (`postgres.log`) are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes an empty database and gives its address. One that exists already is left as it is.
    ///
    /// # Errors
    /// [`ClusterError::Sql`] when the server does not do it.
    pub async fn create_database(&self, name: &str) -> Result<String, ClusterError> {
        let options = PgConnectOptions::new_without_pgpass()
            .host(&self.folder.to_string_lossy())
            .username(OWNER)
            .database("postgres");
        let mut admin = PgConnection::connect_with(&options).await?;
        let known: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut admin)
            .await?;
        if !known {
            let quoted = name.replace('"', "\"\"");
            // A database's name cannot be a bind parameter; it is quoted above.
            let statement = format!("create database \"{quoted}\"");
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut admin).await?;
        }
        admin.close().await?;
        Ok(self.url(name))
    }

    /// Stops the server and waits until it is gone: open transactions are rolled back, committed ones are kept.
    pub async fn stop(mut self) {
        let keeper = self.keeper.take();
        // A panic in there has stopped nothing else; there is nobody left to tell.
        let _ = tokio::task::spawn_blocking(move || keeper.map(halt)).await;
    }
}

impl Drop for Cluster {
    /// Stops the server and waits for it: about a tenth of a second, at most ten seconds.
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            halt(keeper);
        }
    }
}

fn launch(folder: &Path, temporary: bool) -> Result<Cluster, ClusterError> {
    let trouble = |source| ClusterError::Folder { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(trouble)?;
    let folder = fs::canonicalize(folder).map_err(trouble)?;
    if folder.as_os_str().len() > SOCKET_FOLDER_BYTES {
        return Err(ClusterError::PathTooLong { folder });
    }
    let data = folder.join("data");
    let programs = Programs::find(&data)?;
    let account = account()?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(trouble)?;
    if let Some(user) = &account {
        chown(&folder, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(trouble)?;
    }
    if !data.join("PG_VERSION").exists() {
        init(&programs, &folder, &data, account.as_ref())?;
    }
    let log = folder.join("postgres.log");
    let file = fs::File::create(&log).map_err(trouble)?;
    if let Some(user) = &account {
        chown(&log, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(trouble)?;
    }
    let mut command = as_user(Path::new("/bin/sh"), &folder, account.as_ref());
    command.arg("-c").arg(KEEPER).arg("keeper").arg(&programs.postgres).arg(&data).arg(&folder);
    command.arg(if temporary { folder.as_os_str() } else { "".as_ref() });
    // Ctrl-C in a terminal reaches a whole process group: the server must outlive the drain of this process.
    command.process_group(0).stdin(Stdio::piped());
    command.stdout(file.try_clone().map_err(trouble)?).stderr(file);
    let mut keeper =
        command.spawn().map_err(|source| ClusterError::Spawn { program: "/bin/sh".into(), source })?;
    match await_ready(&mut keeper, &folder, &data, &log) {
        Ok(()) => Ok(Cluster { folder, keeper: Some(keeper) }),
        Err(error) => {
            halt(keeper);
            Err(error)
        }
    }
}

/// Whom to run the server as: nobody else unless this process is root.
fn account() -> Result<Option<User>, ClusterError> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let found = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
    found.map(Some).ok_or(ClusterError::NoUser)
}

fn as_user(program: &Path, folder: &Path, account: Option<&User>) -> Command {
    let mut command = Command::new(program);
    // Not in the folder: where its user cannot go, the program itself shall say so.
    command.current_dir("/").env("LC_ALL", "C.UTF-8");
    if let Some(user) = account {
        // The standard library drops the supplementary groups too when it changes the user.
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).env("HOME", folder);
    }
    command
}

fn init(programs: &Programs, folder: &Path, data: &Path, account: Option<&User>) -> Result<(), ClusterError> {
    let mut command = as_user(&programs.initdb, folder, account);
    // The server itself runs with fsync on; syncing the empty template databases buys a new cluster nothing.
    command.args(["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync"]);
    command.arg(format!("--username={OWNER}")).arg("-D").arg(data).stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|source| ClusterError::Spawn { program: programs.initdb.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = tail(&String::from_utf8_lossy(&output.stderr));
    // A half-made cluster would be taken for a whole one at the next start.
    let _ = fs::remove_dir_all(data);
    Err(ClusterError::Init { folder: folder.to_owned(), status: output.status, said })
}

/// Waits for the eighth line of `postmaster.pid` to say `ready`, as `pg_ctl` does.
fn await_ready(keeper: &mut Child, folder: &Path, data: &Path, log: &Path) -> Result<(), ClusterError> {
    let said = || tail(&fs::read_to_string(log).unwrap_or_default());
    let since = Instant::now();
    // A pid file of a server that was killed may still say `ready`; the socket is the second witness.
    let socket = folder.join(".s.PGSQL.5432");
    loop {
        if let Ok(Some(status)) = keeper.try_wait() {
            return Err(ClusterError::Died { folder: folder.to_owned(), status, said: said() });
        }
        let pid_file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        let ready = pid_file.lines().nth(7).is_some_and(|line| line.trim() == "ready");
        if ready && std::os::unix::net::UnixStream::connect(&socket).is_ok() {
            return Ok(());
        }
        if since.elapsed() > START_LIMIT {
            return Err(ClusterError::Late { folder: folder.to_owned(), said: said() });
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Closes the keeper's pipe and waits; kills the whole group when that takes too long.
fn halt(mut keeper: Child) {
    drop(keeper.stdin.take());
    let since = Instant::now();
    while since.elapsed() < STOP_LIMIT {
        match keeper.try_wait() {
            Ok(None) => std::thread::sleep(LOOK_EVERY),
            Ok(Some(_)) | Err(_) => return,
        }
    }
    if let Ok(group) = i32::try_from(keeper.id()) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ = keeper.wait();
}

/// The last few lines, in one line.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn a_cluster_keeps_its_data_over_a_restart_and_leaves_nothing_running() {
        let place = tempfile::tempdir().unwrap();
        // The server's user must be able to enter the folder above its own.
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let folder = place.path().join("pg");
        let cluster = Cluster::start(&folder).await.unwrap();
        let url = cluster.create_database("shop").await.unwrap();
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("create table t (n int); insert into t values (7)")
            .execute(&mut connection)
            .await
            .unwrap();
        drop(connection);
        cluster.stop().await;
        assert!(!folder.join("data/postmaster.pid").exists());

        let cluster = Cluster::start(&folder).await.unwrap();
        let mut connection = PgConnection::connect(&cluster.url("shop")).await.unwrap();
        let n: i32 = sqlx::query_scalar("select n from t").fetch_one(&mut connection).await.unwrap();
        assert_eq!(n, 7);
        cluster.stop().await;
    }

    #[tokio::test]
    async fn a_temporary_cluster_removes_its_folder() {
        let cluster = Cluster::temporary().await.unwrap();
        let folder = cluster.folder().to_owned();
        assert!(folder.join("data/PG_VERSION").exists());
        cluster.stop().await;
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn a_folder_that_its_user_cannot_enter_is_named_in_the_error() {
        if !geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let error = Cluster::start(&place.path().join("pg")).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains("Permission denied") && said.contains("/pg"), "{said}");
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_is_refused_before_anything_is_made() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("x".repeat(120));
        let error = Cluster::start(&folder).await.unwrap_err();
        assert!(matches!(error, ClusterError::PathTooLong { .. }), "{error}");
    }
}
