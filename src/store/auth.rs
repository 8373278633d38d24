//! Who asks: the credential of a request becomes a [`Principal`], once, before any handler runs.
//!
//! Three credentials are known. The Store API's token of the settings is the voice server's. A token made by
//! `orderline store token` belongs to a programme or a person of the shop; its hash stands in `identity.api_clients`. A
//! JSON Web Token belongs to a user of the marketplace, or to a manager or administrator who signed in there ([`jwt`]).

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::App;
use super::problem::{Code, Fault, Problem};

pub(crate) mod jwt;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The voice server: the Store API.
    Agent,
    /// Another programme of the shop: reservations, payments, notifications, and the Store API.
    Service,
    /// A buyer at the marketplace: their own orders.
    Customer,
    /// Takes orders out of the CRM's pool.
    Manager,
    /// Moves orders, and may do what a manager or a service may.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Agent, Self::Service, Self::Customer, Self::Manager, Self::Admin];

    /// The name in the database, in tokens and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Service => "service",
            Self::Customer => "customer",
            Self::Manager => "manager",
            Self::Admin => "admin",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::named(name)
            .ok_or_else(|| format!("expected agent, service, customer, manager or admin, found {name:?}"))
    }
}

/// Somebody whose credential is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    /// `agent`, `client:ID`, `user:ID`: the owner of idempotency keys, and the actor in the order's history.
    pub(crate) subject: String,
    pub(crate) roles: Vec<Role>,
    /// The user of the marketplace, or the manager behind a token.
    pub(crate) user: Option<Uuid>,
    /// Whether the credential is a user's own sign-in, not a token of the shop's.
    pub(crate) signed_in: bool,
}

impl Principal {
    pub(crate) fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Refuses everybody who has none of these roles.
    pub(crate) fn must_be(&self, roles: &[Role]) -> Result<(), Problem> {
        if roles.iter().any(|role| self.is(*role)) {
            return Ok(());
        }
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let found: Vec<&str> = self.roles.iter().map(|role| role.name()).collect();
        let detail = format!("expected the role {}, found {}", names.join(" or "), found.join(", "));
        Err(Problem::new(Code::Forbidden, detail))
    }

    /// Whether this is a buyer and nothing more: then the marketplace's face of a path that two systems share is meant.
    pub(crate) fn only_buys(&self) -> bool {
        self.roles.iter().all(|role| *role == Role::Customer)
    }
}

/// What a request showed. In the request's extensions.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    /// Nothing.
    None,
    /// Something, and this is wrong with it.
    Bad(&'static str),
    Good(Principal),
}

impl Credential {
    /// Who it is.
    ///
    /// # Errors
    /// `unauthorized`, in the same words for nothing and for something wrong, but for a token that has expired.
    pub(crate) fn principal(&self) -> Result<&Principal, Problem> {
        match self {
            Self::Good(principal) => Ok(principal),
            Self::None => Err(Problem::new(Code::Unauthorized, NOT_SHOWN)),
            Self::Bad(why) => Err(Problem::new(Code::Unauthorized, *why)),
        }
    }
}

const NOT_SHOWN: &str = "expected Authorization: Bearer with a token that this store knows";
const EXPIRED: &str = "expected a token that is still good; this one has expired";

impl FromRequestParts<App> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        parts.extensions.get::<Credential>().unwrap_or(&Credential::None).principal().cloned()
    }
}

impl FromRequestParts<App> for Credential {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self::None))
    }
}

/// The layer that looks at the credential.
pub(crate) async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let value = request.headers().get(header::AUTHORIZATION);
    let bearer = value.map(|value| value.to_str().ok().and_then(bearer));
    let credential = match bearer {
        None => Credential::None,
        Some(None) => Credential::Bad(NOT_SHOWN),
        Some(Some(token)) => match recognise(&app, token).await {
            Ok(credential) => credential,
            Err(fault) => return fault.into_problem().into_response(),
        },
    };
    request.extensions_mut().insert(credential);
    next.run(request).await
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 9110, section 11.1).
pub(crate) fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Whose token it is.
pub(crate) async fn recognise(app: &App, token: &str) -> Result<Credential, Fault> {
    let settings = &app.settings;
    // Both are compared, whatever the first one says.
    let now = same(&settings.token, token);
    if now | settings.previous_token.as_ref().is_some_and(|secret| same(secret, token)) {
        return Ok(Credential::Good(Principal {
            subject: "agent".to_owned(),
            roles: vec![Role::Agent],
            user: None,
            signed_in: false,
        }));
    }
    if token.starts_with(TOKEN_PREFIX) {
        return client(&app.pool, token).await;
    }
    Ok(match app.keys.verify(token) {
        Ok(claims) => Credential::Good(Principal {
            subject: format!("user:{}", claims.sub),
            roles: claims.roles.iter().filter_map(|name| Role::named(name)).collect(),
            user: Some(claims.sub),
            signed_in: true,
        }),
        Err(jwt::Refusal::Expired) => Credential::Bad(EXPIRED),
        Err(jwt::Refusal::Unknown) => Credential::Bad(NOT_SHOWN),
    })
}

/// Compares digests, so that neither the length nor the first wrong byte of a guess shows in the time it takes.
pub(crate) fn same(secret: &SecretString, given: &str) -> bool {
    let expected = secret.expose_secret();
    bool::from(hash(expected).ct_eq(&hash(given))) && !expected.is_empty()
}

/// What is kept of a token.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Tokens of `identity.api_clients` begin with it, so that a lost one is recognised by whoever finds it.
const TOKEN_PREFIX: &str = "olt_";

#[derive(sqlx::FromRow)]
struct Client {
    id: Uuid,
    role: String,
    user_id: Option<Uuid>,
    expires_at: Option<DateTime<Utc>>,
}

async fn client(pool: &PgPool, token: &str) -> Result<Credential, Fault> {
    let found: Option<Client> = sqlx::query_as(
        "select id, role, user_id, expires_at from identity.api_clients \
         where token_hash = $1 and revoked_at is null",
    )
    .bind(hash(token).as_slice())
    .fetch_optional(pool)
    .await?;
    Ok(match found {
        Some(client) if client.expires_at.is_some_and(|end| end <= Utc::now()) => Credential::Bad(EXPIRED),
        Some(client) => Credential::Good(Principal {
            subject: format!("client:{}", client.id),
            roles: Role::named(&client.role).into_iter().collect(),
            user: Some(client.user_id.unwrap_or(client.id)),
            signed_in: false,
        }),
        None => Credential::Bad(NOT_SHOWN),
    })
}

/// Something that nobody can guess: 256 bits, in letters that fit into any header and address.
pub(crate) fn secret() -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token for a programme or a person of the shop. Shown once; only its hash is kept.
#[derive(Debug)]
pub struct NewToken {
    pub id: Uuid,
    pub token: SecretString,
}

/// Makes a token with a role, for `user` if it is a manager's, good until `expires_at` or until it is revoked.
///
/// # Errors
/// The database; a customer's role, which only a sign-in gives.
pub async fn make_token(
    pool: &PgPool,
    role: Role,
    name: &str,
    user: Option<Uuid>,
    expires_at: Option<DateTime<Utc>>,
) -> Result<NewToken, sqlx::Error> {
    let (id, token) = (Uuid::now_v7(), format!("{TOKEN_PREFIX}{}", secret()));
    sqlx::query(
        "insert into identity.api_clients (id, name, role, user_id, token_hash, expires_at) \
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(name)
    .bind(role.name())
    .bind(user)
    .bind(hash(&token).as_slice())
    .bind(expires_at)
    .execute(pool)
    .await?;
    Ok(NewToken { id, token: token.into() })
}

/// Ends a token; whether there was one.
///
/// # Errors
/// The database.
pub async fn revoke_token(pool: &PgPool, id: Uuid) -> Result<bool, sqlx::Error> {
    let statement = "update identity.api_clients set revoked_at = now() where id = $1 and revoked_at is null";
    Ok(sqlx::query(statement).bind(id).execute(pool).await?.rows_affected() == 1)
}

/// Lets a user of the marketplace, named by e-mail address or telephone number, do what `role` may; whether there is one.
///
/// # Errors
/// The database; a role that users do not have (`agent`, `service`).
pub async fn grant_role(pool: &PgPool, user: &str, role: Role) -> Result<bool, sqlx::Error> {
    let granted = sqlx::query(
        "update identity.users set roles = array(select distinct unnest(roles || array[$2])), updated_at = now() \
         where email = lower($1) or phone_e164 = $1",
    );
    Ok(granted.bind(user).bind(role.name()).execute(pool).await?.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_is_read_whatever_the_case_of_its_scheme() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        for bad in ["abc", "Basic abc", "Bearer", "Bearer ", ""] {
            assert_eq!(bearer(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_empty_secret_opens_nothing() {
        assert!(!same(&SecretString::default(), ""));
        assert!(same(&"secret".into(), "secret") && !same(&"secret".into(), "secre"));
    }

    #[test]
    fn a_customer_alone_is_one_who_only_buys() {
        let with = |roles: &[Role]| Principal {
            subject: String::new(),
            roles: roles.to_vec(),
            user: None,
            signed_in: true,
        };
        assert!(with(&[Role::Customer]).only_buys());
        assert!(!with(&[Role::Customer, Role::Manager]).only_buys());
        assert!(with(&[Role::Manager]).must_be(&[Role::Admin]).is_err());
        assert!(with(&[Role::Manager]).must_be(&[Role::Admin, Role::Manager]).is_ok());
    }
}
