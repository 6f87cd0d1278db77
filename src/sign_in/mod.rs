//! Sign-in of people: sessions for browsers, and the device flow for the command line.

pub mod browser;
pub mod device;
