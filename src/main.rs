//! The `orderline` executable.

fn main() {}
