//! The tools that a model may call: names, arguments, their JSON Schema, and the one place where arguments are parsed.
//!
//! A model never supplies a telephone number, a price, a total, an order id, a key or a customer id: those come from the
//! call's own state. What it may choose is a reference into a list that this call has already told (`product_ref`,
//! `pickup_point_ref`), a quantity, and words of the caller. So the worst that garbage can do is to be refused here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::Pii;
use crate::orders::PaymentMethod;

mod arguments;
mod definition;

pub use definition::{ToolDefinition, definition};

/// A tool's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolName {
    GetOrderStatus,
    FindProducts,
    GetDeliveryTerms,
    CreateOrderDraft,
    UpdateOrderDelivery,
    ConfirmOrder,
    CancelOrderDraft,
    TransferToOperator,
}

impl ToolName {
    /// Every tool, in the order in which a model is shown them.
    pub const fn all() -> [Self; 8] {
        [
            Self::GetOrderStatus,
            Self::FindProducts,
            Self::GetDeliveryTerms,
            Self::CreateOrderDraft,
            Self::UpdateOrderDelivery,
            Self::ConfirmOrder,
            Self::CancelOrderDraft,
            Self::TransferToOperator,
        ]
    }

    /// The name on the wire: `get_order_status` and so on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GetOrderStatus => "get_order_status",
            Self::FindProducts => "find_products",
            Self::GetDeliveryTerms => "get_delivery_terms",
            Self::CreateOrderDraft => "create_order_draft",
            Self::UpdateOrderDelivery => "update_order_delivery",
            Self::ConfirmOrder => "confirm_order",
            Self::CancelOrderDraft => "cancel_order_draft",
            Self::TransferToOperator => "transfer_to_operator",
        }
    }

    /// The tool of this name, spelled exactly.
    #[expect(
        clippy::should_implement_trait,
        reason = "an unknown name is an ordinary answer, not an error type"
    )]
    pub fn from_str(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|tool| tool.as_str() == name)
    }
}

impl std::fmt::Display for ToolName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which of the caller's orders are asked for, when no number is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderScope {
    /// The newest one.
    Last,
    /// Those that the caller still waits for.
    Active,
    /// Every one that the store tells.
    All,
}

/// A line that a model wants drafted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedItem {
    /// From 1: the reference that a search of this call gave the product, and that it keeps.
    pub product_ref: u32,
    /// 1 to 99.
    pub quantity: u32,
}

/// How the caller wants the order handed over; what is not said yet is none and must be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedDelivery {
    /// To the door.
    Delivery { city: Option<String>, address: Option<Pii<String>> },
    /// Fetched; the reference is from 1, as a list of this call gave it.
    Pickup { city: Option<String>, pickup_point_ref: Option<u32> },
}

/// A tool call whose arguments have been checked. Texts are trimmed, without control characters, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolRequest {
    GetOrderStatus { order_number: Option<String>, which: Option<OrderScope> },
    FindProducts { query: String },
    GetDeliveryTerms { city: String },
    CreateOrderDraft { items: Vec<RequestedItem>, customer_name: Option<Pii<String>> },
    UpdateOrderDelivery { delivery: RequestedDelivery },
    ConfirmOrder { payment_method: PaymentMethod, customer_name: Option<Pii<String>> },
    CancelOrderDraft,
    TransferToOperator { reason: Option<String> },
}

impl ToolRequest {
    /// The tool that was called.
    pub const fn name(&self) -> ToolName {
        match self {
            Self::GetOrderStatus { .. } => ToolName::GetOrderStatus,
            Self::FindProducts { .. } => ToolName::FindProducts,
            Self::GetDeliveryTerms { .. } => ToolName::GetDeliveryTerms,
            Self::CreateOrderDraft { .. } => ToolName::CreateOrderDraft,
            Self::UpdateOrderDelivery { .. } => ToolName::UpdateOrderDelivery,
            Self::ConfirmOrder { .. } => ToolName::ConfirmOrder,
            Self::CancelOrderDraft => ToolName::CancelOrderDraft,
            Self::TransferToOperator { .. } => ToolName::TransferToOperator,
        }
    }
}

/// Why a tool call was refused. Its `Display` is the sentence that goes back to the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// No tool has this name.
    #[error("expected one of the tools {}, found {found}", names())]
    UnknownTool {
        /// The name as called, cut to 80 characters.
        found: String,
    },
    /// More text than any honest call needs.
    #[error("expected arguments of at most {} bytes, found {found_bytes}", arguments::MAX_BYTES)]
    TooLong {
        /// How many bytes came.
        found_bytes: usize,
    },
    /// The text is no JSON.
    #[error("expected a JSON object with the arguments of {tool}, found text that is no JSON: {detail}")]
    NotJson {
        tool: ToolName,
        /// What the parser stumbled over.
        detail: String,
    },
    /// JSON, but not the arguments of this tool: a field missing, unknown, or of a wrong type.
    #[error("expected the arguments of {tool} as its schema says, found {detail}")]
    WrongArguments {
        tool: ToolName,
        /// What the parser stumbled over.
        detail: String,
    },
    /// A field is outside its bounds.
    #[error("expected {field} of {tool} to be {expected}, found {found}")]
    OutOfBounds {
        tool: ToolName,
        /// The argument's name.
        field: &'static str,
        /// The bounds, in words.
        expected: String,
        /// What came, or its size.
        found: String,
    },
    /// Two arguments cannot both be meant.
    #[error("expected {expected}, found both")]
    Contradiction {
        /// What may be sent instead.
        expected: &'static str,
    },
}

impl ToolError {
    /// A stable code for metrics, the audit and tool results.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownTool { .. } => "unknown_tool",
            Self::TooLong { .. } => "arguments_too_long",
            Self::NotJson { .. } => "arguments_not_json",
            Self::WrongArguments { .. } => "wrong_arguments",
            Self::OutOfBounds { .. } => "out_of_bounds",
            Self::Contradiction { .. } => "contradiction",
        }
    }
}

/// Checks a tool call as a model wrote it. Arguments that are absent (`""`, `null`) mean an empty object, since models
/// write both for a tool that takes none.
///
/// # Errors
/// [`ToolError`], whose text says to the model what was expected and what came.
pub fn parse(name: &str, arguments: &str) -> Result<ToolRequest, ToolError> {
    let tool = ToolName::from_str(name)
        .ok_or_else(|| ToolError::UnknownTool { found: arguments::cut(name, arguments::MAX_FOUND) })?;
    arguments::parse(tool, arguments)
}

fn names() -> String {
    ToolName::all().map(ToolName::as_str).join(", ")
}

#[cfg(test)]
mod tests;
