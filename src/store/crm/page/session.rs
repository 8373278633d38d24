//! Who looks at the page: a token in a cookie that no script and no other site can use, and the proof that a form was
//! made by this page.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use secrecy::SecretString;
use uuid::Uuid;

use super::super::STAFF;
use super::PLACE;
use crate::store::App;
use crate::store::auth::{self, Credential, Principal};
use crate::store::problem::{Code, Fault, Problem};

/// The cookie of the token.
const COOKIE: &str = "orderline_pool";
/// The cookie of the language.
pub(super) const LANGUAGE: &str = "orderline_lang";
/// How long a browser keeps the token: a working day. Revoking the token ends it at once.
const KEPT_S: u32 = 12 * 3600;

/// A manager who has signed in.
pub(super) struct Session {
    pub(super) principal: Principal,
    pub(super) user: Uuid,
    /// How colleagues are told who has an order.
    pub(super) name: String,
    /// What every form of this session brings along.
    pub(super) form: SecretString,
}

masked!(Session);

/// What a token is good for.
#[derive(Debug)]
pub(super) enum SignedIn<T> {
    As(T),
    /// Good, but not a manager's.
    NotStaff,
    Unknown,
}

impl<T> SignedIn<T> {
    pub(super) fn map<U>(self, with: impl FnOnce(T) -> U) -> SignedIn<U> {
        match self {
            Self::As(value) => SignedIn::As(with(value)),
            Self::NotStaff => SignedIn::NotStaff,
            Self::Unknown => SignedIn::Unknown,
        }
    }
}

impl Session {
    /// Refuses a form that another page made: only this session's pages know the proof.
    pub(super) fn must_have_made(&self, form: &str) -> Result<(), Problem> {
        if auth::same(&self.form, form) {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, "expected a form of this page"))
    }
}

/// The session of a request, if its cookie is good.
pub(super) async fn read(app: &App, headers: &HeaderMap) -> Result<Option<Session>, Fault> {
    let Some(token) = cookie(headers, COOKIE) else { return Ok(None) };
    match sign_in(app, token).await? {
        SignedIn::As(session) => Ok(Some(session)),
        SignedIn::NotStaff | SignedIn::Unknown => Ok(None),
    }
}

/// Whose token it is.
pub(super) async fn sign_in(app: &App, token: &str) -> Result<SignedIn<Session>, Fault> {
    if !fits_cookie(token) {
        return Ok(SignedIn::Unknown);
    }
    let principal = match auth::recognise(app, token).await? {
        Credential::Good(principal) => principal,
        Credential::None | Credential::Bad(_) => return Ok(SignedIn::Unknown),
    };
    let (Ok(()), Some(user)) = (principal.must_be(STAFF), principal.user) else {
        return Ok(SignedIn::NotStaff);
    };
    let id = principal.subject.split_once(':').and_then(|(_, id)| id.parse::<Uuid>().ok());
    let name: Option<String> = sqlx::query_scalar(
        "select name from identity.api_clients where id = $1 \
         union all select first_name || ' ' || last_name from identity.users where id = $1 limit 1",
    )
    .bind(id)
    .fetch_optional(&app.pool)
    .await?;
    let name = name.map(|name| name.trim().chars().take(200).collect::<String>());
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| user.to_string());
    let proof = auth::hash(&format!("orderline pool form:{token}"));
    let form = proof.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
    Ok(SignedIn::As(Session { principal, user, name, form }))
}

/// The letters of every token that the store makes: none of them means anything in a cookie.
fn fits_cookie(token: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=4000).contains(&token.len()) && token.bytes().all(known)
}

/// The cookie that keeps a token.
pub(super) fn keep(headers: &HeaderMap, token: &str) -> HeaderValue {
    set(headers, token, KEPT_S)
}

/// The cookie that forgets it.
pub(super) fn forget(headers: &HeaderMap) -> HeaderValue {
    set(headers, "", 0)
}

fn set(headers: &HeaderMap, token: &str, seconds: u32) -> HeaderValue {
    // Whoever ends TLS in front of the store says so; a shop's own network may have none, and a browser would drop a
    // cookie that it may not send there.
    let secure = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let secure = if secure { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={token}; Path={PLACE}; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&cookie).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Remembers the language and shows the page in it.
pub(super) fn speak(language: &str, place: &str) -> Response {
    let language = if language == "en" { "en" } else { "ru" };
    let cookie = format!("{LANGUAGE}={language}; Path={PLACE}; SameSite=Lax; Max-Age=31536000");
    ([(header::SET_COOKIE, cookie)], Redirect::to(place)).into_response()
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// Refuses a form that another site sends. The cookie stays at home then anyway; a sign-in has none to go by.
pub(super) fn must_be_own_page(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own = match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        // A browser from before 2023, or an address without TLS; a programme sends neither.
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text(header::HOST.as_str())
        }
        (None, None) => true,
    };
    let foreign = || Problem::new(Code::Forbidden, "expected a form of this page, found another site's");
    own.then_some(()).ok_or_else(foreign)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_form_of_another_site_is_refused_however_the_browser_says_so() {
        let host = ("host", "shop.example");
        for own in [
            headers(&[host]),
            headers(&[host, ("sec-fetch-site", "same-origin"), ("origin", "null")]),
            headers(&[host, ("origin", "https://shop.example")]),
        ] {
            assert!(must_be_own_page(&own).is_ok(), "{own:?}");
        }
        for foreign in [
            headers(&[host, ("sec-fetch-site", "cross-site")]),
            headers(&[host, ("sec-fetch-site", "same-site"), ("origin", "https://shop.example")]),
            headers(&[host, ("origin", "https://evil.example")]),
            headers(&[host, ("origin", "null")]),
        ] {
            assert!(must_be_own_page(&foreign).is_err(), "{foreign:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others_and_kept_out_of_reach() {
        let sent = headers(&[("cookie", "a=1; orderline_pool=olt_x-Y_1; b=2")]);
        assert_eq!(cookie(&sent, COOKIE), Some("olt_x-Y_1"));
        assert_eq!(cookie(&sent, "c"), None);
        let kept = keep(&headers(&[("x-forwarded-proto", "https")]), "olt_1");
        for part in ["HttpOnly", "SameSite=Strict", "Path=/crm/pool", "Secure"] {
            assert!(kept.to_str().unwrap().contains(part), "{kept:?}");
        }
        for bad in ["", "a;b", "a b", "a\"", "ключ"] {
            assert!(!fits_cookie(bad), "{bad}");
        }
    }
}
