//! Codes that prove an address or a number, and passwords that are changed or forgotten.

use orderline::store::{Settings, SmsSettings};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{BUYER, Desk, REGULAR, TOKEN, until};
use crate::identity::{PASSWORD, ask, ask_as, open, register, register_phone, text};
use crate::mail::MailServer;

const OTHER: &str = "another horse 8";

/// A shop that can send, and what it sends: letters to a mail server, SMS into a file.
struct Post {
    desk: Desk,
    mail: MailServer,
    folder: tempfile::TempDir,
}

impl Post {
    async fn open() -> Self {
        let (mail, folder) = (MailServer::start().await, tempfile::tempdir().unwrap());
        let path = folder.path().join("sms");
        let desk = Desk::open_with(|settings: &mut Settings| {
            settings.limits.guesses_per_min = 0;
            settings.sms = SmsSettings::File { path };
            mail.serve(settings);
        })
        .await;
        Self { desk, mail, folder }
    }

    /// Asks for a message by SMS or e-mail; its text.
    async fn request(&self, path: &str, body: Value) -> String {
        self.request_as(None, path, body).await
    }

    async fn request_as(&self, token: Option<&str>, path: &str, body: Value) -> String {
        let before = self.received().len();
        let reply = match token {
            Some(token) => ask_as(&self.desk, token, Method::POST, &format!("auth/{path}"), Some(body)).await,
            None => ask(&self.desk, path, body).await,
        };
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, ""));
        until(async || self.received().len() > before).await;
        self.received().pop().unwrap()
    }

    /// The texts of all SMS, then of all letters.
    fn received(&self) -> Vec<String> {
        let sms = std::fs::read_to_string(self.folder.path().join("sms")).unwrap_or_default();
        let sms = sms.lines().map(|line| text(&serde_json::from_str(line).unwrap(), "text").to_owned());
        sms.chain(self.mail.letters().into_iter().map(|letter| letter.text)).collect()
    }

    /// Asks for something that sends nothing.
    async fn silent(&self, path: &str, body: Value) {
        let before = self.desk.count("select count(*) from notify.notifications").await;
        let reply = ask(&self.desk, path, body).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, ""));
        assert_eq!(self.desk.count("select count(*) from notify.notifications").await, before);
    }

    async fn done(&self, path: &str, body: Value) {
        let reply = ask(&self.desk, path, body).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    }

    /// As if the last message had been sent long ago.
    async fn wait(&self) {
        self.desk
            .run("update identity.verification_codes set created_at = created_at - interval '2 minutes'")
            .await;
        self.desk
            .run("update identity.password_reset_tokens set created_at = created_at - interval '2 minutes'")
            .await;
    }
}

/// What stands after the first colon, up to the end of the line.
fn secret(text: &str) -> String {
    text.split_once(": ").unwrap().1.lines().next().unwrap().trim().to_owned()
}

fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// The token with another letter at its end.
fn wrong_token(token: &str) -> String {
    let (most, last) = token.split_at(token.len() - 1);
    format!("{most}{}", if last == "A" { "B" } else { "A" })
}

#[tokio::test]
async fn a_code_proves_an_address_once() {
    let post = Post::open().await;
    let user = register(&post.desk, "anna@example.org").await;
    let letter = post.request("verify/email/send", json!({"email": "Anna@example.org"})).await;
    assert!(letter.starts_with("Confirmation code: "), "{letter}");
    let code = secret(&letter);
    let confirm = |code: &str| json!({"email": "anna@example.org", "code": code});
    // Within a minute there is no second one.
    post.silent("verify/email/send", json!({"email": "anna@example.org"})).await;
    ask(&post.desk, "verify/email/confirm", confirm(&wrong(&code))).await.refused(422, "wrong-code");
    for nonsense in
        ["", "12345", "1234567", "12345a", "１２３４５６", "' or 1=1", "12345\u{0}", &"1".repeat(10_000)]
    {
        let refused =
            ask(&post.desk, "verify/email/confirm", confirm(nonsense)).await.refused(422, "invalid-request");
        assert_eq!(refused["errors"][0]["pointer"], "/code");
    }
    let by_phone = json!({"phone": BUYER, "code": code});
    ask(&post.desk, "verify/phone/confirm", by_phone).await.refused(422, "wrong-code");
    post.done("verify/email/confirm", confirm(&code)).await;
    let me = ask_as(&post.desk, text(&user, "accessToken"), Method::GET, "users/me", None).await.expect(200);
    assert_eq!((&me["emailVerified"], &me["phoneVerified"]), (&json!(true), &json!(false)));
    ask(&post.desk, "verify/email/confirm", confirm(&code)).await.refused(422, "wrong-code");
    post.wait().await;
    post.silent("verify/email/send", json!({"email": "anna@example.org"})).await;

    // Whoever has no account gets the same answers, and no letter.
    post.silent("verify/email/send", json!({"email": "nobody@example.org"})).await;
    post.silent("verify/phone/send", json!({"phone": "+79990000000"})).await;
    let nobody = json!({"email": "nobody@example.org", "code": code});
    ask(&post.desk, "verify/email/confirm", nobody).await.refused(422, "wrong-code");
    ask(&post.desk, "verify/email/send", json!({"email": "a\u{0}@example.org"}))
        .await
        .refused(422, "invalid-request");
    ask(&post.desk, "verify/phone/send", json!({"phone": "1".repeat(10_000)}))
        .await
        .refused(422, "invalid-request");
    // Nothing that proves anything stays readable.
    let sent =
        "select count(*) from notify.notifications where status = 'sent' and body = '' and variables = '{}'";
    until(async || post.desk.count(sent).await == 1).await;
    post.desk.close().await;
}

#[tokio::test]
async fn a_code_is_good_for_five_tries_and_ten_minutes_and_only_the_last_one_is() {
    let post = Post::open().await;
    register_phone(&post.desk, BUYER).await;
    let send = json!({"phone": BUYER});
    let confirm = |code: &str| json!({"phone": BUYER, "code": code});
    let first = secret(&post.request("verify/phone/send", send.clone()).await);
    for _ in 0..5 {
        ask(&post.desk, "verify/phone/confirm", confirm(&wrong(&first))).await.refused(422, "wrong-code");
    }
    ask(&post.desk, "verify/phone/confirm", confirm(&first)).await.refused(422, "wrong-code");
    post.wait().await;
    let second = secret(&post.request("verify/phone/send", send.clone()).await);
    post.desk.run("update identity.verification_codes set expires_at = now() where attempts = 0").await;
    ask(&post.desk, "verify/phone/confirm", confirm(&second)).await.refused(422, "wrong-code");
    post.wait().await;
    let third = secret(&post.request("verify/phone/send", send.clone()).await);
    post.wait().await;
    let fourth = secret(&post.request("verify/phone/send", send.clone()).await);
    if third != fourth {
        ask(&post.desk, "verify/phone/confirm", confirm(&third)).await.refused(422, "wrong-code");
    }
    // Of many tries at once five count.
    let many = (0..12).map(|_| ask(&post.desk, "verify/phone/confirm", confirm(&wrong(&fourth))));
    for reply in futures_util::future::join_all(many).await {
        reply.refused(422, "wrong-code");
    }
    ask(&post.desk, "verify/phone/confirm", confirm(&fourth)).await.refused(422, "wrong-code");
    // Ten a day are enough for anybody.
    for _ in 4..10 {
        post.wait().await;
        post.request("verify/phone/send", send.clone()).await;
    }
    post.wait().await;
    post.silent("verify/phone/send", send).await;
    post.desk.close().await;
}

#[tokio::test]
async fn a_proven_number_brings_the_customer_of_the_telephone_along() {
    let post = Post::open().await;
    let desk = &post.desk;
    let orders = async |user: &Value| -> i64 {
        let statement = "select count(*) from orders.orders o join identity.customers c on c.id = o.customer_id \
                         where c.user_id = $1";
        let id: Uuid = text(&user["user"], "id").parse().unwrap();
        sqlx::query_scalar(statement).bind(id).fetch_one(&desk.pool).await.unwrap()
    };
    let prove = async |token: Option<&str>, phone: &str| {
        let code = secret(&post.request_as(token, "verify/phone/send", json!({"phone": phone})).await);
        let body = json!({"phone": phone, "code": code});
        let reply = match token {
            Some(token) => ask_as(desk, token, Method::POST, "auth/verify/phone/confirm", Some(body)).await,
            None => ask(desk, "verify/phone/confirm", body).await,
        };
        assert_eq!(reply.status, 204, "{}", reply.text);
    };
    // Ordered by telephone, then registered.
    let regular = register_phone(desk, REGULAR).await;
    assert_eq!(orders(&regular).await, 0, "a number alone proves nothing");
    prove(None, REGULAR).await;
    assert_eq!(orders(&regular).await, 3);

    // Registered first, then ordered by telephone.
    let early = register_phone(desk, "+79035550177").await;
    prove(None, "+79035550177").await;
    desk.draft("+79035550177").await;
    assert_eq!(orders(&early).await, 1);

    // Bought here without a number, ordered by telephone, and only then told the number.
    let anna = register(desk, "anna@example.org").await;
    let moved = desk.draft("+79035550178").await;
    desk.draft(BUYER).await;
    sqlx::query(
        "update identity.customers set user_id = $1, phone_e164 = null where phone_e164 = '+79035550178'",
    )
    .bind(text(&anna["user"], "id").parse::<Uuid>().unwrap())
    .execute(&desk.pool)
    .await
    .unwrap();
    assert_eq!(orders(&anna).await, 1, "{moved}");
    let token = text(&anna, "accessToken");
    prove(Some(token), BUYER).await;
    assert_eq!(orders(&anna).await, 2);
    let me = ask_as(desk, token, Method::GET, "users/me", None).await.expect(200);
    assert_eq!((&me["phone"], &me["phoneVerified"]), (&json!(BUYER), &json!(true)));
    ask(desk, "login/phone", json!({"phone": BUYER, "password": PASSWORD})).await.expect(200);

    // A customer who is somebody's already stays theirs.
    let before = desk.count("select count(*) from identity.customers").await;
    desk.run("update identity.users set phone_e164 = null, phone_verified = false where email is not null")
        .await;
    let thief = register_phone(desk, BUYER).await;
    post.wait().await;
    prove(None, BUYER).await;
    assert_eq!((orders(&thief).await, orders(&anna).await), (0, 2));
    assert_eq!(desk.count("select count(*) from identity.customers").await, before);
    post.desk.close().await;
}

#[tokio::test]
async fn a_signed_in_user_adds_only_an_address_that_nobody_has() {
    let post = Post::open().await;
    let desk = &post.desk;
    let oleg = register_phone(desk, BUYER).await;
    let token = text(&oleg, "accessToken");
    let letter =
        post.request_as(Some(token), "verify/email/send", json!({"email": "oleg@example.org"})).await;
    let body = json!({"email": "oleg@example.org", "code": secret(&letter)});
    // Without the sign-in the code is nobody's.
    ask(desk, "verify/email/confirm", body.clone()).await.refused(422, "wrong-code");
    // Somebody registers with the address meanwhile.
    register(desk, "oleg@example.org").await;
    let late = ask_as(desk, token, Method::POST, "auth/verify/email/confirm", Some(body.clone())).await;
    late.refused(422, "wrong-code");
    desk.run("delete from identity.users where email = 'oleg@example.org'").await;
    let added = ask_as(desk, token, Method::POST, "auth/verify/email/confirm", Some(body)).await;
    assert_eq!(added.status, 204);
    let me = ask_as(desk, token, Method::GET, "users/me", None).await.expect(200);
    assert_eq!((&me["email"], &me["emailVerified"]), (&json!("oleg@example.org"), &json!(true)));
    // One who has an address already does not get another this way.
    post.wait().await;
    post.silent("verify/email/send", json!({"email": "second@example.org"})).await;
    post.desk.close().await;
}

#[tokio::test]
async fn a_password_is_changed_by_the_one_before_it_and_every_sign_in_ends() {
    let desk = open().await;
    let user = register(&desk, "anna@example.org").await;
    let token = text(&user, "accessToken");
    let change = async |token: &str, current: &str, new: &str| {
        let body = json!({"currentPassword": current, "newPassword": new});
        ask_as(&desk, token, Method::POST, "auth/password/change", Some(body)).await
    };
    change(token, "wrong password", OTHER).await.refused(401, "wrong-credentials");
    let long = "x".repeat(10_000);
    for bad in ["short", "qwertyuiop", PASSWORD, "my anna anna", "with\u{0}in it", &long] {
        let refused = change(token, PASSWORD, bad).await.refused(422, "invalid-request");
        assert_eq!(refused["errors"][0]["pointer"], "/newPassword", "{bad}");
    }
    change(token, &long, OTHER).await.refused(422, "invalid-request");
    change("nonsense", PASSWORD, OTHER).await.refused(401, "unauthorized");
    change(TOKEN, PASSWORD, OTHER).await.refused(403, "forbidden");
    assert_eq!(change(token, PASSWORD, OTHER).await.status, 204);
    ask(&desk, "refresh", json!({"refreshToken": user["refreshToken"]})).await.refused(401, "unauthorized");
    let login = |password: &str| json!({"email": "anna@example.org", "password": password});
    ask(&desk, "login/email", login(PASSWORD)).await.refused(401, "wrong-credentials");
    ask(&desk, "login/email", login(OTHER)).await.expect(200);
    // Guesses of the current one are guesses.
    for _ in 0..5 {
        change(token, "wrong password", PASSWORD).await.refused(401, "wrong-credentials");
    }
    change(token, OTHER, PASSWORD).await.refused(429, "too-many-requests");
    desk.close().await;
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_token_that_is_good_once() {
    let post = Post::open().await;
    let desk = &post.desk;
    let user = register(desk, "anna@example.org").await;
    register_phone(desk, BUYER).await;
    let request = json!({"email": "ANNA@example.org"});
    let letter = post.request("password/reset/request", request.clone()).await;
    let first = secret(&letter);
    assert_eq!(post.mail.letters().last().unwrap().to, "anna@example.org");
    assert!(!post.mail.letters().last().unwrap().head.contains(&first), "the head is read by many");
    post.silent("password/reset/request", request.clone()).await;
    post.wait().await;
    let second = secret(&post.request("password/reset/request", request.clone()).await);
    post.silent("password/reset/request", json!({"email": "nobody@example.org"})).await;
    post.silent("password/reset/request", json!({"phone": "+79990000000"})).await;
    for neither in [json!({}), json!({"email": "anna@example.org", "phone": BUYER}), json!({"email": null})] {
        ask(desk, "password/reset/request", neither).await.refused(422, "invalid-request");
    }
    let confirm = |token: &str, password: &str| json!({"resetToken": token, "newPassword": password});
    for bad in ["short", "password123", "my anna anna", &"x".repeat(10_000)] {
        let refused = ask(desk, "password/reset/confirm", confirm(&first, bad)).await;
        assert_eq!(refused.refused(422, "invalid-request")["errors"][0]["pointer"], "/newPassword");
    }
    for unknown in ["x", "'or'1'='1", &wrong_token(&first)] {
        ask(desk, "password/reset/confirm", confirm(unknown, OTHER)).await.refused(422, "wrong-code");
    }
    for nonsense in ["", "a\u{0}b", "'; --", &"x".repeat(10_000)] {
        ask(desk, "password/reset/confirm", confirm(nonsense, OTHER)).await.refused(422, "invalid-request");
    }
    // Locked out by wrong ones, let in by the token.
    for _ in 0..5 {
        let login = json!({"email": "anna@example.org", "password": "wrong password"});
        ask(desk, "login/email", login).await.refused(401, "wrong-credentials");
    }
    let race = (0..3).map(|_| ask(desk, "password/reset/confirm", confirm(&first, OTHER)));
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(race).await.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 422, 422]);
    for used in [&first, &second] {
        ask(desk, "password/reset/confirm", confirm(used, PASSWORD)).await.refused(422, "wrong-code");
    }
    ask(desk, "refresh", json!({"refreshToken": user["refreshToken"]})).await.refused(401, "unauthorized");
    let login = |password: &str| json!({"email": "anna@example.org", "password": password});
    ask(desk, "login/email", login(PASSWORD)).await.refused(401, "wrong-credentials");
    ask(desk, "login/email", login(OTHER)).await.expect(200);

    let by_sms = post.desk.count("select count(*) from notify.notifications where channel = 'sms'").await;
    assert_eq!(by_sms, 0);
    let reply = ask(desk, "password/reset/request", json!({"phone": BUYER})).await;
    assert_eq!(reply.status, 202);
    until(async || post.folder.path().join("sms").exists() && post.received()[0].ends_with('.')).await;
    let sms = post.received()[0].clone();
    assert!(sms.starts_with("Код для нового пароля: "), "{sms}");
    desk.run("update identity.password_reset_tokens set expires_at = now() where used_at is null").await;
    ask(desk, "password/reset/confirm", confirm(&secret(&sms), OTHER)).await.refused(422, "wrong-code");
    post.desk.close().await;
}

#[tokio::test]
async fn a_shop_without_a_mail_server_says_that_no_letter_will_come() {
    let desk = open().await;
    register(&desk, "anna@example.org").await;
    for email in ["anna@example.org", "nobody@example.org"] {
        ask(&desk, "verify/email/send", json!({"email": email})).await.refused(503, "not-configured");
        ask(&desk, "password/reset/request", json!({"email": email})).await.refused(503, "not-configured");
    }
    assert_eq!(desk.count("select count(*) from identity.verification_codes").await, 0);
    desk.close().await;
}

#[tokio::test]
async fn what_proves_nothing_any_more_is_forgotten_after_a_day() {
    let post = Post::open().await;
    register(&post.desk, "anna@example.org").await;
    post.request("verify/email/send", json!({"email": "anna@example.org"})).await;
    post.wait().await;
    post.request("password/reset/request", json!({"email": "anna@example.org"})).await;
    let kept = "select (select count(*) from identity.verification_codes) + \
                (select count(*) from identity.password_reset_tokens) + (select count(*) from identity.user_tokens)";
    assert_eq!(post.desk.count(kept).await, 3);
    for table in [
        "update identity.verification_codes set expires_at = now() - interval '25 hours'",
        "update identity.password_reset_tokens set expires_at = now() - interval '25 hours'",
        "update identity.user_tokens set expires_at = now() - interval '25 hours'",
    ] {
        post.desk.run(table).await;
    }
    until(async || post.desk.count(kept).await == 0).await;
    assert_eq!(post.desk.count("select count(*) from identity.users").await, 1);
    post.desk.close().await;
}
