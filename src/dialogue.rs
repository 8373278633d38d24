//! The dialogue of an order: what the caller's words do, what is known and wanted, what comes next, and how it is said.
//!
//! ```text
//! words ──> understanding ──> acts ──> state ──> policy ──> saying
//! ```
//!
//! | file | what it holds |
//! | --- | --- |
//! | `act`, `question` | the nouns: what a caller does with words, what the agent asks |
//! | `profile`, `shop` | what a shop's owner wrote, and the catalogue: words to products |
//! | `understand` | all acts of an utterance, and how much of the words they explain |
//! | `state`, `take`, `goods`, `history` | what is known and wanted: a value; acts and tools' results taken into it |
//! | `policy`, `asking`, `next`, `find` | an ordered table of rules; the next step of an order, and of its goods |
//! | `answers`, `everyday`, `status` | answers to questions |
//! | `say`, `speak` | one message file a language, which a shop can override; numbers, names and lists in words |
//!
//! Pure: the same state and the same words always give the same decision. No trade is known here; a shop is data.

pub mod act;
mod answers;
mod asking;
mod everyday;
mod find;
mod goods;
mod history;
mod next;
pub mod policy;
pub mod profile;
pub mod question;
pub mod say;
pub mod shop;
mod speak;
pub mod state;
mod status;
mod take;
pub mod understand;

pub use policy::{Decision, decide};
pub use profile::Profile;
pub use question::Question;
pub use say::{Messages, Voice};
pub use shop::Shop;
pub use state::{Entry, State, View};
pub use understand::{Context, understand};
