//! Speaking engines.
