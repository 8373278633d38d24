//! Hearing engines.
