//! The `flowcontrol` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowcontrol::run_with(flowcontrol::registry::built_in())
}
