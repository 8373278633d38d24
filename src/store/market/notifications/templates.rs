//! The templates and the variables that each of them takes.

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::Tongue;
use crate::store::money::Amount;
use crate::store::problem::{Code, Part, Problem};
use crate::store::state::Template;
use crate::store::text::{self, Notice, Subject};

/// A message in the words in which it leaves.
pub(super) struct Written {
    pub(super) template: &'static str,
    pub(super) tongue: Tongue,
    pub(super) subject: String,
    pub(super) body: String,
}

masked!(Written);

/// What the shop writes about an order; its own messages use them too.
const ABOUT_ORDERS: [Template; 5] =
    [Template::Created, Template::PaymentLink, Template::Paid, Template::Confirmed, Template::Cancelled];

/// Fills a template.
///
/// # Errors
/// `unknown-template`; `invalid-request` with the variable that is missing, unknown or wrong.
pub(super) fn write(name: &str, variables: &Map<String, Value>, recipient: &str) -> Result<Written, Problem> {
    let mut given = Variables { left: variables.iter().collect() };
    let tongue = match given.text("language", 2)? {
        None => Tongue::of(None, recipient),
        Some("ru") => Tongue::Russian,
        Some("en") => Tongue::English,
        Some(_) => return Err(wrong("language", "expected ru or en")),
    };
    if let Some(notice) = Notice::ALL.into_iter().find(|notice| notice.name() == name) {
        let secret = match notice {
            Notice::VerificationCode => given.needed("code", 16)?,
            Notice::PasswordReset => given.needed("token", 200)?,
        };
        given.nothing_more()?;
        let (subject, body) = text::notice(notice, tongue, secret);
        return Ok(Written { template: notice.name(), tongue, subject, body });
    }
    let Some(template) = ABOUT_ORDERS.into_iter().find(|template| template.name() == name) else {
        return Err(unknown_template());
    };
    let order_number = given.needed("orderNumber", 64)?;
    let has_total = matches!(template, Template::Created | Template::PaymentLink | Template::Paid);
    let (total, currency) =
        if has_total { (given.amount("total")?, given.currency("currency")?) } else { (Amount(0), "") };
    let pay_url = if template == Template::PaymentLink { Some(given.link("payUrl")?) } else { None };
    let has_day = matches!(template, Template::Created | Template::PaymentLink | Template::Confirmed);
    let expected_on = if has_day { given.day("estimatedDelivery")? } else { None };
    let pickup = if has_day { given.text("pickupPoint", 300)? } else { None };
    given.nothing_more()?;
    let order = Subject { order_number, total, currency, expected_on, pickup, pay_url };
    let (subject, body) = text::compose(template, tongue, &order);
    Ok(Written { template: template.name(), tongue, subject, body })
}

fn unknown_template() -> Problem {
    let known = ABOUT_ORDERS.map(Template::name).into_iter().chain(Notice::ALL.map(Notice::name));
    let message = format!("expected one of {}", known.collect::<Vec<_>>().join(", "));
    let part = Part {
        pointer: "/template".to_owned(),
        code: "unknown-template",
        message: message.clone(),
        ..Part::default()
    };
    Problem::new(Code::UnknownTemplate, format!("/template: {message}")).with_parts(vec![part])
}

fn wrong(name: &str, message: impl Into<String>) -> Problem {
    Problem::field(&format!("/variables/{}", name.replace('~', "~0").replace('/', "~1")), message)
}

/// The variables that have not been asked for yet.
struct Variables<'a> {
    left: std::collections::BTreeMap<&'a String, &'a Value>,
}

impl<'a> Variables<'a> {
    fn take(&mut self, name: &str) -> Option<&'a Value> {
        let (name, value) =
            self.left.iter().find(|(given, _)| given.as_str() == name).map(|(n, v)| (*n, *v))?;
        self.left.remove(name);
        Some(value).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str, most: usize) -> Result<Option<&'a str>, Problem> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let text = value.as_str().filter(|text| {
            // One line: a text that goes into a message does not begin a new one.
            (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        });
        let message = || format!("expected a text of 1 to {most} characters without control characters");
        text.map(Some).ok_or_else(|| wrong(name, message()))
    }

    fn needed(&mut self, name: &str, most: usize) -> Result<&'a str, Problem> {
        self.text(name, most)?.ok_or_else(|| wrong(name, "expected this variable, found none"))
    }

    fn amount(&mut self, name: &str) -> Result<Amount, Problem> {
        let value = self.take(name).ok_or_else(|| wrong(name, "expected this variable, found none"))?;
        serde_json::from_value(value.clone())
            .map_err(|_| wrong(name, "expected an amount such as \"7490.00\""))
    }

    fn currency(&mut self, name: &str) -> Result<&'a str, Problem> {
        let code = self.needed(name, 3)?;
        let good = code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
        good.then_some(code).ok_or_else(|| wrong(name, "expected an ISO 4217 code such as RUB"))
    }

    fn link(&mut self, name: &str) -> Result<&'a str, Problem> {
        let link = self.needed(name, 500)?;
        let good = url::Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        good.then_some(link).ok_or_else(|| wrong(name, "expected an http or https address"))
    }

    fn day(&mut self, name: &str) -> Result<Option<NaiveDate>, Problem> {
        let Some(text) = self.text(name, 10)? else { return Ok(None) };
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d");
        day.map(Some).map_err(|_| wrong(name, "expected a day such as 2026-02-16"))
    }

    /// Refuses what the template does not take: a name that is misspelt would else be a gap in the text.
    fn nothing_more(self) -> Result<(), Problem> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => {
                let shown: String = name.chars().take(64).collect();
                Err(wrong(&shown, "expected no variable of this name in this template"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn fill(template: &str, variables: Value) -> Result<Written, Problem> {
        write(template, variables.as_object().unwrap(), "+79161234567")
    }

    #[test]
    fn every_template_is_filled_in_both_languages() {
        let order = json!({"orderNumber": "ORD-1", "total": 1500, "currency": "RUB", "estimatedDelivery": "2026-02-16"});
        let with = |more: Value| {
            let mut all = order.clone();
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        for (template, variables, russian, english) in [
            (
                "order_created",
                order.clone(),
                "Заказ ORD-1 принят. Сумма 1\u{a0}500 руб.",
                "Order ORD-1 is confirmed.",
            ),
            (
                "order_payment_link",
                with(json!({"payUrl": "https://pay.example/1"})),
                "https://pay.example/1",
                "To pay",
            ),
            (
                "order_confirmed",
                json!({"orderNumber": "ORD-1", "pickupPoint": "Ленина, 5"}),
                "подтверждён",
                "accepted",
            ),
            (
                "order_paid",
                json!({"orderNumber": "ORD-1", "total": "10.50", "currency": "BYN"}),
                "10,50 BYN",
                "10.50 BYN",
            ),
            ("order_cancelled", json!({"orderNumber": "ORD-1"}), "отменён", "cancelled"),
            ("verification_code", json!({"code": "123456"}), "Код подтверждения: 123456", "code: 123456"),
            ("password_reset", json!({"token": "t"}), "пароля: t", "password: t"),
        ] {
            for (language, expected) in [(Some("ru"), russian), (Some("en"), english), (None, russian)] {
                let mut variables = variables.clone();
                variables["language"] = json!(language);
                let written = fill(template, variables).unwrap();
                assert!(written.body.contains(expected), "{}", written.body);
                assert_eq!(written.template, template);
            }
        }
    }

    #[test]
    fn a_variable_that_is_missing_unknown_or_wrong_is_named() {
        let good = json!({"orderNumber": "ORD-1", "total": "1", "currency": "RUB", "payUrl": "https://pay.example/1"});
        for (name, value) in [
            ("orderNumber", json!(null)),
            ("orderNumber", json!("")),
            ("orderNumber", json!("a\nb")),
            ("orderNumber", json!("a\u{0}b")),
            ("orderNumber", json!("x".repeat(10_000))),
            ("orderNumber", json!(["a"])),
            ("total", json!(null)),
            ("total", json!("1.005")),
            ("total", json!(-1)),
            ("currency", json!("rub")),
            ("payUrl", json!("javascript:alert(1)")),
            ("payUrl", json!("nonsense")),
            ("estimatedDelivery", json!("16.02.2026")),
            ("language", json!("de")),
            ("orderNumbr", json!("ORD-1")),
        ] {
            let mut variables = good.clone();
            variables[name] = value;
            let problem = fill("order_payment_link", variables).unwrap_err();
            let document: Value = serde_json::from_slice(&problem.body("/", "")).unwrap();
            assert_eq!(document["errors"][0]["pointer"], format!("/variables/{name}"), "{document}");
        }
        assert_eq!(fill("order_lost", good).unwrap_err().code, Code::UnknownTemplate);
    }
}
