//! The tools that a model may call: names, arguments, their JSON Schema, and the one place where arguments are parsed.

use serde::{Deserialize, Serialize};

/// A tool's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolName {
    GetOrderStatus,
    FindProducts,
    CreateOrderDraft,
    UpdateOrderDelivery,
    ConfirmOrder,
    CancelOrderDraft,
    TransferToOperator,
}
