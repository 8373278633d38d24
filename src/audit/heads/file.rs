//! The file `heads` in the journal's folder: every note, each followed by an empty line.
//!
//! It is only ever added to and never deleted with segments. A head's frame is on the disk before its note comes here;
//! what a crash left out, or half written, the next start sets right from the frames.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::note::{Checkpoint, Note};

/// The file, open for more.
#[derive(Debug)]
pub(crate) struct HeadsFile {
    path: PathBuf,
    /// Notes that could not be written yet, oldest first.
    pending: Vec<String>,
    /// Where its whole notes end.
    length: u64,
}

/// How a file of notes ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    /// Where its whole notes end.
    pub(crate) length: u64,
    /// The last note's number; 0 when there is none.
    pub(crate) n: u64,
}

/// The file's path.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("heads")
}

impl HeadsFile {
    /// Opens the file, cuts what is half written and adds the notes that it lacks, by their numbers.
    pub(crate) fn open(folder: &Path, notes: Vec<(u64, String)>) -> io::Result<Self> {
        let path = path(folder);
        let end = end(&path)?;
        let mut this = Self { path, pending: Vec::new(), length: end.length };
        this.pending = notes.into_iter().filter(|(n, _)| *n > end.n).map(|(_, note)| note).collect();
        this.write()?;
        Ok(this)
    }

    /// Adds a note, and what could not be added before it.
    pub(crate) fn add(&mut self, note: String) {
        self.pending.push(note);
        if let Err(error) = self.write() {
            tracing::error!(
                journal.heads = %self.path.display(),
                "a signed head stands in the journal's segment only, and is added here with the next one: {error}"
            );
        }
    }

    /// Where its whole, synced notes end.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    fn write(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.length += append(&self.path, self.length, &self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

/// Adds notes behind `length`, cutting whatever stands there, and syncs. Returns how many bytes they are.
pub(super) fn append(path: &Path, length: u64, notes: &[String]) -> io::Result<u64> {
    let new = !path.exists();
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if file.metadata()?.len() > length {
        file.set_len(length)?;
    }
    file.seek(SeekFrom::Start(length))?;
    let bytes: String = notes.iter().flat_map(|note| [note.as_str(), "\n"]).collect();
    file.write_all(bytes.as_bytes())?;
    file.sync_all()?;
    if new {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        crate::audit::storage::sync_folder(folder.unwrap_or(Path::new(".")))?;
    }
    Ok(bytes.len() as u64)
}

/// How the file ends, from its last bytes.
pub(crate) fn end(path: &Path) -> io::Result<End> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(End::default()),
        other => other?,
    };
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // Cutting into a character at the beginning of the tail is harmless: that note is not the last.
    let mut whole = bytes.as_slice();
    while !whole.is_empty() {
        let Some(end) = whole.windows(2).rposition(|pair| pair == b"\n\n").map(|at| at + 2) else { break };
        whole = &whole[..end];
        let text = &whole[..end - 1];
        // The note's own empty line, and before its text the empty line behind the note before, or the beginning.
        let middle = text[..end.saturating_sub(2)].windows(2).rposition(|pair| pair == b"\n\n");
        let begin = middle.map(|middle| {
            text[..middle + 1].windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |at| at + 2)
        });
        let note = begin.and_then(|begin| std::str::from_utf8(&text[begin..]).ok());
        let n =
            note.and_then(|note| Note::parse(note).ok()).and_then(|note| Checkpoint::parse(&note.text).ok());
        if let Some(checkpoint) = n {
            return Ok(End { length: from + end as u64, n: checkpoint.n });
        }
        whole = &whole[..end - 1];
    }
    // Nothing of it can be read: left as it is, for `audit verify` to tell, and added to.
    Ok(End { length: if from == 0 && length < TORN_MAX { 0 } else { length }, n: 0 })
}

/// Splits a file into its notes. The rest, which is no whole note, comes second.
pub(crate) fn split(text: &str) -> (Vec<&str>, &str) {
    let mut notes = Vec::new();
    let mut rest = text;
    while let Some(note) = first(rest) {
        notes.push(note);
        rest = &rest[note.len() + 1..];
    }
    (notes, rest)
}

/// What stands where a file's first note does: its text, an empty line, its signatures; an empty line follows.
pub(crate) fn first(text: &str) -> Option<&str> {
    let middle = text.find("\n\n")? + 2;
    let end = middle + text[middle..].find("\n\n")?;
    Some(&text[..end + 1])
}

/// More than the largest note: two signatures and three keys are some 1,200 bytes.
const TAIL_BYTES: u64 = 64 << 10;
/// A first note that was torn is shorter.
const TORN_MAX: u64 = 4 << 10;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;
    use crate::audit::Digest;
    use crate::audit::heads::note::Signer;

    fn note(n: u64) -> String {
        let signer = Signer::from_seed(&[1; 32]).unwrap();
        let checkpoint = Checkpoint {
            origin: "a".to_owned(),
            size: n,
            root: Digest::from([1; 32]),
            n,
            at: chrono::DateTime::from_timestamp(0, 0).unwrap(),
            entries: n,
            key: signer.key("a"),
            prev: None,
            next_key: None,
        };
        Note::sign(checkpoint.to_string(), "a", &[&signer]).to_string()
    }

    #[test]
    fn a_file_cut_at_every_byte_is_made_whole_again() {
        let folder = tempfile::tempdir().unwrap();
        let notes: Vec<_> = (1..=3).map(|n| (n, note(n))).collect();
        let file = HeadsFile::open(folder.path(), notes.clone()).unwrap();
        let whole = std::fs::read(path(folder.path())).unwrap();
        assert_eq!(file.length(), whole.len() as u64);
        for cut in 0..=whole.len() {
            std::fs::write(path(folder.path()), &whole[..cut]).unwrap();
            HeadsFile::open(folder.path(), notes.clone()).unwrap();
            assert_eq!(std::fs::read(path(folder.path())).unwrap(), whole, "cut at {cut}");
        }
        let text = String::from_utf8(whole).unwrap();
        let (split, rest) = split(&text);
        assert_eq!((split, rest), (notes.iter().map(|(_, note)| note.as_str()).collect(), ""));
    }
}
