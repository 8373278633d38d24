//! The pool's page in a real browser: two managers, live news, two languages, no scripts.

use orderline::store::Role;
use serde_json::{Value, json};

use crate::browser::{Browser, Browsers};
use crate::desk::Desk;
use crate::staff::{Worker, hire, open_with, website};

/// A shop in whose pool orders of three kinds wait.
async fn shop() -> Desk {
    open_with(|settings| settings.crm.pool_sources = vec!["website".into(), "ai_agent".into()]).await
}

async fn sign_in(browser: &Browser<'_>, desk: &Desk, manager: &Worker) {
    browser.go(&format!("{}/crm/pool", desk.base)).await;
    // Whoever has not signed in comes to the door first.
    browser.wait_for("input#token", |_| true).await;
    assert!(browser.address().await.ends_with("/crm/pool/sign-in"));
    browser.fill("input#token", &manager.token).await;
    browser.click("button.take").await;
    browser.wait_for(".who .name", |name| name == manager.name).await;
}

async fn order(desk: &Desk, customer: &str) -> Value {
    let body = json!({
        "customerName": customer, "customerPhone": "+375291234567",
        "items": [{"name": "Визитки, 100 шт", "quantity": 3, "price": "35.50"}],
    });
    website(desk, body).await.expect(201)
}

fn card(order: &Value) -> String {
    format!("[data-key='website-{}']", order["id"])
}

#[tokio::test]
#[ignore = "needs a real browser: CI=true make test"]
async fn of_two_managers_who_press_take_at_once_one_has_the_order_and_the_other_sees_who() {
    let browsers = Browsers::ready().await;
    let desk = shop().await;
    let (anna, boris) = (hire(&desk, Role::Manager, "Анна").await, hire(&desk, Role::Manager, "Борис").await);
    let (left, right) =
        tokio::join!(browsers.open("left", "ru-RU", true), browsers.open("right", "en-US", true));
    tokio::join!(sign_in(&left, &desk, &anna), sign_in(&right, &desk, &boris));
    // Five rounds: each begins with an order that comes while both look at their pages.
    for round in 0..5 {
        let order = order(&desk, &format!("Покупатель {round}")).await;
        let button = format!(".waiting {} button.take", card(&order));
        tokio::join!(
            left.wait_for(&button, |text| text == "Взять"),
            right.wait_for(&button, |text| text == "Take")
        );
        tokio::join!(left.click(&button), right.click(&button));
        let number = order["orderNumber"].as_str().unwrap();
        let said = |text: &str| text.contains(number);
        let (russian, english) =
            tokio::join!(left.wait_for(".notice", said), right.wait_for(".notice", said));
        let (name,): (String,) = sqlx::query_as(
            "select p.user_name from crm.user_order_page_orders o join crm.user_order_pages p on p.id = o.page_id \
             join orders.orders r on r.id = o.order_id where r.seq = $1",
        )
        .bind(order["id"].as_i64())
        .fetch_one(&desk.pool)
        .await
        .unwrap();
        if name == "Анна" {
            assert!(russian.contains("на вашей странице"), "{russian}");
            assert!(english.contains("Another manager has taken it: Анна"), "{english}");
        } else {
            assert!(english.contains("is on your page now"), "{english}");
            assert!(russian.contains("взял другой менеджер: Борис"), "{russian}");
        }
        // Neither page offers it any more; both show with whom it is.
        for browser in [&left, &right] {
            browser.wait_for(&format!(".working {} .assignee", card(&order)), |_| true).await;
            assert_eq!(browser.text(&button).await, None);
        }
    }
    left.picture("taken-ru").await;
    right.picture("taken-en").await;
    assert_eq!(desk.count("select count(*) from crm.user_order_page_orders").await, 5);
    tokio::join!(left.close(), right.close());
    desk.close().await;
}

#[tokio::test]
#[ignore = "needs a real browser: CI=true make test"]
async fn a_new_order_appears_by_itself_in_both_languages() {
    let browsers = Browsers::ready().await;
    let desk = shop().await;
    let anna = hire(&desk, Role::Manager, "Анна").await;
    let browser = browsers.open("one", "ru-RU", true).await;
    sign_in(&browser, &desk, &anna).await;
    assert_eq!(browser.text("h1").await.unwrap(), "Пул заказов");
    browser.wait_for("#live", |text| text == "обновляется само").await;
    browser.run("window.mark = 'the same page'").await;
    let first = order(&desk, "Анна <b>Ивановна</b>").await;
    let card_text = browser.wait_for(&format!(".waiting {}", card(&first)), |_| true).await;
    for part in
        ["Сайт", "Анна <b>Ивановна</b>", "+375291234567", "Визитки, 100 шт × 3", "106,50 руб.", "Взять"]
    {
        assert!(card_text.contains(part), "{part} in {card_text}");
    }
    assert_eq!(browser.run("return window.mark").await, "the same page");
    assert_eq!(browser.run("return document.title").await, "(1) Пул заказов");

    // An order from the telephone and a photograph, and the page in English.
    browser.click(".languages a").await;
    browser.wait_for("h1", |text| text == "Order pool").await;
    browser.wait_for("#live", |text| text == "updates by itself").await;
    browser.run("window.mark = 'the same page'").await;
    let id = desk.ready("+79161234567").await;
    desk.confirm(&id).await.expect(200);
    let bot = hire(&desk, Role::Service, "bot").await;
    let photo =
        json!({"telegramUser": "@vera", "photoUrl": "https://files.example/1.jpg", "caption": "как на фото"});
    let photo = bot.post(&desk, "/api/photo-orders", photo).await.expect(201);
    let card_text = browser.wait_for("[data-key^='phone-']", |_| true).await;
    for part in ["Phone", "Нокиан зимняя 205/55 R16 × 4", "Take"] {
        assert!(card_text.contains(part), "{part} in {card_text}");
    }
    let card_text = browser.wait_for(&format!("[data-key='telegram-{}']", photo["orderId"]), |_| true).await;
    for part in ["Photo order", "Telegram", "@vera", "как на фото", "Open the photo"] {
        assert!(card_text.contains(part), "{part} in {card_text}");
    }
    assert_eq!(browser.run("return window.mark").await, "the same page");
    browser.picture("waiting-en").await;

    // Only the telephone's.
    browser.click(".filter a[href$='source=ai_agent']").await;
    browser.wait_for(".waiting .count", |count| count == "1").await;
    assert_eq!(browser.text(&card(&first)).await, None);
    browser.click(".who button").await;
    browser.wait_for("input#token", |_| true).await;
    browser.picture("door-en").await;
    browser.fill("input#token", "olt_guess").await;
    browser.click("button.take").await;
    browser.wait_for(".notice.bad", |text| text == "There is no such key, or it has expired.").await;
    browser.close().await;
    desk.close().await;
}

#[tokio::test]
#[ignore = "needs a real browser: CI=true make test"]
async fn the_page_works_without_scripts() {
    let browsers = Browsers::ready().await;
    let desk = shop().await;
    let (anna, boris) = (hire(&desk, Role::Manager, "Анна").await, hire(&desk, Role::Manager, "Борис").await);
    let (mine, theirs) = (order(&desk, "Вера").await, order(&desk, "Глеб").await);
    let browser = browsers.open("plain", "ru-RU", false).await;
    sign_in(&browser, &desk, &anna).await;
    assert_eq!(browser.text("#live").await.as_deref(), Some(""), "scripts do not run here");
    browser.click(&format!("{} button.take", card(&mine))).await;
    browser.wait_for(".notice.good", |text| text.contains("на вашей странице")).await;
    assert!(browser.text(&format!(".working {}", card(&mine))).await.unwrap().contains("У кого: Вы"));
    // Taken by another while this page showed it as free.
    boris.take(&desk, "website", &theirs["id"]).await.expect(200);
    browser.click(&format!("{} button.take", card(&theirs))).await;
    browser.wait_for(".notice.bad .holder", |text| text == "Борис").await;
    browser.picture("plain-ru").await;
    browser.close().await;
    desk.close().await;
}
