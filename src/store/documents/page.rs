//! The pages for people: one of each system, made from its OpenAPI document, and one that leads to them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::shape::{kind, limits, prose, whole};
use crate::store::settings::System;

/// What the pages may load: nothing but the one style that stands in them.
pub(super) fn policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--link:light-dark(#0a58ca,#8ab4f8)}\
*{box-sizing:border-box}\
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1.5rem 1rem 4rem}\
h1{font-size:1.7rem;margin:.2rem 0}h2{font-size:1.2rem;margin:2.5rem 0 .3rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}\
a{color:var(--link)}p{margin:.3rem 0}small{opacity:.75}\
code,.path{font:.9em/1.4 ui-monospace,monospace}code{background:var(--soft);padding:.05em .3em;border-radius:.2em;\
overflow-wrap:anywhere}\
nav ul,.systems{list-style:none;padding:0}nav li{padding:.15rem 0}.systems li{padding:.6rem 0;border-bottom:1px solid var(--line)}\
section{border-top:1px solid var(--line)}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:.3rem 0}\
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line)}\
th{font-weight:600;font-size:.85rem}td p:first-child{margin-top:0}\
.method{display:inline-block;min-width:3.6rem;font-weight:700;font-size:.8rem}\
";

fn framed(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                // Its digest is in the policy: it must stay this one text.
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
}

/// The way to the systems that answer here.
pub(super) fn of_all(systems: &[(System, String, usize)]) -> Markup {
    framed(
        "Orderline store",
        &html! {
            main {
                h1 { "Orderline store" }
                p { "One shop, asked by these systems. Each stands at the paths of its own documentation, and again \
                     under a prefix, where no other system's path can be meant." }
                ul class="systems" {
                    @for (system, title, paths) in systems {
                        @let prefix = format!("/{}", system.name());
                        li {
                            a href={ (prefix) "/docs" } { strong { (title) } }
                            br;
                            small {
                                (paths) " paths, prefix " code { (prefix) } ", for programmes: "
                                a href={ (prefix) "/openapi.json" } { "OpenAPI document" }
                            }
                        }
                    }
                }
                p { small { a href="/health" { "up" } " · " a href="/ready" { "ready" } } }
            }
        },
    )
}

/// The methods in the order in which they are shown.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Everything about one system.
pub(super) fn of_system(system: System, document: &Value) -> Markup {
    let title = document["info"]["title"].as_str().unwrap_or_default();
    let operations: Vec<Operation<'_>> = document["paths"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(path, item)| METHODS.into_iter().map(move |method| (path, method, &item[method])))
        .filter(|(_, _, operation)| operation.is_object())
        .map(|(path, method, operation)| Operation { path, method, operation })
        .collect();
    let schemas = document["components"]["schemas"].as_object();
    let guards = document["components"]["securitySchemes"].as_object();
    framed(
        title,
        &html! {
            header {
                p { a href="/" { "All systems" } " · " a href={ "/" (system.name()) "/openapi.json" } { "OpenAPI document" } }
                h1 { (title) }
                @if let Some(text) = document["info"]["description"].as_str() { (prose(text)) }
            }
            nav aria-label="Operations" {
                ul {
                    @for one in &operations {
                        li { a href={ "#" (one.anchor()) } { (one.name()) } " " (one.operation["summary"].as_str().unwrap_or_default()) }
                    }
                }
            }
            main {
                @for one in &operations { (one.shown(document)) }
                section id="tokens" {
                    h2 { "Tokens" }
                    @for (name, guard) in guards.into_iter().flatten() {
                        p { code { (name) } ": " (guard["description"].as_str().unwrap_or_default()) }
                    }
                }
                section {
                    h2 { "Bodies" }
                    @for (name, schema) in schemas.into_iter().flatten() {
                        h3 id={ "schema-" (name) } { (name) }
                        div class="wide" { (whole(schema)) }
                    }
                }
            }
        },
    )
}

struct Operation<'a> {
    path: &'a str,
    method: &'static str,
    operation: &'a Value,
}

impl Operation<'_> {
    /// Letters and digits of method and path, so that links to it stay what they are.
    fn anchor(&self) -> String {
        let path: String =
            self.path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("{}{path}", self.method)
    }

    fn name(&self) -> Markup {
        html! {
            span class="method" { (self.method.to_uppercase()) }
            span class="path" { (self.path) }
        }
    }

    fn shown(&self, document: &Value) -> Markup {
        let operation = self.operation;
        let guards = operation.get("security").unwrap_or(&document["security"]);
        let names: Vec<&String> = guards
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .flat_map(|g| g.keys())
            .collect();
        let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
        let body = operation["requestBody"]["content"].as_object();
        html! {
            section id=(self.anchor()) {
                h2 { (self.name()) }
                @if let Some(text) = operation["summary"].as_str() { p { strong { (text) } } }
                @if let Some(text) = operation["description"].as_str() { (prose(text)) }
                p {
                    small {
                        @if names.is_empty() { "Needs no token." }
                        @else { "Needs " @for name in names { a href="#tokens" { (name) } " " } }
                    }
                }
                @if !parameters.is_empty() {
                    h3 { "Parameters" }
                    div class="wide" { (table(&parameters)) }
                }
                @if let Some(body) = body {
                    h3 { "Body" }
                    @for (media, content) in body {
                        p {
                            (kind(&content["schema"])) " as " code { (media) }
                            @if operation["requestBody"]["required"] != true { ", may be absent" }
                        }
                        @if let Some(schema) = meant(document, &content["schema"]) {
                            div class="wide" { (whole(schema)) }
                        }
                    }
                }
                h3 { "Answers" }
                div class="wide" { (answers(&operation["responses"])) }
            }
        }
    }
}

/// The named schema that one points to, be it one of several choices.
fn meant<'a>(document: &'a Value, schema: &Value) -> Option<&'a Value> {
    let choices = schema["oneOf"].as_array().map_or_else(|| vec![schema], |choices| choices.iter().collect());
    let path = choices.into_iter().find_map(|choice| choice["$ref"].as_str())?;
    document.pointer(path.strip_prefix('#')?)
}

fn table(parameters: &[&Value]) -> Markup {
    html! {
        table {
            thead { tr { th { "Name" } th { "Where" } th { "What it is" } th { "Meaning" } } }
            tbody {
                @for parameter in parameters {
                    tr {
                        td {
                            code { (parameter["name"].as_str().unwrap_or_default()) }
                            @if parameter["required"] != true { br; small { "may be absent" } }
                        }
                        td { (parameter["in"].as_str().unwrap_or_default()) }
                        td {
                            (kind(&parameter["schema"]))
                            @if let Some(limits) = limits(&parameter["schema"]) { br; small { (limits) } }
                        }
                        td { @if let Some(text) = parameter["description"].as_str() { (prose(text)) } }
                    }
                }
            }
        }
    }
}

fn answers(responses: &Value) -> Markup {
    html! {
        table {
            thead { tr { th { "Status" } th { "When" } th { "Body" } } }
            tbody {
                @for (status, answer) in responses.as_object().into_iter().flatten() {
                    tr {
                        td { strong { (status) } }
                        td {
                            (prose(answer["description"].as_str().unwrap_or_default()))
                            @for name in answer["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
                                small { "with " code { (name) } " " }
                            }
                        }
                        td {
                            @for (media, content) in answer["content"].as_object().into_iter().flatten() {
                                p { (kind(&content["schema"])) br; small { (media) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
