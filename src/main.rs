//! The `orderline` executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    orderline::cli::main()
}
