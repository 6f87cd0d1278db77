//! The `flowcontrol` binary.

fn main() {}
