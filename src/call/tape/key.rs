//! The keys of recordings: the house's, in a file, and each tape's own, sealed under it.

use std::io;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::audit::keyfile::{self, KEY_BYTES};
use crate::call::tape::cipher::{CipherError, TapeKey};
use crate::ids::CallId;

/// The key under which the keys of tapes are sealed.
pub struct HouseKey(RandomizedNonceKey);

/// `key.json`: a tape's key as it stands on the disk.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyBox {
    /// The version of this form and of the files' chunks: 1.
    format: u32,
    /// Which call; the box is bound to it.
    call: CallId,
    /// Nonce, key and tag, in base64.
    sealed: String,
}

impl HouseKey {
    /// Reads the key file, or makes it for its owner alone when there is none.
    ///
    /// # Errors
    /// The file cannot be read or made, or is no key.
    pub fn load_or_make(path: &Path) -> io::Result<Self> {
        Self::of(&keyfile::load_or_make(path)?)
    }

    /// Reads the key file. Looking for a tape makes no key.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is no key.
    pub fn load(path: &Path) -> io::Result<Self> {
        Self::of(&keyfile::load(path)?)
    }

    fn of(bytes: &[u8]) -> io::Result<Self> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes)
            .map(Self)
            .map_err(|_| io::Error::other("the cipher refused the key of tapes"))
    }

    /// A fresh key for the tape of this call, and its box.
    pub(crate) fn make(&self, call: CallId) -> io::Result<(TapeKey, KeyBox)> {
        let key = keyfile::random()?;
        let mut text = key.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(bound_to(call)), &mut text)
            .map_err(|_| io::Error::other("a tape's key could not be sealed"))?;
        let sealed = STANDARD_NO_PAD.encode([&nonce.as_ref()[..], &text].concat());
        Ok((TapeKey::of(key), KeyBox { format: FORMAT, call, sealed }))
    }

    /// The key out of its box.
    ///
    /// # Errors
    /// [`CipherError`].
    pub(crate) fn open(&self, boxed: &KeyBox) -> Result<TapeKey, CipherError> {
        if boxed.format != FORMAT {
            return Err(CipherError::Format(boxed.format));
        }
        let opened = || {
            let whole = STANDARD_NO_PAD.decode(&boxed.sealed).ok()?;
            let (nonce, text) = whole.split_at_checked(NONCE_LEN)?;
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut text = text.to_vec();
            let key = self.0.open_in_place(nonce, Aad::from(bound_to(boxed.call)), &mut text).ok()?;
            <[u8; KEY_BYTES]>::try_from(&*key).ok()
        };
        opened().map(TapeKey::of).ok_or(CipherError::OtherKey)
    }
}

fn bound_to(call: CallId) -> Vec<u8> {
    [&b"orderline/tape-key/v1"[..], call.0.as_bytes()].concat()
}

const FORMAT: u32 = 1;

impl std::fmt::Debug for HouseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HouseKey(<masked>)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_tapes_key_opens_under_the_houses_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let house = HouseKey::load_or_make(&folder.path().join("tape.key")).unwrap();
        let other = HouseKey::load_or_make(&folder.path().join("other.key")).unwrap();
        let (key, mut boxed) = house.make(CallId(Uuid::from_u128(1))).unwrap();
        assert!(house.open(&boxed).unwrap().is(&key));
        assert_eq!(other.open(&boxed).unwrap_err(), CipherError::OtherKey);
        boxed.call = CallId(Uuid::from_u128(2));
        assert_eq!(house.open(&boxed).unwrap_err(), CipherError::OtherKey, "another call's");
        boxed.sealed = "AAAA".to_owned();
        assert_eq!(house.open(&boxed).unwrap_err(), CipherError::OtherKey, "a short box is no panic");
        boxed.format = 2;
        assert_eq!(house.open(&boxed).unwrap_err(), CipherError::Format(2));
    }
}
