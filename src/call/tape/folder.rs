//! A tape's folder as it is read, plain or enciphered.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::audio::wav;
use crate::audio::{Rate, wav::WavError};
use crate::call::tape::cipher::{CipherError, TapeKey};
use crate::call::tape::key::{HouseKey, KeyBox};
use crate::call::tape::{KEY_NAME, Label};

/// Behind the name of an enciphered file.
pub const SEALED: &str = ".sealed";
/// The box with an enciphered tape's key.
pub const KEY_JSON: &str = "key.json";

/// Why a tape cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file of it cannot be read, or a plain one not written.
    #[error("{path}: expected a file of a tape")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An enciphered tape needs its key.
    #[error("{path}: expected the key of enciphered tapes; --key FILE names another")]
    Key {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file does not open.
    #[error("{path}")]
    Cipher {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: CipherError,
    },
    /// Its sound cannot be read or written.
    #[error("sound")]
    Sound(#[from] WavError),
    /// `call.json` or `key.json` is none.
    #[error("{path}: expected a tape's label or key, format 1")]
    Label {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// A tape that can be read.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
    key: Option<TapeKey>,
}

impl Folder {
    /// Whether this folder holds a whole tape, of either kind.
    pub fn is_tape(dir: &Path) -> bool {
        dir.join("call.json").is_file() || dir.join(format!("call.json{SEALED}")).is_file()
    }

    /// Opens a tape. An enciphered one needs the key of its house: this file, or `tape.key` in the folder of tapes.
    ///
    /// # Errors
    /// [`FolderError`]: there is no key, or another.
    pub fn open(dir: &Path, key_file: Option<&Path>) -> Result<Self, FolderError> {
        let boxed = dir.join(KEY_JSON);
        if dir.join("call.json").is_file() || !boxed.is_file() {
            return Ok(Self { dir: dir.to_owned(), key: None });
        }
        let beside = || dir.parent().unwrap_or(Path::new("")).join(KEY_NAME);
        let key_file = key_file.map_or_else(beside, Path::to_owned);
        let house = HouseKey::load(&key_file)
            .map_err(|source| FolderError::Key { path: key_file.clone(), source })?;
        let text = fs::read(&boxed).map_err(|source| FolderError::File { path: boxed.clone(), source })?;
        let read: KeyBox = serde_json::from_slice(&text)
            .map_err(|source| FolderError::Label { path: boxed.clone(), source })?;
        let key = house.open(&read).map_err(|source| FolderError::Cipher { path: boxed, source })?;
        Ok(Self { dir: dir.to_owned(), key: Some(key) })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether it is enciphered.
    pub fn is_sealed(&self) -> bool {
        self.key.is_some()
    }

    /// Where this file is.
    pub fn path(&self, name: &str) -> PathBuf {
        match self.key {
            None => self.dir.join(name),
            Some(_) => self.dir.join(format!("{name}{SEALED}")),
        }
    }

    /// A file's text.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn text(&self, name: &str) -> Result<String, FolderError> {
        let bytes = self.bytes(name)?;
        let path = self.path(name);
        String::from_utf8(bytes).map_err(|error| FolderError::File { path, source: io::Error::other(error) })
    }

    /// The tape's label.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn label(&self) -> Result<Label, FolderError> {
        serde_json::from_slice(&self.bytes("call.json")?)
            .map_err(|source| FolderError::Label { path: self.path("call.json"), source })
    }

    /// `heard` or `played`.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn sound(&self, name: &str) -> Result<Vec<i16>, FolderError> {
        if self.key.is_none() {
            return Ok(wav::read(&self.dir.join(format!("{name}.wav")))?.samples);
        }
        let bytes = self.bytes(&format!("{name}.pcm"))?;
        Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
    }

    /// Writes the tape plain into a folder that is not there yet.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn decipher(&self, to: &Path) -> Result<(), FolderError> {
        let file = |path: &Path, source| FolderError::File { path: path.to_owned(), source };
        // All of it is read before anything is written: half a tape would be none.
        let label = self.label()?;
        let texts = ["inputs.jsonl", "outputs.jsonl", "call.json"];
        let texts = texts.map(|name| Ok((name, self.bytes(name)?)));
        let sounds = [("heard", Rate::HZ_16000), ("played", Rate(label.wire_hz))];
        let sounds = sounds.map(|(name, rate)| Ok((name, rate, self.sound(name)?)));
        let texts: Vec<_> = texts.into_iter().collect::<Result<_, FolderError>>()?;
        let sounds: Vec<_> = sounds.into_iter().collect::<Result<_, FolderError>>()?;
        if let Some(parent) = to.parent() {
            super::sink::make_private(parent).map_err(|source| file(parent, source))?;
        }
        fs::create_dir(to).map_err(|source| file(to, source))?;
        for (name, rate, samples) in sounds {
            wav::write(&to.join(format!("{name}.wav")), rate, &samples)?;
        }
        for (name, bytes) in texts {
            let path = to.join(name);
            fs::write(&path, bytes).map_err(|source| file(&path, source))?;
        }
        Ok(())
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, FolderError> {
        let path = self.path(name);
        let bytes = fs::read(&path).map_err(|source| FolderError::File { path: path.clone(), source })?;
        match &self.key {
            None => Ok(bytes),
            Some(key) => key.decipher(name, &bytes).map_err(|source| FolderError::Cipher { path, source }),
        }
    }
}
