//! FlowControl with one more store.

use flowcontrol_contract::registry::Registration;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut registry = flowcontrol::registry::built_in();
    registry.register(Registration::store(
        custom_adapter::KIND,
        custom_adapter::MODE,
        custom_adapter::build,
    ));
    flowcontrol::run_with(registry)
}
