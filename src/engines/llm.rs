//! Thinking engines.
