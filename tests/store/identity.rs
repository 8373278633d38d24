//! Accounts and sign-ins, from outside.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use orderline::store::{self, Role};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{Desk, Reply, TOKEN, reply};

pub(crate) const PASSWORD: &str = "верный конь 7";

/// A shop whose users may guess as often as the test likes.
pub(crate) async fn open() -> Desk {
    Desk::open_with(|settings| settings.limits.guesses_per_min = 0).await
}

/// Asks without a token.
pub(crate) async fn ask(desk: &Desk, path: &str, body: Value) -> Reply {
    reply(desk.client.post(format!("{}/api/v1/auth/{path}", desk.base)).json(&body)).await
}

/// Asks as a user.
pub(crate) async fn ask_as(
    desk: &Desk,
    token: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Reply {
    let mut request = desk.client.request(method, format!("{}/api/v1/{path}", desk.base)).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    reply(request).await
}

pub(crate) fn anna(email: &str) -> Value {
    json!({"firstName": "Анна", "lastName": "Ким", "email": email, "password": PASSWORD})
}

/// Registers by e-mail address; the whole answer.
pub(crate) async fn register(desk: &Desk, email: &str) -> Value {
    ask(desk, "register/email", anna(email)).await.expect(201)
}

/// Registers by telephone number; the whole answer.
pub(crate) async fn register_phone(desk: &Desk, phone: &str) -> Value {
    let body = json!({"firstName": "Олег", "lastName": "Ян", "phone": phone, "password": PASSWORD});
    ask(desk, "register/phone", body).await.expect(201)
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

async fn me(desk: &Desk, token: &str) -> Reply {
    ask_as(desk, token, Method::GET, "users/me", None).await
}

#[tokio::test]
async fn a_user_registers_signs_in_renames_and_signs_out() {
    let desk = open().await;
    let answer = ask(&desk, "register/email", anna(" Anna.K@Example.org ")).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let registered = answer.expect(201);
    let user = &registered["user"];
    let id = text(user, "id").to_owned();
    let expected = json!({
        "id": id, "firstName": "Анна", "lastName": "Ким", "email": "anna.k@example.org", "phone": null,
        "emailVerified": false, "phoneVerified": false,
    });
    assert_eq!(user, &expected);
    assert_eq!(registered["expiresIn"], 900);
    assert_eq!(me(&desk, text(&registered, "accessToken")).await.expect(200), expected);

    let login = json!({"email": "ANNA.K@EXAMPLE.ORG", "password": PASSWORD});
    let tokens = ask(&desk, "login/email", login.clone()).await.expect(200);
    let mut members: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["accessToken", "expiresIn", "refreshToken"]);
    let token = text(&tokens, "accessToken");
    let change = json!({"id": id, "firstName": "Анна Мария"});
    let changed = ask_as(&desk, token, Method::PATCH, "users/me", Some(change)).await.expect(200);
    assert_eq!((&changed["firstName"], &changed["lastName"]), (&json!("Анна Мария"), &json!("Ким")));
    let foreign = json!({"id": Uuid::new_v4(), "firstName": "Никто"});
    let refused = ask_as(&desk, token, Method::PATCH, "users/me", Some(foreign)).await;
    assert_eq!(refused.refused(422, "invalid-request")["errors"][0]["pointer"], "/id");
    for (name, value) in [("firstName", "a\u{0}b"), ("lastName", ""), ("lastName", &*"x".repeat(10_000))] {
        let refused = ask_as(&desk, token, Method::PATCH, "users/me", Some(json!({name: value}))).await;
        assert_eq!(refused.refused(422, "invalid-request")["errors"][0]["pointer"], format!("/{name}"));
    }
    ask_as(&desk, token, Method::PATCH, "users/me", Some(json!({"email": "b@example.org"})))
        .await
        .refused(422, "invalid-request");
    assert_eq!(me(&desk, token).await.expect(200), changed);

    let refresh = json!({"refreshToken": tokens["refreshToken"]});
    for _ in 0..2 {
        assert_eq!(ask(&desk, "logout", refresh.clone()).await.status, 204);
    }
    ask(&desk, "refresh", refresh).await.refused(401, "unauthorized");
    assert_eq!(ask(&desk, "logout", json!({"refreshToken": "unknown"})).await.status, 204);
    ask(&desk, "login/email", login).await.expect(200);

    let by_phone = register_phone(&desk, "+7 (916) 123-45-67").await;
    assert_eq!(by_phone["user"]["phone"], "+79161234567");
    let login = json!({"phone": "+7 916 1234567", "password": PASSWORD});
    ask(&desk, "login/phone", login).await.expect(200);
    desk.close().await;
}

#[tokio::test]
async fn an_address_or_number_has_one_account_however_it_is_spelt() {
    let desk = open().await;
    register(&desk, "anna@example.org").await;
    let again = ask(&desk, "register/email", anna("Anna@EXAMPLE.org")).await.refused(409, "already-taken");
    assert_eq!(again["errors"][0]["pointer"], "/email");
    register_phone(&desk, "+79161234567").await;
    let body = json!({"firstName": "О", "lastName": "Я", "phone": "+7(916)123-45-67", "password": PASSWORD});
    let again = ask(&desk, "register/phone", body).await.refused(409, "already-taken");
    assert_eq!(again["errors"][0]["pointer"], "/phone");

    let race = (0..8).map(|_| ask(&desk, "register/email", anna("race@example.org")));
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(race).await.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(desk.count("select count(*) from identity.users").await, 3);
    desk.close().await;
}

#[tokio::test]
async fn what_is_no_name_address_number_or_password_is_refused_by_its_field() {
    let desk = open().await;
    let long = "x".repeat(10_000);
    let sql = "'; drop table identity.users; --";
    let fields: [(&str, &[&str]); 5] = [
        ("firstName", &["", "  ", "a\u{0}b", "a\nb", &long]),
        ("lastName", &["", "a\u{0}b", &long]),
        ("email", &["", "anna", "a\u{0}@example.org", sql, "анна@example.org", &long]),
        ("phone", &["", "123", "+7\u{0}9161234567", sql, &long]),
        (
            "password",
            &["", "short", "qwertyuiop", "123456789\u{0}0", "anna@example.org1", "x79161234567", &long],
        ),
    ];
    for (field, values) in fields {
        for value in values {
            for (path, other) in [("register/email", "phone"), ("register/phone", "email")] {
                let mut body = anna("anna@example.org");
                body["phone"] = "+79161234567".into();
                body.as_object_mut().unwrap().remove(other);
                // Each password holds one of the two logins.
                let foreign = (value.contains('@') && path == "register/phone")
                    || (value.contains("7916") && path == "register/email");
                if field == other || (field == "password" && foreign) {
                    continue;
                }
                body[field] = (*value).into();
                let problem = ask(&desk, path, body).await.refused(422, "invalid-request");
                assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"), "{problem}");
            }
        }
    }
    for body in
        [json!({}), json!([]), json!({"email": 5}), json!({"email": "anna@example.org", "admin": true})]
    {
        ask(&desk, "register/email", body.clone()).await.refused(422, "invalid-request");
        ask(&desk, "login/email", body.clone()).await.refused(422, "invalid-request");
        ask(&desk, "refresh", body).await.refused(422, "invalid-request");
    }
    // A role is nothing that one gives oneself.
    let mut body = anna("anna@example.org");
    body["roles"] = json!(["admin"]);
    ask(&desk, "register/email", body).await.refused(422, "invalid-request");
    let request = desk.client.post(format!("{}/api/v1/auth/login/email", desk.base));
    reply(request.header("content-type", "application/json").body("{")).await.refused(400, "bad-request");
    let request = desk.client.post(format!("{}/api/v1/auth/login/email", desk.base));
    reply(request.body("{}")).await.refused(415, "unsupported-media-type");
    // Names are data, whatever they say.
    let mut body = anna("bobby@example.org");
    body["lastName"] = sql.into();
    assert_eq!(ask(&desk, "register/email", body).await.expect(201)["user"]["lastName"], sql);
    assert_eq!(desk.count("select count(*) from identity.users").await, 1);
    desk.close().await;
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_shown_twice_ends_its_sign_in() {
    let desk = open().await;
    let first = register(&desk, "anna@example.org").await;
    let other = json!({"email": "anna@example.org", "password": PASSWORD});
    let other = ask(&desk, "login/email", other).await.expect(200);
    let token = |tokens: &Value| json!({"refreshToken": tokens["refreshToken"]});
    let second = ask(&desk, "refresh", token(&first)).await.expect(200);
    assert_ne!(second["refreshToken"], first["refreshToken"]);
    me(&desk, text(&second, "accessToken")).await.expect(200);
    let third = ask(&desk, "refresh", token(&second)).await.expect(200);
    // The thief comes with the first one.
    ask(&desk, "refresh", token(&first)).await.refused(401, "unauthorized");
    ask(&desk, "refresh", token(&third)).await.refused(401, "unauthorized");
    let other = ask(&desk, "refresh", token(&other)).await.expect(200);

    let both = futures_util::future::join_all((0..2).map(|_| ask(&desk, "refresh", token(&other)))).await;
    let mut statuses: Vec<u16> = both.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);

    let late = register(&desk, "late@example.org").await;
    desk.run("update identity.user_tokens set expires_at = now()").await;
    ask(&desk, "refresh", token(&late)).await.refused(401, "unauthorized");
    ask(&desk, "refresh", json!({"refreshToken": "'or'1'='1"})).await.refused(401, "unauthorized");
    for nonsense in ["", "a\u{0}b", "'; drop table identity.users; --", &"x".repeat(10_000)] {
        for path in ["refresh", "logout"] {
            let refused =
                ask(&desk, path, json!({"refreshToken": nonsense})).await.refused(422, "invalid-request");
            assert_eq!(refused["errors"][0]["pointer"], "/refreshToken");
        }
    }
    let kept: Vec<Vec<u8>> = sqlx::query_scalar("select token_hash from identity.user_tokens")
        .fetch_all(&desk.pool)
        .await
        .unwrap();
    let shown = text(&first, "refreshToken").as_bytes();
    assert!(!kept.is_empty() && kept.iter().all(|hash| hash.len() == 32 && hash != shown));
    desk.close().await;
}

#[tokio::test]
async fn a_token_that_this_store_did_not_sign_for_now_opens_nothing() {
    let desk = Desk::open_with(|settings| settings.identity.access_ttl_s = 60).await;
    let registered = register(&desk, "anna@example.org").await;
    let good = text(&registered, "accessToken");
    let parts: Vec<&str> = good.split('.').collect();
    let decode =
        |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    assert_eq!(decode(parts[0])["alg"], "EdDSA");
    let mut claims = decode(parts[1]);
    assert_eq!(claims["roles"], json!(["customer"]));
    claims["roles"] = json!(["admin"]);
    let none = encode(&json!({"alg": "none", "typ": "JWT"}));
    let symmetric = encode(&json!({"alg": "HS256", "typ": "JWT"}));
    for bad in [
        format!("{}.{}.{}", parts[0], encode(&claims), parts[2]),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", encode(&claims), parts[2]),
        format!("{symmetric}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0; 64])),
        text(&registered, "refreshToken").to_owned(),
        String::new(),
    ] {
        for (method, path) in [(Method::GET, "users/me"), (Method::PATCH, "users/me")] {
            ask_as(&desk, &bad, method, path, None).await.refused(401, "unauthorized");
        }
    }
    // A token of the shop's is nobody's account.
    me(&desk, TOKEN).await.refused(403, "forbidden");
    let manager = store::make_token(&desk.pool, Role::Manager, "m", None, None).await.unwrap();
    let manager = secrecy::ExposeSecret::expose_secret(&manager.token).to_owned();
    me(&desk, &manager).await.refused(403, "forbidden");
    reply(desk.client.get(format!("{}/api/v1/users/me", desk.base))).await.refused(401, "unauthorized");
    // An account that is gone.
    desk.run("delete from identity.users").await;
    me(&desk, good).await.refused(401, "unauthorized");
    ask_as(&desk, good, Method::PATCH, "users/me", Some(json!({}))).await.refused(401, "unauthorized");
    desk.close().await;
}

#[tokio::test]
async fn a_role_is_granted_by_the_shop_and_holds_from_the_next_token_on() {
    let desk = open().await;
    let registered = register(&desk, "boss@example.org").await;
    assert!(store::grant_role(&desk.pool, "Boss@example.org", Role::Manager).await.unwrap());
    assert!(!store::grant_role(&desk.pool, "nobody@example.org", Role::Manager).await.unwrap());
    store::grant_role(&desk.pool, "boss@example.org", Role::Service).await.unwrap_err();
    let refresh = json!({"refreshToken": registered["refreshToken"]});
    let tokens = ask(&desk, "refresh", refresh).await.expect(200);
    let claims = text(&tokens, "accessToken").split('.').nth(1).unwrap().to_owned();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let mut roles: Vec<&str> =
        claims["roles"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["customer", "manager"]);
    desk.close().await;
}
