//! JSON Schemas in words and tables.

use maud::{Markup, html};
use serde_json::Value;

/// What a value is, in a few words; another schema of the document by a link.
pub(super) fn kind(schema: &Value) -> Markup {
    if let Some(name) = reference(schema) {
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    if let Some(values) = schema["enum"].as_array() {
        return html! { (list(values)) };
    }
    for together in ["oneOf", "anyOf"] {
        if let Some(any) = schema[together].as_array() {
            return html! { @for (n, one) in any.iter().enumerate() { @if n > 0 { " or " } (kind(one)) } };
        }
    }
    if let Some(all) = schema["allOf"].as_array() {
        return html! { @for (n, one) in all.iter().enumerate() { @if n > 0 { ", with " } (kind(one)) } };
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec!["anything"],
    };
    html! {
        @for (n, name) in names.iter().enumerate() {
            @if n > 0 { " or " }
            @if *name == "array" { "list of " (kind(&schema["items"])) } @else { (named(name, schema)) }
        }
    }
}

fn named(name: &str, schema: &Value) -> String {
    match (name, schema["format"].as_str()) {
        ("string", Some("uuid")) => "UUID".to_owned(),
        ("string", Some("date-time")) => "time (RFC 3339)".to_owned(),
        ("string", Some("date")) => "day (RFC 3339)".to_owned(),
        ("string", _) => "text".to_owned(),
        ("integer", _) => "whole number".to_owned(),
        (other, _) => other.to_owned(),
    }
}

fn list(values: &[Value]) -> Markup {
    html! {
        @for (n, value) in values.iter().enumerate() {
            @if n > 0 { ", " }
            code { (plain(value)) }
        }
    }
}

/// A value as it would stand in an address: a text without its quotation marks.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The name of the schema that this one points to.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|path| path.rsplit('/').next())
}

/// How large, how long, how many, of which form.
pub(super) fn limits(schema: &Value) -> Option<String> {
    let number = |name: &str| schema.get(name).filter(|value| value.is_number()).map(plain);
    let mut said = Vec::new();
    let mut range = |least: Option<String>, most: Option<String>, of: &str| match (least, most) {
        (Some(least), Some(most)) => said.push(format!("{least} to {most}{of}")),
        (Some(least), None) => said.push(format!("at least {least}{of}")),
        (None, Some(most)) => said.push(format!("at most {most}{of}")),
        (None, None) => {}
    };
    range(number("minimum"), number("maximum"), "");
    range(number("minLength"), number("maxLength"), " characters");
    range(number("minItems"), number("maxItems"), " entries");
    if let Some(pattern) = schema["pattern"].as_str() {
        said.push(format!("form {pattern}"));
    }
    if let Some(value) = schema.get("default").filter(|value| !value.is_null()) {
        said.push(format!("{} when absent", plain(value)));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

/// An example, if the schema has one.
fn example(schema: &Value) -> Option<String> {
    let example = schema.get("example").or_else(|| schema["examples"].get(0));
    example.filter(|value| !value.is_null()).map(plain)
}

/// A named schema whole.
pub(super) fn whole(schema: &Value) -> Markup {
    html! {
        @if let Some(text) = schema["description"].as_str() { (prose(text)) }
        @match schema["allOf"].as_array() {
            Some(parts) => {
                @for part in parts {
                    @if reference(part).is_some() { p { "Everything of " (kind(part)) ", and:" } }
                    @else { (fields(part)) }
                }
            }
            None if schema["properties"].is_object() => (fields(schema)),
            None => {
                p { (kind(schema)) @if let Some(limits) = limits(schema) { ", " (limits) } }
            }
        }
    }
}

/// The fields of an object, those that must be there first.
fn fields(schema: &Value) -> Markup {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut fields: Vec<(&String, &Value)> = schema["properties"].as_object().into_iter().flatten().collect();
    fields.sort_by_key(|(name, _)| !required.contains(&name.as_str()));
    html! {
        table {
            thead { tr { th { "Field" } th { "What it is" } th { "Meaning" } } }
            tbody {
                @for (name, field) in fields {
                    tr {
                        td { code { (name) } @if !required.contains(&name.as_str()) { br; small { "may be absent" } } }
                        td { (kind(field)) @if let Some(limits) = limits(field) { br; small { (limits) } } }
                        td {
                            @if let Some(text) = field["description"].as_str() { (prose(text)) }
                            @if let Some(example) = example(field) { small { "such as " code { (example) } } }
                        }
                    }
                }
            }
        }
    }
}

/// A text of paragraphs, in which `code` stands between backquotes.
pub(super) fn prose(text: &str) -> Markup {
    html! {
        @for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            p {
                @for (n, piece) in paragraph.split('`').enumerate() {
                    @if n % 2 == 1 { code { (piece) } } @else { (piece) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_said_in_words() {
        let said = |schema: Value| kind(&schema).into_string();
        assert_eq!(said(json!({"type": "string", "format": "uuid"})), "UUID");
        assert_eq!(said(json!({"type": ["string", "null"]})), "text or null");
        let list = json!({"type": "array", "items": {"$ref": "#/components/schemas/Order"}});
        assert_eq!(said(list), "list of <a href=\"#schema-Order\">Order</a>");
        let either = json!({"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Order"}]});
        assert_eq!(said(either), "null or <a href=\"#schema-Order\">Order</a>");
        assert_eq!(said(json!({"enum": ["a", "<b>"]})), "<code>a</code>, <code>&lt;b&gt;</code>");
        assert_eq!(limits(&json!({"minimum": 1, "maximum": 999})).as_deref(), Some("1 to 999"));
        assert_eq!(limits(&json!({"maxLength": 255})).as_deref(), Some("at most 255 characters"));
    }

    #[test]
    fn whatever_stands_in_a_document_is_text_and_not_html() {
        let schema = json!({
            "description": "<script>alert(1)</script> and `x < y`",
            "properties": {"<i>": {"type": "integer", "examples": ["\"<b>"]}},
        });
        let shown = whole(&schema).into_string();
        assert!(!shown.contains("<script>") && !shown.contains("<i>") && !shown.contains("<b>"), "{shown}");
        assert!(shown.contains("<code>x &lt; y</code>"), "{shown}");
    }
}
