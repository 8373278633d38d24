//! The key that signs heads, and its change.
//!
//! The key file holds an Ed25519 seed of 32 bytes (0600); beside it, with the ending `.pub`, stands its public part as
//! a C2SP verifier key. [`rotate`] puts the old key at the end of the file `<key>.old` and then a new one in its place,
//! each step a rename, so that there is a whole key at every moment. Which key has to sign next is not told by these
//! files but by the journal's own last head: a writer that finds another key in the file and the expected one among
//! the old ones makes a head signed by both that names the new one. So it makes no difference when the server is
//! stopped, and each journal that shares the key changes over with a head of its own. (The design's sketch has the
//! writer rename a `<key>.next`; two journals under one key could not both do that.)

use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::note::{Signer, VerifierKey};
use crate::audit::keyfile::{self, KEY_BYTES};

/// The key in the file, read again when the file is another.
#[derive(Debug)]
pub(crate) struct Keys {
    path: PathBuf,
    current: Signer,
    /// The file that was read.
    seen: Identity,
}

/// Tells a file from another one in its place: inode and time.
type Identity = (u64, i64, i64);

impl Keys {
    /// Reads the key, or makes it, and its public part beside it.
    pub(crate) fn load_or_make(path: &Path, name: &str) -> io::Result<Self> {
        let current = signer(keyfile::load_or_make(path)?)?;
        write_public(path, &current.key(name))?;
        Ok(Self { path: path.to_owned(), seen: identity(path)?, current })
    }

    /// The key that signs now.
    pub(crate) fn current(&self) -> &Signer {
        &self.current
    }

    /// Reads the file again if it is another one.
    pub(crate) fn refresh(&mut self, name: &str) {
        let read_again = || -> io::Result<Option<(Identity, Signer)>> {
            let seen = identity(&self.path)?;
            if seen == self.seen {
                return Ok(None);
            }
            let signer = signer(keyfile::load(&self.path)?)?;
            write_public(&self.path, &signer.key(name))?;
            Ok(Some((seen, signer)))
        };
        match read_again() {
            Ok(None) => {}
            Ok(Some((seen, signer))) => {
                self.seen = seen;
                self.current = signer;
            }
            Err(error) => {
                tracing::error!(key.file = %self.path.display(), "the key that signs heads is kept as it was read: {error}");
                // Told once, not every second.
                self.seen = identity(&self.path).unwrap_or_default();
            }
        }
    }

    /// An earlier key, if it is still kept.
    pub(crate) fn old(&self, public: [u8; 32]) -> Option<Signer> {
        let bytes = std::fs::read(old_path(&self.path)).ok()?;
        bytes.chunks_exact(KEY_BYTES).filter_map(Signer::from_seed).find(|signer| signer.public() == public)
    }
}

/// Puts a new key in the place of the old one, which is kept in `<key>.old` until somebody deletes that file: a writer
/// needs it once, for the head that names the new one.
///
/// # Errors
/// There is no key, or the folder cannot be written.
pub fn rotate(path: &Path) -> io::Result<()> {
    let old = keyfile::load(path)?;
    let mut kept = match std::fs::read(old_path(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other?,
    };
    // A rotation that was cut off here left it there already.
    if !kept.chunks_exact(KEY_BYTES).any(|seed| seed == old) {
        kept.extend_from_slice(&old);
        replace(&old_path(path), &kept, 0o600)?;
    }
    replace(path, &keyfile::random()?, 0o600)
}

/// The file with the public part of a key.
pub fn public_path(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

/// Public keys from a file, one a line; empty lines and lines that begin with `#` do not count.
///
/// # Errors
/// The file cannot be read, or a line is no verifier key, or there is none.
pub fn read_public(path: &Path) -> io::Result<Vec<VerifierKey>> {
    let text = std::fs::read_to_string(path)?;
    let wrong = |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let keys: Vec<VerifierKey> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.parse().map_err(|error: super::note::NoteError| wrong(&error)))
        .collect::<io::Result<_>>()?;
    if keys.is_empty() { Err(wrong(&"expected a verifier key, found none")) } else { Ok(keys) }
}

fn write_public(path: &Path, key: &VerifierKey) -> io::Result<()> {
    let public = public_path(path);
    // Under another name (another journal with the same key) it is the same key.
    if read_public(&public).is_ok_and(|keys| keys.iter().any(|known| known.public() == key.public())) {
        return Ok(());
    }
    replace(&public, format!("{key}\n").as_bytes(), 0o644)
}

fn signer(seed: [u8; KEY_BYTES]) -> io::Result<Signer> {
    Signer::from_seed(&seed).ok_or_else(|| io::Error::other("the cipher refused the signing key"))
}

/// A whole new file in the place of the old one, or the old one: never anything between.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    crate::audit::storage::sync_folder(folder.unwrap_or(Path::new(".")))
}

fn old_path(path: &Path) -> PathBuf {
    let mut old = path.as_os_str().to_owned();
    old.push(".old");
    PathBuf::from(old)
}

fn identity(path: &Path) -> io::Result<Identity> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
}
