//! What accounts are made to do. Who calls says who asks; the tables are the storage's.
//!
//! No connection to the database is held while a password waits for its turn to be hashed: a crowd at the sign-in leaves
//! the shop's other requests alone.
//!
//! An account is not secret: registering says that an address is taken. Signing in tells an unknown name from a wrong
//! password neither by its words nor by its time, but an account that has been locked says so.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use uuid::Uuid;

use super::dto::Tokens;
use super::rules::{self, Login};
use super::storage::{self, Attempt, NewUser, User, Who};
use crate::store::App;
use crate::store::auth;
use crate::store::outbox::{self, Letter};
use crate::store::problem::{Code, Fault, Part, Problem};
use crate::store::text::{self, Notice, Tongue};

pub(super) mod codes;
pub(super) mod passwords;

/// Whoever asks without an account.
#[derive(Clone, Debug)]
pub(crate) struct Stranger {
    /// The network that they come from.
    pub(crate) network: String,
    /// The language that their programme asks for, if it is one of the shop's.
    pub(crate) language: Option<&'static str>,
}

impl Stranger {
    /// Counts an attempt at something that can be guessed, by where it comes from and by what it is aimed at.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub(crate) fn count(&self, app: &App, target: &str) -> Result<(), Problem> {
        self.count_here(app)?;
        app.limits.guesses.count(&format!("at {target}"))
    }

    /// Counts it by where it comes from alone, where it is aimed at nobody.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub(crate) fn count_here(&self, app: &App) -> Result<(), Problem> {
        app.limits.guesses.count(&format!("from {}", self.network))
    }
}

/// Opens an account and signs in.
pub(crate) async fn register(
    app: &App,
    stranger: &Stranger,
    login: Login,
    names: (&str, &str),
    password: SecretString,
) -> Result<(User, Tokens), Fault> {
    let first_name = rules::person("/firstName", names.0)?;
    let last_name = rules::person("/lastName", names.1)?;
    rules::new_password("/password", &password, &[login.text()])?;
    stranger.count(app, login.text())?;
    if storage::find(&app.pool, &login).await?.is_some() {
        return Err(taken(&login).into());
    }
    let password_phc = app.passwords.turn().await?.hash(password).await?;
    let now = Utc::now();
    let mut transaction = app.pool.begin().await?;
    let new = NewUser {
        first_name: &first_name,
        last_name: &last_name,
        login: &login,
        language: stranger.language,
        password_phc: &password_phc,
    };
    let user = storage::add(&mut transaction, &new).await?.ok_or_else(|| taken(&login))?;
    let tokens = grant(&mut transaction, app, &user, Uuid::now_v7(), now).await?;
    transaction.commit().await?;
    Ok((user, tokens))
}

pub(super) fn taken(login: &Login) -> Problem {
    let message = "expected an address or number without an account";
    let part = Part {
        pointer: login.pointer().to_owned(),
        code: "taken",
        message: message.to_owned(),
        ..Part::default()
    };
    Problem::new(Code::AlreadyTaken, format!("{}: {message}", login.pointer())).with_parts(vec![part])
}

/// Signs in.
pub(crate) async fn sign_in(
    app: &App,
    stranger: &Stranger,
    login: Login,
    password: SecretString,
) -> Result<Tokens, Fault> {
    rules::attempt("/password", &password)?;
    stranger.count(app, login.text())?;
    let user = check_password(app, Who::Login(&login), password).await?;
    let now = Utc::now();
    let mut transaction = app.pool.begin().await?;
    storage::forgive(&mut transaction, user.id).await?;
    let tokens = grant(&mut transaction, app, &user, Uuid::now_v7(), now).await?;
    transaction.commit().await?;
    Ok(tokens)
}

/// The account whose password this is; the attempt counts as failed until [`storage::forgive`] or a new password.
///
/// # Errors
/// `wrong-credentials`, after the same time and in the same words whether there is such an account or not;
/// `too-many-requests` while the account is locked.
pub(super) async fn check_password(app: &App, who: Who<'_>, password: SecretString) -> Result<User, Fault> {
    // First the turn: an attempt that is refused because of the crowd is no failure of its owner's.
    let turn = app.passwords.turn().await?;
    let now = Utc::now();
    let attempt = {
        let mut connection = app.pool.acquire().await?;
        storage::attempt(&mut connection, who, now).await?
    };
    let (user, kept) = match attempt {
        Attempt::Of(user, kept) => (Some(user), Some(kept)),
        Attempt::OfNobody => (None, None),
        Attempt::LockedUntil(until) => {
            let seconds = u64::try_from((until - now).num_seconds()).unwrap_or(0) + 1;
            let detail = "too many wrong passwords; expected an attempt later";
            return Err(Problem::new(Code::TooManyRequests, detail).after(seconds).into());
        }
    };
    let right = turn.verify(password, kept).await?;
    let wrong = || Problem::new(Code::WrongCredentials, "expected an account and its password");
    user.filter(|_| right).map(|user| *user).ok_or_else(|| wrong().into())
}

/// A pair of tokens, the refresh token in this family.
async fn grant(
    conn: &mut PgConnection,
    app: &App,
    user: &User,
    family: Uuid,
    now: DateTime<Utc>,
) -> Result<Tokens, Fault> {
    let settings = &app.settings.identity;
    let refresh_token = auth::secret();
    let ttl = TimeDelta::seconds(i64::from(settings.refresh_ttl_s));
    storage::add_refresh(conn, user.id, family, &auth::hash(&refresh_token), now, ttl).await?;
    let access_token = app.keys.sign(user.id, &user.roles, settings.access_ttl_s).ok_or_else(|| {
        tracing::error!("an access token could not be signed");
        Problem::new(Code::Internal, "the store failed; nothing was changed")
    })?;
    Ok(Tokens { access_token, refresh_token, expires_in: settings.access_ttl_s })
}

/// Exchanges a refresh token for a new pair.
///
/// A token that was exchanged before has been stolen, or its answer got lost: who shows it now cannot be told, so the
/// whole family ends and its owner signs in again.
pub(crate) async fn refresh(app: &App, token: &SecretString) -> Result<Tokens, Fault> {
    rules::token("/refreshToken", token)?;
    let refused = || Problem::new(Code::Unauthorized, "expected a refresh token that is still good");
    let now = Utc::now();
    let mut transaction = app.pool.begin().await?;
    let hash = auth::hash(token.expose_secret());
    let known = storage::lock_refresh(&mut transaction, &hash).await?.ok_or_else(refused)?;
    if known.used_at.is_some() {
        storage::end_family(&mut transaction, known.family, now).await?;
        transaction.commit().await?;
        tracing::warn!(user.id = %known.user_id, "a refresh token was shown twice; its sign-in has been ended");
        return Err(refused().into());
    }
    if known.revoked_at.is_some() || known.expires_at <= now {
        return Err(refused().into());
    }
    let user = storage::read(&mut *transaction, known.user_id).await?.ok_or_else(refused)?;
    storage::use_refresh(&mut transaction, known.id, now).await?;
    let tokens = grant(&mut transaction, app, &user, known.family, now).await?;
    transaction.commit().await?;
    Ok(tokens)
}

/// Ends a sign-in. That a token is unknown or ended already changes nothing: signed out is signed out.
pub(crate) async fn sign_out(app: &App, token: &SecretString) -> Result<(), Fault> {
    rules::token("/refreshToken", token)?;
    let mut transaction = app.pool.begin().await?;
    if let Some(known) = storage::lock_refresh(&mut transaction, &auth::hash(token.expose_secret())).await? {
        storage::end_family(&mut transaction, known.family, Utc::now()).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The account of a signed-in user.
///
/// # Errors
/// `unauthorized` when it is gone meanwhile.
pub(crate) async fn profile(app: &App, user: Uuid) -> Result<User, Fault> {
    storage::read(&app.pool, user).await?.ok_or_else(gone)
}

/// Gives a signed-in user other names.
pub(crate) async fn rename(
    app: &App,
    user: Uuid,
    first_name: Option<&str>,
    last_name: Option<&str>,
) -> Result<User, Fault> {
    let first_name = first_name.map(|name| rules::person("/firstName", name)).transpose()?;
    let last_name = last_name.map(|name| rules::person("/lastName", name)).transpose()?;
    let renamed =
        storage::rename(&app.pool, user, first_name.as_deref(), last_name.as_deref(), Utc::now()).await?;
    renamed.ok_or_else(gone)
}

pub(super) fn gone() -> Fault {
    Problem::new(Code::Unauthorized, "expected a user who still has an account").into()
}

/// Refuses what could never arrive, whoever it is for.
///
/// # Errors
/// `not-configured`: e-mail, in a shop that has no mail server.
fn must_reach(app: &App, login: &Login) -> Result<(), Problem> {
    match login {
        Login::Email(_) if app.settings.email.is_none() => Err(Problem::new(
            Code::NotConfigured,
            "expected shop.email in the store's settings; no e-mail can be sent",
        )),
        _ => Ok(()),
    }
}

/// Writes a message with a secret in it to an address or number, in this transaction.
async fn post(
    conn: &mut PgConnection,
    user: &User,
    login: &Login,
    notice: Notice,
    secret: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let tongue = Tongue::of(user.language.as_deref(), user.phone_e164.as_deref().unwrap_or(login.text()));
    let (subject, body) = text::notice(notice, tongue, secret);
    let letter = Letter {
        order_id: None,
        channel: if matches!(login, Login::Email(_)) { "email" } else { "sms" },
        recipient: login.text(),
        tongue,
        template: notice.name(),
        variables: &serde_json::json!({}),
        subject: &subject,
        body: &body,
    };
    outbox::post(conn, &letter, now).await?;
    Ok(())
}
