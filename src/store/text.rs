//! What the shop writes to its customers, in Russian and in English.

use chrono::{Datelike, NaiveDate};

use super::money::Amount;
use super::state::Template;

/// The language of a message: `ru` or `en`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tongue {
    Russian,
    English,
}

impl Tongue {
    /// What the customer is known to read; else Russian for the numbers of Russia, Kazakhstan (+7) and Belarus (+375).
    pub(crate) fn of(known: Option<&str>, phone: &str) -> Self {
        match known {
            Some("ru") => Self::Russian,
            Some("en") => Self::English,
            _ if phone.starts_with("+7") || phone.starts_with("+375") => Self::Russian,
            _ => Self::English,
        }
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Russian => "ru",
            Self::English => "en",
        }
    }
}

/// What a message tells of.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) order_number: &'a str,
    pub(crate) total: Amount,
    pub(crate) currency: &'a str,
    pub(crate) expected_on: Option<NaiveDate>,
    /// The pick-up point's address; none for a delivery to the door.
    pub(crate) pickup: Option<&'a str>,
    pub(crate) pay_url: Option<&'a str>,
}

/// What the store writes to a user about their account; both hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    VerificationCode,
    PasswordReset,
}

impl Notice {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::VerificationCode, Self::PasswordReset];

    /// The name in the outbox.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::VerificationCode => "verification_code",
            Self::PasswordReset => "password_reset",
        }
    }
}

/// Whether messages of this template hold a secret: they are not logged, and not kept once they have left.
pub(crate) fn is_secret(template: &str) -> bool {
    Notice::ALL.iter().any(|notice| notice.name() == template)
}

/// The subject line and the text of a message about an account, with its code or token.
pub(crate) fn notice(notice: Notice, tongue: Tongue, secret: &str) -> (String, String) {
    match (notice, tongue) {
        (Notice::VerificationCode, Tongue::Russian) => (
            "Код подтверждения".to_owned(),
            format!("Код подтверждения: {secret}\nДействует 10 минут. Никому его не сообщайте."),
        ),
        (Notice::VerificationCode, Tongue::English) => (
            "Confirmation code".to_owned(),
            format!("Confirmation code: {secret}\nIt is good for 10 minutes. Do not tell it to anybody."),
        ),
        (Notice::PasswordReset, Tongue::Russian) => (
            "Новый пароль".to_owned(),
            format!(
                "Код для нового пароля: {secret}\nДействует 1 час. Если вы не просили о новом пароле, ничего не делайте."
            ),
        ),
        (Notice::PasswordReset, Tongue::English) => (
            "New password".to_owned(),
            format!(
                "Code for a new password: {secret}\nIt is good for 1 hour. If you have not asked for a new password, do nothing."
            ),
        ),
    }
}

/// The subject line and the text of a message about an order.
pub(crate) fn compose(template: Template, tongue: Tongue, order: &Subject<'_>) -> (String, String) {
    let number = order.order_number;
    let total = amount(order.total, order.currency, tongue);
    let expected = order.expected_on.map_or_else(String::new, |day| match (tongue, order.pickup) {
        (Tongue::Russian, None) => format!(" Доставка до {}.", date(day, tongue)),
        (Tongue::Russian, Some(place)) => format!(" Можно забрать с {}: {place}.", date(day, tongue)),
        (Tongue::English, None) => format!(" Delivery by {}.", date(day, tongue)),
        (Tongue::English, Some(place)) => format!(" Ready from {}: {place}.", date(day, tongue)),
    });
    let link = order.pay_url.unwrap_or_default();
    match (template, tongue) {
        (Template::Created, Tongue::Russian) => (
            format!("Заказ {number} принят"),
            format!("Заказ {number} принят. Сумма {}{expected}", stop(&total)),
        ),
        (Template::Created, Tongue::English) => (
            format!("Order {number} is confirmed"),
            format!("Order {number} is confirmed. Total {}{expected}", stop(&total)),
        ),
        (Template::PaymentLink, Tongue::Russian) => (
            format!("Заказ {number} ждёт оплаты"),
            format!(
                "Заказ {number} принят. К оплате {total}: {link}{expected}",
                expected = after_link(&expected)
            ),
        ),
        (Template::PaymentLink, Tongue::English) => (
            format!("Order {number} awaits payment"),
            format!(
                "Order {number} is confirmed. To pay {total}: {link}{expected}",
                expected = after_link(&expected)
            ),
        ),
        (Template::Paid, Tongue::Russian) => {
            (format!("Заказ {number} оплачен"), format!("Заказ {number} оплачен: {}", stop(&total)))
        }
        (Template::Paid, Tongue::English) => {
            (format!("Order {number} is paid"), format!("Order {number} is paid: {}", stop(&total)))
        }
        (Template::Confirmed, Tongue::Russian) => (
            format!("Заказ {number} подтверждён"),
            format!("Заказ {number} подтверждён, мы его собираем.{expected}"),
        ),
        (Template::Confirmed, Tongue::English) => (
            format!("Order {number} is accepted"),
            format!("Order {number} is accepted and being prepared.{expected}"),
        ),
        (Template::Cancelled, Tongue::Russian) => {
            (format!("Заказ {number} отменён"), format!("Заказ {number} отменён."))
        }
        (Template::Cancelled, Tongue::English) => {
            (format!("Order {number} is cancelled"), format!("Order {number} is cancelled."))
        }
    }
}

/// Ends a sentence; the full stop of `руб.` does it already.
fn stop(sentence: &str) -> String {
    if sentence.ends_with('.') { sentence.to_owned() } else { format!("{sentence}.") }
}

/// A link ends at a space or a line; a full stop after it would become part of it.
fn after_link(sentence: &str) -> String {
    if sentence.is_empty() { String::new() } else { format!("\n{}", sentence.trim_start()) }
}

/// `35 960 руб.` and `35 960,50 руб.`; `35,960.50 RUB` in English.
pub(crate) fn amount(total: Amount, currency: &str, tongue: Tongue) -> String {
    let text = total.to_string();
    let (units, cents) = text.split_once('.').unwrap_or((&text, "00"));
    let mark = if tongue == Tongue::Russian { '\u{a0}' } else { ',' };
    let mut grouped = String::new();
    for (n, digit) in units.chars().enumerate() {
        if n > 0 && (units.len() - n).is_multiple_of(3) {
            grouped.push(mark);
        }
        grouped.push(digit);
    }
    match (tongue, currency) {
        (Tongue::Russian, "RUB") if cents == "00" => format!("{grouped} руб."),
        (Tongue::Russian, "RUB") => format!("{grouped},{cents} руб."),
        (Tongue::Russian, _) => format!("{grouped},{cents} {currency}"),
        (Tongue::English, _) => format!("{grouped}.{cents} {currency}"),
    }
}

/// `16.02.2026`; `16 February 2026` in English, where 02.03 would be two different days.
pub(crate) fn date(day: NaiveDate, tongue: Tongue) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    match tongue {
        Tongue::Russian => day.format("%d.%m.%Y").to_string(),
        Tongue::English => {
            let month = MONTHS.get(day.month0() as usize).copied().unwrap_or_default();
            format!("{} {month} {}", day.day(), day.year())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stands_in_its_message_and_not_in_the_subject_line() {
        for (about, tongue) in
            Notice::ALL.into_iter().flat_map(|n| [(n, Tongue::Russian), (n, Tongue::English)])
        {
            let (subject, text) = notice(about, tongue, "123456");
            assert!(text.contains(": 123456\n") && !subject.contains("123456"), "{text}");
            assert!(is_secret(about.name()) && !is_secret(Template::Created.name()));
        }
    }

    fn subject() -> Subject<'static> {
        Subject {
            order_number: "ORD-20260214-4521",
            total: Amount(3_596_000),
            currency: "RUB",
            expected_on: NaiveDate::from_ymd_opt(2026, 2, 16),
            pickup: None,
            pay_url: None,
        }
    }

    #[test]
    fn a_confirmation_names_number_sum_and_day() {
        let (_, russian) = compose(Template::Created, Tongue::Russian, &subject());
        assert_eq!(russian, "Заказ ORD-20260214-4521 принят. Сумма 35\u{a0}960 руб. Доставка до 16.02.2026.");
        let (_, english) = compose(Template::Created, Tongue::English, &subject());
        assert_eq!(
            english,
            "Order ORD-20260214-4521 is confirmed. Total 35,960.00 RUB. Delivery by 16 February 2026."
        );
    }

    #[test]
    fn a_pay_link_is_followed_by_a_line_break() {
        let order =
            Subject { pay_url: Some("https://pay.example/1"), pickup: Some("Ленина, 5"), ..subject() };
        let (_, text) = compose(Template::PaymentLink, Tongue::Russian, &order);
        assert!(text.ends_with(": https://pay.example/1\nМожно забрать с 16.02.2026: Ленина, 5."), "{text}");
    }

    #[test]
    fn the_language_is_the_customers_or_that_of_the_number() {
        assert_eq!(Tongue::of(None, "+375291234567"), Tongue::Russian);
        assert_eq!(Tongue::of(None, "+12025550143"), Tongue::English);
        assert_eq!(Tongue::of(Some("en"), "+79161234567"), Tongue::English);
    }
}
