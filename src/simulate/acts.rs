//! What a caller can do with words: the acts of the phrase files and the slots that their phrases may name.

/// Every act that a file of phrases tells phrases for, and the slots with a value there.
pub const ACTS: &[(&str, &[&str])] = &[
    ("greet", &[]),
    ("want", &["goods"]),
    ("want_more", &["goods"]),
    ("goods", &["goods"]),
    ("hint", &["hint"]),
    ("vague", &[]),
    ("not_this", &["goods"]),
    ("attribute", &["value"]),
    ("nth", &["nth"]),
    ("by_value", &["value"]),
    ("take", &[]),
    ("quantity", AMOUNT),
    ("self_quantity", &["n", "pieces", "wrong"]),
    ("delivery", &[]),
    ("delivery_to", CITY),
    ("delivery_full", PLACE),
    ("pickup", &[]),
    ("pickup_at", PLACE),
    ("city", CITY),
    ("address", &["address"]),
    ("city_address", PLACE),
    ("house", &["house"]),
    ("point", &["point", "nth"]),
    ("payment", &["payment"]),
    ("name", &["name", "name.acc"]),
    ("no_name", &[]),
    ("yes", &[]),
    ("yes_order", &[]),
    ("no", &[]),
    ("no_more", &[]),
    ("bye", &[]),
    ("wrong_quantity", &["n", "pieces", "old"]),
    ("wrong_goods", &["goods", "old"]),
    ("wrong_address", &["address"]),
    ("wrong_city", CITY),
    ("wrong_method_delivery", PLACE),
    ("wrong_method_pickup", PLACE),
    ("wrong_payment", &["payment"]),
    ("wrong_name", &["name", "name.acc"]),
    ("missing_line", &["goods"]),
    ("extra_line", &["old"]),
    ("change_quantity", &["n", "pieces", "old"]),
    ("change_line_quantity", &["short", "n", "pieces", "old"]),
    ("change_address", &["address"]),
    ("change_payment", &["payment"]),
    ("change_remove", &["old"]),
    ("nothing_to_change", &[]),
    ("cancel", &[]),
    ("person", &[]),
    ("status", &[]),
    ("status_number", &["number"]),
    ("order_number", &["number"]),
    ("ask_hours", &[]),
    ("ask_delivery", CITY),
    ("ask_total", &[]),
    ("ask_difference", &[]),
    ("ask_when", &[]),
    ("repeat", &[]),
    ("uhu", &[]),
];

const AMOUNT: &[&str] = &["n", "pieces"];
const CITY: &[&str] = &["city", "city.acc", "city.prep", "city.gen"];
const PLACE: &[&str] = &["city", "city.acc", "city.prep", "city.gen", "address", "point"];

/// Lists of words that a file of phrases tells besides.
pub const WORDS: &[&str] = &["cash", "card", "online", "nth1", "nth2", "nth3", "house", "flat"];

/// The slots of an act, if there is such an act.
pub fn slots(act: &str) -> Option<&'static [&'static str]> {
    ACTS.iter().find(|(name, _)| *name == act).map(|(_, slots)| *slots)
}
