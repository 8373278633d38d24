//! Codes that prove an address or a number: sent, and shown again.
//!
//! Who is unknown gets the same answer as who is sent a code. A signed-in user whose account has no address or number yet
//! may prove one that nobody has, and then it is the account's.

use chrono::Utc;
use sqlx::PgConnection;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{Stranger, must_reach, post, taken};
use crate::store::App;
use crate::store::auth;
use crate::store::market::identity::rules::Login;
use crate::store::market::identity::storage::{self, User, proofs};
use crate::store::problem::{Code, Fault, Problem};
use crate::store::text::Notice;

/// Sends a code to an address or number, if it may be proven and has not been sent one just now.
pub(crate) async fn send(
    app: &App,
    stranger: &Stranger,
    asker: Option<Uuid>,
    login: &Login,
) -> Result<(), Fault> {
    must_reach(app, login)?;
    stranger.count(app, login.text())?;
    let now = Utc::now();
    let mut transaction = app.pool.begin().await?;
    let Some(user) = owner(&mut transaction, asker, login).await? else { return Ok(()) };
    let proven = match login {
        Login::Email(_) => user.email_verified,
        Login::Phone(_) => user.phone_verified,
    };
    if proven || !proofs::may_send(&mut transaction, user.id, now).await? {
        return Ok(());
    }
    let (id, code) = (Uuid::now_v7(), six_digits());
    proofs::add_code(&mut transaction, id, user.id, login, &hash(id, &code), now).await?;
    post(&mut transaction, &user, login, Notice::VerificationCode, &code, now).await?;
    transaction.commit().await?;
    app.wake();
    Ok(())
}

/// Takes a code: the address or number is proven then.
///
/// # Errors
/// `wrong-code`, whatever is wrong: the code, its age, the number of tries, or that there never was one.
pub(crate) async fn confirm(
    app: &App,
    stranger: &Stranger,
    asker: Option<Uuid>,
    login: &Login,
    code: &str,
) -> Result<(), Fault> {
    if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Problem::field("/code", "expected six digits").into());
    }
    stranger.count(app, login.text())?;
    let wrong = || Problem::new(Code::WrongProof, "expected the code that was sent last and is still good");
    let now = Utc::now();
    let mut transaction = app.pool.begin().await?;
    let user = owner(&mut transaction, asker, login).await?.ok_or_else(wrong)?;
    let tried = proofs::try_code(&mut transaction, user.id, login, now).await?;
    let right = tried.filter(|(id, kept)| bool::from(hash(*id, code).ct_eq(kept.as_slice())));
    let Some((id, _)) = right else {
        // The try counts.
        transaction.commit().await?;
        return Err(wrong().into());
    };
    let verified = proofs::verify(&mut transaction, id, user.id, login, now).await;
    verified.map_err(|error| match &error {
        // Somebody else registered with it between the look and now.
        sqlx::Error::Database(refusal) if refusal.is_unique_violation() => taken(login).into(),
        _ => Fault::from(error),
    })?;
    if let Login::Phone(phone) = login {
        proofs::link_customer(&mut transaction, &user, phone).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The account that an address or number is proven for, locked: its own, else that of who asks, if it has none yet.
async fn owner(conn: &mut PgConnection, asker: Option<Uuid>, login: &Login) -> Result<Option<User>, Fault> {
    if let Some(user) = storage::find(&mut *conn, login).await? {
        return Ok(storage::lock(conn, user.id).await?);
    }
    let Some(asker) = asker else { return Ok(None) };
    let user = storage::lock(conn, asker).await?;
    Ok(user.filter(|user| match login {
        Login::Email(_) => user.email.is_none(),
        Login::Phone(_) => user.phone_e164.is_none(),
    }))
}

fn six_digits() -> String {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    // Of 2^64 numbers a million takes no code more than once in 10^13 too often.
    format!("{:06}", u64::from_be_bytes(bytes) % 1_000_000)
}

/// What is kept of a code: with its id, so that equal codes do not look equal. A million codes are soon tried by whoever
/// reads the table; what protects them there is that they are good for ten minutes.
fn hash(id: Uuid, code: &str) -> [u8; 32] {
    auth::hash(&format!("{id}:{code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_six_digits_and_its_hash_is_its_own() {
        for _ in 0..100 {
            let code = six_digits();
            assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
        }
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        assert_ne!(hash(one, "123456"), hash(other, "123456"));
    }
}
