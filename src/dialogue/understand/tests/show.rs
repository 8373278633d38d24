//! Acts as short lines for tables.

use super::super::super::act::*;

pub(super) fn show(act: &Act) -> String {
    match act {
        Act::Goods { goods } => {
            let mut out = name(&format!("{:?}", goods.mode));
            if let Some(amount) = goods.amount {
                out += &format!(" {}", amount_of(amount));
            }
            out += &describe(&goods.what);
            if let Some(instead) = &goods.instead_of {
                out += &format!(" instead({})", describe(instead).trim());
            }
            out
        }
        Act::Remove { what } => format!("remove{}", describe(what)),
        Act::Choose { choice } => match choice {
            Choice::Nth(n) => format!("choose {n}"),
            Choice::Price(minor) => format!("choose price {}", minor / 100),
            other => format!("choose {}", name(&format!("{other:?}"))),
        },
        Act::Amount { amount } => format!("amount {}", amount_of(*amount)),
        Act::Method { method } => name(&format!("{method:?}")),
        Act::Any => "any".to_owned(),
        Act::City { city } => format!("city {city}"),
        Act::Address { part } => {
            let parts = [
                ("street", &part.street),
                ("house", &part.house),
                ("block", &part.block),
                ("entrance", &part.entrance),
                ("floor", &part.floor),
                ("flat", &part.flat),
            ];
            let said =
                parts.iter().filter_map(|(key, value)| value.as_ref().map(|value| format!("{key}={value}")));
            format!("address {}", said.collect::<Vec<_>>().join("; "))
        }
        Act::Payment { method } => match method {
            crate::orders::PaymentMethod::CashOnDelivery => "pay cash".to_owned(),
            crate::orders::PaymentMethod::CardOnDelivery => "pay card".to_owned(),
            crate::orders::PaymentMethod::Online => "pay online".to_owned(),
        },
        Act::OtherPayment => "otherpay".to_owned(),
        Act::Name { name } => format!("name {name}"),
        Act::Withhold => "withhold".to_owned(),
        Act::Phone { digits } => format!("phone {digits}"),
        Act::Code { digits } => format!("code {digits}"),
        Act::Extra { slot, value } => format!("extra {slot}: {value}"),
        Act::Affirm => "yes".to_owned(),
        Act::Deny => "no".to_owned(),
        Act::WantsToOrder => "wants".to_owned(),
        Act::Ask { topic } => match topic {
            Topic::Everyday { key } => format!("ask everyday {key}"),
            Topic::DeliveryTerms => "ask delivery".to_owned(),
            Topic::CanCancel => "ask can_cancel".to_owned(),
            other => format!("ask {}", name(&format!("{other:?}"))),
        },
        Act::Status { number } => numbered("status", number.as_deref()),
        Act::Cancel => "cancel".to_owned(),
        Act::ChangePlaced { number } => numbered("placed", number.as_deref()),
        Act::Change { target } => format!("change {}", name(&format!("{target:?}"))),
        Act::StartOver => "restart".to_owned(),
        Act::SameAsLast => "as_last".to_owned(),
        Act::Repeat => "repeat".to_owned(),
        Act::Slower => "slower".to_owned(),
        Act::Wait => "wait".to_owned(),
        Act::Person => "person".to_owned(),
        Act::Greet => "greet".to_owned(),
        Act::Thanks => "thanks".to_owned(),
        Act::Goodbye => "bye".to_owned(),
        Act::Enough => "enough".to_owned(),
        Act::Complain => "complain".to_owned(),
        Act::CardNumber => "card".to_owned(),
    }
}

fn name(debug: &str) -> String {
    debug.to_lowercase()
}

fn numbered(word: &str, number: Option<&str>) -> String {
    number.map_or_else(|| word.to_owned(), |number| format!("{word} {number}"))
}

fn amount_of(amount: Amount) -> String {
    match amount {
        Amount::Exactly(n) => n.to_string(),
        Amount::More(n) => format!("+{n}"),
        Amount::Fewer(n) => format!("-{n}"),
    }
}

fn describe(what: &Description) -> String {
    let mut out = String::new();
    let sorted = |terms: &[Term], sign: &str| {
        let mut said: Vec<String> =
            terms.iter().map(|term| format!(" {sign}{}={}", term.key, term.value)).collect();
        said.sort();
        said.concat()
    };
    out += &sorted(&what.with, "");
    out += &sorted(&what.without, "-");
    for word in &what.unknown {
        out += &format!(" ?{word}");
    }
    for key in &what.same {
        out += &format!(" same={key}");
    }
    if let Some(minor) = what.price_max {
        out += &format!(" <={}", minor / 100);
    }
    if let Some(minor) = what.price_min {
        out += &format!(" >={}", minor / 100);
    }
    if let Some(extreme) = what.extreme {
        out += &format!(" {}", name(&format!("{extreme:?}")));
    }
    if let Some(nth) = what.nth {
        out += &format!(" nth={nth}");
    }
    out
}
