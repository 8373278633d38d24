//! What the agent asks.

use serde::{Deserialize, Serialize};

/// A question of the agent, by what it wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum Question {
    /// How it can help; what else there is.
    Open,
    /// What to order.
    Goods,
    /// The value of an attribute of the goods, by its key in the profile.
    Attribute {
        key: String,
    },
    /// Which of the offers told.
    Choice,
    /// Whether to order what was told.
    OrderIt,
    Quantity,
    /// Delivery or pick-up.
    Method,
    City,
    Street,
    /// The house, once the street is known.
    House,
    /// Which of the pick-up points told.
    Point,
    Payment,
    Name,
    /// A value of an extra slot of the profile.
    Extra {
        slot: String,
    },
    /// Which of the orders told.
    WhichOrder,
    /// What is to be different.
    Change,
    /// Whether a person is wanted.
    Person,
    /// Whether to try again what failed.
    Retry,
    /// The caller's telephone number.
    Phone,
    /// The code that was sent by SMS.
    Code,
    /// The read-back's own: whether to place the order. Asked by the gate alone.
    ReadBack,
    /// Whether another order like the one of minutes ago is wanted. Asked by the gate alone.
    Twin,
}
