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

/// The peers, when it is this test's turn. None, with a word on what to install, on a machine without them; in CI
/// (`CI` is set) they are installed instead, and their absence is a failure.
pub(crate) fn ready() -> Option<Peers> {
    static FOUND: OnceLock<Result<Option<PathBuf>, String>> = OnceLock::new();
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let in_ci = std::env::var("CI").is_ok_and(|value| !value.is_empty());
    let found = FOUND.get_or_init(|| {
        let found = find();
        if found.is_ok() || !in_ci {
            return found;
        }
        let script = manifest().join("tests/asterisk/prepare.sh");
        let output = Command::new(&script).output().map_err(|e| format!("{}: {e}", script.display()))?;
        if !output.status.success() {
            return Err(format!("{}: {}", script.display(), String::from_utf8_lossy(&output.stderr)));
        }
        find()
    });
    match found {
        Ok(root) => Some(Peers { root: root.clone(), _turn: turn }),
        Err(missing) => {
            assert!(!in_ci, "{missing}");
            eprintln!(
                "skipped: {missing}\n         (sudo tests/asterisk/prepare.sh installs what is missing)"
            );
            None
        }
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
