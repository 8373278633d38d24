//! A password for another: by the one before it, or by a token that came to the account's address or number.
//!
//! Either way every sign-in ends: refresh tokens at once, access tokens by themselves within `access_ttl_s`, because
//! nobody asks the database about them.

use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::{Stranger, check_password, gone, must_reach, post};
use crate::store::App;
use crate::store::auth;
use crate::store::market::identity::rules::{self, Login};
use crate::store::market::identity::storage::{self, Who, proofs};
use crate::store::problem::{Code, Fault, Problem};
use crate::store::text::Notice;

/// Changes a signed-in user's password.
pub(crate) async fn change(
    app: &App,
    stranger: &Stranger,
    user: Uuid,
    current: SecretString,
    new: SecretString,
) -> Result<(), Fault> {
    rules::attempt("/currentPassword", &current)?;
    let user = storage::read(&app.pool, user).await?.ok_or_else(gone)?;
    rules::new_password("/newPassword", &new, &user.logins())?;
    if new.expose_secret() == current.expose_secret() {
        return Err(Problem::field("/newPassword", "expected another password than the current one").into());
    }
    stranger.count(app, &user.id.to_string())?;
    check_password(app, Who::User(user.id), current).await?;
    let phc = app.passwords.turn().await?.hash(new).await?;
    let mut transaction = app.pool.begin().await?;
    storage::set_password(&mut transaction, user.id, &phc, Utc::now()).await?;
    transaction.commit().await?;
    Ok(())
}

/// Sends a reset token to an account's address or number. Who is unknown gets the same answer.
pub(crate) async fn request_reset(app: &App, stranger: &Stranger, login: &Login) -> Result<(), Fault> {
    must_reach(app, login)?;
    stranger.count(app, login.text())?;
    let now = Utc::now();
    let mut transaction = app.pool.begin().await?;
    let Some(user) = storage::find(&mut *transaction, login).await? else { return Ok(()) };
    let Some(user) = storage::lock(&mut transaction, user.id).await? else { return Ok(()) };
    if !proofs::may_send(&mut transaction, user.id, now).await? {
        return Ok(());
    }
    let token = auth::secret();
    proofs::add_reset(&mut transaction, user.id, &auth::hash(&token), now).await?;
    post(&mut transaction, &user, login, Notice::PasswordReset, &token, now).await?;
    transaction.commit().await?;
    app.wake();
    Ok(())
}

/// Takes a reset token for a new password. The token is good once, and with it all others of the account end.
///
/// # Errors
/// `wrong-code`.
pub(crate) async fn confirm_reset(
    app: &App,
    stranger: &Stranger,
    token: &SecretString,
    new: SecretString,
) -> Result<(), Fault> {
    rules::token("/resetToken", token)?;
    rules::new_password("/newPassword", &new, &[])?;
    let hash = auth::hash(token.expose_secret());
    // 256 bits are not guessed; what is counted here are the hashes that a stranger may make the store reckon.
    stranger.count_here(app)?;
    let wrong = || Problem::new(Code::WrongProof, "expected a reset token that is still good");
    let user = proofs::reset_owner(&app.pool, &hash, Utc::now()).await?.ok_or_else(wrong)?;
    rules::new_password("/newPassword", &new, &user.logins())?;
    let phc = app.passwords.turn().await?.hash(new).await?;
    let now = Utc::now();
    let mut transaction = app.pool.begin().await?;
    if !proofs::use_reset(&mut transaction, &hash, now).await? {
        return Err(wrong().into());
    }
    storage::set_password(&mut transaction, user.id, &phc, now).await?;
    transaction.commit().await?;
    Ok(())
}
