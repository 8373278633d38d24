//! What the page says, in Russian and in English.

use axum::http::{HeaderMap, header};

use super::session::{LANGUAGE, cookie};
use crate::store::text::Tongue;

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) lang: &'static str,
    pub(super) title: &'static str,
    pub(super) other_language: (&'static str, &'static str),
    pub(super) waiting: &'static str,
    pub(super) working: &'static str,
    pub(super) finished: &'static str,
    pub(super) nothing_waits: &'static str,
    pub(super) nobody_works: &'static str,
    pub(super) nothing_finished: &'static str,
    pub(super) take: &'static str,
    pub(super) take_order: &'static str,
    pub(super) order: &'static str,
    pub(super) photo: &'static str,
    pub(super) see_photo: &'static str,
    pub(super) nameless: &'static str,
    pub(super) no_lines: &'static str,
    pub(super) with: &'static str,
    pub(super) you: &'static str,
    pub(super) page_of: &'static str,
    pub(super) planned_on: &'static str,
    pub(super) all: &'static str,
    pub(super) from: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) sign_out: &'static str,
    pub(super) token: &'static str,
    pub(super) token_hint: &'static str,
    pub(super) token_command: &'static str,
    pub(super) wrong_token: &'static str,
    pub(super) not_staff: &'static str,
    pub(super) live: &'static str,
    pub(super) lost: &'static str,
    pub(super) now_yours: &'static str,
    pub(super) has_it: &'static str,
    pub(super) waits_no_more: &'static str,
    pub(super) back: &'static str,
    pub(super) sorry: [(u16, &'static str); 4],
    pub(super) sorry_else: &'static str,
    statuses: [&'static str; 6],
    sources: [(&'static str, &'static str); 5],
}

const RUSSIAN: Words = Words {
    lang: "ru",
    title: "Пул заказов",
    other_language: ("en", "English"),
    waiting: "Ждут",
    working: "В работе",
    finished: "Завершены",
    nothing_waits: "Новых заказов нет. Появятся здесь сами.",
    nobody_works: "Никто ничего не взял.",
    nothing_finished: "Пока ничего не завершено.",
    take: "Взять",
    take_order: "Взять заказ",
    order: "Заказ",
    photo: "Фотозаказ №",
    see_photo: "Открыть фото",
    nameless: "Имя не названо",
    no_lines: "Без позиций: уточнить у покупателя",
    with: "У кого",
    you: "Вы",
    page_of: "страница за",
    planned_on: "На день",
    all: "Все",
    from: "Откуда",
    sign_in: "Войти",
    sign_out: "Выйти",
    token: "Ключ менеджера",
    token_hint: "Ключ выдаёт администратор:",
    token_command: "orderline store token --role manager --name \"Анна\"",
    wrong_token: "Такого ключа нет, или его срок истёк.",
    not_staff: "Этот ключ не менеджера.",
    live: "обновляется само",
    lost: "нет связи, пробуем снова",
    now_yours: "теперь на вашей странице.",
    has_it: "Его уже взял другой менеджер:",
    waits_no_more: "больше не ждёт. Состояние:",
    back: "К пулу заказов",
    sorry: [
        (403, "Эта форма устарела или пришла с чужой страницы. Откройте пул заново."),
        (429, "Слишком много попыток. Подождите минуту."),
        (503, "Магазин сейчас не отвечает. Попробуйте ещё раз."),
        (400, "Форма не прочиталась. Откройте пул заново."),
    ],
    sorry_else: "Не получилось. Ничего не изменилось.",
    statuses: ["Новый", "В обработке", "Отправлен", "Доставлен", "Отменён", "Ожидает оплаты"],
    sources: [
        ("website", "Сайт"),
        ("ai_agent", "Телефон"),
        ("market", "Маркетплейс"),
        ("crm", "CRM"),
        ("telegram", "Telegram"),
    ],
};

const ENGLISH: Words = Words {
    lang: "en",
    title: "Order pool",
    other_language: ("ru", "Русский"),
    waiting: "Waiting",
    working: "Being worked on",
    finished: "Completed",
    nothing_waits: "No new orders. They will appear here by themselves.",
    nobody_works: "Nobody has taken anything.",
    nothing_finished: "Nothing has been completed yet.",
    take: "Take",
    take_order: "Take order",
    order: "Order",
    photo: "Photo order no.",
    see_photo: "Open the photo",
    nameless: "No name given",
    no_lines: "No lines: ask the customer",
    with: "With",
    you: "You",
    page_of: "page of",
    planned_on: "For the day",
    all: "All",
    from: "From",
    sign_in: "Sign in",
    sign_out: "Sign out",
    token: "Manager's key",
    token_hint: "An administrator makes the key:",
    token_command: "orderline store token --role manager --name \"Anna\"",
    wrong_token: "There is no such key, or it has expired.",
    not_staff: "This key is not a manager's.",
    live: "updates by itself",
    lost: "no connection, trying again",
    now_yours: "is on your page now.",
    has_it: "Another manager has taken it:",
    waits_no_more: "does not wait any more. Status:",
    back: "To the order pool",
    sorry: [
        (403, "This form is out of date or came from another site. Open the pool again."),
        (429, "Too many attempts. Wait a minute."),
        (503, "The shop does not answer now. Try again."),
        (400, "The form could not be read. Open the pool again."),
    ],
    sorry_else: "That did not work. Nothing has changed.",
    statuses: ["New", "Processing", "Shipped", "Delivered", "Cancelled", "Awaiting payment"],
    sources: [
        ("website", "Website"),
        ("ai_agent", "Phone"),
        ("market", "Marketplace"),
        ("crm", "CRM"),
        ("telegram", "Telegram"),
    ],
};

impl Words {
    pub(super) fn of(tongue: Tongue) -> &'static Self {
        match tongue {
            Tongue::Russian => &RUSSIAN,
            Tongue::English => &ENGLISH,
        }
    }

    /// The CRM's status, 1 to 6.
    pub(super) fn status(&self, status: i16) -> &'static str {
        let place = usize::try_from(status).unwrap_or_default().wrapping_sub(1);
        self.statuses.get(place).copied().unwrap_or_default()
    }

    /// From where an order comes.
    pub(super) fn source<'a>(&self, source: &'a str) -> &'a str {
        self.sources.iter().find(|(name, _)| *name == source).map_or(source, |(_, words)| words)
    }
}

/// The language of a visitor: the one they chose, else the one of their browser; Russian for a browser that names none,
/// English for one that names others only.
pub(super) fn tongue(headers: &HeaderMap) -> Tongue {
    match cookie(headers, LANGUAGE) {
        Some("ru") => return Tongue::Russian,
        Some("en") => return Tongue::English,
        _ => {}
    }
    let Some(accepted) = headers.get(header::ACCEPT_LANGUAGE) else { return Tongue::Russian };
    let accepted = accepted.to_str().unwrap_or_default();
    let weight = |language: &str| -> u16 {
        let weights = accepted.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let primary = parts.next()?.split('-').next()?.trim();
            primary.eq_ignore_ascii_case(language).then_some(())?;
            let quality = parts.find_map(|part| part.strip_prefix("q="));
            Some(quality.map_or(1000, thousandths))
        });
        weights.max().unwrap_or_default()
    };
    if weight("ru") > weight("en") { Tongue::Russian } else { Tongue::English }
}

/// `0.8` as 800 (RFC 9110, section 12.4.2: at most three decimals); 0 for what is no quality.
fn thousandths(quality: &str) -> u16 {
    let (whole, rest) = quality.split_once('.').unwrap_or((quality, ""));
    if rest.len() > 3 || !rest.bytes().all(|b| b.is_ascii_digit()) {
        return 0;
    }
    match whole {
        "1" => 1000,
        "0" => format!("{rest:0<3}").parse().unwrap_or_default(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_browser_says_the_language_until_the_visitor_does() {
        let told = |accept: Option<&str>, cookie: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT_LANGUAGE, accept.parse().unwrap());
            }
            if let Some(language) = cookie {
                headers.insert(header::COOKIE, format!("{LANGUAGE}={language}").parse().unwrap());
            }
            tongue(&headers)
        };
        assert_eq!(told(None, None), Tongue::Russian);
        assert_eq!(told(Some("ru-RU,ru;q=0.9,en;q=0.8"), None), Tongue::Russian);
        assert_eq!(told(Some("en-GB, ru;q=0.9"), None), Tongue::English);
        assert_eq!(told(Some("de, ru;q=0.3, en;q=0.2"), None), Tongue::Russian);
        assert_eq!(told(Some("de"), None), Tongue::English);
        assert_eq!(told(Some("ru;q=9, en;q=0.001"), None), Tongue::English);
        assert_eq!(told(Some("en"), Some("ru")), Tongue::Russian);
        assert_eq!(told(Some("en"), Some("xx")), Tongue::English);
    }
}
