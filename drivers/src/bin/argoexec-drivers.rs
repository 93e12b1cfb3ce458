//! The drivers program as a file of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    lighter_drivers::main()
}
