#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::language::Language;

fn parameters(tool: ToolName) -> Value {
    definition(tool, Language::English).parameters
}

fn valid(tool: ToolName, arguments: &Value) -> bool {
    jsonschema::validator_for(&parameters(tool)).unwrap().is_valid(arguments)
}

#[test]
fn a_name_reads_back_as_its_tool() {
    for tool in ToolName::all() {
        assert_eq!(ToolName::from_str(tool.as_str()), Some(tool));
        assert_eq!(serde_json::to_value(tool).unwrap(), tool.as_str());
    }
    assert_eq!(ToolName::from_str("Confirm_Order"), None);
}

#[test]
fn every_schema_is_whole_in_itself_and_closed() {
    for tool in ToolName::all() {
        for language in [Language::Russian, Language::English] {
            let definition = definition(tool, language);
            let text = definition.parameters.to_string();
            for forbidden in
                ["$ref", "$defs", "$schema", "null", "anyOf", "oneOf", "allOf", "\"title\"", "format"]
            {
                assert!(!text.contains(forbidden), "{tool}: {forbidden} in {text}");
            }
            assert_eq!(definition.parameters["type"], "object", "{tool}");
            assert_eq!(definition.parameters["additionalProperties"], false, "{tool}");
            assert!(definition.parameters["properties"].is_object(), "{tool}");
            assert!(!definition.description.is_empty());
            assert!(jsonschema::meta::is_valid(&definition.parameters), "{tool}: {text}");
        }
    }
}

#[test]
fn bounds_stand_in_the_schema() {
    let item = &parameters(ToolName::CreateOrderDraft)["properties"]["items"];
    assert_eq!(item["minItems"], 1);
    assert_eq!(item["items"]["properties"]["quantity"]["maximum"], 99);
    assert_eq!(item["items"]["properties"]["product_ref"]["minimum"], 1);
    assert_eq!(parameters(ToolName::CreateOrderDraft)["properties"]["customer_name"]["maxLength"], 80);
    assert_eq!(
        parameters(ToolName::ConfirmOrder)["properties"]["payment_method"]["enum"],
        json!(["cash_on_delivery", "card_on_delivery", "online"])
    );
    assert_eq!(
        parameters(ToolName::GetOrderStatus)["properties"]["which"]["enum"],
        json!(["last", "active", "all"])
    );
    assert_eq!(parameters(ToolName::UpdateOrderDelivery)["required"], json!(["delivery_type"]));
}

#[test]
fn honest_calls_are_understood() {
    let parsed =
        parse("create_order_draft", r#"{"items":[{"product_ref":2,"quantity":4}],"customer_name":" Анна "}"#);
    assert_eq!(
        parsed,
        Ok(ToolRequest::CreateOrderDraft {
            items: vec![RequestedItem { product_ref: 2, quantity: 4 }],
            customer_name: Some(Pii::new("Анна".to_owned())),
        })
    );
    assert_eq!(
        parse(
            "update_order_delivery",
            r#"{"delivery_type":"pickup","pickup_point_ref":1,"address":"Мира 1"}"#
        ),
        Ok(ToolRequest::UpdateOrderDelivery {
            delivery: RequestedDelivery::Pickup { city: None, pickup_point_ref: Some(1) }
        })
    );
    assert_eq!(
        parse("get_order_status", r#"{"order_number":"","which":null}"#),
        Ok(ToolRequest::GetOrderStatus { order_number: None, which: None })
    );
}

#[test]
fn absent_arguments_mean_an_empty_object() {
    for arguments in ["", "  ", "null", "{}"] {
        assert_eq!(parse("cancel_order_draft", arguments), Ok(ToolRequest::CancelOrderDraft));
    }
}

#[test]
fn a_model_cannot_slip_in_a_price_a_phone_or_an_id() {
    for field in ["price", "total", "customer_phone", "order_id", "idempotency_key", "customer_id"] {
        let arguments = format!(r#"{{"items":[{{"product_ref":1,"quantity":1}}],"{field}":1}}"#);
        let error = parse("create_order_draft", &arguments).unwrap_err();
        assert_eq!(error.code(), "wrong_arguments", "{error}");
        assert!(error.to_string().contains(field), "{error}");
    }
    let inside = r#"{"items":[{"product_ref":1,"quantity":1,"price":1}]}"#;
    assert_eq!(parse("create_order_draft", inside).unwrap_err().code(), "wrong_arguments");
}

#[test]
fn a_refusal_says_what_was_expected_and_what_came() {
    let cases = [
        ("order_pizza", "{}", "unknown_tool", "found order_pizza"),
        ("find_products", "{\"query\":", "arguments_not_json", "no JSON"),
        ("find_products", "[\"tyres\"]", "wrong_arguments", "an array"),
        ("find_products", "{}", "wrong_arguments", "missing field `query`"),
        ("find_products", r#"{"query":"  "}"#, "out_of_bounds", "query of find_products to be 1 to 200"),
        ("create_order_draft", r#"{"items":[]}"#, "out_of_bounds", "1 to 20 entries, found 0"),
        (
            "create_order_draft",
            r#"{"items":[{"product_ref":1,"quantity":100}]}"#,
            "out_of_bounds",
            "quantity of create_order_draft to be 1 to 99, found 100",
        ),
        ("create_order_draft", r#"{"items":[{"product_ref":0,"quantity":1}]}"#, "out_of_bounds", "found 0"),
        ("create_order_draft", r#"{"items":[{"product_ref":1,"quantity":-1}]}"#, "wrong_arguments", "-1"),
        ("confirm_order", r#"{"payment_method":"bitcoin"}"#, "wrong_arguments", "cash_on_delivery"),
        (
            "update_order_delivery",
            r#"{"delivery_type":"delivery","pickup_point_ref":1}"#,
            "contradiction",
            "either delivery_type delivery or a pickup_point_ref",
        ),
    ];
    for (tool, arguments, code, text) in cases {
        let error = parse(tool, arguments).unwrap_err();
        assert_eq!(error.code(), code, "{tool} {arguments}: {error}");
        assert!(error.to_string().contains(text), "{tool} {arguments}: {error}");
    }
}

#[test]
fn a_flood_of_arguments_is_refused_before_it_is_parsed() {
    let flood = format!(r#"{{"query":"{}"}}"#, "x".repeat(arguments::MAX_BYTES));
    assert_eq!(parse("find_products", &flood).unwrap_err().code(), "arguments_too_long");
    let name = "n".repeat(100_000);
    assert!(parse(&name, "{}").unwrap_err().to_string().len() < 500);
}

#[test]
fn a_name_and_an_address_are_masked_when_a_request_is_logged() {
    let order = parse("confirm_order", r#"{"payment_method":"online","customer_name":"Анна"}"#).unwrap();
    let place = parse("update_order_delivery", r#"{"delivery_type":"delivery","address":"Мира 1"}"#).unwrap();
    let logged = format!("{order:?} {place:?}");
    assert!(!logged.contains("Анна") && !logged.contains("Мира"), "{logged}");
}

fn tool() -> impl Strategy<Value = ToolName> {
    proptest::sample::select(ToolName::all().to_vec())
}

/// A value of the kinds that a confused model writes.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..130).prop_map(Value::from),
        proptest::sample::select(vec!["last", "delivery", "pickup", "online", "Minsk", "x"])
            .prop_map(Value::from),
        (0_usize..250).prop_map(|n| Value::from("я".repeat(n))),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            (inner.clone(), inner).prop_map(|(r, q)| json!([{"product_ref": r, "quantity": q}])),
        ]
    })
}

fn arguments_object() -> impl Strategy<Value = Value> {
    let names = vec![
        "order_number",
        "which",
        "query",
        "items",
        "customer_name",
        "delivery_type",
        "city",
        "address",
        "pickup_point_ref",
        "payment_method",
        "reason",
        "price",
    ];
    proptest::collection::btree_map(proptest::sample::select(names), value(), 0..3)
        .prop_map(|map| map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

proptest! {
    #[test]
    fn garbage_is_refused_and_never_panics(tool in tool(), text in any::<String>()) {
        if let Err(error) = parse(tool.as_str(), &text) {
            prop_assert!(error.to_string().chars().count() < 400);
        }
    }

    #[test]
    fn the_parser_takes_exactly_what_the_schema_allows(tool in tool(), arguments in arguments_object()) {
        // Null and the empty text stand for absence where absence is allowed; beyond that both agree.
        let mut told = arguments.clone();
        let required = parameters(tool)["required"].clone();
        let absent = |name: &str, v: &Value| (v.is_null() || v == "") && !required.to_string().contains(name);
        let known = parameters(tool)["properties"].clone();
        if let Value::Object(map) = &mut told {
            map.retain(|name, v| {
                let textual = known[name]["type"] == "string" && known[name].get("enum").is_none();
                !(known.get(name).is_some() && absent(name, v) && (v.is_null() || textual))
            });
        }
        match parse(tool.as_str(), &arguments.to_string()) {
            Ok(request) => {
                prop_assert_eq!(request.name(), tool);
                prop_assert!(valid(tool, &told), "taken against the schema: {}", arguments);
            }
            Err(ToolError::Contradiction { .. }) => {}
            Err(error) => prop_assert!(!valid(tool, &told), "{} refused against the schema: {}", arguments, error),
        }
    }
}
