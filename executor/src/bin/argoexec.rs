//! The in-pod executor as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    lighter_executor::main(std::env::args_os())
}
