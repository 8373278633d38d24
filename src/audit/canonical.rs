//! RFC 8785 canonical JSON of an entry, without a copy of it.
//!
//! The library sorts a whole value and formats each number anew; an entry is hashed when it is written and whenever it
//! is verified, and its shape is known. So the fixed fields are written in their order, and the body's values directly;
//! what is rare (a fraction, a number beyond 2^53, a name beyond the ASCII) is left to the library. A test holds the
//! two against each other.

use serde::Serialize;
use serde_json::{Map, Value};

use super::chain::Digest;
use super::entry::Entry;

/// Appends the canonical form of an entry in its place.
pub(super) fn entry(seq: u32, at: &str, entry: &Entry, pii_commit: Option<Digest>, out: &mut Vec<u8>) {
    let Entry {
        kind,
        action,
        request,
        order_id,
        order_number,
        idem_key,
        http_status,
        problem,
        body,
        offset_ms,
        private: _,
    } = entry;
    // In the order of the names, each with its comma before it but the first.
    let mut fields = Fields { out, first: true };
    fields.optional("action", action.as_ref());
    fields.required("at", at);
    fields.name("body");
    value(body, fields.out);
    fields.optional("http_status", http_status.as_ref());
    fields.optional("idem_key", idem_key.as_ref());
    fields.required("kind", kind.name());
    fields.name("offset_ms");
    value(&Value::from(*offset_ms), fields.out);
    fields.optional("order_id", order_id.as_ref());
    fields.optional("order_number", order_number.as_ref());
    // The one that is told when it is absent, too.
    match pii_commit {
        Some(commit) => fields.required("pii_commit", &commit),
        None => fields.required("pii_commit", &()),
    }
    fields.optional("problem", problem.as_ref());
    if let Some(request) = request {
        fields.name("request");
        value(&Value::from(request.0), fields.out);
    }
    fields.required("seq", &seq);
    fields.out.push(b'}');
}

struct Fields<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Fields<'_> {
    fn name(&mut self, name: &str) {
        self.out.push(if std::mem::take(&mut self.first) { b'{' } else { b',' });
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn required<T: Serialize + ?Sized>(&mut self, name: &str, field: &T) {
        self.name(name);
        plain(field, self.out);
    }

    fn optional<T: Serialize>(&mut self, name: &str, field: Option<&T>) {
        if let Some(field) = field {
            self.required(name, field);
        }
    }
}

fn value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Number(number) if small(number) => plain(number, out),
        Value::Number(_) => library(value, out),
        Value::Array(items) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                self::value(item, out);
            }
            out.push(b']');
        }
        Value::Object(fields) => object(fields, value, out),
        Value::Null | Value::Bool(_) | Value::String(_) => plain(value, out),
    }
}

fn object(fields: &Map<String, Value>, whole: &Value, out: &mut Vec<u8>) {
    // The order of ASCII names is the same by bytes and by UTF-16, and the map's own.
    let ordered = fields.keys().zip(fields.keys().skip(1)).all(|(a, b)| a < b);
    if !ordered || !fields.keys().all(|name| name.is_ascii()) {
        return library(whole, out);
    }
    out.push(b'{');
    for (n, (name, field)) in fields.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        plain(name, out);
        out.push(b':');
        value(field, out);
    }
    out.push(b'}');
}

/// Whether a number is a whole one that a double holds: written as it is.
fn small(number: &serde_json::Number) -> bool {
    const MOST: u64 = 1 << 53;
    number.as_u64().is_some_and(|number| number <= MOST)
        || number.as_i64().is_some_and(|number| number.unsigned_abs() <= MOST)
}

/// Strings and small numbers are written by serde_json as RFC 8785 says.
fn plain<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("plain data with text keys can always be written");
}

fn library(value: &Value, out: &mut Vec<u8>) {
    let canonical = serde_json_canonicalizer::to_vec(value).expect("a JSON value is JSON already");
    out.extend_from_slice(&canonical);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1_000i64..1_000).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c_]{0,3}|.{0,2}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_is_written_as_the_library_does(json in json()) {
            let mut own = Vec::new();
            value(&json, &mut own);
            let library = serde_json_canonicalizer::to_vec(&json).unwrap();
            prop_assert_eq!(String::from_utf8(own).unwrap(), String::from_utf8(library).unwrap());
        }
    }

    #[test]
    fn what_is_special_is_written_as_the_library_does() {
        for json in [
            json!({ "\u{e000}": 1, "\u{1f600}": 2, "a": { "б": [1.0, 1e21, -0.0] } }),
            json!([9_007_199_254_740_992_u64, 9_007_199_254_740_993_u64, i64::MIN, u64::MAX]),
            json!("\u{0}\u{7f}\u{1f}\"\\/\u{2028}<é"),
        ] {
            let mut own = Vec::new();
            value(&json, &mut own);
            assert_eq!(own, serde_json_canonicalizer::to_vec(&json).unwrap(), "{json}");
        }
    }
}
