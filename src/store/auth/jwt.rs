//! Access tokens of signed-in users: JSON Web Tokens, Ed25519 and nothing else.

use std::fmt;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use chrono::Utc;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::hash;

/// Who made the token, and for whom: a token of another issuer or for another audience is refused.
const ISSUER: &str = "orderline-store";
const AUDIENCE: &str = "market";
/// Between two clocks that are set by the network. Chosen.
const LEEWAY_S: u64 = 5;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// The user.
    pub(crate) sub: Uuid,
    pub(crate) roles: Vec<String>,
    iss: String,
    aud: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Expired,
    Unknown,
}

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("shop.identity.signing_key_file: while reading or making {path:?}")]
    File { path: PathBuf, source: std::io::Error },
    /// The file holds something else.
    #[error("shop.identity.signing_key_file: expected an Ed25519 key (PKCS #8, DER) in {path:?}")]
    NoKey { path: PathBuf },
    /// No key could be made.
    #[error("a key for signing tokens could not be made")]
    Make,
}

/// The key that signs and the one that verifies.
#[derive(Clone)]
pub(crate) struct Keys {
    id: String,
    sign: EncodingKey,
    verify: DecodingKey,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Keys {
    /// The key in a file, which is made, readable by its owner only, when it is not there yet. Without a file a key that
    /// lives as long as this process: access tokens then end with it, and sign-ins go on by their refresh tokens.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, KeyError> {
        let Some(path) = path else { return Self::from_pkcs8(&fresh()?).ok_or(KeyError::Make) };
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        match made {
            Ok(mut file) => {
                file.write_all(&fresh()?).and_then(|()| file.sync_all()).map_err(failed)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        let document = std::fs::read(path).map_err(failed)?;
        Self::from_pkcs8(&document).ok_or_else(|| KeyError::NoKey { path: path.to_owned() })
    }

    fn from_pkcs8(document: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(document).ok()?;
        let public = pair.public_key().as_ref();
        let id = hash(&format!("{public:?}")).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Some(Self { id, sign: EncodingKey::from_ed_der(document), verify: DecodingKey::from_ed_der(public) })
    }

    /// A token for a user, good for so many seconds.
    pub(crate) fn sign(&self, user: Uuid, roles: &[String], ttl_s: u32) -> Option<String> {
        let now = Utc::now().timestamp();
        let claims = Claims {
            sub: user,
            roles: roles.to_vec(),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: now,
            nbf: now,
            exp: now + i64::from(ttl_s),
            jti: Uuid::now_v7(),
        };
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &self.sign).ok()
    }

    /// What a token says, if this key signed it and it is good now.
    pub(crate) fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.leeway = LEEWAY_S;
        rules.validate_nbf = true;
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        match jsonwebtoken::decode::<Claims>(token, &self.verify, &rules) {
            Ok(token) => Ok(token.claims),
            Err(error) if *error.kind() == ErrorKind::ExpiredSignature => Err(Refusal::Expired),
            Err(_) => Err(Refusal::Unknown),
        }
    }
}

fn fresh() -> Result<Vec<u8>, KeyError> {
    let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new());
    document.map(|document| document.as_ref().to_vec()).map_err(|_| KeyError::Make)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_key_and_time_only() {
        let keys = Keys::open(None).unwrap();
        let user = Uuid::now_v7();
        let token = keys.sign(user, &["customer".to_owned()], 900).unwrap();
        assert_eq!(keys.verify(&token).unwrap().sub, user);
        assert_eq!(Keys::open(None).unwrap().verify(&token), Err(Refusal::Unknown));
        type Change = fn(&mut Claims);
        let rules = |change: Change| {
            let mut claims = keys.verify(&token).unwrap();
            change(&mut claims);
            jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &keys.sign).unwrap()
        };
        let cases: [(Change, Refusal); 4] = [
            (|c| c.exp = c.iat - 60, Refusal::Expired),
            (|c| c.nbf = c.iat + 60, Refusal::Unknown),
            (|c| c.aud = "admin".into(), Refusal::Unknown),
            (|c| c.iss = "somebody".into(), Refusal::Unknown),
        ];
        for (change, refusal) in cases {
            assert_eq!(keys.verify(&rules(change)), Err(refusal));
        }
    }

    #[test]
    fn a_token_without_a_signature_or_with_another_algorithm_is_refused() {
        let keys = Keys::open(None).unwrap();
        let token = keys.sign(Uuid::now_v7(), &[], 900).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let header = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let none = format!("{}.{}.", header(r#"{"alg":"none","typ":"JWT"}"#), parts[1]);
        // The public key taken for a shared secret.
        let claims = keys.verify(&token).unwrap();
        let secret = EncodingKey::from_secret(b"public");
        let confused = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &secret).unwrap();
        let cut = format!("{}.{}.{}", parts[0], parts[1], &parts[2][..80]);
        for bad in [none.as_str(), &confused, &cut, "", ".", "..", "a.b.c", "я.я.я"] {
            assert_eq!(keys.verify(bad), Err(Refusal::Unknown), "{bad}");
        }
    }

    #[test]
    fn a_key_in_a_file_outlives_the_process_and_is_nobody_elses() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let token = Keys::open(Some(&path)).unwrap().sign(Uuid::nil(), &[], 900).unwrap();
        assert!(Keys::open(Some(&path)).unwrap().verify(&token).is_ok());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, b"no key").unwrap();
        assert!(matches!(Keys::open(Some(&path)), Err(KeyError::NoKey { .. })));
    }
}
