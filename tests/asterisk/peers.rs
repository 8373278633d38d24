//! The real peers: an Asterisk of the system or unpacked in a folder of its own, and the telephone baresip.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Where Asterisk is.
pub(crate) struct Peers {
    /// The folder to change root into; none for the system's own Asterisk.
    pub(crate) root: Option<PathBuf>,
    /// Calls are made in real time on the machine's few cores: one test at a time.
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

/// The peers, when it is this test's turn.
///
/// # Panics
/// On a machine without them: the tests that ask for them are ignored unless somebody wants them, so that one that has
/// not been run never looks like one that has passed.
pub(crate) fn ready() -> Peers {
    static FOUND: OnceLock<Result<Option<PathBuf>, String>> = OnceLock::new();
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    match FOUND.get_or_init(find) {
        Ok(root) => Peers { root: root.clone(), _turn: turn },
        Err(missing) => panic!("{missing}; as root run: tests/asterisk/prepare.sh"),
    }
}

fn find() -> Result<Option<PathBuf>, String> {
    for program in ["baresip", "setpriv"] {
        if !in_path(program) {
            return Err(format!("expected the program {program}, found none in PATH"));
        }
    }
    if in_path("asterisk") && major() >= 20 {
        return Ok(None);
    }
    let root = std::env::var_os("ORDERLINE_ASTERISK_ROOT")
        .map_or_else(|| manifest().join("target/asterisk-root"), PathBuf::from);
    if !root.join(".complete").exists() {
        return Err(format!("expected Asterisk 20 or later as a program, or unpacked in {}", root.display()));
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(format!("the Asterisk in {} needs root to be started (chroot)", root.display()));
    }
    Ok(Some(root))
}

fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn major() -> u32 {
    let version = Command::new("asterisk").arg("-V").output().map(|output| output.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&version).into_owned();
    let digits = version.strip_prefix("Asterisk ").and_then(|rest| rest.split('.').next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The repository.
pub(crate) fn manifest() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
