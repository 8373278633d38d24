//! What a model is shown of each tool: its name, when to use it, and the JSON Schema of its arguments.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::{ToolName, arguments};
use crate::language::Language;

/// A tool as function calling wants it (`tools[].function` of a chat completion request).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolDefinition {
    pub name: &'static str,
    pub description: &'static str,
    /// JSON Schema, whole in itself: no `$ref`, no `$defs`, no `null` among the types.
    pub parameters: Value,
}

/// What a model is shown of this tool, told in the language of the call.
pub fn definition(tool: ToolName, language: Language) -> ToolDefinition {
    let parameters = match tool {
        ToolName::GetOrderStatus => schema::<arguments::GetOrderStatus>(),
        ToolName::FindProducts => schema::<arguments::FindProducts>(),
        ToolName::GetDeliveryTerms => schema::<arguments::GetDeliveryTerms>(),
        ToolName::CreateOrderDraft => schema::<arguments::CreateOrderDraft>(),
        ToolName::UpdateOrderDelivery => schema::<arguments::UpdateOrderDelivery>(),
        ToolName::ConfirmOrder => schema::<arguments::ConfirmOrder>(),
        ToolName::CancelOrderDraft => schema::<arguments::CancelOrderDraft>(),
        ToolName::TransferToOperator => schema::<arguments::TransferToOperator>(),
    };
    ToolDefinition { name: tool.as_str(), description: description(tool, language), parameters }
}

fn description(tool: ToolName, language: Language) -> &'static str {
    use Language::{English, Russian};
    match (tool, language) {
        (ToolName::GetOrderStatus, English) => {
            "Finds the caller's own orders and says where they stand. Use it when the caller asks about an order that \
             was already placed. If several are found, ask which one is meant."
        }
        (ToolName::GetOrderStatus, Russian) => {
            "Находит заказы самого звонящего и говорит, что с ними. Вызывай, когда спрашивают о сделанном заказе. Если \
             найдено несколько, спроси, какой имеется в виду."
        }
        (ToolName::FindProducts, English) => {
            "Searches the shop's catalogue. The only source of products, prices and stock; call it before \
             create_order_draft and whenever the caller asks what there is or what it costs."
        }
        (ToolName::FindProducts, Russian) => {
            "Ищет в каталоге магазина. Единственный источник товаров, цен и остатков: вызывай до create_order_draft и \
             всякий раз, когда спрашивают, что есть и сколько стоит."
        }
        (ToolName::GetDeliveryTerms, English) => {
            "Tells what delivery to a city costs and how many days it takes, before there is a draft. It changes nothing."
        }
        (ToolName::GetDeliveryTerms, Russian) => {
            "Говорит, сколько стоит доставка в город и сколько дней она занимает, ещё до черновика. Ничего не меняет."
        }
        (ToolName::CreateOrderDraft, English) => {
            "Drafts an order from products found in this call, whichever search found them, or changes the draft to other \
             products or quantities; a delivery that was set stays. It orders nothing yet. Give every line of the order, not \
             only the new one."
        }
        (ToolName::CreateOrderDraft, Russian) => {
            "Составляет черновик заказа из товаров, найденных в этом звонке любым поиском, или меняет в черновике товары и \
             количество; заданный способ получения остаётся. Заказ этим ещё не оформляется. Перечисли все позиции заказа, а \
             не только новую."
        }
        (ToolName::UpdateOrderDelivery, English) => {
            "Sets how the draft is handed over: delivery to an address, or pickup at a pick-up point. With pickup and \
             no pickup_point_ref it lists the points of the city. It gives cost, days and the new total."
        }
        (ToolName::UpdateOrderDelivery, Russian) => {
            "Задаёт способ получения: доставка по адресу или самовывоз из пункта выдачи. Для самовывоза без \
             pickup_point_ref называет пункты в городе. Возвращает стоимость, срок и новую сумму."
        }
        (ToolName::ConfirmOrder, English) => {
            "Call it when the draft has its delivery and the caller has chosen how to pay. The desk itself then reads \
             the whole order back and waits for the caller's yes; the order is placed only after it."
        }
        (ToolName::ConfirmOrder, Russian) => {
            "Вызывай, когда у черновика есть способ получения и звонящий выбрал оплату. Система сама зачитает заказ \
             целиком и дождётся «да»; заказ оформляется только после этого."
        }
        (ToolName::CancelOrderDraft, English) => {
            "Drops the draft of this call. Use it when the caller does not want it any more."
        }
        (ToolName::CancelOrderDraft, Russian) => {
            "Отменяет черновик этого звонка. Вызывай, когда звонящий от него отказался."
        }
        (ToolName::TransferToOperator, English) => {
            "Transfers the call to a person. Use it when the caller asks for one, or when you cannot help."
        }
        (ToolName::TransferToOperator, Russian) => {
            "Переводит звонок на человека. Вызывай, когда об этом просят или когда помочь не получается."
        }
    }
}

fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = Value::from(settings.into_generator().into_root_schema_for::<T>());
    plain(&mut schema);
    if let Value::Object(root) = &mut schema {
        // Some servers refuse an object schema without this key.
        root.entry("properties").or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    schema
}

/// Brings a schema to what every OpenAI-compatible server takes: an optional field is one that is not required rather
/// than one that may be null, and an enum is a list of words rather than an alternative of constants. The parser goes on
/// taking null, since models send it.
fn plain(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Object(map) => {
            map.remove("title");
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            if map.get("format").is_some_and(|format| format == "uint32") {
                map.remove("format");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|kind| kind != "null");
                if types.len() == 1 {
                    let only = types.remove(0);
                    map.insert("type".to_owned(), only);
                }
            }
            for key in ["anyOf", "oneOf"] {
                let Some(Value::Array(mut choices)) = map.remove(key) else { continue };
                choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
                choices.iter_mut().for_each(plain);
                let words: Option<Vec<Value>> = choices.iter().map(|c| c.get("const").cloned()).collect();
                if let Some(words) = words {
                    map.insert("type".to_owned(), "string".into());
                    map.insert("enum".to_owned(), words.into());
                } else if let [Value::Object(only)] = choices.as_mut_slice() {
                    for (k, v) in std::mem::take(only) {
                        map.entry(k).or_insert(v);
                    }
                } else {
                    map.insert(key.to_owned(), choices.into());
                }
            }
            map.values_mut().for_each(plain);
        }
        _ => {}
    }
}
