//! Passwords as hashes, and how many are hashed at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::problem::{Code, Problem};

/// Turns passwords into what is kept of them.
pub(crate) trait PasswordHasher: fmt::Debug + Send + Sync {
    /// What is kept: a PHC string, with a salt of its own.
    fn hash(&self, password: &SecretString) -> Result<String, HashError>;

    /// Whether this is the password. Without anything to compare with, a no that takes as long as one.
    fn verify(&self, password: &SecretString, kept: Option<&str>) -> Result<bool, HashError>;
}

/// A password could not be hashed: no memory, no random bytes, or what is kept is no hash.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub(crate) struct HashError(argon2::password_hash::Error);

/// Argon2id (RFC 9106) with 19 MiB, two passes, one lane: OWASP's first choice for servers that have other work to do.
#[derive(Debug)]
pub(crate) struct Argon2id(Argon2<'static>);

impl Argon2id {
    pub(crate) fn new() -> Self {
        // 19 456 KiB, two passes, one lane. The numbers are the algorithm's own bounds away from any refusal.
        let params =
            Params::new(19_456, 2, 1, None).expect("the parameters are within RFC 9106, section 3.1");
        Self(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

impl PasswordHasher for Argon2id {
    fn hash(&self, password: &SecretString) -> Result<String, HashError> {
        let hash = self.0.hash_password(password.expose_secret().as_bytes()).map_err(HashError)?;
        Ok(hash.to_string())
    }

    fn verify(&self, password: &SecretString, kept: Option<&str>) -> Result<bool, HashError> {
        let Some(kept) = kept else {
            return self.hash(password).map(|_| false);
        };
        let kept =
            PasswordHash::new(kept).map_err(|_| HashError(argon2::password_hash::Error::EncodingInvalid))?;
        match self.0.verify_password(password.expose_secret().as_bytes(), &kept) {
            Ok(()) => Ok(true),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(HashError(error)),
        }
    }
}

/// Hashes passwords away from the threads that answer, a few at once; others wait, but not many and not for long.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    hasher: Arc<dyn PasswordHasher>,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// The right to hash one password now.
#[derive(Debug)]
pub(crate) struct Turn {
    hasher: Arc<dyn PasswordHasher>,
    permit: OwnedSemaphorePermit,
}

/// Who wait for a turn at most. Chosen: at 25 ms a hash and two at once the last of them waits 0.8 s.
const MOST_WAITING: usize = 64;
/// How long a turn is waited for at most.
const PATIENCE: Duration = Duration::from_secs(3);

impl Passwords {
    /// So many at once.
    pub(crate) fn new(hasher: Arc<dyn PasswordHasher>, at_once: u32) -> Self {
        let at_once = usize::try_from(at_once).unwrap_or(1);
        Self {
            hasher,
            turns: Arc::new(Semaphore::new(at_once)),
            waiting: Arc::new(Semaphore::new(at_once.saturating_add(MOST_WAITING))),
        }
    }

    /// Waits for a turn. No connection to the database may be held meanwhile.
    ///
    /// # Errors
    /// `unavailable` when too many wait already, or when the wait was too long.
    pub(crate) async fn turn(&self) -> Result<Turn, Problem> {
        let busy = || Problem::new(Code::Unavailable, "too many passwords are being checked");
        let _place = self.waiting.clone().try_acquire_owned().map_err(|_| busy())?;
        let permit = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| busy())?.map_err(|_| busy())?;
        Ok(Turn { hasher: Arc::clone(&self.hasher), permit })
    }
}

impl Turn {
    /// What is kept of a password.
    ///
    /// # Errors
    /// `internal`, the reason in the log.
    pub(crate) async fn hash(self, password: SecretString) -> Result<String, Problem> {
        self.run(move |hasher| hasher.hash(&password)).await
    }

    /// Whether this is the password; as long a no when there is nothing to compare with.
    ///
    /// # Errors
    /// `internal`, the reason in the log.
    pub(crate) async fn verify(self, password: SecretString, kept: Option<String>) -> Result<bool, Problem> {
        self.run(move |hasher| hasher.verify(&password, kept.as_deref())).await
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&dyn PasswordHasher) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, Problem> {
        let Self { hasher, permit } = self;
        let done = tokio::task::spawn_blocking(move || {
            let done = work(hasher.as_ref());
            // Given back by the work itself: a request that is gone does not let one more in beside it.
            drop(permit);
            done
        });
        let failed = || Problem::new(Code::Internal, "the store failed; nothing was changed");
        match done.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                tracing::error!(%error, "a password was not hashed");
                Err(failed())
            }
            Err(error) => {
                tracing::error!(%error, "hashing ended badly");
                Err(failed())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    #[test]
    fn a_password_is_kept_as_argon2id_with_a_salt_of_its_own() {
        let hasher = Argon2id::new();
        let password = SecretString::from("верный конь батарея");
        let kept = hasher.hash(&password).unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, hasher.hash(&password).unwrap());
        assert!(hasher.verify(&password, Some(&kept)).unwrap());
        assert!(!hasher.verify(&"another password".into(), Some(&kept)).unwrap());
        assert!(!hasher.verify(&password, None).unwrap());
        assert!(hasher.verify(&password, Some("$argon2id$nonsense")).is_err());
    }

    /// Ends a hash whenever it is told to.
    #[derive(Debug)]
    struct Slow(Mutex<Receiver<()>>);

    impl PasswordHasher for Slow {
        fn hash(&self, _: &SecretString) -> Result<String, HashError> {
            self.0.lock().unwrap().recv().unwrap();
            Ok(String::new())
        }

        fn verify(&self, _: &SecretString, _: Option<&str>) -> Result<bool, HashError> {
            Ok(false)
        }
    }

    #[tokio::test]
    async fn one_too_many_is_told_to_come_again_and_a_request_that_is_gone_keeps_its_turn() {
        let (end, ends) = channel();
        let passwords = Passwords::new(Arc::new(Slow(Mutex::new(ends))), 1);
        let turn = passwords.turn().await.unwrap();
        let hashing = tokio::spawn(turn.hash("first".into()));
        let waiting: Vec<_> = (0..=MOST_WAITING)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.turn().await.map(drop) })
            })
            .collect();
        while passwords.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.turn().await.unwrap_err().code, Code::Unavailable);
        hashing.abort();
        assert_eq!(passwords.turns.available_permits(), 0, "the hash itself goes on");
        end.send(()).unwrap();
        for waiter in waiting {
            waiter.await.unwrap().unwrap();
        }
    }
}
