//! A secret key of 32 random bytes in a file of its own, for its owner alone.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use aws_lc_rs::rand;

use super::storage::sync_folder;

/// AES-256, and the seed of Ed25519.
pub(crate) const KEY_BYTES: usize = 32;

/// Reads the key file, or makes it (0600) when there is none; of several processes that make it at once, one does.
///
/// # Errors
/// The file cannot be read or made, or does not hold exactly 32 bytes.
pub(crate) fn load_or_make(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    match load(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Such files are made with 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&random()?)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_folder(folder)?,
        // Another process was quicker: there is one key, and it is that one's.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error),
    }
    load(path)
}

/// Reads the key file; who only looks something up makes no key.
///
/// # Errors
/// The file is not there, cannot be read, or does not hold exactly 32 bytes.
pub(crate) fn load(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut bytes = Vec::new();
    // One byte more than a key tells a too long file without reading all of it.
    File::open(path)?.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        let found = format!("expected a key of {KEY_BYTES} bytes, found {} or more", bytes.len());
        io::Error::new(io::ErrorKind::InvalidData, found)
    })
}

/// The bytes of a new key.
///
/// # Errors
/// The system has no random bytes.
pub(crate) fn random() -> io::Result<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    rand::fill(&mut bytes).map_err(|_| io::Error::other("no random bytes for a key"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        assert_eq!(load(&path).unwrap_err().kind(), io::ErrorKind::NotFound, "looking makes no key");
        assert!(!path.exists());
        let first = load_or_make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load_or_make(&path).unwrap(), first);
        assert_ne!(load_or_make(&folder.path().join("b.key")).unwrap(), first);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "and nothing else is left");
    }

    #[test]
    fn a_file_of_another_size_is_no_key_and_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for wrong in [&[][..], &[0; 31], &[0; 33]] {
            std::fs::write(&path, wrong).unwrap();
            let error = load_or_make(&path).unwrap_err().to_string();
            assert!(error.contains("expected a key of 32 bytes"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), wrong);
        }
    }

    #[test]
    fn of_many_who_make_a_key_at_once_all_get_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8).map(|_| scope.spawn(|| load_or_make(&path).unwrap())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }
}
