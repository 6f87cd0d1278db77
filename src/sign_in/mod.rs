//! People who sign in: browsers that hold a session, and the command line by the device flow.

pub mod browser;
pub mod device;
