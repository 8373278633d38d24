//! The files of a tape as they are written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::call::tape::cipher::{Enciphered, TapeKey};
use crate::call::tape::folder::{KEY_JSON, SEALED};
use crate::call::tape::key::HouseKey;
use crate::ids::CallId;

/// Makes the files of one tape.
pub(super) struct Files<'a> {
    dir: &'a Path,
    key: TapeKey,
}

/// A file that is written from its beginning to its end.
pub(super) type Sink = Enciphered<BufWriter<File>>;

impl<'a> Files<'a> {
    /// Files under a fresh key, which is written first.
    pub(super) fn of(dir: &'a Path, house: &HouseKey, call: CallId) -> io::Result<Self> {
        let (key, boxed) = house.make(call)?;
        let mut file = create(&dir.join(KEY_JSON))?;
        serde_json::to_writer(&mut file, &boxed)?;
        file.flush()?;
        Ok(Self { dir, key })
    }

    pub(super) fn file(&self, name: &str) -> io::Result<Sink> {
        self.key.encipher(name, create(&self.dir.join(format!("{name}{SEALED}")))?)
    }
}

/// Bare little-endian samples: a WAV's header would be written at its end.
pub(super) fn put_samples(sink: &mut Sink, samples: &[i16]) -> io::Result<()> {
    samples.iter().try_for_each(|sample| sink.write_all(&sample.to_le_bytes()))
}

/// A new file, for its owner alone.
fn create(path: &Path) -> io::Result<BufWriter<File>> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(BufWriter::new)
}

/// A folder that its owner alone can enter.
pub(super) fn make_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).recursive(true).create(dir)
}
