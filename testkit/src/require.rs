//! Components that a machine may lack: a test that needs one skips by name, or fails where
//! `FLOWCONTROL_REQUIRE` lists it (names separated by commas or spaces, such as `postgres,docker`).

/// Whether `component` must be there.
pub fn required(component: &str) -> bool {
    std::env::var("FLOWCONTROL_REQUIRE")
        .is_ok_and(|list| list.split([',', ' ']).any(|item| item == component))
}

/// Says that a test is skipped and why; fails instead where the component is required.
///
/// # Panics
/// When `FLOWCONTROL_REQUIRE` lists `component`.
pub fn skip(test: &str, component: &str, reason: &str) {
    assert!(!required(component), "{test}: {component} is required here, but {reason}");
    eprintln!("skipped: {test}: {component}: {reason}");
}
