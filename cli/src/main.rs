//! The `lighter` program: four roles in one file.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

mod args;
mod artifacts;
mod bar;
mod blame;
mod commands;
mod failure;
mod files;
mod images;
mod lint;
mod logs;
mod nodes;
mod out;
mod parameters;
mod run;
mod show;
mod text;
mod tree;
mod view;

/// In containers this file is `argoexec` or sets a container up, and `argoexec` starts it as the drivers program. All are paid for in every container, so nothing else
/// comes before them.
fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    if is_named(&program, "argoexec") {
        lighter_artifacts::driver::contained();
        return lighter_executor::main(std::iter::once(program).chain(args));
    }
    if is_named(&program, lighter_artifacts::driver::PROGRAM) {
        return lighter_drivers::main();
    }
    let mut rest: Vec<OsString> = args.collect();
    if rest.first().is_some_and(|role| role == lighter_local::SANDBOX_ROLE) {
        lighter_local::sandbox_main();
    }
    rest.insert(0, program);
    lighter_artifacts::driver::contained();
    commands::main(rest)
}

fn is_named(program: &OsString, expected: &str) -> bool {
    Path::new(program).file_name().is_some_and(|name| name == expected)
}
