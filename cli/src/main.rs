//! The `lighter` program: three roles in one file.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

mod args;
mod artifacts;
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

/// In containers this file is `argoexec` or sets a container up. Both are paid for in every container, so nothing else
/// comes before them.
fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    if is_argoexec(&program) {
        return lighter_executor::main(std::iter::once(program).chain(args));
    }
    let mut rest: Vec<OsString> = args.collect();
    if rest.first().is_some_and(|role| role == lighter_local::SANDBOX_ROLE) {
        lighter_local::sandbox_main();
    }
    rest.insert(0, program);
    commands::main(rest)
}

fn is_argoexec(program: &OsString) -> bool {
    Path::new(program).file_name().is_some_and(|name| name == "argoexec")
}
