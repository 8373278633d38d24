//! Goods, amounts, places and questions in words.

use crate::language::{self, Language, Noun};
use crate::orders::{Money, Product};

use super::policy::LISTED;
use super::question::Question;
use super::state::{State, View};

pub(super) fn money(amount: Money, language: Language) -> String {
    language::money(amount.minor, amount.currency.code(), language)
}

/// A price as it is told in a list: without its currency, and in Russian without the word for thousands where hundreds
/// follow ("восемь девятьсот девяносто").
fn short_price(amount: Money, language: Language) -> String {
    let (whole, cents) = (amount.minor / 100, amount.minor % 100);
    let Some(whole) = u64::try_from(whole).ok().filter(|n| cents == 0 && *n >= 100) else {
        return money(amount, language);
    };
    match language {
        Language::Russian if (1_100..100_000).contains(&whole) && whole % 1000 >= 100 => {
            let thousands = language::cardinal(whole / 1000, language);
            format!("{thousands} {}", language::cardinal(whole % 1000, language))
        }
        _ => language::cardinal(whole, language),
    }
}

pub(super) fn pieces(count: u32, language: Language) -> String {
    language::count(u64::from(count), Noun::Piece, language)
}

/// `первый`, `the first`: the place in a list that is told.
pub(super) fn place(n: usize, language: Language) -> String {
    let n = u64::try_from(n).unwrap_or_default();
    let word = language::ordinal(n, language::Gender::Masculine, language);
    match language {
        Language::Russian => word,
        Language::English => format!("the {word}"),
    }
}

/// What tells these products apart: their names without the words that all of them share.
pub(super) fn distinct_names(products: &[&Product], view: &View<'_>) -> Vec<String> {
    let names: Vec<Vec<&str>> =
        products.iter().map(|p| view.shop.name(p, view.language).split_whitespace().collect()).collect();
    let shared =
        |word: &str| names.iter().all(|name| name.iter().any(|w| w.to_lowercase() == word.to_lowercase()));
    let without = |keep: fn(&str) -> bool| -> Vec<String> {
        let left = |name: &Vec<&str>| {
            name.iter().filter(|w| keep(w) || !shared(w)).copied().collect::<Vec<_>>().join(" ")
        };
        names.iter().map(left).collect()
    };
    if products.len() < 2 {
        return names.iter().map(|name| name.join(" ")).collect();
    }
    let apart = without(|_| false);
    if apart.iter().all(|name| !language::text::words(name).is_empty()) {
        return apart;
    }
    // One of them has nothing of its own ("зимняя", "зимняя шипованная"): then only the shared sizes go.
    without(|word| !word.chars().any(|c| c.is_ascii_digit()))
}

/// A store's summary of goods with the products' names in the caller's language, where the catalogue has them.
pub(super) fn in_language(items: &str, view: &View<'_>) -> String {
    let mut said = items.to_owned();
    let known = view.products.iter().chain(&view.shop.products);
    let mut names: Vec<(&str, &str)> = known
        .filter(|p| items.contains(p.name.as_str()))
        .map(|p| (p.name.as_str(), view.shop.name(p, view.language)))
        .filter(|(name, own)| name != own)
        .collect();
    // The longer first: one name may stand within another.
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    for (name, own) in names {
        if said.contains(name) {
            said = said.replace(name, own);
        }
    }
    said
}

impl State {
    /// Several products with their prices.
    pub(super) fn listing(&self, view: &View<'_>, products: &[&Product], all: usize) -> String {
        let list: Vec<String> = products
            .iter()
            .zip(distinct_names(products, view))
            .zip(1..)
            .map(|((product, name), n)| {
                let (place, price) = (place(n, view.language), short_price(product.price, view.language));
                let variables =
                    [("place", place.as_str()), ("name", name.as_str()), ("price", price.as_str())];
                view.messages.say("listed-item", view.language, &variables)
            })
            .collect();
        let count = language::count(all as u64, Noun::Variant, view.language);
        let id = if all == products.len() { "listed" } else { "listed-some" };
        view.messages.say(id, view.language, &[("count", &count), ("list", &list.join("; "))])
    }

    /// A question in words, the first time or again.
    pub(super) fn words(&self, view: &View<'_>, question: &Question, again: bool) -> String {
        let language = view.language;
        let mut variables: Vec<(&str, String)> = Vec::new();
        let id = match question {
            Question::Open => "q-open",
            Question::Goods => "q-goods",
            Question::Attribute { key } => {
                let attribute = view.shop.profile.attributes.iter().find(|a| a.key == *key);
                let ask = attribute.map_or("", |a| a.ask.get(language));
                if ask.is_empty() {
                    "q-goods"
                } else {
                    variables.push(("ask", ask.to_owned()));
                    "q-attribute"
                }
            }
            Question::Choice => {
                variables.push(("places", places(self.told.len(), language)));
                "q-choice"
            }
            Question::OrderIt => "q-order-it",
            Question::Quantity => {
                let line = self.line();
                let stock =
                    line.and_then(|l| l.product).and_then(|id| view.product(id)).map_or(0, |p| p.stock);
                match line.and_then(|l| l.quantity) {
                    Some(quantity) if quantity > stock && stock > 0 => {
                        variables.push(("count", pieces(stock, language)));
                        "q-stock"
                    }
                    _ => "q-quantity",
                }
            }
            Question::Method => "q-method",
            Question::City => "q-city",
            Question::Street => "q-street",
            Question::House => "q-house",
            Question::Point => {
                variables.push(("places", places(self.points_here(view).len().min(LISTED + 1), language)));
                "q-point"
            }
            Question::Payment => "q-payment",
            Question::Name => "q-name",
            Question::Extra { slot } => {
                let extra = view.shop.profile.extras.iter().find(|extra| extra.slot == *slot);
                variables.push(("ask", extra.map_or("", |e| e.ask.get(language)).to_owned()));
                "q-extra"
            }
            Question::WhichOrder => {
                variables.push(("places", places(self.orders.len().min(LISTED), language)));
                "q-which-order"
            }
            Question::Change | Question::ReadBack | Question::Twin => "q-change",
            Question::Person => "q-person",
            Question::Retry => "q-retry",
            Question::Phone | Question::Code => "q-open",
        };
        let variables: Vec<(&str, &str)> = variables.iter().map(|(k, v)| (*k, v.as_str())).collect();
        if again {
            view.messages.again(id, language, &variables)
        } else {
            view.messages.say(id, language, &variables)
        }
    }
}

/// "Первый, второй или третий?"
fn places(count: usize, language: Language) -> String {
    let words: Vec<String> = (1..=count).map(|n| place(n, language)).collect();
    let or = match language {
        Language::Russian => " или ",
        Language::English => " or ",
    };
    let text = match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{}{or}{last}?", rest.join(", ")),
        Some((last, _)) => format!("{last}?"),
        None => String::new(),
    };
    capitalised(&text)
}

pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}
