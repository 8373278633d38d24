//! The journal's folder: its lock and its segment files.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::JournalError;

/// Makes the folder (0700) if needed and locks it; the lock lives as long as the file.
pub(super) fn take(folder: &Path) -> Result<File, JournalError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| JournalError::io(folder, "making the journal's folder", source))?;
    let path = folder.join(LOCK);
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|source| JournalError::io(&path, "opening the lock file", source))?;
    match fs4::FileExt::try_lock(&lock) {
        Ok(()) => Ok(lock),
        Err(fs4::TryLockError::WouldBlock) => Err(JournalError::Locked { folder: folder.to_owned() }),
        Err(fs4::TryLockError::Error(source)) => {
            Err(JournalError::io(&path, "locking the journal's folder", source))
        }
    }
}

/// Whether a process holds the folder now. A folder without a lock file is held by nobody.
pub(crate) fn is_held(folder: &Path) -> bool {
    let Ok(lock) = OpenOptions::new().write(true).open(folder.join(LOCK)) else { return false };
    matches!(fs4::FileExt::try_lock(&lock), Err(fs4::TryLockError::WouldBlock))
}

/// The segments' numbers, in order.
pub(crate) fn list(folder: &Path) -> Result<Vec<u64>, JournalError> {
    let failed = |source| JournalError::io(folder, "listing the journal's folder", source);
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number: Option<u64> = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX))
            .and_then(|number| number.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The file name of a segment.
pub(crate) fn name(number: u64) -> String {
    format!("{PREFIX}{number:012}{SUFFIX}")
}

/// The path of a segment.
pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(name(number))
}

const LOCK: &str = "lock";
const PREFIX: &str = "segment-";
const SUFFIX: &str = ".journal";
