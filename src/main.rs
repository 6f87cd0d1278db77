//! The `flowcontrol` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowcontrol::cli::main()
}
