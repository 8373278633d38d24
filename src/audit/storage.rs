//! The disk, behind a trait, so that tests can fail it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Where segments are made.
pub trait Storage: Send + 'static {
    /// Makes a segment file of this name, `bytes` long and all zeros, and makes its name durable.
    ///
    /// # Errors
    /// Whatever the file system says; a file of that name that exists already is an error.
    fn create(&mut self, name: &str, bytes: u64) -> io::Result<Box<dyn Segment>>;

    /// Bytes free for this process where the segments lie.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn free_bytes(&mut self) -> io::Result<u64>;
}

/// An open segment file.
pub trait Segment: Send {
    /// Writes all the bytes at an offset.
    ///
    /// # Errors
    /// Whatever the file system says; part of the bytes may have been written.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns when what was written is on the disk. After an error nothing is known about the file any more: Linux
    /// forgets the failed pages, and the next call would lie.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to this length and makes that durable.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

/// A folder on a real disk.
#[derive(Clone, Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Segments in this folder, which must exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }
}

impl Storage for Disk {
    fn create(&mut self, name: &str, bytes: u64) -> io::Result<Box<dyn Segment>> {
        let path = self.folder.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        // Reserves the blocks, so that a disk that fills up is met here and not in the middle of an order.
        let reserved = match fs4::FileExt::allocate(&file, bytes) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => file.set_len(bytes),
            other => other,
        };
        if let Err(error) = reserved.and_then(|()| file.sync_all()).and_then(|()| sync_folder(&self.folder)) {
            // An empty segment without a header would be taken for damage by the next start.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(Box::new(DiskSegment(file)))
    }

    fn free_bytes(&mut self) -> io::Result<u64> {
        fs4::available_space(&self.folder)
    }
}

struct DiskSegment(File);

impl Segment for DiskSegment {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)?;
        self.0.sync_all()
    }
}

/// Makes a folder's names durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
